"""After an activity: stays that are equal to the second, the leader's headcount, and how often a day one comes."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import select

from bank.checkin import attesting
from bank.checkin import operations as checkin
from bank.checkin.recording import Sighting
from bank.checkin.refusals import TooManyPairs
from bank.credits.models import Credit
from tests.checkin.street import code, published, scan
from tests.checkin.test_closing import all_attendances, run_jobs
from tests.conftest import SetClock
from tests.world import World

PEOPLE = ("volunteer", "resident", "relative", "shop", "auditor")


def flags(world: World) -> list[set[str]]:
    with world.write() as session:
        return [{flag["code"] for flag in item.flags} for item in session.scalars(select(Credit).order_by(Credit.id))]


@pytest.mark.parametrize(("alike", "is_seen"), [(5, True), (4, False)])
def test_five_stays_equal_to_the_second_are_seen_four_are_not(
    world: World, now: SetClock, alike: int, is_seen: bool
) -> None:
    name = published(world, starts_in=0.5, lasts=60)
    now.advance(minutes=1)
    token = code(world, name)
    for who in PEOPLE:
        world.api(who, "POST", "/check-ins", {"code": token})
    now.advance(minutes=50)
    for number, who in enumerate(PEOPLE):
        if number >= alike:
            now.advance(seconds=1)
        scan(world, who, name)
    now.advance(minutes=60)
    run_jobs(world)
    assert ["same_length" in found for found in flags(world)] == [is_seen] * 5
    shown = {flag["code"] for item in all_attendances(world) for flag in item["flags"]}
    assert ("same_length" in shown) == is_seen


def test_the_headcount_is_the_leaders_after_the_end(world: World, now: SetClock) -> None:
    name = published(world, starts_in=1, lasts=60)
    now.advance(minutes=60)
    assert world.page("panel").post(f"/activities/{name}/headcount", data={"headcount": "3"}).status_code == 409
    now.advance(minutes=1)
    assert world.page("resident").post(f"/activities/{name}/headcount", data={"headcount": "3"}).status_code == 403
    assert "到场多少人" in world.page("panel").get(f"/activities/{name}").text
    assert "到场多少人" not in world.page("resident").get(f"/activities/{name}").text
    assert world.page("panel").post(f"/activities/{name}/headcount", data={"headcount": "-1"}).status_code == 422
    assert world.page("panel").post(f"/activities/{name}/headcount", data={"headcount": "3"}).status_code == 303
    panel = world.actor("panel")
    with pytest.raises(attesting.AlreadyAttested), world.write() as session:
        attesting.attest(session, panel, name, 4, now=world.clock.now)


def test_who_led_it_has_the_last_word_on_the_headcount(world: World, now: SetClock) -> None:
    name = published(world, starts_in=1, lasts=60, leader=world.people["panel"].public_id)
    now.advance(minutes=62)
    assert world.page("coordinator").post(f"/activities/{name}/headcount", data={"headcount": "50"}).status_code == 303
    shown = world.page("panel").get(f"/activities/{name}").text
    assert f"50 人，由 {world.people['coordinator'].name} 报" in shown
    assert "到场多少人" in shown
    assert "到场多少人" not in world.page("coordinator").get(f"/activities/{name}").text
    assert world.page("panel").post(f"/activities/{name}/headcount", data={"headcount": "3"}).status_code == 303
    assert f"3 人，由 {world.people['panel'].name} 报" in world.page("panel").get(f"/activities/{name}").text
    for who in ("panel", "coordinator"):
        assert world.page(who).post(f"/activities/{name}/headcount", data={"headcount": "4"}).status_code == 409


def test_a_fourth_pair_of_a_day_is_refused_by_the_rules_words(world: World, now: SetClock) -> None:
    name = published(world, starts_in=1, lasts=600)
    now.advance(minutes=1)
    coordinator, person = world.actor("coordinator"), world.people["volunteer"].public_id

    def come_or_go(number: int) -> None:
        at = now.now + timedelta(minutes=20 * number)
        seen = Sighting(uuid.uuid4().hex, "manual", at, "in" if number % 2 == 0 else "out", is_live=False)
        with world.write() as session:
            checkin.enter(session, coordinator, name, person, seen, now=now.now + timedelta(minutes=400))

    for number in (0, 5, 4, 3, 2, 1):
        come_or_go(number)
    with pytest.raises(TooManyPairs) as refused:
        come_or_go(7)
    assert refused.value.facts == {"most": 3}


@pytest.mark.parametrize(("people", "is_seen"), [(3, False), (4, True)])
def test_the_fourth_person_of_one_phone_is_seen_at_whatever_activity(
    world: World, now: SetClock, people: int, is_seen: bool
) -> None:
    for who in PEOPLE[:people]:
        name = published(world, starts_in=1, lasts=30)
        now.advance(minutes=1)
        scan(world, who, name, device_id="one-phone")
        now.advance(minutes=30)
        scan(world, who, name, device_id="one-phone")
    assert ["many_accounts" in found for found in flags(world)] == [False] * (people - 1) + [is_seen]


def test_a_phone_is_forgotten_after_thirty_days(world: World, now: SetClock) -> None:
    for number, who in enumerate(PEOPLE[:4]):
        now.advance(days=31 if number == 3 else 0)
        world._tokens.clear()  # they have ended by then
        name = published(world, starts_in=1, lasts=30)
        now.advance(minutes=1)
        scan(world, who, name, device_id="one-phone")
        now.advance(minutes=30)
        scan(world, who, name, device_id="one-phone")
    assert not any("many_accounts" in found for found in flags(world))


def crowd(world: World, now: SetClock, size: int) -> str:
    """Have so many people come and go, and let the activity be closed."""
    name = published(world, starts_in=1, lasts=60, capacity=30)
    now.advance(minutes=1)
    people = [f"guest{number}" for number in range(size)]
    for who in people:
        world.add_person(who, f"来宾{who[5:]}")
    for minutes in (60, 60):
        token = code(world, name)
        for who in people:
            assert world.api(who, "POST", "/check-ins", {"code": token}).status_code == 201
            now.advance(seconds=1)
        now.advance(minutes=minutes)
    run_jobs(world)
    return name


@pytest.mark.parametrize(("size", "days", "is_seen"), [(10, 2, True), (9, 2, False), (10, 1, False)])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_headcount_that_never_comes_is_seen_after_two_days_of_ten_people(
    world: World, now: SetClock, size: int, days: int, is_seen: bool
) -> None:
    crowd(world, now, size)
    now.advance(days=days)
    run_jobs(world)
    assert [("no_headcount" in found) for found in flags(world)] == [is_seen] * size


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_headcount_in_time_is_no_signal(world: World, now: SetClock) -> None:
    name = crowd(world, now, 10)
    assert world.page("panel").post(f"/activities/{name}/headcount", data={"headcount": "10"}).status_code == 303
    now.advance(days=3)
    run_jobs(world)
    assert not any("no_headcount" in found for found in flags(world))


@pytest.mark.parametrize(
    ("starts_in", "days", "is_seen"),
    [(60, 0, True), (7 * 60 + 59, 0, True), (8 * 60, 0, False), (60, 5, False)],
    ids=["in the morning", "a minute before the end of work", "after work", "on a Saturday"],
)
def test_the_communitys_own_staff_in_working_hours_is_seen(
    world: World, now: SetClock, starts_in: float, days: int, is_seen: bool
) -> None:
    name = published(world, starts_in=days * 24 * 60 + starts_in, lasts=60)
    now.advance(days=days, minutes=starts_in)
    for minutes in (60, 60):
        for who in ("second", "volunteer"):
            scan(world, who, name)
        now.advance(minutes=minutes)
    run_jobs(world)
    assert ["staff_hours" in found for found in flags(world)] == [is_seen, False]
