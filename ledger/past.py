"""What an account had on a day (as_of), and what the book knew of it at a moment (known_at)."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from ledger import answers, canonical, grammar
from ledger.errors import InvalidTxn
from ledger.ids import first_at
from ledger.reading import absence
from ledger.values import Balance, LatePage, LateTxn, TrialBalance, TrialRow
from ledger.wire import Id, Wire, day_out, moment_out, to_us, uuid_out

MAX_LATE = 200


class Sums(NamedTuple):
    """What moved on one account, and how many of its entries were recorded later than what is asked."""

    path: str
    unit: str
    debits: int
    credits: int
    left_out: int


# Every part is read by a key that begins with ledger and account, or by the transactions' own time-ordered ids:
# CROSS JOIN keeps SQLite to the order in which it is written.
_CLOSING = """
SELECT k.account_id, k.dr, k.cr, 0 AS n FROM account a CROSS JOIN closing k
WHERE a.ledger_id = ? AND {mine} AND k.ledger_id = a.ledger_id AND k.closed_through = ? AND k.account_id = a.id"""
_DAILY = """
SELECT d.account_id, d.dr, d.cr, 0 FROM account a CROSS JOIN daily d
WHERE a.ledger_id = ? AND {mine} AND d.ledger_id = a.ledger_id AND d.account_id = a.id
  AND d.effective_date > ? AND d.effective_date <= ?"""
_QUEUED = """
SELECT u.account_id, CASE WHEN u.delta < 0 THEN -u.delta ELSE 0 END, CASE WHEN u.delta > 0 THEN u.delta ELSE 0 END, 0
FROM account a CROSS JOIN unprojected u
WHERE a.ledger_id = ? AND {mine} AND u.ledger_id = a.ledger_id AND u.account_id = a.id
  AND u.effective_date > ? AND u.effective_date <= ?"""
_LATER = """
SELECT a.id, CASE WHEN r.debit_id = a.id AND t.effective_date <= ? THEN -r.amount ELSE 0 END,
       CASE WHEN r.credit_id = a.id AND t.effective_date <= ? THEN -r.amount ELSE 0 END, 1
FROM txn t CROSS JOIN transfer r CROSS JOIN account a
WHERE t.ledger_id = ? AND {mine} AND t.id >= ? AND r.ledger_id = t.ledger_id
  AND r.txn_id = t.id AND a.ledger_id = r.ledger_id AND a.id IN (r.debit_id, r.credit_id)"""
_SUMS = """
SELECT a.id, a.path, a.unit, CAST(SUM(x.dr) AS BIGINT), CAST(SUM(x.cr) AS BIGINT), CAST(SUM(x.n) AS BIGINT)
FROM ({parts}) x JOIN account a ON a.ledger_id = ? AND a.id = x.account_id
GROUP BY a.id, a.path, a.unit HAVING SUM(x.dr) <> 0 OR SUM(x.cr) <> 0 OR SUM(x.n) <> 0"""
_BASE = "SELECT closed_through FROM period_close WHERE ledger_id = ? AND closed_through <= ?"


def sums(
    wire: Wire, ledger_id: int, as_of: date | None, known_at: datetime | None, ids: Sequence[Id] | None = None
) -> dict[Id, Sums]:
    """Return what moved on each account through a day (None: ever), or on these alone, in two statements.

    The last close before the day and the daily sums after it answer; what was recorded after `known_at` is taken off
    again. Accounts on which nothing moved are left out.
    """
    last = wire.day_in(as_of or date.max)
    base = wire.day_in(_base(wire, ledger_id, as_of, None))
    mine, own = ("1 = 1", []) if ids is None else wire.any_of("a.id", ids, "uuid")
    parts = [_CLOSING, _DAILY, _QUEUED]
    params: list[Any] = [ledger_id, *own, base]
    params += [ledger_id, *own, base, last] * 2
    if known_at is not None:
        parts.append(_LATER)
        params += [last, last, ledger_id, *own, wire.id_in(first_at(to_us(known_at) + 1))]
    sql = _SUMS.format(parts=" UNION ALL ".join(parts)).format(mine=mine)
    return {row[0]: Sums(*row[1:]) for row in wire.rows(sql, [*params, ledger_id])}


def _base(wire: Wire, ledger_id: int, as_of: date | None, known_at: datetime | None) -> date:
    """Return the last close on or before a day, and recorded by then; the first of all days where there is none."""
    sql, params = _BASE, [ledger_id, wire.day_in(as_of or date.max)]
    if known_at is not None:
        sql += " AND recorded_at <= ?"
        params.append(wire.us_in(to_us(known_at)))
    rows = wire.rows(f"{sql} ORDER BY closed_through DESC LIMIT 1", params)
    return day_out(rows[0][0]) if rows else date.min


def trial_balance(wire: Wire, ledger_id: int, as_of: date | None, known_at: datetime | None) -> TrialBalance:
    """Return what moved on every account through a day, as the book knew it at a moment."""
    check(as_of, known_at)
    found = [one for one in sums(wire, ledger_id, as_of, known_at).values() if one.debits or one.credits]
    rows = tuple(TrialRow(*one[:4]) for one in sorted(found))
    return TrialBalance(as_of, known_at, rows, digest(ledger_id, as_of, found))


def digest(ledger_id: int, as_of: date | None, found: Iterable[Sums | TrialRow]) -> bytes:
    """Return the SHA-256 of a trial balance's canonical bytes."""
    rows = sorted((one.path, one.unit, one.debits, one.credits) for one in found)
    day = None if as_of is None else as_of.isoformat()
    return hashlib.sha256(canonical.trial_balance(ledger_id, day, rows)).digest()


