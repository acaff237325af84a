"""The book inside a caller's transaction: a domain change and its posting commit together or not at all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from ledger import Ledger, Rejection, errors
from ledger.engine import begin_write
from tests.ledger.builders import ANNA, BORIS, ISSUANCE, SHOP, TODAY, UNIT, available, earn, pay, txn


@pytest.fixture(params=["fresh", "begun", "reading", "scoped"])
def session(request: pytest.FixtureRequest, engine: Engine, book: Ledger) -> Any:
    """A session in each of the states in which a caller may bring it."""
    made: Any = scoped_session(sessionmaker(engine)) if request.param == "scoped" else Session(engine)
    if request.param == "begun":
        begin_write(made)
    if request.param == "reading":
        book.balance(ANNA, UNIT, session=made)
    yield made
    made.close()


def test_nothing_is_there_until_the_caller_commits(book: Ledger, session: Any) -> None:
    earn(book, ANNA, 60, session=session)
    assert book.balance(ANNA, UNIT, session=session).available == 60
    assert available(book, ANNA) == 0
    session.commit()
    assert available(book, ANNA) == 60


def test_what_the_caller_rolls_back_never_happened(book: Ledger, session: Any) -> None:
    earn(book, ANNA, 60, session=session)
    session.rollback()
    assert available(book, ANNA) == 0
    assert not earn(book, ANNA, 60).replayed


def test_every_verb_works_inside_a_session(book: Ledger, session: Any) -> None:
    book.open_account("member:carla", UNIT, kind="member", session=session)
    earned = earn(book, "member:carla", 60, session=session)
    held = book.hold("member:carla", UNIT, 50, expires_at=None, key="h", actor="p", session=session)
    captured = book.capture(held.txn_id, SHOP, 20, key="c", actor="p", session=session)
    second = book.hold("member:carla", UNIT, 5, expires_at=None, key="h2", actor="p", session=session)
    book.release(second.txn_id, key="r", actor="p", session=session)
    book.reverse(captured.txn_id, key="rc", actor="p", session=session)
    book.reverse(earned.txn_id, key="re", actor="p", shortfall="debt", session=session)
    book.post_many([("m", txn(ISSUANCE, "member:carla", 7))], session=session)
    book.freeze("member:carla", UNIT, session=session)
    book.thaw("member:carla", UNIT, session=session)
    assert len(book.statement("member:carla", UNIT, session=session).items) == 8
    assert book.transaction(earned.txn_id, session=session).reversed_by is not None
    assert len(book.balances(["member:carla", SHOP], session=session)) == 2
    assert sum(lot.amount for lot in book.lots("member:carla", UNIT, session=session)) == 7
    assert "member:carla" in {row.path for row in book.trial_balance(session=session).rows}
    assert book.expire(earned.recorded_at, to=SHOP, actor="p", session=session) == 0
    closed = book.close_period(TODAY - timedelta(days=3), actor="p", session=session)
    assert book.closes(session=session) == [closed]
    assert book.late(TODAY, earned.recorded_at - timedelta(days=1), session=session).items
    session.commit()
    assert available(book, "member:carla") == 7
    assert book.verify().ok


def test_a_refusal_leaves_the_callers_transaction_usable(book: Ledger, session: Any) -> None:
    earn(book, ANNA, 60, session=session)
    with pytest.raises(errors.InsufficientFunds):
        pay(book, ANNA, BORIS, 61, key="too much", session=session)
    with pytest.raises(errors.UnknownAccount):
        pay(book, ANNA, "member:nobody", 1, key="nobody", session=session)
    pay(book, ANNA, BORIS, 60, key="all", session=session)
    session.commit()
    assert (available(book, ANNA), available(book, BORIS)) == (0, 60)
    with pytest.raises(errors.InsufficientFunds) as again:
        pay(book, ANNA, BORIS, 61, key="too much")
    assert again.value.replayed


def test_a_refusal_by_a_shared_account_leaves_the_callers_transaction_usable(book: Ledger, session: Any) -> None:
    earn(book, SHOP, 10, session=session)
    with pytest.raises(errors.InsufficientFunds):
        pay(book, SHOP, ANNA, 11, key="too much", session=session)
    pay(book, SHOP, ANNA, 10, key="all", session=session)
    session.commit()
    assert available(book, ANNA) == 10


def test_a_refused_batch_item_leaves_the_others_in_the_callers_transaction(book: Ledger, session: Any) -> None:
    batch = [("a", txn(ISSUANCE, ANNA, 5)), ("b", txn(BORIS, ANNA, 5)), ("c", txn(ISSUANCE, ANNA, 6))]
    answers = book.post_many(batch, session=session)
    session.commit()
    assert [isinstance(answer, Rejection) for answer in answers] == [False, True, False]
    assert available(book, ANNA) == 11


def test_the_same_key_twice_in_one_session_happens_once(book: Ledger, session: Any) -> None:
    assert not earn(book, ANNA, 60, session=session).replayed
    assert earn(book, ANNA, 60, session=session).replayed
    with pytest.raises(errors.IdempotencyConflict):
        earn(book, ANNA, 61, session=session)
    session.commit()
    assert available(book, ANNA) == 60


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_writer_without_its_session_is_told_so(book: Ledger, engine: Engine) -> None:
    with Session(engine) as session:
        earn(book, ANNA, 60, session=session)
        with pytest.raises(RuntimeError, match="pass session="):
            earn(book, ANNA, 5, key="other")


def test_where_the_caller_must_begin_again_it_is_told_so(book: Ledger, engine: Engine) -> None:
    """SQLite: the book moved on since the caller began to read. PostgreSQL: somebody holds the account."""
    with Session(engine) as session, Session(engine) as other:
        if engine.dialect.name == "sqlite":
            book.balance(ANNA, UNIT, session=session)
            earn(book, ANNA, 5, key="other")
        else:
            earn(book, ANNA, 5, key="other", session=other)
            session.connection().exec_driver_sql("SET LOCAL lock_timeout = 50")
        with pytest.raises(errors.Retryable):
            earn(book, ANNA, 60, session=session)
        session.rollback()
        other.commit()
        earn(book, ANNA, 60, session=session)
        session.commit()
    assert available(book, ANNA) == 65
