"""Printed cards: whose, with which number, of which building."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from bank.communities.models import Community
from bank.members import rules
from bank.members.actor import Actor
from bank.members.models import Household, Person

MOST_CARDS = 200


def number(person: Person) -> str:
    """Write the number of a person's card as it is printed."""
    return rules.card_number(person.public_id, person.card_version)


def buildings(session: Session, who: Actor) -> list[Community]:
    """List the buildings of the actor's community."""
    found = select(Community).where(Community.parent_id == who.community_id, Community.kind == "building")
    return list(session.scalars(found.order_by(Community.code)))


def of_building(session: Session, who: Actor, code: str) -> list[Person]:
    """List who lives in a building and is a member in good standing, by door, at most 200."""
    found = (
        select(Person)
        .join(Household, Household.id == Person.household_id)
        .join(Community, Community.id == Household.building_id)
        .where(Community.code == code, Person.community_id == who.community_id, Person.disabled_at.is_(None))
        .order_by(Household.door, Person.id)
        .limit(MOST_CARDS)
    )
    return list(session.scalars(found))


def community_name(session: Session, who: Actor) -> str:
    """Give what the actor's community is called."""
    return session.get_one(Community, who.community_id).name
