"""An eighty-year-old with a printed card and a PIN is helped at home, without a phone of her own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from bank import chart
from bank.members import passwords
from bank.members.models import Person
from bank.members.rules import card_number
from tests.shop.market import credit
from tests.story.phones import PASSWORD, Phone
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
    volunteer.page.get_by_label("或居民卡号").fill(card)
    volunteer.press("记上")
    volunteer.sees("记下了：到了。")
    time_of_day.move_to(THREE_ON_TUESDAY)
    volunteer.page.get_by_label("或居民卡号").fill(card)
    volunteer.press("记上")
    volunteer.sees("请等居民确认")

    volunteer.page.get_by_text("用卡和 PIN 确认").click()
    volunteer.page.get_by_label("居民卡号").fill(card)
    volunteer.page.get_by_label("请居民自己按四位数字").fill(PIN)
    volunteer.press("居民确认")
    volunteer.sees("完成了", "算")

    coordinator.open("/desk")
    coordinator.sees("陪聊读报")
    assert volunteer.complaints == coordinator.complaints == []