def check(as_of: date | None, known_at: datetime | None) -> None:
    """Raise InvalidTxn where a day is no day or a moment has no zone."""
    if as_of is not None:
        grammar.day(as_of)
    if known_at is not None:
        grammar.moment(known_at)


_ACCOUNTS = """
SELECT a.path, a.id, a.is_shared, a.mode, b.seq FROM {listed} CROSS JOIN account a
CROSS JOIN balance b WHERE b.ledger_id = a.ledger_id AND b.account_id = a.id
  AND a.ledger_id = ? AND a.path = w.one AND a.unit = ?"""
# Halves the account's numbered entries until one is left: some twenty of them are read among a million.
_LAST_KNOWN = """
WITH RECURSIVE search (account_id, low, high) AS (
  SELECT b.account_id, CAST(0 AS BIGINT), b.seq FROM balance b WHERE b.ledger_id = ? AND {mine}
  UNION ALL
  SELECT s.account_id, CASE WHEN e.recorded_at <= ? THEN e.seq ELSE s.low END,
         CASE WHEN e.recorded_at <= ? THEN s.high ELSE e.seq - 1 END
  FROM search s JOIN entry e
    ON e.ledger_id = ? AND e.account_id = s.account_id AND e.seq = (s.low + s.high + 1) / 2
  WHERE s.low < s.high)
SELECT s.account_id, s.low, COALESCE(e.balance_after, 0) FROM search s
LEFT JOIN entry e ON e.ledger_id = ? AND e.account_id = s.account_id AND e.seq = s.low WHERE s.low = s.high"""
_KNOWN_AS_OF = """
SELECT account_id, CAST(SUM(delta) AS BIGINT) FROM (
  SELECT account_id, cr - dr AS delta FROM closing WHERE ledger_id = ? AND closed_through = ? AND {mine}
  UNION ALL
  SELECT e.account_id, e.delta FROM {listed} CROSS JOIN entry e
  WHERE e.ledger_id = ? AND e.account_id = w.one
    AND e.effective_date > ? AND e.effective_date <= ? AND e.recorded_at <= ?) x
GROUP BY account_id"""
_LEARNT_SINCE = """
SELECT CAST(COALESCE(SUM(delta), 0) AS BIGINT) FROM entry
WHERE ledger_id = ? AND account_id = ? AND seq > ? AND effective_date <= ?"""


def balance(wire: Wire, ledger_id: int, path: str, unit: str, as_of: date | None, known_at: datetime | None) -> Balance:
    """Return what an account and its `:held` sub-account had; UnknownAccount, UnitMismatch."""
    check(as_of, known_at)
    names = (grammar.path(path), path + grammar.HELD)
    listed, own = wire.listed(names, "text")
    rows = wire.rows(_ACCOUNTS.format(listed=listed), [*own, ledger_id, grammar.unit(unit)])
    found = {name: rest for name, *rest in rows}
    if path not in found:
        raise absence(wire, ledger_id, path, unit)
    own_id, is_shared, mode, seq = found[path]
    ids = [rest[0] for rest in found.values()]
    # The entries of a shared account are numbered in the order of its commits, not of their moments.
    if known_at is None or is_shared or mode != "strict":
        moved = sums(wire, ledger_id, as_of, known_at, ids)
        amounts = {key: one.credits - one.debits for key, one in moved.items()}
        seq -= moved[own_id].left_out if own_id in moved else 0
    else:
        seqs, amounts = _last_known(wire, ledger_id, ids, known_at)
        seq = seqs[own_id]
        if as_of is not None and found[path][3] - seq < seq:
            amounts = _less_what_came_later(wire, ledger_id, seqs, as_of)
        elif as_of is not None:
            amounts = _known_as_of(wire, ledger_id, ids, as_of, known_at)
    held_id = found[names[1]][0] if names[1] in found else None
    available, held = amounts.get(own_id, 0), amounts.get(held_id, 0)
    return Balance(posted=available + held, held=held, available=available, seq=seq)


