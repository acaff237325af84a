"""Routes of activities and their places."""

from datetime import timedelta

from bank.activities import operations as activities
from bank.activities import places
from bank.activities.models import Activity
from tests.access.rows import MEMBERS, Call, Row
from tests.world import World

HOME = tuple(who for who in MEMBERS if who != "stranger")
LOCAL = "%Y-%m-%dT%H:%M"


def activity_in(
    world: World, state: str, *, starts_in: timedelta = timedelta(days=1), signed_up: str | None = None
) -> str:
    """Make an activity of two hours in a state; it may begin before now. Give its public id."""
    now = world.clock.now
    plan = {
        "title": "清洁湖边",
        "category": "environment",
        "place": "望月湖东门",
        "starts_at": now + timedelta(days=1),
        "ends_at": now + timedelta(days=1, hours=2),
        "capacity": 20,
        "risk_note": "注意路滑。",
    }
    coordinator = world.actor("coordinator")
    with world.write() as session:
        activity = activities.plan(session, coordinator, plan, now=now)
        if state != "draft":
            activities.publish(session, coordinator, activity.public_id, is_clear=True, now=now - timedelta(days=2))
        if signed_up in world.people and signed_up != "stranger":
            places.take(session, activity, world.people[signed_up].id, now=now)
        found = session.get_one(Activity, activity.id)
        found.published_at = now - timedelta(days=3) if state != "draft" else None
        found.starts_at, found.ends_at = now + starts_in, now + starts_in + timedelta(hours=2)
    return activity.public_id


def coming(world: World, who: str) -> Call:
    return Call({"public_id": (name := activity_in(world, "published")), "activity_id": name}, None)


def draft(world: World, who: str) -> Call:
    return Call({"public_id": (name := activity_in(world, "draft")), "activity_id": name}, None)


def ready(world: World, who: str) -> Call:
    return Call(draft(world, who).path, {"none_of_these": "1"})


def mine(world: World, who: str) -> Call:
    name = activity_in(world, "published", signed_up=who)
    return Call({"public_id": name, "activity_id": name}, None)


def form(world: World) -> dict[str, str]:
    starts_at = world.clock.now + timedelta(days=2, hours=8)
    return {
        "title": "湖边读报",
        "category": "culture",
        "place": "凉亭",
        "starts_at": starts_at.strftime(LOCAL),
        "ends_at": (starts_at + timedelta(hours=1)).strftime(LOCAL),
        "capacity": "5",
        "risk_note": "自带水。",
    }


def body(world: World) -> dict[str, object]:
    starts_at = world.clock.now + timedelta(days=2)
    times = {"starts_at": starts_at.isoformat(), "ends_at": (starts_at + timedelta(hours=1)).isoformat()}
    return {**form(world), **times, "capacity": 5}


ROWS = (
    Row("GET", "/activities", MEMBERS),
    Row("GET", "/activities/new", ("coordinator",)),
    Row("POST", "/activities/new", ("coordinator",), answer=303, prepare=lambda w, who: Call({}, form(w))),
    Row("GET", "/activities/<public_id>", HOME, refuse=404, prepare=coming),
    Row("GET", "/activities/<public_id>/edit", ("coordinator",), prepare=draft),
    Row(
        "POST",
        "/activities/<public_id>/edit",
        ("coordinator",),
        answer=303,
        prepare=lambda w, who: Call(draft(w, who).path, form(w)),
    ),
    Row("POST", "/activities/<public_id>/publication", ("coordinator",), answer=303, prepare=ready),
    Row("POST", "/activities/<public_id>/sign-ups", HOME, answer=303, refuse=404, prepare=coming),
    Row("POST", "/activities/<public_id>/sign-ups/cancellation", HOME, answer=303, refuse=404, prepare=mine),
    Row("GET", "/api/v1/activities", MEMBERS),
    Row("POST", "/api/v1/activities", ("coordinator",), answer=201, prepare=lambda w, who: Call({}, body(w))),
    Row("GET", "/api/v1/activities/<activity_id>", HOME, refuse=404, prepare=coming),
    Row(
        "POST",
        "/api/v1/activities/<activity_id>/publication",
        ("coordinator",),
        answer=201,
        prepare=lambda w, who: Call(draft(w, who).path, {"none_of_these": True}),
    ),
    Row(
        "POST",
        "/api/v1/activities/<activity_id>/sign-ups",
        HOME,
        answer=201,
        refuse=404,
        prepare=lambda w, who: Call(coming(w, who).path, {}),
    ),
    Row(
        "POST",
        "/api/v1/activities/<activity_id>/sign-ups/cancellation",
        HOME,
        answer=201,
        refuse=404,
        prepare=lambda w, who: Call(mine(w, who).path, {}),
    ),
)
