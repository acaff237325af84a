"""From a scanned link to being checked in: the claim survives a slow sign-in, and looking changes nothing."""

from __future__ import annotations

import logging
import re
from typing import Any

import brotli
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from bank.checkin.models import Attendance, ScanEvent
from bank.members import passwords
from bank.members.models import Person
from tests.checkin.counting import counted
from tests.checkin.street import code, published, scan
from tests.checkin.test_scanning import kept
from tests.conftest import SetClock
from tests.world import World

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
LEAN_BYTES = 25 * 1024


def attendances(world: World) -> list[tuple[str, Any]]:
    with world.write() as session:
        return [(item.state, item.checked_in_at) for item in session.scalars(select(Attendance))]


def fetch(browser: FlaskClient, address: str) -> bytes:
    with browser.get(address) as response:
        return response.get_data()


def press(browser: FlaskClient, **form: str) -> Any:
    return browser.post("/s/claim", data=form)


def test_a_link_is_opened_and_one_button_checks_in(world: World, now: SetClock) -> None:
    name = published(world)
    now.advance(minutes=60)
    browser = world.page("volunteer")
    page = browser.get(f"/s/{code(world, name)}")
    assert page.status_code == 200
    assert 'action="/s/claim"' in page.text
    assert "data-auto-submit" in page.text
    assert attendances(world) == []
    done = press(browser)
    assert done.status_code == 303
    assert "已签到 10:00" in browser.get(done.headers["Location"]).text
    assert attendances(world) == [("checked_in", now.now)]


@SQLITE
def test_looking_any_number_of_times_changes_nothing(world: World, now: SetClock) -> None:
    name = published(world)
    now.advance(minutes=60)
    for _ in range(3):
        assert world.page("volunteer").get(f"/s/{code(world, name)}").status_code == 200
    assert attendances(world) == []
    assert kept(world) == {}


@SQLITE
def test_the_claim_survives_a_sign_in_of_minutes_and_counts_from_the_scan(world: World, now: SetClock) -> None:
    name = published(world)
    with world.write() as session:
        session.get_one(Person, world.people["volunteer"].id).password_hash = passwords.make_hash("long enough")
    now.advance(minutes=60)
    scanned_at = now.now
    browser = world.page(None)
    page = browser.get(f"/s/{code(world, name)}")
    onward = re.search(r'href="(/sign-in\?next=[^"]+)"', page.text)
    assert onward is not None
    now.advance(minutes=9)
    typed = {"login": "volunteer", "password": "long enough", "next": "/s/claim"}
    landed = browser.post("/sign-in", data=typed, follow_redirects=True)
    assert "10:00" in landed.text
    assert press(browser).status_code == 303
    assert attendances(world) == [("checked_in", scanned_at)]


@SQLITE
def test_a_claim_ends_after_ten_minutes(world: World, now: SetClock) -> None:
    name = published(world)
    now.advance(minutes=60)
    browser = world.page("volunteer")
    browser.get(f"/s/{code(world, name)}")
    now.advance(minutes=10)
    assert browser.get("/s/claim").status_code == 409
    assert press(browser).status_code == 409
    assert attendances(world) == []


@SQLITE
def test_a_forwarded_link_is_worthless_in_another_browser(world: World, now: SetClock) -> None:
    name = published(world)
    now.advance(minutes=60)
    link = f"/s/{code(world, name)}"
    assert world.page("volunteer").get(link).status_code == 200
    now.advance(seconds=46)
    other = world.page("resident")
    page = other.get(link)
    assert page.status_code == 409
    assert "已经过期" in page.text
    assert press(other).status_code == 409


@SQLITE
def test_a_claim_is_for_one_person(world: World, now: SetClock) -> None:
    name = published(world)
    now.advance(minutes=60)
    browser = world.page("volunteer")
    browser.get(f"/s/{code(world, name)}")
    cookie = browser.get_cookie("claim", path="/s")
    assert cookie is not None
    assert cookie.http_only
    assert press(browser).status_code == 303
    friend = world.page("resident")
    friend.set_cookie("claim", cookie.value, path="/s")
    assert press(friend).status_code == 409
    browser.set_cookie("claim", cookie.value, path="/s")
    assert press(browser).status_code == 303
    assert kept(world) == {"ok": 1}


