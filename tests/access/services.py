"""Routes of help at home."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from bank import chart
from bank.services import operations as help_
from bank.services import rules
from bank.services.models import HelpRequest
from bank.services.visiting import Proof
from tests.access.rows import MEMBERS, Call, Row
from tests.services.baths import end_all, one_came
from tests.services.homes import Homes, build_homes
from tests.shop.market import credit
from tests.world import World

STAFF = ("coordinator", "second")
HERE = tuple(who for who in MEMBERS if who != "stranger")
ASKERS = ("resident", "coordinator")


def _homes(world: World) -> Homes:
    """Give homes a day later, with hours to spend and nothing open from the call before."""
    if "coordinator2" not in world.people:
        return build_homes(world)
    world.clock.advance(days=1)
    with world.write() as session:
        while help_.move_due(session, now=world.clock.now):  # who promises eight visits takes no more
            pass
        mine = select(HelpRequest.public_id).where(HelpRequest.state.in_(rules.OPEN))
        left = list(session.scalars(mine))
    homes = Homes(world)
    for public_id in left:
        homes.do("coordinator", help_.cancel, public_id, reason=None)
    credit(world, "resident", chart.MINUTES, 60)
    return homes


def _mine(world: World, who: str) -> Call:
    """Give a form for oneself; only the resident and the panel member have saved hours."""
    _homes(world)
    day = (world.clock.now + timedelta(days=3)).date().isoformat()
    form = {"kind": "company", "day": day, "time": "10:00", "minutes": "60", "risk_note": "没有"}
    return Call({}, form)


def _theirs(world: World, who: str) -> Call:
    form = _mine(world, who).body | {"person": world.people["resident"].public_id, "via": "phone"}
    return Call({}, form)


def _requested(world: World, who: str) -> Call:
    return Call({"public_id": _homes(world).ask().public_id}, {"risk_note": "没有"})


def _verified(world: World, who: str) -> Call:
    public_id = _homes(world).verified().public_id
    return Call({"public_id": public_id}, {"people": [world.people["volunteer"].public_id]})


def _accepted(world: World, who: str) -> Call:
    return Call({"public_id": _homes(world).accepted().public_id}, {})


def _invited(world: World, who: str) -> Call:
    call = _verified(world, who)
    homes = Homes(world)
    homes.do("coordinator", help_.invite, call.path["public_id"], call.body["people"])
    return Call(call.path)


def _started(world: World, who: str) -> Call:
    homes = _homes(world)
    request = homes.accepted()
    homes.at_start(request, minutes=15)
    return Call({"public_id": request.public_id}, {"card": world.people["resident"].public_id})


def _left(world: World, who: str) -> Call:
    request = _homes(world).visit()
    body = {"words": "早走了", "is_right": "yes", "card": world.people["resident"].public_id, "pin": "2580"}
    return Call({"public_id": request.public_id}, body)


def _by_phone(world: World, who: str) -> Call:
    """Give a visit that the resident's phone ended, so that the volunteer has a word left as well."""
    homes = _homes(world)
    request = homes.accepted()
    homes.at_start(request)
    homes.scan(request)
    world.clock.advance(minutes=60)
    homes.do("coordinator", help_.scan, request.public_id, Proof("card", owner_id=request.person_id))
    return Call({"public_id": request.public_id})


def _disputed(world: World, who: str) -> Call:
    request = _homes(world).done(40)
    return Call({"public_id": request.public_id}, {"words": "早走了", "minutes": "40", "reason": "说好了"})


def _done(world: World, who: str) -> Call:
    return Call({"public_id": _homes(world).done().public_id}, {"words": "碰坏了杯子"})


def _reported(world: World, who: str) -> Call:
    homes = _homes(world)
    told = homes.do("resident", help_.report, homes.done().public_id, "碰坏了杯子")
    return Call({"report_id": str(told.id)}, {"words": "赔了"})


def _kind(world: World, who: str) -> Call:
    form = {"is_on": "yes", "least_minutes": "30", "usual_minutes": "60", "most_minutes": "90"}
    return Call({"code": "company"}, form)


def _one_came(world: World, who: str) -> Call:
    """Give a visit of two to which the first came alone."""
    homes = _homes(world)
    return Call({"public_id": one_came(homes).public_id}, {"words": "他没来"})


def _training(world: World, who: str) -> Call:
    homes = _homes(world)
    end_all(homes)
    return Call({}, {"person": world.people["volunteer"].public_id, "kind": "bath", "paper": "街道助浴培训"})


def _recorded(world: World, who: str) -> Call:
    homes = _homes(world)
    end_all(homes)
    training = homes.do("coordinator2", help_.record_training, world.people["volunteer"], "bath", "街道助浴培训")
    return Call({"training_id": str(training.id)})


