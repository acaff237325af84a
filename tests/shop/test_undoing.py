"""A hand-over taken back at the counter: within the minutes of the rules, the same day, by the shop that did it."""

from __future__ import annotations

import re
import threading
from datetime import datetime

import pytest
from sqlalchemy import select, update

from bank import chart, db
from bank.errors import NotFound
from bank.shop import rules, striking, undoing
from bank.shop.models import Order, Strike
from tests.racing import at_once
from tests.shop.market import Market
from tests.shop.test_stock import told
from tests.shop.test_striking import decide, propose

SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def take_back(market: Market, order: Order, who: str = "shop") -> Order:
    actor = market.world.actor(who)
    with market.world.write() as session:
        return undoing.take_back(session, actor, order.public_id, now=market.now).order


def test_everything_is_as_before(market: Market) -> None:
    done = market.hand_over(market.order(quantity=2))
    undone = take_back(market, done)
    assert (undone.state, undone.handed_over_at) == ("cancelled", None)
    assert (market.stock(), market.handed_over()) == (5, 0)
    assert market.has().available == 100
    assert market.takings(market.goods_shop, chart.POINTS) == 0
    with pytest.raises(undoing.TooLateToTakeBack):
        take_back(market, done)
    with market.world.app.app_context():
        assert db.book(db.session(), market.world.community_id, market.now).verify().findings == ()
        db.drop()
    page = market.world.page("volunteer")
    assert "已取消" in page.get(f"/v/{done.voucher_code}").text
    lines = re.findall(r"/passbook/lines/[0-9a-f-]+|/passbook/[0-9a-f-]{36}", page.get("/passbook").text)
    assert len(lines) >= 2
    assert {page.get(line).status_code for line in lines} == {200}


@pytest.mark.parametrize("seconds", [600, 601])
def test_ten_minutes_long(market: Market, seconds: int) -> None:
    done = market.hand_over(market.order())
    market.world.clock.advance(seconds=seconds)  # type: ignore[attr-defined]
    if seconds > 600:
        with pytest.raises(undoing.TooLateToTakeBack):
            take_back(market, done)
    else:
        assert take_back(market, done).state == "cancelled"


@SQLITE_ONLY
def test_not_on_the_next_day_and_not_where_the_rules_say_no(market: Market) -> None:
    placed = market.order()
    market.world.clock.now = datetime.fromisoformat("2026-11-23T23:59:00+08:00")
    done = market.hand_over(placed)
    market.world.clock.advance(minutes=2)  # type: ignore[attr-defined]
    with pytest.raises(undoing.TooLateToTakeBack):
        take_back(market, done)
    market.adopt(counter_undo_minutes=0)
    done = market.hand_over(market.order())
    assert "撤销" not in market.world.page("shop").get("/counter").text
    with pytest.raises(undoing.TooLateToTakeBack):
        take_back(market, done)
    assert not rules.may_take_back(market.now, market.now, 0, "Asia/Shanghai")


@SQLITE_ONLY
def test_only_the_shop_that_did_it(market: Market) -> None:
    done = market.hand_over(market.order())
    with pytest.raises(NotFound):
        take_back(market, done, "barber")
    assert market.state(done) == "handed_over"


@SQLITE_ONLY
def test_the_counter_offers_it_beside_what_was_just_done(market: Market) -> None:
    done = market.hand_over(market.order())
    page, action = market.world.page("shop"), f"/counter/receipts/{done.public_id}/undo"
    assert f'action="{action}"' in page.get("/counter").text
    answer = page.post(action, follow_redirects=True)
    assert "已撤销「肥皂」" in answer.text
    assert done.public_id not in answer.text
    market.hand_over(market.order())
    market.world.clock.advance(seconds=601)  # type: ignore[attr-defined]
    assert "/undo" not in page.get("/counter").text


def test_taken_back_by_many_at_once_it_is_paid_back_once(market: Market) -> None:
    done = market.hand_over(market.order())
    market.world.api("shop", "GET", "/items")
    page = [market.world.page("shop") for _ in range(8)]
    gate, answers = threading.Barrier(8), []

    def run(number: int) -> None:
        gate.wait()
        answers.append(page[number].post(f"/counter/receipts/{done.public_id}/undo").status_code)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [303] + [409] * 7
    assert (market.has().available, market.stock(), market.handed_over()) == (100, 5, 0)


def test_a_proposal_to_strike_it_ends_and_both_sides_are_told(market: Market) -> None:
    done = market.hand_over(market.order())
    asked = propose(market, done, "shop")
    take_back(market, done)
    with market.world.write() as session:
        assert session.get_one(Strike, asked.id).state == "lapsed"
    for who in ("shop", "coordinator"):
        assert striking._UNDONE in told(market, who)
    with pytest.raises(striking.StrikeOver):
        decide(market, asked)
    desk = market.world.page("coordinator")
    assert "核对过，同意退回" not in desk.get("/strikes").text
    answer = desk.post(f"/strikes/{asked.public_id}/decision", data={"do": "agree"})
    assert answer.status_code == 409
    assert "刚才已经结束了" in answer.text
    assert "提出一张" in answer.text


def test_agreeing_about_a_voucher_no_longer_handed_over_ends_the_proposal(market: Market) -> None:
    done = market.hand_over(market.order())
    asked = propose(market, done, "shop")
    with market.world.write() as session:
        over = {"state": "cancelled", "handed_over_at": None, "ended_at": market.now, "end_code": "taken_back"}
        session.execute(update(Order).where(Order.id == done.id).values(**over))
    desk = market.world.page("coordinator")
    answer = desk.post(f"/strikes/{asked.public_id}/decision", data={"do": "agree"}, follow_redirects=True)
    assert "没有要更正的" in answer.text
    with market.world.write() as session:
        assert session.get_one(Strike, asked.id).state == "lapsed"


@pytest.mark.parametrize("_", range(3))
def test_undone_and_proposed_at_once_nothing_is_left_to_decide(market: Market, _: int) -> None:
    done = market.hand_over(market.order())
    keeper = market.world.actor("shop")

    def undo() -> None:
        with market.world.app.app_context(), market.world.write() as session:
            undoing.take_back(session, keeper, done.public_id, now=market.now)

    def ask() -> None:
        with market.world.app.app_context(), market.world.write() as session:
            striking.propose(session, keeper, done.voucher_code, reason="拿错了", now=market.now)

    assert set(at_once(undo, ask)) <= {None, "NotHandedOver"}
    with market.world.write() as session:
        assert session.scalar(select(Strike.id).where(Strike.state == "proposed")) is None
