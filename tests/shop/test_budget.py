"""The month's budget of points for goods, and the queue beyond it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from bank import jobs
from bank.communities.rules import Rules
from bank.errors import NotFound
from bank.members.models import Person
from bank.shop import queueing, rules
from bank.shop.models import Order, PointBudget, QueuePlace
from bank.shop.refusals import (
    BudgetSpent,
    GroupOnlyDonates,
    NeverFits,
    NoNeedToQueue,
    NotEnough,
    NotYourTurn,
    OutOfStock,
    QueuesAlready,
)
from tests.counting import counted
from tests.shop.market import Market, credit
from tests.shop.test_stock import told
from tests.shop.test_undoing import take_back

DECEMBER = datetime(2026, 11, 30, 16, tzinfo=UTC)


def limit(market: Market, points: int, **settings: int) -> None:
    """Let a month's budget be so many points."""
    market.adopt(shop_budget_fen_per_month=points * 10, point_reference_fen=10, **settings)


def run(market: Market) -> tuple[int, int]:
    """Run the jobs as they run by themselves: places ended, places called."""
    with market.world.app.app_context():
        done = jobs.run_due(market.now)
    return done["end_queue_places"], done["call_queue"]


def used(market: Market) -> dict[int, int]:
    """Give the points counted, by month of the year."""
    with market.world.write() as session:
        return {one.month.month: one.points for one in session.scalars(select(PointBudget))}


def state(market: Market, place: QueuePlace) -> str:
    with market.world.write() as session:
        return session.get_one(QueuePlace, place.id).state


def take(market: Market, place: QueuePlace, who: str = "volunteer") -> Order:
    actor = market.world.actor(who)
    with market.world.write() as session:
        return queueing.take(session, actor, place.public_id, now=market.now)


def leave(market: Market, place: QueuePlace, who: str = "volunteer") -> QueuePlace:
    actor = market.world.actor(who)
    with market.world.write() as session:
        return queueing.leave(session, actor, place.public_id, now=market.now)


def standing(market: Market, who: str) -> tuple[int, int] | None:
    """Give the number in the queue and the month of the year, for one who waits."""
    with market.world.write() as session:
        own = queueing.own(session, market.world.people[who].id, market.now)
        return (own.standing.number, own.standing.month.month) if own and own.standing else None


def in_force(**settings: int) -> Rules:
    return Rules(1, date(2026, 1, 1), **settings)  # type: ignore[arg-type]


def test_a_budget_is_points_at_their_price() -> None:
    assert rules.points_of_budget(in_force(shop_budget_fen_per_month=599, point_reference_fen=30)) == 19
    assert rules.points_of_budget(in_force(shop_budget_fen_per_month=600, point_reference_fen=30)) == 20
    assert rules.points_of_budget(in_force(shop_budget_fen_per_month=29, point_reference_fen=30)) == 0
    assert rules.points_of_budget(in_force(shop_budget_fen_per_month=600, point_reference_fen=0)) is None
    assert rules.points_of_budget(in_force()) is None


@pytest.mark.parametrize(
    ("left", "totals", "month"),
    [
        (15, [15], date(2026, 11, 1)),
        (14, [15], date(2026, 12, 1)),
        (0, [15, 15], date(2026, 12, 1)),
        (0, [15, 15, 1], date(2027, 1, 1)),
        (0, [20, 20, 20], date(2027, 2, 1)),
        (10, [20, 5], date(2026, 12, 1)),
    ],
)
def test_the_month_of_a_turn(left: int, totals: list[int], month: date) -> None:
    assert rules.expected_month(date(2026, 11, 1), left, 30, totals) == month


def test_the_last_point_of_a_month_is_ordered_and_no_more(market: Market) -> None:
    limit(market, 44)
    market.order(quantity=2)
    with pytest.raises(BudgetSpent):
        market.order("resident")
    assert (market.stock(), market.has("resident").held, used(market)) == (3, 0, {11: 30})
    limit_at = market.add_item("牙膏", unit="PTS", price=14)
    market.order("resident", item=limit_at)
    assert used(market) == {11: 44}
    market.world.clock.now = DECEMBER - timedelta(seconds=1)
    with pytest.raises(BudgetSpent):
        market.order("resident")
    market.world.clock.now = DECEMBER
    market.order("resident")
    assert used(market) == {11: 44, 12: 15}


