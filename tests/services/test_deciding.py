"""Whoever decides a disputed visit sees at once how its moments were recorded and whether the resident agreed."""

from __future__ import annotations

from datetime import timedelta

from bank.services import operations as help_
from bank.services.models import HelpRequest
from bank.services.visiting import Proof
from tests.services.homes import Homes

LATE = "离线扫码，过后才上传"
TYPED = "来或走是输入卡号记的，没有刷到卡，请核对"


def _open(homes: Homes, request: HelpRequest) -> str:
    """Give what the page of a visit shows without unfolding anything."""
    assert homes.get(request).state == "disputed"
    page = homes.world.page("second").get(f"/desk/help/{request.public_id}").get_data(as_text=True)
    shown = page.split("<details")
    return shown[0] + "".join(part.split("</details>")[-1] for part in shown[1:])


def test_a_late_scan_and_a_typed_number_are_seen_by_who_decides(homes: Homes) -> None:
    request = homes.accepted()
    came = request.starts_at
    homes.at_start(request, hours=2)
    homes.scan(request, proof=Proof("number", request.person_id, happened_at=came))
    homes.scan(request, proof=Proof("card", request.person_id, happened_at=came + timedelta(minutes=60)))
    homes.do("resident", help_.object_to, request.public_id, "没有这么久")
    page = _open(homes, request)
    assert (LATE in page, TYPED in page, "没有确认" in page) == (True, True, True)


def test_a_call_back_is_seen_by_who_decides(homes: Homes) -> None:
    request = homes.visit(20)
    homes.do("coordinator2", help_.call_back, request.public_id, is_right=True, words="")
    page = _open(homes, request)
    assert (LATE in page, TYPED in page, "没有确认" in page) == (False, False, False)
    assert "工作人员回访" in page


def test_where_nobody_opened_nothing_is_said_of_a_confirmed_time(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request, minutes=45)
    homes.do("volunteer", help_.closed_door, request.public_id, "敲了三次")
    assert "居民确认时长" not in _open(homes, request)
