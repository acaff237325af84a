"""What a scan meets: the person, the activity, what is known of them there, all locked and read once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Executable, Row, Select, bindparam, case, cast, null, select, union_all
from sqlalchemy.orm import Session

from bank.activities.models import Activity, SignUp
from bank.checkin.models import Attendance, ScanEvent
from bank.checkin.rules import Mark, Plan, Span, counted_span
from bank.clock import local_day
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.communities.rules import Rules
from bank.credits import signals
from bank.errors import NotFound
from bank.members.models import Person

ACCEPTED = ("ok", "duplicate")
FINISHED = ("checked_out", "auto_closed")
MOST_OF_A_PHONE = 100
EVENT = (
    ScanEvent.id,
    ScanEvent.uuid,
    ScanEvent.body_hash,
    ScanEvent.activity_id,
    ScanEvent.person_id,
    ScanEvent.actor_id,
    ScanEvent.direction,
    ScanEvent.via,
    ScanEvent.happened_at,
    ScanEvent.device,
    ScanEvent.verdict,
    ScanEvent.answer,
    ScanEvent.voids_id,
)


@dataclass(frozen=True, slots=True)
class Around:
    """One attendance of the person at an activity whose time overlaps this one's."""

    attendance: Attendance
    activity_public_id: str
    plan: Plan
    title: str

    @property
    def span(self) -> Span | None:
        """What it counts; None while it is open."""
        if self.attendance.state not in FINISHED:
            return None
        return counted_span(self.attendance.checked_in_at, self.attendance.checked_out_at, self.plan, self.title)


@dataclass(frozen=True, slots=True)
class Scene:
    """One person at one activity. `person` is locked for change, `activity` against being changed."""

    person: Person
    activity: Activity
    plan: Plan
    rules: Rules
    is_signed_up: bool
    attendance: Attendance | None
    others: Sequence[Around]
    events: Sequence[Row[Any]]
    has_shared_device: bool
    phone_people: Collection[int]
    """Who checked themselves in with this scan's phone within thirty days, at whatever activities."""
    earlier: Row[Any] | None
    """The event that already carries this scan's uuid, whoever's it is."""

    @property
    def marks(self) -> list[Mark]:
        """The accepted scans that nobody took back."""
        voided = {event.voids_id for event in self.events}
        return [mark_of(event) for event in self.events if event.verdict in ACCEPTED and _stands(event, voided)]

    def times_out_on(self, moment: datetime) -> int:
        """Count the scans out that stand of the local day of a moment: each ends a pair."""
        voided = {event.voids_id for event in self.events}
        zone, day = self.plan.time_zone, local_day(moment, self.plan.time_zone)
        outs = (event for event in self.events if event.verdict == "ok" and event.answer.get("direction") == "out")
        return sum(_stands(event, voided) and local_day(event.happened_at, zone) == day for event in outs)

    @property
    def covered(self) -> list[Span]:
        """What attendances that were there first already count."""
        mine = self.attendance.id if self.attendance else None
        spans = (around.span for around in self.others if mine is None or around.attendance.id < mine)
        return [span for span in spans if span is not None]

    @property
    def later(self) -> list[Around]:
        """Finished attendances that came after this one and may owe it minutes."""
        if self.attendance is None:
            return []
        return [around for around in self.others if around.attendance.id > self.attendance.id and around.span]


def lock_person(
    session: Session, community_id: int, *, person_id: int | None = None, public_id: str | None = None
) -> Person | None:
    """Find a member of a community and keep other scans of theirs waiting; None for nobody."""
    if person_id is not None:
        return session.scalar(_PERSON_BY_ID, {"wanted": person_id, "community_id": community_id})
    return session.scalar(_PERSON_BY_NAME, {"wanted": public_id, "community_id": community_id})


def load(
    session: Session, person: Person, activity_public_id: str, *, uuid: str = "", device: str = ""
) -> Scene | None:
    """Read the scene of a locked person at an activity; None where there is no such activity, or only its draft."""
    row = session.execute(_ACTIVITY, {"wanted": activity_public_id, "guest_id": person.id}).one_or_none()
    if row is None:
        return None
    activity: Activity = row[0]
    plan = Plan(activity.starts_at, activity.ends_at, activity.closed_at is not None, row.time_zone)
    everything = _around(session, person.id, activity, row.time_zone)
    own = next((around for around in everything if around.attendance.activity_id == activity.id), None)
    events = _events(session, person.id, activity, uuid, device)
    here = [event for event in events if event.id is not None and event.activity_id == activity.id]
    mine = [event for event in here if event.person_id == person.id]
    return Scene(
        person=person,
        activity=activity,
        plan=plan,
        rules=communities.rules_on(session, activity.community_id, local_day(activity.starts_at, row.time_zone)),
        is_signed_up=row.state == "signed_up",
        attendance=own.attendance if own else None,
        others=[around for around in everything if around is not own],
        events=list({event.id: event for event in mine}.values()),
        has_shared_device=any(device and _is_others(event, person.id, activity.id, device) for event in events),
        phone_people={event.person_id for event in events if device and event.device == device and _is_own(event)},
        earlier=next((event for event in events if uuid and event.uuid == uuid), None),
    )


