"""Holding, capturing and releasing."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from ledger import Ledger, Receipt, Transfer, errors
from tests.ledger.builders import ANNA, BORIS, ISSUANCE, SHOP, UNIT, Clock, available, earn, pay, txn

HELD = "member:anna:held"


def hold(book: Ledger, amount: int = 60, *, expires_at: datetime | None = None, key: str = "h") -> Receipt:
    return book.hold(ANNA, UNIT, amount, expires_at=expires_at, key=key, actor="p:anna", memo=None)


@pytest.fixture
def rich(book: Ledger) -> Ledger:
    earn(book, ANNA, 100)
    return book


def test_what_is_held_cannot_be_spent(rich: Ledger) -> None:
    hold(rich, 60)
    with pytest.raises(errors.InsufficientFunds):
        pay(rich, ANNA, BORIS, 41, key="too much")
    pay(rich, ANNA, BORIS, 40, key="the rest")
    balance = rich.balance(ANNA, UNIT)
    assert (balance.posted, balance.held, balance.available) == (60, 60, 0)


def test_nobody_holds_more_than_there_is(rich: Ledger) -> None:
    with pytest.raises(errors.InsufficientFunds):
        hold(rich, 101, key="too much")
    hold(rich, 100, key="all")
    with pytest.raises(errors.InsufficientFunds):
        hold(rich, 1, key="one more")


def test_a_capture_pays_the_receiver(rich: Ledger) -> None:
    held = hold(rich, 60)
    receipt = rich.capture(held.txn_id, SHOP, key="c", actor="p:shop")
    assert receipt.transfers == (Transfer(HELD, SHOP, UNIT, 60),)
    assert (available(rich, ANNA), available(rich, SHOP), available(rich, HELD)) == (40, 60, 0)


def test_a_partial_capture_gives_the_rest_back_at_once(rich: Ledger) -> None:
    held = hold(rich, 60)
    receipt = rich.capture(held.txn_id, SHOP, 25, key="c", actor="p:shop")
    assert receipt.transfers == (Transfer(HELD, SHOP, UNIT, 25), Transfer(HELD, ANNA, UNIT, 35))
    assert rich.balance(ANNA, UNIT).posted == rich.balance(ANNA, UNIT).available == 75


def test_a_capture_takes_all_of_the_hold_and_not_more(rich: Ledger) -> None:
    held = hold(rich, 60)
    with pytest.raises(errors.InvalidTxn):
        rich.capture(held.txn_id, SHOP, 61, key="c", actor="p:shop")
    assert len(rich.capture(held.txn_id, SHOP, 60, key="c", actor="p:shop").transfers) == 1


@pytest.mark.parametrize("first", ["capture", "release"])
@pytest.mark.parametrize("second", ["capture", "release"])
def test_a_hold_is_resolved_once(rich: Ledger, first: str, second: str) -> None:
    held = hold(rich, 60)
    resolve = {
        "capture": lambda key: rich.capture(held.txn_id, SHOP, key=key, actor="p"),
        "release": lambda key: rich.release(held.txn_id, key=key, actor="p"),
    }
    resolved = resolve[first]("one")
    with pytest.raises(errors.HoldResolved):
        resolve[second]("two")
    assert resolve[first]("one") == replace(resolved, replayed=True)
    assert rich.transaction(held.txn_id).resolved_by == resolved.txn_id
    assert rich.transaction(resolved.txn_id).resolves_id == held.txn_id


def test_two_holds_of_one_account_do_not_mix(rich: Ledger) -> None:
    first, second = hold(rich, 30, key="a"), hold(rich, 40, key="b")
    rich.capture(first.txn_id, SHOP, key="c", actor="p")
    assert rich.balance(ANNA, UNIT).held == 40
    rich.release(second.txn_id, key="r", actor="p")
    assert (available(rich, ANNA), available(rich, SHOP)) == (70, 30)


def test_a_hold_can_be_captured_until_it_expires(rich: Ledger, clock: Clock) -> None:
    held = hold(rich, 60, expires_at=clock.now + timedelta(hours=1))
    clock.move(hours=1, microseconds=-1)
    assert rich.capture(held.txn_id, SHOP, key="c", actor="p")


def test_from_the_moment_it_expires_a_hold_can_only_be_released(rich: Ledger, clock: Clock) -> None:
    held = hold(rich, 60, expires_at=clock.now + timedelta(hours=1))
    clock.move(hours=1)
    with pytest.raises(errors.HoldExpired):
        rich.capture(held.txn_id, SHOP, key="c", actor="p")
    rich.release(held.txn_id, key="r", actor="p")
    assert available(rich, ANNA) == 100


def test_a_hold_without_a_time_never_expires(rich: Ledger, clock: Clock) -> None:
    held = hold(rich, 60)
    clock.move(days=36_500)
    assert rich.capture(held.txn_id, SHOP, key="c", actor="p")


def test_a_frozen_account_holds_nothing_new_but_keeps_what_it_promised(rich: Ledger) -> None:
    first, second = hold(rich, 30, key="a"), hold(rich, 40, key="b")
    rich.freeze(ANNA, UNIT)
    with pytest.raises(errors.AccountFrozen):
        hold(rich, 1, key="new")
    rich.release(first.txn_id, key="r", actor="p")
    rich.capture(second.txn_id, SHOP, 25, key="c", actor="p")
    assert (available(rich, ANNA), available(rich, SHOP)) == (75, 25)


def test_a_capture_into_a_frozen_account_is_refused(rich: Ledger) -> None:
    held = hold(rich, 60)
    rich.freeze(SHOP, UNIT)
    with pytest.raises(errors.AccountFrozen):
        rich.capture(held.txn_id, SHOP, key="c", actor="p")
    assert rich.balance(ANNA, UNIT).held == 60


def test_a_release_goes_back_to_a_frozen_shared_account(book: Ledger) -> None:
    earn(book, SHOP, 50)
    held = book.hold(SHOP, UNIT, 20, expires_at=None, key="h", actor="p")
    book.freeze(SHOP, UNIT)
    book.release(held.txn_id, key="r", actor="p")
    assert available(book, SHOP) == 50
    assert book.verify().ok


def test_only_a_hold_is_captured_or_released(rich: Ledger) -> None:
    gift = pay(rich, ANNA, BORIS, 10, key="gift")
    with pytest.raises(errors.InvalidTxn):
        rich.capture(gift.txn_id, SHOP, key="c", actor="p")
    with pytest.raises(errors.InvalidTxn):
        rich.release(gift.txn_id, key="r", actor="p")
    with pytest.raises(errors.UnknownTxn):
        rich.release(uuid.uuid4(), key="r", actor="p")


@pytest.mark.parametrize("to", [ANNA, HELD])
def test_a_capture_does_not_go_back_to_its_owner(rich: Ledger, to: str) -> None:
    held = hold(rich, 60)
    with pytest.raises(errors.InvalidTxn):
        rich.capture(held.txn_id, to, key="c", actor="p")


def test_a_capture_stays_in_its_unit(rich: Ledger) -> None:
    rich.open_account("shop:points", "PTS", kind="shop")
    with pytest.raises(errors.UnitMismatch):
        rich.capture(hold(rich, 60).txn_id, "shop:points", key="c", actor="p")


@pytest.mark.parametrize(
    "changed",
    [{"amount": 0}, {"amount": 1.5}, {"expires_at": datetime(2026, 1, 1)}, {"path": HELD}],  # noqa: DTZ001
)
def test_a_malformed_hold_is_refused(rich: Ledger, changed: dict[str, Any]) -> None:
    said = {"path": ANNA, "unit": UNIT, "amount": 5, "expires_at": None, "key": "h", "actor": "p", **changed}
    with pytest.raises(errors.InvalidTxn):
        rich.hold(**said)


def test_the_body_of_a_resolution_belongs_to_its_key(rich: Ledger) -> None:
    first, second = hold(rich, 30, key="a"), hold(rich, 30, key="b")
    rich.capture(first.txn_id, SHOP, key="c", actor="p")
    for again in (
        lambda: rich.capture(second.txn_id, SHOP, key="c", actor="p"),
        lambda: rich.capture(first.txn_id, SHOP, 29, key="c", actor="p"),
        lambda: rich.capture(first.txn_id, BORIS, key="c", actor="p"),
        lambda: rich.release(first.txn_id, key="c", actor="p"),
    ):
        with pytest.raises(errors.IdempotencyConflict):
            again()


def test_days_begin_where_the_book_is_kept(rich: Ledger, clock: Clock) -> None:
    from zoneinfo import ZoneInfo

    clock.now = clock.now.replace(hour=20)
    local = Ledger(rich._engine, rich._ledger_id, clock, zone=ZoneInfo("Asia/Shanghai"))
    held = local.hold(ANNA, UNIT, 5, expires_at=None, key="h", actor="p")
    assert local.transaction(held.txn_id).effective_date == date(2026, 3, 3)
    given = local.release(held.txn_id, key="r", actor="p", effective=date(2026, 3, 1))
    assert local.transaction(given.txn_id).effective_date == date(2026, 3, 1)


def test_an_issuance_account_may_be_held_from(book: Ledger) -> None:
    held = book.hold(ISSUANCE, UNIT, 20, expires_at=None, key="h", actor="p")
    book.capture(held.txn_id, ANNA, 15, key="c", actor="p")
    assert (available(book, ISSUANCE), available(book, ANNA)) == (-15, 15)
    assert book.post(txn(ISSUANCE, ANNA, 1), key="k")
    assert book.verify().ok


def test_a_clock_set_back_before_a_capture_does_not_set_its_owner_back(rich: Ledger, clock: Clock) -> None:
    """The capture touches the owner's row without an entry there: later entries still come later."""
    held = rich.hold(ANNA, UNIT, 10, expires_at=None, key="h", actor="p")
    clock.move(hours=2)
    earn(rich, ANNA, 5, key="later")
    clock.move(hours=-1)
    rich.capture(held.txn_id, SHOP, key="c", actor="p")
    pay(rich, ANNA, BORIS, 1, key="last")
    moments = [entry.recorded_at for entry in rich.statement(ANNA, UNIT).items]
    assert moments == sorted(moments, reverse=True)
