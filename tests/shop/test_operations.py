"""Orders take stock and hours together, and every voucher ends once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from bank import chart, db, jobs
from bank.communities.models import Community
from bank.errors import NotAllowed, NotFound
from bank.members import operations as members
from bank.members.models import Message
from bank.shop import operations as shop
from bank.shop.refusals import (
    CardQuotaReached,
    NotEnough,
    NotOffered,
    OutOfStock,
    QuotaReached,
    VoucherCancelled,
    VoucherExpired,
    VoucherNotFound,
    VoucherSpent,
    VoucherTaken,
    WrongShop,
)
from ledger import Balance
from ledger.errors import AccountFrozen
from tests.shop.market import Market, credit


def test_an_order_takes_stock_and_holds_the_price(market: Market) -> None:
    placed = market.order(quantity=2)
    assert (placed.state, placed.total, placed.unit) == ("held", 30, "PTS")
    assert market.stock() == 3
    assert market.has() == Balance(posted=100, held=30, available=70, seq=market.has().seq)


def test_a_hand_over_pays_the_shop_and_counts_the_item(market: Market) -> None:
    done = market.hand_over(market.order(quantity=2))
    assert done.state == "handed_over"
    assert done.end_txn_id is not None
    assert market.takings(market.goods_shop, "PTS") == 30
    assert market.has().posted == 70
    assert market.handed_over() == 2


def test_a_service_has_no_stock_and_is_handed_over_by_its_provider(market: Market) -> None:
    placed = market.order(item=market.haircut)
    assert market.stock(market.haircut) is None
    assert market.has(unit="MIN").held == 30
    assert market.hand_over(placed, "barber").state == "handed_over"
    assert market.takings(market.barber_shop, "MIN") == 30


def test_a_voucher_is_good_until_the_end_of_its_last_day(market: Market) -> None:
    placed = market.order()
    assert placed.expires_at.isoformat() == "2026-11-30T16:00:00+00:00"


def test_cancelling_returns_both(market: Market) -> None:
    placed = market.order(quantity=2)
    ended = market.cancel(placed)
    assert ended.state == "cancelled"
    assert market.stock() == 5
    assert market.has() == Balance(posted=100, held=0, available=100, seq=market.has().seq)


def test_the_shops_keeper_may_cancel_and_the_owner_is_told_why(market: Market) -> None:
    market.cancel(market.order(), "shop", reason="今天没有货")
    with market.world.write() as session:
        told = session.scalars(select(Message).where(Message.person_id == market.world.people["volunteer"].id)).all()
    assert [(m.facts["name"], m.facts["reason"]) for m in told] == [("周丽", "今天没有货")]


def test_nobody_else_may_cancel(market: Market) -> None:
    placed = market.order()
    for who, refusal in (
        ("resident", NotFound),
        ("coordinator", NotFound),
        ("barber", WrongShop),
        ("stranger", NotFound),
    ):
        with pytest.raises(refusal):
            market.cancel(placed, who)
    assert market.state(placed) == "held"


def test_what_was_handed_over_is_not_cancelled(market: Market) -> None:
    placed = market.order()
    market.hand_over(placed)
    with pytest.raises(VoucherTaken):
        market.cancel(placed)
    with pytest.raises(VoucherSpent):
        market.hand_over(placed)


def test_what_was_cancelled_is_not_handed_over(market: Market) -> None:
    placed = market.order()
    market.cancel(placed)
    with pytest.raises(VoucherCancelled):
        market.hand_over(placed)
    with pytest.raises(VoucherCancelled):
        market.cancel(placed)


def test_an_unclaimed_voucher_lapses_and_returns_both(market: Market) -> None:
    placed = market.order(quantity=2)
    market.world.clock.now = placed.expires_at - timedelta(seconds=1)
    assert market.lapse() == 0
    market.world.clock.now = placed.expires_at
    assert market.lapse() == 1
    assert market.lapse() == 0
    assert market.state(placed) == "lapsed"
    assert market.stock() == 5
    assert market.has().available == 100
    with pytest.raises(VoucherExpired):
        market.hand_over(placed)


def test_a_voucher_over_its_day_is_not_handed_over_even_before_the_job_ran(market: Market) -> None:
    placed = market.order()
    market.world.clock.now = placed.expires_at
    with pytest.raises(VoucherExpired):
        market.hand_over(placed)
    assert market.cancel(placed).state == "cancelled"


def test_a_job_killed_midway_leaves_whole_vouchers(market: Market) -> None:
    placed = [market.order() for _ in range(3)]
    market.world.clock.now = placed[0].expires_at
    with pytest.raises(ZeroDivisionError), market.world.write() as session:
        shop.lapse_due(session, now=market.now) / 0
    assert [market.state(one) for one in placed] == ["held"] * 3
    assert market.stock() == 2
    with market.world.app.app_context():
        assert jobs.run_due(market.now)["lapse_vouchers"] == 3
        assert jobs.run_due(market.now)["lapse_vouchers"] == 0
    assert market.stock() == 5
    assert market.has().held == 0


def test_more_than_there_is_is_out_of_stock(market: Market) -> None:
    with pytest.raises(OutOfStock):
        market.order(quantity=6)
    assert (market.stock(), market.has().held) == (5, 0)


def test_a_paused_item_is_not_sold_and_its_vouchers_stay_good(market: Market) -> None:
    placed = market.order()
    market.offer(is_offered=False)
    with pytest.raises(NotOffered):
        market.order()
    assert market.hand_over(placed).state == "handed_over"


def test_who_has_too_little_is_told_how_much_is_missing(market: Market) -> None:
    credit(market.world, "relative", "PTS", 10)
    with pytest.raises(NotEnough) as refused:
        market.order("relative")
    assert refused.value.code == "insufficient_funds"
    assert refused.value.facts == {"missing": 5}
    assert market.stock() == 5


def test_a_frozen_account_orders_nothing(market: Market) -> None:
    with market.world.write() as session:
        book = db.book(session, market.world.community_id, market.now)
        book.freeze(chart.member(market.world.people["volunteer"].public_id), "PTS", session=session)
    with pytest.raises(AccountFrozen):
        market.order()


def test_another_communitys_item_is_not_there(market: Market) -> None:
    with pytest.raises(NotFound):
        market.order("stranger")
    with pytest.raises(NotFound):
        market.order(item="NOTTHERE")


def test_only_the_right_shop_hands_over(market: Market) -> None:
    placed = market.order()
    with pytest.raises(WrongShop):
        market.hand_over(placed, "barber")
    for who in ("volunteer", "coordinator", "admin", "auditor"):
        with pytest.raises(NotAllowed):
            market.hand_over(placed, who)
    placed.voucher_code = "ZZZZZZZZ"
    with pytest.raises(VoucherNotFound):
        market.hand_over(placed)


def test_a_keeper_without_the_role_any_more_hands_nothing_over(market: Market) -> None:
    placed = market.order()
    with market.world.write() as session:
        home = session.get_one(Community, market.world.community_id)
        members.revoke_role(session, market.world.people["shop"], "shopkeeper", home)
    with pytest.raises(NotAllowed):
        market.hand_over(placed)


def test_goods_have_a_monthly_quota_where_the_rules_say_so(market: Market) -> None:
    market.adopt(goods_orders_per_month=2)
    market.order()
    market.cancel(market.order())
    market.order()
    with pytest.raises(QuotaReached):
        market.order()
    market.order(item=market.haircut)
    market.world.clock.now += timedelta(days=10)
    market.order()


def test_serving_a_card_orders_and_hands_over_and_tells_the_owner(market: Market) -> None:
    owner = market.world.people["resident"]
    done = market.serve(quantity=2)
    assert (done.state, done.person_id, done.placed_by) == ("handed_over", owner.id, market.world.people["shop"].id)
    assert market.has("resident").available == 70
    with market.world.write() as session:
        told = session.scalars(select(Message).where(Message.person_id == owner.id)).one()
    assert told.facts == {"name": "周丽", "title": "肥皂 × 2", "total": 30}


def test_serving_stops_at_the_days_card_limit_and_at_other_shops_shelves(market: Market) -> None:
    market.adopt(card_orders_per_day=1)
    credit(market.world, "resident", "MIN", 60)
    with pytest.raises(WrongShop):
        market.serve(market.haircut)
    market.serve()
    with pytest.raises(CardQuotaReached):
        market.serve()
    market.world.clock.now += timedelta(days=1)
    market.serve()


def test_only_shopkeepers_serve_and_only_their_own_community(market: Market) -> None:
    with pytest.raises(NotAllowed):
        market.serve(who="coordinator")
    with pytest.raises(NotFound):
        market.serve(owner="stranger")