def test_only_goods_for_points_count(market: Market) -> None:
    limit(market, 15)
    market.order(item=market.haircut)
    market.order(item=market.add_item("毛巾", unit="MIN", price=10))
    assert used(market) == {}
    market.order()
    with pytest.raises(BudgetSpent):
        market.serve()
    market.order(item=market.haircut)


def test_what_was_ordered_without_a_limit_counts_for_one_that_begins(market: Market) -> None:
    market.order(quantity=2)
    assert used(market) == {11: 30}
    limit(market, 30)
    with pytest.raises(BudgetSpent):
        market.order("resident")


def test_what_is_given_back_is_given_back_to_its_month(market: Market) -> None:
    limit(market, 30)
    kept, given = market.order(), market.order("resident")
    market.hand_over(kept)
    market.world.clock.now = DECEMBER - timedelta(days=1)
    market.cancel(given, "resident")
    lapsing = market.order("resident")
    market.world.clock.now = lapsing.expires_at
    market.lapse()
    assert used(market) == {11: 15}


def test_what_the_counter_takes_back_is_given_back_to_its_month(market: Market) -> None:
    limit(market, 15)
    done = market.hand_over(market.order())
    take_back(market, done)
    assert used(market) == {11: 0}
    market.order("resident")


def test_a_group_does_not_queue(market: Market) -> None:
    limit(market, 15)
    market.order("resident")
    with market.world.write() as session:
        session.get_one(Person, market.world.people["volunteer"].id).is_group = True
    with pytest.raises(GroupOnlyDonates):
        market.queue()


def test_a_queue_goes_in_order_and_by_months(market: Market) -> None:
    limit(market, 30)
    credit(market.world, "relative", "PTS", 60)
    market.order(quantity=2)
    first, second = market.queue("resident", quantity=2), market.queue("relative")
    third = market.queue()
    assert [standing(market, who) for who in ("resident", "relative", "volunteer")] == [(1, 12), (2, 1), (3, 1)]
    assert (market.stock(), market.has("resident").held) == (3, 0)
    assert run(market) == (0, 0)
    market.world.clock.now = DECEMBER
    with pytest.raises(BudgetSpent):
        market.order()
    assert run(market) == (0, 1)
    assert len(told(market, "resident")) == 1
    assert take(market, first, "resident").total == 30
    assert [state(market, one) for one in (first, second, third)] == ["taken", "waiting", "waiting"]
    assert standing(market, "volunteer") == (2, 1)
    assert used(market)[12] == 30


def test_budget_that_comes_back_calls_the_next_at_once(market: Market) -> None:
    limit(market, 15)
    placed = market.order()
    place = market.queue("resident")
    market.cancel(placed)
    with pytest.raises(BudgetSpent):
        market.order()
    assert run(market) == (0, 1)
    assert state(market, place) == "called"
    take(market, place, "resident")


def test_who_waits_for_goods_that_are_not_there_keeps_nobody_waiting(market: Market) -> None:
    limit(market, 15)
    placed = market.order()
    place = market.queue("resident")
    market.count(0)
    market.cancel(placed)
    market.count(0)
    assert run(market)[1] == 0
    other = market.order(item=market.add_item("牙膏", unit="PTS", price=15))
    market.cancel(other)
    market.count(1)
    assert run(market)[1] == 1
    assert state(market, place) == "called"


def test_a_turn_that_passes_goes_to_the_next(market: Market) -> None:
    limit(market, 15, budget_take_days=2)
    market.order()
    first, second = market.queue("resident"), market.queue()
    market.world.clock.now = DECEMBER
    assert run(market) == (0, 1)
    market.world.clock.now = DECEMBER + timedelta(days=3) - timedelta(seconds=1)
    assert run(market) == (0, 0)
    market.world.clock.now += timedelta(seconds=1)
    with pytest.raises(NotYourTurn):
        take(market, first, "resident")
    assert run(market) == (1, 1)
    assert [state(market, one) for one in (first, second)] == ["passed", "called"]
    assert used(market)[12] == 15
    assert len(told(market, "resident")) == 2


def test_a_place_ends_by_its_day(market: Market) -> None:
    limit(market, 15, budget_wait_days=1)
    market.order()
    place = market.queue("resident")
    market.world.clock.now = place.due_at - timedelta(seconds=1)
    assert run(market) == (0, 0)
    market.world.clock.now = place.due_at
    assert run(market) == (1, 0)
    assert state(market, place) == "ended"
    assert len(told(market, "resident")) == 1
    assert market.queue("resident").state == "waiting"


