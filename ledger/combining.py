"""Callers who wait at one moment share one transaction; each gets the answer it would have got alone."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from itertools import groupby
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from ledger import plain
from ledger.accounts import directory_of
from ledger.engine import refuse_second_writer
from ledger.errors import LedgerError
from ledger.plans import Plan
from ledger.posting import Outcome, post_plans
from ledger.requests import Desk
from ledger.running import AnySession, run
from ledger.wire import Id, Wire, to_us

MOST_TOGETHER = 200
"""Postings in one shared transaction: a hundredth of a second of work, which is what the last in line waits for."""

SHARED_TRIES = 2
"""The second try takes every lock; what fails then is nobody's fault in particular, and each is tried alone."""


LONGEST_GATHERING_S = 0.002
"""How long a leader waits, at the most, for those whom the last transaction served to come back with their next."""


@dataclass(frozen=True, slots=True)
class Call:
    """What one verb asks of one ledger, wherever it will be done."""

    ledger_id: int
    keys: tuple[str, ...]
    make_plans: Callable[[Desk], Sequence[Plan | LedgerError]]
    clock: Callable[[], datetime]
    zone: tzinfo
    is_atomic: bool = False
    may_join: bool = True
    """False where the plans depend on balances, or a refusal has to undo more than itself."""

    def plans(self, engine: Engine, wire: Wire) -> Sequence[Plan | LedgerError]:
        """Find accounts and earlier transactions, and make the plans; raises what the whole call is refused with."""
        return self.make_plans(Desk(wire, directory_of(engine), self.ledger_id))

    def now_us(self) -> int:
        """Return the present moment in microseconds since 1970."""
        return to_us(self.clock())


def perform(engine: Engine, call: Call, session: AnySession | None) -> list[Outcome]:
    """Do the call inside the session, alone, or together with whoever waits for this engine now."""
    if session is not None or not call.may_join:
        return _alone(engine, call, session)
    refuse_second_writer(engine)
    return combiner_of(engine).perform(engine, call)


def _alone(engine: Engine, call: Call, session: AnySession | None = None) -> list[Outcome]:
    def work(wire: Wire, locks_all: bool) -> list[Outcome]:
        planned = call.plans(engine, wire)
        lost = [plan for plan in planned if isinstance(plan, LedgerError)]
        if lost and call.is_atomic:
            raise lost[0]
        wire.may_end = True
        return _post(wire, [call], [planned], locks_all)[0]

    return run(engine, work, session)


def _post(
    wire: Wire, calls: Sequence[Call], planned: Sequence[Sequence[Plan | LedgerError]], locks_all: bool
) -> list[list[Outcome]]:
    """Post the plans of calls to one ledger in order; errors among them are outcomes already."""
    first = calls[0]
    ready = _ready(planned)
    done: Sequence[Outcome] | None = None if ready else ()
    if ready and not locks_all and plain.is_plain(wire, ready, first.now_us(), first.zone):
        is_alone = len(calls) == 1
        done = plain.post(wire, first.ledger_id, ready, now_us=first.now_us(), zone=first.zone, waits=is_alone)
    if done is None:
        done = post_plans(
            wire,
            first.ledger_id,
            ready,
            clock_us=first.now_us,
            zone=first.zone,
            locks_all=locks_all,
            is_atomic=first.is_atomic,
        )
    outcomes = iter(done)
    return [[plan if isinstance(plan, LedgerError) else next(outcomes) for plan in plans] for plans in planned]


def _ready(planned: Iterable[Iterable[Plan | LedgerError]]) -> list[Plan]:
    return [plan for plans in planned for plan in plans if isinstance(plan, Plan)]


@dataclass(slots=True, eq=False)
class Ticket:
    """One caller's place in line."""

    call: Call
    turn: threading.Lock = field(default_factory=threading.Lock)
    """Held until somebody decides what becomes of the caller."""
    leads: bool = False
    answer: list[Outcome] | LedgerError | None = None
    """None after its turn: nothing was decided, the caller goes alone."""


