"""A shop that is no more leaves nobody with hours held for it."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select

from bank import chart
from bank.shop import operations as shop
from bank.shop import queueing, stock
from bank.shop.models import PointBudget, QueuePlace
from bank.shop.refusals import NotOffered
from tests.shop.market import Market, credit
from tests.shop.test_queue_by_card import messages


def close(market: Market, shop_id: str, who: str = "coordinator") -> int:
    return market.world.page(who).post(f"/shops/{shop_id}/closing").status_code


def test_vouchers_of_a_closed_provider_go_back_and_nothing_more_is_sold(market: Market) -> None:
    before = market.has(unit=chart.MINUTES).available
    placed = market.order(item=market.haircut)
    done = market.hand_over(market.order(item=market.haircut), "barber")
    assert "全部下架" in market.world.page("coordinator").get(f"/shops/{market.barber_shop}").text
    for who in ("barber", "volunteer"):
        assert close(market, market.barber_shop, who) == 403
    assert close(market, market.barber_shop) == 303
    assert (market.state(placed), market.state(done)) == ("cancelled", "handed_over")
    assert market.has(unit=chart.MINUTES).available == before - 30
    assert "这家店不做了" in market.world.page("volunteer").get(f"/v/{placed.voucher_code}").text
    with pytest.raises(NotOffered):
        market.order(item=market.haircut)
    assert market.order().state == "held"
    assert close(market, market.barber_shop) == 303


def test_who_queues_for_a_closed_shop_is_told_and_the_budget_goes_back(market: Market) -> None:
    market.adopt(shop_budget_fen_per_month=150, point_reference_fen=10)
    placed = market.order()
    for who in ("resident", "panel"):
        credit(market.world, who, chart.POINTS, 100)
        market.queue(who)
    market.cancel(placed)
    with market.world.write() as session:
        assert queueing.call_due(session, now=market.now) == 1
    assert close(market, market.goods_shop) == 303
    with market.world.write() as session:
        assert session.scalars(select(QueuePlace.state)).all() == ["left", "left"]
        assert session.scalars(select(PointBudget.points)).all() == [0]
    assert any("这家店不做了" in sentence for sentence in messages(market, "panel"))


def test_another_communitys_shop_is_not_there(market: Market) -> None:
    assert close(market, market.goods_shop, "stranger_coordinator") == 404


def test_an_order_that_is_being_placed_while_the_shop_closes_goes_back(market: Market) -> None:
    before = market.has(unit=chart.MINUTES).available
    buyer = market.world.actor("volunteer")
    closing = threading.Thread(target=close, args=(market, market.barber_shop))
    with market.world.write() as session:
        placed = shop.order(session, buyer, item_id=market.haircut, quantity=1, now=market.now)
        closing.start()
        closing.join(1)
        assert closing.is_alive()
    closing.join()
    assert market.state(placed) == "cancelled"
    assert market.has(unit=chart.MINUTES).available == before


def test_a_shop_that_only_paused_still_closes_while_somebody_waits(market: Market) -> None:
    placed, barber = market.order(item=market.haircut), market.world.actor("barber")
    with market.world.write() as session:
        stock.offer(session, barber, market.haircut, is_offered=False)
    page = market.world.page("coordinator")
    assert "全部下架" in page.get(f"/shops/{market.barber_shop}").text
    assert close(market, market.barber_shop) == 303
    assert market.state(placed) == "cancelled"
    assert "全部下架，退回" not in page.get(f"/shops/{market.barber_shop}").text


def test_a_place_that_is_being_taken_while_the_shop_closes_ends_with_it(market: Market) -> None:
    market.adopt(shop_budget_fen_per_month=150, point_reference_fen=10)
    market.order()
    credit(market.world, "resident", chart.POINTS, 100)
    waiter = market.world.actor("resident")
    closing = threading.Thread(target=close, args=(market, market.goods_shop))
    with market.world.write() as session:
        queueing.join(session, waiter, item_id=market.soap, quantity=1, now=market.now)
        closing.start()
        closing.join(1)
        assert closing.is_alive()
    closing.join()
    with market.world.write() as session:
        assert session.scalars(select(QueuePlace.state)).all() == ["left"]
