"""The calendar: which activities a member sees, by day, kind and whether they take part."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, false, or_, select
from sqlalchemy.orm import Session

from bank.activities.models import Activity, SignUp
from bank.clock import local_day, start_of_day
from bank.communities import operations as communities
from bank.errors import Invalid, say
from bank.members.actor import Actor
from bank.web import paging

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WHENS = ("upcoming", "today", "week", "past", "draft")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: one of WHENS, a category or None for all, and only those one takes part in."""

    when: str = "upcoming"
    category: str | None = None
    is_mine: bool = False
    time_zone: str = "Asia/Shanghai"


def activities(
    session: Session, who: Actor, wanted: Wanted, *, now: datetime, limit: int = 50, cursor: str | None = None
) -> paging.Listing[Activity]:
    """List activities of the actor's community, the soonest first, past ones the latest first.

    One that is over stays among the coming ones while people may still check out of it.
    """
    is_past = wanted.when == "past"
    rules = communities.rules_on(session, who.community_id, local_day(now, wanted.time_zone))
    late = timedelta(minutes=rules.check_out_late_minutes)
    found = _in_span(select(Activity).where(Activity.community_id == who.community_id), who, wanted, now, late)
    if wanted.category:
        found = found.where(Activity.category == wanted.category)
    if wanted.is_mine:
        mine = select(SignUp.activity_id).where(SignUp.person_id == who.person_id, SignUp.state != "cancelled")
        found = found.where(Activity.id.in_(mine))
    place = paging.decode_ints(cursor, 2)
    if place is not None:
        found = found.where(_beyond(_moment(place[0]), place[1], is_past=is_past))
    order = (Activity.starts_at.desc(), Activity.id.desc()) if is_past else (Activity.starts_at, Activity.id)
    rows = list(session.scalars(found.order_by(*order).limit(limit + 1)))
    more = rows[limit - 1] if len(rows) > limit else None
    return paging.Listing(rows[:limit], paging.encode(_us(more.starts_at), more.id) if more else None)


def open_now(
    session: Session, community_id: int, *, early: timedelta, late: timedelta, now: datetime
) -> list[Activity]:
    """List what can be checked in to or out of now: from `early` before the start to `late` after the end."""
    found = select(Activity).where(
        Activity.community_id == community_id,
        Activity.state == "published",
        Activity.starts_at <= now + early,
        Activity.ends_at >= now - late,
    )
    return list(session.scalars(found.order_by(Activity.starts_at, Activity.id).limit(20)))


def _in_span(found: Select[Activity], who: Actor, wanted: Wanted, now: datetime, late: timedelta) -> Select[Activity]:
    if wanted.when == "draft":
        return found.where(Activity.state == "draft" if who.may("coordinator") else false())
    found = found.where(Activity.state == "published")
    if wanted.when == "past":
        return found.where(Activity.ends_at < now)
    found = found.where(Activity.ends_at >= now - late)
    days = {"today": 1, "week": 7}.get(wanted.when)
    if days is None:
        return found
    midnight = start_of_day(local_day(now, wanted.time_zone), wanted.time_zone)
    return found.where(Activity.starts_at < midnight + timedelta(days=days))


def _beyond(starts_at: datetime, activity_id: int, *, is_past: bool) -> ColumnElement[bool]:
    if is_past:
        further, next_id = Activity.starts_at < starts_at, Activity.id < activity_id
    else:
        further, next_id = Activity.starts_at > starts_at, Activity.id > activity_id
    return or_(further, and_(Activity.starts_at == starts_at, next_id))


def _moment(us: int) -> datetime:
    try:
        return EPOCH + timedelta(microseconds=us)
    except OverflowError as wrong:
        raise Invalid({"cursor": [say("页码不对，请从第一页重新看。")]}) from wrong


def _us(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)
