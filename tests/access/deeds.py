"""Routes of good deeds."""

from __future__ import annotations

from bank.deeds import operations as deeds
from bank.deeds import photos
from bank.deeds.models import Deed
from tests.access.rows import MEMBERS, Call, Row
from tests.credits.builders import TODAY
from tests.credits.test_panel import JUDGES, seat
from tests.deeds.pictures import photo
from tests.world import World

CONCERNED = ("volunteer", "resident", "coordinator", "second", "panel")


def _deed(world: World, who: str) -> Call:
    teller = world.actor("volunteer")
    world.clock.advance(days=7)
    with world.write() as session:
        deed = deeds.tell(
            session,
            teller,
            category="lost_property",
            story="劝导停车",
            happened_on=TODAY if world.clock.now.month == 11 else world.clock.now.date(),
            neighbour=world.people["resident"],
            picture=photos.prepare(photo()),
            now=world.clock.now,
        )
    return Call({"public_id": deed.public_id})


def _form(world: World, who: str) -> Call:
    form = {"who": "self", "category": "advice", "story": "劝导停车", "happened_on": TODAY.isoformat()}
    return Call({}, form)


def _case(world: World, who: str) -> Call:
    if "judge1" not in world.people:
        seat(world, *JUDGES[1:])
    call = _deed(world, who)
    return Call(call.path, {"verdict": "for", "reason": "看过照片"})


def _scanned(world: World, who: str) -> Call:
    public_id = _deed(world, who).path["public_id"]
    with world.write() as session:
        code = session.query(Deed).filter_by(public_id=public_id).one().witness_code
    return Call({"code": str(code)})


def _by_card(world: World, who: str) -> Call:
    call = _deed(world, who)
    return Call(call.path, {"card": world.people["shop"].public_id})


ROWS = (
    Row("GET", "/deeds", MEMBERS),
    Row("GET", "/deeds/new", MEMBERS),
    Row("POST", "/deeds/new", MEMBERS, answer=303, prepare=_form),
    Row("GET", "/deeds/<public_id>", CONCERNED, refuse=404, prepare=_deed),
    Row("GET", "/deeds/<public_id>/photo", CONCERNED, refuse=404, prepare=_deed),
    Row("GET", "/panel", ("panel",)),
    Row("GET", "/panel/<public_id>", ("panel",), prepare=_case),
    Row("POST", "/panel/<public_id>/votes", ("panel",), answer=303, prepare=_case),
    Row("GET", "/w/<code>", tuple(who for who in MEMBERS if who != "stranger"), refuse=404, prepare=_scanned),
    Row(
        "POST",
        "/w/<code>",
        ("coordinator", "second", "shop", "panel", "auditor", "admin"),
        answer=303,
        refuse=409,
        also={"stranger": 404},
        prepare=_scanned,
    ),
    Row("GET", "/deeds/<public_id>/witnesses", CONCERNED, refuse=404, prepare=_deed),
    Row(
        "POST",
        "/deeds/<public_id>/witnesses",
        ("coordinator", "second"),
        answer=303,
        refuse=404,
        also={"volunteer": 422, "resident": 422, "panel": 422},
        prepare=_by_card,
    ),
    Row("POST", "/deeds/<public_id>/decline", ("resident",), answer=303, refuse=404, prepare=_deed),
)
