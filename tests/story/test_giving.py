"""Giving as people live it: a son far away, an old donor with a card, and hours taken back; nobody types an address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bank import chart, jobs
from bank.communities.models import Community
from bank.members import passwords
from bank.members.models import Person
from bank.members.rules import card_number
from bank.shop import stock
from tests.giving.conftest import bind
from tests.shop.market import credit
from tests.story.phones import PASSWORD, Phone
from tests.story.walking import faults_of, keep_picture
from tests.world import World

pytestmark = [
    pytest.mark.browser,
    # Flask-Compress reads a static file to its end and leaves closing it to the collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PIN = "2468"


@pytest.fixture
def town(world: World) -> World:
    """李秀英, eighty, has a card, a PIN and no phone; her son 李强 lives far away; a barber's chair stands ready."""
    world.add_person("son", "李强", login="son")
    secret, pin = passwords.make_hash(PASSWORD), passwords.make_hash(PIN)
    with world.write() as session:
        for who, person in world.people.items():
            session.get_one(Person, person.id).password_hash = None if who == "resident" else secret
        session.get_one(Person, world.people["resident"].id).pin_hash = pin
        home, keepers = session.get_one(Community, world.community_id), [world.people["shop"].id]
        corner = stock.open_shop(
            session,
            home.id,
            name="邻里服务站",
            place="3栋1楼",
            hours="9:00-17:00",
            keepers=keepers,
            now=world.clock.now,
        )
        stock.put_on_shelf(
            session, corner, kind="service", title="理发", unit="MIN", price=30, picture="haircut", now=world.clock.now
        )
    return world


def card_of(world: World) -> str:
    return card_number(world.people["resident"].public_id, 1)


def in_order(who: Phone, name: str) -> None:
    """Photograph the page for whoever wants to look, and go on only if nothing is wrong with it."""
    keep_picture(who.page, f"giving-{name}")
    assert faults_of(who.page) == []


def to_her_card(desk: Phone, world: World) -> None:
    """Go from the first page of whoever sits at the desk to what can be done for her."""
    desk.tap("首页")
    desk.tap("亲属和补助")
    in_order(desk, f"desk-{desk.owner}")
    desk.page.get_by_label("居民的卡").fill(card_of(world))
    desk.press("下一步")
    desk.sees("李秀英", "想办什么")
    in_order(desk, "card")


def to_relatives(who: Phone) -> None:
    """Go from the first page to one's relatives, by the last of the tabs at the thumb."""
    who.page.get_by_role("link", name="我的", exact=True).click()
    who.tap("亲属和转赠")


def type_pin(desk: Phone) -> None:
    desk.page.get_by_label("请居民自己按四位数字").fill(PIN)
    desk.press("确定")


def see_passbook(desk: Phone) -> None:
    desk.page.get_by_label("请居民自己按四位数字").fill(PIN)
    desk.press("看存折，再打印")


def let_a_day_pass(world: World, time_of_day: Any, *phones: Phone) -> None:
    """Let 25 hours go by with the bank's jobs; whoever sits at the desk signs in anew the next day if they must."""
    time_of_day.pass_by(hours=25)
    with world.app.app_context():
        jobs.run_due(time_of_day.now)