def _last_known(
    wire: Wire, ledger_id: int, ids: Sequence[Id], known_at: datetime
) -> tuple[dict[Id, int], dict[Id, int]]:
    """Return by account how many entries were known at a moment, and its balance after the last of them."""
    mine, own = wire.any_of("b.account_id", ids, "uuid")
    moment = wire.us_in(to_us(known_at))
    rows = wire.rows(_LAST_KNOWN.format(mine=mine), [ledger_id, *own, moment, moment, ledger_id, ledger_id])
    return {key: seq for key, seq, _ in rows}, {key: after for key, _, after in rows}


def _known_as_of(wire: Wire, ledger_id: int, ids: Sequence[Id], as_of: date, known_at: datetime) -> dict[Id, int]:
    """Read the entries by both their days, from the last close that was known by then."""
    mine, own = wire.any_of("account_id", ids, "uuid")
    listed, again = wire.listed(ids, "uuid")
    base = wire.day_in(_base(wire, ledger_id, as_of, known_at))
    params = [ledger_id, base, *own, *again, ledger_id, base, wire.day_in(as_of), wire.us_in(to_us(known_at))]
    return dict(wire.rows(_KNOWN_AS_OF.format(mine=mine, listed=listed), params))


def _less_what_came_later(wire: Wire, ledger_id: int, seqs: Mapping[Id, int], as_of: date) -> dict[Id, int]:
    """Take from what is known now the entries after these numbers: fewer than all the others where most is known."""
    day = wire.day_in(as_of)
    amounts = {}
    now = sums(wire, ledger_id, as_of, None, list(seqs))
    for account_id, seq in seqs.items():
        known = now[account_id].credits - now[account_id].debits if account_id in now else 0
        amounts[account_id] = known - wire.rows(_LEARNT_SINCE, (ledger_id, account_id, seq, day))[0][0]
    return amounts


_LATE = """
SELECT t.id, t.kind, t.effective_date, t.recorded_at, t.actor, m.text FROM txn t
LEFT JOIN memo m ON m.ledger_id = t.ledger_id AND m.txn_id = t.id
WHERE t.ledger_id = ? AND t.id >= ? AND t.effective_date <= ?{before} ORDER BY t.id DESC LIMIT ?"""


def _as_id(cursor: str) -> uuid.UUID:
    try:
        return uuid.UUID(cursor)
    except (ValueError, AttributeError, TypeError) as error:
        raise InvalidTxn(f"not a cursor of this list: {cursor!r}") from error


def late(wire: Wire, ledger_id: int, as_of: date, known_at: datetime, *, limit: int, cursor: str | None) -> LatePage:
    """Return what was recorded after a moment and counts on or before a day: the newest first."""
    check(as_of, known_at)
    if type(limit) is not int or not 1 <= limit <= MAX_LATE:
        raise InvalidTxn(f"a page has 1 to {MAX_LATE} transactions, not {limit!r}")
    params: list[Any] = [ledger_id, wire.id_in(first_at(to_us(known_at) + 1)), wire.day_in(as_of)]
    before = ""
    if cursor is not None:
        before = " AND t.id < ?"
        params.append(wire.uuid_in(_as_id(cursor)))
    rows = wire.rows(_LATE.format(before=before), [*params, limit + 1])
    shown = rows[:limit]
    transfers = answers.transfers_of(wire, ledger_id, [row[0] for row in shown]) if shown else {}
    items = tuple(
        LateTxn(uuid_out(own_id), kind, day_out(day), moment_out(recorded), actor, memo, tuple(transfers[own_id]))
        for own_id, kind, day, recorded, actor, memo in shown
    )
    return LatePage(items, str(items[-1].txn_id) if len(rows) > limit else None)
