"""What came of attendances: their shown state, the list for the desk, and decisions mapped to credits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Row, Select, and_, select
from sqlalchemy.orm import Session

from bank.activities.models import Activity
from bank.activities.operations import PUBLIC_ID
from bank.checkin.models import Attendance
from bank.credits import operations as credits_
from bank.credits.models import Credit
from bank.errors import NotFound
from bank.members.actor import STAFF, Actor
from bank.members.models import Person
from bank.web import paging

SHOWN: Mapping[str, str] = {
    "submitted": "to_review",
    "second_review": "second_review",
    "in_notice": "in_notice",
    "objected": "objected",
    "posted": "approved",
    "refused": "rejected",
    "reversed": "void",
    "void": "void",
}
STATES = (
    "to_review",
    "second_review",
    "in_notice",
    "objected",
    "approved",
    "rejected",
    "void",
    "checked_in",
    "no_show",
)
REVIEWABLE = ("submitted", "second_review")


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of one attendance on the desk: its shown state, or the code of the refusal."""

    attendance_id: str
    state: str | None
    code: str | None
    sentence: str | None = None


def shown_state(attendance_state: str, credit_state: str | None) -> str:
    """Give the state a member sees: that of the credit where there is one."""
    if attendance_state == "void" or credit_state is None:
        return attendance_state
    return SHOWN[credit_state]


def listing(
    session: Session,
    who: Actor,
    *,
    state: str | None,
    activity: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> paging.Listing[Row[Any]]:
    """List attendances of the community, the oldest first; `to_review` is whatever waits for an approver."""
    who.require(*STAFF)
    found = _rows().where(Activity.community_id == who.community_id)
    if activity is not None:
        found = found.where(Activity.public_id == activity)
    if state is not None:
        found = found.where(_in_state(state))
    place = paging.decode_ints(cursor, 1)
    if place is not None:
        found = found.where(Attendance.id > place[0])
    rows = session.execute(found.order_by(Attendance.id).limit(limit + 1)).all()
    more = len(rows) > limit
    return paging.Listing(rows[:limit], paging.encode(rows[limit - 1].Attendance.id) if more else None)


def one(session: Session, who: Actor, public_id: str) -> Row[Any]:
    """Find one's own attendance, or as staff any of the community's. Raises NotFound."""
    if not PUBLIC_ID.match(public_id):
        raise NotFound
    row = session.execute(_rows().where(Attendance.public_id == public_id)).one_or_none()
    if row is None or row.Activity.community_id != who.community_id:
        raise NotFound
    if row.Attendance.person_id != who.person_id and not who.may(*STAFF):
        raise NotFound
    return row


def own_at(session: Session, who: Actor, activity_id: int) -> Row[Any] | None:
    """Find the actor's own attendance at an activity, None before they came."""
    mine = (Attendance.activity_id == activity_id) & (Attendance.person_id == who.person_id)
    return session.execute(_rows().where(mine)).one_or_none()


def decide(
    session: Session,
    who: Actor,
    attendance_ids: Sequence[str],
    decision: credits_.Decision,
    *,
    minutes: int | None = None,
    reason: str | None = None,
    now: datetime,
) -> list[Decided]:
    """Approve or reject the credits of attendances together, each answered in the order given.

    An id that is not there, or has nothing to decide, answers `not_found`. Raises what `credits.decide` raises for
    the whole.
    """
    who.require(*STAFF)
    by_id = _credit_ids(session, who, attendance_ids)
    wanted = list(dict.fromkeys(by_id[name] for name in attendance_ids if name in by_id))
    outcomes = credits_.decide(session, who, wanted, decision, amount=minutes, reason=reason, now=now) if wanted else []
    by_credit = {outcome.credit_id: outcome for outcome in outcomes}
    return [_decided(name, by_credit.get(by_id.get(name, 0))) for name in attendance_ids]


def _decided(name: str, outcome: credits_.Outcome | None) -> Decided:
    if outcome is None:
        return Decided(name, None, NotFound.code)
    return Decided(name, SHOWN[outcome.state] if outcome.state else None, outcome.code, outcome.sentence)


def _credit_ids(session: Session, who: Actor, attendance_ids: Collection[str]) -> dict[str, int]:
    rows = session.execute(
        select(Attendance.public_id, Attendance.credit_id)
        .join(Activity, Activity.id == Attendance.activity_id)
        .where(
            Attendance.public_id.in_(attendance_ids),
            Activity.community_id == who.community_id,
            Attendance.credit_id.is_not(None),
        )
    )
    return {row.public_id: row.credit_id for row in rows}


def _rows() -> Select[Any]:
    rows: Any = (
        select(
            Attendance,
            Activity,
            Person,
            Credit.state.label("credit_state"),
            Credit.approved_amount,
            Credit.flags.label("credit_flags"),
        )
        .join(Activity, Activity.id == Attendance.activity_id)
        .join(Person, Person.id == Attendance.person_id)
        .outerjoin(Credit, Credit.id == Attendance.credit_id)
    )
    return cast(Select[Any], rows)


def _in_state(state: str) -> ColumnElement[bool]:
    if state == "to_review":
        return Credit.state.in_(REVIEWABLE)
    by_credit = [name for name, shown in SHOWN.items() if shown == state]
    own = and_(Attendance.state == state, Attendance.credit_id.is_(None))
    return Credit.state.in_(by_credit) | own if by_credit else own
