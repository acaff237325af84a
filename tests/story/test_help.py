"""An eighty-year-old with a printed card and a PIN is helped at home, without a phone of her own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bank import chart
from bank.members import passwords
from bank.members.models import Person
from bank.members.rules import card_number
from bank.services.models import HelpRequest
from tests.services.homes import Homes
from tests.shop.market import credit
from tests.story.phones import PASSWORD, Phone
from tests.story.walking import keep_picture
from tests.world import World

pytestmark = [
    pytest.mark.browser,
    # Flask-Compress reads a static file to its end and leaves closing it to the collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PIN = "2468"
TWO_ON_TUESDAY = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
THREE_ON_TUESDAY = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)


@pytest.fixture
def town(world: World) -> World:
    """李秀英 has ten hours, a card and a PIN; everybody else has a password."""
    secret, pin = passwords.make_hash(PASSWORD), passwords.make_hash(PIN)
    with world.write() as session:
        for person in world.people.values():
            session.get_one(Person, person.id).password_hash = secret
        session.get_one(Person, world.people["resident"].id).pin_hash = pin
    credit(world, "resident", chart.MINUTES, 600)
    return world


@pytest.mark.parametrize("has_javascript", [True, False])
def test_she_calls_is_visited_and_pays_with_her_card_and_pin(
    town: World, phone: Callable[..., Phone], time_of_day: Any, has_javascript: bool
) -> None:
    card = card_number(town.people["resident"].public_id, 1)
    coordinator, volunteer = (phone(who, has_javascript=has_javascript) for who in ("coordinator", "volunteer"))
    for each in (coordinator, volunteer):
        each.sign_in()

    volunteer.tap("上门帮邻居")
    volunteer.tap("我愿意做什么")
    volunteer.page.get_by_text("陪聊读报").click()
    volunteer.press("记住")

    coordinator.open("/desk/help")
    coordinator.tap("有人打电话来")
    coordinator.page.get_by_role("searchbox").fill("lxy")
    coordinator.press("查找")
    coordinator.tap("李秀英")
    coordinator.page.get_by_text("陪聊读报").click()
    coordinator.page.get_by_label("哪一天").fill("2026-11-24")
    coordinator.page.get_by_label("几点来").fill("14:00")
    coordinator.page.get_by_label("上门要注意什么").fill("耳朵背，敲门大声点")
    coordinator.press("提交")
    coordinator.press("核实好了")
    coordinator.sees("住同一栋")
    coordinator.page.get_by_text("王小明").click()
    coordinator.press("去请")
    coordinator.sees("请了 1 位")

    volunteer.open("/help/open")
    volunteer.tap("陪聊读报")
    volunteer.press("我来")
    volunteer.sees("耳朵背")

    time_of_day.move_to(TWO_ON_TUESDAY)
    volunteer.page.reload()
    _swipe(volunteer, card)
    volunteer.sees("记下了：到了。")
    time_of_day.move_to(THREE_ON_TUESDAY)
    volunteer.page.reload()
    _swipe(volunteer, card)
    volunteer.sees("请等居民确认")

    volunteer.page.get_by_text("用卡和 PIN 确认").click()
    volunteer.page.get_by_label("居民卡号").fill(card)
    volunteer.page.get_by_label("请居民自己按四位数字").fill(PIN)
    volunteer.press("居民确认")
    volunteer.sees("完成了", "算")

    coordinator.open("/desk")
    coordinator.sees("陪聊读报")
    assert volunteer.complaints == coordinator.complaints == []


def _swipe(phone: Phone, card: str) -> None:
    phone.page.get_by_text("不报数字，刷居民卡").click()
    phone.page.get_by_label("或居民卡号").fill(card)
    phone.press("按卡号记上")


def test_a_visit_without_a_network_is_kept_on_the_phone_and_sent_by_itself(
    town: World, phone: Callable[..., Phone], time_of_day: Any
) -> None:
    homes = Homes(town)
    request = homes.accepted(starts_at=TWO_ON_TUESDAY)
    volunteer, path = phone("volunteer"), f"/help/{request.public_id}"
    volunteer.sign_in()
    time_of_day.move_to(TWO_ON_TUESDAY)
    volunteer.open(path)
    keep_picture(volunteer.page, "visit-in")
    volunteer.page.context.set_offline(True)
    _say(volunteer, request.code_in)
    volunteer.sees("没网，已记在手机里，有网自动送出", "走时再刷一次")
    keep_picture(volunteer.page, "visit-kept")
    _say(volunteer, request.code_out, minutes=60)
    volunteer.page.get_by_text("没网，已记在手机里").nth(1).wait_for()
    assert volunteer.page.get_by_label("居民报的六位数字").is_hidden()
    keep_picture(volunteer.page, "visit-kept-both")
    assert homes.get(request).state == "accepted"
    volunteer.complaints.clear()  # the browser itself complains of every try without a network

    time_of_day.move_to(TWO_ON_TUESDAY + timedelta(hours=2))
    volunteer.page.context.set_offline(False)
    volunteer.sees("请等居民确认")
    told = homes.get(request)
    assert told.state == "to_confirm"
    assert told.arrived_at is not None
    assert abs(told.arrived_at - TWO_ON_TUESDAY) < timedelta(minutes=2)
    assert told.left_at is not None
    assert abs(told.left_at - THREE_ON_TUESDAY) < timedelta(minutes=2)
    assert told.is_late_upload
    assert volunteer.page.evaluate("localStorage.getItem('outbox')") == "[]"


def at_the_door(town: World, phone: Callable[..., Phone], time_of_day: Any) -> tuple[HelpRequest, Phone]:
    """Give a visit whose hour has come, and its helper's phone with its page open."""
    request = Homes(town).accepted(starts_at=TWO_ON_TUESDAY)
    volunteer = phone("volunteer")
    volunteer.sign_in()
    time_of_day.move_to(TWO_ON_TUESDAY)
    volunteer.open(f"/help/{request.public_id}")
    return request, volunteer


