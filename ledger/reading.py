"""Reading the book: balances, statements, one transaction."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Any

from ledger import answers, grammar
from ledger.accounts import BY_PATH, Pair
from ledger.errors import InvalidTxn, UnitMismatch, UnknownAccount, UnknownTxn
from ledger.values import Balance, Entry, Page, Transaction
from ledger.wire import Wire, day_out, maybe, moment_out, uuid_out

MAX_PAGE = 500

# What was folded and what waits come from one statement, so from one moment: a projector in between is not seen.
_WAITING = "FROM unprojected u WHERE u.ledger_id = a.ledger_id AND u.account_id = a.id"
_BALANCE = f"""
SELECT a.path, a.unit,
       b.cr_posted - b.dr_posted
           + CASE a.mode WHEN 'lazy' THEN CAST((SELECT COALESCE(SUM(u.delta), 0) {_WAITING}) AS BIGINT) ELSE 0 END,
       b.held, b.seq + CASE a.mode WHEN 'lazy' THEN (SELECT COUNT(*) {_WAITING}) ELSE 0 END
FROM {{listed}}account a CROSS JOIN balance b
WHERE b.ledger_id = a.ledger_id AND b.account_id = a.id AND a.ledger_id = ? AND """  # noqa: S608
# The page's rows are taken first: a join before LIMIT may read the whole account (performance.md 8).
_STATEMENT = """
SELECT e.txn_id, e.seq, t.kind, e.delta, e.balance_after, e.effective_date, e.recorded_at, t.actor, m.text,
       o.path, t.reverses_id, t.resolves_id
FROM (SELECT ledger_id, account_id, seq, txn_id, ordinal, delta, balance_after, effective_date, recorded_at
      FROM entry WHERE ledger_id = ? AND account_id = ? AND seq < ? ORDER BY seq DESC LIMIT ?) e
JOIN txn t ON t.ledger_id = e.ledger_id AND t.id = e.txn_id
JOIN transfer r ON r.ledger_id = e.ledger_id AND r.txn_id = e.txn_id AND r.ordinal = e.ordinal
JOIN account o ON o.ledger_id = e.ledger_id
              AND o.id = CASE WHEN r.debit_id = e.account_id THEN r.credit_id ELSE r.debit_id END
LEFT JOIN memo m ON m.ledger_id = e.ledger_id AND m.txn_id = e.txn_id
ORDER BY e.seq DESC"""
_TRANSACTION = """
SELECT t.id, t.kind, t.effective_date, t.recorded_at, t.actor, m.text, t.reverses_id, r.id, t.resolves_id,
       s.id, t.relates_id, t.expires_at, t.nonce, t.canonical, t.leaf_hash
FROM txn t
LEFT JOIN txn r ON r.ledger_id = t.ledger_id AND r.reverses_id = t.id
LEFT JOIN txn s ON s.ledger_id = t.ledger_id AND s.resolves_id = t.id
LEFT JOIN memo m ON m.ledger_id = t.ledger_id AND m.txn_id = t.id
WHERE t.ledger_id = ? AND t.id = ?"""


# CROSS JOIN, because without statistics SQLite would begin with every daily sum of the ledger.
_MOVED = """
SELECT path, unit, CAST(SUM(dr) AS BIGINT), CAST(SUM(cr) AS BIGINT) FROM (
    SELECT a.path, a.unit, {known}
    UNION ALL
    SELECT a.path, a.unit, CASE WHEN u.delta < 0 THEN -u.delta ELSE 0 END,
           CASE WHEN u.delta > 0 THEN u.delta ELSE 0 END
    FROM {listed} CROSS JOIN account a CROSS JOIN unprojected u
    WHERE u.ledger_id = a.ledger_id AND u.account_id = a.id
      AND a.ledger_id = ? AND u.effective_date >= ? AND {BY_PATH}) x
GROUP BY path, unit"""
_DAILY = """d.dr, d.cr FROM {listed} CROSS JOIN account a CROSS JOIN daily d
    WHERE d.ledger_id = a.ledger_id AND d.account_id = a.id AND a.ledger_id = ? AND d.effective_date >= ?
      AND {BY_PATH}"""
_EVER = """b.dr_posted AS dr, b.cr_posted AS cr FROM {listed} CROSS JOIN account a
    CROSS JOIN balance b
    WHERE b.ledger_id = a.ledger_id AND b.account_id = a.id AND a.ledger_id = ? AND {BY_PATH}"""


def turnovers(wire: Wire, ledger_id: int, paths: Sequence[str], since: date | None) -> dict[Pair, tuple[int, int]]:
    """Return what these paths were debited and credited by (path, unit): ever, or on and after an effective day."""
    wanted = sorted({grammar.path(path) for path in paths})
    if not wanted:
        return {}
    listed, params = wire.listed(wanted, "text")
    day = wire.day_in(date.min if since is None else grammar.day(since))
    known, given = (_EVER, []) if since is None else (_DAILY, [day])
    sql = _MOVED.replace("{known}", known).format(listed=listed, BY_PATH=BY_PATH)
    rows = wire.rows(sql, [*params, ledger_id, *given, *params, ledger_id, day])
    return {(path, unit): (debits, credits) for path, unit, debits, credits in rows}


def followers(wire: Wire, ledger_id: int, txn_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, tuple[uuid.UUID, str]]:
    """Return what came of these transactions: the one that reversed or resolved each, with its kind."""
    if not txn_ids:
        return {}
    ids = [wire.uuid_in(txn_id) for txn_id in txn_ids]
    found: dict[uuid.UUID, tuple[uuid.UUID, str]] = {}
    for column in ("reverses_id", "resolves_id"):
        listed, params = wire.listed(ids, "uuid")
        found_by = f"SELECT w.one, t.id, t.kind FROM {listed} CROSS JOIN txn t"  # noqa: S608 -- two fixed names
        rows = wire.rows(f"{found_by} WHERE t.ledger_id = ? AND t.{column} = w.one", [*params, ledger_id])
        found |= {uuid_out(first): (uuid_out(second), kind) for first, second, kind in rows}
    return found


def balance(wire: Wire, ledger_id: int, path: str, unit: str) -> Balance:
    """Return one account's balance; UnknownAccount, UnitMismatch."""
    rows = wire.rows(
        _BALANCE.format(listed="") + "a.path = ? AND a.unit = ?", (ledger_id, grammar.path(path), grammar.unit(unit))
    )
    if not rows:
        raise absence(wire, ledger_id, path, unit)
    return _balance(*rows[0][2:])


