"""Nobody is at two places at once: a visit that overlaps another, or an activity, is looked at before it is passed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from bank.activities.models import Activity
from bank.checkin.models import Attendance
from bank.services import rules
from bank.services.models import HelpRequest

SCANNED = ("to_confirm", "disputed", "done", "resolved")


def flags(
    session: Session, request: HelpRequest, person_id: int, came: datetime | None, went: datetime | None
) -> list[dict[str, Any]]:
    """Give a flag for each activity or other visit that a helper was scanned at within a visit of theirs."""
    if came is None or went is None:
        return []
    titles = [*_activities(session, person_id, came, went), *_visits(session, request, person_id, came, went)]
    return [{"code": "elsewhere", "facts": {"title": title}} for title in titles]


def _activities(session: Session, person_id: int, came: datetime, went: datetime) -> list[str]:
    at = select(Activity.title).join(Attendance, Attendance.activity_id == Activity.id)
    then = at.where(
        Attendance.person_id == person_id,
        Attendance.state.in_(("checked_in", "checked_out", "auto_closed")),
        Attendance.checked_in_at < went,
        func.coalesce(Attendance.checked_out_at, Activity.ends_at) > came,
    )
    return list(session.scalars(then.order_by(Attendance.id)))


def _visits(session: Session, request: HelpRequest, person_id: int, came: datetime, went: datetime) -> list[str]:
    one = HelpRequest
    first = and_(one.volunteer_id == person_id, one.arrived_at < went, one.left_at > came)
    second = and_(one.second_id == person_id, one.second_arrived_at < went, one.second_left_at > came)
    then = select(one.kind).where(one.id != request.id, one.state.in_(SCANNED), or_(first, second))
    return [rules.CATALOGUE[kind].title for kind in session.scalars(then.order_by(one.id))]
