"""Years of a community's life in advance, week by week through the bank's own verbs, to try rules before adopting."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from typing import Any

from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bank import checks, db, jobs, qr
from bank.checkin import codes
from bank.demo import caring, families, habits
from bank.demo.founding import found_one
from bank.demo.living import Life
from bank.demo.village import WEEKS_A_YEAR, Behaviour, Village, moment
from bank.giving.models import Donation, Gift, GrantPayment
from bank.log import keys
from bank.services.models import HelpRequest
from bank.services.telling import IN_TIME
from bank.vitals import measuring, rules

BEGINS = date(2026, 1, 5)
"""A Monday; a simulation does not depend on the day it is run."""


@dataclass(frozen=True, slots=True)
class Help:
    """A year's help at home: what was asked for, met within two days, and the median hours until somebody said yes;
    hours of visits that were paid."""

    asked: int
    in_time: int
    wait_hours: float | None
    minutes: int


@dataclass(frozen=True, slots=True)
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
    help: Help
    given: int
    """To relatives; then what was donated to the pool, what it granted, and what it has."""
    donated: int
    granted: int
    pool: int
    refused: Mapping[str, int]

    def line(self) -> str:
        """Write the year for people, the same for the same seed."""
        told = ", ".join(f"{name} {times}" for name, times in sorted(self.refused.items())) or "none"
        return (
            f"year {self.number}: earned {self.credited // 60} h, spent {self.spent // 60} h, "
            f"circulation {_share(self.spent, self.credited)}, promised {self.promised // 60} h, "
            f"cover {_said(self.cover_months)} months, pool {self.pool // 60} h for {_said(self.pool_months)} months, "
            f"first spending after {_said(self.median_days)} days, "
            f"ever spent {_share(self.spenders, self.savers)} of {self.savers}, members {self.members}\n"
            f"  help: asked {self.help.asked}, answered in 48 h {_share(self.help.in_time, self.help.asked)}, "
            f"a yes after {_said(self.help.wait_hours)} h, visits {self.help.minutes // 60} h; "
            f"given to relatives {self.given // 60} h, donated {self.donated // 60} h, granted {self.granted // 60} h; "
            f"refused: {told}"
        )


def _said(number: float | None) -> str:
    return "-" if number is None else f"{number:.1f}"


def _share(part: int, whole: int) -> str:
    return f"{100 * part // whole}%" if whole > 0 else "-"


BEHAVIOURS: tuple[Behaviour, ...] = (
    habits.ask_around,
    habits.refill,
    habits.fetch,
    families.list_the_poor,
    caring.ask_for_help,
    habits.spend,
    families.give_at_festival,
    families.donate,
    habits.serve_together,
    caring.visit,
    families.come_and_go,
    caring.settle_doubts,
    habits.clear_desk,
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
    born_at = moment(BEGINS, -14, 8)
    with qr.drawn_from(random.Random(seed + 1)):
        with db.unit_of_work() as session:
            password = current_app.config["DEMO_PASSWORD"]
            ruled: dict[str, Any] = {"notice_days": {"A": 0, "B": 0, "C": 0}, **settings}
            town, numbers = found_one(
                session, draw, households=households, password=password, settings=ruled, born_at=born_at
            )
            code_keys = codes.Keys(bytes.fromhex(current_app.config["CODE_KEY"]))
            village = Village(town, Life(town, draw, code_keys), draw, numbers)
            families.bind_families(session, village, born_at + timedelta(days=1))
            for who in town.people:
                caring.learn_skills(session, village, who)
        done = [_live_a_year(village, number, step) for number in range(years)]
    now = moment(BEGINS, 7 * WEEKS_A_YEAR * years, 12)
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
        jobs.run_due(moment(monday, 7, 9) + timedelta(minutes=45))
        step(1)
    last = BEGINS + timedelta(weeks=WEEKS_A_YEAR * (number + 1))
    with db.unit_of_work() as session:
        vital = measuring.newest(session, village.town.community.id)
        if vital is None:
            raise RuntimeError(f"no figures by {last}")
        found = measuring.read(vital)
        helped, passed_on = _help(session, village, number), _passed_on(session, village, number)
    spent = vital.spent - before[1]
    return Year(
        number=number + 1,
        credited=vital.credited - before[0],
        spent=spent,
        promised=vital.promised,
        members=found.members,
        savers=found.savers,
        spenders=found.savers_spent or 0,
        median_days=found.median_days,
        pool_months=rules.cover_months(found.pool, found.pool_out, found.days),
        cover_months=12 * vital.promised / spent if spent > 0 else None,
        help=helped,
        given=passed_on[0],
        donated=passed_on[1],
        granted=passed_on[2],
        pool=found.pool,
        refused=dict(village.refused),
    )


def _sums(village: Village) -> tuple[int, int]:
    with db.unit_of_work() as session:
        vital = measuring.newest(session, village.town.community.id)
        return (vital.credited, vital.spent) if vital else (0, 0)


def _help(session: Session, village: Village, number: int) -> Help:
    begins, ends = (moment(BEGINS + timedelta(weeks=WEEKS_A_YEAR * year), 0, 0) for year in (number, number + 1))
    rows = session.execute(
        select(HelpRequest.created_at, HelpRequest.accepted_at, HelpRequest.paid_minutes).where(
            HelpRequest.community_id == village.town.community.id,
            HelpRequest.created_at >= begins,
            HelpRequest.created_at < ends,
        )
    ).all()
    waits = [accepted - asked for asked, accepted, _ in rows if accepted is not None]
    return Help(
        asked=len(rows),
        in_time=sum(wait <= IN_TIME for wait in waits),
        wait_hours=median(wait.total_seconds() / 3600 for wait in waits) if waits else None,
        minutes=sum(paid or 0 for _, _, paid in rows),
    )


def _passed_on(session: Session, village: Village, number: int) -> tuple[int, int, int]:
    """Give the minutes of a year's gifts, donations and grants."""
    first, last = (BEGINS + timedelta(weeks=WEEKS_A_YEAR * year) for year in (number, number + 1))
    begins, ends, home = moment(first, 0, 0), moment(last, 0, 0), village.town.community.id
    given = select(func.coalesce(func.sum(Gift.amount), 0)).where(
        Gift.community_id == home, Gift.state == "given", Gift.created_at >= begins, Gift.created_at < ends
    )
    donated = select(func.coalesce(func.sum(Donation.amount), 0)).where(
        Donation.community_id == home,
        Donation.unit == "MIN",
        Donation.created_at >= begins,
        Donation.created_at < ends,
    )
    granted = select(func.coalesce(func.sum(GrantPayment.amount), 0)).where(
        GrantPayment.community_id == home, GrantPayment.month >= first, GrantPayment.month < last
    )
    sums = [int(session.scalar(one) or 0) for one in (given, donated, granted)]
    return sums[0], sums[1], sums[2]
