"""The end of an activity: the forgetful are closed, no-shows noted, and a cancelled one is undone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from bank.activities import operations as activities
from bank.activities.models import Activity, SignUp
from bank.checkin import attesting, scenes
from bank.checkin.models import Attendance
from bank.checkin.settling import resettle, undo_overlap
from bank.clock import local_day
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.credits import operations as credits_
from bank.errors import say
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person
from bank.qr import new_public_id

MOST_AT_ONCE = 50


def close_due(session: Session, *, now: datetime) -> int:
    """Close the activities that ended long enough ago, at most fifty; give how many. Safe to run twice."""
    found = session.execute(
        select(Activity.id, Activity.community_id, Activity.starts_at, Activity.ends_at, Community.time_zone)
        .join(Community, Community.id == Activity.community_id)
        .where(Activity.state == "published", Activity.closed_at.is_(None), Activity.ends_at <= now)
        .order_by(Activity.ends_at)
        .limit(MOST_AT_ONCE)
    ).all()
    return sum(close(session, row.id, now=now) is not None for row in found if _is_due(session, row, now))


def close(session: Session, activity_id: int, *, now: datetime) -> int | None:
    """Close an activity once: who never scanned out gets the planned end and a look, who never came is a no-show.

    Gives how many attendances it touched; None where it was closed already.
    """
    _lock_attendees(session, activity_id)
    closed = session.scalar(
        update(Activity)
        .where(Activity.id == activity_id, Activity.state == "published", Activity.closed_at.is_(None))
        .values(closed_at=now)
        .returning(Activity)
        .execution_options(populate_existing=True)
    )
    if closed is None:
        return None
    forgetful = session.scalars(
        select(Person)
        .join(Attendance, Attendance.person_id == Person.id)
        .where(Attendance.activity_id == activity_id, Attendance.state == "checked_in")
        .order_by(Person.id)
    ).all()
    for person in forgetful:
        resettle(session, scenes.load_known(session, person, closed.public_id), now=now)
    _tell_forgetful(session, closed, [person.id for person in forgetful], now)
    attesting.look(session, closed, now=now)
    return len(forgetful) + _note_no_shows(session, activity_id, now)


def call_off(session: Session, who: Actor, public_id: str, *, reason: str, now: datetime) -> Activity:
    """Cancel an activity, tell everyone, and void what people did there with its credits.

    Raises NotFound, ActivityCancelled, and the book's refusals where a credit was posted and cannot be reversed.
    """
    who.require("coordinator")
    known = activities.find(session, who, public_id)
    _lock_attendees(session, known.id)
    activity = activities.cancel(session, who, public_id, reason=reason, now=now)
    there = session.scalars(
        select(Attendance)
        .where(Attendance.activity_id == activity.id, Attendance.state != "void")
        .order_by(Attendance.id)
    ).all()
    for attendance in there:
        attendance.state, attendance.changed_at = "void", now
    session.flush()
    for attendance in there:
        if attendance.credit_id is not None:
            credits_.void(session, attendance.credit_id, reason=reason, by=who.person_id, now=now)
            undo_overlap(session, attendance, activity.public_id, now=now)
    return activity


def _is_due(session: Session, row: Any, now: datetime) -> bool:
    rules = communities.rules_on(session, row.community_id, local_day(row.starts_at, row.time_zone))
    return bool(row.ends_at + timedelta(minutes=rules.auto_close_after_minutes) <= now)


def _lock_attendees(session: Session, activity_id: int) -> None:
    """Keep scans of everyone there waiting, in the order that scans take their locks: person, then activity."""
    there = select(Attendance.person_id).where(Attendance.activity_id == activity_id)
    session.execute(select(Person.id).where(Person.id.in_(there)).order_by(Person.id).with_for_update(key_share=True))


def _note_no_shows(session: Session, activity_id: int, now: datetime) -> int:
    missing = session.scalars(
        select(SignUp.person_id).where(
            SignUp.activity_id == activity_id,
            SignUp.state == "signed_up",
            ~exists().where(Attendance.activity_id == activity_id, Attendance.person_id == SignUp.person_id),
        )
    ).all()
    session.add_all(
        Attendance(
            public_id=new_public_id(),
            activity_id=activity_id,
            person_id=person_id,
            state="no_show",
            evidence_class="C",
            flags=[],
            changed_at=now,
        )
        for person_id in missing
    )
    session.flush()
    return len(missing)


def _tell_forgetful(
    session: Session, activity: Activity, people: Sequence[int] | Collection[int], now: datetime
) -> None:
    sentence = say("您在“%(title)s”忘了签退，已按活动结束时间报给社区核对。下次走之前记得再扫一次。")
    members.tell(session, list(people), sentence, facts={"title": activity.title}, link="/passbook", now=now)
