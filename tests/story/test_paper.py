"""A paper roster as people live it: printed, keyed in without a mouse, confirmed by its photo, and seen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bank.activities.models import Activity
from bank.members import passwords
from bank.members.models import Person
from tests.checkin.street import published
from tests.sheets.test_evidence import drawing
from tests.story.phones import PASSWORD, SIZE, Phone
from tests.story.walking import faults_of, keep_picture
from tests.world import World

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

TEN = ("赵国强", "钱美华", "孙玉梅", "李大山", "周小红", "吴建军", "郑秀兰", "王桂芳", "冯志明", "陈春花")
INITIALS = ("zgq", "qmh", "sym", "lds", "zxh", "wjj", "zxl", "wgf", "fzm", "cch")
MOST_KEYS = 4
"""Three initials and Enter, where they mean one person."""


@pytest.fixture
def activity(world: World, time_of_day: Any) -> str:
    """An activity that is over, with ten more neighbours."""
    secret = passwords.make_hash(PASSWORD)
    for number, name in enumerate(TEN):
        world.add_person(f"n{number}", name)
    with world.write() as session:
        for who in ("coordinator", "second", "volunteer"):
            session.get_one(Person, world.people[who].id).password_hash = secret
    made = published(world)
    time_of_day.pass_by(hours=4)
    with world.write() as session:
        session.scalars(select(Activity).where(Activity.public_id == made)).one().closed_at = time_of_day.now
    return made


def in_order(who: Phone, name: str) -> None:
    """Photograph the page for whoever wants to look, and go on only if nothing is wrong with it."""
    keep_picture(who.page, f"paper-{name}")
    assert faults_of(who.page) == []


def test_paper_becomes_hours(activity: str, world: World, phone: Callable[..., Phone], tmp_path: Path) -> None:
    keyer, second, volunteer = (phone(who) for who in ("coordinator", "second", "volunteer"))
    for each in (keyer, second, volunteer):
        each.sign_in()
    keyer.open(f"/activities/{activity}/paper")
    in_order(keyer, "printed")
    assert keyer.page.locator(".qr svg").count() == 1
    print_it(keyer)
    keyer.open(f"/activities/{activity}/sheets")
    keyer.press("开始录入")
    in_order(keyer, "empty")
    assert max(key_in(keyer, [*INITIALS])) <= MOST_KEYS
    key_in(keyer, [world.people["volunteer"].public_id.lower()], already=10)
    keyer.sees("表上的人（11）")
    keyer.page.keyboard.press("Control+z")
    keyer.sees("表上的人（10）")
    keyer.page.keyboard.type("3-1-101\n")
    keyer.sees("表上的人（11）")
    keyer.page.locator("input[type=search]").fill("z")
    keyer.sees("郑明")
    keyer.page.keyboard.press("ArrowDown")
    in_order(keyer, "keyed")
    photo = tmp_path / "roster.jpg"
    photo.write_bytes(drawing())
    keyer.page.set_input_files("input[type=file]", photo)
    keyer.press("附上照片")
    keyer.sees("照片附上了")
    in_order(keyer, "photo")
    keyer.press("交给另一位核对")
    keyer.sees("要由另一位核对")
    second.open("/sheets")
    in_order(second, "waiting")
    second.tap("清洁湖边")
    in_order(second, "confirming")
    second.page.get_by_text("划掉：钱美华").click()
    second.press("核对好了，提交")
    second.sees("划掉的行请写一句为什么")
    second.complaints.clear()
    assert second.page.get_by_label("划掉：钱美华").is_checked()
    second.page.get_by_label("为什么划掉").fill("纸上没有签名")
    second.press("核对好了，提交")
    second.sees("核对好了，时长已提交")
    in_order(second, "confirmed")
    volunteer.open("/passbook")
    volunteer.sees("2 小时")
    in_order(volunteer, "passbook")


def print_it(keyer: Phone) -> None:
    """Photograph the page as A4 paper, less its margins, for whoever wants to look."""
    keyer.page.emulate_media(media="print")
    keyer.page.set_viewport_size({"width": 680, "height": 1009})
    in_order(keyer, "on-a4")
    keyer.page.emulate_media(media="screen")
    keyer.page.set_viewport_size(SIZE)


def key_in(keyer: Phone, texts: list[str], *, already: int = 0) -> list[int]:
    """Type each text and Enter as fast as the keyboard can; give how many keys each person took."""
    keys = []
    for number, text in enumerate(texts, already + 1):
        keyer.page.keyboard.type(text)
        keyer.page.keyboard.press("Enter")
        keyer.sees(f"表上的人（{number}）")
        keys.append(len(text) + 1)
    return keys


def test_paper_is_keyed_in_without_javascript(activity: str, phone: Callable[..., Phone]) -> None:
    keyer = phone("coordinator", has_javascript=False)
    keyer.sign_in()
    keyer.open(f"/activities/{activity}/sheets")
    keyer.press("开始录入")
    keyer.page.locator("input[type=search]").fill("zgq")
    keyer.page.keyboard.press("Enter")
    keyer.press("记上")
    keyer.sees("记上了：赵国强", "表上的人（1）")
