"""A turn in the queue whose hand-over was a mistake: undone, it is their turn again, and nobody else's."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from bank.errors import BankError
from bank.shop import closing, queueing, undoing
from bank.shop.models import Item, Order, QueuePlace
from tests.racing import at_once
from tests.shop.market import Market, credit
from tests.shop.test_budget import limit, run, state, take, used
from tests.shop.test_stock import told
from tests.shop.test_undoing import take_back

SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def called(market: Market) -> QueuePlace:
    """The resident's place, called within a budget of one bar of soap; somebody waits behind."""
    credit(market.world, "panel", "PTS", 100)
    limit(market, 15, budget_take_days=3)
    first = market.order()
    place = market.queue("resident")
    market.queue("panel")
    market.cancel(first)
    assert run(market) == (0, 1)
    return place


def served(market: Market, place: QueuePlace) -> Order:
    return market.hand_over(take(market, place, "resident"))


def test_who_was_called_is_called_again_and_the_budget_stays_theirs(market: Market, called: QueuePlace) -> None:
    take_back(market, served(market, called))
    assert (state(market, called), used(market)) == ("called", {11: 15})
    assert run(market) == (0, 0)
    assert undoing._UNDONE_IN_TURN in told(market, "resident")
    assert market.has("resident").available == 100
    market.world.clock.advance(seconds=1)  # type: ignore[attr-defined]
    take_back(market, served(market, called))
    market.world.clock.advance(seconds=1)  # type: ignore[attr-defined]
    assert served(market, called).state == "handed_over"
    assert (state(market, called), used(market), market.has("resident").available) == ("taken", {11: 15}, 85)


def test_a_turn_given_back_still_passes_on_its_day(market: Market, called: QueuePlace) -> None:
    take_back(market, served(market, called))
    market.world.clock.now += timedelta(days=4)
    assert run(market) == (1, 1)
    assert state(market, called) == "passed"


def test_a_turn_whose_day_is_over_goes_to_the_next(market: Market, called: QueuePlace) -> None:
    placed = take(market, called, "resident")
    market.world.clock.now += timedelta(days=4)
    done = market.hand_over(placed)
    assert "这一轮已经过了" in market.world.page("shop").get("/counter").text
    take_back(market, done)
    assert (state(market, called), used(market)) == ("taken", {11: 0})
    assert run(market) == (0, 1)


def test_who_queues_again_already_has_one_place(market: Market, called: QueuePlace) -> None:
    done = served(market, called)
    again = market.queue("resident")
    take_back(market, done)
    assert (state(market, called), state(market, again), used(market)) == ("taken", "waiting", {11: 0})


@SQLITE_ONLY
def test_goods_no_longer_offered_are_called_no_more(market: Market, called: QueuePlace) -> None:
    done = served(market, called)
    with market.world.write() as session:
        session.execute(update(Item).values(is_offered=False))
    with market.world.write() as session:
        assert queueing.turns_of(session, [done.id], market.now) == {done.id: None}
    take_back(market, done)
    assert (state(market, called), used(market)) == ("taken", {11: 0})


@SQLITE_ONLY
def test_the_counter_says_before_and_after_that_it_is_still_their_turn(market: Market, called: QueuePlace) -> None:
    done, page = served(market, called), market.world.page("shop")
    sure = re.search(r"还是轮到他，(.*?)以前可以再换", page.get("/counter").text)
    assert sure is not None
    assert "26" in sure[1]
    answer = page.post(f"/counter/receipts/{done.public_id}/undo", follow_redirects=True)
    assert f"{called.ticket} 号还是轮到" in answer.text
    plain = market.hand_over(market.order("volunteer", item=market.haircut), "barber")
    assert "排队轮到的" not in market.world.page("barber").get("/counter").text
    assert plain.state == "handed_over"


@pytest.mark.parametrize("_", range(3))
def test_undoing_while_they_queue_again_leaves_one_living_place(market: Market, called: QueuePlace, _: int) -> None:
    done = served(market, called)
    keeper, owner = market.world.actor("shop"), market.world.actor("resident")

    def undo() -> str:
        with market.world.app.app_context(), market.world.write() as session:
            return "back" if undoing.take_back(session, keeper, done.public_id, now=market.now).turn else "over"

    def join() -> str:
        with market.world.app.app_context(), market.world.write() as session:
            queueing.join(session, owner, item_id=market.soap, quantity=1, now=market.now)
            return "joined"

    def call() -> str:
        with market.world.app.app_context(), market.world.write() as session:
            return f"called {queueing.call_due(session, now=market.now)}"

    answers = at_once(undo, join, call)
    assert ("back" in answers) == ("joined" not in answers)
    assert used(market)[11] in ({15} if "back" in answers else {0, 15})


@pytest.mark.parametrize("_", range(3))
def test_a_shop_that_closes_at_that_moment_leaves_no_turn_behind(market: Market, called: QueuePlace, _: int) -> None:
    done = served(market, called)
    keeper, desk = market.world.actor("shop"), market.world.actor("coordinator")

    def undo() -> None:
        with market.world.app.app_context(), market.world.write() as session:
            undoing.take_back(session, keeper, done.public_id, now=market.now)

    def close() -> None:
        with market.world.app.app_context(), market.world.write() as session:
            closing.close(session, desk, market.goods_shop, now=market.now)

    assert not [answer for answer in at_once(undo, close) if isinstance(answer, BankError)]
    assert (state(market, called) in ("taken", "left"), used(market)) == (True, {11: 0})