def test_signing_out_asks_first_while_something_is_kept(
    town: World, phone: Callable[..., Phone], time_of_day: Any
) -> None:
    request, volunteer = at_the_door(town, phone, time_of_day)
    volunteer.page.route("**/scan", lambda sent: sent.abort())
    _say(volunteer, request.code_in)
    volunteer.sees("没网，已记在手机里，有网自动送出")
    for path in (f"/help/{request.public_id}", "/me"):
        volunteer.open(path)
        if path != "/me":
            volunteer.page.locator(".bar summary").click()
        volunteer.page.locator("form[data-kept-by] button").last.click()
        volunteer.sees("手机里还有没送出的")
        keep_picture(volunteer.page, "sign-out-kept")
        volunteer.press("先不")
        assert volunteer.page.url.endswith(path)
    volunteer.page.evaluate("localStorage.setItem('outbox', '[]')")
    volunteer.page.locator("main form[data-kept-by] button").click()
    volunteer.page.wait_for_url(lambda url: not url.endswith("/me"))
    volunteer.complaints.clear()


def test_what_was_kept_and_is_refused_stays_in_sight(
    town: World, phone: Callable[..., Phone], time_of_day: Any
) -> None:
    request, volunteer = at_the_door(town, phone, time_of_day)
    volunteer.page.context.set_offline(True)
    _say(volunteer, "000000" if request.code_in != "000000" else "000001")
    volunteer.sees("没网，已记在手机里")
    volunteer.page.context.set_offline(False)
    volunteer.sees("送出了，但没有记上", "这六位数字不对")
    volunteer.page.reload()
    volunteer.sees("送出了，但没有记上")
    keep_picture(volunteer.page, "visit-refused")
    volunteer.press("知道了")
    volunteer.page.get_by_text("送出了，但没有记上").wait_for(state="detached")
    volunteer.complaints.clear()
    _say(volunteer, request.code_in)
    volunteer.sees("记下了：到了。")


def test_what_was_refused_is_told_once_at_its_own_visit_until_it_is_recorded(
    town: World, phone: Callable[..., Phone], time_of_day: Any
) -> None:
    request, volunteer = at_the_door(town, phone, time_of_day)
    other = Homes(town).accepted(starts_at=TWO_ON_TUESDAY + timedelta(days=1))
    refused = volunteer.page.get_by_text("送出了，但没有记上")
    for six in ("000000", "000001"):
        if six != request.code_in:
            _say(volunteer, six)
            refused.wait_for()
            volunteer.page.locator("form[data-keep] [aria-busy]").wait_for(state="detached")
    assert refused.count() == 1
    volunteer.open(f"/help/{other.public_id}")
    assert refused.count() == 0
    volunteer.open("/help/open")
    assert refused.count() == 1
    volunteer.open(f"/help/{request.public_id}")
    volunteer.complaints.clear()  # the browser itself complains of what was refused
    _say(volunteer, request.code_in)
    volunteer.sees("记下了：到了。")
    assert refused.count() == 0


def _say(phone: Phone, six: str, *, minutes: int = 0) -> None:
    """Type what the resident says, and press; `minutes` later by the phone's own clock."""
    if minutes:
        phone.page.evaluate(
            "(ms) => { const was = Date.now.bind(Date); Date.now = () => was() + ms; }", minutes * 60_000
        )
    phone.page.get_by_label("居民报的六位数字").fill(six)
    phone.press("记上")


def test_only_the_lengths_of_the_chosen_kind_are_offered(town: World, phone: Callable[..., Phone]) -> None:
    resident = phone("resident")
    resident.sign_in()
    resident.open("/help/new?kind=errand")
    length = resident.page.get_by_label("要多久")
    assert length.input_value() == "30"
    resident.page.locator("label.pick", has_text="陪诊").click()
    assert length.input_value() == "180"
    offered = length.locator("option:enabled")
    assert [one.get_attribute("value") for one in offered.all()] == ["60", "90", "120", "150", "180", "210", "240"]
    assert resident.complaints == []
