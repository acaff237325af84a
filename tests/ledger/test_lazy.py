"""Lazy accounts: nobody waits for them, and every read is folded plus queue from one moment."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from ledger import Ledger, errors, projecting, reading
from ledger.running import read, run
from ledger.wire import Wire
from tests.ledger.builders import ANNA, BORIS, ISSUANCE, TODAY, UNIT, Clock, available, earn, pay, txn

MINT, SINK = "issuance:rules-1", "pool:expired"

on_postgresql = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def lazy(book: Ledger) -> Ledger:
    """The book with two lazy accounts."""
    for path in (MINT, SINK):
        book.open_account(path, UNIT, kind="issuance", mode="lazy", min_balance=None)
    return book


def issue(book: Ledger, path: str, amount: int, *, key: str, **more: Any) -> Any:
    return book.post(txn(MINT, path, amount), key=key, **more)


def queued(book: Ledger, engine: Engine) -> int:
    with engine.connect() as connection:
        sql = text("SELECT COUNT(*) FROM unprojected WHERE ledger_id = :ledger_id")
        return int(connection.execute(sql, {"ledger_id": book._ledger_id}).scalar_one())


def stored(book: Ledger, engine: Engine, path: str) -> tuple[int, int, int]:
    """What the balance row itself says: debits, credits, seq."""
    sql = (
        "SELECT b.dr_posted, b.cr_posted, b.seq FROM balance b JOIN account a "
        "ON a.ledger_id = b.ledger_id AND a.id = b.account_id WHERE a.ledger_id = ? AND a.path = ?"
    )
    row = read(engine, lambda wire: wire.rows(sql, (book._ledger_id, path))[0], None)
    return row[0], row[1], row[2]


@pytest.mark.parametrize("bounds", [{}, {"min_balance": 0}, {"min_balance": None, "max_balance": 5}])
def test_a_lazy_account_has_no_bounds(book: Ledger, bounds: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidTxn, match="no bounds"):
        book.open_account(MINT, UNIT, kind="issuance", mode="lazy", **bounds)


def test_there_is_no_third_mode(book: Ledger) -> None:
    with pytest.raises(errors.InvalidTxn, match="strict or lazy"):
        book.open_account(MINT, UNIT, kind="issuance", mode="quick", min_balance=None)


def test_a_strict_account_does_not_become_lazy(book: Ledger) -> None:
    with pytest.raises(errors.InvalidTxn, match="other terms"):
        book.open_account(ISSUANCE, UNIT, kind="issuance", mode="lazy", min_balance=None)


def test_a_lazy_account_is_not_frozen(lazy: Ledger) -> None:
    for verb in (lazy.freeze, lazy.thaw):
        with pytest.raises(errors.InvalidTxn, match="lazy"):
            verb(MINT, UNIT)


def test_nothing_is_held_on_a_lazy_account(lazy: Ledger) -> None:
    with pytest.raises(errors.InvalidTxn, match="lazy"):
        lazy.hold(MINT, UNIT, 5, expires_at=None, key="h", actor="p")


@on_postgresql
def test_a_movement_on_a_lazy_account_is_queued_and_touches_no_balance(lazy: Ledger, engine: Engine) -> None:
    issue(lazy, ANNA, 60, key="a")
    assert queued(lazy, engine) == 1
    assert stored(lazy, engine, MINT) == (0, 0, 0)
    assert stored(lazy, engine, ANNA) == (0, 60, 1)


@on_sqlite
def test_where_one_writes_at_a_time_it_is_folded_at_once(lazy: Ledger, engine: Engine) -> None:
    issue(lazy, ANNA, 60, key="a")
    assert queued(lazy, engine) == 0
    assert stored(lazy, engine, MINT) == (60, 0, 1)


def test_every_read_counts_what_waits(lazy: Ledger, engine: Engine) -> None:
    issue(lazy, ANNA, 60, key="a")
    pay(lazy, ANNA, SINK, 20, key="b")
    pay(lazy, ANNA, MINT, 10, key="c")
    pay(lazy, MINT, SINK, 1, key="d")

    def said() -> Any:
        found = [lazy.balance(path, UNIT) for path in (MINT, SINK)]
        return found, lazy.balances([MINT, SINK]), lazy.turnovers([MINT]), lazy.turnovers([MINT, SINK], TODAY)

    before = said()
    assert [(b.available, b.seq) for b in before[0]] == [(-51, 3), (21, 2)]
    assert before[2] == {(MINT, UNIT): (61, 10)}
    assert before[3] == {(MINT, UNIT): (61, 10), (SINK, UNIT): (0, 21)}
    assert lazy.verify().ok
    assert lazy.project() == (5 if engine.dialect.name == "postgresql" else 0)
    assert said() == before
    assert lazy.verify().ok
    assert queued(lazy, engine) == 0


def test_a_projected_account_has_a_gapless_statement(lazy: Ledger) -> None:
    for number in range(1, 8):
        issue(lazy, ANNA, number, key=f"k{number}")
        if number % 3 == 0:
            lazy.project()
    lazy.project()
    items = lazy.statement(MINT, UNIT).items
    assert [entry.seq for entry in items] == [7, 6, 5, 4, 3, 2, 1]
    assert items[0].balance_after == -28
    assert [entry.balance_after - entry.amount for entry in items[:-1]] == [e.balance_after for e in items[1:]]


def test_a_reversal_goes_through_a_lazy_account(lazy: Ledger) -> None:
    posted = issue(lazy, ANNA, 60, key="a")
    pay(lazy, ANNA, BORIS, 50, key="b")
    lazy.reverse(posted.txn_id, key="r", actor="p", shortfall="debt")
    assert (lazy.balance(MINT, UNIT).available, available(lazy, ANNA), available(lazy, ANNA + ":debt")) == (0, 0, -50)
    lazy.project()
    assert lazy.verify().ok


def test_a_hold_is_captured_into_a_lazy_account(lazy: Ledger) -> None:
    issue(lazy, ANNA, 60, key="a")
    held = lazy.hold(ANNA, UNIT, 30, expires_at=None, key="h", actor="p")
    lazy.capture(held.txn_id, SINK, 20, key="c", actor="p")
    assert (lazy.balance(SINK, UNIT).available, available(lazy, ANNA)) == (20, 40)
    assert lazy.verify().ok


@on_postgresql
def test_two_who_issue_do_not_wait_for_each_other(lazy: Ledger, engine: Engine) -> None:
    with Session(engine) as one, Session(engine) as other:
        issue(lazy, ANNA, 5, key="a", session=one)
        other.connection().exec_driver_sql("SET LOCAL lock_timeout = 200")
        issue(lazy, BORIS, 6, key="b", session=other)
        other.commit()
        one.commit()
    assert lazy.balance(MINT, UNIT).available == -11


@on_postgresql
def test_with_a_strict_issuance_the_second_waits(book: Ledger, engine: Engine) -> None:
    """What the test before this one shows is owed to the lazy account."""
    with Session(engine) as one, Session(engine) as other:
        earn(book, ANNA, 5, key="a", session=one)
        other.connection().exec_driver_sql("SET LOCAL lock_timeout = 200")
        with pytest.raises(errors.Retryable):
            earn(book, BORIS, 6, key="b", session=other)


@on_postgresql
def test_what_commits_late_is_not_passed_over(lazy: Ledger, engine: Engine) -> None:
    """Its id is lower than one that was folded before it could be seen: a watermark would lose it."""
    with Session(engine) as slow:
        issue(lazy, ANNA, 5, key="slow", session=slow)
        issue(lazy, BORIS, 6, key="quick")
        assert lazy.project() == 1
        slow.commit()
    assert lazy.project() == 1
    assert stored(lazy, engine, MINT) == (11, 0, 2)
    assert lazy.verify().ok


@on_postgresql
def test_a_projector_that_dies_leaves_the_queue_as_it_was(lazy: Ledger, engine: Engine) -> None:
    issue(lazy, ANNA, 5, key="a")
    with Session(engine) as session:
        assert lazy.project(session=session) == 1
        session.rollback()
    assert (queued(lazy, engine), stored(lazy, engine, MINT)) == (1, (0, 0, 0))
    assert lazy.project() == 1
    assert lazy.project() == 0


@on_postgresql
def test_a_piece_is_bounded(lazy: Ledger, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projecting.fold_some, "__defaults__", (2,))
    for number in range(5):
        issue(lazy, ANNA, 1, key=f"k{number}")
    with Session(engine) as session:
        assert lazy.project(session=session) == 2
        session.commit()
    assert queued(lazy, engine) == 3
    assert lazy.project() == 3


def test_the_folded_part_never_funds_a_spend_nor_stops_one(lazy: Ledger) -> None:
    """Nothing compares with a lazy balance, and a strict account's own balance never waits for the queue."""
    pay(lazy, SINK, ANNA, 10, key="a")
    pay(lazy, ANNA, BORIS, 10, key="b")
    with pytest.raises(errors.InsufficientFunds):
        pay(lazy, ANNA, BORIS, 1, key="c")
    pay(lazy, BORIS, SINK, 4, key="d")
    assert lazy.balance(SINK, UNIT).available == -6


