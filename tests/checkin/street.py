"""A cleaning morning to check in to: built through the API like a client would."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.world import World

PLAN: dict[str, Any] = {
    "title": "清洁湖边",
    "category": "environment",
    "place": "望月湖东门",
    "capacity": 20,
    "risk_note": "注意路滑，不下水。",
}


def rfc(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def planned(world: World, *, starts_in: float = 60, lasts: float = 120, **more: Any) -> dict[str, Any]:
    """Plan a draft that starts in so many minutes and lasts so many."""
    starts_at = world.clock.now + timedelta(minutes=starts_in)
    ends_at = starts_at + timedelta(minutes=lasts)
    leader = world.people["panel"].public_id
    body = {**PLAN, "starts_at": rfc(starts_at), "ends_at": rfc(ends_at), "leader": leader, **more}
    answer = world.api("coordinator", "POST", "/activities", body)
    assert answer.status_code == 201, answer.json
    plan: dict[str, Any] = answer.json
    return plan


def published(world: World, **more: Any) -> str:
    """Plan and publish; give the activity's public id."""
    name: str = planned(world, **more)["id"]
    answer = world.api("coordinator", "POST", f"/activities/{name}/publication", {})
    assert answer.status_code == 201, answer.json
    return name


def code(world: World, activity: str) -> str:
    """Give the venue code of now."""
    answer = world.api("coordinator", "GET", f"/activities/{activity}/code")
    assert answer.status_code == 200, answer.json
    found: str = answer.json["code"]
    return found


def scan(world: World, who: str, activity: str, **more: Any) -> Any:
    """Scan the venue's code of now as `who`."""
    return world.api(who, "POST", "/check-ins", {"code": code(world, activity), **more})


def attend(world: World, who: str, activity: str, *, minutes: float = 120) -> dict[str, Any]:
    """Scan in now, and out so many minutes later; give the attendance."""
    assert scan(world, who, activity).status_code == 201
    world.clock.advance(minutes=minutes)  # type: ignore[attr-defined]
    answer = scan(world, who, activity)
    assert answer.status_code == 201, answer.json
    found: dict[str, Any] = answer.json["attendance"]
    return found
