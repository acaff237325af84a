"""After an activity: the leader says how many were there, and what the scans say together is looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from bank.activities import operations as activities
from bank.activities.models import Activity
from bank.checkin.models import Attendance
from bank.clock import local_day, start_of_day
from bank.communities import operations as communities
from bank.communities.calendar import calendar_of
from bank.communities.models import Community
from bank.communities.rules import Rules
from bank.credits import cases, signals
from bank.errors import Conflict, NotAllowed, say
from bank.members.actor import Actor

FINISHED = ("checked_out", "auto_closed")
SECOND = timedelta(seconds=1)
STAFF = ("coordinator", "second_approver")
MOST_AT_ONCE = 50
TOO_LONG_AGO = timedelta(days=60)
"""What ended so long ago is posted and told; nobody could still count its heads."""


class NotOverYet(Conflict):
    """Counting heads before the end."""

    code = "too_early"
    sentence = say("活动结束以后再报人数。")


class AlreadyAttested(Conflict):
    """The headcount is said once."""

    code = "already_decided"
    sentence = say("这场活动的人数已经报过了，以先报的为准。")


def attest(session: Session, who: Actor, public_id: str, headcount: int, *, now: datetime) -> int:
    """Say once how many people were there; give how many items that puts a signal on.

    By the leader, or a coordinator in their stead, whose word gives way to the leader's own. Raises NotFound,
    NotAllowed, NotOverYet and AlreadyAttested.
    """
    activity = activities.find(session, who, public_id)
    if activity.leader_id != who.person_id and not who.may("coordinator"):
        raise NotAllowed
    if activity.state != "published" or now < activity.ends_at:
        raise NotOverYet
    said = session.scalar(
        update(Activity)
        .where(Activity.id == activity.id, or_(Activity.headcount.is_(None), _is_in_their_stead(who)))
        .values(headcount=headcount, headcount_by=who.person_id, headcount_at=now)
        .returning(Activity)
        .execution_options(populate_existing=True)
    )
    if said is None:
        raise AlreadyAttested
    return look(session, said, now=now)


def _is_in_their_stead(who: Actor) -> ColumnElement[bool]:
    """Choose activities that this person led and somebody else counted: who was there has the last word."""
    return and_(Activity.leader_id == who.person_id, Activity.headcount_by != who.person_id)


def look(session: Session, activity: Activity, *, now: datetime) -> int:
    """Put signals on the items of an activity for what its scans say together; give on how many. Safe to repeat."""
    there = _there(session, activity)
    seen = _fewer_heads(session, activity, there, now) + _same_lengths(session, activity, there, now)
    return seen + _own_staff(session, activity, there, now)


def miss_heads(session: Session, *, now: datetime) -> int:
    """Look at activities whose leader never said how many were there, at most fifty; give how many were due.

    Each is looked at once. Safe to run twice and by several at once.
    """
    chosen = (
        select(Activity)
        .where(
            Activity.state == "published",
            Activity.closed_at.is_not(None),
            Activity.headcount.is_(None),
            Activity.heads_missed_at.is_(None),
            Activity.ends_at > now - TOO_LONG_AGO,
            Activity.ends_at <= now - timedelta(days=1),
        )
        .order_by(Activity.ends_at)
        .limit(MOST_AT_ONCE)
    )
    return sum(_miss(session, activity, now) for activity in session.scalars(chosen).all())


def _miss(session: Session, activity: Activity, now: datetime) -> bool:
    in_force = _in_force(session, activity)
    if activity.ends_at + timedelta(days=in_force.headcount_days) > now:
        return False
    missed = session.scalar(
        update(Activity)
        .where(Activity.id == activity.id, Activity.headcount.is_(None), Activity.heads_missed_at.is_(None))
        .values(heads_missed_at=now)
        .returning(Activity.id)
    )
    there = _there(session, activity)
    if missed is not None and len(there) >= in_force.headcount_people:
        flag = {"code": "no_headcount", "facts": {"scanned": len(there), "days": in_force.headcount_days}}
        signals.put_on(session, [one.credit_id for one in there if one.credit_id], flag, now=now)
    return missed is not None


def _there(session: Session, activity: Activity) -> Sequence[Attendance]:
    return session.scalars(
        select(Attendance).where(Attendance.activity_id == activity.id, Attendance.state.in_(FINISHED))
    ).all()


def _in_force(session: Session, activity: Activity) -> Rules:
    zone = session.get_one(Community, activity.community_id).time_zone
    return communities.rules_on(session, activity.community_id, local_day(activity.starts_at, zone))


def _own_staff(session: Session, activity: Activity, there: Sequence[Attendance], now: datetime) -> int:
    if not _is_at_work(session, activity):
        return 0
    staff = {id_ for role in STAFF for id_ in cases.holders(session, activity.community_id, role)}
    own = [one.credit_id for one in there if one.credit_id and one.person_id in staff]
    return signals.put_on(session, own, {"code": "staff_hours", "facts": {}}, now=now) if own else 0


def _is_at_work(session: Session, activity: Activity) -> bool:
    """Tell whether an activity begins on a working day and lies, if only partly, in working hours."""
    home, in_force = session.get_one(Community, activity.community_id), _in_force(session, activity)
    midnight = start_of_day(local_day(activity.starts_at, home.time_zone), home.time_zone)
    begins = midnight + timedelta(hours=in_force.work_from_hour)
    ends = midnight + timedelta(hours=in_force.work_until_hour)
    calendar = calendar_of(session, home, activity.starts_at)
    return activity.starts_at < ends and activity.ends_at > begins and calendar.is_working(calendar.today)


def _fewer_heads(session: Session, activity: Activity, there: Sequence[Attendance], now: datetime) -> int:
    if activity.headcount is None or activity.headcount >= len(there):
        return 0
    flag = {"code": "headcount", "facts": {"told": activity.headcount, "scanned": len(there)}}
    return signals.put_on(session, [one.credit_id for one in there if one.credit_id], flag, now=now)


def _same_lengths(session: Session, activity: Activity, there: Sequence[Attendance], now: datetime) -> int:
    most = _in_force(session, activity).same_length_people
    stays = {
        one.credit_id: (one.checked_out_at - one.checked_in_at) // SECOND
        for one in there
        if one.credit_id and one.checked_in_at and one.checked_out_at
    }
    done = 0
    for stay, people in Counter(stays.values()).items():
        if people >= most:
            alike = [credit_id for credit_id, own in stays.items() if own == stay]
            done += signals.put_on(session, alike, {"code": "same_length", "facts": {"people": people}}, now=now)
    return done
