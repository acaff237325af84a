"""The log of scans: the database refuses to change it, and two phones at once make one attendance."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from bank.checkin import operations as checkin
from bank.checkin.models import Attendance
from bank.checkin.recording import Sighting
from bank.credits.models import Credit
from tests.checkin.street import code, published, scan
from tests.checkin.test_scanning import kept
from tests.conftest import SetClock
from tests.world import World


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE scan_event SET happened_at = happened_at",
        "UPDATE scan_event SET verdict = 'ok'",
        "DELETE FROM scan_event",
    ],
)
def test_the_log_cannot_be_changed_or_thinned(world: World, now: SetClock, statement: str) -> None:
    name = published(world)
    now.advance(minutes=60)
    scan(world, "volunteer", name)
    with pytest.raises(DBAPIError, match="refuses"), world.write() as session:
        session.execute(text(statement))
    assert kept(world) == {"ok": 1}


def test_twenty_taps_at_once_check_one_person_in_once(world: World, now: SetClock) -> None:
    name = published(world)
    now.advance(minutes=60)
    body = {"code": code(world, name)}
    world._token("volunteer", "api")
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: world.api("volunteer", "POST", "/check-ins", body), range(20)))
    assert Counter(answer.status_code for answer in answers) == {201: 20}
    assert Counter(answer.json["duplicate"] for answer in answers) == {False: 1, True: 19}
    assert len({answer.json["attendance"]["id"] for answer in answers}) == 1


def test_twenty_taps_at_once_check_one_person_out_once(world: World, now: SetClock) -> None:
    name = published(world)
    now.advance(minutes=60)
    scan(world, "volunteer", name)
    now.advance(minutes=60)
    body = {"code": code(world, name)}
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: world.api("volunteer", "POST", "/check-ins", body), range(20)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 19}
    with world.write() as session:
        assert len(session.scalars(select(Credit)).all()) == 1
        assert session.scalars(select(Attendance.minutes)).all() == [60]


def test_a_cancellation_waits_for_a_scan_in_flight_and_voids_it(world: World, now: SetClock) -> None:
    name = published(world)
    now.advance(minutes=60)
    coordinator = world.actor("coordinator")
    world._token("coordinator", "api")
    seen = Sighting("in-flight", "manual", now.now, "in")
    with ThreadPoolExecutor(1) as pool, world.write() as session:
        checkin.enter(session, coordinator, name, world.people["resident"].public_id, seen, now=now.now)
        body = {"reason": "下雨。"}
        cancelling = pool.submit(world.api, "coordinator", "POST", f"/activities/{name}/cancellation", body)
        time.sleep(0.5)
        assert not cancelling.done()
        session.commit()
        assert cancelling.result().status_code == 201
    with world.write() as session:
        assert session.scalars(select(Attendance.state)).all() == ["void"]


def test_a_scan_and_a_cancellation_at_once_leave_no_attendance_standing(world: World, now: SetClock) -> None:
    names = [published(world) for _ in range(4)]
    now.advance(minutes=60)
    bodies = {name: {"code": code(world, name)} for name in names}
    world._token("volunteer", "api")
    with ThreadPoolExecutor(8) as pool:
        scans = [pool.submit(world.api, "volunteer", "POST", "/check-ins", bodies[name]) for name in names]
        cancels = [
            pool.submit(world.api, "coordinator", "POST", f"/activities/{name}/cancellation", {"reason": "下雨。"})
            for name in names
        ]
        assert {task.result().status_code for task in cancels} == {201}
        assert {task.result().status_code for task in scans} <= {201, 409}
    with world.write() as session:
        assert set(session.scalars(select(Attendance.state))) <= {"void"}
