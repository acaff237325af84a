"""Closing a ledger's days: a trial balance that no later posting can change, and the lock that sees to it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta, tzinfo
from typing import Any

from ledger import canonical, past
from ledger.errors import InvalidTxn, PeriodClosed
from ledger.ids import uuid7_bytes
from ledger.values import Close
from ledger.wire import Insert, Wire, day_out, from_us, maybe, moment_out, us_out, uuid_out

MAX_CLOSES = 500
MAX_DAYS_AHEAD = 31
OPEN_DAYS = 2
"""Today and yesterday cannot be closed."""

_PERIOD = Insert("period", (("ledger_id", "bigint"),), " ON CONFLICT DO NOTHING")
_CLOSE = Insert(
    "period_close",
    (
        ("ledger_id", "bigint"),
        ("closed_through", "date"),
        ("id", "uuid"),
        ("trial_balance_digest", "bytea"),
        ("recorded_at", "timestamptz"),
        ("actor", "text"),
        ("canonical", "bytea"),
        ("leaf_hash", "bytea"),
    ),
)
_CLOSING = Insert(
    "closing",
    (
        ("ledger_id", "bigint"),
        ("closed_through", "date"),
        ("account_id", "uuid"),
        ("dr", "bigint"),
        ("cr", "bigint"),
    ),
)
_UNSEALED = Insert("unsealed", (("ledger_id", "bigint"), ("subject_id", "uuid"), ("leaf_hash", "bytea")))
_STORED = """
SELECT p.id, p.closed_through, p.trial_balance_digest, (SELECT COUNT(*) FROM closing k
       WHERE k.ledger_id = p.ledger_id AND k.closed_through = p.closed_through), p.recorded_at, p.actor,
       p.canonical, p.leaf_hash
FROM period_close p WHERE p.ledger_id = ? AND """
_LAST_MOMENT = """
SELECT MAX(moment) FROM (SELECT MAX(last_recorded_at) AS moment FROM balance WHERE ledger_id = ?
                         UNION ALL SELECT MAX(recorded_at) FROM period_close WHERE ledger_id = ?) x"""


def local_day(moment_us: int, zone: tzinfo) -> date:
    """Return the day of a moment in the ledger's zone."""
    return from_us(moment_us).astimezone(zone).date()


def check_ahead(effective: date | None, today: date) -> None:
    """Raise InvalidTxn for a day more than 31 days ahead: a slip in the year, not a plan."""
    if effective is not None and effective > today + timedelta(days=MAX_DAYS_AHEAD):
        raise InvalidTxn(f"{effective} is more than {MAX_DAYS_AHEAD} days ahead")


def hold_still(wire: Wire, ledger_id: int, effectives: Iterable[date | None], now_us: int, zone: tzinfo) -> date | None:
    """Keep closes away until the transaction ends where a day lies in the past, and return the last closed day.

    Of today and later nothing is read, so the ordinary posting shares no row. A close keeps off two days, of which
    the second is slack: a posting would have to be under way for a whole day to miss it.
    """
    today = local_day(now_us, zone)
    if not any(day is not None and day < today for day in effectives):
        return None
    return _closed_through(wire, ledger_id, " FOR SHARE")


def _closed_through(wire: Wire, ledger_id: int, lock: str) -> date | None:
    suffix = lock if wire.is_postgres else ""
    rows = wire.rows(f"SELECT closed_through FROM period WHERE ledger_id = ?{suffix}", (ledger_id,))  # noqa: S608
    return maybe(day_out, rows[0][0])


def close(wire: Wire, ledger_id: int, through: date, actor: str, *, now_us: int, zone: tzinfo) -> Close:
    """Close every day through this one; the same day by the same actor is answered again."""
    wire.insert(_PERIOD, [(ledger_id,)])
    closed = _closed_through(wire, ledger_id, " FOR UPDATE")
    if closed is not None and through <= closed:
        return _again(wire, ledger_id, through, actor, closed)
    if through > local_day(now_us, zone) - timedelta(days=OPEN_DAYS):
        raise InvalidTxn(f"{through} can be closed when two more days have begun")
    return _write(wire, ledger_id, through, actor, _moment_after_all(wire, ledger_id, now_us))


def _again(wire: Wire, ledger_id: int, through: date, actor: str, closed: date) -> Close:
    rows = wire.rows(_STORED + "p.closed_through = ?", (ledger_id, wire.day_in(through)))
    if not rows or rows[0][5] != actor:
        raise PeriodClosed(f"the book is closed through {closed}")
    return replace(_stored(rows[0]), replayed=True)


def _moment_after_all(wire: Wire, ledger_id: int, now_us: int) -> int:
    """Return a moment after everything the trial balance counts, even where some other clock ran ahead."""
    last = wire.rows(_LAST_MOMENT, (ledger_id, ledger_id))[0][0]
    return now_us if last is None else max(now_us, us_out(last) + 1)


def _write(wire: Wire, ledger_id: int, through: date, actor: str, recorded_us: int) -> Close:
    sums = past.sums(wire, ledger_id, through, None)
    digest = past.digest(ledger_id, through, sums.values())
    raw, day = uuid7_bytes(recorded_us), wire.day_in(through)
    text = canonical.close(
        ledger_id=ledger_id,
        close_id=raw,
        through=through.isoformat(),
        digest=digest,
        accounts=len(sums),
        recorded_us=recorded_us,
        actor=actor,
    )
    leaf = canonical.leaf_hash(text)
    own_id = wire.id_in(raw)
    wire.insert(_CLOSE, [(ledger_id, day, own_id, digest, wire.us_in(recorded_us), actor, text, leaf)])
    if sums:
        wire.insert(_CLOSING, [(ledger_id, day, key, sum_.debits, sum_.credits) for key, sum_ in sums.items()])
    wire.insert(_UNSEALED, [(ledger_id, own_id, leaf)])
    wire.run("UPDATE period SET closed_through = ? WHERE ledger_id = ?", (day, ledger_id))
    return Close(uuid.UUID(bytes=raw), through, digest, len(sums), from_us(recorded_us), actor, text, leaf)


def closes(wire: Wire, ledger_id: int, limit: int) -> list[Close]:
    """Return the last closes, newest first; InvalidTxn for a limit outside 1 to 500."""
    if type(limit) is not int or not 1 <= limit <= MAX_CLOSES:
        raise InvalidTxn(f"a list has 1 to {MAX_CLOSES} closes, not {limit!r}")
    order = "p.closed_through <= ? ORDER BY p.closed_through DESC LIMIT ?"
    return [_stored(row) for row in wire.rows(_STORED + order, (ledger_id, wire.day_in(date.max), limit))]


def _stored(row: tuple[Any, ...]) -> Close:
    own_id, through, digest, accounts, recorded_at, actor, text, leaf = row
    return Close(
        uuid_out(own_id),
        day_out(through),
        bytes(digest),
        accounts,
        moment_out(recorded_at),
        actor,
        bytes(text),
        bytes(leaf),
    )
