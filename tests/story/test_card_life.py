"""A whole life in the bank of a woman of eighty with a printed card and a PIN, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bank import chart, db
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.members import operations as members
from bank.members import passwords
from bank.members.models import Person
from bank.passbook import lines
from bank.services import operations as help_
from bank.shop import stock
from tests.story.phones import COUNTER, PASSWORD, SIZE, Phone, Screen
from tests.world import World

pytestmark = [
    pytest.mark.browser,
    # Flask-Compress reads a static file to its end and leaves closing it to the collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

HER = "杨桂珍"
PIN = "2468"
TEN_TO_NINE = datetime(2026, 11, 23, 0, 50, tzinfo=UTC)
FIVE_PAST_ELEVEN = datetime(2026, 11, 23, 3, 5, tzinfo=UTC)
THURSDAY_MIDNIGHT = datetime(2026, 11, 26, 16, 1, tzinfo=UTC)
FRIDAY_NINE = datetime(2026, 11, 27, 1, 0, tzinfo=UTC)
MONDAY_TWO = datetime(2026, 11, 30, 6, 0, tzinfo=UTC)
MONDAY_TWO_PAST_THREE = datetime(2026, 11, 30, 7, 2, tzinfo=UTC)
FRIDAY_AFTER = datetime(2026, 12, 4, 1, 0, tzinfo=UTC)
EARNED, HELPED, SOAP, HAIRCUT = 120, 60, 20, 30


@pytest.fixture
def town(world: World) -> World:
    """The small community with three days of public notice, a shop with soap and a barber's chair, nobody of eighty."""
    secret = passwords.make_hash(PASSWORD)
    with world.write() as session:
        for person in world.people.values():
            session.get_one(Person, person.id).password_hash = secret
        home = session.get_one(Community, world.community_id)
        second = session.get_one(Person, world.people["second"].id)
        members.grant_role(session, second, "coordinator", home, now=world.clock.now)
        communities.adopt_rules(
            session,
            home,
            {"notice_days": {"A": 3}},
            effective_on=world.clock.now.date() - timedelta(days=1),
            now=world.clock.now,
        )
        keepers = [world.people["shop"].id]
        corner = stock.open_shop(
            session, home.id, name="邻里服务站", place="3栋1楼", keepers=keepers, now=world.clock.now
        )
        for kind, title, price, more in (
            ("goods", "肥皂", SOAP, {"stock": 5, "picture": "soap"}),
            ("service", "理发", HAIRCUT, {"picture": "haircut"}),
        ):
            stock.put_on_shelf(
                session, corner, kind=kind, title=title, unit="MIN", price=price, now=world.clock.now, **more
            )
    helper = world.actor("volunteer")
    with world.write() as session:
        help_.set_skills(session, helper, ["company"], ["mandarin", "local"])
    return world


def minutes_of(town: World, who: str) -> tuple[int, int]:
    """Give what the book says somebody has, and of it held."""
    with town.write() as session:
        number = session.scalars(select(Person.public_id).where(Person.name == who)).one()
        book = db.book(session, town.community_id, town.clock.now)
        balance = book.balance(chart.member(number), chart.MINUTES, session=session)
        return balance.posted, balance.held


def entries_of(town: World, who: str) -> list[tuple[int, int]]:
    """Give the book's lines of somebody, newest first: how much, and what was left."""
    with town.write() as session:
        person = session.scalars(select(Person).where(Person.name == who)).one()
        actor = members.actor_of(session, person)
        found = lines.entries(session, actor, town.clock.now, units=(chart.MINUTES,))
        return [(entry.amount, entry.balance_after) for entry in found.items]


