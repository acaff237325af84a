"""A barber's month: vouchers handed over in the chair, the statement in both files, confirmed by both, settled."""

from __future__ import annotations

import base64
import io
import re
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from bank import chart
from bank.members import passwords
from bank.members.models import Person
from bank.shop import stock
from bank.shop.models import Order, Shop
from tests.shop.market import Market, build_market, credit
from tests.story.phones import PASSWORD, Phone, Screen
from tests.world import World

pytestmark = [
    pytest.mark.browser,
    # Flask-Compress reads a static file to its end and leaves closing it to the collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SECOND_OF_DECEMBER = datetime(2026, 12, 2, 1, 0, tzinfo=UTC)
HAIRCUT = 30


@pytest.fixture
def town(world: World) -> Market:
    """A shop and a barber who is a provider with a sign-in of his own; the resident has hours."""
    market, secret = build_market(world), passwords.make_hash(PASSWORD)
    with world.write() as session:
        for who, person in world.people.items():
            one = session.get_one(Person, person.id)
            one.password_hash, one.login = secret, who
        barbers: Shop = stock.shop_in(session, world.community_id, market.barber_shop)
        barbers.kind = "provider"
    credit(world, "resident", chart.MINUTES, 60)
    return market


def test_a_barber_hands_over_and_is_settled_with(
    town: Market, phone: Callable[..., Phone], screen: Callable[..., Screen], time_of_day: Any, bank: Any
) -> None:
    typed, soap = town.order("resident", town.haircut), town.order("volunteer", town.soap)
    barber = phone("barber")
    volunteer, coordinator = screen("volunteer"), screen("coordinator")
    for each in (barber, volunteer, coordinator):
        each.sign_in()

    scanned = order_haircut(volunteer)
    barber.tap("柜台")
    barber.looks_right("counter")
    barber.scan(volunteer.picture_of(".ticket"))
    hand_over(barber, "王**")
    barber.page.get_by_label("扫兑换券或居民卡").fill(typed.voucher_code.lower())
    barber.press("查")
    hand_over(barber, "李**")
    refuse_soap(barber, soap)
    barber.tap("本月清单")
    barber.looks_right("month")
    barber.sees(scanned)
    assert "肥皂" not in barber.page.inner_text("main")
    barber.go_home()

    time_of_day.move_to(SECOND_OF_DECEMBER)
    bank.run("jobs", "run", "--once")
    codes = sorted([scanned, shown(typed)])
    read_statement(barber, codes)
    barber.press("核对过，没有问题")
    barber.sees("等对方确认")
    settle(coordinator)
    barber.page.reload()
    barber.sees("已结清")
    barber.looks_right("settled")
    assert town.takings(town.barber_shop, chart.MINUTES) == 0
    assert bank.run("ledger", "verify").exit_code == 0


def shown(order: Order) -> str:
    return f"{order.voucher_code[:4]} {order.voucher_code[4:]}"


def order_haircut(volunteer: Screen) -> str:
    """Order a haircut on the phone and give the code of its voucher."""
    volunteer.tap("换服务、换用品")
    volunteer.tap("理发")
    volunteer.looks_right("haircut")
    volunteer.press("换这个")
    volunteer.sees("待领取")
    volunteer.looks_right("voucher")
    return str(volunteer.page.locator(".ticket-code").inner_text())


def hand_over(barber: Phone, whom: str) -> None:
    barber.sees("理发", whom)
    barber.looks_right("hand-over")
    barber.press("交给他了")
    barber.sees("已交付")
    barber.looks_right("handed-over")


def refuse_soap(barber: Phone, soap: Order) -> None:
    """Nothing of another shop's voucher is shown to him, and there is a way on."""
    assert barber.complaints == []
    barber.page.get_by_label("扫兑换券或居民卡").fill(soap.voucher_code)
    barber.press("查")
    barber.sees("惠民超市")
    barber.looks_right("not-his")
    assert "肥皂" not in barber.page.inner_text("main")
    assert [each for each in barber.complaints if "409" not in each] == []
    barber.complaints.clear()
    barber.tap("回柜台")


def read_statement(barber: Phone, codes: list[str]) -> None:
    """Open the month's statement from the first page, and find every code in both files."""
    barber.page.reload()
    barber.sees("的对账单好了")
    barber.looks_right("told")
    barber.tap("去看看")
    barber.sees("等双方确认", "1 小时", "2 张券")
    barber.looks_right("statement")
    drawn = saved(barber, "PDF")
    assert drawn.startswith(b"%PDF")
    assert sorted(set(codes_in(drawn)) & set(codes)) == codes
    rows = [[cell.value for cell in row] for row in load_workbook(io.BytesIO(saved(barber, "表格"))).active.iter_rows()]
    lines = [row for row in rows if isinstance(row[0], int)]
    assert sorted(row[1] for row in lines) == codes
    assert sum(row[4] for row in lines) == 2 * HAIRCUT


def saved(barber: Phone, text: str) -> bytes:
    """Save a file by the button with these words, and give what is in it."""
    with barber.page.expect_download() as coming:
        barber.tap(text)
    return Path(coming.value.path()).read_bytes()


def codes_in(pdf: bytes) -> list[str]:
    """Read what a statement draws in Courier: the codes of its vouchers."""
    streams = re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL)
    drawn = b"".join(zlib.decompress(base64.a85decode(b"<~" + each.strip(), adobe=True)) for each in streams)
    return [each.decode() for each in re.findall(rb"\(([A-Z0-9 ]+)\) Tj", drawn)]


def settle(coordinator: Screen) -> None:
    """Confirm for the community, and write down that it was paid."""
    coordinator.page.reload()
    coordinator.tap("对账单")
    coordinator.looks_right("statements")
    coordinator.tap("老李理发")
    coordinator.press("核对过，没有问题")
    coordinator.sees("双方确认了，还没结清")
    coordinator.looks_right("both")
    coordinator.press("记为已结清")
    coordinator.sees("已记为结清")
    coordinator.looks_right("settled")
