"""Verbs of checking in and out: scan the venue's code, scan a card, enter by hand, take a scan back."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from bank.activities.models import Activity
from bank.activities.operations import PUBLIC_ID
from bank.checkin import scenes
from bank.checkin.codes import CodeInvalid, Keys, Pass, Venue
from bank.checkin.models import Attendance, ScanEvent
from bank.checkin.recording import Outcome, Sighting, record
from bank.checkin.refusals import CardRevoked, OtherActivity, ScanReused
from bank.checkin.scenes import Scene
from bank.checkin.settling import resettle
from bank.credits import operations as credits_
from bank.errors import NotFound, say
from bank.members.actor import Actor

VOIDED = say("扫码记录已由工作人员撤销。")


def scan_venue(
    session: Session,
    who: Actor,
    keys: Keys,
    code: Venue,
    seen: Sighting,
    *,
    now: datetime,
    meant: str | None = None,
    at_latest: timedelta = timedelta(0),
) -> Outcome:
    """Check the actor in or out by the venue's code, at the moment it was scanned.

    `meant` is the public id of the activity the caller believes it to be. Raises what is in `refusals.BY_CODE`.
    """
    if meant is not None and meant != code.activity_id:
        raise OtherActivity
    person = scenes.lock_person(session, who.community_id, person_id=who.person_id)
    scene = person and scenes.load(session, person, code.activity_id, uuid=seen.uuid, device=seen.device)
    if not scene:
        raise CodeInvalid

    def prove(found: Scene) -> None:
        keys.prove_venue(code, found.activity.code_epoch, seen.happened_at, at_latest=at_latest)
        if found.activity.community_id != who.community_id:
            raise OtherActivity

    return record(session, who, seen, scene, prove, now=now)


def scan_card(
    session: Session, who: Actor, keys: Keys, activity: str, card: Pass, seen: Sighting, *, now: datetime
) -> Outcome:
    """Check the holder of a pass or card in or out. Raises NotFound for the activity, and `refusals.BY_CODE`."""
    who.require("coordinator")
    keys.prove_pass(card)
    scene = _at_my_activity(session, who, activity, card.person_id, seen)
    if scene is None:
        raise CodeInvalid

    def prove(found: Scene) -> None:
        if card.version != found.person.card_version:
            raise CardRevoked

    return record(session, who, seen, scene, prove, now=now)


def enter(
    session: Session,
    who: Actor,
    activity: str,
    person: str,
    seen: Sighting,
    *,
    now: datetime,
    card_version: int | None = None,
) -> Outcome:
    """Check a member in or out by hand, as evidence of class C. Raises NotFound, and `refusals.BY_CODE`.

    `card_version` is that of the card whose number was typed, None where they were found by name.
    """
    who.require("coordinator")
    scene = _at_my_activity(session, who, activity, person, seen)
    if scene is None:
        raise NotFound

    def prove(found: Scene) -> None:
        if card_version not in (None, found.person.card_version):
            raise CardRevoked

    return record(session, who, seen, scene, prove, now=now)


def void_scan(session: Session, who: Actor, uuid: str, *, reason: str, void_uuid: str, now: datetime) -> Attendance:
    """Take a scan back; the log keeps both, and the attendance is read anew without it.

    A credit that was decided on already is taken back too where no scan is left. Raises NotFound, ScanReused for
    one taken back before.
    """
    who.require("coordinator")
    if not uuid.isprintable():
        raise NotFound
    event = session.scalar(
        select(ScanEvent)
        .join(Activity, Activity.id == ScanEvent.activity_id)
        .where(
            ScanEvent.uuid == uuid, Activity.community_id == who.community_id, ScanEvent.verdict.in_(scenes.ACCEPTED)
        )
    )
    if event is None or event.voids_id is not None:
        raise NotFound
    person = scenes.lock_person(session, who.community_id, person_id=event.person_id)
    activity = session.get_one(Activity, event.activity_id)
    scene = person and scenes.load(session, person, activity.public_id)
    if not scene or scene.attendance is None:
        raise NotFound
    if any(other.voids_id == event.id for other in scene.events):
        raise ScanReused
    _add_void(session, who, event, reason, void_uuid, now)
    attendance = resettle(session, scenes.load_known(session, scene.person, activity.public_id), now=now)
    if attendance.state == "void" and attendance.credit_id is not None:
        credits_.void(session, attendance.credit_id, reason=VOIDED, by=who.person_id, now=now)
    return attendance


def _add_void(session: Session, who: Actor, event: ScanEvent, reason: str, void_uuid: str, now: datetime) -> None:
    session.add(
        ScanEvent(
            uuid=void_uuid,
            body_hash=event.body_hash,
            activity_id=event.activity_id,
            person_id=event.person_id,
            actor_id=who.person_id,
            direction=event.direction,
            via="manual",
            happened_at=now,
            received_at=now,
            verdict="ok",
            answer={"reason": reason},
            voids_id=event.id,
        )
    )
    session.flush()


def _at_my_activity(session: Session, who: Actor, activity: str, person: str, seen: Sighting) -> Scene | None:
    """Lock a member at an activity of the coordinator's community; None for no such member. Raises NotFound."""
    if not PUBLIC_ID.match(activity):
        raise NotFound
    locked = scenes.lock_person(session, who.community_id, public_id=person) if PUBLIC_ID.match(person) else None
    if locked is None:
        known = select(Activity.id).where(Activity.public_id == activity, Activity.community_id == who.community_id)
        if session.scalar(known) is None:
            raise NotFound
        return None
    scene = scenes.load(session, locked, activity, uuid=seen.uuid, device=seen.device)
    if scene is None or scene.activity.community_id != who.community_id:
        raise NotFound
    return scene
