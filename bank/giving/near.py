"""Who may look at what concerns a person: nobody of their household, and nobody who had a hand in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bank import chart, clock, db
from bank.credits import cases
from bank.errors import Invalid, NotFound, say
from bank.giving.refusals import GrantFirst, TooNear
from bank.members import operations as members
from bank.members.actor import STAFF, Actor
from bank.members.models import Person
from bank.members.rules import person_of_card


def check_uninvolved(session: Session, actor: Actor, person_ids: Iterable[int | None]) -> None:
    """Go on only if the actor is none of these people and lives with none of them. Raises TooNear."""
    ids = {one for one in person_ids if one is not None}
    if actor.person_id in ids:
        raise TooNear
    homes = select(Person.household_id).where(Person.id.in_(ids), Person.household_id.is_not(None))
    if actor.household_id is not None and actor.household_id in set(session.scalars(homes)):
        raise TooNear


def check_agent(session: Session, agent: Actor | None, person_ids: Iterable[int | None]) -> None:
    """Go on only if whoever stands at the desk for a card and PIN is staff and near to none of these people.

    None is the person themself. Raises NotAllowed, TooNear.
    """
    if agent is not None:
        agent.require(*STAFF)
        check_uninvolved(session, agent, person_ids)


def holder_of(session: Session, actor: Actor, number: str) -> Person:
    """Find whose card a typed number is. Raises Invalid."""
    try:
        return members.in_community(session, actor.community_id, person_of_card(number) or "")
    except NotFound:
        raise Invalid({"card_number": [say("没有找到这张卡，请核对卡号。")]}) from None


def tell_staff(
    session: Session,
    community_id: int,
    sentence: str,
    *,
    link: str,
    now: datetime,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Tell everybody who may decide at the desk."""
    told = set().union(*(cases.holders(session, community_id, role) for role in STAFF))
    members.tell(session, sorted(told), sentence, facts=facts, link=link, now=now)


def check_no_grant_left(session: Session, person: Person, now: datetime) -> None:
    """Go on only where no minutes are left that the pool granted for this month. Raises GrantFirst."""
    found = db.book(session, person.community_id, now).lots(
        chart.member(person.public_id), chart.MINUTES, session=session
    )
    today = clock.local_day(now, db.BOOK_ZONE.key)
    if any(lot.expires_on is not None and lot.expires_on >= today and lot.amount > 0 for lot in found):
        raise GrantFirst
