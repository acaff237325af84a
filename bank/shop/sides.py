"""The two sides of a shop's statement, its keepers and the community, and who speaks for which."""

from __future__ import annotations

from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from bank.errors import Conflict, NotFound, say
from bank.members.actor import STAFF, Actor
from bank.members.models import Person
from bank.shop.models import Settlement, Shopkeeper

PROVIDER, COMMUNITY = "provider", "community"
OTHER = {PROVIDER: COMMUNITY, COMMUNITY: PROVIDER}


class OwnStatement(Conflict):
    """A keeper, or whoever lives with one, is the community's voice on no statement of that shop."""

    code = "own_item"
    sentence = say("您或您的家人是这家店的店员，不能代表社区确认。请换一位工作人员。")


def side_of(session: Session, actor: Actor, settlement: Settlement) -> str:
    """Tell for which side somebody speaks on a statement. Raises NotFound, and OwnStatement for a keeper's family."""
    if settlement.community_id != actor.community_id:
        raise NotFound
    return side_at(session, actor, settlement.shop_id)


def side_at(session: Session, actor: Actor, shop_id: int) -> str:
    """Tell for which side somebody speaks of a shop of their community. Raises NotFound, and OwnStatement."""
    if keeps(session, actor, shop_id):
        return PROVIDER
    if not actor.may(*STAFF):
        raise NotFound
    keepers = select(Shopkeeper.person_id).where(Shopkeeper.shop_id == shop_id)
    if session.scalar(kin_of(actor).where(Person.id.in_(keepers)).limit(1)) is not None:
        raise OwnStatement
    return COMMUNITY


def kin_of(actor: Actor) -> Any:
    """Give the person and whoever lives with them, as a query of their row ids."""
    return select(Person.id).where(or_(Person.id == actor.person_id, Person.household_id == (actor.household_id or 0)))


def is_home_of(actor: Actor, person: Person) -> bool:
    """Tell of a loaded person whether somebody is them or lives with them, as `kin_of` does in a query."""
    return person.id == actor.person_id or (actor.household_id or 0) == person.household_id


def keeps(session: Session, actor: Actor, shop_id: int) -> bool:
    """Tell whether somebody keeps a shop."""
    return actor.may("shopkeeper") and session.get(Shopkeeper, (shop_id, actor.person_id)) is not None
