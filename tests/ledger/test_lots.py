"""Amounts that end on a day: which are paid first, where they go, and how they end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, text

from ledger import Ledger, Transfer, Txn, canonical, errors
from ledger.expiring import LotVerbs
from ledger.wire import Wire
from tests.ledger.builders import ANNA, BORIS, ISSUANCE, SHOP, TODAY, UNIT, Clock, available, pay

APRIL, MAY, JUNE = date(2026, 4, 30), date(2026, 5, 31), date(2026, 6, 30)
POOL = "pool"


@pytest.fixture
def pooled(book: Ledger) -> Iterator[Ledger]:
    """A book with a pool, and 10 of April, 20 of May and 5 without a day on Anna's account; clean in the end."""
    book.open_account(POOL, UNIT, kind="pool", is_shared=True)
    earn_until(book, ANNA, 20, MAY, key="may")
    earn_until(book, ANNA, 5, None, key="never")
    earn_until(book, ANNA, 10, APRIL, key="april")
    yield book
    assert book.verify().ok


def earn_until(book: Ledger, path: str, amount: int, last: date | None, *, key: str) -> Any:
    transfers = [Transfer(ISSUANCE, path, UNIT, amount, last)]
    return book.post(Txn("credit", transfers, TODAY, "p:coordinator"), key=key)


def lots(book: Ledger, path: str = ANNA) -> list[tuple[date | None, int]]:
    return [(lot.expires_on, lot.amount) for lot in book.lots(path, UNIT)]


def later(clock: Clock, day: date) -> datetime:
    """Move the clock to the morning of a day."""
    clock.now = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
    return clock.now


def expire(book: Ledger, clock: Clock) -> int:
    return book.expire(clock.now, to=POOL, actor="p:job")


def test_lots_add_up_to_the_balance_and_are_listed_by_their_day(pooled: Ledger) -> None:
    assert lots(pooled) == [(APRIL, 10), (MAY, 20), (None, 5)]
    assert available(pooled, ANNA) == 35


def test_what_arrives_twice_in_one_transaction_is_one_lot(pooled: Ledger) -> None:
    twice = [Transfer(ISSUANCE, ANNA, UNIT, amount, MAY) for amount in (3, 4)]
    pooled.post(Txn("credit", twice, TODAY, "p"), key="twice")
    assert lots(pooled) == [(APRIL, 10), (MAY, 27), (None, 5)]


def test_who_pays_pays_what_ends_first_and_last_what_never_ends(pooled: Ledger) -> None:
    pay(pooled, ANNA, SHOP, 12, key="1")
    assert lots(pooled) == [(MAY, 18), (None, 5)]
    pay(pooled, ANNA, SHOP, 20, key="2")
    assert lots(pooled) == [(None, 3)]
    assert lots(pooled, SHOP) == [(None, 32)]


def test_a_gift_keeps_its_days(pooled: Ledger) -> None:
    pay(pooled, ANNA, BORIS, 32, key="1")
    assert lots(pooled, BORIS) == [(APRIL, 10), (MAY, 20), (None, 2)]


def test_a_lot_can_be_used_through_its_last_day_and_not_after(pooled: Ledger, clock: Clock) -> None:
    later(clock, APRIL)
    pay(pooled, ANNA, SHOP, 1, key="1")
    assert lots(pooled)[0] == (APRIL, 9)
    later(clock, date(2026, 5, 1))
    with pytest.raises(errors.InsufficientFunds, match="lacks 1 MIN: 9 ended") as first:  # though no job took the nine
        pay(pooled, ANNA, SHOP, 26, key="2")
    with pytest.raises(errors.InsufficientFunds) as again:
        pay(pooled, ANNA, SHOP, 26, key="2")
    assert (again.value.message, again.value.replayed) == (first.value.message, True)
    pay(pooled, ANNA, SHOP, 25, key="3")
    assert lots(pooled) == [(APRIL, 9)]


@pytest.mark.parametrize(("amount", "is_refused"), [(5, False), (6, True)])
def test_nobody_pays_with_what_is_over_as_it_comes(pooled: Ledger, clock: Clock, amount: int, is_refused: bool) -> None:
    later(clock, JUNE)
    late = [Transfer(ISSUANCE, BORIS, UNIT, 10, MAY), Transfer(ISSUANCE, BORIS, UNIT, 5)]
    request = Txn("gift", [*late, Transfer(BORIS, SHOP, UNIT, amount)], JUNE, "p:x")
    if is_refused:
        with pytest.raises(errors.InsufficientFunds):
            pooled.post(request, key="1")
    else:
        pooled.post(request, key="1")
        assert lots(pooled, BORIS) == [(MAY, 10)]
    assert pooled.verify().ok


