"""A coordinator's afternoon: what is nearly late, a call, two invitations, a dispute, a count, the bank's health."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bank.members import passwords
from bank.members.models import Person
from bank.services import operations as help_
from tests.services.homes import HOURS, Homes, build_homes
from tests.shop.market import Market, build_market
from tests.story.phones import PASSWORD, Screen
from tests.world import World

pytestmark = [
    pytest.mark.browser,
    # Flask-Compress reads a static file to its end and leaves closing it to the collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

TUESDAY_THREE = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
WEDNESDAY_SIX = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)
TAP_S, LETTER_S = 3, 1
"""What it takes somebody practised to find and tap a thing on a phone, and to type a sign."""
AGREED, SETTLED = 60, 30


@pytest.fixture
def homes(world: World, time_of_day: Any) -> Homes:
    """On Tuesday at three: a request of yesterday nobody looked at, and a visit whose length the resident disputes."""
    made, secret = build_homes(world), passwords.make_hash(PASSWORD)
    with world.write() as session:
        for person in world.people.values():
            session.get_one(Person, person.id).password_hash = secret
    disputed = made.ask(starts_at=made.now + timedelta(hours=1), minutes=AGREED)
    made.do("coordinator2", help_.verify, disputed.public_id)
    made.do("volunteer", help_.accept, disputed.public_id)
    time_of_day.pass_by(hours=1)
    made.scan(disputed)
    time_of_day.pass_by(minutes=AGREED + 1)
    made.scan(disputed)
    made.do("resident", help_.object_to, disputed.public_id, "只待了半小时")
    made.ask("panel", kind="errand")
    return made


@pytest.fixture
def market(homes: Homes, time_of_day: Any) -> Market:
    """The shops of the same place, of which one counted its shelf and misses a piece of soap."""
    made = build_market(homes.world)
    made.count_shelf(4)
    time_of_day.move_to(TUESDAY_THREE)
    return made


def test_an_afternoon_at_the_desk(
    homes: Homes, market: Market, screen: Callable[..., Screen], time_of_day: Any, bank: Any
) -> None:
    coordinator = screen("coordinator")
    coordinator.sign_in()
    coordinator.looks_right("home")
    see_what_is_late(coordinator)
    take_a_call(coordinator)
    invite_two(coordinator)
    settle_the_dispute(coordinator)
    assert (homes.has().posted, homes.has().held) == (HOURS - SETTLED, 0)
    confirm_the_count(coordinator)
    assert market.stock() == 4
    time_of_day.move_to(WEDNESDAY_SIX)
    bank.run("jobs", "run", "--once")
    open_health(coordinator)
    assert bank.run("ledger", "verify").exit_code == 0


def see_what_is_late(coordinator: Screen) -> None:
    """The menu counts what waits; the desk shows first what has to be answered today."""
    coordinator.sees("上门帮忙 · 2")
    coordinator.tap("上门帮忙")
    first = coordinator.page.get_by_role("group", name="等着办的").get_by_role("link").first
    assert "代买代取" in first.inner_text()
    assert "快到时间" in first.inner_text()
    coordinator.looks_right("desk")
    first.click()
    coordinator.press("核实好了")
    coordinator.sees("下面请合适的人")
    coordinator.go_home()


def take_a_call(coordinator: Screen) -> None:
    """From the first page to the request that is written down in less than a minute, while she talks."""
    coordinator.touches.clear()
    coordinator.tap("上门帮忙")
    coordinator.tap("有人打电话来")
    coordinator.looks_right("who-calls")
    coordinator.find("lxy")
    coordinator.tap("李秀英")
    coordinator.choose("radio", "陪聊读报")
    coordinator.write("几点来", "10:00")
    coordinator.write("上门要注意什么", "膝盖不便")
    coordinator.press("提交")
    coordinator.sees("记下了。核实一下就可以找人。", "11月25日 周三 10:00", "打电话来的")
    coordinator.looks_right("taken-down")
    taken = coordinator.touches
    assert taken["taps"] * TAP_S + taken["letters"] * LETTER_S < 60, taken


def invite_two(coordinator: Screen) -> None:
    """Verify it and ask the two who suit, with the reasons beside their names."""
    coordinator.press("核实好了")
    coordinator.sees("合适的人（一次最多 3 位）", "住同一栋")
    for name in ("王小明", "吴桂兰"):
        coordinator.choose("checkbox", name)
    coordinator.looks_right("suited")
    coordinator.press("去请")
    coordinator.sees("请了 2 位")
    coordinator.looks_right("invited")
    assert coordinator.page.get_by_text("等答复", exact=True).count() == 2
    coordinator.sees("现在没有别的合适的人了")
    coordinator.go_home()


def settle_the_dispute(coordinator: Screen) -> None:
    """Read what both say, and decide with a reason that both will read."""
    coordinator.tap("上门帮忙")
    coordinator.page.get_by_role("group", name="要核对的").get_by_role("link").first.click()
    coordinator.sees("只待了半小时")
    coordinator.looks_right("dispute")
    coordinator.write("算多少分钟", str(SETTLED))
    coordinator.write("理由（两边都会看到）", "问过两边，半小时后在楼下聊天")
    coordinator.press("定下来")
    coordinator.sees("定下来了，两边都告诉了。")
    coordinator.looks_right("settled")
    coordinator.go_home()


def confirm_the_count(coordinator: Screen) -> None:
    """Look at the shelf somebody else counted, and agree."""
    coordinator.tap("店家")
    coordinator.sees("惠民超市 的盘点", "周丽 点的")
    coordinator.looks_right("shops")
    coordinator.tap("惠民超市 的盘点")
    coordinator.sees("差 -1")
    coordinator.looks_right("count")
    coordinator.press("数过了，对的")
    coordinator.sees("核对好了，库存已经按点到的数改好。")
    coordinator.go_home()


def open_health(coordinator: Screen) -> None:
    """See how the bank is, as everybody may; the figures are the night's."""
    coordinator.tap("公示栏")
    coordinator.tap("银行的健康")
    coordinator.page.wait_for_url("**/health**")
    coordinator.looks_right("health")
    assert coordinator.page.locator("main svg:not(.icon)").count() > 0, "no picture of the bank's health"