def load_known(session: Session, person: Person, activity_public_id: str) -> Scene:
    """Read the scene of a locked person at an activity that is there. Raises NotFound where it is not."""
    scene = load(session, person, activity_public_id)
    if scene is None:
        raise NotFound
    return scene


def mark_of(event: Row[Any]) -> Mark:
    """Read an accepted event as a mark."""
    flags = tuple(event.answer.get("flags", ()))
    return Mark(event.uuid, event.direction, event.happened_at, event.via, event.actor_id, flags)


def _stands(event: Row[Any], voided: set[int | None]) -> bool:
    return event.voids_id is None and event.id not in voided


def _is_others(event: Row[Any], person_id: int, activity_id: int, device: str) -> bool:
    is_here = event.activity_id == activity_id and event.device == device and event.verdict in ACCEPTED
    return is_here and event.person_id != person_id and event.actor_id != person_id


def _is_own(event: Row[Any]) -> bool:
    return event.verdict in ACCEPTED and event.actor_id == event.person_id


def _around(session: Session, person_id: int, activity: Activity, time_zone: str) -> list[Around]:
    span = {"guest_id": person_id, "starts_at": activity.starts_at, "ends_at": activity.ends_at}
    rows = session.execute(_AROUND, span)
    return [
        Around(row[0], row.public_id, Plan(row.starts_at, row.ends_at, row.closed_at is not None, time_zone), row.title)
        for row in rows
    ]


def _events(session: Session, person_id: int, activity: Activity, uuid: str, device: str) -> Sequence[Row[Any]]:
    since = activity.starts_at - signals.WINDOW
    wanted = {"activity_id": activity.id, "guest_id": person_id, "uuid": uuid, "device": device, "since": since}
    return session.execute(_events_statement(bool(uuid), bool(device)), wanted).all()


@cache
def _events_statement(has_uuid: bool, has_device: bool) -> Executable:
    """Build the query once: to build it costs more than to run it."""
    here = ScanEvent.activity_id == bindparam("activity_id")
    wanted = [select(*EVENT).where(here, ScanEvent.person_id == bindparam("guest_id"))]
    if has_device:
        wanted.append(_of_phone())
    if has_uuid:
        wanted.append(select(*EVENT).where(ScanEvent.uuid == bindparam("uuid")))
    if len(wanted) == 1:
        return wanted[0]
    return union_all(*(select(part.subquery()) for part in wanted))


def _of_phone() -> Select[Any]:
    """Choose who used the phone of late, once each and whether here: all its scans would be the most rows by far."""
    kept = (ScanEvent.person_id, ScanEvent.actor_id, ScanEvent.device, ScanEvent.verdict)
    here = case((ScanEvent.activity_id == bindparam("activity_id"), ScanEvent.activity_id)).label("activity_id")
    scans = select(*kept, here).where(
        ScanEvent.device == bindparam("device"), ScanEvent.happened_at >= bindparam("since")
    )
    latest = scans.order_by(ScanEvent.happened_at.desc()).limit(MOST_OF_A_PHONE).subquery()
    users = select(*latest.c).distinct().subquery()
    return select(*(users.c.get(column.key, cast(null(), column.type).label(column.key)) for column in EVENT))


def _person_where(same: ColumnElement[bool]) -> Select[Person]:
    found = select(Person).where(same, Person.community_id == bindparam("community_id"))
    return found.with_for_update(key_share=True).execution_options(populate_existing=True)


_PERSON_BY_ID = _person_where(Person.id == bindparam("wanted"))
_PERSON_BY_NAME = _person_where(Person.public_id == bindparam("wanted"))
_ACTIVITY = (
    select(Activity, Community.time_zone, SignUp.state)
    .join(Community, Community.id == Activity.community_id)
    .outerjoin(SignUp, (SignUp.activity_id == Activity.id) & (SignUp.person_id == bindparam("guest_id")))
    .where(Activity.public_id == bindparam("wanted"), Activity.state != "draft")
    .with_for_update(read=True, of=Activity)
    .execution_options(populate_existing=True)
)
_AROUND = (
    select(Attendance, Activity.public_id, Activity.starts_at, Activity.ends_at, Activity.closed_at, Activity.title)
    .join(Activity, Activity.id == Attendance.activity_id)
    .where(
        Attendance.person_id == bindparam("guest_id"),
        Activity.starts_at < bindparam("ends_at"),
        Activity.ends_at > bindparam("starts_at"),
    )
    .order_by(Attendance.id)
    .execution_options(populate_existing=True)
)
