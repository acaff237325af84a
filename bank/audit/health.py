"""The health of a community's desk on one page: waiting, evidence, refusals, objections, random checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from bank import clock
from bank.communities.models import Community
from bank.credits import health
from bank.credits.health import Decided, Doubts, Waiting
from bank.credits.models import Credit
from bank.spotchecks.models import SpotCheck, SpotDraw
from bank.spotchecks.operations import ANYBODY_AFTER
from bank.spotchecks.rules import month_before

MONTHS = 6
"""How far back missing draws are looked for."""


@dataclass(frozen=True, slots=True)
class Checks:
    """Random checks: open ones, those past their time, and months with postings that were not drawn from."""

    open: int
    late: int
    missing: Sequence[date]


@dataclass(frozen=True, slots=True)
class Health:
    """Everything the page says of one span."""

    waiting: Waiting
    late: Sequence[Credit]
    shares: dict[str, int]
    decided: Decided
    doubts: Doubts
    checks: Checks


def examine(session: Session, place: Community, now: datetime, *, days: int) -> Health:
    """Read the health of the desk over so many days, in a constant number of statements."""
    since = now - timedelta(days=days)
    return Health(
        health.waiting(session, place.id, now),
        health.late_items(session, place.id, now),
        health.shares(session, place.id, since),
        health.decided(session, place.id, since),
        health.doubts(session, place.id, since, now),
        _checks(session, place, now),
    )


def _checks(session: Session, place: Community, now: datetime) -> Checks:
    overdue = func.coalesce(func.sum(case((SpotDraw.drawn_at < now - ANYBODY_AFTER, 1), else_=0)), 0)
    row = session.execute(
        select(func.count(), overdue)
        .select_from(SpotCheck)
        .join(SpotDraw, SpotDraw.id == SpotCheck.draw_id)
        .where(SpotDraw.community_id == place.id, SpotCheck.state == "open")
    ).one()
    return Checks(row[0], row[1], _missing(session, place, now))


def _missing(session: Session, place: Community, now: datetime) -> list[date]:
    """Give the past months in which something was posted and nothing drawn, in two statements."""
    months = [month_before(clock.local_day(now, place.time_zone))]
    while len(months) < MONTHS:
        months.append(month_before(months[-1]))
    drawn = set(
        session.scalars(select(SpotDraw.month).where(SpotDraw.community_id == place.id, SpotDraw.month >= months[-1]))
    )
    begins = [clock.start_of_day(month, place.time_zone) for month in months]
    ends = [clock.start_of_day(clock.local_day(now, place.time_zone).replace(day=1), place.time_zone), *begins]
    posted = session.execute(
        select(
            *(
                select(func.count(Credit.id))
                .where(
                    Credit.community_id == place.id,
                    Credit.state == "posted",
                    Credit.posted_at >= begin,
                    Credit.posted_at < end,
                )
                .scalar_subquery()
                for begin, end in zip(begins, ends, strict=False)
            )
        )
    ).one()
    return [month for month, count in zip(months, posted, strict=True) if count and month not in drawn]
