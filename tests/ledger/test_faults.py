"""Connections that break in the wrong moment, answers that get lost, numbers at the end of their column."""

from __future__ import annotations

import sqlite3
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from ledger import Ledger, errors, running, writing
from ledger.engine import BookConnection
from ledger.grammar import MAX_BALANCE
from ledger.running import MAX_TRIES
from ledger.wire import Wire
from tests.ledger.builders import ANNA, ISSUANCE, UNIT, available, earn, pay

on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)


def locked() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return error


@on_sqlite
def test_an_answer_lost_after_the_commit_is_found_again(
    book: Ledger, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = [True]
    plain = BookConnection.commit

    def commit(self: BookConnection) -> None:
        plain(self)
        if lost and lost.pop():
            raise locked()

    monkeypatch.setattr(BookConnection, "commit", commit)
    receipt = earn(book, ANNA, 60)
    assert receipt.replayed
    assert available(book, ANNA) == 60
    assert book.verify().ok


@on_postgresql
@pytest.mark.parametrize(
    ("way", "number"),
    [*(("_send", number) for number in range(1, 9)), *(("_together", number) for number in (1, 2, 3))],
)
def test_a_connection_lost_at_any_statement_changes_nothing_and_is_tried_again(
    book: Ledger, engine: Engine, monkeypatch: pytest.MonkeyPatch, way: str, number: int
) -> None:
    """Statement by statement, and in the messages in which several are sent together."""
    if way == "_send":
        book = Ledger(engine.execution_options(ledger_portable=True), book._ledger_id, book._clock)
    earn(book, ANNA, 1, key="warm")
    left = [number]
    plain = Wire.__dict__[way]

    def send(self: Wire, *said: Any, **more: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            with engine.connect() as other:
                mine = self._connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
                other.exec_driver_sql(f"SELECT pg_terminate_backend({mine})")
        return plain(self, *said, **more)

    monkeypatch.setattr(Wire, way, send)
    assert not earn(book, ANNA, 60).replayed
    assert left[0] < 0
    assert available(book, ANNA) == 61
    assert book.verify().ok


@on_postgresql
def test_an_answer_lost_after_a_message_that_ended_with_commit_is_found_again(
    book: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = [True]
    plain = Wire.__dict__["_together"]

    def send(self: Wire, texts: Any, *, may_end: bool = False) -> Any:
        found = plain(self, texts, may_end=may_end)
        if may_end and lost and lost.pop():
            raise psycopg.OperationalError("the server went away")
        return found

    monkeypatch.setattr(Wire, "_together", send)
    receipt = earn(book, ANNA, 60)
    assert receipt.replayed
    assert available(book, ANNA) == 60


@pytest.mark.parametrize("where", ["alone", "session"])
def test_tries_are_bounded(book: Ledger, engine: Engine, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    tried: list[int] = []

    def busy(*_args: Any, **_more: Any) -> bool:
        tried.append(1)
        raise locked()

    monkeypatch.setattr("ledger.posting.write", busy)
    monkeypatch.setattr(running, "LONGEST_WAIT_S", 0.001)
    with Session(engine) as session, pytest.raises(errors.Retryable):
        earn(book, ANNA, 60, session=session if where == "session" else None)
    assert len(tried) == (MAX_TRIES if where == "alone" else 1)


@pytest.mark.parametrize("where", ["alone", "session"])
def test_a_twin_that_came_first_is_answered_with_its_answer(
    book: Ledger, engine: Engine, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """The key was free when it was asked for and is taken when it is written."""
    first = earn(book, ANNA, 60)
    plain, blind = running.Wire, [True]
    find = "ledger.posting.answers.find"
    from ledger import answers

    real = answers.find
    monkeypatch.setattr(find, lambda *args: {} if blind and blind.pop() else real(*args))
    with Session(engine) as session:
        second = earn(book, ANNA, 60, session=session if where == "session" else None)
        session.commit()
    assert plain is running.Wire
    assert (second.txn_id, second.replayed) == (first.txn_id, True)
    assert available(book, ANNA) == 60


@on_sqlite
def test_a_full_disk_is_no_reason_to_try_again(book: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    tried: list[int] = []

    def full(*_args: Any, **_more: Any) -> bool:
        tried.append(1)
        raise error

    monkeypatch.setattr("ledger.posting.write", full)
    with pytest.raises(errors.StorageFailed):
        earn(book, ANNA, 60)
    assert tried == [1]
    monkeypatch.setattr("ledger.posting.write", writing.write)
    assert earn(book, ANNA, 60)


def test_a_sum_at_the_end_of_its_column_is_refused(book: Ledger, engine: Engine, ledger_id: int) -> None:
    earn(book, ANNA, 1, key="first")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE balance SET dr_posted = {MAX_BALANCE - 5}, cr_posted = {MAX_BALANCE - 5} "
            f"WHERE ledger_id = {ledger_id} AND min_balance IS NULL"
        )
    earn(book, ANNA, 5, key="last")
    with pytest.raises(errors.LimitExceeded):
        earn(book, ANNA, 1, key="beyond")
    assert book.balance(ISSUANCE, UNIT).available == -5
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE balance SET dr_posted = {MAX_BALANCE - 9}, cr_posted = {MAX_BALANCE - 5} "
            f"WHERE ledger_id = {ledger_id} AND min_balance IS NULL"
        )
    pay(book, ANNA, ISSUANCE, 5, key="last back")
    with pytest.raises(errors.LimitExceeded):
        pay(book, ANNA, ISSUANCE, 1, key="beyond back")