class Unlucky(Exception):
    """A projector that is killed before its commit."""


class Storm:
    """Three writers, two projectors a fifth of whose work is undone, and two who look, all at random."""

    def __init__(self, book: Ledger, engine: Engine, look: Callable[[], None]) -> None:
        self.book, self.engine, self.look = book, engine, look
        self.wrong: list[BaseException] = []
        self.over = threading.Event()

    def rage(self) -> list[BaseException]:
        """Let everybody work until the writers are done; return what went wrong."""
        writers = [threading.Thread(target=self.guarded, args=(self.write, seed)) for seed in range(3)]
        works = [self.project, self.project, self.watch, self.watch]
        others = [threading.Thread(target=self.guarded, args=(work, seed)) for seed, work in enumerate(works)]
        for thread in [*writers, *others]:
            thread.start()
        for thread in writers:
            thread.join()
        self.over.set()
        for thread in others:
            thread.join()
        return self.wrong

    def guarded(self, work: Callable[[random.Random], None], seed: int) -> None:
        try:
            work(random.Random(seed))
        except BaseException as error:  # noqa: BLE001 -- shown by the test
            self.wrong.append(error)
            self.over.set()

    def write(self, chance: random.Random) -> None:
        for number in range(40):
            issue(self.book, chance.choice([ANNA, BORIS]), chance.randint(1, 9), key=f"{chance.random()}:{number}")

    def project(self, chance: random.Random) -> None:
        while not self.over.is_set():
            with suppress(Unlucky):
                run(self.engine, lambda wire, _locks_all: self.fold(wire, chance), None)

    def fold(self, wire: Wire, chance: random.Random) -> None:
        account = projecting.next_account(wire, self.book._ledger_id, None)
        if account is not None:
            projecting.fold_some(wire, self.book._ledger_id, account, 3)
        if chance.random() < 0.2:
            raise Unlucky

    def watch(self, _chance: random.Random) -> None:
        while not self.over.is_set():
            self.look()


