"""The end: the forgetful, the absent, the cancelled, and activities that overlap."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from bank import jobs
from bank.checkin.models import Attendance
from bank.credits.models import Credit
from tests.activities.test_planning import told
from tests.checkin.street import attend, published, scan
from tests.conftest import SetClock
from tests.world import World

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def run_jobs(world: World) -> dict[str, int]:
    with world.app.app_context():
        return jobs.run_due(world.clock.now)


def all_attendances(world: World) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = world.api("coordinator", "GET", "/attendances").json["items"]
    return items


def flags(item: dict[str, Any]) -> list[str]:
    return [flag["code"] for flag in item["flags"]]


def approve(world: World, who: str, *items: dict[str, Any]) -> list[dict[str, Any]]:
    body = {"attendance_ids": [item["id"] for item in items], "decision": "approve"}
    results: list[dict[str, Any]] = world.api(who, "POST", "/approvals", body).json["results"]
    return results


def test_who_forgot_to_check_out_gets_the_planned_end_and_a_look(world: World, now: SetClock) -> None:
    name = published(world, starts_in=60, lasts=60)
    world.api("resident", "POST", f"/activities/{name}/sign-ups", {})
    now.advance(minutes=70)
    scan(world, "volunteer", name)
    now.advance(minutes=79)
    assert run_jobs(world)["close_activities"] == 0
    now.advance(minutes=1)
    assert run_jobs(world)["close_activities"] == 1
    assert run_jobs(world)["close_activities"] == 0
    forgetful, absent = all_attendances(world)
    assert (forgetful["state"], forgetful["minutes"], forgetful["evidence"]) == ("to_review", 50, "C")
    assert flags(forgetful) == ["walk_in", "no_check_out"]
    assert (absent["state"], absent["minutes"]) == ("no_show", 0)
    assert told(world, "volunteer") == [
        "您在“清洁湖边”忘了签退，已按活动结束时间报给社区核对。下次走之前记得再扫一次。"
    ]


@SQLITE
def test_a_check_out_after_the_closing_makes_it_class_a_again(world: World, now: SetClock) -> None:
    name = published(world, starts_in=60, lasts=60)
    now.advance(minutes=60)
    scan(world, "volunteer", name)
    now.advance(minutes=95)
    run_jobs(world)
    left = scan(world, "volunteer", name).json["attendance"]
    assert (left["state"], left["minutes"], left["evidence"]) == ("to_review", 60, "A")
    with world.write() as session:
        credit = session.scalars(select(Credit)).one()
        assert (credit.amount, credit.evidence_class) == (60, "A")


@SQLITE
def test_evidence_after_the_decision_moves_no_money_and_is_flagged(world: World, now: SetClock) -> None:
    name = published(world, starts_in=60, lasts=60)
    now.advance(minutes=60)
    scan(world, "volunteer", name)
    now.advance(minutes=95)
    run_jobs(world)
    assert approve(world, "coordinator", all_attendances(world)[0])[0]["state"] is not None
    scan(world, "volunteer", name)
    item = all_attendances(world)[0]
    assert "late_evidence" in flags(item)
    with world.write() as session:
        assert session.scalars(select(Credit)).one().evidence_class == "C"


def test_a_cancelled_activity_voids_attendances_and_reverses_posted_credits(world: World, now: SetClock) -> None:
    name = published(world, starts_in=60, lasts=60)
    now.advance(minutes=60)
    done = attend(world, "volunteer", name, minutes=30)
    scan(world, "resident", name)
    assert approve(world, "coordinator", done) == [{"attendance_id": done["id"], "state": "approved"}]
    answer = world.api("coordinator", "POST", f"/activities/{name}/cancellation", {"reason": "活动没有真的举行。"})
    assert answer.status_code == 201
    assert {item["state"] for item in all_attendances(world)} == {"void"}
    with world.write() as session:
        assert session.scalars(select(Credit.state)).all() == ["reversed"]
        assert set(session.scalars(select(Attendance.state))) == {"void"}


@SQLITE
def test_two_activities_at_once_count_shared_minutes_only_once(world: World, now: SetClock) -> None:
    first = published(world, starts_in=60, lasts=120, title="清洁湖边")
    second = published(world, starts_in=120, lasts=120, title="楼道清洁")
    now.advance(minutes=60)
    scan(world, "volunteer", first)
    now.advance(minutes=70)
    scan(world, "volunteer", second)
    now.advance(minutes=50)
    assert scan(world, "volunteer", first).json["attendance"]["minutes"] == 120
    now.advance(minutes=60)
    left = scan(world, "volunteer", second).json["attendance"]
    assert left["minutes"] == 60
    assert {"code": "overlap", "reason": "与“清洁湖边”时间重叠，重叠部分只算一次"} in left["flags"]


@SQLITE
def test_an_earlier_attendance_that_ends_later_takes_its_minutes_back(world: World, now: SetClock) -> None:
    first = published(world, starts_in=60, lasts=180, title="清洁湖边")
    second = published(world, starts_in=60, lasts=60, title="楼道清洁")
    now.advance(minutes=60)
    scan(world, "volunteer", first)
    scan(world, "volunteer", second)
    now.advance(minutes=60)
    assert scan(world, "volunteer", second).json["attendance"]["minutes"] == 60
    now.advance(minutes=60)
    assert scan(world, "volunteer", first).json["attendance"]["minutes"] == 120
    later = next(item for item in all_attendances(world) if item["title"] == "楼道清洁")
    assert (later["minutes"], flags(later)) == (0, ["walk_in", "overlap"])
    with world.write() as session:
        amounts = {credit.title: credit.amount for credit in session.scalars(select(Credit))}
    assert amounts == {"清洁湖边": 120, "楼道清洁": 0}


@SQLITE
def test_cancelling_the_earlier_one_gives_the_minutes_back(world: World, now: SetClock) -> None:
    first = published(world, starts_in=60, lasts=60, title="清洁湖边")
    second = published(world, starts_in=60, lasts=60, title="楼道清洁")
    now.advance(minutes=60)
    scan(world, "volunteer", first)
    scan(world, "volunteer", second)
    now.advance(minutes=60)
    scan(world, "volunteer", first)
    scan(world, "volunteer", second)
    world.api("coordinator", "POST", f"/activities/{first}/cancellation", {"reason": "记错了。"})
    later = next(item for item in all_attendances(world) if item["title"] == "楼道清洁")
    assert (later["state"], later["minutes"], flags(later)) == ("to_review", 60, ["walk_in"])
