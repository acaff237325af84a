"""Printed cards: whose, with which number, of which building."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bank.communities.models import Community
from bank.errors import NotFound
from bank.members import rules
from bank.members.actor import Actor
from bank.members.models import Household, Person

PER_PAGE = 20
"""Two sheets of A4 without a gap; drawing the codes of a whole building kept the printer waiting for seconds."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a building's people: page `number` of `count`, of `total` people altogether."""

    people: list[Person]
    number: int
    count: int
    total: int


def number(person: Person) -> str:
    """Write the number of a person's card as it is printed."""
    return rules.card_number(person.public_id, person.card_version)


def buildings(session: Session, who: Actor) -> list[Community]:
    """List the buildings of the actor's community."""
    found = select(Community).where(Community.parent_id == who.community_id, Community.kind == "building")
    return list(session.scalars(found.order_by(Community.code)))


def of_building(session: Session, who: Actor, code: str, *, page: int = 1) -> Page:
    """Page through who lives in a building and is a member in good standing, by door; 20 a page, from 1.

    Raises NotFound for a page that is not there; the first always is.
    """
    found = (
        select(Person)
        .join(Household, Household.id == Person.household_id)
        .join(Community, Community.id == Household.building_id)
        .where(Community.code == code, Person.community_id == who.community_id, Person.disabled_at.is_(None))
    )
    total = session.scalar(select(func.count()).select_from(found.subquery())) or 0
    count = max(1, -(-total // PER_PAGE))
    if not 1 <= page <= count:
        raise NotFound
    here = found.order_by(Household.door, Person.id).limit(PER_PAGE).offset((page - 1) * PER_PAGE)
    return Page(list(session.scalars(here)), page, count, total)


def community_name(session: Session, who: Actor) -> str:
    """Give what the actor's community is called."""
    return session.get_one(Community, who.community_id).name