@on_postgresql
def test_no_reader_ever_sees_a_movement_twice_or_not_at_all(lazy: Ledger, engine: Engine) -> None:
    """Guard: folded and queue are read in one statement. What was issued is what the members have, always."""

    def look() -> None:
        balances = lazy.balances([MINT, ANNA, BORIS])
        assert sum(balance.available for balance in balances.values()) == 0
        moved = lazy.turnovers([MINT, ANNA, BORIS])
        since = lazy.turnovers([MINT, ANNA, BORIS], TODAY)
        for sums in (moved, since):
            assert sum(credits_ - debits for debits, credits_ in sums.values()) == 0

    assert Storm(lazy, engine, look).rage() == []
    lazy.project()
    assert queued(lazy, engine) == 0
    assert stored(lazy, engine, MINT)[2] == 120
    assert lazy.verify().ok


@on_postgresql
def test_read_in_two_statements_a_movement_is_seen_twice_or_not_at_all(
    lazy: Ledger, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the guard: a projector comes between the folded part and the queue."""
    issue(lazy, ANNA, 5, key="a")
    folded = stored(lazy, engine, MINT)
    lazy.project()
    assert folded[1] - folded[0] - queued(lazy, engine) != lazy.balance(MINT, UNIT).available
    assert "unprojected" in reading._BALANCE


def test_a_book_of_lazy_accounts_is_verified_with_its_queue(lazy: Ledger, engine: Engine, clock: Clock) -> None:
    for number in range(6):
        clock.move(days=1)
        issue(lazy, ANNA, number + 1, key=f"k{number}")
        if number == 3:
            lazy.project()
    assert lazy.verify().ok
