"""Routes of thanks."""

from __future__ import annotations

from bank.thanks import operations as thanks
from tests.access.rows import MEMBERS, Call, Row
from tests.world import World


def _form(world: World, who: str) -> Call:
    to = "relative"
    return Call({}, {"card": "warm", "card_number": world.people[to].public_id})


def _card(world: World, who: str) -> Call:
    world.clock.advance(days=1)
    sender = world.actor("relative")
    with world.write() as session:
        card = thanks.send(session, sender, world.people["volunteer"], card="warm", words=None, now=world.clock.now)
    return Call({"public_id": card.public_id, "act": "hide"})


def _reported(world: World, who: str) -> Call:
    call, receiver = _card(world, who), world.actor("volunteer")
    with world.write() as session:
        thanks.report(session, receiver, call.path["public_id"], now=world.clock.now)
    return Call({"public_id": call.path["public_id"]}, {"verdict": "remove"})


ROWS = (
    Row("GET", "/thanks", MEMBERS),
    Row("GET", "/thanks/new", MEMBERS),
    Row(
        "POST",
        "/thanks/new",
        tuple(who for who in MEMBERS if who != "stranger"),
        answer=303,
        also={"stranger": 422},
        prepare=_form,
    ),
    Row("POST", "/thanks/<public_id>/<act>", ("volunteer",), answer=303, refuse=404, prepare=_card),
    Row("GET", "/thanks/reported", ("coordinator",)),
    Row("POST", "/thanks/<public_id>/settlement", ("coordinator",), answer=303, prepare=_reported),
)
