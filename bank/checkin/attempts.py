"""Scans as a request tries them: a refusal ends the request's transaction, and is kept in one of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from bank import clock, db
from bank.checkin import codes, recording
from bank.checkin import operations as checkin
from bank.checkin.codes import CodeInvalid, Keys, Pass, Venue
from bank.checkin.recording import Outcome, Sighting
from bank.checkin.refusals import BY_CODE
from bank.errors import Conflict
from bank.members.actor import Actor
from bank.web import limits

REFUSALS_PER_MINUTE = 30
"""More from one person is a program trying codes; those are turned away and not kept."""


@dataclass(slots=True)
class Attempt:
    """One try: the scan, and whose it is where as far as that could be read (public ids; None for the actor)."""

    who: Actor
    seen: Sighting
    activity: str | None = None
    person: str | None = None


def scan_venue(
    who: Actor,
    keys: Keys,
    text: str,
    *,
    at: datetime,
    direction: str | None,
    scan_uuid: str | None = None,
    device: str = "",
    via: str = "screen",
    meant: str | None = None,
) -> Outcome:
    """Check the actor in or out by a venue code scanned at `at`; a wish in the code itself goes before `direction`.

    `device` is the browser's or phone's own random name. Raises `refusals.BY_CODE`, TooMany.
    """
    seen = Sighting(scan_uuid or str(uuid.uuid4()), via, at, direction, codes.token_of(text), keys.device(device))
    with _refusals_kept(Attempt(who, seen)) as attempt:
        code = codes.read(text)
        if not isinstance(code, Venue):
            raise CodeInvalid
        attempt.activity = code.activity_id
        attempt.seen = replace(seen, direction=code.direction or direction)
        now = clock.utc_now()
        return checkin.scan_venue(db.session(), who, keys, code, attempt.seen, now=now, meant=meant)


def scan_card(
    who: Actor, keys: Keys, activity: str, text: str, *, direction: str | None, scan_uuid: str | None = None
) -> Outcome:
    """Check the holder of a pass or card in or out. Raises NotAllowed, NotFound, `refusals.BY_CODE`, TooMany."""
    who.require("coordinator")
    now = clock.utc_now()
    seen = Sighting(scan_uuid or str(uuid.uuid4()), "card", now, direction, f"{activity}|{codes.token_of(text)}")
    with _refusals_kept(Attempt(who, seen, activity, "")) as attempt:
        card = codes.read(text)
        if not isinstance(card, Pass):
            raise CodeInvalid
        attempt.person = card.person_id
        return checkin.scan_card(db.session(), who, keys, activity, card, seen, now=now)


def enter(
    who: Actor,
    activity: str,
    person: str,
    *,
    direction: str | None,
    scan_uuid: str | None = None,
    card_version: int | None = None,
) -> Outcome:
    """Check a member in or out by hand. Raises NotAllowed, NotFound, `refusals.BY_CODE`, TooMany."""
    who.require("coordinator")
    now = clock.utc_now()
    seen = Sighting(scan_uuid or str(uuid.uuid4()), "manual", now, direction, f"{activity}|{person}")
    with _refusals_kept(Attempt(who, seen, activity, person)):
        return checkin.enter(db.session(), who, activity, person, seen, now=now, card_version=card_version)


@contextmanager
def _refusals_kept(attempt: Attempt) -> Iterator[Attempt]:
    try:
        yield attempt
    except Conflict as refusal:
        if refusal.code in BY_CODE:
            _keep(attempt, refusal)
        raise


def _keep(attempt: Attempt, refusal: Conflict) -> None:
    now, who = clock.utc_now(), attempt.who
    db.drop()
    limits.spend({f"refused-scan:{who.person_id}": REFUSALS_PER_MINUTE}, period_s=60, now=now)
    with db.unit_of_work() as session:
        recording.keep_refusal(
            session, who, attempt.seen, refusal, activity=attempt.activity, person=attempt.person, now=now
        )
