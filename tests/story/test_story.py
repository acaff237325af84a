"""The bank as people live through it: three phones and a shop, a printed card, and a browser without scripts."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bank.communities.models import Community
from bank.members import operations as members
from bank.members import passwords
from bank.members.models import Person
from bank.shop import stock
from tests.story.phones import PASSWORD, Phone
from tests.world import World

pytestmark = [
    pytest.mark.browser,
    # Flask-Compress reads a static file to its end and leaves closing it to the collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

CARD_PIN = "2468"
TEN_TO_NINE = datetime(2026, 11, 23, 0, 50, tzinfo=UTC)
FIVE_PAST_ELEVEN = datetime(2026, 11, 23, 3, 5, tzinfo=UTC)


@pytest.fixture
def town(world: World) -> World:
    """The small community with passwords, a shop with soap, a barber's chair, and 李秀英's card."""
    secret, pin = passwords.make_hash(PASSWORD), passwords.make_hash(CARD_PIN)
    with world.write() as session:
        for person in world.people.values():
            session.get_one(Person, person.id).password_hash = secret
        session.get_one(Person, world.people["resident"].id).pin_hash = pin
        home = session.get_one(Community, world.community_id)
        second = session.get_one(Person, world.people["second"].id)
        members.grant_role(session, second, "coordinator", home, now=world.clock.now)
        corner = stock.open_shop(
            session,
            home.id,
            name="邻里服务站",
            place="3栋1楼",
            hours="9:00-17:00",
            keepers=[world.people["shop"].id],
            now=world.clock.now,
        )
        stock.put_on_shelf(
            session,
            corner,
            kind="service",
            title="理发",
            unit="MIN",
            price=30,
            picture="haircut",
            now=world.clock.now,
        )
    return world


def test_a_scan_becomes_hours_and_the_hours_a_haircut(
    town: World, phone: Callable[..., Phone], time_of_day: Any, bank: Any, tmp_path: Path
) -> None:
    coordinator, second, volunteer, shop = (phone(who) for who in ("coordinator", "second", "volunteer", "shop"))
    for each in (coordinator, second, volunteer, shop):
        each.sign_in()

    publish_activity(coordinator)
    volunteer.open("/activities")
    volunteer.tap("湖边清洁")
    volunteer.press("我要报名")
    volunteer.sees("报好了，请准时参加。")

    time_of_day.move_to(TEN_TO_NINE)
    coordinator.tap("签到屏")
    scan_venue(volunteer, coordinator)
    volunteer.sees("已签到 08:50", "走之前请记得再扫一次")

    time_of_day.move_to(FIVE_PAST_ELEVEN)
    coordinator.page.reload()
    coordinator.sees("还在")
    scan_venue(volunteer, coordinator)
    volunteer.press("签退")
    volunteer.sees("已签退 11:05", "这次 2 小时，谢谢您！", "等社区核对")

    coordinator.open("/desk")
    coordinator.sees("没有疑点（1 条）", "王小明")
    coordinator.press("全部通过（1 条）")
    coordinator.sees("1 条已通过，等另一位复核。")
    second.open("/desk")
    second.press("全部通过（1 条）")
    second.sees("1 条已通过并入账。")

    volunteer.open("/passbook")
    volunteer.sees("湖边清洁", "+2 小时")
    volunteer.tap("湖边清洁")
    volunteer.sees("陈芳")

    volunteer.open("/shop")
    volunteer.tap("理发")
    volunteer.press("换这个")
    volunteer.sees("待领取", "已替您留着 半小时")
    shop.open("/counter")
    shop.scan(volunteer.picture_of(".ticket"))
    shop.sees("理发", "王**")
    shop.press("交给他了")
    shop.sees("已交付")

    volunteer.page.reload()
    volunteer.sees("已领取", "已核销")
    volunteer.open("/passbook")
    volunteer.sees("1.5 小时", "−半小时")
    check_books(bank, tmp_path)


def test_a_printed_card_does_all_of_it(
    town: World, phone: Callable[..., Phone], time_of_day: Any, bank: Any, tmp_path: Path
) -> None:
    coordinator, second, shop = phone("coordinator"), phone("second"), phone("shop")
    for each in (coordinator, second, shop):
        each.sign_in()
    publish_activity(coordinator)
    coordinator.open(f"/people/{town.people['resident'].public_id}")
    coordinator.tap("卡")
    card = coordinator.picture_of(".id-card")

    time_of_day.move_to(TEN_TO_NINE)
    scan_card(coordinator, card, "签到")
    coordinator.sees("李秀英", "签到了")
    time_of_day.move_to(FIVE_PAST_ELEVEN)
    scan_card(coordinator, card, "签退")
    coordinator.sees("李秀英", "签退了")

    second.open("/desk")
    second.sees("李秀英")
    second.press("通过")
    second.sees("1 条已通过并入账。")

    shop.open("/counter")
    shop.scan(card)
    shop.sees("李**")
    shop.page.get_by_role("radio", name="理发").check()
    shop.press("下一步：请居民按 PIN")
    for digit in CARD_PIN:
        shop.press(digit)
    shop.press("确定")
    shop.sees("已交付", "1.5 小时")
    check_books(bank, tmp_path)


def test_nothing_of_it_needs_a_script(
    town: World, phone: Callable[..., Phone], time_of_day: Any, bank: Any, tmp_path: Path
) -> None:
    coordinator = phone("coordinator")
    volunteer, shop, second = (phone(who, has_javascript=False) for who in ("volunteer", "shop", "second"))
    for each in (coordinator, volunteer, shop, second):
        each.sign_in()
    publish_activity(coordinator)

    time_of_day.move_to(TEN_TO_NINE)
    coordinator.tap("签到屏")
    type_digits(volunteer, coordinator)
    volunteer.press("签到")
    volunteer.sees("已签到 08:50")
    time_of_day.move_to(FIVE_PAST_ELEVEN)
    coordinator.page.reload()
    type_digits(volunteer, coordinator)
    volunteer.press("签退")
    volunteer.sees("已签退 11:05", "这次 2 小时，谢谢您！")

    second.open("/desk")
    second.press("通过")
    second.sees("1 条已通过并入账。")
    volunteer.open("/shop")
    volunteer.tap("理发")
    volunteer.press("换这个")
    voucher = volunteer.page.locator(".ticket-code").inner_text()
    shop.open("/counter")
    shop.page.get_by_label("扫兑换券或居民卡").fill(voucher.lower())
    shop.press("查")
    shop.press("交给他了")
    shop.sees("已交付")
    check_books(bank, tmp_path)


def publish_activity(coordinator: Phone) -> None:
    """Plan and publish an activity from nine to eleven, and stay on its page."""
    coordinator.open("/activities/new")
    page = coordinator.page
    page.get_by_label("标题").fill("湖边清洁")
    page.get_by_label("类别").select_option(index=1)
    page.get_by_label("地点").fill("月亮湖东门")
    page.get_by_label("开始").fill("2026-11-23T09:00")
    page.get_by_label("结束").fill("2026-11-23T11:00")
    page.get_by_label("安全提示").fill("路滑，远离水边。")
    page.get_by_label("以上都不是").check()
    coordinator.press("发布")
    coordinator.sees("已发布，大家可以报名了。")


def scan_venue(volunteer: Phone, coordinator: Phone) -> None:
    """Hold the coordinator's screen before the volunteer's camera until the landing page opens."""
    coordinator.page.locator("[data-screen-qr]").wait_for()
    volunteer.open("/scan")
    volunteer.scan(coordinator.picture_of(".code-card"))
    volunteer.page.wait_for_url("**/s/**")


def scan_card(coordinator: Phone, card: Path, direction: str) -> None:
    """Scan a printed card as it is done at the door, continuously."""
    coordinator.open("/activities")
    coordinator.tap("湖边清洁")
    coordinator.tap("扫卡签到")
    coordinator.page.get_by_role("radio", name=direction).check()
    coordinator.scan(card)


def type_digits(volunteer: Phone, coordinator: Phone) -> None:
    """Type the six digits that the screen shows."""
    coordinator.page.locator("[data-screen-qr]").wait_for()
    volunteer.open("/scan")
    volunteer.page.get_by_label("六位数字").fill(coordinator.page.locator("[data-screen-six]").inner_text())
    volunteer.press("确定")


def check_books(bank: Any, folder: Path) -> None:
    """The books are clean, and an accountant's program of another house accepts them."""
    verified = bank.run("ledger", "verify")
    assert verified.exit_code == 0, verified.output
    written = bank.run("ledger", "export", "--format", "hledger")
    assert written.exit_code == 0, written.output
    if shutil.which("hledger"):
        journal = folder / "book.hledger"
        journal.write_text(written.stdout)
        subprocess.run(["hledger", "-f", journal, "check", "balancednoautoconversion", "assertions"], check=True)
