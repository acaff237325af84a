"""The demo's giving: bound relatives and their gifts, donations to the pool, grants from it, month after month."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from bank import chart, clock
from bank.demo.founding import Town
from bank.demo.helping import TIME_ZONE, run_out
from bank.errors import BankError
from bank.giving import bonds, gifts, grants, pool
from bank.members.actor import Actor
from bank.members.models import Person

GIFT, DONATION = 30, 120
DONORS, GRANTS = 2, 2
GRANTED_BEFORE = timedelta(minutes=40)  # a moment of its own: what shares a moment has no order of its own in the book
GIVES_ON, LISTED, PAIRS = 5, 3, 4
"""The day of the month on which gifts are made and grants paid; how many are listed, and how many pairs bound."""
DONATION_A_MONTH = 600
REASONS = ("独居，行动不便", "重病，家人在外地")


@dataclass
class Giving:
    """Who gives to whom in a town, once a month."""

    town: Town
    draw: random.Random
    pairs: list[tuple[Actor, Actor]] = field(default_factory=list)
    is_begun: bool = False

    def live(self, session: Session, day: date) -> None:
        """Once a month bind and list on the first occasion, then let children give, the rich donate, the pool grant."""
        evening = clock.start_of_day(day, TIME_ZONE) + timedelta(hours=20, seconds=41)
        if day.day == GIVES_ON:
            if not self.is_begun:
                self.is_begun = True
                self._bind(session, evening - timedelta(hours=10))
                self._list(session, evening - timedelta(hours=9))
            self._give(session, evening)
            self._donate(session, evening + timedelta(minutes=20))
            run_out(lambda at: grants.pay_due(session, now=at), evening + timedelta(minutes=40))
        run_out(lambda at: gifts.arrive_due(session, now=at), evening + timedelta(minutes=50))

    def _bind(self, session: Session, now: datetime) -> None:
        """Bind old people to grown ones behind other doors."""
        own = {actor.person_id for actor in self.town.cast.values()}
        people = [who for who in self.town.people if who.person_id not in own]
        old = [who for who in people if who.person_id in self.town.elders]
        grown = [who for who in people if who.person_id not in self.town.elders]
        for number, parent in enumerate(old[: min(PAIRS, len(grown))]):
            child = self.draw.choice(grown)
            at = now + timedelta(minutes=number)
            with suppress(BankError), session.begin_nested():
                _bind(session, self.town, child, parent, at)
                self.pairs.append((child, parent))

    def _list(self, session: Session, now: datetime) -> None:
        """List some of the old, but for those whom the last day shows on the list."""
        for who in [actor for actor in self.town.people if actor.person_id in self.town.elders][:-GRANTS][:LISTED]:
            with suppress(BankError), session.begin_nested():
                _list(session, self.town, who, REASONS[0], now)

    def _give(self, session: Session, now: datetime) -> None:
        has = self.town.saved(session, now)
        for number, (child, parent) in enumerate(self.pairs):
            amount = min(120, has.get(child.person_id, 0) // 3)
            if amount < GIFT:
                continue
            giver, receiver = (session.get_one(Person, who.person_id) for who in (child, parent))
            with suppress(BankError), session.begin_nested():
                gifts.give(session, giver, receiver, amount=amount, now=now + timedelta(minutes=number))

    def _donate(self, session: Session, now: datetime) -> None:
        for number, actor in enumerate(_rich(session, self.town, now, DONATION_A_MONTH)):
            person, at = session.get_one(Person, actor.person_id), now + timedelta(minutes=number)
            pool.donate(session, person, unit=chart.MINUTES, amount=DONATION_A_MONTH, now=at)


def show_giving(session: Session, town: Town, now: datetime) -> None:
    """Bind, give, donate and grant as far as the demo's history has earned hours for it."""
    _bind_and_give(session, town, now)
    if _donate(session, town, now - timedelta(days=1)):
        _grant(session, town, now - GRANTED_BEFORE)


def _bind_and_give(session: Session, town: Town, now: datetime) -> None:
    child, parent = _bind(session, town, town.cast["volunteer"], town.cast["resident"], now - timedelta(days=2))
    if town.saved(session, now).get(child.id, 0) >= GIFT:
        gifts.give(session, child, parent, amount=GIFT, now=now - timedelta(hours=1))


def _bind(session: Session, town: Town, one: Actor, other: Actor, now: datetime) -> tuple[Person, Person]:
    """Bind somebody to a parent."""
    child, parent = session.get_one(Person, one.person_id), session.get_one(Person, other.person_id)
    bond = bonds.ask(session, child, parent, kind="parent", now=now)
    bonds.answer(session, parent, bond.public_id, agrees=True, now=now)
    bonds.check(session, town.cast["second"], bond.public_id, is_right=True, now=now)
    return child, parent


def _rich(session: Session, town: Town, now: datetime, least: int) -> list[Actor]:
    """Give those who have most, with at least so many minutes."""
    has = town.saved(session, now)
    cast = {actor.person_id for actor in town.cast.values()}
    return sorted(
        (actor for actor in town.people if actor.person_id not in cast and has.get(actor.person_id, 0) >= least),
        key=lambda actor: (-has[actor.person_id], actor.person_id),
    )[:DONORS]


def _donate(session: Session, town: Town, now: datetime) -> bool:
    """Let the richest donate, thanked by the family's name; tell whether anybody could."""
    rich = _rich(session, town, now, DONATION)
    for actor in rich:
        person = session.get_one(Person, actor.person_id)
        pool.donate(session, person, unit=chart.MINUTES, amount=DONATION, thanks="teacher", now=now)
    return bool(rich)


def _grant(session: Session, town: Town, now: datetime) -> None:
    elders = [actor for actor in town.people if actor.person_id in town.elders][-GRANTS:]
    for actor, reason in zip(elders, REASONS, strict=False):
        _list(session, town, actor, reason, now)
    run_out(lambda at: grants.pay_due(session, now=at), now)


def _list(session: Session, town: Town, actor: Actor, reason: str, now: datetime) -> None:
    person = session.get_one(Person, actor.person_id)
    grant = grants.propose(session, town.cast["coordinator"], person, reason=reason, now=now)
    grants.confirm(session, town.cast["second"], grant.public_id, agrees=True, now=now)
