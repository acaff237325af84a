"""Posting, single and in batches: what is accepted, what is refused, and what is remembered."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger import Ledger, Receipt, Rejection, Transfer, Txn, errors, requests
from ledger.grammar import MAX_AMOUNT, MAX_BALANCE, MAX_BATCH, MAX_MEMO, MAX_TRANSFERS
from tests.ledger.builders import ANNA, BORIS, ISSUANCE, SHOP, TODAY, UNIT, Clock, available, earn, pay, txn


def test_a_posting_moves_the_amount_once(book: Ledger) -> None:
    receipt = earn(book, ANNA, 90)
    assert (available(book, ANNA), available(book, ISSUANCE)) == (90, -90)
    assert book.transaction(receipt.txn_id).leaf_hash == receipt.leaf_hash


def test_the_same_request_sent_twice_happens_once(book: Ledger) -> None:
    first, second = earn(book, ANNA, 90), earn(book, ANNA, 90)
    assert second == replace(first, replayed=True)
    assert available(book, ANNA) == 90


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": 91},
        {"credit": BORIS},
        {"kind": "bonus"},
        {"effective": TODAY - timedelta(days=1)},
        {"actor": "p:somebody"},
        {"memo": "another"},
    ],
)
def test_the_same_key_with_another_body_is_a_conflict(book: Ledger, changed: dict[str, Any]) -> None:
    said: dict[str, Any] = {"amount": 90, "credit": ANNA}
    book.post(txn(ISSUANCE, **said), key="k")
    with pytest.raises(errors.IdempotencyConflict):
        book.post(txn(ISSUANCE, **{**said, **changed}), key="k")
    assert book.balance(ANNA, UNIT).seq == 1


def test_a_key_belongs_to_one_ledger(book: Ledger, engine: Engine, ledger_id: int) -> None:
    other = Ledger(engine, ledger_id + 1, Clock())
    other.open_account(ISSUANCE, UNIT, kind="issuance", min_balance=None)
    other.open_account(ANNA, UNIT, kind="member")
    earn(book, ANNA, 90)
    assert not earn(other, ANNA, 5).replayed
    assert (available(book, ANNA), available(other, ANNA)) == (90, 5)


def test_an_account_pays_down_to_its_floor_and_not_below(book: Ledger) -> None:
    earn(book, ANNA, 90)
    pay(book, ANNA, BORIS, 90, key="all")
    with pytest.raises(errors.InsufficientFunds):
        pay(book, ANNA, BORIS, 1, key="one more")
    assert (available(book, ANNA), available(book, BORIS)) == (0, 90)


def test_an_account_may_have_a_floor_below_zero(book: Ledger) -> None:
    book.open_account("member:credit", UNIT, kind="member", min_balance=-60)
    pay(book, "member:credit", ANNA, 60, key="a")
    with pytest.raises(errors.InsufficientFunds):
        pay(book, "member:credit", ANNA, 1, key="b")


def test_an_account_fills_up_to_its_ceiling_and_not_above(book: Ledger) -> None:
    book.open_account("member:small", UNIT, kind="member", max_balance=100)
    earn(book, "member:small", 100, key="a")
    with pytest.raises(errors.LimitExceeded):
        earn(book, "member:small", 1, key="b")


def test_what_is_held_counts_towards_the_ceiling_so_that_a_release_finds_room(book: Ledger) -> None:
    book.open_account("member:small", UNIT, kind="member", max_balance=100)
    earn(book, "member:small", 100, key="a")
    hold = book.hold("member:small", UNIT, 40, expires_at=None, key="h", actor="p")
    with pytest.raises(errors.LimitExceeded):
        earn(book, "member:small", 1, key="b")
    book.release(hold.txn_id, key="r", actor="p")
    assert book.balance("member:small", UNIT).available == 100


def test_a_shared_account_with_a_floor_is_refused_as_any_other(book: Ledger) -> None:
    earn(book, SHOP, 30)
    with pytest.raises(errors.InsufficientFunds):
        pay(book, SHOP, ANNA, 31, key="a")
    pay(book, SHOP, ANNA, 30, key="b")
    assert available(book, SHOP) == 0


def test_a_refusal_is_the_answer_for_ever(book: Ledger) -> None:
    with pytest.raises(errors.InsufficientFunds) as first:
        pay(book, ANNA, BORIS, 10, key="k")
    earn(book, ANNA, 90)
    with pytest.raises(errors.InsufficientFunds) as second:
        pay(book, ANNA, BORIS, 10, key="k")
    assert (first.value.replayed, second.value.replayed) == (False, True)
    assert (second.value.message, second.value.key) == (first.value.message, "k")
    pay(book, ANNA, BORIS, 10, key="a new try needs a new key")


def test_a_malformed_request_is_not_remembered(book: Ledger) -> None:
    with pytest.raises(errors.InvalidTxn):
        earn(book, ANNA, 0)
    with pytest.raises(errors.UnknownAccount):
        earn(book, "member:nobody", 5)
    earn(book, ANNA, 90)


def test_a_frozen_account_takes_no_movement_until_it_is_thawed(book: Ledger) -> None:
    earn(book, ANNA, 90)
    book.freeze(ANNA, UNIT)
    with pytest.raises(errors.AccountFrozen):
        pay(book, ANNA, BORIS, 10, key="out")
    with pytest.raises(errors.AccountFrozen):
        earn(book, ANNA, 10, key="in")
    book.thaw(ANNA, UNIT)
    pay(book, ANNA, BORIS, 10, key="again")


def test_a_frozen_shared_account_takes_no_movement(book: Ledger) -> None:
    book.freeze(ISSUANCE, UNIT)
    with pytest.raises(errors.AccountFrozen):
        earn(book, ANNA, 10)
    book.thaw(ISSUANCE, UNIT)
    earn(book, ANNA, 10, key="again")


def test_an_unknown_path_and_a_wrong_unit_are_told_apart(book: Ledger) -> None:
    with pytest.raises(errors.UnknownAccount):
        earn(book, "member:nobody", 5)
    with pytest.raises(errors.UnitMismatch):
        book.post(txn(ISSUANCE, ANNA, 5, unit="PTS"), key="k")


def test_one_transaction_may_move_two_units(book: Ledger) -> None:
    for path in (ISSUANCE, ANNA):
        book.open_account(path, "PTS", kind="points", min_balance=None)
    both = [Transfer(ISSUANCE, ANNA, UNIT, 60), Transfer(ISSUANCE, ANNA, "PTS", 5)]
    book.post(replace(txn(ISSUANCE, ANNA, 1), transfers=both), key="k")
    assert (available(book, ANNA), book.balance(ANNA, "PTS").available) == (60, 5)


def test_only_the_outcome_of_a_transaction_meets_the_floor(book: Ledger) -> None:
    through = [Transfer(ANNA, BORIS, UNIT, 50), Transfer(ISSUANCE, ANNA, UNIT, 50)]
    book.post(replace(txn(ISSUANCE, ANNA, 1), transfers=through), key="k")
    assert (available(book, ANNA), available(book, BORIS)) == (0, 50)
    assert [entry.balance_after for entry in book.statement(ANNA, UNIT).items] == [0, -50]


@pytest.mark.parametrize("amount", [0, -1, MAX_AMOUNT + 1, True, 1.0, Decimal(1), "1", None])
def test_an_amount_is_an_integer_from_one_to_a_million_millions(book: Ledger, amount: Any) -> None:
    with pytest.raises(errors.InvalidTxn):
        earn(book, ANNA, amount)


@pytest.mark.parametrize("amount", [1, MAX_AMOUNT])
def test_the_smallest_and_the_greatest_amount_are_posted(book: Ledger, amount: int) -> None:
    earn(book, ANNA, amount)
    assert available(book, ANNA) == amount


@pytest.mark.parametrize(
    "changed",
    [
        {"debit": "member anna"},
        {"debit": ""},
        {"debit": ":anna"},
        {"debit": "member:anna:"},
        {"debit": "member:anna\n"},
        {"debit": "a" * 121},
        {"debit": 5},
        {"debit": "member:anna:held"},
        {"credit": "member:anna:held"},
        {"credit": ISSUANCE},
        {"unit": "min"},
        {"unit": "M"},
        {"unit": None},
        {"kind": "hold"},
        {"kind": "capture"},
        {"kind": "release"},
        {"kind": "reversal"},
        {"kind": "Credit"},
        {"kind": ""},
        {"effective": None},
        {"effective": "2026-01-01"},
        {"effective": date(1899, 12, 31)},
        {"effective": date(3000, 1, 1)},
        {"actor": ""},
        {"actor": None},
        {"memo": ""},
        {"memo": "two\nlines"},
        {"memo": "two\u2028lines"},
        {"memo": "nul\x00"},
        {"memo": "\ud800"},
        {"memo": "x" * (MAX_MEMO + 1)},
    ],
)
def test_a_malformed_transaction_is_refused(book: Ledger, changed: dict[str, Any]) -> None:
    said = {"debit": ISSUANCE, "credit": ANNA, "amount": 5, **changed}
    with pytest.raises(errors.InvalidTxn):
        book.post(txn(**said), key="k")


@pytest.mark.parametrize("key", ["", "x" * 201, None, 5, "two\nlines"])
def test_a_malformed_key_is_refused(book: Ledger, key: Any) -> None:
    with pytest.raises(errors.InvalidTxn):
        earn(book, ANNA, 5, key=key)


def test_the_longest_words_are_accepted(book: Ledger) -> None:
    longest = "a" * 120
    book.open_account(longest, "A" * 12, kind="k" * 40, min_balance=None)
    book.open_account("b", "A" * 12, kind="member")
    said = txn(longest, "b", 5, unit="A" * 12, kind="k" * 40, actor="p" * 120, memo="m" * MAX_MEMO)
    assert book.post(replace(said, effective=date(1900, 1, 1)), key="k" * 200)


def test_a_transaction_has_one_to_two_hundred_transfers(book: Ledger) -> None:
    one = Transfer(ISSUANCE, ANNA, UNIT, 1)
    whole = txn(ISSUANCE, ANNA, 1)
    with pytest.raises(errors.InvalidTxn):
        book.post(replace(whole, transfers=[]), key="none")
    with pytest.raises(errors.InvalidTxn):
        book.post(replace(whole, transfers=[one] * (MAX_TRANSFERS + 1)), key="many")
    book.post(replace(whole, transfers=[one] * MAX_TRANSFERS), key="most")
    assert available(book, ANNA) == MAX_TRANSFERS


def test_a_memo_is_kept_in_its_normal_form(book: Ledger) -> None:
    receipt = book.post(txn(ISSUANCE, ANNA, 5, memo="Cafe\u0301 𠮷"), key="k")
    assert book.transaction(receipt.txn_id).memo == "Café 𠮷"
    assert book.post(txn(ISSUANCE, ANNA, 5, memo="Café 𠮷"), key="k").replayed


def test_recorded_moments_of_an_account_never_go_back(book: Ledger, clock: Clock) -> None:
    first = earn(book, ANNA, 5, key="a")
    clock.move(hours=-1)
    second = earn(book, ANNA, 5, key="b")
    assert second.recorded_at == first.recorded_at + timedelta(microseconds=1)
    clock.move(hours=2)
    assert earn(book, ANNA, 5, key="c").recorded_at == clock.now


def test_a_batch_answers_each_in_order_and_one_refusal_stops_nobody(book: Ledger) -> None:
    answers = book.post_many(
        [
            ("a", txn(ISSUANCE, ANNA, 10)),
            ("b", txn(ANNA, BORIS, 11)),
            ("c", txn(ANNA, BORIS, 10)),
            ("d", txn(ISSUANCE, "member:nobody", 1)),
            ("e", txn(ISSUANCE, ANNA, 0)),
            ("a", txn(ISSUANCE, ANNA, 10)),
            ("a", txn(ISSUANCE, ANNA, 12)),
            ("b", txn(ANNA, BORIS, 11)),
        ]
    )
    codes = [answer.code if isinstance(answer, Rejection) else "posted" for answer in answers]
    assert codes == [
        "posted",
        "insufficient_funds",
        "posted",
        "unknown_account",
        "invalid_txn",
        "posted",
        "idempotency_conflict",
        "insufficient_funds",
    ]
    assert [answer.replayed for answer in answers] == [False] * 5 + [True, False, True]
    assert (available(book, ANNA), available(book, BORIS)) == (0, 10)
    assert book.verify().ok


def test_a_batch_sent_again_is_answered_the_same(book: Ledger) -> None:
    batch = [(f"k{number}", txn(ISSUANCE, ANNA, number)) for number in range(1, 6)]
    batch.append(("no", txn(ANNA, BORIS, 1_000)))
    first, second = book.post_many(batch), book.post_many(batch)
    ids = [[a.txn_id for a in answers if isinstance(a, Receipt)] for answers in (first, second)]
    assert ids[0] == ids[1]
    assert [a.replayed for a in second] == [True] * 6
    assert book.balance(ANNA, UNIT).seq == 5


def test_an_atomic_batch_posts_all_or_none(book: Ledger) -> None:
    good, bad = ("a", txn(ISSUANCE, ANNA, 10)), ("b", txn(BORIS, ANNA, 1))
    with pytest.raises(errors.InsufficientFunds) as refused:
        book.post_many([good, bad], atomic=True)
    assert refused.value.key == "b"
    with pytest.raises(errors.InsufficientFunds) as known:
        book.post_many([good, bad], atomic=True)
    assert (known.value.key, known.value.replayed) == ("b", True)
    with pytest.raises(errors.IdempotencyConflict):
        book.post_many([good, ("a", txn(ISSUANCE, ANNA, 11))], atomic=True)
    assert available(book, ANNA) == 0
    for broken in (txn(ISSUANCE, ANNA, 0), txn(ISSUANCE, "member:nobody", 1)):
        with pytest.raises(errors.LedgerError):
            book.post_many([good, ("c", broken)], atomic=True)
    assert not any(answer.replayed for answer in book.post_many([good], atomic=True))
    assert available(book, ANNA) == 10


def test_an_atomic_batch_may_contain_its_own_repetition(book: Ledger) -> None:
    good = ("a", txn(ISSUANCE, ANNA, 10))
    assert [answer.replayed for answer in book.post_many([good, good], atomic=True)] == [False, True]


def test_a_shared_account_with_a_floor_refuses_within_a_batch_exactly(book: Ledger) -> None:
    earn(book, SHOP, 25)
    answers = book.post_many([(f"k{number}", txn(SHOP, ANNA, 10)) for number in range(4)])
    assert [isinstance(answer, Receipt) for answer in answers] == [True, True, False, False]
    assert book.verify().ok


def test_a_later_transaction_of_a_batch_does_not_pay_for_an_earlier_one(book: Ledger) -> None:
    batch = [("1", txn(ISSUANCE, BORIS, 42)), ("2", txn(SHOP, ANNA, 27)), ("3", txn(ISSUANCE, SHOP, 109))]
    answers = book.post_many(batch)
    assert [isinstance(answer, Receipt) for answer in answers] == [True, False, True]
    assert (available(book, ANNA), available(book, SHOP)) == (0, 109)


def test_a_batch_has_at_most_a_thousand(book: Ledger) -> None:
    batch = [(f"k{number}", txn(ISSUANCE, ANNA, 1)) for number in range(MAX_BATCH + 1)]
    with pytest.raises(errors.InvalidTxn):
        book.post_many(batch)
    assert len(book.post_many(batch[:-1])) == MAX_BATCH
    assert available(book, ANNA) == MAX_BATCH
    assert book.post_many([]) == []


def test_the_first_refusal_of_an_atomic_batch_is_the_answer_even_by_a_shared_account(book: Ledger) -> None:
    book.freeze(ISSUANCE, UNIT)
    batch = [("first", txn(ISSUANCE, ANNA, 1)), ("second", txn(BORIS, ANNA, 1))]
    with pytest.raises(errors.AccountFrozen) as refusal:
        book.post_many(batch, atomic=True)
    assert refusal.value.key == "first"


def test_an_atomic_batch_is_refused_by_its_first_refusal_even_where_that_is_a_shared_accounts(book: Ledger) -> None:
    """Shared accounts are looked at last; the first of the batch is still the one that counts."""
    book.open_account("member:small", UNIT, kind="member", max_balance=10)
    batch = [("a", txn(SHOP, ANNA, 5)), ("b", txn(ISSUANCE, "member:small", 11))]
    with pytest.raises(errors.InsufficientFunds) as refused:
        book.post_many(batch, atomic=True)
    assert refused.value.key == "a"


def test_a_day_to_end_on_lies_before_the_year_3000(book: Ledger) -> None:
    whole = txn(ISSUANCE, ANNA, 1)
    late = Transfer(ISSUANCE, ANNA, UNIT, 1, expires_on=date(3000, 1, 1))
    with pytest.raises(errors.InvalidTxn, match="2999"):
        book.post(replace(whole, transfers=[late]), key="late")
    book.post(replace(whole, transfers=[replace(late, expires_on=date(2999, 12, 31))]), key="in time")


def test_what_was_asked_keeps_its_hash_from_version_to_version() -> None:
    """A book that is years old answers a request sent again only while the digest of the same words is the same."""
    said = Txn("credit", [Transfer("issue", "anna", "MIN", 5)], date(2026, 1, 31), "p:1", "memo")
    dated = replace(said, transfers=[replace(said.transfers[0], expires_on=date(2027, 1, 31))])
    hashes = [requests.posting("k", one).request.request_hash.hex() for one in (said, dated)]
    assert hashes == [
        "678b5811a129786671f37e7e4cd03526f750d1d86a2ecdf8805ce57564a724fa",
        "f8f2a25e3558d9db1dd9c9a019a6a46f3cc1e34fed7e06eb03e45da064d69f5d",
    ]


def test_two_legs_of_one_payer_count_together(book: Ledger) -> None:
    earn(book, ANNA, 100)
    legs = [Transfer(ANNA, BORIS, UNIT, 60), Transfer(ANNA, SHOP, UNIT, 60)]
    with pytest.raises(errors.InsufficientFunds, match=f"{ANNA} lacks 20 {UNIT}"):
        book.post(replace(txn(ANNA, BORIS, 1), transfers=legs), key="both")
    assert (available(book, ANNA), available(book, BORIS), available(book, SHOP)) == (100, 0, 0)


def test_a_full_account_says_by_how_much(book: Ledger) -> None:
    book.open_account("member:carla", UNIT, kind="member", max_balance=50)
    earn(book, "member:carla", 30, key="first")
    with pytest.raises(errors.LimitExceeded, match="would be 10 above"):
        earn(book, "member:carla", 30, key="second")


def test_a_bound_is_as_wide_as_a_balance(book: Ledger) -> None:
    widest = {"min_balance": -MAX_BALANCE, "max_balance": MAX_BALANCE}
    assert book.open_account("wide", UNIT, kind="member", **widest).min_balance == -MAX_BALANCE
    with pytest.raises(errors.InvalidTxn):
        book.open_account("wider", UNIT, kind="member", min_balance=-MAX_BALANCE - 1)


def test_what_ends_today_can_be_passed_on_in_the_same_transaction(book: Ledger) -> None:
    legs = [Transfer(ISSUANCE, ANNA, UNIT, 10, expires_on=TODAY), Transfer(ANNA, BORIS, UNIT, 10)]
    book.post(replace(txn(ISSUANCE, ANNA, 1), transfers=legs), key="today")
    assert (available(book, ANNA), available(book, BORIS)) == (0, 10)


def test_every_refusal_of_a_batch_names_its_key(book: Ledger) -> None:
    shared = replace(txn(ISSUANCE, SHOP, 1), transfers=[Transfer(ISSUANCE, SHOP, UNIT, 1, expires_on=TODAY)])
    batch = [("unknown", txn(ISSUANCE, "member:nobody", 1)), ("shared", shared), ("poor", txn(ANNA, BORIS, 1))]
    for _ in range(2):
        answers = book.post_many(batch)
        assert [one.error.key for one in answers if isinstance(one, Rejection)] == ["unknown", "shared", "poor"]
