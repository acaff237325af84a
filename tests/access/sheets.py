"""Routes of paper rosters. Each is keyed in by the coordinator, who so is not the one who confirms."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from bank.activities.models import Activity
from bank.deeds import photos
from bank.sheets import keying
from tests.access.activities import activity_in
from tests.access.rows import Call, Row
from tests.deeds.pictures import photo
from tests.world import World

READERS = ("coordinator", "second")


def over(world: World, who: str) -> Call:
    name = activity_in(world, "published", starts_in=-timedelta(hours=5))
    with world.write() as session:
        session.scalars(select(Activity).where(Activity.public_id == name)).one().closed_at = world.clock.now
    return Call({"public_id": name})


def begun(world: World, who: str) -> Call:
    activity, keyer = over(world, who).path["public_id"], world.actor("coordinator")
    with world.write() as session:
        sheet = keying.begin(session, keyer, activity, now=world.clock.now).public_id
        line = keying.add_line(session, keyer, sheet, world.people["relative"].public_id, now=world.clock.now)
        keying.attach(session, keyer, sheet, photos.prepare(photo()), now=world.clock.now)
        number = line.id
    return Call({"public_id": sheet, "line_id": str(number)}, {"reason": "看不清"})


def waiting(world: World, who: str) -> Call:
    call, keyer = begun(world, who), world.actor("coordinator")
    with world.write() as session:
        keying.hand_in(session, keyer, call.path["public_id"], now=world.clock.now)
    return call


def another(world: World, who: str) -> Call:
    return Call(begun(world, who).path, {"person": world.people["volunteer"].public_id})


ROWS = (
    Row("GET", "/activities/<public_id>/paper", ("coordinator",), prepare=over),
    Row("GET", "/activities/<public_id>/sheets", ("coordinator",), prepare=over),
    Row("POST", "/activities/<public_id>/sheets", ("coordinator",), answer=303, prepare=over),
    Row("GET", "/sheets", READERS),
    Row("GET", "/sheets/<public_id>", READERS, prepare=begun),
    Row("GET", "/sheets/<public_id>/photo", READERS, refuse=404, prepare=begun),
    Row("POST", "/sheets/<public_id>/lines", ("coordinator",), answer=303, prepare=another),
    Row("POST", "/sheets/<public_id>/times", ("coordinator",), answer=303, prepare=begun),
    Row("POST", "/sheets/<public_id>/lines/<int:line_id>/times", ("coordinator",), answer=303, prepare=begun),
    Row("POST", "/sheets/<public_id>/lines/<int:line_id>/removal", ("coordinator",), answer=303, prepare=begun),
    Row("POST", "/sheets/<public_id>/photo", ("coordinator", "second"), answer=422, prepare=begun),
    Row("POST", "/sheets/<public_id>/hand-in", ("coordinator",), answer=303, prepare=begun),
    Row("POST", "/sheets/<public_id>/confirmation", ("second",), answer=303, prepare=waiting),
    Row("POST", "/sheets/<public_id>/return", ("second",), answer=303, prepare=waiting),
    Row("POST", "/sheets/<public_id>/discard", ("coordinator",), answer=303, prepare=begun),
)
