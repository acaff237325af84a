"""Why a request was cancelled: in words of who did it, or that the community did it for the resident."""

from __future__ import annotations

import pytest

from bank.services import operations as help_
from bank.services.models import HelpRequest
from tests.services.homes import Homes

BY_THE_COMMUNITY = "社区代为取消"


def _cancel(homes: Homes, who: str, asked: HelpRequest, **form: str) -> int:
    return homes.world.page(who).post(f"/help/{asked.public_id}/cancel", data=form).status_code


def _called(homes: Homes) -> HelpRequest:
    """Give what the coordinator wrote down for who telephoned."""
    person = homes.world.people["resident"]
    asked: HelpRequest = homes.do("coordinator", help_.ask_for, person, homes.wish(), via="phone")
    return asked


def test_the_desk_says_why_and_the_resident_reads_it(homes: Homes) -> None:
    asked = _called(homes)
    desk = homes.world.page("coordinator").get(f"/desk/help/{asked.public_id}").get_data(as_text=True)
    assert 'id="f-reason"' in desk
    assert _cancel(homes, "coordinator", asked, at="desk", reason="女儿来接她住几天") == 303
    page = homes.world.page("resident").get(f"/help/{asked.public_id}").get_data(as_text=True)
    assert ("女儿来接她住几天" in page, "代为取消" in page) == (True, False)


@pytest.mark.parametrize(
    ("who", "reason"), [("resident", None), ("coordinator", None), ("coordinator2", BY_THE_COMMUNITY)], ids=str
)
def test_only_who_neither_asked_nor_is_helped_cancels_in_the_communitys_name(
    homes: Homes, who: str, reason: str | None
) -> None:
    asked = _called(homes)
    assert _cancel(homes, who, asked, at="desk") == 303
    assert homes.get(asked).end_reason == reason


def test_a_reason_too_long_is_kept_in_the_open_form(homes: Homes) -> None:
    asked = _called(homes)
    for who in ("coordinator", "resident"):
        form = {"reason": "长" * 301, "at": "desk"}
        answer = homes.world.page(who).post(f"/help/{asked.public_id}/cancel", data=form)
        assert answer.status_code == 422
        assert 'href="#f-reason"' in answer.text
        assert "长" * 301 in answer.text
    assert homes.get(asked).state == "requested"
