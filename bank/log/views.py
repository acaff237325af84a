"""The log for everybody: a page that explains it, and the files by which programs follow it (C2SP tlog-tiles)."""

from __future__ import annotations

import re
from pathlib import Path

from flask import Blueprint, Response, current_app, jsonify, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from bank import clock, db
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.errors import NotFound
from bank.log import keys
from bank.log import operations as log
from ledger.notes import base64_of

pages = Blueprint("log", __name__)
FOR_EVER = "public, max-age=31536000, immutable"
FULL = 256
MOST_LEVEL = 63
# RFC 6962 numbers fit in 64 bits; C2SP writes them in groups of three digits.
PLACE = re.compile(r"((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


def ring() -> keys.Ring:
    """Give this bank's keys."""
    return keys.ring_of(current_app.config, clock.utc_now())


def keeper(session: Session, code: str) -> Community:
    """Find a community that keeps a log. Raises NotFound."""
    found = communities.with_code(session, code[:40])
    if found.kind != "community":
        raise NotFound
    return found


@pages.get("/log/<code>/")
def about(code: str) -> ResponseReturnValue:
    community, own = keeper(db.session(), code), ring()
    return render_template(
        "log/about.html",
        place=community,
        newest=log.book(db.session(), community, own, clock.utc_now()).checkpoint(session=db.session()),
        keys=log.verifier_keys(own, code),
    )


@pages.get("/log/<code>/checkpoint")
def checkpoint(code: str) -> ResponseReturnValue:
    newest = db.book(db.session(), keeper(db.session(), code).id, clock.utc_now()).checkpoint(session=db.session())
    if newest is None:
        raise NotFound
    return _file(newest.note.encode(), "text/plain; charset=utf-8", "no-cache")


@pages.get("/log/<code>/tile/<level>/<path:place>")
def tile(code: str, level: str, place: str) -> ResponseReturnValue:
    """Serve a tile. There are no entry bundles: an entry ends in the nonce that keeps it from being guessed."""
    index, width = _place(level, place)
    book = db.book(db.session(), keeper(db.session(), code).id, clock.utc_now())
    found = book.tile(int(level), index, width, session=db.session())
    if found is None:
        raise NotFound
    return _file(found, "application/octet-stream", FOR_EVER)


def _place(level: str, place: str) -> tuple[int, int]:
    """Read `<N>[.p/<W>]` into (index, width). Raises NotFound for any other writing of it."""
    found = PLACE.fullmatch(place)
    is_level = re.fullmatch(r"0|[1-9][0-9]?", level) is not None and int(level) <= MOST_LEVEL
    if found is None or not is_level:
        raise NotFound
    groups, width = found.group(1), int(found.group(2) or FULL)
    index = int(re.sub(r"[x/]", "", groups))
    if groups != tile_path(index) or index > 1 << 54 or (found.group(2) and width >= FULL):
        raise NotFound
    return index, width


def tile_path(index: int) -> str:
    """Write a tile's number as C2SP does: 1234067 is `x001/x234/067`."""
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03}")
    return "/".join(groups)


@pages.get("/log/keys")
def public_keys() -> ResponseReturnValue:
    own = ring()
    past = [
        {"public_key": base64_of(bytes.fromhex(key.public)), "made_at": key.made_at, "hand_over": key.hand_over}
        for key in own.past
    ]
    now = {"public_key": base64_of(own.owner.public), "made_at": own.made_at, "hand_over": None}
    answer = jsonify({"name": own.owner.origin, "keys": [*past, now]})
    answer.headers["Cache-Control"] = "no-cache"
    return answer


@pages.get("/log/verify_receipt.py")
def verifier() -> ResponseReturnValue:
    text = (Path(current_app.root_path) / "verify_receipt.py").read_bytes()
    answer = _file(text, "text/x-python; charset=utf-8", "no-cache")
    answer.headers["Content-Disposition"] = "attachment; filename=verify_receipt.py"
    return answer


def _file(content: bytes, kind: str, caching: str) -> Response:
    answer = Response(content, content_type=kind)
    answer.headers["Cache-Control"] = caching
    return answer
