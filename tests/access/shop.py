"""Routes of the shop and its counter. `volunteer` has an order at 惠民超市, which `shop` keeps."""

from datetime import datetime

from sqlalchemy import select, update

from bank import jobs
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.shop import queueing, stock, striking
from bank.shop.models import PointBudget, QueuePlace, Settlement
from tests.access.rows import MEMBERS, Call, Row
from tests.shop.market import Market, build_market
from tests.world import World

HOME = tuple(who for who in MEMBERS if who != "stranger")
OWNER_OR_SHOP = ("volunteer", "shop")
NOT_FOUND = {"stranger": 404}


def _order(world: World, who: str) -> tuple[Market, Call]:
    market = build_market(world)
    placed = market.order()
    return market, Call(
        {
            "order_id": placed.public_id,
            "code": placed.voucher_code,
            "item_id": market.soap,
            "shop_id": market.goods_shop,
        }
    )


def _open(world: World, who: str) -> Call:
    return _order(world, who)[1]


def _empty(world: World, who: str) -> Call:
    return Call(_open(world, who).path, {})


def _handed_over(world: World, who: str) -> Call:
    market = build_market(world)
    return Call({"order_id": market.hand_over(market.order()).public_id})


def _an_order(world: World, who: str) -> Call:
    return Call({}, {"item_id": build_market(world).soap})


def _broke(*, answer: int) -> dict[str, int]:
    """Only the volunteer and the resident have points."""
    return {who: answer for who in HOME if who not in ("volunteer", "resident")} | {"stranger": 404}


def _item(world: World, who: str) -> Call:
    market = build_market(world)
    form = {"shop_id": market.goods_shop, "kind": "goods", "title": "毛巾", "unit": "PTS", "price": "30", "stock": "4"}
    return Call({}, form)


def _count(world: World, who: str) -> Call:
    return Call({"item_id": build_market(world).soap}, {"change": "1"})


def _spent(world: World) -> Market:
    """A month whose budget for goods is gone."""
    market = build_market(world)
    with world.write() as session:
        place = session.get_one(Community, world.community_id)
        is_limited = communities.rules_at(session, place, world.clock.now).shop_budget_fen_per_month > 0
    if not is_limited:
        market.adopt(shop_budget_fen_per_month=150, point_reference_fen=10)
        market.order("resident")
    return market


def _full(world: World, who: str) -> Call:
    return Call({}, {"item_id": _spent(world).soap})


def _waiting(world: World, who: str) -> Call:
    """The volunteer's place in the queue."""
    market = _spent(world)
    with world.write() as session:
        own = queueing.own(session, world.people["volunteer"].id, world.clock.now)
    return Call({"place_id": (own.place if own else market.queue()).public_id}, {})


def _called(world: World, who: str) -> Call:
    found = _waiting(world, who)
    with world.write() as session:
        if session.scalar(select(QueuePlace.id).where(QueuePlace.state == "waiting")):
            session.execute(update(PointBudget).values(points=0))
            queueing.call_due(session, now=world.clock.now)
    return found


def _queue_card(world: World, who: str) -> Call:
    """The resident's card at the counter, in a month whose budget is gone."""
    market = _spent(world)
    with world.write() as session:
        mine = update(QueuePlace).where(QueuePlace.person_id == world.people["resident"].id)
        session.execute(mine.values(state="left", ended_at=world.clock.now))
    form = {"do": "join", "item_id": market.soap, "quantity": "1", "pin": "2580"}
    return Call({"public_id": world.people["resident"].public_id}, form)


def _queued(world: World, who: str) -> Call:
    return _waiting(world, who)


def _donor(world: World, who: str) -> Call:
    market = build_market(world)
    keeper = world.actor("shop")
    with world.write() as session:
        gift = stock.receive(session, keeper, market.soap, 1, donor="便民超市", is_named=True, now=world.clock.now)
    return Call({"donation_id": gift.public_id}, {"is_shown": "1"})


def _wrong(world: World, who: str) -> Call:
    """A hand-over that the volunteer has a voucher of."""
    market = build_market(world)
    return Call({}, {"code": market.hand_over(market.order()).voucher_code, "reason": "拿错了卡"})


def _strike(world: World, who: str) -> Call:
    call = _wrong(world, who)
    keeper = world.actor("shop")
    with world.write() as session:
        code, reason = call.body["code"], call.body["reason"]
        made = striking.propose(session, keeper, code, reason=reason, now=world.clock.now)
    return Call({"strike_id": made.public_id}, {"do": "agree"})


def _damage(world: World, who: str) -> Call:
    return Call({"item_id": build_market(world).soap}, {"number": "1", "note": "受潮"})


