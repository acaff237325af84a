"""Routes of good deeds."""

from __future__ import annotations

from bank.deeds import operations as deeds
from bank.deeds import photos
from tests.access.rows import MEMBERS, Call, Row
from tests.credits.builders import TODAY
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
            category="advice",
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


ROWS = (
    Row("GET", "/deeds", MEMBERS),
    Row("GET", "/deeds/new", MEMBERS),
    Row("POST", "/deeds/new", MEMBERS, answer=303, prepare=_form),
    Row("GET", "/deeds/<public_id>", CONCERNED, refuse=404, prepare=_deed),
    Row("GET", "/deeds/<public_id>/photo", CONCERNED, refuse=404, prepare=_deed),
    Row("POST", "/deeds/<public_id>/decline", ("resident",), answer=303, refuse=404, prepare=_deed),
)
