"""Settling: the scans are read into the attendance, its credit, and whatever else overlaps it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bank import chart
from bank.checkin import rules, scenes
from bank.checkin.models import Attendance
from bank.checkin.rules import Mark, Standing
from bank.checkin.scenes import Scene
from bank.clock import local_day
from bank.credits import operations as credits_
from bank.members.models import Person
from bank.qr import new_public_id
from bank.web.fields import rfc3339

LATE_EVIDENCE: rules.Flag = {"code": "late_evidence", "facts": {}}


@dataclass(frozen=True, slots=True)
class _Carried:
    """The credit of an attendance, and whether it had been decided before this evidence came."""

    credit_id: int | None
    is_late: bool = False


def settle(session: Session, scene: Scene, marks: Sequence[Mark], *, now: datetime) -> Attendance:
    """Read the marks into the attendance and its credit, and into later attendances that overlap it.

    A credit that somebody has decided on already stays as it is, and the attendance is flagged `late_evidence`.
    """
    standing = rules.project(marks, scene.plan, scene.rules, scene.covered)
    attendance = scene.attendance or _open(session, scene, standing, now)
    if scene.attendance is None and not standing.is_finished:
        return attendance
    before = _times(attendance)
    if scene.attendance is not None and not _differs(attendance, standing):
        return attendance
    late = _carry_to_credit(session, scene, attendance, standing, marks, now)
    _write(attendance, standing, now)
    attendance.credit_id = late.credit_id
    if late.is_late:
        attendance.flags = rules.tidy([*standing.flags, LATE_EVIDENCE])
    session.flush()
    if before != _times(attendance):
        _ripple(session, scene, now)
    return attendance


def resettle(session: Session, scene: Scene, *, now: datetime) -> Attendance:
    """Read the marks that stand once more, as after one was taken back or the activity was closed."""
    return settle(session, scene, scene.marks, now=now)


def undo_overlap(session: Session, attendance: Attendance, activity_public_id: str, *, now: datetime) -> None:
    """Give later attendances back what a voided one counted."""
    person = session.get_one(Person, attendance.person_id)
    scene = scenes.load(session, person, activity_public_id)
    if scene is not None:
        _ripple(session, scene, now)


def _open(session: Session, scene: Scene, standing: Standing, now: datetime) -> Attendance:
    attendance = Attendance(public_id=new_public_id(), activity_id=scene.activity.id, person_id=scene.person.id)
    _write(attendance, standing, now)
    session.add(attendance)
    session.flush()
    return attendance


def _times(attendance: Attendance) -> tuple[Any, ...]:
    return attendance.state, attendance.checked_in_at, attendance.checked_out_at


def _write(attendance: Attendance, standing: Standing, now: datetime) -> None:
    attendance.state = standing.state
    attendance.checked_in_at = standing.checked_in.happened_at if standing.checked_in else None
    attendance.checked_out_at = standing.checked_out.happened_at if standing.checked_out else None
    attendance.minutes = standing.minutes
    attendance.evidence_class = standing.evidence_class
    attendance.flags = standing.flags
    attendance.changed_at = now


def _differs(attendance: Attendance, standing: Standing) -> bool:
    known = [flag for flag in attendance.flags if flag != LATE_EVIDENCE]
    return (*_times(attendance), attendance.minutes, attendance.evidence_class, known) != (
        standing.state,
        standing.checked_in.happened_at if standing.checked_in else None,
        standing.checked_out.happened_at if standing.checked_out else None,
        standing.minutes,
        standing.evidence_class,
        standing.flags,
    )


def _carry_to_credit(
    session: Session,
    scene: Scene,
    attendance: Attendance,
    standing: Standing,
    marks: Sequence[Mark],
    now: datetime,
) -> _Carried:
    if attendance.credit_id is None:
        if not standing.is_finished:
            return _Carried(None)
        # Only after the activity was closed can paper have been first.
        if scene.plan.is_closed and credits_.is_there(session, scene.activity.id, scene.person.id):
            return _Carried(None, is_late=True)
        return _Carried(_propose(session, scene, attendance, standing, marks, now))
    is_revised = credits_.revise(
        session,
        attendance.credit_id,
        proposed_by=_proposer(scene.person.id, marks),
        amount=standing.minutes,
        evidence_class=standing.evidence_class,
        evidence=_evidence(scene, standing),
        flags=standing.flags,
        now=now,
    )
    return _Carried(attendance.credit_id, not is_revised)


def _propose(
    session: Session,
    scene: Scene,
    attendance: Attendance,
    standing: Standing,
    marks: Sequence[Mark],
    now: datetime,
) -> int:
    credit = credits_.propose(
        session,
        community_id=scene.activity.community_id,
        source=f"attendance:{attendance.id}",
        person_id=scene.person.id,
        proposed_by=_proposer(scene.person.id, marks),
        title=scene.activity.title,
        happened_on=local_day(scene.plan.starts_at, scene.plan.time_zone),
        unit=chart.MINUTES,
        amount=standing.minutes,
        evidence_class=standing.evidence_class,
        evidence=_evidence(scene, standing),
        flags=[*standing.flags, *_many_accounts(scene)],
        rules_number=scene.rules.number,
        activity_id=scene.activity.id,
        leader_id=scene.activity.leader_id,
        began_at=max(scene.activity.created_at, scene.person.created_at),
        now=now,
    )
    return credit.id


def _many_accounts(scene: Scene) -> list[rules.Flag]:
    """Tell of a phone with which too many people checked themselves in."""
    people = len({*scene.phone_people, scene.person.id}) if scene.phone_people else 0
    return [{"code": "many_accounts", "facts": {"people": people}}] if people >= scene.rules.accounts_per_device else []


def _proposer(person_id: int, marks: Sequence[Mark]) -> int:
    """Give who brought it in: whoever of the staff scanned last, else the volunteer."""
    by_staff = [mark for mark in marks if mark.by_id != person_id]
    return max(by_staff, key=lambda mark: mark.happened_at).by_id if by_staff else person_id


def _evidence(scene: Scene, standing: Standing) -> dict[str, Any]:
    arrived, left = standing.checked_in, standing.checked_out
    scanned = (left.happened_at - arrived.happened_at).total_seconds() // 60 if arrived and left else 0
    return {
        "activity_id": scene.activity.public_id,
        "title": scene.activity.title,
        "place": scene.activity.place,
        "starts_at": rfc3339(scene.plan.starts_at),
        "ends_at": rfc3339(scene.plan.ends_at),
        "checked_in_at": rfc3339(arrived.happened_at) if arrived else None,
        "checked_out_at": rfc3339(left.happened_at) if left else None,
        "via_in": arrived.via if arrived else None,
        "via_out": left.via if left else None,
        "planned_minutes": scene.plan.minutes,
        "scanned_minutes": int(scanned),
        "rounding_minutes": scene.rules.rounding_minutes,
    }


def _ripple(session: Session, scene: Scene, now: datetime) -> None:
    """Let later attendances gain or lose the minutes that this one counts."""
    for around in scene.later:
        other = scenes.load(session, scene.person, around.activity_public_id)
        if other is not None and other.activity.state != "cancelled":
            resettle(session, other, now=now)
