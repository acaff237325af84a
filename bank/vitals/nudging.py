"""Offering something to do with saved hours: once for each threshold, only where the community wants it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, func, select
from sqlalchemy.orm import Session

from bank import chart, db
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.credits.models import ServiceTotal
from bank.errors import say
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Household, Person
from bank.shop.models import Item, Order, Shop
from bank.vitals.models import NoNudges, Nudge

OFFERS = 3
LATELY = timedelta(weeks=12)
_OFFER = say("您已经存了 %(saved_minutes)s，辛苦了。这里有几样现在就能换的，您看看要不要。不换也没关系，时长一直在。")


def nudge_place(session: Session, place: Community, *, now: datetime) -> int:
    """Tell the members who saved so much, have never spent and want to hear it; give how many were told."""
    threshold = communities.rules_at(session, place, now).nudge_after_minutes
    if not threshold:
        return 0
    told = 0
    for person, public_id in _due(session, place, threshold):
        if not offers(session, person, now=now, limit=1):
            continue
        statement = db.insert(session, Nudge).values(person_id=person, threshold=threshold, at=now)
        if session.scalar(statement.on_conflict_do_nothing().returning(Nudge.person_id)) is None:
            continue
        saved = _available(session, place, public_id, now)
        members.tell(session, [person], _OFFER, facts={"saved_minutes": saved}, link="/offers", now=now)
        told += 1
    return told


def offers(session: Session, person_id: int, *, now: datetime, limit: int = OFFERS) -> Sequence[tuple[Item, Shop]]:
    """Give what somebody can have for their hours today: in their own building first, then what others asked for most
    lately, then the dearest; only what is in stock and they can pay."""
    person = session.get_one(Person, person_id)
    place = session.get_one(Community, person.community_id)
    have = _available(session, place, person.public_id, now)
    ordered = (
        select(func.count())
        .select_from(Order)
        .where(Order.item_id == Item.id, Order.created_at >= now - LATELY)
        .scalar_subquery()
    )
    rows = session.execute(
        select(Item, Shop, ordered)
        .join(Shop, Shop.id == Item.shop_id)
        .where(
            Item.community_id == place.id,
            Item.is_offered,
            Item.unit == chart.MINUTES,
            Item.price <= have,
            Item.stock.is_(None) | (Item.stock >= 1),
        )
        .order_by(Item.id)
        .limit(500)
    ).all()
    home = _building(session, person)
    best = sorted(rows, key=lambda row: (not (home and home in row[1].place), -row[2], -row[0].price, row[0].id))
    return [(item, shop) for item, shop, _ in best[:limit]]


def wants(session: Session, person_id: int) -> bool:
    """Tell whether somebody may be offered things."""
    return session.get(NoNudges, person_id) is None


def set_wanted(session: Session, actor: Actor, *, is_wanted: bool, now: datetime) -> None:
    """Let nobody offer the actor anything, or allow it again."""
    if is_wanted:
        session.execute(delete(NoNudges).where(NoNudges.person_id == actor.person_id))
    else:
        off = db.insert(session, NoNudges).values(person_id=actor.person_id, since_at=now)
        session.execute(off.on_conflict_do_nothing())


def _due(session: Session, place: Community, threshold: int) -> Sequence[tuple[int, str]]:
    """List who has served for so long with hours that can be spent, was not told here and never used any."""
    saved = (
        select(ServiceTotal.person_id)
        .where(ServiceTotal.evidence_class != "C")
        .group_by(ServiceTotal.person_id)
        .having(func.sum(ServiceTotal.minutes) >= threshold)
    )
    found = select(Person.id, Person.public_id).where(
        Person.community_id == place.id,
        Person.disabled_at.is_(None),
        Person.id.in_(saved),
        ~exists().where(Nudge.person_id == Person.id, Nudge.threshold == threshold),
        ~exists().where(NoNudges.person_id == Person.id),
        ~exists().where(Order.person_id == Person.id, Order.state.in_(("held", "handed_over"))),
    )
    return session.execute(found.order_by(Person.id)).all()


def _available(session: Session, place: Community, public_id: str, now: datetime) -> int:
    path = chart.member(public_id)
    found = db.book(session, place.id, now).balances([path], session=session).get((path, chart.MINUTES))
    return found.available if found else 0


def _building(session: Session, person: Person) -> str:
    if person.household_id is None:
        return ""
    found = select(Community.name).join(Household, Household.building_id == Community.id)
    return session.scalar(found.where(Household.id == person.household_id)) or ""