@SQLITE
def test_a_forged_claim_is_none(world: World, now: SetClock) -> None:
    browser = world.page("volunteer")
    browser.set_cookie("claim", 'WyJSMSIsIjIwMjYiXQ.forged"', path="/s")
    assert browser.get("/s/claim").status_code == 409
    assert press(browser).status_code == 409


@SQLITE
def test_going_early_asks_first_and_going_later_is_one_button(world: World, now: SetClock) -> None:
    name = published(world)
    now.advance(minutes=60)
    scan(world, "volunteer", name)
    browser = world.page("volunteer")
    now.advance(minutes=5)
    early = browser.get(f"/s/{code(world, name)}").text
    assert "已签到 10:00" in early
    assert "data-confirm" in early
    assert "data-auto-submit" not in early
    now.advance(minutes=55)
    later = browser.get(f"/s/{code(world, name)}").text
    assert "您 10:00 签到" in later
    assert "data-auto-submit" not in later
    done = browser.post("/s/claim", data={"direction": "out"}, follow_redirects=True)
    assert "已签退 11:00" in done.text
    again = browser.get(f"/s/{code(world, name)}").text
    assert "您已经签退了" in again
    onward = re.search(r'href="(/attendances/[^"]+)"', again)
    assert onward is not None
    assert "已签退 11:00" in browser.get(onward.group(1)).text


def test_the_activitys_page_says_how_far_ones_visit_is_and_leads_to_it(world: World, now: SetClock) -> None:
    name = published(world)
    browser = world.page("volunteer")
    world.api("volunteer", "POST", f"/activities/{name}/sign-ups", {})
    now.advance(minutes=60)
    here = f"/activities/{name}"
    assert "到了先扫码签到" in browser.get(here).text
    scan(world, "volunteer", name)
    inside = browser.get(here).text
    assert "您已签到 10:00" in inside
    assert "扫码签退" in inside
    now.advance(minutes=60)
    scan(world, "volunteer", name)
    with counted(world) as statements:
        after = browser.get(here).text
    assert "您已签退，时长等社区核对。" in after
    assert "到了先扫码签到" not in after
    assert "扫码签" not in after
    assert len(statements) <= 6, statements
    onward = re.search(r'href="(/attendances/[^"]+)"', after)
    assert onward is not None
    assert "已签退 11:00" in browser.get(onward.group(1)).text
    assert "/attendances/" not in world.page("resident").get(here).text


@SQLITE
def test_two_people_on_one_phone_are_flagged(world: World, now: SetClock) -> None:
    name = published(world)
    now.advance(minutes=60)
    first = world.page("volunteer")
    first.get(f"/s/{code(world, name)}")
    device = first.get_cookie("device")
    assert device is not None
    press(first)
    second = world.page("resident")
    second.set_cookie("device", device.value)
    second.get(f"/s/{code(world, name)}")
    press(second)
    with world.write() as session:
        found = session.scalars(select(Attendance).order_by(Attendance.id)).all()
        assert [[flag["code"] for flag in item.flags] for item in found] == [["walk_in"], ["walk_in", "shared_device"]]
        devices = set(session.scalars(select(ScanEvent.device)))
    assert len(devices) == 1
    assert device.value not in devices


@SQLITE
def test_an_unknown_link_gets_a_clear_page(world: World) -> None:
    for who in (None, "volunteer"):
        page = world.page(who).get("/s/whatever")
        assert page.status_code == 404
        assert "认不出来" in page.text


@SQLITE
def test_the_landing_is_lean_uncached_and_says_nothing_to_other_sites(world: World, now: SetClock) -> None:
    name = published(world)
    now.advance(minutes=60)
    for who in (None, "volunteer"):
        browser = world.page(who)
        page = browser.get(f"/s/{code(world, name)}")
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "no-referrer"
        wanted = set(re.findall(r'(?:src|href)="(/static/[^"#]+)', page.text))
        assert len(wanted) + 1 <= 4, wanted
        bodies = [page.get_data(), *(fetch(browser, address) for address in wanted)]
        assert sum(len(brotli.compress(body, quality=5)) for body in bodies) <= LEAN_BYTES


