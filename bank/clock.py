"""What time it is: only views, jobs and the command line ask; everything else is told."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo


def utc_now() -> datetime:
    """Give this moment as an aware UTC datetime."""
    return datetime.now(UTC)


def local_day(moment: datetime, time_zone: str) -> date:
    """Give the calendar day that people in `time_zone` call this moment."""
    return moment.astimezone(ZoneInfo(time_zone)).date()


def month_after(day: date) -> date:
    """Give the first day of the month after the one of `day`."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def start_of_day(day: date, time_zone: str) -> datetime:
    """Give the first moment of `day` in `time_zone`, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(time_zone)).astimezone(UTC)
