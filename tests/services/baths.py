"""A community that offers bathing, and visits to which two people come."""

from __future__ import annotations

from sqlalchemy import update

from bank.services import operations as help_
from bank.services.models import HelpRequest, HelpTraining
from tests.services.homes import Homes

HELPERS = ("volunteer", "panel")


def offer_baths(homes: Homes) -> None:
    """Switch bathing on, with two people trained for it."""
    homes.do(
        "coordinator",
        help_.rule,
        "bath",
        is_on=True,
        least_minutes=30,
        usual_minutes=60,
        most_minutes=120,
        conditions=["insured", "two_trained"],
    )
    end_all(homes)
    for who in HELPERS:
        likes(homes, who)
        homes.do("coordinator2", help_.record_training, homes.world.people[who], "bath", "街道助浴培训")


def end_all(homes: Homes) -> None:
    """Let nobody's training count any longer."""
    with homes.world.write() as session:
        ended = update(HelpTraining).where(HelpTraining.ended_at.is_(None))
        session.execute(ended.values(ended_at=homes.now, ended_by=HelpTraining.checked_by))


def likes(homes: Homes, who: str) -> None:
    """Let somebody say that they like to help with bathing."""
    actor = homes.world.actor(who)
    with homes.world.write() as session:
        help_.set_skills(session, actor, ["bath"], ["mandarin"])


def invite(homes: Homes, request: HelpRequest, *who: str) -> None:
    """Invite some to a request."""
    names = [homes.world.people[one].public_id for one in who]
    homes.do("coordinator", help_.invite, request.public_id, names)


def promised(homes: Homes, **more: object) -> HelpRequest:
    """Give a bath that both have promised, the volunteer first."""
    request = homes.verified(kind="bath", **more)
    invite(homes, request, *HELPERS)
    for who in HELPERS:
        homes.do(who, help_.accept, request.public_id)
    return homes.get(request)


def begun(homes: Homes) -> HelpRequest:
    """Give a bath to which both have come."""
    request = promised(homes)
    homes.at_start(request)
    for who in HELPERS:
        homes.scan(request, who)
    return homes.get(request)


def one_came(homes: Homes) -> HelpRequest:
    """Give a bath to which the volunteer came alone, a quarter of an hour ago."""
    offer_baths(homes)
    request = promised(homes, minutes=30)
    homes.at_start(request)
    homes.scan(request)
    homes.world.clock.advance(minutes=15)
    return homes.get(request)
