"""The stock's own ledger, counts by two people, donations, quotas, and the day on which goods are handed over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError

from bank import checks, jobs
from bank.communities.models import Community
from bank.communities.rules import Rules
from bank.errors import Invalid, NotFound
from bank.members import operations as members
from bank.members.models import Message, Person
from bank.members.rules import mask_name
from bank.shop import donors, listing, rules, stock, stocktaking
from bank.shop.models import Donation, Item, StockMovement, Stocktake
from bank.shop.refusals import (
    HouseholdItemQuotaReached,
    HouseholdQuotaReached,
    ItemQuotaReached,
    NotToday,
    WrongShop,
)
from tests.counting import counted
from tests.shop.market import Market, credit

SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def share_a_door(market: Market, *who: str) -> None:
    """Let these live behind one door."""
    with market.world.write() as session:
        home = members.settle(session, session.get_one(Community, market.world.community_id), "9栋901")
        for name in who:
            session.get_one(Person, market.world.people[name].id).household_id = home.id


def told(market: Market, who: str) -> list[str]:
    with market.world.write() as session:
        found = select(Message).where(Message.person_id == market.world.people[who].id).order_by(Message.id)
        return [one.sentence for one in session.scalars(found)]


def findings(market: Market) -> list[str]:
    with market.world.write() as session:
        return checks._stock(session)


def test_every_change_of_a_shelf_is_a_movement(market: Market) -> None:
    kept, given = market.order(quantity=2), market.order()
    market.cancel(given)
    market.hand_over(kept)
    lapsing = market.order()
    market.world.clock.now = lapsing.expires_at
    market.lapse()
    actor = market.world.actor("shop")
    with market.world.write() as session:
        stock.add_stock(session, actor, market.soap, 4, now=market.now)
        stock.write_off(session, actor, market.soap, 1, note="受潮", now=market.now)
        stock.receive(session, actor, market.soap, 3, donor="便民超市", is_named=True, now=market.now)
    assert market.movements() == [
        ("in", 5, 5),
        ("out", -2, 3),
        ("out", -1, 2),
        ("back", 1, 3),
        ("out", -1, 2),
        ("back", 1, 3),
        ("in", 4, 7),
        ("damage", -1, 6),
        ("donation", 3, 9),
    ]
    assert market.stock() == 9
    assert findings(market) == []


def test_a_service_moves_nothing(market: Market) -> None:
    market.cancel(market.order(item=market.haircut))
    assert market.movements(market.haircut) == []


def test_the_house_check_finds_a_shelf_that_disagrees(market: Market) -> None:
    with market.world.write() as session:
        session.execute(update(Item).where(Item.public_id == market.soap).values(stock=7))
    assert findings(market) == [f"item {market.soap}: 7 on the shelf, movements say 5"]


@pytest.mark.parametrize("statement", [update(StockMovement).values(quantity=9), delete(StockMovement)])
def test_movements_are_only_ever_added(market: Market, statement: object) -> None:
    with pytest.raises(DBAPIError, match="only ever added"), market.world.write() as session:
        session.execute(statement)  # type: ignore[call-overload]
    assert market.movements() == [("in", 5, 5)]


def test_a_donation_is_only_ever_added_and_brings_nobody_points(market: Market) -> None:
    actor, looks, before = market.world.actor("shop"), market.world.actor("coordinator"), market.has()
    with market.world.write() as session:
        stock.receive(session, actor, market.soap, 2, donor="王小明", is_named=False, now=market.now)
        gift = stock.receive(session, actor, market.soap, 3, donor="便民超市", is_named=True, now=market.now)
    assert market.has() == before
    with market.world.write() as session:
        assert listing.thanked(session, market.world.community_id) == []
        donors.look(session, looks, gift.public_id, is_shown=True, now=market.now)
        thanked = listing.thanked(session, market.world.community_id)
        assert [(gift.donor, title, gift.quantity) for gift, title in thanked] == [("便民超市", "肥皂", 3)]
    with pytest.raises(DBAPIError, match="only ever added"), market.world.write() as session:
        session.execute(update(Donation).values(donor="别人"))


def test_a_count_changes_nothing_until_another_confirms_it(market: Market) -> None:
    market.order(quantity=2)
    taken = market.count_shelf(4)
    assert market.stock() == 3
    market.confirm(taken)
    assert market.stock() == 2
    assert market.movements()[-1] == ("count", -1, 2)
    with market.world.write() as session:
        last = session.scalars(select(StockMovement).order_by(StockMovement.id.desc()).limit(1)).one()
        assert (last.note, last.stocktake_id) == ("周丽、陈芳", taken.id)
    assert findings(market) == []


def test_a_shelf_that_is_right_moves_nothing(market: Market) -> None:
    assert market.confirm(market.count_shelf(5)).state == "confirmed"
    assert market.movements() == [("in", 5, 5)]


def test_what_moves_between_count_and_confirmation_stays_moved(market: Market) -> None:
    taken = market.count_shelf(4)
    market.order(quantity=2)
    market.confirm(taken)
    assert market.stock() == 2


def test_nobody_confirms_their_own_or_their_households_count(market: Market) -> None:
    taken = market.count_shelf(4)
    with pytest.raises(stocktaking.OwnCount):
        market.confirm(taken, "shop")
    share_a_door(market, "shop", "coordinator")
    with pytest.raises(stocktaking.OwnCount):
        market.confirm(taken)
    for who in ("resident", "auditor", "stranger_coordinator", "barber"):
        with pytest.raises(NotFound):
            market.confirm(taken, who)
    assert market.stock() == 5
    mine = market.world.people["coordinator"].id
    with pytest.raises(DBAPIError, match="household"), market.world.write() as session:
        session.execute(update(Stocktake).values(state="confirmed", confirmed_by=mine, ended_at=market.now))


def test_one_count_of_a_shop_waits_at_a_time_and_ends_once(market: Market) -> None:
    taken = market.count_shelf(4)
    with pytest.raises(stocktaking.CountWaits):
        market.count_shelf(3)
    market.confirm(taken)
    with pytest.raises(stocktaking.CountOver):
        market.confirm(taken)
    market.count_shelf(3)


def test_a_count_is_sent_back_or_withdrawn_and_another_may_begin(market: Market) -> None:
    shop, coordinator = market.world.actor("shop"), market.world.actor("coordinator")
    taken = market.count_shelf(4)
    with market.world.write() as session:
        stocktaking.send_back(session, coordinator, taken.public_id, reason="少数了一箱", now=market.now)
    assert told(market, "shop")
    again = market.count_shelf(3)
    with pytest.raises(NotFound), market.world.write() as session:
        stocktaking.withdraw(session, coordinator, again.public_id, now=market.now)
    with market.world.write() as session:
        stocktaking.withdraw(session, shop, again.public_id, now=market.now)
    market.count_shelf(2)
    assert market.stock() == 5


def test_a_count_names_every_item(market: Market) -> None:
    actor, barber = market.world.actor("shop"), market.world.actor("barber")
    with pytest.raises(Invalid) as refused, market.world.write() as session:
        stocktaking.count(session, actor, market.goods_shop, {}, now=market.now)
    assert list(refused.value.errors) == [market.soap]
    with pytest.raises(WrongShop), market.world.write() as session:
        stocktaking.count(session, barber, market.goods_shop, {}, now=market.now)


def test_a_count_nobody_confirms_ends_by_its_day(market: Market) -> None:
    market.adopt(stocktake_days=1)
    taken = market.count_shelf(4)
    market.world.clock.now = taken.due_at - timedelta(seconds=1)
    with market.world.write() as session:
        assert stocktaking.expire_due(session, now=market.now) == 0
    market.world.clock.now = taken.due_at
    with pytest.raises(stocktaking.CountOver):
        market.confirm(taken)
    with market.world.app.app_context():
        assert jobs.run_due(market.now)["expire_counts"] == 1
        assert jobs.run_due(market.now)["expire_counts"] == 0
    assert told(market, "shop")
    assert market.stock() == 5


def test_orders_whose_goods_are_not_there_get_everything_back(market: Market) -> None:
    credit(market.world, "relative", "PTS", 60)
    first, last = market.order(quantity=2), market.order("relative", quantity=3)
    market.confirm(market.count_shelf(2))
    assert (market.state(first), market.state(last)) == ("held", "cancelled")
    assert (market.has("relative").available, market.stock()) == (60, 0)
    assert len(told(market, "relative")) == 1
    market.hand_over(first)
    assert findings(market) == []


def test_what_breaks_after_it_was_promised_goes_back_to_its_owner(market: Market) -> None:
    placed = market.order(quantity=5)
    actor = market.world.actor("shop")
    with market.world.write() as session:
        stock.write_off(session, actor, market.soap, 3, note="漏水", now=market.now)
    assert (market.state(placed), market.stock(), market.has().held) == ("cancelled", 2, 0)
    with pytest.raises(stock.StockTooLow), market.world.write() as session:
        stock.write_off(session, actor, market.soap, 3, note="漏水", now=market.now)
    assert findings(market) == []


def test_a_count_that_was_overtaken_is_refused_whole(market: Market) -> None:
    taken = market.count_shelf(1)
    market.hand_over(market.order(quantity=3))
    with pytest.raises(stocktaking.CountOutdated):
        market.confirm(taken)
    assert market.stock() == 2
    with market.world.write() as session:
        assert session.get_one(Stocktake, taken.id).state == "waiting"


def test_out_of_stock_proposes_what_costs_no_more(market: Market) -> None:
    market.add_item("纸巾", unit="PTS", price=15)
    market.add_item("毛巾", unit="PTS", price=16)
    market.add_item("空的", unit="PTS", price=10, stock_=0)
    market.order(quantity=5)
    with market.world.write() as session:
        item = session.scalars(select(Item).where(Item.public_id == market.soap)).one()
        assert [one.item.title for one in listing.similar(session, item)] == ["纸巾"]
    page = market.world.page("volunteer").get(f"/shop/items/{market.soap}").get_data(as_text=True)
    assert "纸巾" in page
    assert "毛巾" not in page


def test_the_defaults_are_two_a_month_and_one_of_each_a_quarter() -> None:
    in_force = Rules(1, datetime(2026, 1, 1, tzinfo=UTC).date())
    assert (in_force.goods_orders_per_month, in_force.item_orders_per_quarter) == (2, 1)


def test_the_same_goods_come_once_a_quarter(market: Market) -> None:
    market.adopt(item_orders_per_quarter=1)
    towel = market.add_item("毛巾", unit="PTS", price=10)
    market.cancel(market.order())
    market.order()
    with pytest.raises(ItemQuotaReached):
        market.order()
    market.order(item=towel)
    market.world.clock.now = datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC)
    with pytest.raises(ItemQuotaReached):
        market.order()
    market.world.clock.now += timedelta(seconds=1)
    market.order()


def test_a_household_shares_its_months_quota(market: Market) -> None:
    market.adopt(household_orders_per_month=2)
    share_a_door(market, "volunteer", "resident")
    market.order("volunteer")
    market.order("resident")
    for who in ("volunteer", "resident"):
        with pytest.raises(HouseholdQuotaReached):
            market.order(who)
    credit(market.world, "relative", "PTS", 60)
    market.order("relative")


def test_a_household_shares_its_quarter_of_one_item(market: Market) -> None:
    market.adopt(household_item_orders_per_quarter=1)
    towel = market.add_item("毛巾", unit="PTS", price=10)
    share_a_door(market, "volunteer", "resident")
    market.order("volunteer")
    with pytest.raises(HouseholdItemQuotaReached):
        market.order("resident")
    market.order("resident", item=towel)


def test_goods_are_handed_over_on_their_day_only(market: Market) -> None:
    assert market.now.isoweekday() == 1
    market.adopt(redemption_weekday=2)
    placed, cut = market.order(), market.order(item=market.haircut)
    with pytest.raises(NotToday) as refused:
        market.hand_over(placed)
    assert refused.value.facts == {"day": "2026-11-24"}
    market.hand_over(cut, "barber")
    market.world.clock.now += timedelta(days=1)
    assert market.hand_over(placed).state == "handed_over"


def test_a_voucher_never_lapses_before_its_goods_day() -> None:
    monday = datetime(2026, 11, 23, 4, tzinfo=UTC)
    in_force = Rules(1, monday.date(), voucher_days=1, redemption_weekday=5)
    until = rules.fetched_until(monday, in_force, "Asia/Shanghai", is_goods=True)
    assert until == datetime(2026, 11, 27, 16, tzinfo=UTC)
    assert rules.fetched_until(monday, in_force, "Asia/Shanghai", is_goods=False) == datetime(
        2026, 11, 24, 16, tzinfo=UTC
    )


def test_the_pages_go_from_a_count_to_its_confirmation(market: Market) -> None:
    keeper, coordinator = market.world.page("shop"), market.world.page("coordinator")
    shop = f"/counter/shops/{market.goods_shop}"
    assert "点到几件" in keeper.get(f"{shop}/count-sheet").get_data(as_text=True)
    assert keeper.post(f"{shop}/count", data={}).status_code == 422
    made = keeper.post(f"{shop}/count", data={f"n-{market.soap}": "4"})
    assert made.status_code == 303
    assert "收回" in keeper.get(made.location).get_data(as_text=True)
    assert made.location in coordinator.get("/shops").get_data(as_text=True)
    assert "差 -1" in coordinator.get(made.location).get_data(as_text=True)
    assert coordinator.post(f"{made.location}/decision", data={"do": "confirm"}).status_code == 303
    assert market.stock() == 4
    shown = keeper.get(f"/counter/items/{market.soap}/movements").get_data(as_text=True)
    assert "周丽、陈芳" in shown


def test_movements_name_residents_as_the_counter_does_and_keepers_in_full(market: Market) -> None:
    market.cancel(market.order("resident"), "resident")
    market.serve(owner="volunteer")
    shown = market.world.page("shop").get(f"/counter/items/{market.soap}/movements").text
    keeper, resident = (market.world.people[who].name for who in ("shop", "resident"))
    assert keeper in shown
    assert resident not in shown
    assert shown.count(mask_name(resident)) == 2


@SQLITE_ONLY
@pytest.mark.parametrize(
    ("form", "typed", "status", "said"),
    [
        ("damage", {"number": "9", "note": "受潮了"}, 409, "架上没有这么多"),
        ("damage", {"number": "2", "note": ""}, 422, "请填写这一项"),
        ("stock", {"change": "1000000"}, 409, "这次最多再放 999995 件"),
        ("stock", {"change": "1000001"}, 422, "超出了范围"),
        ("stock", {"change": "two"}, 422, "填得不对"),
        ("donations", {"number": "999996", "donor": "邻居老吴", "is_named": "1"}, 409, "这次最多再放 999995 件"),
    ],
)
def test_a_refused_form_comes_back_with_what_was_typed(
    market: Market, form: str, typed: dict[str, str], status: int, said: str
) -> None:
    waiting = market.order()
    market.count(5)
    answer = market.world.page("shop").post(f"/counter/items/{market.soap}/{form}", data=typed)
    assert answer.status_code == status
    assert said in answer.text
    assert answer.text.count('class="fold" open') == 1
    assert all(f'value="{one}"' in answer.text for one in typed.values())
    assert (market.stock(), market.state(waiting)) == (5, "held")


@SQLITE_ONLY
def test_a_refused_form_shows_a_shelf_to_nobody_but_its_keeper(market: Market) -> None:
    for who, status in (("barber", 409), ("volunteer", 403)):
        answer = market.world.page(who).post(f"/counter/items/{market.soap}/stock", data={"change": "two"})
        assert answer.status_code == status
        assert "架上现有" not in answer.text


def test_movements_come_in_pages_and_cost_the_same(market: Market) -> None:
    page, actor = market.world.page("shop"), market.world.actor("shop")
    path = f"/counter/items/{market.soap}/movements"
    page.get(path)
    with counted(market.world.app) as few:
        page.get(path)
    with market.world.write() as session:
        for _ in range(60):
            stock.add_stock(session, actor, market.soap, 1, now=market.now)
    with counted(market.world.app) as many:
        shown = page.get(path).get_data(as_text=True)
    assert len(many) == len(few)
    assert "cursor=" in shown