def _donation(world: World, who: str) -> Call:
    return Call({"item_id": build_market(world).soap}, {"number": "1", "donor": "便民超市"})


def _movements(world: World, who: str) -> Call:
    return Call({"item_id": build_market(world).soap})


def _shelf(world: World, who: str) -> Call:
    market = build_market(world)
    return Call({"shop_id": market.goods_shop}, {f"n-{market.soap}": "5"})


def _stocktake(world: World, who: str) -> Call:
    market = build_market(world)
    return Call({"public_id": market.count_shelf(4).public_id}, {"do": "confirm"})


def _offer(world: World, who: str) -> Call:
    return Call({"item_id": build_market(world).soap}, {"is_offered": "0"})


def _card(world: World, who: str) -> Call:
    market = build_market(world)
    form = {"item_id": market.soap, "quantity": "1", "pin": "2580"}
    return Call({"public_id": world.people["resident"].public_id}, form)


def _keeper(world: World, who: str) -> Call:
    market = build_market(world)
    form = {"person_id": world.people["shop"].public_id, "do": "add"}
    return Call({"shop_id": market.goods_shop}, form)


def _market(world: World, who: str) -> Call:
    build_market(world)
    return Call({}, {"code": "ZZZZZZZZ"})


def _get(world: World, who: str) -> Call:
    build_market(world)
    return Call({})


def _in_november(world: World) -> Market:
    world.clock.now = datetime.fromisoformat("2026-11-23T09:00:00+08:00")
    return build_market(world)


def _month(world: World, who: str) -> Call:
    """A statement of 惠民超市, which `shop` keeps: each caller has a shop and a November of their own."""
    market = _in_november(world)
    market.hand_over(market.order())
    world.clock.now = datetime.fromisoformat("2026-12-01T01:00:00+08:00")
    with world.app.app_context():
        jobs.run_due(world.clock.now)
    with world.write() as session:
        found = session.scalars(select(Settlement.public_id).order_by(Settlement.id.desc())).first()
    return Call({"statement_id": str(found), "kind": "pdf"}, {"words": "少了一张"})


def _confirmed(world: World, who: str) -> Call:
    call = _month(world, who)
    for one in ("shop", "coordinator"):
        world.page(one).post(f"/statements/{call.path['statement_id']}/confirmation")
    return Call(call.path, {"paid_on": "2026-12-01", "note": ""})


def _disputed(world: World, who: str) -> Call:
    call = _month(world, who)
    world.page("shop").post(f"/statements/{call.path['statement_id']}/dispute", data={"words": "少了"})
    return call


def _wanted(world: World, who: str) -> Call:
    market = _in_november(world)
    market.hand_over(market.order())
    world.clock.now = datetime.fromisoformat("2026-12-01T01:00:00+08:00")
    return Call({}, {"shop_id": market.goods_shop, "month": "2026-11"})