class Combiner:
    """The line before one engine. Who finds nobody at work does the work of all who wait, once, and hands on the lead.

    No thread is started: a caller without company goes straight through.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[Ticket] = deque()
        self._is_led = False
        self._last_size = 1
        self._last_s = 0.0
        self._wanted = 0
        self._enough = threading.Lock()
        self._enough.acquire()

    def perform(self, engine: Engine, call: Call) -> list[Outcome]:
        """Lead, or wait to be served; raises what the call is refused with as a whole."""
        ticket = self._line_up(call)
        if not ticket.leads:
            self._wait(ticket)
        if ticket.leads:
            self._lead(engine, ticket)
        if ticket.answer is None:
            return _alone(engine, call)
        if isinstance(ticket.answer, LedgerError):
            raise ticket.answer
        return ticket.answer

    def _line_up(self, call: Call) -> Ticket:
        ticket = Ticket(call)
        with self._guard:
            if self._is_led:
                ticket.turn.acquire()
                self._waiting.append(ticket)
                if len(self._waiting) == self._wanted:
                    self._wanted = 0
                    self._enough.release()
            else:
                self._is_led = ticket.leads = True
        return ticket

    def _wait(self, ticket: Ticket) -> None:
        try:
            ticket.turn.acquire()
        except BaseException:
            with self._guard:
                is_waiting = ticket in self._waiting
                if is_waiting:
                    self._waiting.remove(ticket)
            if ticket.leads:
                self._hand_on()
            raise

    def _lead(self, engine: Engine, ticket: Ticket) -> None:
        """Serve whoever waits, whatever happens: nobody is left waiting and somebody may lead after this."""
        batch = [ticket]
        try:
            self._gather()
            began = time.monotonic()
            batch += self._company(ticket.call)
            if len(batch) == 1:
                ticket.answer = _as_answer(engine, ticket.call)
            else:
                _serve(engine, batch)
            self._last_size, self._last_s = len(batch), time.monotonic() - began
        finally:
            self._hand_on()
            for other in batch[1:]:
                other.turn.release()

    def _gather(self) -> None:
        """Wait a moment for company if there was some last time: else every other transaction would be for one."""
        if self._last_size == 1:
            return
        with self._guard:
            if len(self._waiting) + 1 >= self._last_size:
                return
            self._wanted = self._last_size - 1
        came = self._enough.acquire(timeout=min(LONGEST_GATHERING_S, self._last_s / 4))
        with self._guard:
            if not came and not self._wanted:
                self._enough.acquire()  # they came at the last moment
            self._wanted = 0

    def _company(self, call: Call) -> list[Ticket]:
        """Take from the head of the line what fits into one transaction with this call."""
        if not self._waiting:
            return []
        taken: list[Ticket] = []
        batch = Batch(call)
        with self._guard:
            while self._waiting and batch.add(self._waiting[0].call):
                taken.append(self._waiting.popleft())
        return taken

    def _hand_on(self) -> None:
        with self._guard:
            if not self._waiting:
                self._is_led = False
                return
            following = self._waiting.popleft()
            following.leads = True
        following.turn.release()


class Batch:
    """What goes into one shared transaction: each key once, one clock for each ledger, not more than a bound."""

    def __init__(self, call: Call) -> None:
        self._clocks = {call.ledger_id: (call.clock, call.zone)}
        self._keys = {(call.ledger_id, key) for key in call.keys}

    def add(self, call: Call) -> bool:
        """Take the call in, or say no. A twin waits: in the next transaction it finds its answer on record."""
        keys = {(call.ledger_id, key) for key in call.keys}
        clock = (call.clock, call.zone)
        if self._clocks.get(call.ledger_id, clock) != clock or self._keys & keys:
            return False
        if len(self._keys) + len(keys) > MOST_TOGETHER:
            return False
        self._clocks[call.ledger_id] = clock
        self._keys |= keys
        return True


def _as_answer(engine: Engine, call: Call) -> list[Outcome] | LedgerError:
    try:
        return _alone(engine, call)
    except LedgerError as error:
        return error


def _serve(engine: Engine, batch: Sequence[Ticket]) -> None:
    """Do the calls in one transaction and write their answers on the tickets; none where it failed as a whole."""
    calls = [ticket.call for ticket in batch]
    try:
        answers = run(engine, lambda wire, locks_all: _together(engine, wire, calls, locks_all), None, SHARED_TRIES)
    except Exception:  # noqa: BLE001 -- whose fault it was shows when each is tried alone
        return
    for ticket, answer in zip(batch, answers, strict=True):
        ticket.answer = answer


def _together(
    engine: Engine, wire: Wire, calls: Sequence[Call], locks_all: bool
) -> list[list[Outcome] | LedgerError | None]:
    """Answer the calls, one ledger after another in the order of their ids, as everybody locks."""
    answers: dict[int, list[Outcome] | LedgerError | None] = dict.fromkeys(range(len(calls)))
    last = max(call.ledger_id for call in calls)
    for ledger_id, group in groupby(sorted(answers, key=lambda place: calls[place].ledger_id), _ledger_of(calls)):
        planned: dict[int, Sequence[Plan | LedgerError]] = {}
        for place in group:
            try:
                planned[place] = calls[place].plans(engine, wire)
            except LedgerError as error:
                answers[place] = error
        first = calls[next(iter(planned))] if planned else None
        is_plain = (
            first and not locks_all and plain.is_plain(wire, _ready(planned.values()), first.now_us(), first.zone)
        )
        busy = set() if is_plain else _busy(wire, ledger_id, planned.values())
        for place in [place for place, plans in planned.items() if busy and not busy.isdisjoint(_locked_by(plans))]:
            del planned[place]  # who holds that account may take seconds: nobody else is made to wait
        if planned:
            wire.may_end = ledger_id == last
            done = _post(wire, [calls[place] for place in planned], list(planned.values()), locks_all)
            answers.update(zip(planned, done, strict=True))
    return list(answers.values())


def _ledger_of(calls: Sequence[Call]) -> Callable[[int], int]:
    return lambda place: calls[place].ledger_id


def _locked_by(plans: Iterable[Plan | LedgerError]) -> set[Id]:
    """Return the accounts that these plans lock before anything is decided."""
    ready = _ready([plans])
    refs = [ref for plan in ready for leg in plan.legs for ref in (leg.debit, leg.credit)]
    refs += [plan.holder for plan in ready if plan.holder is not None]
    return {ref.id for ref in refs if not (ref.is_shared or ref.is_lazy)}


def _busy(wire: Wire, ledger_id: int, planned: Iterable[Iterable[Plan | LedgerError]]) -> set[Id]:
    """Lock what nobody else has locked, by id as always, and return the rest."""
    wanted = {key for plans in planned for key in _locked_by(plans)}
    if not wire.is_postgres or not wanted:
        return set()
    condition, ids = wire.any_of("account_id", wanted, "uuid")
    sql = f"SELECT account_id FROM balance WHERE ledger_id = ? AND {condition}"  # noqa: S608
    free = wire.rows(f"{sql} ORDER BY account_id FOR NO KEY UPDATE SKIP LOCKED", [ledger_id, *ids])
    return wanted - {row[0] for row in free}


_combiners: WeakKeyDictionary[Engine, Combiner] = WeakKeyDictionary()
_making = threading.Lock()


def combiner_of(engine: Engine) -> Combiner:
    """Return the one line before an engine."""
    found = _combiners.get(engine)
    if found is None:
        with _making:
            found = _combiners.setdefault(engine, Combiner())
    return found
