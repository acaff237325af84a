"""The shelf, the voucher and the counter, as people use them: no JavaScript, one button each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from bank import chart
from bank.checkin.bearers import WRONG_TRIES
from bank.checkin.codes import Keys
from bank.members import operations as members
from bank.members import rules
from bank.members.models import Message, Person
from bank.shop import paper
from tests.counting import counted
from tests.shop.market import PIN, Market, credit

SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ROOT = Path(__file__).parents[2]
KEYS = Keys(bytes(range(32)))


def _text(answer: TestResponse) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)))


@pytest.mark.parametrize("path", sorted((ROOT / "templates/shop").glob("*.html")), ids=lambda path: path.name)
def test_no_chinese_stands_outside_the_sentences_that_are_translated(path: Path) -> None:
    """Not even a colon between two of them: English has its own."""
    rest = re.sub(r"_\('[^']*'|\{#.*?#\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert re.findall(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]+", rest) == []


def test_sums_in_two_units_are_joined_as_the_language_does(market: Market) -> None:
    with market.world.app.test_request_context(headers={"Accept-Language": "en"}):
        assert "，" not in paper.totals(90, 40)


@pytest.mark.parametrize("month", ["0001-01", "9999-12", "2026-13", "x"])
def test_a_month_that_no_bank_lived_in_shows_this_one(market: Market, month: str) -> None:
    answer = market.world.page("shop").get(f"/counter/handed-over?month={month}")
    assert answer.status_code == 200
    assert "2026" in _text(answer)


def test_a_resident_orders_sees_the_voucher_and_gives_it_back(market: Market) -> None:
    page = market.world.page("volunteer")
    assert "肥皂" in _text(page.get("/shop"))
    assert "15 积分" in _text(page.get(f"/shop/items/{market.soap}"))
    answer = page.post("/shop/orders", data={"item_id": market.soap, "quantity": "2"})
    assert answer.status_code == 303
    voucher = page.get(answer.location)
    assert "肥皂 × 2" in _text(voucher)
    assert "<svg" in voucher.get_data(as_text=True)
    assert "11月30日" in _text(voucher)
    give_back = re.search(r'action="(/shop/orders/[^"]+/cancellation)"', voucher.get_data(as_text=True))
    assert give_back is not None
    assert page.post(give_back.group(1)).status_code == 303
    assert "已取消" in _text(page.get(answer.location))
    assert market.has().available == 100


def test_going_back_and_ordering_again_asks_before_it_makes_a_second_voucher(market: Market) -> None:
    page, typed = market.world.page("volunteer"), {"item_id": market.soap, "quantity": "2"}
    first = page.post("/shop/orders", data=typed)
    asked = page.post("/shop/orders", data=typed)
    assert asked.status_code == 409
    assert "您刚刚换过这一样" in _text(asked)
    assert first.location in asked.get_data(as_text=True)
    assert market.has().available == 70
    assert page.post("/shop/orders", data={**typed, "again": "1"}).status_code == 303
    market.world.clock.advance(minutes=1)
    assert page.post("/shop/orders", data={**typed, "quantity": "1"}).status_code == 303
    assert market.has().available == 25


def test_the_keeper_scans_looks_and_hands_over(market: Market) -> None:
    placed = market.order()
    page = market.world.page("shop")
    for typed in (
        placed.voucher_code,
        f" {placed.voucher_code[:4].lower()} {placed.voucher_code[4:].lower()} ",
        f"http://localhost/v/{placed.voucher_code}",
    ):
        found = page.post("/counter", data={"code": typed})
        assert (found.status_code, found.location) == (303, f"/v/{placed.voucher_code}")
    seen = _text(page.get(f"/v/{placed.voucher_code}"))
    assert "肥皂" in seen
    assert "王*" in seen
    assert "王小明" not in seen
    done = page.post(f"/v/{placed.voucher_code}/hand-over")
    assert done.status_code == 303
    assert "已交付" in _text(page.get(done.location))
    assert "已经用过了" in _text(page.get(f"/v/{placed.voucher_code}"))
    assert "肥皂" in _text(page.get("/counter"))
    assert "肥皂" in _text(page.get("/counter/handed-over"))


def test_looking_at_a_voucher_hands_nothing_over(market: Market) -> None:
    placed = market.order()
    market.world.page("shop").get(f"/v/{placed.voucher_code}")
    assert market.state(placed) == "held"


def test_others_get_a_polite_page_that_tells_nothing(market: Market) -> None:
    placed = market.order()
    theirs = market.world.page("resident").get(f"/v/{placed.voucher_code}")
    unknown = market.world.page("resident").get("/v/ZZZZZZZZ")
    assert (theirs.status_code, unknown.status_code) == (404, 404)
    assert _text(theirs) == _text(unknown)
    barber = market.world.page("barber").get(f"/v/{placed.voucher_code}")
    assert barber.status_code == 409
    assert "惠民超市" in _text(barber)
    visitor = market.world.page(None).get(f"/v/{placed.voucher_code}")
    assert visitor.location == f"/sign-in?next=/v/{placed.voucher_code}"


def test_what_is_neither_voucher_nor_card_is_not_found(market: Market) -> None:
    page = market.world.page("shop")
    for typed in ("ZZZZZZZZ", "hello", "", "P1" + "Z" * 26, "x" * 300):
        answer = page.post("/counter", data={"code": typed})
        assert answer.status_code == 422
        assert "/counter" in answer.get_data(as_text=True)


def test_a_card_alone_serves_its_owner_with_the_pin(market: Market) -> None:
    owner = market.world.people["resident"]
    page = market.world.page("shop")
    token = KEYS.member_pass(owner.public_id, 1)
    for scanned in (token, token.lower(), f"https://tb.example.org/s/{token}", owner.public_id):
        assert page.post("/counter", data={"code": scanned}).location == f"/counter/cards/{owner.public_id}"
    assert "李*" in _text(page.get(f"/counter/cards/{owner.public_id}"))
    asking = page.get(f"/counter/cards/{owner.public_id}/pin?item_id={market.soap}&quantity=2")
    assert "用掉 30 积分" in _text(asking)
    done = page.post(
        f"/counter/cards/{owner.public_id}/pin", data={"item_id": market.soap, "quantity": "2", "pin": PIN}
    )
    assert done.status_code == 303
    receipt = _text(page.get(done.location))
    assert "30 积分" in receipt
    assert "70 积分" in receipt
    market.world.clock.advance(minutes=11)
    assert "70 积分" not in _text(page.get(done.location))
    with market.world.write() as session:
        told = session.scalars(select(Message).where(Message.person_id == owner.id)).one()
    assert told.facts["name"] == "周丽"


def test_a_replaced_or_forged_card_opens_nothing(market: Market) -> None:
    owner = market.world.people["resident"]
    page = market.world.page("shop")
    for token in (
        KEYS.member_pass(owner.public_id, 2),
        Keys(b"x" * 32).member_pass(owner.public_id, 1),
        KEYS.member_pass(market.world.people["stranger"].public_id, 1),
    ):
        answer = page.post("/counter", data={"code": token})
        assert answer.status_code == 422
        assert "这张卡不能用" in _text(answer)


def test_the_number_of_a_replaced_card_opens_nothing_and_that_of_the_new_one_does(market: Market) -> None:
    owner = market.world.people["resident"]
    page, number = market.world.page("shop"), rules.card_number(owner.public_id, 2)
    assert number.endswith("-2")
    assert page.post("/counter", data={"code": number}).status_code == 422
    with market.world.write() as session:
        members.reissue_card(session, session.get_one(Person, owner.id))
    for typed in (owner.public_id, rules.card_number(owner.public_id, 1), f"{owner.public_id}-3"):
        answer = page.post("/counter", data={"code": typed})
        assert answer.status_code == 422
        assert "这张卡不能用" in _text(answer)
    for typed in (number, number.lower(), number.replace(" ", ""), f"{owner.public_id} 2"):
        assert page.post("/counter", data={"code": typed}).location == f"/counter/cards/{owner.public_id}"


def _type(market: Market, pin: str, who: str = "shop") -> TestResponse:
    owner = market.world.people["resident"]
    form = {"item_id": market.soap, "quantity": "1", "pin": pin}
    return market.world.page(who).post(f"/counter/cards/{owner.public_id}/pin", data=form)


def test_five_wrong_pins_lock_the_card_for_fifteen_minutes_and_tell_the_owner(market: Market) -> None:
    wrong = [_type(market, "0001") for _ in range(WRONG_TRIES)]
    assert [answer.status_code for answer in wrong] == [409] * (WRONG_TRIES - 1) + [429]
    assert "还可以再试 4 次" in _text(wrong[0])
    assert "卡已锁住，15 分钟后再试" in _text(wrong[-1])
    assert 'name="pin"' not in wrong[-1].text
    market.world.clock.advance(minutes=14)
    assert _type(market, PIN).status_code == 429
    with market.world.write() as session:
        owner = market.world.people["resident"].id
        told = session.scalars(select(Message.sentence).where(Message.person_id == owner)).all()
    assert len(told) == 1
    assert "连续输错 PIN" in told[0]
    market.world.clock.advance(minutes=1)
    assert _type(market, PIN).status_code == 303


@SQLITE_ONLY
@pytest.mark.parametrize("path", ["/counter/cards", "/queue/cards"])
def test_a_locked_card_says_so_before_anything_is_chosen(market: Market, path: str) -> None:
    keeper, card = market.world.page("shop"), market.world.people["resident"].public_id
    for _ in range(WRONG_TRIES - 1):
        _type(market, "0001")
    assert "锁住，" not in _text(keeper.get(f"{path}/{card}"))
    _type(market, "0001")
    market.world.clock.advance(minutes=5)
    shown = keeper.get(f"{path}/{card}")
    assert "卡已锁住，10 分钟后再试" in _text(shown)
    assert 'name="item_id"' not in shown.text
    assert 'name="pin"' not in shown.text
    other = market.world.people["volunteer"].public_id
    assert "锁住，" not in _text(keeper.get(f"{path}/{other}"))
    market.world.clock.advance(minutes=10)
    assert "锁住，" not in _text(keeper.get(f"{path}/{card}"))


def test_a_right_pin_begins_the_count_anew(market: Market) -> None:
    for _ in range(WRONG_TRIES - 1):
        _type(market, "0001")
    assert _type(market, PIN).status_code == 303
    assert _type(market, "0001").status_code == 409
    assert "还可以再试 3 次" in _text(_type(market, "0001"))


@pytest.mark.parametrize("typed", ["-3", "0", "abc", "1.5", "100"])
def test_an_odd_number_of_pieces_at_the_counter_is_refused(market: Market, typed: str) -> None:
    path = f"/counter/cards/{market.world.people['resident'].public_id}/pin?item_id={market.soap}&quantity={typed}"
    answer = market.world.page("shop").get(path)
    assert (answer.status_code, 'id="e-quantity"' in answer.text) == (422, True)


def test_who_has_too_little_at_the_counter_is_told_in_hours_and_led_back_to_the_card(market: Market) -> None:
    dear = market.add_item("按摩椅", unit=chart.MINUTES, price=240)
    owner = market.world.people["resident"]
    credit(market.world, "resident", chart.MINUTES, 180)
    form = {"item_id": dear, "quantity": "1", "pin": PIN}
    answer = market.world.page("shop").post(f"/counter/cards/{owner.public_id}/pin", data=form)
    assert answer.status_code == 409
    assert "还差 1 小时，什么也没有扣" in answer.text
    assert f'href="/counter/cards/{owner.public_id}"' in answer.text
    assert 'href="/counter"' in answer.text


@pytest.mark.parametrize("who", ["coordinator", "resident"])
def test_a_new_pin_unlocks_the_card(market: Market, who: str) -> None:
    for _ in range(WRONG_TRIES):
        _type(market, "0001")
    path = "/me/pin" if who == "resident" else f"/people/{market.world.people['resident'].public_id}/pin"
    assert market.world.page(who).post(path, data={"pin": "7391", "again": "7391"}).status_code == 303
    assert _type(market, "7391").status_code == 303


def test_a_card_without_a_pin_is_sent_to_the_desk(market: Market) -> None:
    owner = market.world.people["panel"]
    page = market.world.page("shop")
    assert "还没有设 PIN" in _text(page.get(f"/counter/cards/{owner.public_id}"))
    form = {"item_id": market.soap, "quantity": "1", "pin": PIN}
    answer = page.post(f"/counter/cards/{owner.public_id}/pin", data=form)
    assert (answer.status_code, "还没有设 PIN" in _text(answer)) == (409, True)


def test_a_keeper_counts_stock_pauses_and_adds(market: Market) -> None:
    page = market.world.page("shop")
    assert page.post(f"/counter/items/{market.soap}/stock", data={"change": "1"}).status_code == 303
    assert market.stock() == 6
    broken = f"/counter/items/{market.soap}/damage"
    assert page.post(broken, data={"number": "4", "note": "受潮"}).status_code == 303
    assert market.stock() == 2
    assert page.post(broken, data={"number": "3", "note": "受潮"}).status_code == 409
    assert page.post(broken, data={"number": "1"}).status_code == 422
    assert page.post(f"/counter/items/{market.soap}/offer", data={"is_offered": "0"}).status_code == 303
    assert "肥皂" not in _text(market.world.page("volunteer").get("/shop"))
    form = {"shop_id": market.goods_shop, "kind": "goods", "title": "毛巾", "unit": "PTS", "price": "30"}
    missing = page.post("/counter/items", data=form)
    assert (missing.status_code, "请填架上现有几件" in _text(missing)) == (422, True)
    assert page.post("/counter/items", data={**form, "stock": "4"}).status_code == 303
    assert "毛巾" in _text(market.world.page("volunteer").get("/shop"))


def test_a_keeper_touches_no_other_shops_shelf(market: Market) -> None:
    page = market.world.page("barber")
    for path, form in (
        (f"/counter/items/{market.soap}/stock", {"change": "1"}),
        (f"/counter/items/{market.soap}/offer", {"is_offered": "0"}),
        (
            "/counter/items",
            {"shop_id": market.goods_shop, "kind": "service", "title": "染发", "unit": "MIN", "price": "30"},
        ),
    ):
        assert page.post(path, data=form).status_code == 409
    assert market.stock() == 5
    assert "肥皂" not in _text(page.get("/counter/stock"))


def test_a_coordinator_opens_a_shop_and_names_its_keeper(market: Market) -> None:
    desk = market.world.page("coordinator")
    made = desk.post("/shops", data={"name": "社区食堂", "place": "2栋"})
    assert made.status_code == 303
    keeper = market.world.people["shop"].public_id
    assert desk.post(f"{made.location}/keepers", data={"person_id": keeper, "do": "add"}).status_code == 303
    assert "周丽" in _text(desk.get(made.location))
    assert "社区食堂" in _text(market.world.page("shop").get("/counter"))
    nobody = market.world.people["panel"].public_id
    assert desk.post(f"{made.location}/keepers", data={"person_id": nobody, "do": "add"}).status_code == 422
    assert desk.post(f"{made.location}/keepers", data={"person_id": keeper, "do": "remove"}).status_code == 303
    assert "社区食堂" not in _text(market.world.page("shop").get("/counter"))


@SQLITE_ONLY
def test_no_page_costs_more_for_a_longer_history(market: Market) -> None:
    first = market.order()
    market.hand_over(first)
    paths = {
        "volunteer": ["/shop", "/shop/orders", f"/shop/items/{market.soap}", f"/v/{first.voucher_code}"],
        "shop": ["/counter", "/counter/stock", "/counter/handed-over", f"/v/{first.voucher_code}"],
    }

    def cost() -> dict[str, int]:
        costs = {}
        for who, asked in paths.items():
            page = market.world.page(who)
            for path in asked:
                with counted(market.world.app) as seen:
                    assert page.get(path).status_code == 200
                costs[f"{who} {path}"] = len(seen)
        return costs

    market.order(item=market.haircut)
    before = cost()
    market.count(1000)
    for number in range(4):
        market.add_item(f"毛巾{number}", unit="PTS", price=1)
        market.hand_over(market.order())
        market.order(item=market.haircut)
    assert cost() == before
    assert max(before.values()) <= 10
