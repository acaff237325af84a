"""Where nobody is proposed, the desk is told whether nobody likes to help or nobody is free."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from bank.services import operations as help_
from bank.services.models import HelpTraining
from tests.services import baths
from tests.services.homes import Homes

ALL_BUSY = "愿意做的人这个时间都有事，可以和居民换个时间。"
NOBODY_LIKES = "还没有志愿者说愿意做这一样。"


def _says(homes: Homes, public_id: str) -> tuple[bool, bool]:
    page = homes.world.page("coordinator").get(f"/desk/help/{public_id}").get_data(as_text=True)
    return ALL_BUSY in page, NOBODY_LIKES in page


def test_who_likes_to_help_and_is_busy_is_not_said_to_be_unwilling(homes: Homes) -> None:
    homes.likes("panel", [])
    first = homes.verified()
    second = homes.verified()
    assert _says(homes, second.public_id) == (False, False)
    homes.do("volunteer", help_.accept, first.public_id)
    assert _says(homes, second.public_id) == (True, False)
    another_day = homes.verified(starts_at=homes.now + timedelta(days=5))
    assert _says(homes, another_day.public_id) == (False, False)


def test_where_nobody_likes_a_kind_it_is_said(homes: Homes) -> None:
    assert _says(homes, homes.verified(kind="hair", minutes=30).public_id) == (False, True)


def test_who_said_yes_already_is_not_said_to_be_busy(homes: Homes) -> None:
    baths.offer_baths(homes)
    homes.do("coordinator2", help_.end_training, _training_of(homes, "panel"))
    request = homes.verified(kind="bath")
    baths.invite(homes, request, "volunteer")
    homes.do("volunteer", help_.accept, request.public_id)
    assert _says(homes, request.public_id)[0] is False


def _training_of(homes: Homes, who: str) -> int:
    with homes.world.write() as session:
        theirs = select(HelpTraining.id).where(
            HelpTraining.person_id == homes.world.people[who].id, HelpTraining.ended_at.is_(None)
        )
        return session.scalars(theirs).one()
