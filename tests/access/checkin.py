"""Routes of checking in, on the spot and afterwards."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from bank.activities.models import Activity
from bank.checkin import operations as checkin
from bank.checkin.codes import Keys, step_of
from bank.checkin.recording import Sighting
from tests.access.activities import HOME, activity_in
from tests.access.rows import EVERYONE, MEMBERS, VISITOR, Call, Row
from tests.world import World

KEYS = Keys(bytes(range(32)))
STARTED = -timedelta(minutes=5)
STAFF = ("coordinator", "second")


def running(world: World, who: str) -> Call:
    name = activity_in(world, "published", starts_in=STARTED)
    return Call({"public_id": name, "activity_id": name}, None)


def venue_code(world: World, who: str) -> str:
    return KEYS.venue(running(world, who).path["public_id"], 1, step_of(world.clock.now)).token


def card(world: World, whose: str = "relative") -> str:
    return KEYS.member_pass(world.people[whose].public_id, 1)


def attended(world: World, who: str, *, whose: str | None = None) -> Call:
    """Give an attendance of the one who asks, or of `whose`, and its scan."""
    name = activity_in(world, "published", starts_in=STARTED)
    person = whose or (who if who in world.people and who != "stranger" else "relative")
    uuid = f"scan-{name}"
    coordinator = world.actor("coordinator")
    with world.write() as session:
        seen = Sighting(uuid, "manual", world.clock.now, "in")
        found = checkin.enter(session, coordinator, name, world.people[person].public_id, seen, now=world.clock.now)
        public_id = found.attendance.public_id
        assert session.get_one(Activity, found.activity.id).public_id == name
    return Call({"public_id": public_id, "attendance_id": public_id, "scan_id": uuid, "scan_uuid": uuid})


def on_the_spot(world: World, who: str, data: dict[str, Any]) -> Call:
    return Call(running(world, who).path, data)


def outbox(world: World, who: str) -> Call:
    ms = int(world.clock.now.timestamp() * 1000)
    item = {"uuid": f"offline-{who}", "via": "A", "code": venue_code(world, who), "wall_ms": ms}
    return Call({}, {"device_id": "phone", "sent_wall_ms": ms, "items": [item]})


def _void(world: World, who: str) -> Call:
    found = attended(world, who)
    with world.write() as session:
        activity = session.query(Activity).order_by(Activity.id.desc()).first()
        assert activity is not None
        name = activity.public_id
    return Call({**found.path, "public_id": name}, {"reason": "登记错了"})


AT_VENUE = "/activities/<public_id>"
API = "/api/v1/activities/<activity_id>"


def over(world: World, who: str) -> Call:
    """Give an activity that is over, which the volunteer led."""
    name = activity_in(world, "published", starts_in=-timedelta(hours=3))
    with world.write() as session:
        found = session.scalars(select(Activity).where(Activity.public_id == name)).one()
        found.leader_id = world.people["volunteer"].id
    return Call({"public_id": name}, {"headcount": "12"})


ROWS = (
    Row(
        "POST",
        "/activities/<public_id>/headcount",
        ("volunteer", "coordinator"),
        answer=303,
        also={"stranger": 404},
        prepare=over,
    ),
    Row("GET", "/scan", MEMBERS),
    Row(
        "POST",
        "/scan",
        (),
        refuse=422,
        also={"stranger": 404},
        prepare=lambda w, who: Call({}, {"activity": running(w, who).path["public_id"], "six": "000000"}),
    ),
    Row("GET", "/s/<code>", EVERYONE, prepare=lambda w, who: Call({"code": venue_code(w, who)})),
    Row("GET", "/s/claim", (), refuse=409, also={VISITOR: 409}),
    Row("POST", "/s/claim", (), refuse=409),
    Row("GET", "/attendances/<public_id>", HOME, refuse=404, prepare=attended),
    Row("GET", "/me/pass", MEMBERS),
    Row(
        "GET",
        "/people/<public_id>/card",
        ("coordinator",),
        prepare=lambda w, who: Call({"public_id": w.people["relative"].public_id}),
    ),
    Row("GET", "/people/cards", ("coordinator",)),
    Row("GET", f"{AT_VENUE}/screen", ("coordinator",), prepare=running),
    Row("GET", f"{AT_VENUE}/codes", ("coordinator",), prepare=running),
    Row("GET", f"{AT_VENUE}/count", ("coordinator",), prepare=running),
    Row("POST", f"{AT_VENUE}/code-reset", ("coordinator",), answer=303, prepare=running),
    Row("GET", f"{AT_VENUE}/cards", ("coordinator",), prepare=running),
    Row(
        "POST",
        f"{AT_VENUE}/card-scans",
        ("coordinator",),
        answer=303,
        prepare=lambda w, who: on_the_spot(w, who, {"card": card(w), "direction": "in"}),
    ),
    Row("GET", f"{AT_VENUE}/roster", ("coordinator",), prepare=running),
    Row(
        "POST",
        f"{AT_VENUE}/entries",
        ("coordinator",),
        answer=303,
        prepare=lambda w, who: on_the_spot(w, who, {"person": w.people["relative"].public_id, "direction": "in"}),
    ),
    Row("POST", f"{AT_VENUE}/scans/<scan_uuid>/void", ("coordinator",), answer=303, prepare=_void),
    Row("GET", f"{AT_VENUE}/cancellation", ("coordinator",), prepare=running),
    Row(
        "POST",
        f"{AT_VENUE}/cancellation",
        ("coordinator",),
        answer=303,
        prepare=lambda w, who: on_the_spot(w, who, {"reason": "下雨"}),
    ),
    Row("GET", f"{API}/code", ("coordinator",), prepare=running),
    Row("GET", f"{API}/codes", ("coordinator",), prepare=running),
    Row("GET", f"{API}/count", ("coordinator",), prepare=running),
    Row("POST", f"{API}/code/reset", ("coordinator",), answer=201, prepare=lambda w, who: on_the_spot(w, who, {})),
    Row(
        "POST",
        f"{API}/cancellation",
        ("coordinator",),
        answer=201,
        prepare=lambda w, who: on_the_spot(w, who, {"reason": "下雨"}),
    ),
    Row(
        "POST",
        "/api/v1/check-ins",
        HOME,
        answer=201,
        refuse=409,
        prepare=lambda w, who: Call({}, {"code": venue_code(w, who)}),
    ),
    Row(
        "POST",
        f"{API}/card-scans",
        ("coordinator",),
        answer=201,
        prepare=lambda w, who: on_the_spot(w, who, {"card": card(w)}),
    ),
    Row("POST", "/api/v1/scans:batch", MEMBERS, prepare=outbox),
    Row("POST", "/api/v1/scans/<scan_id>:void", ("coordinator",), answer=201, prepare=_void),
    Row("GET", "/api/v1/attendances", STAFF),
    Row("GET", "/api/v1/attendances/<attendance_id>", HOME, refuse=404, prepare=attended),
    Row(
        "POST",
        "/api/v1/approvals",
        STAFF,
        prepare=lambda w, who: Call({}, {"attendance_ids": ["NOTTHERE"], "decision": "approve"}),
    ),
    Row("GET", "/api/v1/me/pass", MEMBERS),
)
