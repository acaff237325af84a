"""The roster: everyone who signed up or came, with the scans that say so."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from bank.activities.models import Activity, SignUp
from bank.checkin.models import Attendance, ScanEvent
from bank.checkin.scenes import ACCEPTED
from bank.members.models import Person

MOST_LINES = 500


@dataclass(frozen=True, slots=True)
class Line:
    """One person on the roster; `scan_uuid` is their last scan that stands."""

    person: Person
    sign_up_state: str | None
    attendance: Attendance | None
    scan_uuid: str | None


def lines(session: Session, activity: Activity) -> list[Line]:
    """List who signed up or came, those present first, at most 500."""
    rows = session.execute(
        select(Person, SignUp.state, Attendance)
        .outerjoin(SignUp, (SignUp.person_id == Person.id) & (SignUp.activity_id == activity.id))
        .outerjoin(Attendance, (Attendance.person_id == Person.id) & (Attendance.activity_id == activity.id))
        .where((SignUp.state.in_(("signed_up", "waitlisted"))) | Attendance.id.is_not(None))
        .order_by(Attendance.checked_in_at.is_(None), Attendance.checked_in_at, Person.name, Person.id)
        .limit(MOST_LINES)
    ).all()
    last = _last_scans(session, activity.id, [row[0].id for row in rows])
    return [Line(row[0], row.state, row[2], last.get(row[0].id)) for row in rows]


def with_standing(session: Session, activity: Activity, people: Collection[Person]) -> list[Line]:
    """Give people found by name with what is known of them at an activity."""
    wanted = [person.id for person in people]
    states = select(SignUp.person_id, SignUp.state).where(
        SignUp.activity_id == activity.id, SignUp.person_id.in_(wanted)
    )
    by_person = {row.person_id: row.state for row in session.execute(states)}
    there = select(Attendance).where(Attendance.activity_id == activity.id, Attendance.person_id.in_(wanted))
    attendances = {item.person_id: item for item in session.scalars(there)}
    last = _last_scans(session, activity.id, wanted)
    return [
        Line(person, by_person.get(person.id), attendances.get(person.id), last.get(person.id)) for person in people
    ]


def _last_scans(session: Session, activity_id: int, people: Collection[int]) -> dict[int, str]:
    voiding = aliased(ScanEvent)
    rows = session.execute(
        select(ScanEvent.person_id, ScanEvent.uuid)
        .outerjoin(voiding, voiding.voids_id == ScanEvent.id)
        .where(
            ScanEvent.activity_id == activity_id,
            ScanEvent.person_id.in_(people),
            ScanEvent.verdict.in_(ACCEPTED),
            ScanEvent.voids_id.is_(None),
            voiding.id.is_(None),
        )
        .order_by(ScanEvent.happened_at, ScanEvent.id)
    )
    return {row.person_id: row.uuid for row in rows}
