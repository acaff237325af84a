"""Years of a community's life in advance, week by week through the bank's own verbs, to try rules before adopting."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from bank import checks, clock, db, jobs, qr
from bank.checkin import closing, codes
from bank.communities.models import Community
from bank.demo import goods
from bank.demo.founding import Town, actor_of, found_one
from bank.demo.living import TIME_ZONE, Guest, Life
from bank.demo.people import family
from bank.errors import BankError
from bank.log import keys
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person
from bank.shop import operations as shop
from bank.shop import stock
from bank.shop.models import Order
from bank.vitals import measuring, rules

BEGINS = date(2026, 1, 5)
"""A Monday; a simulation does not depend on the day it is run."""
WEEKS_A_YEAR = 52
TAIL = 1.3
"""The exponent of how often people come: the few most diligent do most."""
WINTER = (11, 12, 1, 2)
SHY = 0.03
"""How likely an old person asks for something in a week of their own accord; once somebody asked them, ASKED."""
ASKED = 0.35
YOUNG = 0.05
WINTER_TIMES = 1.8
DEATHS_A_YEAR = 0.05
"""Of the old; and of everybody, so many move away."""
MOVES_A_YEAR = 0.03
FORGETS = 0.1
DAYS = (1, 5, 6)
"""Tuesday, Saturday, Sunday: when things are held."""


@dataclass(slots=True)
class Year:
    """One year's sums in minutes, what people waited, and what was refused, by the name of the refusal."""

    number: int
    credited: int
    spent: int
    promised: int
    members: int
    savers: int
    spenders: int
    median_days: float | None
    pool_months: float | None
    cover_months: float | None
    """How many months the promised hours last at the year's pace of spending."""
    refused: Mapping[str, int]

    def line(self) -> str:
        """Write the year for people, the same for the same seed."""
        circulation = f"{100 * self.spent // self.credited}%" if self.credited > 0 else "-"
        ever = f"{100 * self.spenders // self.savers}%" if self.savers else "-"
        told = ", ".join(f"{name} {times}" for name, times in sorted(self.refused.items())) or "none"
        return (
            f"year {self.number}: earned {self.credited // 60} h, spent {self.spent // 60} h, "
            f"circulation {circulation}, promised {self.promised // 60} h, cover {_said(self.cover_months)} months, "
            f"pool {_said(self.pool_months)} months, first spending after {_said(self.median_days)} days, "
            f"ever spent {ever} of {self.savers}, members {self.members}, refused: {told}"
        )


def _said(number: float | None) -> str:
    return "-" if number is None else f"{number:.1f}"


@dataclass
class Village:
    """A town that lives on, and what its people are like."""

    town: Town
    life: Life
    draw: random.Random
    numbers: Iterator[str]
    weight: dict[int, float] = field(default_factory=dict)
    """How readily somebody comes, by row id: heavy at the top."""
    asked: set[int] = field(default_factory=set)
    """The old who were once asked what they need, and are shy no longer."""
    refused: Counter[str] = field(default_factory=Counter)
    vouchers: list[tuple[date, Order]] = field(default_factory=list)
    homes: int = 0

    def __post_init__(self) -> None:
        for who in self.town.people:
            self.meet(who)

    def meet(self, who: Actor) -> None:
        """Draw how readily somebody comes."""
        self.weight[who.person_id] = self.draw.paretovariate(TAIL) - 1

    @property
    def staff(self) -> set[int]:
        """Who works here and neither moves nor dies."""
        return {who.person_id for who in self.town.cast.values()}


Behaviour = Callable[[Session, Village, date], None]


