"""The desk's API: what waits, decisions on many at once, and what they cost."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from bank import chart
from bank.activities.models import Activity
from bank.checkin.models import Attendance
from bank.communities.models import Community
from bank.credits import operations as credits_
from bank.members import operations as members
from bank.qr import new_public_id
from tests.checkin.counting import counted
from tests.checkin.street import attend, published, scan
from tests.checkin.test_closing import approve
from tests.conftest import SetClock
from tests.world import World

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
MOST_STATEMENTS = 60


def finish(world: World, count: int) -> list[str]:
    """Give so many attendances that wait for review, each of another person, as scans would leave them."""
    name = published(world, capacity=1000)
    now, names = world.clock.now, []
    with world.write() as session:
        home = session.get_one(Community, world.community_id)
        activity = session.scalars(select(Activity).where(Activity.public_id == name)).one()
        for number in range(count):
            person = members.register(session, home, name=f"居民{number}", now=now)
            attendance = Attendance(
                public_id=new_public_id(),
                activity_id=activity.id,
                person_id=person.id,
                state="checked_out",
                checked_in_at=activity.starts_at,
                checked_out_at=activity.ends_at,
                minutes=60,
                flags=[],
                changed_at=now,
            )
            session.add(attendance)
            session.flush()
            credit = credits_.propose(
                session,
                community_id=home.id,
                source=f"attendance:{attendance.id}",
                person_id=person.id,
                proposed_by=person.id,
                title=activity.title,
                happened_on=now.date(),
                unit=chart.MINUTES,
                amount=60,
                evidence_class="A",
                evidence={"activity_id": name},
                flags=[],
                rules_number=1,
                now=now,
            )
            attendance.credit_id = credit.id
            names.append(attendance.public_id)
    return names


def test_what_waits_is_listed_with_member_and_flags_and_leaves_when_decided(world: World, now: SetClock) -> None:
    name = published(world, starts_in=60, lasts=60)
    now.advance(minutes=60)
    scan(world, "resident", name)
    done = attend(world, "volunteer", name, minutes=60)
    waiting = world.api("coordinator", "GET", "/attendances?state=to_review").json
    assert waiting["next"] is None
    assert [item["id"] for item in waiting["items"]] == [done["id"]]
    item = waiting["items"][0]
    assert item["member"] == {"id": world.people["volunteer"].public_id, "name": "王小明"}
    assert item["flags"] == [{"code": "walk_in", "reason": "没有报名，现场参加"}]
    assert set(item) >= {"id", "activity_id", "state", "checked_in_at", "checked_out_at", "minutes", "evidence"}
    assert approve(world, "coordinator", done) == [{"attendance_id": done["id"], "state": "approved"}]
    assert world.api("coordinator", "GET", "/attendances?state=to_review").json["items"] == []
    assert len(world.api("coordinator", "GET", "/attendances?state=approved").json["items"]) == 1
    assert len(world.api("coordinator", "GET", "/attendances?state=checked_in").json["items"]) == 1
    me = world.api("volunteer", "GET", f"/attendances/{done['id']}").json
    assert (me["state"], me["minutes"]) == ("approved", 60)


@SQLITE
def test_every_id_gets_its_own_answer(world: World, now: SetClock) -> None:
    name = published(world, starts_in=60, lasts=60)
    now.advance(minutes=60)
    for who in ("volunteer", "coordinator", "relative"):
        scan(world, who, name)
    still_in = scan(world, "shop", name).json["attendance"]["id"]
    now.advance(minutes=60)
    ids = [scan(world, who, name).json["attendance"]["id"] for who in ("volunteer", "coordinator", "relative")]
    body = {"attendance_ids": ["NOTTHERE", *ids, still_in], "decision": "approve"}
    results = world.api("coordinator", "POST", "/approvals", body).json["results"]
    assert [(one["state"], one.get("code")) for one in results] == [
        (None, "not_found"),
        ("approved", None),
        ("to_review", "self_approval"),
        ("to_review", "same_household"),
        (None, "not_found"),
    ]
    foreign = world.api("stranger_coordinator", "POST", "/approvals", body).json["results"]
    assert {one.get("code") for one in foreign} == {"not_found"}


@SQLITE
def test_minutes_can_be_lowered_and_a_rejection_needs_a_reason(world: World, now: SetClock) -> None:
    name = published(world, starts_in=60, lasts=60)
    now.advance(minutes=60)
    one = attend(world, "volunteer", name, minutes=60)
    bare: dict[str, Any] = {"attendance_ids": [one["id"]], "decision": "reject"}
    assert world.api("coordinator", "POST", "/approvals", bare).status_code == 422
    lowered = {"attendance_ids": [one["id"]], "decision": "approve", "minutes": 30, "reason": "提前走了。"}
    assert world.api("coordinator", "POST", "/approvals", lowered).json["results"][0]["state"] == "approved"
    assert world.api("volunteer", "GET", f"/attendances/{one['id']}").json["minutes"] == 30


@SQLITE
def test_the_list_pages_through_everything_once(world: World) -> None:
    names = finish(world, 7)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        more = f"&cursor={cursor}" if cursor else ""
        page = world.api("coordinator", "GET", f"/attendances?state=to_review&limit=3{more}").json
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert seen == names


@SQLITE
@pytest.mark.slow
def test_five_hundred_approvals_take_a_constant_number_of_statements(world: World) -> None:
    few, many = finish(world, 3), finish(world, 500)
    world._token("coordinator", "api")
    with counted(world) as for_few:
        world.api("coordinator", "POST", "/approvals", {"attendance_ids": few, "decision": "approve"})
    with counted(world) as for_many:
        answer = world.api("coordinator", "POST", "/approvals", {"attendance_ids": many, "decision": "approve"})
    assert {one["state"] for one in answer.json["results"]} == {"approved"}
    assert len(for_many) <= len(for_few) + 20 <= MOST_STATEMENTS