def test_on_its_last_day_all_of_a_lot_can_be_spent(pooled: Ledger, clock: Clock) -> None:
    later(clock, APRIL)
    pay(pooled, ANNA, SHOP, 35, key="1")
    assert lots(pooled) == []


def test_what_a_gift_is_said_to_last_holds_for_what_has_no_day_yet(pooled: Ledger) -> None:
    pooled.post(Txn("gift", [Transfer(ANNA, BORIS, UNIT, 33, JUNE)], TODAY, "p"), key="1")
    assert lots(pooled, BORIS) == [(APRIL, 10), (MAY, 20), (JUNE, 3)]


def test_which_day_it_is_for_an_expiry_is_told_by_the_books_zone(pooled: Ledger, engine: Engine, clock: Clock) -> None:
    east = Ledger(engine, pooled._ledger_id, clock, zone=ZoneInfo("Asia/Shanghai"))
    clock.now = datetime(2026, 4, 30, 15, 59, tzinfo=UTC)
    assert expire(east, clock) == 0
    clock.move(minutes=1)
    assert expire(pooled, clock) == 0
    assert expire(east, clock) == 1


def test_an_expiry_of_a_lot_that_is_gone_takes_nothing(
    pooled: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: Any = LotVerbs._plans

    def stale(self: Any, desk: Any, **said: Any) -> list[Any]:
        return [replace(plan, lot=JUNE) for plan in plans(self, desk, **said)]

    monkeypatch.setattr(LotVerbs, "_plans", stale)
    later(clock, date(2026, 5, 1))
    assert expire(pooled, clock) == 0
    assert lots(pooled)[0] == (APRIL, 10)


def test_what_ended_goes_to_the_pool_once(pooled: Ledger, clock: Clock) -> None:
    later(clock, APRIL)
    assert expire(pooled, clock) == 0
    later(clock, date(2026, 5, 1))
    assert expire(pooled, clock) == 1
    assert expire(pooled, clock) == 0
    assert (available(pooled, ANNA), available(pooled, POOL)) == (25, 10)
    line = pooled.statement(ANNA, UNIT).items[0]
    assert (line.kind, line.amount, line.counterparties) == ("expiry", -10, (POOL,))
    assert pooled.verify().ok


def test_a_hold_carries_its_lots_and_pays_with_them_after_their_day(pooled: Ledger, clock: Clock) -> None:
    held = pooled.hold(ANNA, UNIT, 15, expires_at=None, key="h", actor="p")
    assert lots(pooled) == [(MAY, 15), (None, 5)]
    later(clock, date(2026, 5, 1))
    assert expire(pooled, clock) == 0
    pooled.capture(held.txn_id, SHOP, 12, key="c", actor="p")
    assert lots(pooled) == [(MAY, 18), (None, 5)]


def test_what_is_released_after_its_day_ends_at_once(pooled: Ledger, clock: Clock) -> None:
    held = pooled.hold(ANNA, UNIT, 15, expires_at=None, key="h", actor="p")
    later(clock, date(2026, 5, 1))
    pooled.release(held.txn_id, key="r", actor="p")
    assert lots(pooled) == [(APRIL, 10), (MAY, 20), (None, 5)]
    assert expire(pooled, clock) == 1
    assert lots(pooled) == [(MAY, 20), (None, 5)]


def test_two_holds_pay_each_with_its_own_lots(pooled: Ledger) -> None:
    first = pooled.hold(ANNA, UNIT, 10, expires_at=None, key="h1", actor="p")
    second = pooled.hold(ANNA, UNIT, 20, expires_at=None, key="h2", actor="p")
    pooled.capture(second.txn_id, BORIS, key="c2", actor="p")
    pooled.release(first.txn_id, key="r1", actor="p")
    assert lots(pooled, BORIS) == [(MAY, 20)]
    assert lots(pooled) == [(APRIL, 10), (None, 5)]


def test_what_a_capture_leaves_goes_back_to_the_lots_its_own_hold_took(pooled: Ledger) -> None:
    first = pooled.hold(ANNA, UNIT, 6, expires_at=None, key="h1", actor="p")
    second = pooled.hold(ANNA, UNIT, 10, expires_at=None, key="h2", actor="p")
    pooled.capture(second.txn_id, BORIS, 5, key="c2", actor="p")
    assert lots(pooled, BORIS) == [(APRIL, 4), (MAY, 1)]
    assert lots(pooled) == [(MAY, 19), (None, 5)]
    pooled.release(first.txn_id, key="r1", actor="p")
    assert lots(pooled) == [(APRIL, 6), (MAY, 19), (None, 5)]


def test_a_credit_whose_lot_was_spent_is_taken_back_from_what_is_there(book: Ledger) -> None:
    credit = earn_until(book, ANNA, 4, MAY, key="4")
    pay(book, ANNA, SHOP, 4, key="spent")
    earn_until(book, ANNA, 3, APRIL, key="3")
    earn_until(book, ANNA, 4, None, key="never")
    book.reverse(credit.txn_id, key="r", actor="p")
    assert lots(book) == [(None, 3)]
    assert book.verify().ok


def test_a_credit_taken_back_takes_what_is_left_of_its_lot_once(book: Ledger) -> None:
    credit = earn_until(book, ANNA, 10, MAY, key="10")
    pay(book, ANNA, SHOP, 6, key="spent")
    earn_until(book, ANNA, 7, None, key="never")
    book.reverse(credit.txn_id, key="r", actor="p")
    assert lots(book) == [(None, 1)]


def test_a_reversal_gives_the_same_lots_back(pooled: Ledger) -> None:
    spent = pay(pooled, ANNA, SHOP, 32, key="1")
    pooled.reverse(spent.txn_id, key="r", actor="p")
    assert lots(pooled) == [(APRIL, 10), (MAY, 20), (None, 5)]


def test_what_comes_back_on_its_last_day_ends_with_it(pooled: Ledger, clock: Clock) -> None:
    spent = pay(pooled, ANNA, SHOP, 32, key="1")
    later(clock, APRIL)
    pooled.reverse(spent.txn_id, key="r", actor="p")
    assert lots(pooled) == [(APRIL, 10), (MAY, 20), (None, 5)]


def test_what_a_reversal_gives_back_too_late_has_a_month_of_grace(pooled: Ledger, clock: Clock) -> None:
    spent = pay(pooled, ANNA, SHOP, 32, key="1")
    later(clock, date(2026, 5, 4))
    pooled.reverse(spent.txn_id, key="r", actor="p")
    assert lots(pooled) == [(MAY, 20), (JUNE, 10), (None, 5)]


@pytest.mark.parametrize("amount", [1, 4])
def test_a_credit_taken_back_takes_its_own_lot_first(pooled: Ledger, amount: int) -> None:
    credit = earn_until(pooled, ANNA, amount, MAY, key="more")
    pooled.reverse(credit.txn_id, key="r", actor="p")
    assert lots(pooled) == [(APRIL, 10), (MAY, 20), (None, 5)]


def test_an_expiry_can_be_taken_back_and_then_lasts_its_grace(pooled: Ledger, clock: Clock) -> None:
    later(clock, date(2026, 5, 1))
    expire(pooled, clock)
    mistake = pooled.statement(ANNA, UNIT).items[0]
    pooled.reverse(mistake.txn_id, key="r", actor="p")
    assert expire(pooled, clock) == 0
    assert lots(pooled) == [(MAY, 30), (None, 5)]


def test_a_frozen_account_loses_nothing_until_it_is_thawed(pooled: Ledger, clock: Clock) -> None:
    pooled.freeze(ANNA, UNIT)
    later(clock, date(2026, 5, 1))
    assert expire(pooled, clock) == 0
    pooled.thaw(ANNA, UNIT)
    assert expire(pooled, clock) == 1


def test_an_overdrawn_account_is_made_good_first(book: Ledger) -> None:
    book.open_account("member:credit", UNIT, kind="member", min_balance=-50)
    pay(book, "member:credit", SHOP, 30, key="1")
    earn_until(book, "member:credit", 50, MAY, key="2")
    assert lots(book, "member:credit") == [(MAY, 20)]


def test_who_overdraws_beyond_a_lot_is_made_good_by_the_next_transfer_of_the_same_transaction(book: Ledger) -> None:
    debtor = "member:credit"
    book.open_account(debtor, UNIT, kind="member", min_balance=-50)
    earn_until(book, debtor, 10, MAY, key="1")
    both = [Transfer(debtor, SHOP, UNIT, 30), Transfer(ISSUANCE, debtor, UNIT, 15, MAY)]
    book.post(Txn("credit", both, TODAY, "p"), key="2")
    assert lots(book, debtor) == [(None, -5)]


def test_nothing_ends_on_a_shared_account_and_only_there_can_it_lie_after_its_end(pooled: Ledger, clock: Clock) -> None:
    with pytest.raises(errors.InvalidTxn, match="shared"):
        earn_until(pooled, SHOP, 5, MAY, key="s")
    later(clock, date(2026, 5, 1))
    with pytest.raises(errors.InvalidTxn, match="shared"):
        pooled.expire(clock.now, to=BORIS, actor="p")


def test_nobody_expires_what_has_not_ended_by_the_books_clock(pooled: Ledger, clock: Clock) -> None:
    with pytest.raises(errors.InvalidTxn, match="not come"):
        pooled.expire(clock.now + timedelta(days=90), to=POOL, actor="p")


def test_expiry_is_a_verb_of_its_own(book: Ledger) -> None:
    with pytest.raises(errors.InvalidTxn, match="verb"):
        book.post(Txn("expiry", [Transfer(ANNA, SHOP, UNIT, 1)], TODAY, "p"), key="k")


def test_the_same_key_with_another_last_day_is_another_body(pooled: Ledger) -> None:
    with pytest.raises(errors.IdempotencyConflict):
        earn_until(pooled, ANNA, 10, MAY, key="april")
    with pytest.raises(errors.IdempotencyConflict):
        earn_until(pooled, ANNA, 10, None, key="april")
    assert earn_until(pooled, ANNA, 10, APRIL, key="april").replayed


def test_the_receipt_and_the_record_name_the_last_day(pooled: Ledger) -> None:
    receipt = earn_until(pooled, ANNA, 1, JUNE, key="june")
    assert receipt.transfers == pooled.transaction(receipt.txn_id).transfers
    assert receipt.transfers[0].expires_on == JUNE


def test_coins_that_never_end_cost_no_statement_more(
    pooled: Ledger, engine: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guard: balance.dated, read with the locks; only a payer with dated lots looks for them."""
    counted = Ledger(engine.execution_options(ledger_portable=True), pooled._ledger_id, clock)
    sent: list[str] = []
    plain = Wire.__dict__["_send"]

    def send(self: Wire, sql: str, params: Any) -> None:
        sent.append(sql)
        plain(self, sql, params)

    monkeypatch.setattr(Wire, "_send", send)
    pay(counted, ISSUANCE, BORIS, 3, key="earned")
    pay(counted, BORIS, SHOP, 1, key="warm")
    pay(counted, ANNA, SHOP, 1, key="warm, too")
    sent.clear()
    pay(counted, BORIS, SHOP, 1, key="1")
    plain_cost = len(sent)
    assert not any(" lot" in sql for sql in sent)
    sent.clear()
    pay(counted, ANNA, SHOP, 1, key="2")
    assert len(sent) == plain_cost + 3  # the lots read, the moves written, the lots taken from


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("UPDATE lot SET consumed = consumed + 1", "a lot is the sum of its moves"),
        ("UPDATE balance SET dated = dated - 1 WHERE dated > 0", "the dated part of a balance is the sum of its lots"),
    ],
)
def test_a_wrong_lot_is_named_and_made_anew(pooled: Ledger, engine: Engine, change: str, rule: str) -> None:
    with engine.begin() as connection:
        where = "AND" if "WHERE" in change else "WHERE"
        connection.execute(text(f"{change} {where} ledger_id = {pooled._ledger_id}"))
    assert rule in {finding.rule for finding in pooled.verify().findings}
    assert pooled.rebuild()["lot"] > 0
    assert pooled.verify().ok
    assert lots(pooled) == [(APRIL, 10), (MAY, 20), (None, 5)]


def test_the_database_keeps_lots_within_the_balance(pooled: Ledger, engine: Engine) -> None:
    with pytest.raises(Exception, match=r"ck_balance_dated|CHECK"), engine.begin() as connection:
        connection.execute(text(f"UPDATE balance SET dated = dated + 100 WHERE ledger_id = {pooled._ledger_id}"))


def test_the_bytes_of_a_transaction_with_a_last_day_are_frozen() -> None:
    said = {
        "ledger_id": 7, "txn_id": bytes(16), "kind": "credit", "effective": "2026-03-02", "recorded_us": 5,
        "actor": "p", "reverses": None, "resolves": None, "relates": None, "expires_us": None, "digest": None,
        "nonce": bytes(16),
    }  # fmt: skip
    rows = [("a", "b", "PTS", 3, APRIL), ("a", "c", "PTS", 4, None)]
    dated = canonical.transaction(transfers=rows, **said)
    assert canonical.leaf_hash(dated).hex() == FROZEN
    assert dated[4:5] == b"2"
    plain = canonical.transaction(transfers=[("a", "b", "PTS", 3, None)], **said)
    assert plain[4:5] == b"1"


FROZEN = "21ad4c6c841eadfc74000fa1ff83c8ee0951a4b1fc184feac674b0aaa1942d66"