def serve_together(session: Session, village: Village, monday: date) -> None:
    """Hold two or three activities, to which the diligent come most; desk and notice follow."""
    people = village.town.people
    for day in sorted(village.draw.sample(DAYS, village.draw.choice((2, 2, 3)))):
        kind = village.draw.choice(goods.KINDS)
        on = monday + timedelta(days=day)
        starts_at = clock.start_of_day(on, TIME_ZONE) + timedelta(hours=kind.starts_at_hour)
        activity = village.life.announce(session, kind, starts_at, starts_at - timedelta(days=1))
        crowd = min(kind.people, max(3, len(people) // 12))
        weights = [village.weight[who.person_id] for who in people]
        come = {who.person_id: who for who in village.draw.choices(people, weights, k=crowd)}
        guests = [_guest(village, kind, who) for who in come.values()]
        village.life.sign_up(session, activity, guests, starts_at - timedelta(hours=12))
        village.life.run(session, activity, guests, until=activity.ends_at + timedelta(hours=1))
        closing.close(session, activity.id, now=activity.ends_at + timedelta(hours=2))


def _guest(village: Village, kind: goods.Kind, who: Actor) -> Guest:
    minutes = timedelta(minutes=1)
    leaves = minutes * (kind.minutes + village.draw.randint(-20, 20))
    is_forgetful = village.draw.random() < FORGETS / 2
    return Guest(
        who, minutes * village.draw.randint(-15, 10), None if is_forgetful else leaves, device=f"p-{who.person_id}"
    )


def clear_desk(session: Session, village: Village, monday: date) -> None:
    """Decide on the Monday after what the week brought."""
    village.life.clear_desk(session, _moment(monday, 7, 9))


def fetch(session: Session, village: Village, monday: date) -> None:
    """Hand over what was ordered before; some never come for it, and the voucher lapses."""
    now = _moment(monday, 0, 10)
    due = [placed for on, placed in village.vouchers if on <= monday]
    village.vouchers = [one for one in village.vouchers if one[0] > monday]
    for placed in due:
        now += timedelta(seconds=30)
        keeper = village.town.keeper_of(placed)
        _try(session, village, partial(shop.hand_over, session, keeper, placed.voucher_code, now=now))


def refill(session: Session, village: Village, monday: date) -> None:
    """Fill the shelf on the first Monday of a month."""
    if monday.day <= 7:
        for item in village.town.items.values():
            if item.stock is not None:
                stock.add_stock(session, village.town.cast["shop"], item.public_id, 6, now=_moment(monday, 0, 9))


def ask_around(_session: Session, village: Village, monday: date) -> None:
    """Once a month a captain asks two of the old what they need; who was asked is shy no longer."""
    shy = sorted(village.town.elders - village.asked)
    if monday.day <= 7 and shy:
        village.asked.update(village.draw.sample(shy, min(2, len(shy))))


def spend(session: Session, village: Village, monday: date) -> None:
    """Order: the old when asked and in winter, others now and then; what cannot be paid is refused as in life."""
    now, winter = _moment(monday, 2, 14), WINTER_TIMES if monday.month in WINTER else 1.0
    items = [item for item in village.town.items.values() if item.unit == "MIN"]
    for who in list(village.town.people):
        is_old = who.person_id in village.town.elders
        usual = (ASKED if who.person_id in village.asked else SHY) if is_old else YOUNG
        if village.draw.random() >= usual * winter:
            continue
        now += timedelta(minutes=2)
        item = village.draw.choice(items)
        placed = _try(
            session,
            village,
            partial(shop.order, session, who, item_id=item.public_id, quantity=1, now=now),
        )
        if placed is not None and village.draw.random() >= FORGETS:
            weeks = village.draw.choice((1, 1, 1, 2))
            village.vouchers.append((monday + timedelta(weeks=weeks), placed))


def come_and_go(session: Session, village: Village, monday: date) -> None:
    """Let some die or move away, their accounts closed to signing in, and new households come in their place."""
    staff, gone = village.staff, set()
    for who in village.town.people:
        yearly = MOVES_A_YEAR + (DEATHS_A_YEAR if who.person_id in village.town.elders else 0)
        if who.person_id not in staff and village.draw.random() < yearly / WEEKS_A_YEAR:
            members.disable(session, session.get_one(Person, who.person_id), now=_moment(monday, 6, 20))
            gone.add(who.person_id)
    village.town.people = [who for who in village.town.people if who.person_id not in gone]
    village.town.elders -= gone
    village.life.regulars = [who for who in village.life.regulars if who.person_id not in gone]
    village.homes += len(gone)
    while village.homes >= 3:
        village.homes -= 3
        _move_in(session, village, _moment(monday, 6, 21))


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


BEHAVIOURS: tuple[Behaviour, ...] = (
    ask_around,
    refill,
    fetch,
    spend,
    serve_together,
    come_and_go,
    clear_desk,
)
"""What happens in a week, in the order of its days: one more kind of life is one more function here."""


def simulate(
    *,
    years: int,
    households: int,
    seed: int,
    settings: Mapping[str, Any],
    step: Callable[[int], None] = lambda _weeks: None,
) -> tuple[list[Year], list[str]]:
    """Live through so many years in the app's empty database; give each year, and what is wrong with the books.

    `settings` override the rules by name. The same seed gives the same years. Raises ValueError for an unknown rule.
    """
    draw = random.Random(seed)
    born_at = _moment(BEGINS, -14, 8)
    with qr.drawn_from(random.Random(seed + 1)):
        with db.unit_of_work() as session:
            password = current_app.config["DEMO_PASSWORD"]
            ruled: dict[str, Any] = {"notice_days": {"A": 0, "B": 0, "C": 0}, **settings}
            town, numbers = found_one(
                session, draw, households=households, password=password, settings=ruled, born_at=born_at
            )
        code_keys = codes.Keys(bytes.fromhex(current_app.config["CODE_KEY"]))
        village = Village(town, Life(town, draw, code_keys), draw, numbers)
        done = [_live_a_year(village, number, step) for number in range(years)]
    now = _moment(BEGINS, 7 * WEEKS_A_YEAR * years, 12)
    report = checks.verify_all(db.session(), now, keys.ring_of(current_app.config, now))
    return done, report.findings


def _live_a_year(village: Village, number: int, step: Callable[[int], None]) -> Year:
    before = _sums(village)
    village.refused.clear()
    for week in range(WEEKS_A_YEAR * number, WEEKS_A_YEAR * (number + 1)):
        monday = BEGINS + timedelta(weeks=week)
        with db.unit_of_work() as session:
            for behave in BEHAVIOURS:
                behave(session, village, monday)
        jobs.run_due(_moment(monday, 7, 9) + timedelta(minutes=45))
        step(1)
    last = BEGINS + timedelta(weeks=WEEKS_A_YEAR * (number + 1))
    with db.unit_of_work() as session:
        vital = measuring.newest(session, village.town.community.id)
        if vital is None:
            raise RuntimeError(f"no figures by {last}")
        found = measuring.read(vital)
    spent = vital.spent - before[1]
    return Year(
        number=number + 1,
        credited=vital.credited - before[0],
        spent=spent,
        promised=vital.promised,
        members=found.members,
        savers=found.savers,
        spenders=found.spenders,
        median_days=found.median_days,
        pool_months=rules.cover_months(found.pool, found.pool_out),
        cover_months=12 * vital.promised / spent if spent > 0 else None,
        refused=dict(village.refused),
    )


def _sums(village: Village) -> tuple[int, int]:
    with db.unit_of_work() as session:
        vital = measuring.newest(session, village.town.community.id)
        return (vital.credited, vital.spent) if vital else (0, 0)


def _try(session: Session, village: Village, act: Callable[[], Any]) -> Any:
    """Do something that may be refused; count by what it was refused with."""
    try:
        with session.begin_nested():
            return act()
    except BankError as refusal:
        village.refused[type(refusal).__name__] += 1
        return None


def _moment(monday: date, days: int, hour: int) -> datetime:
    return clock.start_of_day(monday + timedelta(days=days), TIME_ZONE) + timedelta(hours=hour)
