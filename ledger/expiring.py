"""The verbs of the book that concern lots: what an account has until when, and taking what ended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, tzinfo
from functools import partial
from typing import Any

from sqlalchemy import Engine

from ledger import grammar, requests
from ledger.combining import Call, perform
from ledger.errors import InvalidTxn, LedgerError
from ledger.lot_rows import EXPIRY, lots_of
from ledger.plans import Leg, Plan
from ledger.reading import absence
from ledger.requests import Desk
from ledger.running import AnySession, read
from ledger.values import Lot, Receipt
from ledger.wire import Wire, day_out

MOST_AT_ONCE = 500
"""Lots expired in one transaction: their accounts are locked for some tenths of a second."""

# A frozen account's lots wait until it is thawed; what is held was promised to somebody else.
_OVER = """
SELECT a.path, a.unit, l.expires_on, l.credited - l.consumed - l.expired, l.expired, b.seq, a.id
FROM lot l JOIN account a ON a.ledger_id = l.ledger_id AND a.id = l.account_id
JOIN balance b ON b.ledger_id = l.ledger_id AND b.account_id = l.account_id
WHERE l.ledger_id = ? AND l.expires_on < ? AND l.credited > l.consumed + l.expired AND a.kind <> 'held'
  AND NOT b.frozen ORDER BY l.expires_on, a.path, a.unit LIMIT ?"""


class LotVerbs:
    """What `Ledger` knows about amounts that end on a day."""

    _engine: Engine
    _ledger_id: int
    _clock: Callable[[], datetime]
    _zone: tzinfo

    def lots(self, path: str, unit: str, *, session: AnySession | None = None) -> list[Lot]:
        """Return what an account can use until when, the first to end first; UnknownAccount, UnitMismatch.

        The amounts add up to `balance().available`; what never ends comes last, without a day, and is below 0 where
        the account is overdrawn. A lot whose day is over stays in the list until `expire` takes it.
        """
        return read(self._engine, lambda wire: self._lots(wire, grammar.path(path), grammar.unit(unit)), session)

    def _lots(self, wire: Wire, path: str, unit: str) -> list[Lot]:
        found = lots_of(wire, self._ledger_id, path, unit)
        if found is None:
            raise absence(wire, self._ledger_id, path, unit)
        return found

    def expire(self, now: datetime, *, to: str, actor: str, session: AnySession | None = None) -> int:
        """Move what ended before the day of `now` to the shared account `to`; return how many lots were taken.

        At most 500 lots at once: call it until it returns 0. Safe to be run twice, by many, and to be killed
        anywhere. InvalidTxn where `now` lies ahead of the book's clock or `to` is not shared; UnknownAccount.
        """
        if grammar.moment(now) > self._clock():
            raise InvalidTxn(f"{now.isoformat()} has not come yet")
        today = now.astimezone(self._zone).date()
        receiver = grammar.spendable_path(to)
        make = partial(self._plans, today=today, to=receiver, actor=actor)
        call = Call(self._ledger_id, (), make, self._clock, self._zone, may_join=False)
        return sum(isinstance(outcome, Receipt) for outcome in perform(self._engine, call, session))

    def _plans(self, desk: Desk, *, today: date, to: str, actor: str) -> list[Plan | LedgerError]:
        wire = desk.wire
        rows = wire.rows(_OVER, (self._ledger_id, wire.day_in(today), MOST_AT_ONCE))
        return [self._plan(desk, row, to, actor) for row in rows]

    def _plan(self, desk: Desk, row: tuple[Any, ...], to: str, actor: str) -> Plan:
        path, unit, ends, amount, expired, seq, account_id = row
        day = day_out(ends)
        owner, receiver = desk.account(path, unit), desk.account(to, unit)
        if not receiver.is_shared:
            raise InvalidTxn(f"{to} is not shared: what ended would end there again")
        # With what was expired before, because more may come back to the lot; with the number of entries, because a
        # lot that changed under this plan is refused, and that answer must not stand in the way of the next plan.
        key = f"expire:{account_id}:{day}:{expired}:{seq}"
        asked = requests.request(EXPIRY, (path, unit, day.isoformat(), amount, to), key=key, actor=actor)
        return requests.make(asked, EXPIRY, [Leg(owner, receiver, amount)], lot=day)
