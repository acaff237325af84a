"""What a scanned link opens: which activity it is, whose card it is, and what one button would do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bank.activities.models import Activity
from bank.activities.operations import ActivityCancelled
from bank.checkin import rules
from bank.checkin.codes import CodeInvalid, Keys, Pass, Venue
from bank.checkin.models import Attendance
from bank.checkin.refusals import CardRevoked
from bank.clock import local_day
from bank.communities import operations as communities
from bank.members.actor import Actor
from bank.members.models import Person
from bank.web.pages import TIME_ZONE


@dataclass(frozen=True, slots=True)
class Offer:
    """What the one button would do for a person: in, out, or None where they have just come in.

    `left_at` is set where there is nothing left to do; `attendance_id` then says where that can be read.
    """

    direction: str | None
    arrived_at: datetime | None = None
    left_at: datetime | None = None
    attendance_id: str | None = None


def activity_of(session: Session, keys: Keys, code: Venue, *, at: datetime) -> Activity:
    """Find the activity whose venue code was shown at `at`. Raises CodeInvalid, CodeExpired, ActivityCancelled."""
    activity = session.scalar(select(Activity).where(Activity.public_id == code.activity_id))
    if activity is None or activity.state == "draft":
        raise CodeInvalid
    keys.prove_venue(code, activity.code_epoch, at)
    if activity.state == "cancelled":
        raise ActivityCancelled
    return activity


def offer(session: Session, who: Actor, activity: Activity, code: Venue, *, at: datetime) -> Offer:
    """Tell what a scan made at `at` would do for the actor; nothing is written."""
    attendance = session.scalar(
        select(Attendance).where(Attendance.activity_id == activity.id, Attendance.person_id == who.person_id)
    )
    if attendance is not None and attendance.checked_out_at is not None:
        return Offer(None, attendance.checked_in_at, attendance.checked_out_at, attendance.public_id)
    arrived_at = attendance.checked_in_at if attendance else None
    in_force = communities.rules_on(session, activity.community_id, local_day(activity.starts_at, TIME_ZONE))
    return Offer(rules.direction_of(code.direction, arrived_at, at, in_force), arrived_at)


def holder_of(session: Session, who: Actor, keys: Keys, card: Pass) -> Person:
    """Find whose card a coordinator has scanned. Raises NotAllowed, CodeInvalid, CardRevoked."""
    who.require("coordinator")
    keys.prove_pass(card)
    person = session.scalar(
        select(Person).where(Person.public_id == card.person_id, Person.community_id == who.community_id)
    )
    if person is None:
        raise CodeInvalid
    if person.card_version != card.version:
        raise CardRevoked
    return person
