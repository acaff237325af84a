"""After an activity: the leader says how many were there, and what the scans say together is looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bank.activities import operations as activities
from bank.activities.models import Activity
from bank.checkin.models import Attendance
from bank.clock import local_day
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.credits import signals
from bank.errors import Conflict, NotAllowed, say
from bank.members.actor import Actor

FINISHED = ("checked_out", "auto_closed")
SECOND = timedelta(seconds=1)


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

    By the leader, or a coordinator in their stead. Raises NotFound, NotAllowed, NotOverYet and AlreadyAttested.
    """
    activity = activities.find(session, who, public_id)
    if activity.leader_id != who.person_id and not who.may("coordinator"):
        raise NotAllowed
    if activity.state != "published" or now < activity.ends_at:
        raise NotOverYet
    said = session.scalar(
        update(Activity)
        .where(Activity.id == activity.id, Activity.headcount.is_(None))
        .values(headcount=headcount, headcount_by=who.person_id, headcount_at=now)
        .returning(Activity)
        .execution_options(populate_existing=True)
    )
    if said is None:
        raise AlreadyAttested
    return look(session, said, now=now)


def look(session: Session, activity: Activity, *, now: datetime) -> int:
    """Put signals on the items of an activity for what its scans say together; give on how many. Safe to repeat."""
    there = session.scalars(
        select(Attendance).where(Attendance.activity_id == activity.id, Attendance.state.in_(FINISHED))
    ).all()
    return _fewer_heads(session, activity, there, now) + _same_lengths(session, activity, there, now)


def _fewer_heads(session: Session, activity: Activity, there: Sequence[Attendance], now: datetime) -> int:
    if activity.headcount is None or activity.headcount >= len(there):
        return 0
    flag = {"code": "headcount", "facts": {"told": activity.headcount, "scanned": len(there)}}
    return signals.put_on(session, [one.credit_id for one in there if one.credit_id], flag, now=now)


def _same_lengths(session: Session, activity: Activity, there: Sequence[Attendance], now: datetime) -> int:
    zone = session.get_one(Community, activity.community_id).time_zone
    most = communities.rules_on(session, activity.community_id, local_day(activity.starts_at, zone)).same_length_people
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
