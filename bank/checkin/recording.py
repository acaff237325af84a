"""Recording a scan: judged against the rules, added to the log, and read into the attendance."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from bank import db
from bank.activities.models import Activity
from bank.activities.operations import PUBLIC_ID, ActivityCancelled
from bank.checkin import rules
from bank.checkin.models import Attendance, ScanEvent
from bank.checkin.refusals import BY_CODE, AlreadyCheckedOut, NotSignedUp, PersonDisabled, ScanReused, TooManyPairs
from bank.checkin.rules import Flag, Mark
from bank.checkin.scenes import Scene
from bank.checkin.settling import settle
from bank.credits.models import Credit
from bank.errors import Conflict
from bank.members.actor import Actor
from bank.members.models import Person


@dataclass(frozen=True, slots=True)
class Sighting:
    """One physical scan: `uuid` minted before the first try, `said` what was scanned (only its hash is kept)."""

    uuid: str
    via: str
    happened_at: datetime
    direction: str | None = None
    said: str = ""
    device: str = ""
    flags: tuple[Flag, ...] = ()
    is_live: bool = True
    """False for an offline scan, which may come after the attendance has been finished."""

    def body_hash(self, who: Actor) -> bytes:
        """Hash what makes two tries the same scan."""
        same = [who.person_id, self.via, self.direction, self.said]
        return hashlib.sha256(json.dumps(same).encode()).digest()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a scan did. `direction` is in or out, None where it only repeated what was known."""

    person: Person
    activity: Activity
    attendance: Attendance
    direction: str | None
    credit_state: str | None

    @property
    def is_duplicate(self) -> bool:
        """Whether the attendance was like this before."""
        return self.direction is None


def record(
    session: Session, who: Actor, seen: Sighting, scene: Scene, prove: Callable[[Scene], None], *, now: datetime
) -> Outcome:
    """Judge a scan of a locked scene and record it; the same scan again gets the same outcome.

    `prove` raises where the code does not hold. Raises what is in `refusals.BY_CODE`; to keep the refusal itself is
    for the caller, in a transaction that lives on (`keep_refusal`).
    """
    if scene.earlier is not None:
        return _again(session, scene, scene.earlier, seen.body_hash(who))
    _check_validity(scene)
    prove(scene)
    direction = _judge(scene, seen)
    seen = replace(seen, flags=(*seen.flags, *_circumstances(scene, seen, who)))
    _log(
        session,
        who,
        seen,
        activity=scene.activity.id,
        person=scene.person.id,
        verdict="ok" if direction else "duplicate",
        answer={"direction": direction, "flags": list(seen.flags)},
        now=now,
    )
    if direction is None and seen.is_live:
        return _known(session, scene, scene.attendance)
    mark = Mark(seen.uuid, seen.direction, seen.happened_at, seen.via, who.person_id, seen.flags)
    had_credit = scene.attendance is not None and scene.attendance.credit_id is not None
    attendance = settle(session, scene, [*scene.marks, mark], now=now)
    if had_credit:
        return _known(session, scene, attendance, direction)
    state = "submitted" if attendance.credit_id is not None else None
    return Outcome(scene.person, scene.activity, attendance, direction, state)


def keep_refusal(
    session: Session,
    who: Actor,
    seen: Sighting,
    refusal: Conflict,
    *,
    activity: str | None,
    person: str | None = None,
    now: datetime,
) -> None:
    """Add a refused scan to the log; `activity` and `person` are public ids as far as they could be read.

    `person` None is the actor, an empty one somebody unknown.
    """
    _log(
        session,
        who,
        seen,
        activity=_id_of(Activity, activity),
        person=who.person_id if person is None else _id_of(Person, person),
        verdict=refusal.code,
        answer={"facts": refusal.facts},
        now=now,
    )


def _id_of(kind: type[Activity] | type[Person], public_id: str | None) -> Any:
    if not public_id or not PUBLIC_ID.match(public_id):
        return None
    return select(kind.id).where(kind.public_id == public_id).scalar_subquery()


def _check_validity(scene: Scene) -> None:
    if scene.person.disabled_at is not None:
        raise PersonDisabled
    if scene.activity.state == "cancelled":
        raise ActivityCancelled


def _judge(scene: Scene, seen: Sighting) -> str | None:
    """Decide between in, out and a repetition. Raises the refusals of time, sign-up and order."""
    arrived_at = scene.attendance.checked_in_at if scene.attendance else None
    direction = rules.direction_of(seen.direction, arrived_at, seen.happened_at, scene.rules)
    if direction is not None:
        rules.check_window(direction, seen.happened_at, scene.plan, scene.rules)
    is_known = scene.attendance is not None and scene.attendance.state in ("checked_in", "checked_out", "auto_closed")
    if not (scene.is_signed_up or scene.activity.is_open_to_walk_ins or is_known or seen.via in ("card", "manual")):
        raise NotSignedUp
    if direction == "out" and scene.times_out_on(seen.happened_at) >= scene.rules.scan_pairs_per_day:
        raise TooManyPairs(most=scene.rules.scan_pairs_per_day)
    left_at = scene.attendance.checked_out_at if scene.attendance else None
    if left_at is not None and (seen.is_live or (direction != "out" and seen.happened_at >= left_at)):
        raise AlreadyCheckedOut(at=scene.plan.local_time(left_at))
    return direction


def _circumstances(scene: Scene, seen: Sighting, who: Actor) -> list[Flag]:
    flags: list[Flag] = []
    if not scene.is_signed_up:
        flags.append({"code": "walk_in", "facts": {}})
    if scene.has_shared_device and who.person_id == scene.person.id:
        flags.append({"code": "shared_device", "facts": {}})
    if seen.via == "manual":
        flags.append({"code": "manual", "facts": {}})
    return flags


def _again(session: Session, scene: Scene, earlier: Row[Any], body_hash: bytes) -> Outcome:
    if earlier.body_hash != body_hash:
        raise ScanReused
    if earlier.verdict in BY_CODE:
        raise BY_CODE[earlier.verdict](**earlier.answer.get("facts", {}))
    return _known(session, scene, scene.attendance)


def _known(session: Session, scene: Scene, attendance: Attendance | None, direction: str | None = None) -> Outcome:
    if attendance is None:
        raise ScanReused
    state = session.scalar(select(Credit.state).where(Credit.id == attendance.credit_id))
    return Outcome(scene.person, scene.activity, attendance, direction, state)


def _log(
    session: Session,
    who: Actor,
    seen: Sighting,
    *,
    activity: Any,
    person: Any,
    verdict: str,
    answer: dict[str, Any],
    now: datetime,
) -> None:
    row = {
        "uuid": seen.uuid,
        "body_hash": seen.body_hash(who),
        "activity_id": activity,
        "person_id": person,
        "actor_id": who.person_id,
        "direction": seen.direction,
        "via": seen.via,
        "happened_at": seen.happened_at,
        "received_at": now,
        "device": seen.device,
        "verdict": verdict,
        "answer": answer,
    }
    if verdict not in BY_CODE:
        session.connection().execute(_ADD, row)
        return
    session.execute(db.insert(session, ScanEvent).values(**row).on_conflict_do_nothing(index_elements=["uuid"]))


_ADD = ScanEvent.__table__.insert()  # type: ignore[attr-defined]
