"""A refusal is drawn on the page as it is now, with what was typed; nobody ends on a page that leads nowhere."""

from __future__ import annotations

import re

import pytest

from bank.members import passwords
from bank.members.models import Person
from bank.services import operations as help_
from bank.services.models import HelpRequest
from tests.services.homes import Homes

PIN = "2580"
MOVED = "这件事刚才已经有变化了"


def _fold(page: str, words: str) -> str:
    """Give the folded part whose summary holds these words, with its opening tag."""
    found = re.search(rf'<details class="fold"[^>]*><summary>(?:(?!</summary>).)*{words}.*?</details>', page, re.DOTALL)
    assert found is not None
    return found.group()


def _visit_with_pin(homes: Homes) -> HelpRequest:
    with homes.world.write() as session:
        session.get_one(Person, homes.world.people["resident"].id).pin_hash = passwords.make_hash(PIN)
    return homes.visit()


@pytest.mark.parametrize(("who", "desk"), [("volunteer", ""), ("coordinator", "/desk")])
def test_a_wrong_pin_keeps_the_card_and_the_section_open(homes: Homes, who: str, desk: str) -> None:
    request = _visit_with_pin(homes)
    card = homes.world.people["resident"].public_id
    path = f"{desk}/help/{request.public_id}/confirm-card"
    answer = homes.world.page(who).post(path, data={"card": card, "pin": "1111"})
    assert answer.status_code == 409
    part = _fold(answer.get_data(as_text=True), "用卡和 PIN 确认")
    assert part.startswith('<details class="fold" open>')
    assert f'value="{card}"' in part
    assert "PIN 不对，没有办成。还可以再试 4 次。" in part
    assert "什么也没有扣" not in answer.get_data(as_text=True)
    assert "1111" not in answer.get_data(as_text=True)


def test_the_last_wrong_pin_is_told_on_the_page_too(homes: Homes) -> None:
    request = _visit_with_pin(homes)
    form = {"card": homes.world.people["resident"].public_id, "pin": "1111"}
    page, path = homes.world.page("volunteer"), f"/help/{request.public_id}/confirm-card"
    answers = [page.post(path, data=form) for _ in range(5)]
    assert [one.status_code for one in answers] == [409] * 4 + [429]
    assert "卡已锁住，15 分钟后再试" in _fold(answers[-1].get_data(as_text=True), "用卡和 PIN 确认")
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_the_desk_keeps_what_was_typed_where_something_else_was_wrong(homes: Homes) -> None:
    request = homes.visit()
    path, desk = f"/desk/help/{request.public_id}", homes.world.page("coordinator")
    called = desk.post(f"{path}/call-back", data={"is_right": "no"})
    assert called.status_code == 422
    assert re.search(r'value="no" checked', called.get_data(as_text=True))
    told = desk.post(f"{path}/report", data={"words": "水"}).get_data(as_text=True)
    assert _fold(told, "有人来说").startswith('<details class="fold" open>')
    assert "水</textarea>" not in _fold(told, "打电话回访")
    homes.do("resident", help_.object_to, request.public_id, "只坐了一会儿")
    wrong = desk.post(f"{path}/decide", data={"minutes": "45", "reason": "短"})
    assert wrong.status_code == 422
    assert 'value="45"' in wrong.get_data(as_text=True)
    assert "短</textarea>" in wrong.get_data(as_text=True)
    many = desk.post(f"{path}/decide", data={"minutes": "90", "reason": "两边都这么说"}).get_data(as_text=True)
    assert ("两边都这么说</textarea>" in many, "只能在 0 和约定的时长之间" in many) == (True, True)


def test_a_note_at_the_desk_is_kept_where_it_was_refused(homes: Homes) -> None:
    request = homes.ask()
    answer = homes.world.page("coordinator").post(
        f"/desk/help/{request.public_id}/verify", data={"risk_note": "狗" * 301}
    )
    assert answer.status_code == 422
    assert "狗" * 301 in answer.get_data(as_text=True)


def test_what_changed_meanwhile_is_shown_with_the_reason(homes: Homes) -> None:
    request = homes.accepted()
    homes.do("coordinator", help_.cancel, request.public_id, reason=None)
    path = f"/help/{request.public_id}"
    stale = homes.world.page("resident").post(f"{path}/cancel", data={"words": ""})
    page = stale.get_data(as_text=True)
    assert (stale.status_code, MOVED in page, "下星期再约一次" in page) == (409, True, True)
    desk = homes.world.page("coordinator").post(f"{path}/cancel", data={"at": "desk"})
    page = desk.get_data(as_text=True)
    assert (desk.status_code, MOVED in page, "替居民再约下星期" in page) == (409, True, True)
    late = homes.world.page("coordinator").post(f"/desk{path}/verify", data={"risk_note": "没有"})
    assert (late.status_code, MOVED in late.get_data(as_text=True)) == (409, True)


def test_who_may_no_longer_see_it_gets_the_list_with_the_reason(homes: Homes) -> None:
    request, other = homes.accepted(), homes.verified(minutes=30)
    answer = homes.world.page("panel").post(f"/help/{request.public_id}/accept")
    page = answer.get_data(as_text=True)
    assert (answer.status_code, "已经有邻居先答应了" in page) == (409, True)
    assert f"/help/{other.public_id}" in page


def test_a_program_is_told_in_its_own_form(homes: Homes) -> None:
    request = homes.accepted()
    answer = homes.world.page("panel").post(f"/help/{request.public_id}/accept", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.content_type) == (409, "application/problem+json")
    assert answer.json["code"] == "already_decided"  # type: ignore[index]


def test_a_desk_address_shows_no_desk_to_somebody_else(homes: Homes) -> None:
    request = homes.ask()
    answer = homes.world.page("resident").post(f"/desk/help/{request.public_id}/decide", data={})
    assert answer.status_code == 422
    assert "谁出时长" not in answer.get_data(as_text=True)


def test_the_address_of_a_button_opens_the_page_it_stands_on(homes: Homes) -> None:
    request = homes.accepted()
    for path in (f"/help/{request.public_id}", f"/desk/help/{request.public_id}"):
        for verb in ("confirm-card", "report"):
            answer = homes.world.page("coordinator").get(f"{path}/{verb}")
            assert (answer.status_code, answer.location) == (302, path)
    assert homes.world.page("resident").get(f"/help/{request.public_id}/slip").status_code == 200


def test_too_early_is_said_as_people_write_a_moment(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request, hours=-2)
    answer = homes.world.page("resident").post(f"/help/{request.public_id}/phone", data={"way": "in"})
    assert answer.status_code == 409
    said = re.search(r"还没到时候。(.+?) 以后才可以", answer.get_data(as_text=True))
    assert said is not None
    assert re.search(r"\d+月\d+日.* \d\d:\d\d$", said.group(1))
