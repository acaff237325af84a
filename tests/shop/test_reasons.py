"""Why a voucher was given back is kept as a code where the bank has words for it, and said in the reader's language."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bank.shop import rules
from bank.shop.models import Order
from tests.shop.market import Market
from tests.shop.test_undoing import take_back

SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def read(market: Market, order: Order) -> tuple[str | None, str | None]:
    with market.world.write() as session:
        found = session.get_one(Order, order.id)
        return found.end_code, found.end_reason


@pytest.mark.parametrize("code", rules.KEEPERS_REASONS)
def test_a_keeper_chooses_a_reason(market: Market, code: str) -> None:
    placed = market.order()
    answer = market.world.page("shop").post(f"/shop/orders/{placed.public_id}/cancellation", data={"why": code})
    assert answer.status_code == 303
    assert read(market, placed) == (code, None)
    assert rules.END_REASONS[code] in market.world.page("volunteer").get(f"/v/{placed.voucher_code}").text


@SQLITE_ONLY
def test_goods_that_are_not_there_are_said_so_in_english(market: Market) -> None:
    placed = market.order(quantity=2)
    market.confirm(market.count_shelf(1))
    assert read(market, placed) == ("not_there", None)
    page = market.world.page("volunteer")
    page.set_cookie("lang", "en")
    shown = page.get(f"/v/{placed.voucher_code}").text
    assert "Too few were there" in shown
    assert "货不够了" not in shown


@SQLITE_ONLY
def test_an_undone_hand_over_and_own_words_keep_their_places(market: Market) -> None:
    undone = take_back(market, market.hand_over(market.order()))
    assert read(market, undone) == ("taken_back", None)
    own = market.order()
    market.cancel(own, "shop", reason="今天停电")
    assert read(market, own) == (None, "今天停电")
    assert "今天停电" in market.world.page("volunteer").get(f"/v/{own.voucher_code}").text


@SQLITE_ONLY
@pytest.mark.parametrize("code", ["struck", "taken_back", "closed", "nothing", "x" * 500])
def test_nobody_claims_a_reason_of_the_banks_own(market: Market, code: str) -> None:
    path = f"/orders/{market.order().public_id}/cancellation"
    assert market.world.api("shop", "POST", path, {"why": code}).status_code == 422


def test_the_database_knows_the_codes(market: Market) -> None:
    market.order()
    with pytest.raises(DBAPIError), market.world.write() as session:
        session.execute(text("UPDATE purchase SET end_code = 'because'"))
