"""The demo's giving: a parent bound to a child, a gift on its way, two thanked donations, two grants from the pool."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from bank import chart, db
from bank.demo.founding import Town
from bank.giving import bonds, gifts, grants, pool
from bank.members.models import Person

GIFT, DONATION = 30, 120
DONORS, GRANTS = 2, 2
GRANTED_BEFORE = timedelta(minutes=40)  # a moment of its own: what shares a moment has no order of its own in the book
REASONS = ("独居，行动不便", "重病，家人在外地")


def show_giving(session: Session, town: Town, now: datetime) -> None:
    """Bind, give, donate and grant as far as the demo's history has earned hours for it."""
    _bind_and_give(session, town, now)
    if _donate(session, town, now - timedelta(days=1)):
        _grant(session, town, now - GRANTED_BEFORE)


def _bind_and_give(session: Session, town: Town, now: datetime) -> None:
    child = session.get_one(Person, town.cast["volunteer"].person_id)
    parent = session.get_one(Person, town.cast["resident"].person_id)
    asked_at = now - timedelta(days=2)
    bond = bonds.ask(session, child, parent, kind="parent", now=asked_at)
    bonds.answer(session, parent, bond.public_id, agrees=True, now=asked_at)
    bonds.check(session, town.cast["second"], bond.public_id, is_right=True, now=asked_at)
    if _has(session, town, now).get(child.public_id, 0) >= GIFT:
        gifts.give(session, child, parent, amount=GIFT, now=now - timedelta(hours=1))


def _donate(session: Session, town: Town, now: datetime) -> bool:
    """Let the richest donate, thanked by the family's name; tell whether anybody could."""
    has = _has(session, town, now)
    cast = {actor.person_id for actor in town.cast.values()}
    rich = sorted(
        (actor for actor in town.people if actor.person_id not in cast and has.get(actor.public_id, 0) >= DONATION),
        key=lambda actor: (-has[actor.public_id], actor.person_id),
    )[:DONORS]
    for actor in rich:
        person = session.get_one(Person, actor.person_id)
        pool.donate(session, person, unit=chart.MINUTES, amount=DONATION, thanks="teacher", now=now)
    return bool(rich)


def _grant(session: Session, town: Town, now: datetime) -> None:
    elders = [actor for actor in town.people if actor.person_id in town.elders][-GRANTS:]
    for actor, reason in zip(elders, REASONS, strict=False):
        person = session.get_one(Person, actor.person_id)
        grant = grants.propose(session, town.cast["coordinator"], person, reason=reason, now=now)
        grants.confirm(session, town.cast["second"], grant.public_id, agrees=True, now=now)
    while grants.pay_due(session, now=now):
        pass


def _has(session: Session, town: Town, now: datetime) -> dict[str, int]:
    paths = {chart.member(actor.public_id): actor.public_id for actor in town.people + list(town.cast.values())}
    found = db.book(session, town.community.id, now).balances(list(paths), session=session)
    return {paths[path]: balance.available for (path, unit), balance in found.items() if unit == chart.MINUTES}
