"""Routes of giving."""

from __future__ import annotations

from bank import chart
from bank.giving import bonds, gifts, grants, pool
from bank.members import passwords
from bank.members.models import Person
from tests.access.rows import EVERYONE, MEMBERS, Call, Row
from tests.shop.market import credit
from tests.world import World

STAFF = ("coordinator", "second")
PIN = "2580"
PIN_HASH = passwords.make_hash(PIN)


def _bond(world: World, *, until: str) -> str:
    """Let `volunteer` ask `panel`; go on to `agreed` or `bound`, checked by `second`."""
    world.clock.advance(days=31)  # type: ignore[attr-defined]
    second = world.actor("second")
    with world.write() as session:
        now = world.clock.now
        bonds.lapse_due(session, now=now)
        asker = session.get_one(Person, world.people["volunteer"].id)
        other = session.get_one(Person, world.people["panel"].id)
        old = bonds.between(session, asker.id, other.id)
        if old is not None:
            return old.public_id
        bond = bonds.ask(session, asker, other, kind="parent", now=now)
        if until != "asked":
            bonds.answer(session, other, bond.public_id, agrees=True, now=now)
        if until == "bound":
            bonds.check(session, second, bond.public_id, is_right=True, now=now)
        return bond.public_id


def _answer(world: World, who: str) -> Call:
    return Call({"public_id": _bond(world, until="asked"), "act": "decline"})


def _ask(world: World, who: str) -> Call:
    return Call({}, {"kind": "spouse", "card_number": world.people["relative"].public_id})


def _check(world: World, who: str) -> Call:
    return Call({"public_id": _bond(world, until="agreed")}, {"verdict": "wrong"})


def _give(world: World, who: str) -> Call:
    _bond(world, until="bound")
    credit(world, "volunteer", chart.MINUTES, 10, key=f"give:{who}")
    return Call({}, {"to": world.people["panel"].public_id, "amount": "10"})


def _gift(world: World, who: str) -> Call:
    _bond(world, until="bound")
    credit(world, "volunteer", chart.MINUTES, 10, key=f"gift:{who}")
    with world.write() as session:
        giver = session.get_one(Person, world.people["volunteer"].id)
        receiver = session.get_one(Person, world.people["panel"].id)
        made = gifts.give(session, giver, receiver, amount=10, now=world.clock.now)
    return Call({"public_id": made.public_id})


def _donate(world: World, who: str) -> Call:
    if who == "volunteer":
        credit(world, who, chart.MINUTES, 10)
    return Call({}, {"unit": "MIN", "amount": "10"})


def _propose(world: World, who: str) -> Call:
    return Call({}, {"card_number": world.people["resident"].public_id, "reason": "独居"})


def _grant(world: World, who: str) -> Call:
    world.clock.advance(days=31)  # type: ignore[attr-defined]
    coordinator = world.actor("coordinator")
    with world.write() as session:
        grants.move_due(session, now=world.clock.now)
        person = session.get_one(Person, world.people["resident"].id)
        made = grants.propose(session, coordinator, person, reason="独居", now=world.clock.now)
    return Call({"public_id": made.public_id, "act": "refuse"})


def _with_pin(world: World) -> str:
    with world.write() as session:
        session.get_one(Person, world.people["resident"].id).pin_hash = PIN_HASH
    return world.people["resident"].public_id


def _card(world: World, who: str) -> Call:
    return Call({}, {"card": _with_pin(world)})


def _of_card(world: World, who: str) -> Call:
    return Call({"public_id": _with_pin(world), "act": "donate"})


def _by_card(world: World, who: str) -> Call:
    name = _with_pin(world)
    credit(world, "resident", chart.MINUTES, 10, key=f"card:{who}")
    return Call({"public_id": name, "act": "donate"}, {"pin": PIN, "unit": "MIN", "amount": "10"})


def _thanked(world: World, who: str) -> Call:
    credit(world, "volunteer", chart.MINUTES, 10, key=f"thanked:{who}")
    with world.write() as session:
        donor = session.get_one(Person, world.people["volunteer"].id)
        made = pool.donate(session, donor, unit=chart.MINUTES, amount=10, thanks="full", now=world.clock.now)
    return Call({"public_id": made.public_id})


def _words(world: World, who: str) -> Call:
    credit(world, "volunteer", chart.MINUTES, 10, key=f"words:{who}")
    with world.write() as session:
        donor = session.get_one(Person, world.people["volunteer"].id)
        donor.is_group = True
        made = pool.donate(
            session, donor, unit=chart.MINUTES, amount=10, thanks="words", words="湖边合唱队", now=world.clock.now
        )
        donor.is_group = False
    return Call({"public_id": made.public_id}, {"verdict": "right"})


ROWS = (
    Row("GET", "/relatives", MEMBERS),
    Row(
        "POST",
        "/relatives",
        tuple(who for who in MEMBERS if who not in ("stranger", "relative")),
        answer=303,
        also={"stranger": 422},
        prepare=_ask,
    ),
    Row("POST", "/relatives/<public_id>/<act>", ("panel",), answer=303, refuse=404, prepare=_answer),
    Row("POST", "/gifts", ("volunteer",), answer=303, refuse=422, prepare=_give),
    Row("GET", "/gifts/<public_id>", ("volunteer", "panel"), refuse=404, prepare=_gift),
    Row("POST", "/gifts/<public_id>/taking-back", ("volunteer",), answer=303, refuse=404, prepare=_gift),
    Row("GET", "/donate", MEMBERS),
    Row("POST", "/donate", ("volunteer",), answer=303, refuse=422, prepare=_donate),
    Row("GET", "/pool", EVERYONE),
    Row("GET", "/desk/giving", STAFF),
    Row("POST", "/desk/giving/bonds/<public_id>", STAFF, answer=303, prepare=_check),
    Row("POST", "/desk/giving/grants", ("coordinator",), answer=303, prepare=_propose),
    Row("POST", "/desk/giving/grants/<public_id>/<act>", ("second",), answer=303, prepare=_grant),
    Row("POST", "/desk/giving/card", STAFF, answer=303, prepare=_card),
    Row("GET", "/desk/giving/people/<public_id>", STAFF, prepare=_of_card),
    Row("GET", "/desk/giving/people/<public_id>/<act>", STAFF, prepare=_of_card),
    Row("POST", "/desk/giving/people/<public_id>/<act>", STAFF, answer=303, prepare=_by_card),
    Row("POST", "/donations/<public_id>/hiding", ("volunteer",), answer=303, refuse=404, prepare=_thanked),
    Row("POST", "/desk/giving/thanks/<public_id>", ("coordinator",), answer=303, prepare=_words),
)
