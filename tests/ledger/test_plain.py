"""What PostgreSQL posts by one call of a function is what the portable path posts, and everything else goes there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from ledger import Ledger, Receipt, Transfer, Txn, errors, plain
from tests.ledger.builders import ANNA, BORIS, SHOP, TODAY, UNIT, Clock, available, txn

pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
MINT = "mint"


@pytest.fixture
def quick(book: Ledger, clock: Clock) -> Ledger:
    """A book with a lazy source and a member who has 100."""
    book.open_account(MINT, UNIT, kind="issuance", mode="lazy", min_balance=None)
    book.post(txn(MINT, ANNA, 100), key="begin")
    clock.move(seconds=1)
    return book


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For every time the function was called, whether it posted."""
    answers: list[bool] = []
    post = plain.post

    def watched(*args: Any, **more: Any) -> Any:
        answers.append(False)
        done = post(*args, **more)
        answers[-1] = done is not None
        return done

    monkeypatch.setattr(plain, "post", watched)
    return answers


def pay(book: Ledger, amount: int, *, key: str = "a", **more: Any) -> Receipt:
    return book.post(txn(ANNA, BORIS, amount, **more), key=key)


def test_a_plain_posting_is_posted_by_the_function(quick: Ledger, called: list[bool]) -> None:
    receipt = pay(quick, 30, memo='it\'s "read" \\ aloud')
    assert called == [True]
    found = quick.transaction(receipt.txn_id)
    assert (found.memo, found.transfers) == ('it\'s "read" \\ aloud', receipt.transfers)
    assert (available(quick, ANNA), available(quick, BORIS)) == (70, 30)
    assert quick.verify().ok


def test_a_batch_pays_with_what_came_earlier_in_it(quick: Ledger, called: list[bool]) -> None:
    legs = [Transfer(ANNA, BORIS, UNIT, 20), Transfer(BORIS, ANNA, UNIT, 5)]
    batch = [
        ("a", txn(ANNA, BORIS, 100)),
        ("b", Txn("gift", [Transfer(BORIS, ANNA, UNIT, 100), *legs], TODAY, "p:x", memo="back")),
        ("c", txn(MINT, BORIS, 7)),
    ]
    assert all(isinstance(answer, Receipt) for answer in quick.post_many(batch))
    assert called == [True]
    quick.project()
    assert (available(quick, ANNA), available(quick, BORIS), available(quick, MINT)) == (85, 22, -107)
    assert [entry.balance_after for entry in quick.statement(ANNA, UNIT).items] == [85, 80, 100, 0, 100]
    assert quick.verify().ok


def test_what_would_be_lent_within_a_batch_is_refused(quick: Ledger, called: list[bool]) -> None:
    """In the end the payer has enough, and at the moment of paying had not."""
    answers = quick.post_many([("a", txn(BORIS, ANNA, 10)), ("b", txn(ANNA, BORIS, 50))])
    assert [isinstance(answer, Receipt) for answer in answers] == [False, True]
    assert called == [False]
    assert quick.verify().ok


def frozen(book: Ledger, _clock: Clock) -> None:
    book.freeze(BORIS, UNIT)


def gone_back(_book: Ledger, clock: Clock) -> None:
    clock.move(hours=-1)


def dated(book: Ledger, clock: Clock) -> None:
    points = Transfer(MINT, ANNA, UNIT, 1, expires_on=date(2026, 12, 31))
    book.post(Txn("credit", [points], TODAY, "p:x"), key="dated")
    clock.move(seconds=1)


def asked_before(book: Ledger, clock: Clock) -> None:
    pay(book, 30)
    clock.move(seconds=1)


@pytest.mark.parametrize(
    ("prepare", "amount", "answer"),
    [
        (frozen, 30, "account_frozen"),
        (gone_back, 30, "posted"),
        (dated, 30, "posted"),
        (asked_before, 30, "replayed"),
        (asked_before, 31, "idempotency_conflict"),
        (lambda *_: None, 101, "insufficient_funds"),
    ],
)
def test_what_is_not_plain_after_all_gets_the_portable_answer(
    quick: Ledger, clock: Clock, called: list[bool], prepare: Callable[..., None], amount: int, answer: str
) -> None:
    prepare(quick, clock)
    called.clear()
    try:
        receipt = pay(quick, amount)
        got = "replayed" if receipt.replayed else "posted"
    except errors.LedgerError as error:
        got = error.code
    assert (got, called) == (answer, [False])
    assert quick.verify().ok


