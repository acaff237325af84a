"""The limit: the book's own writes with nothing around them, and no guarantee but the database's own constraints.

PostgreSQL: one call of one function for a posting (or for a hundred), committed by itself, through psycopg, prepared.
SQLite: the same rows by hand through sqlite3, one BEGIN IMMEDIATE to COMMIT for a posting (or for a hundred).
No accounts are looked up, nothing is hashed or checked, nobody's earlier answer is asked for.
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from sqlalchemy import Connection, make_url

from bench.field import BATCH, HOT, UNIT
from ledger.engine import BUSY_TIMEOUT_S, PRAGMAS

LEDGER_ID = 1
TODAY = date(2026, 3, 2)
LEAF_BYTES = 230

FUNCTIONS = [
    """
CREATE FUNCTION limit_post(own bigint, hot uuid, keys text[], txns uuid[], debits uuid[], credits uuid[], noise bytea,
                           leaf bytea, day date, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  debit_seq bigint; credit_seq bigint; debit_balance bigint; credit_balance bigint;
BEGIN
  PERFORM 1 FROM balance WHERE ledger_id = own AND account_id IN (debits[1], credits[1]) AND account_id <> hot
    ORDER BY account_id FOR NO KEY UPDATE;
  INSERT INTO idempotency (ledger_id, key, request_hash, outcome, txn_id, recorded_at)
    VALUES (own, keys[1], noise, 'posted', txns[1], at);
  INSERT INTO txn (ledger_id, id, kind, effective_date, recorded_at, actor, nonce, canonical, leaf_hash)
    VALUES (own, txns[1], 'credit', day, at, 'p:bench', substr(noise, 1, 16), leaf, noise);
  INSERT INTO transfer VALUES (own, txns[1], 1, 'MIN', debits[1], credits[1], 5);
  INSERT INTO unsealed VALUES (own, txns[1], noise);
  UPDATE balance SET cr_posted = cr_posted + 5, seq = seq + 1, last_recorded_at = at
    WHERE ledger_id = own AND account_id = credits[1]
    RETURNING seq, cr_posted - dr_posted INTO credit_seq, credit_balance;
  UPDATE balance SET dr_posted = dr_posted + 5, seq = seq + 1, last_recorded_at = at
    WHERE ledger_id = own AND account_id = debits[1] RETURNING seq, cr_posted - dr_posted INTO debit_seq, debit_balance;
  INSERT INTO entry VALUES (own, credits[1], credit_seq, txns[1], 1, 5, credit_balance, day, at),
                           (own, debits[1], debit_seq, txns[1], 1, -5, debit_balance, day, at);
  INSERT INTO daily VALUES (own, debits[1], day, 5, 0), (own, credits[1], day, 0, 5)
    ON CONFLICT (ledger_id, account_id, effective_date)
    DO UPDATE SET dr = daily.dr + excluded.dr, cr = daily.cr + excluded.cr;
END $$""",
    """
CREATE FUNCTION limit_many(own bigint, hot uuid, keys text[], txns uuid[], debits uuid[], credits uuid[], noise bytea,
                           leaf bytea, day date, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM balance WHERE ledger_id = own AND account_id = ANY(debits || credits) AND account_id <> hot
    ORDER BY account_id FOR NO KEY UPDATE;
  INSERT INTO idempotency (ledger_id, key, request_hash, outcome, txn_id, recorded_at)
    SELECT own, k, noise, 'posted', t, at FROM unnest(keys, txns) AS x (k, t);
  INSERT INTO txn (ledger_id, id, kind, effective_date, recorded_at, actor, nonce, canonical, leaf_hash)
    SELECT own, t, 'credit', day, at, 'p:bench', substr(noise, 1, 16), leaf, noise FROM unnest(txns) AS x (t);
  INSERT INTO transfer SELECT own, t, 1, 'MIN', d, c, 5 FROM unnest(txns, debits, credits) AS x (t, d, c);
  INSERT INTO unsealed SELECT own, t, noise FROM unnest(txns) AS x (t);
  WITH moves AS (
    SELECT account, t, delta, row_number() OVER w AS place, sum(delta) OVER w AS so_far
    FROM (SELECT d AS account, t, -5 AS delta, n FROM unnest(txns, debits) WITH ORDINALITY AS x (t, d, n)
          UNION ALL SELECT c, t, 5, n FROM unnest(txns, credits) WITH ORDINALITY AS x (t, c, n)) m
    WINDOW w AS (PARTITION BY account ORDER BY n)
  ), sums AS (
    SELECT account, sum(delta) FILTER (WHERE delta > 0) AS cr, -sum(delta) FILTER (WHERE delta < 0) AS dr, count(*) AS n
    FROM moves GROUP BY account
  ), changed AS (
    UPDATE balance b SET dr_posted = dr_posted + coalesce(s.dr, 0), cr_posted = cr_posted + coalesce(s.cr, 0),
           seq = seq + s.n, last_recorded_at = at
    FROM sums s WHERE b.ledger_id = own AND b.account_id = s.account
    RETURNING s.account, b.seq - s.n AS seq,
              b.cr_posted - b.dr_posted - coalesce(s.cr, 0) + coalesce(s.dr, 0) AS balance
  ), days AS (
    INSERT INTO daily SELECT own, account, day, coalesce(dr, 0), coalesce(cr, 0) FROM sums
    ON CONFLICT (ledger_id, account_id, effective_date)
    DO UPDATE SET dr = daily.dr + excluded.dr, cr = daily.cr + excluded.cr
  )
  INSERT INTO entry SELECT own, m.account, c.seq + m.place, m.t, 1, m.delta, c.balance + m.so_far, day, at
    FROM moves m JOIN changed c USING (account);
END $$""",
]


def install(connection: Connection) -> None:
    """Put the limit's functions into a PostgreSQL database of the book."""
    for function in FUNCTIONS:
        connection.exec_driver_sql(function)


def prepare(url: str) -> Callable[[str, int], Callable[[], int]]:
    """Return what makes one client's work on a connection of its own."""
    if not url.startswith("sqlite"):
        return lambda kind, _number: on_postgresql(url, kind)
    return lambda kind, _number: on_sqlite(url, kind)


def on_postgresql(url: str, kind: str) -> Callable[[], int]:
    """Call the function for one posting or for a hundred, autocommitted."""
    connection = psycopg.connect(make_url(url).set(drivername="postgresql").render_as_string(False), autocommit=True)
    cursor = connection.cursor()
    ids = [row[0] for row in cursor.execute(f"SELECT account_id FROM balance WHERE ledger_id = {LEDGER_ID}").fetchall()]
    found = cursor.execute(f"SELECT id FROM account WHERE ledger_id = {LEDGER_ID} AND path = '{HOT}'").fetchone()
    hot = found[0]
    size, function = (BATCH, "limit_many") if kind == "batch" else (1, "limit_post")
    sql = f"SELECT {function}(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"

    def work() -> int:
        noise = os.urandom(32)
        pairs = chosen(ids, size, hot if kind == "hot" else None)
        txns = [uuid.uuid4() for _ in pairs]
        keys = [f"{txn}" for txn in txns]
        debits, credits_ = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        leaf = noise * (LEAF_BYTES // 32)
        cursor.execute(sql, (LEDGER_ID, hot, keys, txns, debits, credits_, noise, leaf, TODAY, datetime.now(UTC)))
        return size

    return work


def chosen(ids: Sequence[Any], size: int, hot: Any) -> list[tuple[Any, Any]]:
    """Choose who pays whom."""
    pairs = [tuple(random.sample(ids, 2)) for _ in range(size)]
    return [(hot, credit if credit != hot else debit) for debit, credit in pairs] if hot is not None else pairs


_KEY = (
    "INSERT INTO idempotency (ledger_id, key, request_hash, outcome, txn_id, recorded_at) "
    "VALUES (1, ?, ?, 'posted', ?, ?)"
)
_TXN = (
    "INSERT INTO txn (ledger_id, id, kind, effective_date, recorded_at, actor, nonce, canonical, leaf_hash) "
    "VALUES (1, ?, 'credit', ?, ?, 'p:bench', ?, ?, ?)"
)
_TRANSFER = f"INSERT INTO transfer VALUES (1, ?, 1, '{UNIT}', ?, ?, 5, NULL)"
_UNSEALED = "INSERT INTO unsealed VALUES (1, ?, ?)"
_MOVE = (
    "UPDATE balance SET dr_posted = dr_posted + ?, cr_posted = cr_posted + ?, seq = seq + 1, last_recorded_at = ? "
    "WHERE ledger_id = 1 AND account_id = ? RETURNING seq, cr_posted - dr_posted"
)
_ENTRY = "INSERT INTO entry VALUES (1, ?, ?, ?, 1, ?, ?, ?, ?)"
_DAILY = (
    "INSERT INTO daily VALUES (1, ?, ?, ?, ?) ON CONFLICT (ledger_id, account_id, effective_date) "
    "DO UPDATE SET dr = daily.dr + excluded.dr, cr = daily.cr + excluded.cr"
)


def on_sqlite(url: str, kind: str) -> Callable[[], int]:
    """Write by hand on a connection of this thread, waiting for the others by SQLite's own busy handler."""
    connection = sqlite3.connect(make_url(url).database, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()
    ids = [row[0] for row in connection.execute("SELECT account_id FROM balance WHERE ledger_id = 1")]
    hot = connection.execute("SELECT id FROM account WHERE ledger_id = 1 AND path = ?", (HOT,)).fetchone()[0]
    size = BATCH if kind == "batch" else 1
    day = TODAY.isoformat()

    def work() -> int:
        noise = os.urandom(32)
        leaf = noise * (LEAF_BYTES // 32)
        pairs = chosen(ids, size, hot if kind == "hot" else None)
        connection.execute("BEGIN IMMEDIATE")
        now = time.time_ns() // 1000
        for debit, credit in pairs:
            txn = uuid.uuid4()
            connection.execute(_KEY, (str(txn), noise, txn.bytes, now))
            connection.execute(_TXN, (txn.bytes, day, now, noise[:16], leaf, noise))
            connection.execute(_TRANSFER, (txn.bytes, debit, credit))
            connection.execute(_UNSEALED, (txn.bytes, noise))
            for account, dr, cr in ((debit, 5, 0), (credit, 0, 5)):
                seq, balance = connection.execute(_MOVE, (dr, cr, now, account)).fetchone()
                connection.execute(_ENTRY, (account, seq, txn.bytes, cr - dr, balance, day, now))
                connection.execute(_DAILY, (account, day, dr, cr))
        connection.execute("COMMIT")
        return size

    return work
