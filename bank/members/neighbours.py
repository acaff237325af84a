"""Finding the neighbour who is meant, and the people of a building for its captain."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from bank import db
from bank.communities.models import Community
from bank.errors import Invalid, NotFound, say
from bank.members import operations as members
from bank.members import rules
from bank.members.actor import Actor
from bank.members.models import BuildingCaptain, Household, Person


def find(session: Session, actor: Actor, *, card: str | None, name: str | None, building: str | None) -> Person:
    """Find the neighbour who is meant: by card number, or by full name and building. Raises Invalid."""
    chosen = select(Person).where(Person.community_id == actor.community_id, Person.disabled_at.is_(None))
    if card:
        chosen = chosen.where(Person.public_id == rules.person_of_card(card))
    elif name and building:
        chosen = (
            chosen.join(Household, Household.id == Person.household_id)
            .join(Community, Community.id == Household.building_id)
            .where(Person.name == name, Community.code == building)
        )
    else:
        raise Invalid({"neighbour": [say("请填邻居的姓名和楼栋，或者卡号。")]})
    found = session.scalars(chosen.limit(2)).all()
    if not found:
        raise Invalid({"neighbour": [say("没有找到这位邻居，请核对姓名和楼栋，或改填卡号。")]})
    if len(found) > 1:
        raise Invalid({"neighbour": [say("这栋楼里有同名的邻居，请填卡号。")]})
    if found[0].id == actor.person_id:
        raise Invalid({"neighbour": [say("这是您自己，请选另一位邻居。")]})
    return found[0]


def of_captain(session: Session, actor: Actor) -> list[tuple[Person, str]]:
    """Give the people of the buildings whose captain the actor is, each with their door; nobody's for others."""
    rows = session.execute(
        select(Person, Community.name, Household.door)
        .join(Household, Household.id == Person.household_id)
        .join(Community, Community.id == Household.building_id)
        .join(BuildingCaptain, BuildingCaptain.building_id == Community.id)
        .where(
            BuildingCaptain.person_id == actor.person_id,
            Person.community_id == actor.community_id,
            Person.id != actor.person_id,
            Person.disabled_at.is_(None),
        )
        .order_by(Community.code, Household.door, Person.id)
    )
    return [(person, f"{building} {door}") for person, building, door in rows]


def captaincies(session: Session, person_id: int) -> list[Community]:
    """Give the buildings a person is captain of."""
    chosen = select(Community).join(BuildingCaptain, BuildingCaptain.building_id == Community.id)
    return list(session.scalars(chosen.where(BuildingCaptain.person_id == person_id).order_by(Community.code)))


def name_captain(session: Session, actor: Actor, person: Person, building: str, *, now: datetime) -> None:
    """Make a resident captain of a building (by code) of the actor's community. Raises NotAllowed, NotFound."""
    actor.require("coordinator")
    place = _building(session, actor, building)
    row = {"building_id": place.id, "person_id": person.id, "named_by": actor.person_id, "since_at": now}
    added = session.execute(
        db.insert(session, BuildingCaptain).values(row).on_conflict_do_nothing().returning(BuildingCaptain.person_id)
    )
    if added.first() is not None:
        sentence = say("您现在是%(building)s的楼门长，可以替楼里不好意思的邻居说好事。")
        members.tell(session, [person.id], sentence, facts={"building": place.name}, link="/deeds", now=now)


def dismiss_captain(session: Session, actor: Actor, person: Person, building: str) -> None:
    """End a captaincy; nothing where there is none. Raises NotAllowed, NotFound."""
    actor.require("coordinator")
    place = _building(session, actor, building)
    session.execute(
        delete(BuildingCaptain).where(BuildingCaptain.building_id == place.id, BuildingCaptain.person_id == person.id)
    )


def _building(session: Session, actor: Actor, code: str) -> Community:
    chosen = select(Community).where(
        Community.code == code, Community.parent_id == actor.community_id, Community.kind == "building"
    )
    place = session.scalar(chosen)
    if place is None:
        raise NotFound
    return place