def balances(wire: Wire, ledger_id: int, paths: Sequence[str]) -> dict[Pair, Balance]:
    """Return the balances of these paths by (path, unit) in one statement; unknown ones are left out."""
    wanted = sorted({grammar.path(path) for path in paths})
    if not wanted:
        return {}
    listed, params = wire.listed(wanted, "text")
    rows = wire.rows(_BALANCE.format(listed=f"{listed} CROSS JOIN ") + BY_PATH, [*params, ledger_id])
    return {(path, unit): _balance(*rest) for path, unit, *rest in rows}


def _balance(available: int, held: int, seq: int) -> Balance:
    return Balance(posted=available + held, held=held, available=available, seq=seq)


def absence(wire: Wire, ledger_id: int, path: str, unit: str) -> UnitMismatch | UnknownAccount:
    """Return what asking for an account that is not there is answered with."""
    if wire.rows("SELECT 1 FROM account WHERE ledger_id = ? AND path = ? AND unit >= '' LIMIT 1", (ledger_id, path)):
        return UnitMismatch(f"{path} is not kept in {unit}")
    return UnknownAccount(f"there is no account {path}")


def statement(wire: Wire, ledger_id: int, path: str, unit: str, *, limit: int = 50, cursor: str | None = None) -> Page:
    """Return a page of 1 to 500 entries, newest first; `cursor` is the `next` of the page before."""
    if type(limit) is not int or not 1 <= limit <= MAX_PAGE:
        raise InvalidTxn(f"a page has 1 to {MAX_PAGE} entries, not {limit!r}")
    sql = "SELECT id FROM account WHERE ledger_id = ? AND path = ? AND unit = ?"
    rows = wire.rows(sql, (ledger_id, grammar.path(path), grammar.unit(unit)))
    if not rows:
        raise absence(wire, ledger_id, path, unit)
    found = wire.rows(_STATEMENT, (ledger_id, rows[0][0], _before(cursor), limit + 1))
    items = tuple(_entry(row, unit) for row in found[:limit])
    return Page(items, str(items[-1].seq) if len(found) > limit else None)


def _before(cursor: str | None) -> int:
    if cursor is None:
        return grammar.MAX_BALANCE
    if not isinstance(cursor, str) or not cursor.isascii() or not cursor.isdecimal() or len(cursor) > 18:
        raise InvalidTxn(f"not a cursor of this statement: {cursor!r}")
    return int(cursor)


def _entry(row: tuple[Any, ...], unit: str) -> Entry:
    txn_id, seq, kind, delta, after, effective, recorded, actor, memo, other, reverses, resolves = row
    return Entry(
        uuid_out(txn_id),
        seq,
        kind,
        unit,
        amount=delta,
        balance_after=after,
        effective_date=day_out(effective),
        recorded_at=moment_out(recorded),
        actor=actor,
        memo=memo,
        counterparties=(other,),
        reverses_id=maybe(uuid_out, reverses),
        resolves_id=maybe(uuid_out, resolves),
    )


def transaction(wire: Wire, ledger_id: int, txn_id: uuid.UUID) -> Transaction:
    """Return one transaction with its transfers and links; UnknownTxn."""
    if not isinstance(txn_id, uuid.UUID):
        raise InvalidTxn(f"a transaction's id is a UUID, not {txn_id!r}")
    rows = wire.rows(_TRANSACTION, (ledger_id, wire.uuid_in(txn_id)))
    if not rows:
        raise UnknownTxn(f"there is no transaction {txn_id}")
    own_id, kind, effective, recorded, actor, memo, reverses, by, resolves, resolver, relates, *rest = rows[0]
    expires, nonce, canonical, leaf = rest
    transfers = tuple(answers.transfers_of(wire, ledger_id, [own_id])[own_id])
    return Transaction(
        txn_id,
        kind,
        day_out(effective),
        moment_out(recorded),
        actor,
        memo,
        transfers,
        reverses_id=maybe(uuid_out, reverses),
        reversed_by=maybe(uuid_out, by),
        resolves_id=maybe(uuid_out, resolves),
        resolved_by=maybe(uuid_out, resolver),
        relates_id=maybe(uuid_out, relates),
        expires_at=maybe(moment_out, expires),
        nonce=bytes(nonce),
        canonical=bytes(canonical),
        leaf_hash=bytes(leaf),
    )