@pytest.mark.parametrize("has_javascript", [True, False])
def test_a_son_far_away_gives_his_mother_two_hours(
    town: World, phone: Callable[..., Phone], time_of_day: Any, has_javascript: bool
) -> None:
    credit(town, "son", chart.MINUTES, 300)
    son, desk, second, shop = (
        phone(who, has_javascript=has_javascript) for who in ("son", "coordinator", "second", "shop")
    )
    for each in (son, desk, second, shop):
        each.sign_in()

    to_relatives(son)
    in_order(son, "relatives-none")
    son.page.get_by_text("父亲或母亲").click()
    son.page.get_by_label("姓名").fill("李秀英")
    son.page.get_by_label("住哪栋").select_option(label="3栋")
    son.press("去问他")
    son.sees("等对方同意")

    to_her_card(desk, town)
    desk.tap("答复想绑定的亲属")
    desk.page.get_by_text("同意，他是我的亲属").click()
    in_order(desk, "answer")
    type_pin(desk)
    desk.sees("办好了")

    second.tap("亲属和补助")
    second.sees("李秀英 是 李强 的父亲或母亲")
    second.press("核对无误")
    second.sees("现在没有。")

    son.tap("首页")
    son.sees("亲属已经绑定好")
    son.tap("去看看")
    son.page.get_by_label("多少分钟").fill("120")
    in_order(son, "relatives")
    son.press("转赠")
    son.sees("还能收回")
    in_order(son, "gift")

    let_a_day_pass(town, time_of_day)
    to_her_card(desk, town)
    desk.tap("看存折、打印存折")
    see_passbook(desk)
    desk.sees("时间存折", "转赠给亲属", "别人凭卡和 PIN 替您办的")
    in_order(desk, "her-passbook")
    assert "2 小时" in desk.page.inner_text("table")

    shop.tap("柜台")
    shop.page.get_by_label("扫兑换券或居民卡").fill(card_of(town))
    shop.page.keyboard.press("Enter")
    shop.page.get_by_text("理发").click()
    shop.press("下一步：请居民按 PIN")
    shop.page.get_by_label("请居民自己按四位数字").fill(PIN)
    shop.press("确定")
    shop.sees("已交付")

    desk.tap("返回")
    desk.tap("打印存折")
    see_passbook(desk)
    desk.sees("1.5 小时")


def test_an_old_donor_is_thanked_in_public(town: World, phone: Callable[..., Phone]) -> None:
    credit(town, "resident", chart.MINUTES, 180)
    desk, passer_by = phone("coordinator"), phone("nobody")
    desk.sign_in()
    to_her_card(desk, town)
    desk.tap("捐给公益池")
    desk.page.get_by_label("多少（分钟或积分）").fill("60")
    desk.page.get_by_text("李老师").click()
    in_order(desk, "donate-at-the-desk")
    type_pin(desk)
    desk.sees("办好了")

    passer_by.open("/")
    passer_by.tap("公示栏")
    passer_by.tap("公益池")
    passer_by.sees("李老师", "1 小时")
    in_order(passer_by, "pool")


def test_she_takes_her_hours_back_the_same_day(town: World, phone: Callable[..., Phone]) -> None:
    credit(town, "resident", chart.MINUTES, 180)
    bind(town, "son", "resident", "parent")
    desk, son = phone("coordinator"), phone("son")
    desk.sign_in()
    to_her_card(desk, town)
    desk.tap("把时长转给亲属")
    desk.page.get_by_label("多少分钟").fill("90")
    in_order(desk, "give-at-the-desk")
    type_pin(desk)
    desk.sees("办好了")
    desk.tap("收回刚转出的时长")
    in_order(desk, "take-back")
    type_pin(desk)
    desk.sees("办好了")
    assert desk.page.get_by_text("收回刚转出的时长").count() == 0

    son.sign_in()
    son.sees("收回了给您的转赠")
    to_relatives(son)
    son.sees("已收回")
    in_order(son, "taken-back")


def test_a_son_takes_back_what_he_gave_by_mistake(town: World, phone: Callable[..., Phone]) -> None:
    credit(town, "son", chart.MINUTES, 180)
    bind(town, "son", "resident", "parent")
    son = phone("son")
    son.sign_in()
    to_relatives(son)
    son.page.get_by_label("多少分钟").fill("90")
    son.press("转赠")
    son.press("收回")
    son.page.get_by_role("button", name="确定").filter(visible=True).click()
    son.sees("已经收回，时长还在您的存折里。")
    son.tap("存折")
    son.sees("3 小时")