ROWS = (
    Row("GET", "/help", MEMBERS),
    Row("GET", "/help/new", MEMBERS),
    Row("POST", "/help/new", ("resident", "panel"), answer=303, refuse=409, prepare=_mine),
    Row("GET", "/help/open", MEMBERS),
    Row("GET", "/help/skills", MEMBERS),
    Row("POST", "/help/skills", MEMBERS, answer=303),
    Row("GET", "/help/<public_id>", ("resident", *STAFF), refuse=404, prepare=_requested),
    Row("GET", "/help/<public_id>/slip", ("resident", "coordinator"), refuse=404, prepare=_accepted),
    Row(
        "POST",
        "/help/<public_id>/accept",
        tuple(who for who in HERE if who != "resident"),
        answer=303,
        also={"resident": 409, "stranger": 404},
        prepare=_verified,
    ),
    Row(
        "POST",
        "/help/<public_id>/decline",
        ("volunteer",),
        answer=303,
        refuse=404,
        prepare=_invited,
    ),
    Row("POST", "/help/<public_id>/withdraw", ("volunteer",), answer=303, refuse=404, prepare=_accepted),
    Row("POST", "/help/<public_id>/cancel", ASKERS, answer=303, refuse=404, prepare=_accepted),
    Row(
        "POST",
        "/help/<public_id>/scan",
        ("volunteer", "coordinator"),
        answer=303,
        refuse=404,
        prepare=_started,
    ),
    Row("POST", "/help/<public_id>/phone", ("resident",), answer=303, refuse=404, prepare=_started),
    Row("POST", "/help/<public_id>/confirm", ("volunteer", "resident"), answer=303, refuse=404, prepare=_by_phone),
    Row(
        "POST",
        "/help/<public_id>/confirm-card",
        (),
        refuse=404,
        also={"volunteer": 409, "resident": 409, "coordinator": 409, "second": 409},
        prepare=_left,
    ),
    Row("POST", "/help/<public_id>/wrong", ("volunteer", "resident"), answer=303, refuse=404, prepare=_left),
    Row("POST", "/help/<public_id>/words", ("volunteer", "resident"), answer=303, refuse=404, prepare=_disputed),
    Row("POST", "/help/<public_id>/report", ("volunteer", "resident", *STAFF), answer=303, refuse=404, prepare=_done),
    Row("POST", "/help/<public_id>/closed-door", ("volunteer",), answer=303, refuse=404, prepare=_started),
    Row(
        "POST",
        "/help/<public_id>/only-one",
        ("volunteer", "panel", "resident"),
        answer=303,
        refuse=404,
        prepare=_one_came,
    ),
    Row("POST", "/help/<public_id>/nobody-came", ASKERS, answer=303, refuse=404, prepare=_started),
    Row("POST", "/help/<public_id>/repeat", ("resident", *STAFF), answer=303, refuse=404, prepare=_done),
    Row("POST", "/help/<public_id>/thanks", ("resident",), answer=303, refuse=404, prepare=_done),
    Row("GET", "/desk/help", STAFF),
    Row("GET", "/desk/help/new", ("coordinator",)),
    Row("POST", "/desk/help/new", ("coordinator",), answer=303, prepare=_theirs),
    Row("GET", "/desk/help/types", STAFF),
    Row("POST", "/desk/help/types/<code>", ("coordinator",), answer=303, prepare=_kind),
    Row("GET", "/desk/help/trained", STAFF),
    Row("POST", "/desk/help/trained", ("coordinator",), answer=303, prepare=_training),
    Row("POST", "/desk/help/trained/<int:training_id>/end", ("coordinator",), answer=303, prepare=_recorded),
    Row("GET", "/desk/help/<public_id>", STAFF, prepare=_requested),
    Row("POST", "/desk/help/<public_id>/verify", STAFF, answer=303, prepare=_requested),
    Row("POST", "/desk/help/<public_id>/invite", STAFF, answer=303, prepare=_verified),
    Row("POST", "/desk/help/<public_id>/call-back", STAFF, answer=303, prepare=_left),
    Row("POST", "/desk/help/<public_id>/confirm-card", (), also=dict.fromkeys(STAFF, 409), prepare=_left),
    Row("POST", "/desk/help/<public_id>/decide", STAFF, answer=303, prepare=_disputed),
    Row("POST", "/desk/help/<public_id>/report", STAFF, answer=303, prepare=_done),
    Row("POST", "/desk/help/reports/<int:report_id>", STAFF, answer=303, prepare=_reported),
)
