"""The same commands on the model, SQLite and PostgreSQL give the same answers, whatever the commands."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from ledger import Close, Ledger, Receipt, Rejection, Transfer, Txn, combining, errors, schema
from ledger.combining import Call, Ticket
from ledger.engine import make_engine
from tests.ledger.builders import TODAY, Clock
from tests.ledger.model import DAY_S, Leg, Model
from tests.postgres import cluster_or_reason

# path, unit, floor, ceiling, shared
CHART = [
    ("issue", "MIN", None, None, True),
    ("issue", "PTS", None, None, True),
    ("anna", "MIN", 0, None, False),
    ("anna", "PTS", 0, None, False),
    ("boris", "MIN", 0, None, False),
    ("small", "MIN", 0, 100, False),
    ("credit", "MIN", -50, None, False),
    ("shop", "MIN", 0, 300, True),
    ("pool", "MIN", 0, None, True),
]
LAZY = "mint"
PATHS = ["issue", "anna", "boris", "small", "credit", "shop"]  # nobody names the pool: what ended lies there
_ledger_ids = itertools.count(1)

paths = st.sampled_from([*PATHS, *PATHS, LAZY, LAZY, "ghost"])
units = st.sampled_from(["MIN"] * 9 + ["PTS"])
amounts = st.integers(1, 120)
keys = st.integers(0, 60).map(lambda number: f"key {number}")
numbers = st.integers(0, 10_000)
last_days = st.sampled_from([None] * 4 + [0, 1, 2, 3, 5, 8, 40])
legs = (
    st.tuples(paths, paths, units, amounts, st.none() | last_days)
    .filter(lambda leg: leg[0] != leg[1])
    .map(lambda leg: leg if leg[2] == "MIN" else (*leg[:4], None))
)
earning = st.tuples(st.sampled_from(["issue", LAZY]), st.sampled_from(PATHS[1:5]), st.just("MIN"), amounts, last_days)
transfers = st.lists(legs | earning, min_size=1, max_size=3)
days_ago = st.sampled_from([0] * 6 + [1, 2, 3, 4, 6, -3, -31, -32])
ways = st.sampled_from(["alone", "in line", "session", "rolled back"])


class Book:
    """One real book beside the model; transactions are known by the number the model gave them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.clock = Clock()
        self.start = self.clock.now
        self.ledger = Ledger(engine, next(_ledger_ids), self.clock)
        self.ids: list[Any] = []

    def run(self, way: str, verb: Callable[[Any], Any], first: int) -> Any:
        """Do one verb, and return its answer in the model's words."""
        if way == "alone":
            return self._said(verb, None, first)
        if way == "in line":
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("ledger.book.perform", share)
                return self._said(verb, None, first)
        with Session(self.engine) as session:
            answer = self._said(verb, session, first)
            if way == "session":
                session.commit()
            else:
                session.rollback()
                del self.ids[first:]
            return answer

    def _said(self, verb: Callable[[Any], Any], session: Session | None, first: int) -> Any:
        try:
            answer = verb(session)
        except errors.LedgerError as error:
            return error.code, error.replayed
        return [self._one(a) for a in answer] if isinstance(answer, list) else self._one(answer)

    def expire(self, session: Any) -> int:
        """Expire what ended, and learn which transactions that made from the pool's statement."""
        done = self.ledger.expire(self.clock.now, to="pool", actor="p:model", session=session)
        lines = self.ledger.statement("pool", "MIN", limit=500, session=session).items
        self.ids += [line.txn_id for line in reversed(lines) if line.kind == "expiry" and line.txn_id not in self.ids]
        return done

    def _one(self, answer: Receipt | Rejection | Close | int) -> Any:
        if isinstance(answer, int):
            return answer
        if isinstance(answer, Close):
            return "closed", (answer.through - TODAY).days, answer.replayed
        if isinstance(answer, Rejection):
            return answer.code, answer.replayed
        if answer.txn_id not in self.ids:
            self.ids.append(answer.txn_id)
        rows = tuple((t.debit, t.credit, t.unit, t.amount, as_day(t.expires_on)) for t in answer.transfers)
        return "posted", self.ids.index(answer.txn_id), rows, answer.replayed


