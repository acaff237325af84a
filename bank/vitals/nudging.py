"""Offering something to do with saved hours: once for each threshold, only where the community wants it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from bank.services import catalogue, telling
from bank.services.models import HelpRequest
from bank.shop.models import Item, Order, Shop
from bank.vitals.models import NoNudges, Nudge

MOST_LOOKED_AT = 500
LATELY = timedelta(weeks=12)
_OFFER = say("您已经存了 %(saved_minutes)s，辛苦了。这里有几样现在就能换的，您看看要不要。不换也没关系，时长一直在。")


def nudge_place(session: Session, place: Community, *, now: datetime) -> int:
    """Tell the members who saved so much, have never spent and want to hear it; give how many were told."""
    threshold = communities.rules_at(session, place, now).nudge_after_minutes
    if not threshold:
        return 0
    told = 0
    for person in _due(session, place, threshold):
        if not offers(session, person, now=now):
            continue
        statement = db.insert(session, Nudge).values(person_id=person, threshold=threshold, at=now)
        if session.scalar(statement.on_conflict_do_nothing().returning(Nudge.person_id)) is None:
            continue
        saved = _available(session, session.get_one(Person, person), now)
        members.tell(session, [person], _OFFER, facts={"saved_minutes": saved}, link="/offers", now=now)
        told += 1
    return told


@dataclass(frozen=True, slots=True)
class Offer:
    """Something to have for saved hours: a service of a shop (`item`), or help at home (`kind`).

    `apart` counts the buildings between, None where nobody knows; `asked` how often others wanted it lately.
    """

    title: str
    where: str
    minutes: int
    apart: int | None
    asked: int
    item: str | None = None
    kind: str | None = None


def offers(session: Session, person_id: int, *, now: datetime) -> list[Offer]:
    """Give at most three things somebody can have for their hours today: the nearest, what others asked for most
    lately, and the dearest; only what is in stock, what somebody likes to do, and what they can pay."""
    person = session.get_one(Person, person_id)
    have = _available(session, person, now)
    order = communities.buildings(session, person.community_id)
    at = _Place.of(session, person, order)
    found = _from_shops(session, person.community_id, have, at, now) + _at_home(session, person, have, at, now)
    return choose(found)


def choose(found: Sequence[Offer]) -> list[Offer]:
    """Choose the nearest, then the most wanted of the others, then the dearest of the rest."""
    left, best = list(found), []
    for key in (_nearest, _wanted, _dearest):
        if left:
            best.append(min(left, key=key))
            left.remove(best[-1])
    return best


def _nearest(one: Offer) -> tuple[object, ...]:
    return (one.apart is None, one.apart or 0, *_wanted(one))


def _wanted(one: Offer) -> tuple[object, ...]:
    return (-one.asked, *_dearest(one))


def _dearest(one: Offer) -> tuple[object, ...]:
    return (-one.minutes, one.title, one.item or "")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where somebody lives among the buildings of their community."""

    here: int | None
    by_id: Mapping[int, int]
    by_name: Mapping[str, int]

    @classmethod
    def of(cls, session: Session, person: Person, order: Sequence[tuple[int, str]]) -> _Place:
        by_id = {id_: place for place, (id_, _) in enumerate(order)}
        home = session.get(Household, person.household_id) if person.household_id else None
        return cls(by_id.get(home.building_id) if home else None, by_id, {name: by_id[id_] for id_, name in order})

    def apart(self, place: int | None) -> int | None:
        return None if self.here is None or place is None else abs(self.here - place)

    def apart_from(self, words: str) -> int | None:
        """Read a shop's address: the longest name of a building in it, so that 11栋 is not 1栋."""
        named = [name for name in self.by_name if name and name in words]
        return self.apart(self.by_name[max(named, key=len)]) if named else None


def _from_shops(session: Session, community_id: int, have: int, at: _Place, now: datetime) -> list[Offer]:
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
            Item.community_id == community_id,
            Item.is_offered,
            Item.unit == chart.MINUTES,
            Item.price <= have,
            Item.stock.is_(None) | (Item.stock >= 1),
        )
        .order_by(Item.id)
        .limit(MOST_LOOKED_AT)
    )
    return [
        Offer(
            item.title,
            " · ".join(filter(None, (shop.name, shop.place))),
            item.price,
            at.apart_from(shop.place),
            times,
            item=item.public_id,
        )
        for item, shop, times in rows
    ]


def _at_home(session: Session, person: Person, have: int, at: _Place, now: datetime) -> list[Offer]:
    """List the help that somebody here likes to give, each kind with the nearest of them."""
    asked = telling.asked_for(session, person.community_id, now - LATELY)
    near: dict[str, int | None] = {}
    for code, building in telling.helpers(session, person.community_id, but=person):
        apart, before = at.apart(at.by_id.get(building or 0)), near.get(code)
        near[code] = before if apart is None or (before is not None and before <= apart) else apart
    kinds = catalogue.kinds(session, person.community_id)
    return [
        Offer(kinds[code].title, "", kinds[code].usual_minutes, apart, asked.get(code, 0), kind=code)
        for code, apart in sorted(near.items())
        if code in kinds and kinds[code].is_on and kinds[code].usual_minutes <= have
    ]


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


def _due(session: Session, place: Community, threshold: int) -> Sequence[int]:
    """List who has served for so long with hours that can be spent, was not told here and never used any."""
    saved = (
        select(ServiceTotal.person_id)
        .where(ServiceTotal.evidence_class != "C")
        .group_by(ServiceTotal.person_id)
        .having(func.sum(ServiceTotal.minutes) >= threshold)
    )
    found = select(Person.id).where(
        Person.community_id == place.id,
        Person.disabled_at.is_(None),
        Person.id.in_(saved),
        ~exists().where(Nudge.person_id == Person.id, Nudge.threshold == threshold),
        ~exists().where(NoNudges.person_id == Person.id),
        ~exists().where(Order.person_id == Person.id, Order.state.in_(("held", "handed_over"))),
        ~exists().where(HelpRequest.person_id == Person.id, HelpRequest.capture_txn_id.is_not(None)),
    )
    return session.scalars(found.order_by(Person.id)).all()


def _available(session: Session, person: Person, now: datetime) -> int:
    path = chart.member(person.public_id)
    found = db.book(session, person.community_id, now).balances([path], session=session).get((path, chart.MINUTES))
    return found.available if found else 0
