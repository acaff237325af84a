"""Places: the capacity holds under a crowd, and the waiting list moves up by itself."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from bank.activities import operations as activities
from bank.activities import places
from bank.activities.models import Activity, SignUp
from tests.activities.test_planning import told
from tests.checkin.street import published
from tests.conftest import SetClock
from tests.world import World

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def join(world: World, who: str, name: str) -> tuple[int, str, int | None]:
    answer = world.api(who, "POST", f"/activities/{name}/sign-ups", {})
    return answer.status_code, answer.json.get("state"), answer.json.get("position")


def leave(world: World, who: str, name: str) -> int:
    return world.api(who, "POST", f"/activities/{name}/sign-ups/cancellation", {}).status_code


def crowd(world: World, size: int) -> list[str]:
    names = [f"p{n}" for n in range(size)]
    for name in names:
        world.add_person(name, f"居民{name}")
        world._token(name, "api")
    return names


def test_fifty_press_at_once_and_exactly_the_capacity_gets_in(world: World) -> None:
    name, people = published(world, capacity=20), crowd(world, 50)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda who: join(world, who, name), people))
    assert Counter((status, state) for status, state, _ in answers) == {(201, "signed_up"): 20, (201, "waitlisted"): 30}
    assert sorted(position for _, state, position in answers if position) == list(range(1, 31))
    with world.write() as session:
        assert session.scalars(select(Activity.taken)).one() == 20


def test_places_stay_right_while_some_join_and_some_leave_at_once(world: World) -> None:
    name, people = published(world, capacity=10), crowd(world, 24)
    for who in people[:12]:
        join(world, who, name)
    with ThreadPoolExecutor(12) as pool:
        done = [pool.submit(leave, world, who, name) for who in people[:8]]
        done += [pool.submit(lambda who=who: join(world, who, name)[0]) for who in people[12:]]
        assert {task.result() for task in done} == {201}
    with world.write() as session:
        states = Counter(session.scalars(select(SignUp.state)))
        taken = session.scalars(select(Activity.taken)).one()
    assert states == {"signed_up": 10, "waitlisted": 6, "cancelled": 8}
    assert taken == 10


def test_a_place_given_back_while_somebody_joins_the_queue_goes_to_them(world: World) -> None:
    name = published(world, capacity=1)
    join(world, "volunteer", name)
    late = world.actor("resident")
    with ThreadPoolExecutor(1) as pool, world.write() as session:
        activity = activities.lock_for(session, late, name)
        assert places.take(session, activity, late.person_id, now=world.clock.now).state == "waitlisted"
        leaving = pool.submit(leave, world, "volunteer", name)
        time.sleep(0.5)
        assert not leaving.done()
        session.commit()
        assert leaving.result() == 201
    assert world.api("resident", "GET", f"/activities/{name}").json["my_place"]["state"] == "signed_up"


def test_whoever_waits_longest_moves_up_and_is_told(world: World, now: SetClock) -> None:
    name = published(world, capacity=1)
    assert join(world, "volunteer", name) == (201, "signed_up", None)
    for position, who in enumerate(("resident", "relative"), 1):
        now.advance(minutes=1)
        assert join(world, who, name) == (201, "waitlisted", position)
    assert leave(world, "volunteer", name) == 201
    assert told(world, "resident") == ["有名额了：您已报上“清洁湖边”，请准时参加；来不了请早点退出，让给别人。"]
    assert told(world, "relative") == []
    assert world.api("resident", "GET", f"/activities/{name}").json["my_place"]["state"] == "signed_up"
    assert world.api("relative", "GET", f"/activities/{name}").json["my_place"] == {
        "state": "waitlisted",
        "position": 1,
    }
    now.advance(minutes=1)
    assert join(world, "volunteer", name) == (201, "waitlisted", 2)


@SQLITE
def test_pressing_twice_changes_nothing(world: World) -> None:
    name = published(world, capacity=2)
    assert join(world, "volunteer", name) == join(world, "volunteer", name) == (201, "signed_up", None)
    with world.write() as session:
        assert session.scalar(select(func.count()).select_from(SignUp)) == 1
        assert session.scalars(select(Activity.taken)).one() == 1


@SQLITE
def test_leaving_without_a_place_or_after_the_start_is_refused(world: World, now: SetClock) -> None:
    name = published(world, starts_in=60, lasts=60)
    assert leave(world, "volunteer", name) == 409
    join(world, "volunteer", name)
    now.advance(minutes=60)
    answer = world.api("volunteer", "POST", f"/activities/{name}/sign-ups/cancellation", {})
    assert (answer.status_code, answer.json["code"]) == (409, "too_late")
    now.advance(minutes=60)
    answer = world.api("resident", "POST", f"/activities/{name}/sign-ups", {})
    assert (answer.status_code, answer.json["code"]) == (409, "too_late")