def share(engine: Engine, call: Call, session: Any) -> Any:
    """Do a call as one of two that wait, so that it goes through the shared transaction."""
    if session is not None or not call.may_join:
        return combining._alone(engine, call, session)
    neighbour = Ticket(Call(call.ledger_id, (), lambda _desk: (), call.clock, call.zone))
    ticket = Ticket(call)
    combining._serve(engine, [neighbour, ticket])
    if ticket.answer is None:  # an account remembered from a transaction that was rolled back: each goes alone
        return combining._alone(engine, call, session)
    assert neighbour.answer == []
    if isinstance(ticket.answer, errors.LedgerError):
        raise ticket.answer
    # None: a sub-account that somebody else's rolled-back work had opened; the caller is sent on alone.
    return combining._alone(engine, call) if ticket.answer is None else ticket.answer


def as_date(day: int | None) -> Any:
    return None if day is None else TODAY + timedelta(days=day)


def as_day(moment: Any) -> int | None:
    return None if moment is None else (moment - TODAY).days


def as_txn(kind: str, rows: list[Leg], day: int) -> Txn:
    transfers = [Transfer(*moved, as_date(last)) for *moved, last in rows]
    return Txn(kind, transfers, as_date(day), "p:model", "a memo")


class BookMachine(RuleBasedStateMachine):
    """Every command goes to the model and to each engine."""

    engines: tuple[Engine, ...] = ()

    @initialize()
    def open(self) -> None:
        self.model = Model()
        self.books = [Book(engine) for engine in self.engines]
        for path, unit, floor, ceiling, is_shared in CHART:
            self.model.open(path, unit, floor, ceiling, is_shared=is_shared)
            for book in self.books:
                book.ledger.open_account(
                    path, unit, kind="test", min_balance=floor, max_balance=ceiling, is_shared=is_shared
                )

        self.model.open(LAZY, "MIN", None, None, is_lazy=True)
        for book in self.books:
            book.ledger.open_account(LAZY, "MIN", kind="test", mode="lazy", min_balance=None)

    @rule(book=st.integers(0, 2))
    def project(self, book: int) -> None:
        self.books[book % len(self.books)].ledger.project()

    def command(self, way: str, on_model: Callable[[Model], Any], verb: Callable[[Book, Any], Any]) -> None:
        model = copy.deepcopy(self.model) if way == "rolled back" else self.model
        first = len(self.model.txns)
        wanted = on_model(model)
        for book in self.books:
            assert book.run(way, lambda session, book=book: verb(book, session), first) == wanted, book.engine

    @rule(way=ways, key=keys, kind=st.sampled_from(["credit", "gift"]), rows=transfers, ago=days_ago)
    def post(self, way: str, key: str, kind: str, rows: list[Leg], ago: int) -> None:
        day = self.model.today - ago
        self.command(
            way,
            lambda model: model.post(key, kind, rows, day),
            lambda book, session: book.ledger.post(as_txn(kind, rows, day), key=key, session=session),
        )

    @rule(
        way=ways,
        lines=st.lists(st.tuples(keys, st.just("credit"), transfers, days_ago), max_size=6),
        atomic=st.booleans(),
    )
    def post_many(self, way: str, lines: list[Any], atomic: bool) -> None:
        batch = [(key, kind, rows, self.model.today - ago) for key, kind, rows, ago in lines]
        items = [(key, as_txn(kind, rows, day)) for key, kind, rows, day in batch]
        self.command(
            way,
            lambda model: model.post_all(batch) if atomic else model.post_many(batch),
            lambda book, session: book.ledger.post_many(items, atomic=atomic, session=session),
        )

    @rule(way=ways, key=keys, path=paths, unit=units, amount=amounts, lasts_s=st.none() | st.integers(0, 40))
    def hold(self, way: str, key: str, path: str, unit: str, amount: int, lasts_s: int | None) -> None:
        expires_s = None if lasts_s is None else self.model.now_s + lasts_s
        self.command(
            way,
            lambda model: model.hold(key, path, unit, amount, expires_s),
            lambda book, session: book.ledger.hold(
                path,
                unit,
                amount,
                expires_at=None if expires_s is None else book.start + timedelta(seconds=expires_s),
                key=key,
                actor="p",
                session=session,
            ),
        )

    def pick(self, number: int, kind: str | None) -> int:
        """Prefer a transaction of this kind that nobody has resolved or reversed."""
        fitting = [
            place
            for place, txn in enumerate(self.model.txns)
            if kind is None or (txn.kind == kind and not txn.resolved)
        ]
        pool = fitting if fitting and number % 5 else range(len(self.model.txns))
        return pool[number % len(pool)]

    @precondition(lambda self: self.model.txns)
    @rule(way=ways, key=keys, number=numbers, to=paths, amount=st.none() | amounts)
    def capture(self, way: str, key: str, number: int, to: str, amount: int | None) -> None:
        place = self.pick(number, "hold")
        self.command(
            way,
            lambda model: model.capture(key, place, to, amount),
            lambda book, session: book.ledger.capture(book.ids[place], to, amount, key=key, actor="p", session=session),
        )

    @precondition(lambda self: self.model.txns)
    @rule(way=ways, key=keys, number=numbers)
    def release(self, way: str, key: str, number: int) -> None:
        place = self.pick(number, "hold")
        self.command(
            way,
            lambda model: model.release(key, place),
            lambda book, session: book.ledger.release(book.ids[place], key=key, actor="p", session=session),
        )

    @precondition(lambda self: self.model.txns)
    @rule(way=ways, key=keys, number=numbers, shortfall=st.sampled_from(["reject", "debt"]))
    def reverse(self, way: str, key: str, number: int, shortfall: Any) -> None:
        place = self.pick(number, None)
        self.command(
            way,
            lambda model: model.reverse(key, place, shortfall),
            lambda book, session: book.ledger.reverse(
                book.ids[place], key=key, actor="p", shortfall=shortfall, session=session
            ),
        )

    @rule(path=st.sampled_from(PATHS), is_frozen=st.booleans())
    def freeze(self, path: str, is_frozen: bool) -> None:
        self.model.freeze((path, "MIN"), is_frozen)
        for book in self.books:
            (book.ledger.freeze if is_frozen else book.ledger.thaw)(path, "MIN")

    @rule(seconds=st.integers(1, 30))
    def wait(self, seconds: int) -> None:
        self.model.now_s += seconds
        for book in self.books:
            book.clock.move(seconds=seconds)

    @rule(days=st.integers(1, 3))
    def sleep(self, days: int) -> None:
        self.wait(days * DAY_S)

    @rule(way=ways)
    def expire(self, way: str) -> None:
        self.command(way, lambda model: model.expire(), lambda book, session: book.expire(session))

    @rule(way=ways, ago=st.integers(0, 6), actor=st.sampled_from(["p:auditor", "p:auditor", "p:other"]))
    def close(self, way: str, ago: int, actor: str) -> None:
        day = self.model.today - ago
        self.command(
            way,
            lambda model: model.close(day, actor),
            lambda book, session: book.ledger.close_period(as_date(day), actor=actor, session=session),
        )

    @rule(path=st.sampled_from(PATHS), ago=st.none() | st.integers(-2, 9), seconds=st.none() | numbers)
    def look_back(self, path: str, ago: int | None, seconds: int | None) -> None:
        day = None if ago is None else self.model.today - ago
        known_s = None if seconds is None else self.model.now_s - seconds * 50
        wanted = self.model.look_back((path, "MIN"), day, known_s)
        rows = self.model.trial_balance(day, known_s)
        for book in self.books:
            # What is recorded in one second of the standing clock lies some microseconds apart.
            known_at = None if known_s is None else book.start + timedelta(seconds=known_s, milliseconds=500)
            found = book.ledger.balance(path, "MIN", as_of=as_date(day), known_at=known_at)
            assert (found.available, found.held, found.seq) == wanted, book.engine
            trial = book.ledger.trial_balance(as_date(day), known_at)
            assert [(row.path, row.unit, row.debits, row.credits) for row in trial.rows] == rows, book.engine

    @invariant()
    def balances_agree(self) -> None:
        wanted = {
            pair: (account.balance, account.held, len(account.entries)) for pair, account in self.model.accounts.items()
        }
        for book in self.books:
            found = book.ledger.balances([path for path, _unit in wanted])
            kept = {pair: (b.available, b.held, b.seq) for pair, b in found.items()}
            # A refused or replayed hold may have opened a sub-account in which nothing is.
            assert kept == {pair: wanted.get(pair, (0, 0, 0)) for pair in kept}
            assert all(wanted[pair] == (0, 0, 0) for pair in wanted.keys() - kept.keys())

    @invariant()
    def lots_agree_and_add_up(self) -> None:
        for (path, unit), account in self.model.accounts.items():
            if not account.keeps_lots or not account.entries:
                continue
            assert sum(account.lots.values()) <= max(0, account.balance)
            for book in self.books:
                found = [(as_day(lot.expires_on), lot.amount) for lot in book.ledger.lots(path, unit)]
                assert found == account.all_lots(), (book.engine, path, unit)
                assert sum(amount for _, amount in found) == account.balance

    def teardown(self) -> None:
        for book in getattr(self, "books", ()):
            assert book.ledger.verify().ok
            book.ledger.project()
            report = book.ledger.verify()
            assert report.ok, report.findings
            assert report.txns == len(self.model.txns)
            closes = book.ledger.closes(500)
            assert {(close.through - TODAY).days: close.actor for close in closes} == self.model.closes
            for day in range(self.model.today - 12, self.model.today + 1):
                rows = book.ledger.trial_balance(as_date(day)).rows
                kept = [(row.path, row.unit, row.debits, row.credits) for row in rows]
                assert kept == self.model.trial_balance(day, None)
            for close in closes:
                assert close.digest == book.ledger.trial_balance(close.through).digest
                assert close.accounts == len(self.model.trial_balance((close.through - TODAY).days, None))
            for (path, unit), account in self.model.accounts.items():
                if account.is_lazy:  # of one moment, they are numbered in any order
                    found = [e.amount for e in book.ledger.statement(path, unit, limit=500).items]
                    assert sorted(found) == sorted(amount for amount, _after in account.entries)
                elif account.entries:
                    items = book.ledger.statement(path, unit, limit=500).items
                    assert [(e.amount, e.balance_after) for e in reversed(items)] == account.entries[-500:]


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Any:
    urls = [f"sqlite:///{tmp_path_factory.mktemp('model')}/book.db"]
    cluster = cluster_or_reason()
    if not isinstance(cluster, str):
        urls.append(cluster.database())
    made = tuple(make_engine(url) for url in urls)
    for engine in made:
        with engine.begin() as connection:
            schema.create(connection)
    # The same PostgreSQL once more, statement by statement: both paths have to give the same answers.
    yield made + tuple(engine.execution_options(ledger_portable=True) for engine in made[1:])
    for engine in made:
        engine.dispose()


def test_the_model_and_both_engines_give_the_same_answers(engines: tuple[Engine, ...]) -> None:
    class Here(BookMachine):
        pass

    Here.engines = engines
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=25,
            phases=[Phase.explicit, Phase.generate],
            stateful_step_count=40,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
