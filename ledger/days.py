"""The verbs of a book that are about days gone by: trial balances, what came late, and closing a period."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, tzinfo

from sqlalchemy import Engine

from ledger import grammar, past, periods
from ledger.running import AnySession, read, run
from ledger.values import Close, LatePage, TrialBalance
from ledger.wire import to_us


class Days:
    """What `Ledger` knows about time; it is a `Ledger`'s part and never made alone."""

    _engine: Engine
    _ledger_id: int
    _clock: Callable[[], datetime]
    _zone: tzinfo

    def trial_balance(
        self,
        as_of: date | None = None,
        known_at: datetime | None = None,
        *,
        session: AnySession | None = None,
    ) -> TrialBalance:
        """Return debits and credits of every account that moved, effective on or before a day (None: ever).

        With `known_at` only what was recorded by that moment counts. The digest is the one `close_period` publishes
        for that day; it covers the ledger, the day and the rows, whatever moment was asked for.
        """
        return read(self._engine, lambda wire: past.trial_balance(wire, self._ledger_id, as_of, known_at), session)

    def late(
        self,
        as_of: date,
        known_at: datetime,
        *,
        limit: int = 50,
        cursor: str | None = None,
        session: AnySession | None = None,
    ) -> LatePage:
        """Return what was recorded after a moment and counts on or before a day: 1 to 200 a page, newest first.

        These transactions are the difference between a trial balance known then and the one known now.
        """
        return read(
            self._engine,
            lambda wire: past.late(wire, self._ledger_id, as_of, known_at, limit=limit, cursor=cursor),
            session,
        )

    def close_period(self, through: date, *, actor: str, session: AnySession | None = None) -> Close:
        """Close every day through `through` for good and return the close with its trial balance's digest.

        From then on a posting effective on or before it is PeriodClosed. InvalidTxn for a day later than the day
        before yesterday; PeriodClosed for a day that lies in a closed period. The day is the request's own key: the
        same day by the same actor gets the same close again, marked as replayed; by another actor PeriodClosed.
        """
        day, who = grammar.day(through), grammar.line(actor, what="an actor", most=grammar.MAX_ACTOR)
        return run(
            self._engine,
            lambda wire, _locks_all: periods.close(
                wire, self._ledger_id, day, who, now_us=to_us(self._clock()), zone=self._zone
            ),
            session,
        )

    def closes(self, limit: int = 50, *, session: AnySession | None = None) -> list[Close]:
        """Return the last 1 to 500 closes, newest first."""
        return read(self._engine, lambda wire: periods.closes(wire, self._ledger_id, limit), session)