def test_a_ceiling_counts_what_is_held(quick: Ledger, clock: Clock, called: list[bool]) -> None:
    quick.open_account("member:small", UNIT, kind="member", max_balance=50)
    quick.post(txn(MINT, "member:small", 40), key="fill")
    quick.hold("member:small", UNIT, 30, expires_at=None, key="hold", actor="p")
    clock.move(seconds=1)
    called.clear()
    with pytest.raises(errors.LimitExceeded):
        quick.post(txn(MINT, "member:small", 11), key="too much")
    clock.move(seconds=1)
    assert quick.post(txn(MINT, "member:small", 10), key="just right")
    assert called == [False, True]


@pytest.mark.parametrize("day", [TODAY - timedelta(days=1), TODAY])
def test_an_earlier_day_and_shared_accounts_are_never_plain(quick: Ledger, called: list[bool], day: date) -> None:
    shop = ANNA if day < TODAY else SHOP
    quick.post(txn(MINT, shop, 5, effective=day), key="a")
    assert called == []


def test_inside_a_session_it_is_undone_with_the_session(quick: Ledger, engine: Engine, called: list[bool]) -> None:
    with Session(engine) as session:
        quick.post(txn(ANNA, BORIS, 30), key="a", session=session)
        session.rollback()
    assert available(quick, ANNA) == 100
    with Session(engine) as session:
        quick.post(txn(ANNA, BORIS, 30), key="b", session=session)
        with pytest.raises(errors.InsufficientFunds):
            quick.post(txn(ANNA, BORIS, 71), key="c", session=session)
        session.commit()
    assert called == [True, True, False]
    assert (available(quick, ANNA), available(quick, BORIS)) == (70, 30)
    assert quick.verify().ok


def test_the_portable_switch_calls_no_function(quick: Ledger, engine: Engine, called: list[bool]) -> None:
    portable = Ledger(engine.execution_options(ledger_portable=True), quick._ledger_id, quick._clock)
    assert pay(portable, 30)
    assert called == []


def test_both_ways_write_the_same_rows(quick: Ledger, engine: Engine, clock: Clock, called: list[bool]) -> None:
    other = Ledger(engine.execution_options(ledger_portable=True), quick._ledger_id + 1_000_000, clock)
    other.open_account(MINT, UNIT, kind="issuance", mode="lazy", min_balance=None)
    other.open_account(ANNA, UNIT, kind="member")
    other.open_account(BORIS, UNIT, kind="member")
    other.post(txn(MINT, ANNA, 100), key="begin")
    clock.move(seconds=1)
    for book in (quick, other):
        book.post(txn(ANNA, BORIS, 30, memo="x"), key="a")
        book.post_many([("b", txn(MINT, BORIS, 1)), ("c", txn(BORIS, ANNA, 2)), ("d", txn(BORIS, ANNA, 3))])
    assert called == [True, False] or called == [True, True]
    assert rows(engine, quick) == rows(engine, other)


def rows(engine: Engine, book: Ledger) -> dict[str, list[Any]]:
    """What a book's rows say, without the ids and noise that differ by chance."""
    said = {
        "idempotency": "key, outcome, reason",
        "txn": "kind, effective_date, actor, length(nonce), length(leaf_hash), reverses_id, expires_at",
        "transfer": "ordinal, unit, amount, expires_on",
        "entry": "seq, ordinal, delta, balance_after, effective_date",
        "daily": "effective_date, dr, cr",
        "balance": "dr_posted, cr_posted, held, dated, seq, frozen",
        "unprojected": "ordinal, delta, effective_date",
        "unsealed": "length(leaf_hash)",
        "memo": "length(salt), text",
    }
    mine = {name: f"SELECT {columns} FROM {name} WHERE ledger_id = %(own)s" for name, columns in said.items()}
    mine["balance"] += " AND account_id IN (SELECT account_id FROM entry WHERE ledger_id = %(own)s)"
    with engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(sql, {"own": book._ledger_id}).fetchall() for name, sql in mine.items()
        }
    return {name: sorted(map(tuple, values), key=str) for name, values in found.items()}
