"""Claims: what this browser scanned a moment ago, kept signed while its owner signs in."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Response, current_app, request
from itsdangerous import BadSignature, URLSafeSerializer

from bank.checkin.codes import Keys
from bank.web.fields import rfc3339

LIFE = timedelta(minutes=10)
COOKIE = "claim"
DEVICE_COOKIE = "device"
PATH = "/s"
A_YEAR_S = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Claim:
    """A venue code that was valid when this browser scanned it; `person_id` is who was signed in then."""

    token: str
    scanned_at: datetime
    uuid: str
    via: str
    person_id: int | None

    def is_for(self, person_id: int | None) -> bool:
        """Whether this person may use it: one claim is for one person."""
        return self.person_id is None or person_id is None or self.person_id == person_id


def keys() -> Keys:
    """Give the keys of this server."""
    return Keys(bytes.fromhex(str(current_app.config["CODE_KEY"]).strip()))


def new(token: str, *, via: str, person_id: int | None, now: datetime) -> Claim:
    """Claim a venue code that has just been proved."""
    return Claim(token, now, str(uuid.uuid4()), via, person_id)


def put(response: Response, claim: Claim, *, now: datetime) -> None:
    """Leave a claim with this browser, and a name for the browser itself where it has none."""
    signed = _signer().dumps([claim.token, rfc3339(claim.scanned_at), claim.uuid, claim.via, claim.person_id])
    life = LIFE - (now - claim.scanned_at)
    text = signed if isinstance(signed, str) else signed.decode()
    response.set_cookie(
        COOKIE,
        text,
        max_age=int(life.total_seconds()),
        path=PATH,
        httponly=True,
        samesite="Lax",
        secure=request.is_secure,
    )
    if not device_name():
        response.set_cookie(
            DEVICE_COOKIE, uuid.uuid4().hex, max_age=A_YEAR_S, httponly=True, samesite="Lax", secure=request.is_secure
        )


def take(now: datetime) -> Claim | None:
    """Give this browser's claim; None where it has none, or it is older than ten minutes."""
    try:
        token, scanned_at, name, via, person_id = _signer().loads(request.cookies.get(COOKIE, ""))
    except (BadSignature, ValueError):
        return None
    claim = Claim(token, datetime.fromisoformat(scanned_at), name, via, person_id)
    return claim if timedelta(0) <= now - claim.scanned_at < LIFE else None


def drop(response: Response) -> None:
    """Take the claim from this browser."""
    response.delete_cookie(COOKIE, path=PATH)


def device_name() -> str:
    """Give the random name this browser carries, or nothing."""
    return request.cookies.get(DEVICE_COOKIE, "")[:64]


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(str(current_app.config["SECRET_KEY"]), salt="check-in claim")
