"""The venue's side: the rotating code, the heads, and what is open now."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bank.activities import listing
from bank.activities import operations as activities
from bank.activities.models import Activity, SignUp
from bank.checkin import codes
from bank.checkin.codes import Keys, Shown
from bank.checkin.models import Attendance
from bank.clock import local_day
from bank.communities import operations as communities
from bank.errors import Conflict, NotFound, say
from bank.members.actor import Actor
from bank.web.pages import TIME_ZONE


class NotPublished(Conflict):
    """A code is wanted of a draft."""

    code = "not_published"
    sentence = say("活动发布之后才有签到码。请先发布。")


def coming_codes(session: Session, who: Actor, keys: Keys, public_id: str, *, count: int, now: datetime) -> list[Shown]:
    """Mint the venue codes of now and the steps that follow.

    Raises NotAllowed, NotFound, NotPublished, ActivityCancelled.
    """
    who.require("coordinator")
    activity = activities.find(session, who, public_id)
    if activity.state == "cancelled":
        raise activities.ActivityCancelled
    if activity.state != "published":
        raise NotPublished
    return keys.venues(activity.public_id, activity.code_epoch, now, count)


def find_digits(session: Session, who: Actor, keys: Keys, public_id: str, six: str, *, now: datetime) -> Shown | None:
    """Find the code that six spoken digits stand for at an activity that is open now; None for wrong ones.

    Raises NotFound where the activity is not open to the actor now.
    """
    activity = next((one for one in open_now(session, who.community_id, now=now) if one.public_id == public_id), None)
    if activity is None:
        raise NotFound
    step = keys.prove_digits(activity.public_id, activity.code_epoch, six, now)
    return None if step is None else keys.venue(activity.public_id, activity.code_epoch, step)


def open_now(session: Session, community_id: int, *, now: datetime) -> list[Activity]:
    """List activities that can be checked in to or out of now, the soonest first."""
    rules = communities.rules_on(session, community_id, local_day(now, TIME_ZONE))
    return listing.open_now(
        session,
        community_id,
        early=timedelta(minutes=rules.check_in_early_minutes),
        late=timedelta(minutes=rules.check_out_late_minutes),
        now=now,
    )


def heads(session: Session, activity: Activity) -> dict[str, int]:
    """Count heads: signed up, arrived so far, and present now."""
    states = select(Attendance.state, func.count()).where(Attendance.activity_id == activity.id)
    by_state = {row[0]: row[1] for row in session.execute(states.group_by(Attendance.state))}
    came = sum(number for state, number in by_state.items() if state not in ("no_show", "void"))
    signed_up = select(func.count()).where(SignUp.activity_id == activity.id, SignUp.state == "signed_up")
    return {
        "signed_up": session.scalar(signed_up) or 0,
        "arrived": came,
        "present": by_state.get("checked_in", 0),
    }


def age_ms(shown: Shown, now: datetime) -> int:
    """Give how many milliseconds after `now` a code begins to be shown; below zero for the present one."""
    return (shown.valid_from - now) // timedelta(milliseconds=1)


STEP_S = codes.STEP_S
