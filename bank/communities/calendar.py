"""Working days: what the community ruled of a day, else the national calendar, else Monday to Friday."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import chinese_calendar
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bank import clock
from bank.communities.models import Community, DayRuling

LOOK_AHEAD = timedelta(days=60)
"""How far before an unknown year the desk begins to warn."""


def national(day: date) -> bool | None:
    """Tell whether the State Council's calendar makes it a working day; None for a year not yet in the library."""
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return None


@dataclass(frozen=True, slots=True)
class Calendar:
    """A community's calendar from `today` on. `ruled` holds only days the community decided itself."""

    today: date
    time_zone: str
    ruled: Mapping[date, bool]

    def is_working(self, day: date) -> bool:
        """Tell whether people work on that day."""
        known = self.ruled[day] if day in self.ruled else national(day)
        return day.weekday() < 5 if known is None else known

    def end_after(self, days: int) -> datetime:
        """Give the end of the working day that lies `days` working days after today, in UTC."""
        day = self.today
        while days > 0:
            day += timedelta(days=1)
            days -= self.is_working(day)
        return clock.start_of_day(day + timedelta(days=1), self.time_zone)

    def unknown_year(self) -> int | None:
        """Name the year that notices will soon reach and the library does not know; None where there is none."""
        soon = self.today + LOOK_AHEAD
        return soon.year if national(soon) is None else None


def calendar_of(session: Session, community: Community, now: datetime) -> Calendar:
    """Read a community's calendar in one statement."""
    today = clock.local_day(now, community.time_zone)
    latest = (
        select(func.max(DayRuling.id))
        .where(DayRuling.community_id == community.id, DayRuling.day >= today)
        .group_by(DayRuling.day)
    )
    rows = session.execute(select(DayRuling.day, DayRuling.is_working).where(DayRuling.id.in_(latest)))
    return Calendar(today, community.time_zone, {day: known for day, known in rows if known is not None})


def rule_day(
    session: Session, community_id: int, day: date, is_working: bool | None, *, note: str, by: int, now: datetime
) -> DayRuling:
    """Say that a day is a working day, or is none; None goes back to the calendar. What ran before keeps its end."""
    ruling = DayRuling(community_id=community_id, day=day, is_working=is_working, note=note, by_person_id=by, at=now)
    session.add(ruling)
    session.flush()
    return ruling


def rulings(session: Session, community_id: int, *, limit: int = 100) -> Sequence[DayRuling]:
    """Give what was ruled, newest first: who and when are the trace."""
    chosen = select(DayRuling).where(DayRuling.community_id == community_id).order_by(DayRuling.id.desc())
    return session.scalars(chosen.limit(limit)).all()