@SQLITE
def test_no_code_or_card_reaches_the_log(world: World, now: SetClock, caplog: pytest.LogCaptureFixture) -> None:
    name = published(world)
    now.advance(minutes=60)
    token = code(world, name)
    with caplog.at_level(logging.DEBUG):
        browser = world.page("volunteer")
        browser.get(f"/s/{token}")
        press(browser)
        world.api("resident", "POST", "/check-ins", {"code": token[:-1] + "0"})
    assert token[:-2] not in caplog.text


@SQLITE
def test_six_digits_lead_to_the_same_button(world: World, now: SetClock) -> None:
    name = published(world)
    now.advance(minutes=60)
    six = world.api("coordinator", "GET", f"/activities/{name}/code").json["six"]
    browser = world.page("volunteer")
    assert name in browser.get("/scan").text
    done = browser.post("/scan", data={"activity": name, "six": f"{six[:3]} {six[3:]}"})
    assert (done.status_code, done.headers["Location"]) == (303, "/s/claim")
    now.advance(minutes=3)
    assert "签到" in browser.get("/s/claim").text
    press(browser)
    with world.write() as session:
        event = session.scalars(select(ScanEvent)).one()
        assert (event.via, event.verdict) == ("digits", "ok")


@SQLITE
def test_a_person_has_five_tries_a_minute_at_the_digits(world: World, now: SetClock) -> None:
    name = published(world)
    now.advance(minutes=60)
    browser = world.page("volunteer")
    wrong = {"activity": name, "six": "000000"}
    assert [browser.post("/scan", data=wrong).status_code for _ in range(6)] == [422] * 5 + [429]
    now.advance(minutes=1)
    assert browser.post("/scan", data=wrong).status_code == 422


@SQLITE
def test_twenty_wrong_digits_a_minute_lock_them_for_ten_minutes_and_never_the_code(world: World, now: SetClock) -> None:
    name = published(world)
    now.advance(minutes=60)
    browsers = []
    for number in range(6):
        world.add_person(f"p{number}", "路人")
        browsers.append(world.page(f"p{number}"))
    wrong = {"activity": name, "six": "000000"}
    answers = [browsers[n // 4].post("/scan", data=wrong).status_code for n in range(21)]
    assert answers == [422] * 20 + [429]

    def right() -> int:
        six = world.api("coordinator", "GET", f"/activities/{name}/code").json["six"]
        return world.page("volunteer").post("/scan", data={"activity": name, "six": six}).status_code

    now.advance(minutes=5)
    assert right() == 429
    assert scan(world, "resident", name).status_code == 201
    now.advance(minutes=5)
    assert right() == 303


@SQLITE
def test_the_screen_gets_ten_minutes_of_codes_and_live_heads(world: World, now: SetClock) -> None:
    name = published(world)
    now.advance(minutes=60)
    browser = world.page("coordinator")
    assert f"/activities/{name}/codes?n=40" in browser.get(f"/activities/{name}/screen").text
    answer = browser.get(f"/activities/{name}/codes?n=40").json
    assert answer["step_s"] == 15
    assert [one["offset_ms"] for one in answer["codes"]] == [15000 * n for n in range(40)]
    assert answer["codes"][0]["url"].endswith("/s/" + code(world, name))
    assert all(re.fullmatch("[0-9]{6}", one["six"]) for one in answer["codes"])
    scan(world, "volunteer", name)
    heads = browser.get(f"/activities/{name}/count")
    assert heads.json == {"signed_up": 0, "arrived": 1, "present": 1}
    again = browser.get(f"/activities/{name}/count", headers={"If-None-Match": heads.headers["ETag"]})
    assert again.status_code == 304


@SQLITE
def test_ones_own_pass_is_what_a_coordinator_scans(world: World, now: SetClock) -> None:
    name = published(world)
    now.advance(minutes=60)
    assert "<svg" in world.page("volunteer").get("/me/pass").text
    card = world.api("volunteer", "GET", "/me/pass").json
    assert card["url"].endswith("/s/" + card["code"])
    answer = world.api("coordinator", "POST", f"/activities/{name}/card-scans", {"card": card["url"]})
    assert answer.status_code == 201
