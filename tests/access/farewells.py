"""Routes of farewells, and of owners whose hours lie still."""

from __future__ import annotations

from bank.errors import BankError
from bank.giving import farewells
from bank.giving.models import Dormancy
from bank.members.models import Person
from tests.access.rows import MEMBERS, Call, Row
from tests.world import World

STAFF = ("coordinator", "second")


def _case(world: World, *, until: str, who: str = "auditor") -> str:
    """Open a case of `who` moving away as `coordinator`, unless one is open; go on to `confirmed` by `second`."""
    coordinator, second = world.actor("coordinator"), world.actor("second")
    world.clock.advance(days=31)  # type: ignore[attr-defined]
    with world.write() as session:
        now = world.clock.now
        while farewells.move_due(session, now=now):
            pass
        person = session.get_one(Person, world.people[who].id)
        try:
            case = farewells.open_case(session, coordinator, person, kind="moved", now=now)
        except BankError:
            (known,) = farewells.listed(session, coordinator)
            case = known.farewell
        if until == "confirmed" and case.state == "opened":
            farewells.confirm(session, second, case.public_id, now=now)
        return case.public_id


def _open(world: World, who: str) -> Call:
    return Call({}, {"card_number": world.people["resident"].public_id, "kind": "moved"})


def _opened(world: World, who: str) -> Call:
    return Call({"public_id": _case(world, until="opened")})


def _confirmed(world: World, who: str) -> Call:
    return Call({"public_id": _case(world, until="confirmed")})


def _dead(world: World, *, until: str) -> str:
    """Let `panel` have died: the case confirmed, or the family's choice written down as well."""
    coordinator, second = world.actor("coordinator"), world.actor("second")
    with world.write() as session:
        now, person = world.clock.now, session.get_one(Person, world.people["shop"].id)
        for known in farewells.listed(session, coordinator):
            if known.person.id == person.id:
                farewells.undo(session, second, known.farewell.public_id, now=now)
        case = farewells.open_case(session, coordinator, person, kind="died", now=now)
        farewells.confirm(session, second, case.public_id, now=now)
        person.disabled_at = None  # who is dead cannot sign in, and every role is tried
        if until == "chosen":
            farewells.choose(session, coordinator, case.public_id, choice="pool", now=now)
        return case.public_id


def _choice(world: World, who: str) -> Call:
    return Call({"public_id": _dead(world, until="confirmed")}, {"to": "pool"})


def _chosen(world: World, who: str) -> Call:
    return Call({"public_id": _dead(world, until="chosen")}, {"choice": "pool"})


def _own_choice(world: World, who: str) -> Call:
    return Call({"public_id": _case(world, until="confirmed")}, {"choice": "keep"})


def _answer(world: World, who: str) -> Call:
    """Let `volunteer`, and nobody else, be asked about hours that lie still."""
    with world.write() as session:
        now = world.clock.now
        session.merge(Dormancy(person_id=world.people["volunteer"].id, look_at=now, asked_at=now))
    return Call({}, {"answer": "keep"})


ROWS = (
    Row("GET", "/my-hours", MEMBERS),
    Row("POST", "/my-hours", ("volunteer",), answer=303, refuse=409, prepare=_answer),
    Row("GET", "/desk/farewells", STAFF),
    Row("POST", "/desk/farewells", ("coordinator",), answer=303, prepare=_open),
    Row("POST", "/desk/farewells/<public_id>/confirmation", ("second",), answer=303, prepare=_opened),
    Row("POST", "/desk/farewells/<public_id>/choice", STAFF, answer=303, prepare=_choice),
    Row("POST", "/desk/farewells/<public_id>/second", ("second",), answer=303, prepare=_chosen),
    Row("POST", "/farewells/<public_id>/choice", ("auditor",), answer=303, refuse=404, prepare=_own_choice),
    Row("POST", "/farewells/<public_id>/undoing", (*STAFF, "auditor"), answer=303, prepare=_confirmed),
    Row("GET", "/farewells/<public_id>", (*STAFF, "auditor"), refuse=404, prepare=_confirmed),
)
