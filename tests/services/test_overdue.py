"""A visit to which nobody came, or of which nobody recorded the end, does not look like next week's."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bank.services import listing
from bank.services.models import HelpRequest
from tests.services import baths
from tests.services.homes import Homes

NOBODY_CAME = "过了时间，还没有人到"
NOBODY_LEFT = "过了时间，走还没有记"


def _page(homes: Homes, who: str, path: str) -> str:
    answer = homes.world.page(who).get(path)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def _waiting(homes: Homes) -> int:
    actor = homes.world.actor("coordinator")
    with homes.world.write() as session:
        return listing.count_waiting(session, actor, homes.now)


@pytest.mark.parametrize(("minutes", "is_late"), [(15, False), (16, True)], ids=str)
def test_a_visit_nobody_came_to_is_late_at_the_desk_and_for_both_sides(
    homes: Homes, minutes: int, is_late: bool
) -> None:
    request = homes.accepted()
    homes.at_start(request, minutes=minutes)
    for who, path in (
        ("coordinator", "/desk/help"),
        ("coordinator", f"/desk/help/{request.public_id}"),
        ("resident", "/help"),
        ("resident", f"/help/{request.public_id}"),
        ("volunteer", "/help/open"),
        ("volunteer", f"/help/{request.public_id}"),
    ):
        page = _page(homes, who, path)
        assert (NOBODY_CAME in page, "有人答应了" in page) == (is_late, not is_late), path
    for who in ("resident", "volunteer"):
        page = _page(homes, who, f"/help/{request.public_id}")
        assert ("接下来：到时候" in page, "过了约好的时间" in page) == (not is_late, is_late)
    assert _waiting(homes) == int(is_late)


@pytest.mark.parametrize(("minutes", "is_late"), [(90, False), (91, True)], ids=str)
def test_a_visit_nobody_recorded_the_end_of_is_late(homes: Homes, minutes: int, is_late: bool) -> None:
    request = homes.accepted()
    homes.at_start(request)
    homes.scan(request)
    homes.world.clock.advance(minutes=minutes)
    for who, path in (("coordinator", "/desk/help"), ("resident", f"/help/{request.public_id}")):
        assert (NOBODY_LEFT in _page(homes, who, path)) == is_late
    assert ("请马上记“走”" in _page(homes, "volunteer", f"/help/{request.public_id}")) == is_late


def test_who_came_late_is_not_late_to_go(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request, minutes=40)
    homes.scan(request)
    homes.world.clock.advance(minutes=60)
    assert NOBODY_LEFT not in _page(homes, "coordinator", "/desk/help")


def test_the_overdue_stand_before_what_began_earlier(homes: Homes) -> None:
    start = homes.now + timedelta(days=3)
    confirmable: HelpRequest = homes.visit(starts_at=start)
    late = homes.accepted(starts_at=start + timedelta(hours=2))
    homes.at_start(late, hours=1)
    page = _page(homes, "coordinator", "/desk/help")
    assert page.index(late.public_id) < page.index(confirmable.public_id)


def test_where_one_of_two_came_the_other_is_missing(homes: Homes) -> None:
    baths.offer_baths(homes)
    request = baths.promised(homes)
    homes.at_start(request)
    homes.scan(request)
    homes.world.clock.advance(minutes=20)
    page = _page(homes, "coordinator", "/desk/help")
    assert ("过了时间，还差一位没有到" in page, NOBODY_CAME in page) == (True, False)
