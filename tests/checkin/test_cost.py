"""What a check-in may cost: at most twelve statements a request, whatever the history."""

from __future__ import annotations

from tests.checkin.counting import counted
from tests.checkin.street import code, published
from tests.checkin.test_cards import card
from tests.conftest import SetClock
from tests.world import World

MOST = 12


def test_a_check_in_and_a_check_out_through_the_api_take_at_most_twelve_statements(world: World, now: SetClock) -> None:
    name = published(world)
    world._token("volunteer", "api")
    for minutes in (60, 5, 60):
        now.advance(minutes=minutes)
        body = {"code": code(world, name), "device_id": "phone"}
        with counted(world) as statements:
            assert world.api("volunteer", "POST", "/check-ins", body).status_code == 201
        assert len(statements) <= MOST, "\n".join(statements)


def test_a_card_scan_takes_at_most_twelve_statements(world: World, now: SetClock) -> None:
    name = published(world)
    world._token("coordinator", "api")
    for minutes in (60, 60):
        now.advance(minutes=minutes)
        body = {"card": card(world, "resident"), "uuid": f"card-{minutes}-{now.now}"}
        with counted(world) as statements:
            answer = world.api("coordinator", "POST", f"/activities/{name}/card-scans", body)
        assert answer.status_code == 201
        assert len(statements) <= MOST, "\n".join(statements)


def test_pressing_the_button_takes_at_most_twelve_statements(world: World, now: SetClock) -> None:
    name = published(world)
    browser = world.page("volunteer")
    for minutes, key in ((60, "first"), (60, "second")):
        now.advance(minutes=minutes)
        with counted(world) as looking:
            assert browser.get(f"/s/{code(world, name)}").status_code == 200
        with counted(world) as statements:
            assert browser.post("/s/claim", data={"_key": key}).status_code == 303
        assert len(statements) <= MOST, "\n".join(statements)
        assert len(looking) <= MOST


def test_a_refusal_takes_at_most_twelve_statements(world: World, now: SetClock) -> None:
    name = published(world)
    world._token("volunteer", "api")
    body = {"code": code(world, name)}
    with counted(world) as statements:
        assert world.api("volunteer", "POST", "/check-ins", body).status_code == 409
    assert len(statements) <= MOST, "\n".join(statements)
