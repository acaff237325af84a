"""A mistake is corrected by a linked reversal."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from ledger import Ledger, Transfer, errors
from tests.ledger.builders import ANNA, BORIS, ISSUANCE, SHOP, UNIT, available, earn, pay, txn


def test_a_reversal_mirrors_the_transaction_last_transfer_first(book: Ledger) -> None:
    both = [Transfer(ISSUANCE, ANNA, UNIT, 60), Transfer(ANNA, BORIS, UNIT, 5)]
    posted = book.post(replace(txn(ISSUANCE, ANNA, 1), transfers=both), key="k")
    mirrored = book.reverse(posted.txn_id, key="r", actor="p")
    assert mirrored.transfers == (Transfer(BORIS, ANNA, UNIT, 5), Transfer(ANNA, ISSUANCE, UNIT, 60))
    assert (available(book, ANNA), available(book, BORIS), available(book, ISSUANCE)) == (0, 0, 0)


def test_a_reversal_is_linked_in_both_directions(book: Ledger) -> None:
    posted = earn(book, ANNA, 60)
    mirrored = book.reverse(posted.txn_id, key="r", actor="p", memo="typed twice", effective=date(2026, 3, 1))
    reversal = book.transaction(mirrored.txn_id)
    assert book.transaction(posted.txn_id).reversed_by == mirrored.txn_id
    assert (reversal.reverses_id, reversal.kind, reversal.memo) == (posted.txn_id, "reversal", "typed twice")
    assert reversal.effective_date == date(2026, 3, 1)


def test_a_transaction_is_reversed_once(book: Ledger) -> None:
    posted = earn(book, ANNA, 60)
    mirrored = book.reverse(posted.txn_id, key="r", actor="p")
    assert book.reverse(posted.txn_id, key="r", actor="p") == replace(mirrored, replayed=True)
    with pytest.raises(errors.AlreadyReversed):
        book.reverse(posted.txn_id, key="again", actor="p")


def test_a_reversal_is_itself_reversed_once(book: Ledger) -> None:
    first = earn(book, ANNA, 60)
    second = book.reverse(first.txn_id, key="r", actor="p")
    third = book.reverse(second.txn_id, key="rr", actor="p")
    assert (third.transfers, available(book, ANNA)) == (first.transfers, 60)
    with pytest.raises(errors.AlreadyReversed):
        book.reverse(second.txn_id, key="again", actor="p")


def test_what_was_spent_is_not_taken_back_below_the_floor(book: Ledger) -> None:
    posted = earn(book, ANNA, 60)
    pay(book, ANNA, BORIS, 1, key="spent")
    with pytest.raises(errors.InsufficientFunds):
        book.reverse(posted.txn_id, key="r", actor="p")
    assert available(book, ANNA) == 59


def test_the_shortfall_may_become_a_debt(book: Ledger) -> None:
    posted = earn(book, ANNA, 60)
    pay(book, ANNA, BORIS, 45, key="spent")
    mirrored = book.reverse(posted.txn_id, key="r", actor="p", shortfall="debt")
    assert mirrored.transfers == (
        Transfer(ANNA, ISSUANCE, UNIT, 15),
        Transfer("member:anna:debt", ISSUANCE, UNIT, 45),
    )
    assert (available(book, ANNA), available(book, "member:anna:debt")) == (0, -45)
    earn(book, ANNA, 50, key="later")
    pay(book, ANNA, "member:anna:debt", 45, key="paid back")
    assert available(book, "member:anna:debt") == 0
    assert book.verify().ok


def test_where_nothing_is_left_all_of_it_becomes_a_debt(book: Ledger) -> None:
    posted = earn(book, ANNA, 60)
    pay(book, ANNA, BORIS, 60, key="spent")
    mirrored = book.reverse(posted.txn_id, key="r", actor="p", shortfall="debt")
    assert mirrored.transfers == (Transfer("member:anna:debt", ISSUANCE, UNIT, 60),)


def test_where_all_is_left_there_is_no_debt_and_no_debt_account(book: Ledger) -> None:
    posted = earn(book, ANNA, 60)
    book.reverse(posted.txn_id, key="r", actor="p", shortfall="debt")
    with pytest.raises(errors.UnknownAccount):
        book.balance("member:anna:debt", UNIT)


def test_what_is_held_is_not_taken_back(book: Ledger) -> None:
    posted = earn(book, ANNA, 60)
    book.hold(ANNA, UNIT, 50, expires_at=None, key="h", actor="p")
    mirrored = book.reverse(posted.txn_id, key="r", actor="p", shortfall="debt")
    assert [transfer.amount for transfer in mirrored.transfers] == [10, 50]
    assert book.balance(ANNA, UNIT).held == 50
    assert book.verify().ok


def test_the_reversal_of_a_capture_goes_back_to_the_owner(book: Ledger) -> None:
    earn(book, ANNA, 60)
    held = book.hold(ANNA, UNIT, 50, expires_at=None, key="h", actor="p")
    captured = book.capture(held.txn_id, SHOP, 30, key="c", actor="p")
    refund = book.reverse(captured.txn_id, key="r", actor="p")
    assert refund.transfers == (Transfer(SHOP, ANNA, UNIT, 30),)
    assert (available(book, ANNA), available(book, SHOP), book.balance(ANNA, UNIT).held) == (60, 0, 0)
    again = book.reverse(refund.txn_id, key="rr", actor="p")
    assert again.transfers == (Transfer(ANNA, SHOP, UNIT, 30),)
    assert book.verify().ok


def test_a_hold_and_a_release_are_not_reversed(book: Ledger) -> None:
    earn(book, ANNA, 60)
    held = book.hold(ANNA, UNIT, 50, expires_at=None, key="h", actor="p")
    released = book.release(held.txn_id, key="r", actor="p")
    for txn_id in (held.txn_id, released.txn_id):
        with pytest.raises(errors.InvalidTxn):
            book.reverse(txn_id, key="rr", actor="p")


@pytest.mark.parametrize("frozen", [ANNA, ISSUANCE])
def test_a_frozen_account_is_thawed_before_its_transactions_are_reversed(book: Ledger, frozen: str) -> None:
    posted = earn(book, ANNA, 60)
    book.freeze(frozen, UNIT)
    with pytest.raises(errors.AccountFrozen):
        book.reverse(posted.txn_id, key="r", actor="p")


def test_an_unknown_transaction_is_not_reversed(book: Ledger) -> None:
    with pytest.raises(errors.UnknownTxn):
        book.reverse(uuid.uuid4(), key="r", actor="p")


@pytest.mark.parametrize(("txn_id", "shortfall"), [("text", "reject"), (uuid.uuid4(), "forgive")])
def test_a_malformed_reversal_is_refused(book: Ledger, txn_id: Any, shortfall: Any) -> None:
    with pytest.raises(errors.InvalidTxn):
        book.reverse(txn_id, key="r", actor="p", shortfall=shortfall)


def test_a_debt_of_two_legs_begins_where_the_money_ends(book: Ledger) -> None:
    both = [Transfer(ISSUANCE, BORIS, UNIT, 10), Transfer(ISSUANCE, BORIS, UNIT, 20)]
    posted = book.post(replace(txn(ISSUANCE, BORIS, 1), transfers=both), key="k")
    pay(book, BORIS, SHOP, 5, key="spent")
    mirrored = book.reverse(posted.txn_id, key="r", actor="p", shortfall="debt")
    debt = f"{BORIS}:debt"
    assert [(one.debit, one.amount) for one in mirrored.transfers] == [(BORIS, 20), (BORIS, 5), (debt, 5)]
    assert (available(book, BORIS), available(book, debt)) == (0, -5)