BOTH_SIDES = ("shop", "coordinator", "second")
ROWS = (
    Row("GET", "/statements", BOTH_SIDES),
    Row("POST", "/statements", BOTH_SIDES, answer=303, refuse=404, prepare=_wanted),
    Row("GET", "/statements/<statement_id>", BOTH_SIDES, refuse=404, prepare=_month),
    Row("GET", "/statements/<statement_id>/<any(pdf, xlsx):kind>", BOTH_SIDES, refuse=404, prepare=_month),
    Row("POST", "/statements/<statement_id>/confirmation", BOTH_SIDES, answer=303, refuse=404, prepare=_month),
    Row("POST", "/statements/<statement_id>/dispute", BOTH_SIDES, answer=303, refuse=404, prepare=_month),
    Row("POST", "/statements/<statement_id>/answer", BOTH_SIDES, answer=303, refuse=404, prepare=_disputed),
    Row(
        "POST",
        "/statements/<statement_id>/settlement",
        ("coordinator", "second"),
        answer=303,
        refuse=404,
        prepare=_confirmed,
    ),
    Row("POST", "/counter/receipts/<order_id>/undo", ("shop",), answer=303, also={}, prepare=_handed_over),
    Row("GET", "/shop", MEMBERS, prepare=_get),
    Row("GET", "/shop/items/<item_id>", HOME, also=NOT_FOUND, prepare=_open),
    Row("GET", "/shop/orders", MEMBERS),
    Row("POST", "/shop/orders", ("volunteer", "resident"), answer=303, also=_broke(answer=409), prepare=_an_order),
    Row("POST", "/shop/orders/<order_id>/cancellation", OWNER_OR_SHOP, answer=303, refuse=404, prepare=_empty),
    Row("POST", "/shop/queue", ("volunteer", "resident"), answer=303, also=_broke(answer=409), prepare=_full),
    Row("POST", "/shop/queue/<place_id>/departure", ("volunteer",), answer=303, refuse=404, prepare=_waiting),
    Row("POST", "/shop/queue/<place_id>/order", ("volunteer",), answer=303, refuse=404, prepare=_called),
    Row("GET", "/queue", BOTH_SIDES, prepare=_get),
    Row("POST", "/queue", BOTH_SIDES, answer=422, prepare=_market),
    Row("GET", "/queue/sheet", BOTH_SIDES, prepare=_get),
    Row("GET", "/queue/cards/<public_id>", BOTH_SIDES, prepare=_queue_card),
    Row("POST", "/queue/cards/<public_id>", BOTH_SIDES, answer=303, prepare=_queue_card),
    Row("GET", "/queue/slips/<place_id>", BOTH_SIDES, prepare=_queued),
    Row("POST", "/queue/<place_id>/told", BOTH_SIDES, answer=303, prepare=_called),
    Row("GET", "/strikes", BOTH_SIDES, prepare=_get),
    Row("POST", "/strikes", BOTH_SIDES, answer=303, prepare=_wrong),
    Row(
        "POST",
        "/strikes/<strike_id>/decision",
        ("coordinator", "second"),
        answer=303,
        also={"shop": 409},
        prepare=_strike,
    ),
    Row("POST", "/shops/donors/<donation_id>", ("coordinator",), answer=303, prepare=_donor),
    Row("GET", "/v/<code>", OWNER_OR_SHOP, refuse=404, prepare=_open),
    Row("POST", "/v/<code>/hand-over", ("shop",), answer=303, prepare=_empty),
    Row("GET", "/counter", ("shop",), prepare=_get),
    Row("POST", "/counter", ("shop",), answer=422, prepare=_market),
    Row("GET", "/counter/receipts/<order_id>", ("shop",), prepare=_handed_over),
    Row("GET", "/counter/cards/<public_id>", ("shop",), prepare=_card),
    Row("GET", "/counter/cards/<public_id>/pin", ("shop",), refuse=403, answer=422, prepare=_card),
    Row("POST", "/counter/cards/<public_id>/pin", ("shop",), answer=303, prepare=_card),
    Row("GET", "/counter/handed-over", ("shop",), prepare=_get),
    Row("GET", "/counter/stock", ("shop",), prepare=_get),
    Row("GET", "/counter/items/new", ("shop",), prepare=_get),
    Row("POST", "/counter/items", ("shop",), answer=303, prepare=_item),
    Row("POST", "/counter/items/<item_id>/stock", ("shop",), answer=303, prepare=_count),
    Row("POST", "/counter/items/<item_id>/offer", ("shop",), answer=303, prepare=_offer),
    Row("POST", "/counter/items/<item_id>/damage", ("shop",), answer=303, prepare=_damage),
    Row("POST", "/counter/items/<item_id>/donations", ("shop",), answer=303, prepare=_donation),
    Row("GET", "/counter/items/<item_id>/movements", ("shop",), prepare=_movements),
    Row("GET", "/counter/shops/<shop_id>/count", ("shop",), prepare=_shelf),
    Row("GET", "/counter/shops/<shop_id>/count-sheet", ("shop",), prepare=_shelf),
    Row("POST", "/counter/shops/<shop_id>/count", ("shop",), answer=303, prepare=_shelf),
    Row("GET", "/stocktakes/<public_id>", ("shop", "coordinator", "second"), refuse=404, prepare=_stocktake),
    Row(
        "POST",
        "/stocktakes/<public_id>/decision",
        ("coordinator", "second"),
        answer=303,
        refuse=404,
        also={"shop": 409},
        prepare=_stocktake,
    ),
    Row("GET", "/shops", ("coordinator",)),
    Row("POST", "/shops", ("coordinator",), answer=303, prepare=lambda world, who: Call({}, {"name": "社区食堂"})),
    Row("GET", "/shops/<shop_id>", ("coordinator",), prepare=_open),
    Row("POST", "/shops/<shop_id>/keepers", ("coordinator",), answer=303, prepare=_keeper),
    Row("POST", "/shops/<shop_id>/closing", ("coordinator",), answer=303, prepare=_open),
    Row("GET", "/api/v1/items", MEMBERS, prepare=_get),
    Row("GET", "/api/v1/orders", MEMBERS),
    Row("POST", "/api/v1/orders", ("volunteer", "resident"), answer=201, also=_broke(answer=409), prepare=_an_order),
    Row("POST", "/api/v1/vouchers/<code>/redemptions", ("shop",), answer=201, prepare=_empty),
    Row("POST", "/api/v1/orders/<order_id>/cancellation", OWNER_OR_SHOP, answer=201, refuse=404, prepare=_empty),
)