def test_a_card_and_a_pin_are_enough_for_all_of_it(
    town: World, phone: Callable[..., Phone], screen: Callable[..., Screen], time_of_day: Any, bank: Any
) -> None:
    coordinator, volunteer = phone("coordinator"), phone("volunteer")
    second, shop = screen("second"), screen("shop", **COUNTER)
    for each in (coordinator, second, volunteer, shop):
        each.sign_in()

    card, number = register_her(coordinator)
    take_part(coordinator, card, time_of_day)
    approve(coordinator, second)
    assert minutes_of(town, HER) == (0, 0)
    time_of_day.move_to(THURSDAY_MIDNIGHT)
    bank.run("jobs", "run", "--once")
    assert minutes_of(town, HER) == (EARNED, 0)

    time_of_day.move_to(FRIDAY_NINE)
    ask_for_help(coordinator)
    accept(volunteer)
    assert minutes_of(town, HER) == (EARNED, HELPED)
    be_visited(volunteer, card, time_of_day)
    confirm_at_the_desk(coordinator, number)
    assert minutes_of(town, HER) == (EARNED - HELPED, 0)

    shop.press("大字")
    buy(shop, number, "肥皂", "40 分钟")
    receipt(shop)
    buy(shop, number, "理发", "10 分钟")
    left = EARNED - HELPED - SOAP - HAIRCUT
    assert minutes_of(town, HER) == (left, 0)
    sheet = print_passbook(coordinator)
    assert figures(sheet) == [
        ("理发", "", "半小时", "10 分钟"),
        ("肥皂", "", "20 分钟", "40 分钟"),
        ("陪聊读报", "", "1 小时", "1 小时"),
        ("湖边清洁", "2 小时", "", "2 小时"),
    ]
    assert entries_of(town, HER) == [(-HAIRCUT, left), (-SOAP, 40), (-HELPED, 60), (EARNED, EARNED)]
    be_paid(second, volunteer, time_of_day, bank)
    assert minutes_of(town, "王小明") == (HELPED, 0)
    assert bank.run("ledger", "verify").exit_code == 0


def register_her(coordinator: Phone) -> tuple[Path, str]:
    """Write her down, let her type a PIN, print her card; give the card and its number."""
    coordinator.tap("居民")
    coordinator.tap("登记新居民")
    coordinator.looks_right("register")
    coordinator.write("姓名", HER)
    coordinator.page.get_by_label("楼栋").select_option("3栋")
    coordinator.write("单元和门牌", "2单元501")
    coordinator.write("柜台 PIN", PIN)
    coordinator.choose("checkbox", "大字大按钮")
    coordinator.press("登记")
    coordinator.sees("登记好了，可以打印居民卡。", "已设")
    coordinator.looks_right("person")
    coordinator.tap("打印居民卡")
    card = coordinator.picture_of(".id-card")
    number = coordinator.page.locator(".id-card .number").inner_text()
    coordinator.page.emulate_media(media="print")
    coordinator.looks_right("card")
    coordinator.page.emulate_media(media="screen")
    coordinator.go_home()
    return card, number


def take_part(coordinator: Phone, card: Path, time_of_day: Any) -> None:
    """Plan an activity, and scan her card at the door when she comes and when she goes."""
    page = coordinator.page
    coordinator.tap("发起活动")
    coordinator.write("标题", "湖边清洁")
    page.get_by_label("类别").select_option(index=1)
    coordinator.write("地点", "月亮湖东门")
    coordinator.write("开始", "2026-11-23T09:00")
    coordinator.write("结束", "2026-11-23T11:00")
    coordinator.write("安全提示", "路滑，远离水边。")
    coordinator.choose("checkbox", "以上都不是")
    coordinator.press("发布")
    coordinator.sees("已发布，大家可以报名了。")
    for moment, direction in ((TEN_TO_NINE, "签到"), (FIVE_PAST_ELEVEN, "签退")):
        time_of_day.move_to(moment)
        coordinator.tap("扫卡签到")
        coordinator.choose("radio", direction)
        coordinator.scan(card)
        coordinator.sees(HER, f"{direction}了")
        coordinator.looks_right(f"scanned-{direction}")
        coordinator.pick("点一下继续")
        coordinator.tap("返回")
    coordinator.go_home()


def approve(coordinator: Phone, second: Screen) -> None:
    """Let whoever did not register her approve her hours."""
    second.page.reload()
    second.tap("工作台")
    second.looks_right("desk")
    second.press("通过")
    second.sees("1 条已通过")
    coordinator.page.reload()


def ask_for_help(coordinator: Phone) -> None:
    """Take down at the desk what she asks for, verify it and invite somebody."""
    coordinator.tap("上门帮忙")
    coordinator.tap("有人打电话来")
    coordinator.find("ygz")
    coordinator.tap(HER)
    coordinator.looks_right("ask")
    coordinator.choose("radio", "来服务台")
    coordinator.choose("radio", "陪聊读报")
    coordinator.write("哪一天", "2026-11-30")
    coordinator.write("几点来", "14:00")
    coordinator.write("上门要注意什么", "耳朵背，敲门大声点")
    coordinator.press("提交")
    coordinator.press("核实好了")
    coordinator.looks_right("invite")
    coordinator.choose("checkbox", "王小明")
    coordinator.press("去请")
    coordinator.sees("请了 1 位")
    coordinator.go_home()


