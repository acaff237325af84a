"""Families in a simulated community: gifts at Spring Festival, donations, the grant list, those who die or move."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from bank import chart
from bank.communities.models import Community
from bank.demo.caring import learn_skills
from bank.demo.founding import actor_of
from bank.demo.people import family
from bank.demo.village import WEEKS_A_YEAR, Village, attempt, moment
from bank.giving import bonds, farewells, gifts, grants, pool
from bank.giving.models import Grant
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person

DEATHS_A_YEAR = 0.05
"""Of the old; and of everybody, so many move away."""
MOVES_A_YEAR = 0.03
HAS_CHILDREN = 0.5
"""How many of the old have a son or daughter behind another door here."""
GIVES = 0.6
DONATES, DONATES_FROM, DONATES_MOST = 0.25, 20 * 60, 20 * 60
"""How many of those who have saved so many minutes donate at a quarter's beginning, and at most how many minutes."""
LISTED = 3
POOR = 60
CHOOSES = 0.6
"""How many families, and people who move, say what is to become of the hours; for the others the rule says it."""
NEW_MOON = datetime(2000, 1, 6, 18, 14, tzinfo=UTC)
MONTH = timedelta(days=29.530588853)
CHINA = timedelta(hours=8)


def spring_festival(year: int) -> date:
    """Give the day of a year's Spring Festival, to within a day: the mean new moon that falls from 21 January on."""
    first = datetime(year, 1, 21, tzinfo=UTC) - CHINA
    months = -((NEW_MOON - first) // MONTH)
    return (NEW_MOON + months * MONTH + CHINA).date()


def bind_families(session: Session, village: Village, now: datetime) -> None:
    """Bind some of the old to a son or daughter behind another door."""
    grown = [who for who in village.town.people if not village.is_old(who)]
    for parent in [who for who in village.town.people if village.is_old(who)]:
        others = [who for who in grown if who.household_id != parent.household_id]
        if not others or village.draw.random() >= HAS_CHILDREN:
            continue
        child = village.draw.choice(others)
        attempt(session, village, partial(_bind, session, village, child, parent, now))


def _bind(session: Session, village: Village, child: Actor, parent: Actor, now: datetime) -> None:
    asker, other = session.get_one(Person, child.person_id), session.get_one(Person, parent.person_id)
    bond = bonds.ask(session, asker, other, kind="parent", now=now)
    bonds.answer(session, other, bond.public_id, agrees=True, now=now + timedelta(hours=1))
    bonds.check(session, village.town.cast["second"], bond.public_id, is_right=True, now=now + timedelta(hours=2))
    village.kin.setdefault(child.person_id, []).append(parent)
    village.kin.setdefault(parent.person_id, []).append(child)


def give_at_festival(session: Session, village: Village, monday: date) -> None:
    """Let children give to their parents in the week before Spring Festival."""
    festival = spring_festival((monday + timedelta(days=6)).year)
    if not monday <= festival - timedelta(days=4) < monday + timedelta(days=7):
        return
    now = moment(monday, 3, 19)
    has, here = village.town.saved(session, now), {who.person_id for who in village.town.people}
    for child in [who for who in village.town.people if not village.is_old(who)]:
        for parent in village.kin.get(child.person_id, []):
            amount = min(600, has.get(child.person_id, 0) // 2)
            if parent.person_id not in here or amount < 30 or village.draw.random() >= GIVES:
                continue
            has[child.person_id] -= amount
            now += timedelta(minutes=1)
            giver, receiver = (session.get_one(Person, who.person_id) for who in (child, parent))
            attempt(session, village, partial(gifts.give, session, giver, receiver, amount=amount, now=now))


def donate(session: Session, village: Village, monday: date) -> None:
    """Let those who have much give a fifth of it to the pool, four times a year."""
    if monday.month % 3 != 1 or monday.day > 7:
        return
    now = moment(monday, 4, 10)
    has = village.town.saved(session, now)
    for who in list(village.town.people):
        saved = has.get(who.person_id, 0)
        if saved < DONATES_FROM or village.draw.random() >= DONATES:
            continue
        now += timedelta(minutes=1)
        person, amount = session.get_one(Person, who.person_id), min(DONATES_MOST, saved // 5)
        give = partial(pool.donate, session, person, unit=chart.MINUTES, amount=amount, now=now)
        attempt(session, village, give)


def list_the_poor(session: Session, village: Village, monday: date) -> None:
    """Each half-year look at the grant list again, and put some of the old on it who have nothing."""
    if monday.month not in (1, 7) or monday.day > 7:
        return
    now, cast = moment(monday, 1, 16), village.town.cast
    home = village.town.community.id
    living = session.scalars(
        select(Grant).where(Grant.community_id == home, Grant.state.in_(("active", "paused"))).order_by(Grant.id)
    ).all()
    for grant in living:
        attempt(
            session, village, partial(grants.review, session, cast["second"], grant.public_id, goes_on=True, now=now)
        )
    has, listed = village.town.saved(session, now), {grant.person_id for grant in living}
    poor = [who for who in village.town.people if village.is_old(who) and who.person_id not in listed | village.staff]
    poor = [who for who in poor if has.get(who.person_id, 0) < POOR]
    for who in village.draw.sample(poor, min(LISTED, len(poor))):
        attempt(session, village, partial(_list, session, village, who, now))
        village.asked.add(who.person_id)


def _list(session: Session, village: Village, who: Actor, now: datetime) -> None:
    person = session.get_one(Person, who.person_id)
    grant = grants.propose(session, village.town.cast["coordinator"], person, reason="独居", now=now)
    agree = partial(grants.confirm, session, village.town.cast["second"], grant.public_id, agrees=True)
    agree(now=now + timedelta(hours=1))


def come_and_go(session: Session, village: Village, monday: date) -> None:
    """Let some die or move away, with a farewell for each, and new households come in their place."""
    staff, gone, now = village.staff, set(), moment(monday, 6, 20)
    for who in village.town.people:
        dies = DEATHS_A_YEAR if village.is_old(who) else 0.0
        drawn = village.draw.random() * WEEKS_A_YEAR
        if who.person_id not in staff and drawn < MOVES_A_YEAR + dies:
            gone.add(who.person_id)
            now += timedelta(seconds=30)
            _part(session, village, who, "died" if drawn < dies else "moved", now)
    village.part(gone)
    village.homes += len(gone)
    while village.homes >= 3:
        village.homes -= 3
        _move_in(session, village, moment(monday, 6, 21))


def _part(session: Session, village: Village, who: Actor, kind: str, now: datetime) -> None:
    """Open the farewell, confirm it, and let some say what is to become of the hours."""
    cast, person = village.town.cast, session.get_one(Person, who.person_id)
    case = farewells.open_case(session, cast["coordinator"], person, kind=kind, now=now)
    farewells.confirm(session, cast["second"], case.public_id, now=now + timedelta(minutes=10))
    if village.draw.random() >= CHOOSES:
        return
    old = [one for one in village.kin.get(who.person_id, []) if kind == "died" and village.is_old(one)]
    heir = session.get_one(Person, old[0].person_id) if old else None
    choice = {"choice": "heir", "heir": heir, "born_on": date(1950, 2, 28)} if heir else {"choice": "pool"}
    choose = partial(farewells.choose, session, cast["coordinator"], case.public_id, **choice)
    attempt(session, village, partial(choose, now=now + timedelta(minutes=20)))


def _move_in(session: Session, village: Village, now: datetime) -> None:
    town = village.town
    buildings = select(Community).where(Community.parent_id == town.community.id, Community.kind == "building")
    building = session.scalars(buildings.order_by(Community.id)).first()
    if building is None:
        return
    home = members.settle(session, building, f"新{len(village.weight)}")
    for one in family(village.draw, village.numbers):
        person = members.register(
            session, town.community, name=one.name, now=now, phone=one.phone, household=home, is_elder=one.is_elder
        )
        if one.is_elder:
            town.elders.add(person.id)
        if one.age >= 12:
            who = actor_of(person)
            town.people.append(who)
            village.meet(who)
            learn_skills(session, village, who)
