"""What the page of a visit says, to each side in its own words, and nothing that does not hold."""

from __future__ import annotations

import pytest

from bank.services import operations as help_
from bank.services.models import HelpRequest
from bank.services.refusals import JustCame, WrongMoment
from bank.services.visiting import Proof
from tests.services.homes import Homes


def _page(homes: Homes, who: str, request: HelpRequest) -> str:
    return homes.world.page(who).get(f"/help/{request.public_id}").get_data(as_text=True)


def test_the_resident_is_told_to_say_the_digits_and_the_volunteer_to_go(homes: Homes) -> None:
    request = homes.accepted()
    assert "人来了，把“来”的六位数字报给他" in _page(homes, "resident", request)
    assert "到时候上门" in _page(homes, "volunteer", request)
    homes.at_start(request)
    homes.scan(request)
    assert "把“走”的六位数字报给他" in _page(homes, "resident", request)
    assert "再报“走”的六位数字" in _page(homes, "volunteer", request)


def test_a_late_cancellation_names_its_cost_before_and_after(homes: Homes) -> None:
    request = homes.accepted()
    assert 'data-confirm="取消这件请求？"' in _page(homes, "resident", request)
    homes.at_start(request, minutes=-30)
    page = _page(homes, "resident", request)
    assert 'data-confirm="离上门不到规定的时间了，取消要给志愿者记 半小时，其余退回。取消吗？"' in page
    homes.do("resident", help_.cancel, request.public_id, reason=None)
    assert "取消得晚，按规则用掉了 半小时，退回 半小时。" in _page(homes, "resident", request)
    assert "这次取消得晚，不用去了。按规则给您记 半小时。" in _page(homes, "volunteer", request)


def test_what_was_used_whole_names_nothing_that_came_back(homes: Homes) -> None:
    request = homes.accepted(minutes=30)
    homes.at_start(request, minutes=-30)
    homes.do("resident", help_.cancel, request.public_id, reason=None)
    assert "取消得晚，按规则用掉了 半小时。" in _page(homes, "resident", request)


def test_what_was_cancelled_early_used_nothing(homes: Homes) -> None:
    asked, taken = homes.ask(minutes=30), homes.accepted()
    for request in (asked, taken):
        homes.do("resident", help_.cancel, request.public_id, reason=None)
        assert "没有用掉时长。" in _page(homes, "resident", request)
    assert "这次取消了，不用去了。" in _page(homes, "volunteer", taken)


def test_a_visit_far_from_what_was_agreed_is_said_to_be_looked_at_before_anybody_confirms(homes: Homes) -> None:
    short = homes.visit(15)
    assert "还要工作人员核对才算数" in _page(homes, "resident", short)
    homes.do("resident", help_.confirm, short.public_id)
    assert homes.get(short).state == "disputed"
    whole = homes.visit(60)
    assert "两边都确认，时长就算数" in _page(homes, "resident", whole)
    homes.do("resident", help_.confirm, whole.public_id)
    assert homes.get(whole).state == "done"


def test_who_goes_in_the_minute_of_coming_is_told_that_they_have_just_come(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request)
    homes.scan(request)
    with pytest.raises(JustCame):
        homes.scan(request, "resident", Proof("phone", way="out"))
    homes.world.clock.advance(minutes=5)
    before = Proof(
        "phone", way="out", happened_at=request.starts_at.replace(second=0) - (homes.now - request.starts_at)
    )
    with pytest.raises(WrongMoment):
        homes.scan(request, "resident", before)
    homes.scan(request, "resident", Proof("phone", way="out"))
    assert homes.get(request).state == "to_confirm"