def test_leaving_gives_the_turn_to_the_next(market: Market) -> None:
    limit(market, 15)
    market.order()
    first, second = market.queue("resident"), market.queue()
    market.world.clock.now = DECEMBER
    run(market)
    with pytest.raises(NotFound):
        leave(market, first)
    leave(market, first, "resident")
    assert used(market)[12] == 0
    with pytest.raises(NotYourTurn):
        leave(market, first, "resident")
    assert run(market) == (0, 1)
    assert state(market, second) == "called"
    leave(market, second)
    assert used(market)[12] == 0


def test_a_place_that_a_smaller_budget_never_fits_ends(market: Market) -> None:
    limit(market, 30)
    market.order(quantity=2)
    place = market.queue("resident", quantity=2)
    with market.world.write() as session:
        session.get_one(QueuePlace, place.id).total = 31
    assert standing(market, "resident") == (1, 11)
    assert run(market) == (0, 1)
    assert state(market, place) == "ended"
    assert len(told(market, "resident")) == 1


def test_a_turn_whose_order_is_refused_is_kept(market: Market) -> None:
    limit(market, 15)
    market.order()
    place = market.queue("resident")
    market.world.clock.now = DECEMBER
    run(market)
    market.count(0)
    with pytest.raises(OutOfStock):
        take(market, place, "resident")
    assert state(market, place) == "called"
    market.count(1)
    take(market, place, "resident")
    assert used(market)[12] == 15


def test_who_may_not_queue(market: Market) -> None:
    limit(market, 30)
    for what in (market.soap, market.haircut):
        with pytest.raises(NoNeedToQueue):
            market.queue(item=what)
    market.order()
    with pytest.raises(NoNeedToQueue):
        market.queue()
    market.order("resident")
    with pytest.raises(NeverFits):
        market.queue(quantity=3)
    with pytest.raises(OutOfStock):
        market.queue(quantity=4)
    with pytest.raises(NotEnough):
        market.queue("relative")
    with pytest.raises(NotFound):
        market.queue("stranger")
    market.queue()
    with pytest.raises(QueuesAlready):
        market.queue()
    with pytest.raises(NotYourTurn):
        take(market, market.queue("resident"), "resident")


def test_the_pages_go_from_a_full_month_to_a_voucher(market: Market) -> None:
    limit(market, 15)
    market.order("resident")
    page, item = market.world.page("volunteer"), f"/shop/items/{market.soap}"
    assert "现在排队是第 1 位，预计 12月" in page.get(item).get_data(as_text=True)
    form = {"item_id": market.soap, "quantity": "1"}
    assert page.post("/shop/orders", data=form).status_code == 409
    assert page.post("/shop/queue", data=form).location == item
    assert "排队中，第 1 位，预计 12月" in page.get(item).get_data(as_text=True)
    assert "第 1 位，预计 12月" in page.get("/shop").get_data(as_text=True)
    with market.world.write() as session:
        place = session.scalars(select(QueuePlace)).one()
    market.world.clock.now = DECEMBER
    run(market)
    page = market.world.page("volunteer")
    assert "轮到您了" in page.get("/shop").get_data(as_text=True)
    assert "请在 12月8日" in page.get(item).get_data(as_text=True)
    done = page.post(f"/shop/queue/{place.public_id}/order")
    assert done.location.startswith("/v/")
    assert page.post(f"/shop/queue/{place.public_id}/departure").status_code == 409


def test_the_pages_cost_the_same_however_long_the_queue(market: Market) -> None:
    limit(market, 15)
    market.order("resident")
    page, item = market.world.page("volunteer"), f"/shop/items/{market.soap}"
    market.queue("resident")
    market.queue()
    page.get(item)
    costs = []
    for _ in range(2):
        for path in (item, "/shop"):
            with counted(market.world.app) as asked:
                page.get(path)
            costs.append(len(asked))
        for number in range(5 * (not costs[2:])):
            market.world.add_person(f"more{number}", "邻居")
            credit(market.world, f"more{number}", "PTS", 20)
            market.queue(f"more{number}")
    assert costs[:2] == costs[2:]