def accept(volunteer: Screen) -> None:
    """Say yes on the phone."""
    volunteer.page.reload()
    volunteer.looks_right("home")
    volunteer.tap("上门帮邻居")
    volunteer.tap("陪聊读报")
    volunteer.looks_right("invited")
    volunteer.press("我来")
    volunteer.sees("耳朵背", "2单元501")


def be_visited(volunteer: Phone, card: Path, time_of_day: Any) -> None:
    """Come and go with the card at her door, before the camera of the helper's phone."""
    for moment, said in ((MONDAY_TWO, "记下了：到了。"), (MONDAY_TWO_PAST_THREE, "请等居民确认")):
        time_of_day.move_to(moment)
        volunteer.page.reload()
        volunteer.pick("不报数字，刷居民卡")
        volunteer.scan(card)
        volunteer.sees(said)
        volunteer.looks_right(f"visit-{moment:%H}")


def confirm_at_the_desk(coordinator: Phone, number: str) -> None:
    """She comes by and says with card and PIN that it is right."""
    coordinator.tap("上门帮忙")
    coordinator.tap("陪聊读报")
    coordinator.pick("本人来了？用卡和 PIN 确认")
    coordinator.write("居民卡号", number)
    coordinator.looks_right("confirm")
    for digit in PIN:
        coordinator.press(digit)
    coordinator.press("居民确认")
    coordinator.sees("居民确认好了", "完成了")
    coordinator.looks_right("confirmed")
    coordinator.go_home()


def buy(shop: Screen, number: str, what: str, left: str) -> None:
    """Type the number of her card like a hand scanner does, choose, and let her type her PIN."""
    if shop.page.locator(".greeting").count():
        shop.tap("柜台")
    shop.page.locator("[data-listens], [data-counter]").first.wait_for()
    shop.page.get_by_label("扫兑换券或居民卡").fill(number)
    shop.page.keyboard.press("Enter")
    shop.sees("杨**")
    shop.looks_right("choose")
    shop.choose("radio", what)
    shop.press("下一步：请居民按 PIN")
    shop.looks_right("pin")
    for digit in PIN:
        shop.press(digit)
    shop.press("确定")
    shop.sees("已交付", left)
    shop.looks_right(f"counter-{what}")


def receipt(shop: Screen) -> None:
    """Print what she gets in her hand."""
    shop.tap("打小票")
    shop.page.emulate_media(media="print")
    shop.page.set_viewport_size({"width": 220, "height": 600})
    shop.sees("肥皂", "20 分钟", "还剩可用", "40 分钟")
    shop.looks_right("receipt")
    shop.page.emulate_media(media="screen")
    shop.page.set_viewport_size(COUNTER)
    shop.tap("扫下一个")


def print_passbook(coordinator: Phone) -> Screen:
    """Print her passbook at the desk once she has typed her PIN."""
    coordinator.tap("居民")
    coordinator.find("ygz")
    coordinator.tap(HER)
    coordinator.tap("打印存折")
    coordinator.looks_right("ask-passbook")
    for digit in PIN:
        coordinator.press(digit)
    coordinator.press("看存折，再打印")
    coordinator.sees("时间存折", "可用时长 10 分钟", "累计服务 2 小时")
    coordinator.looks_right("passbook")
    coordinator.page.emulate_media(media="print")
    coordinator.page.set_viewport_size({"width": 680, "height": 1009})
    coordinator.looks_right("passbook-on-a4")
    coordinator.page.set_viewport_size(SIZE)
    return coordinator


def be_paid(second: Screen, volunteer: Screen, time_of_day: Any, bank: Any) -> None:
    """Let the volunteer's hour be looked at and go through its notice."""
    second.page.reload()
    second.sees("陪聊读报")
    second.press("全部通过（1 条）")
    second.sees("1 条已通过")
    time_of_day.move_to(FRIDAY_AFTER)
    bank.run("jobs", "run", "--once")
    volunteer.tap("存折")
    volunteer.sees("陪聊读报", "+1 小时")
    volunteer.looks_right("passbook")


def figures(sheet: Screen) -> list[tuple[str, ...]]:
    """Give the lines of a printed passbook without their days."""
    rows = sheet.page.locator(".table tbody tr")
    return [tuple(text.strip() for text in row.locator("td").all_inner_texts())[1:] for row in rows.all()]
