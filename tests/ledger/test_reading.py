"""Balances, statements, one transaction."""

from __future__ import annotations

import uuid
from datetime import UTC
from typing import Any

import pytest
from sqlalchemy import Engine, event

from ledger import Balance, Ledger, errors
from ledger.reading import MAX_PAGE
from tests.ledger.builders import ANNA, BORIS, ISSUANCE, SHOP, TODAY, UNIT, Clock, earn, pay, txn


def test_an_untouched_account_has_nothing(book: Ledger) -> None:
    assert book.balance(ANNA, UNIT) == Balance(posted=0, held=0, available=0, seq=0)


def test_many_balances_come_at_once_and_unknown_paths_are_left_out(book: Ledger) -> None:
    earn(book, ANNA, 60)
    found = book.balances([ANNA, BORIS, "member:nobody"])
    assert {pair: balance.available for pair, balance in found.items()} == {
        (ANNA, UNIT): 60,
        (BORIS, UNIT): 0,
    }
    assert book.balances([]) == {}


def test_an_unknown_account_and_a_wrong_unit_are_told_apart(book: Ledger) -> None:
    for ask in (book.balance, book.statement):
        with pytest.raises(errors.UnknownAccount):
            ask("member:nobody", UNIT)
        with pytest.raises(errors.UnitMismatch):
            ask(ANNA, "PTS")
        with pytest.raises(errors.InvalidTxn):
            ask("member anna", UNIT)


def test_a_statement_says_what_happened_newest_first(book: Ledger, clock: Clock) -> None:
    earned = book.post(txn(ISSUANCE, ANNA, 60, memo="reading aloud"), key="a")
    given = pay(book, ANNA, BORIS, 25, key="b")
    page = book.statement(ANNA, UNIT)
    newest, oldest = page.items
    assert page.next is None
    assert (newest.txn_id, newest.seq, newest.amount, newest.balance_after) == (given.txn_id, 2, -25, 35)
    assert (newest.counterparties, newest.kind, newest.memo) == ((BORIS,), "gift", None)
    assert (oldest.txn_id, oldest.amount, oldest.memo) == (earned.txn_id, 60, "reading aloud")
    assert (oldest.counterparties, oldest.effective_date, oldest.unit) == ((ISSUANCE,), TODAY, UNIT)
    assert oldest.recorded_at == clock.now
    assert oldest.recorded_at.tzinfo is UTC
    assert oldest.actor == "p:coordinator"


def test_a_statement_links_reversals_and_resolutions(book: Ledger) -> None:
    earn(book, ANNA, 60)
    held = book.hold(ANNA, UNIT, 50, expires_at=None, key="h", actor="p")
    captured = book.capture(held.txn_id, SHOP, 30, key="c", actor="p")
    book.reverse(captured.txn_id, key="r", actor="p")
    refund, back, hold, _earned = book.statement(ANNA, UNIT).items
    assert (refund.reverses_id, back.resolves_id, hold.resolves_id) == (captured.txn_id, held.txn_id, None)


def test_a_statement_is_paged_without_gap_or_repetition_while_entries_arrive(book: Ledger) -> None:
    for number in range(1, 8):
        earn(book, ANNA, number, key=f"k{number}")
    seen, cursor = [], None
    for _page in range(3):
        page = book.statement(ANNA, UNIT, limit=3, cursor=cursor)
        seen += [entry.amount for entry in page.items]
        cursor = page.next
        earn(book, ANNA, 100, key=f"later{_page}")
    assert seen == [7, 6, 5, 4, 3, 2, 1]
    assert cursor is None


def test_a_page_that_is_exactly_full_is_the_last(book: Ledger) -> None:
    for number in range(3):
        earn(book, ANNA, 1, key=f"k{number}")
    assert book.statement(ANNA, UNIT, limit=3).next is None
    assert book.statement(ANNA, UNIT, limit=2).next is not None


@pytest.mark.parametrize(
    "said",
    [{"limit": 0}, {"limit": MAX_PAGE + 1}, {"limit": True}, {"cursor": "-1"}, {"cursor": "x"},
     {"cursor": ""}, {"cursor": "٣"}, {"cursor": "9" * 19}, {"cursor": 5}],
)  # fmt: skip
def test_a_malformed_page_is_refused(book: Ledger, said: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidTxn):
        book.statement(ANNA, UNIT, **said)


def test_a_page_may_have_one_to_five_hundred_entries(book: Ledger) -> None:
    assert book.statement(ANNA, UNIT, limit=1).items == book.statement(ANNA, UNIT, limit=MAX_PAGE).items == ()


def test_a_transaction_is_found_by_its_id_in_its_ledger_only(book: Ledger, engine: Engine, ledger_id: int) -> None:
    receipt = book.post(txn(ISSUANCE, ANNA, 60, memo="reading aloud"), key="k")
    found = book.transaction(receipt.txn_id)
    assert (found.transfers, found.recorded_at, found.nonce) == (
        receipt.transfers,
        receipt.recorded_at,
        receipt.nonce,
    )
    assert (found.reversed_by, found.resolved_by, found.expires_at) == (None, None, None)
    for ask in (
        lambda: book.transaction(uuid.uuid4()),
        lambda: Ledger(engine, ledger_id + 1).transaction(found.txn_id),
    ):
        with pytest.raises(errors.UnknownTxn):
            ask()
    with pytest.raises(errors.InvalidTxn):
        book.transaction("text")  # type: ignore[arg-type]


def test_an_erased_memo_leaves_the_book_whole(book: Ledger, engine: Engine, ledger_id: int) -> None:
    receipt = book.post(txn(ISSUANCE, ANNA, 60, memo="reading aloud"), key="k")
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM memo WHERE ledger_id = {ledger_id}")
    assert book.transaction(receipt.txn_id).memo is None
    assert book.verify().ok


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_reading_opens_no_write_transaction(book: Ledger, engine: Engine) -> None:
    begun: list[Any] = []
    event.listen(
        engine,
        "begin",
        lambda connection: begun.append(connection.get_execution_options().get("sqlite_begin")),
    )
    book.balance(ANNA, UNIT)
    book.statement(ANNA, UNIT)
    book.verify()
    assert begun == [None] * 3
