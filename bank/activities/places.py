"""Places in an activity and its waiting list: take one, give it back, move up."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Executable, and_, bindparam, func, literal, or_, select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from bank import db
from bank.activities.models import Activity, SignUp
from bank.errors import Conflict, say
from bank.members import operations as members


@dataclass(frozen=True, slots=True)
class Place:
    """What a person has: `signed_up`, `waitlisted` with a position from 1, or `none`."""

    state: str
    position: int | None = None


class SignUpClosed(Conflict):
    """The activity is over, or begun where leaving is wanted."""

    code = "too_late"
    sentence = say("现在已经不能报名或退出了。如有变化，请直接告诉现场的工作人员。")


class NotSignedUp(Conflict):
    """Leaving where one has no place."""

    code = "not_signed_up"
    sentence = say("您没有报名这场活动。")


def take(session: Session, activity: Activity, person_id: int, *, now: datetime) -> Place:
    """Give a person a place, or one in the waiting list when all are taken; the same again for who has one.

    `activity` is locked by the caller. Raises SignUpClosed.
    """
    if activity.state != "published" or now >= activity.ends_at:
        raise SignUpClosed
    session.flush()
    sign_up_id = _join(session, activity.id, person_id, now)
    if sign_up_id is None or not _take_free(session, activity):
        return of(session, activity.id, person_id)
    session.connection().execute(_CONFIRM, {"wanted": sign_up_id})
    return Place("signed_up")


def leave(session: Session, activity: Activity, person_id: int, *, now: datetime) -> None:
    """Give a place back before the activity begins; whoever waits longest gets it and is told.

    `activity` is locked by the caller. Raises SignUpClosed, NotSignedUp.
    """
    if activity.state != "published" or now >= activity.starts_at:
        raise SignUpClosed
    if _drop(session, activity.id, person_id, "waitlisted", now):
        return
    if not _drop(session, activity.id, person_id, "signed_up", now):
        raise NotSignedUp
    session.execute(update(Activity).where(Activity.id == activity.id).values(taken=Activity.taken - 1))
    session.refresh(activity)
    move_up(session, activity, now=now)


def move_up(session: Session, activity: Activity, *, now: datetime) -> None:
    """Give free places to whoever waits longest, and tell them. `activity` is locked by the caller."""
    free = activity.capacity - activity.taken
    if free <= 0:
        return
    waiting = (
        select(SignUp)
        .where(SignUp.activity_id == activity.id, SignUp.state == "waitlisted")
        .order_by(SignUp.queued_at, SignUp.id)
        .limit(free)
    )
    lucky = session.scalars(waiting).all()
    if not lucky:
        return
    for sign_up in lucky:
        sign_up.state, sign_up.changed_at = "signed_up", now
    activity.taken += len(lucky)
    sentence = say("有名额了：您已报上“%(title)s”，请准时参加；来不了请早点退出，让给别人。")
    people = [sign_up.person_id for sign_up in lucky]
    members.tell(
        session, people, sentence, facts={"title": activity.title}, link=f"/activities/{activity.public_id}", now=now
    )


def of(session: Session, activity_id: int, person_id: int) -> Place:
    """Tell which place a person has."""
    return places_of(session, [activity_id], person_id).get(activity_id, Place("none"))


def places_of(session: Session, activity_ids: Collection[int], person_id: int) -> dict[int, Place]:
    """Tell which places a person has, by activity; cancelled ones are left out."""
    ahead = SignUp.__table__.alias("ahead")
    position = (
        select(func.count())
        .select_from(ahead)
        .where(
            ahead.c.activity_id == SignUp.activity_id,
            ahead.c.state == "waitlisted",
            or_(
                ahead.c.queued_at < SignUp.queued_at,
                and_(ahead.c.queued_at == SignUp.queued_at, ahead.c.id <= SignUp.id),
            ),
        )
        .correlate(SignUp)
        .scalar_subquery()
    )
    rows = session.execute(
        select(SignUp.activity_id, SignUp.state, position.label("position")).where(
            SignUp.activity_id.in_(activity_ids), SignUp.person_id == person_id, SignUp.state != "cancelled"
        )
    )
    return {row.activity_id: Place(row.state, row.position if row.state == "waitlisted" else None) for row in rows}


def _join(session: Session, activity_id: int, person_id: int, now: datetime) -> int | None:
    values = {"activity": activity_id, "person": person_id, "at": now}
    connection = session.connection()
    joined: int | None = connection.scalar(_join_statement(connection.dialect.name), values)
    return joined


@cache
def _join_statement(dialect: str) -> Executable:
    """Build the upsert once for each engine: to build it costs more than to run it."""
    at = bindparam("at", type_=SignUp.queued_at.type)
    joined = {"state": literal("waitlisted"), "queued_at": at, "changed_at": at}
    return (
        db.insert_on(dialect, _SIGN_UP)
        .values(activity_id=bindparam("activity"), person_id=bindparam("person"), **joined)
        .on_conflict_do_update(
            index_elements=["activity_id", "person_id"], set_=joined, where=_SIGN_UP.c.state == "cancelled"
        )
        .returning(_SIGN_UP.c.id)
    )


def _take_free(session: Session, activity: Activity) -> bool:
    taken = session.connection().scalar(_TAKE_FREE, {"wanted": activity.id})
    if taken is not None:
        set_committed_value(activity, "taken", taken)
    return taken is not None


# Beside the session: a crowd that signs up sends nothing else, and its part would cost three times the statement.
_SIGN_UP: Any = SignUp.__table__
_ACTIVITY: Any = Activity.__table__
_CONFIRM = update(_SIGN_UP).where(_SIGN_UP.c.id == bindparam("wanted")).values(state="signed_up")
_TAKE_FREE = (
    update(_ACTIVITY)
    .where(_ACTIVITY.c.id == bindparam("wanted"), _ACTIVITY.c.taken < _ACTIVITY.c.capacity)
    .values(taken=_ACTIVITY.c.taken + 1)
    .returning(_ACTIVITY.c.taken)
)


def _drop(session: Session, activity_id: int, person_id: int, state: str, now: datetime) -> bool:
    dropped = (
        update(SignUp)
        .where(SignUp.activity_id == activity_id, SignUp.person_id == person_id, SignUp.state == state)
        .values(state="cancelled", changed_at=now)
        .returning(SignUp.id)
    )
    return session.scalar(dropped) is not None
