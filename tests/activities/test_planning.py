"""Activities from draft to over: what a plan must say, when it may be published, edited and cancelled."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from bank.activities.models import Activity
from bank.members.models import Message
from tests.access.activities import form
from tests.checkin.street import PLAN, planned, published, rfc
from tests.conftest import SetClock
from tests.world import World

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def told(world: World, who: str) -> list[str]:
    with world.write() as session:
        found = select(Message).where(Message.person_id == world.people[who].id).order_by(Message.id)
        return [message.sentence % message.facts for message in session.scalars(found)]


def state(world: World, name: str) -> str:
    found: str = world.api("volunteer", "GET", f"/activities/{name}").json["state"]
    return found


@SQLITE
def test_an_activity_goes_from_draft_through_published_and_running_to_over(world: World, now: SetClock) -> None:
    plan = planned(world, starts_in=60, lasts=60)
    assert plan["state"] == "draft"
    assert world.api("volunteer", "GET", f"/activities/{plan['id']}").status_code == 404
    answer = world.api("coordinator", "POST", f"/activities/{plan['id']}/publication", {})
    assert (answer.status_code, answer.json["state"]) == (201, "published")
    now.advance(minutes=60)
    assert state(world, plan["id"]) == "running"
    now.advance(minutes=60)
    assert state(world, plan["id"]) == "over"


@SQLITE
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"risk_note": ""}, "risk_note"),
        ({"risk_note": None}, "risk_note"),
        ({"title": "补录上周时长"}, "title"),
        ({"capacity": 0}, "capacity"),
        ({"capacity": 2.5}, "capacity"),
        ({"ends_at": "2026-11-23T01:00:00Z"}, "ends_at"),
        ({"ends_at": "2026-11-29T01:00:00Z"}, "ends_at"),
        ({"starts_at": "tomorrow"}, "starts_at"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_plan_that_cannot_stand_is_refused_by_field(world: World, change: dict[str, Any], field: str) -> None:
    starts_at = world.clock.now + timedelta(hours=1)
    body = {**PLAN, "starts_at": rfc(starts_at), "ends_at": rfc(starts_at + timedelta(hours=1)), **change}
    answer = world.api("coordinator", "POST", "/activities", body)
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [field]


@SQLITE
def test_publishing_is_for_before_the_start_and_once(world: World, now: SetClock) -> None:
    late = planned(world, starts_in=60)["id"]
    once = published(world, starts_in=60)
    again = world.api("coordinator", "POST", f"/activities/{once}/publication", {"none_of_these": True})
    assert (again.status_code, again.json["code"]) == (409, "not_a_draft")
    now.advance(minutes=60)
    answer = world.api("coordinator", "POST", f"/activities/{late}/publication", {"none_of_these": True})
    assert (answer.status_code, answer.json["code"]) == (409, "too_late")


def test_the_database_itself_wants_a_risk_note_and_publication_before_the_start(world: World, now: SetClock) -> None:
    name = published(world)
    mine = update(Activity).where(Activity.public_id == name)
    for wrong in ({"risk_note": ""}, {"published_at": now.now + timedelta(days=9)}, {"taken": 21}):
        with pytest.raises(IntegrityError), world.write() as session:
            session.execute(mine.values(**wrong))


@SQLITE
def test_another_community_sees_nothing(world: World) -> None:
    name = published(world)
    assert world.api("stranger", "GET", f"/activities/{name}").status_code == 404
    assert (
        world.api(
            "stranger_coordinator", "POST", f"/activities/{name}/publication", {"none_of_these": True}
        ).status_code
        == 404
    )
    assert world.api("stranger", "GET", "/activities").json["items"] == []


@SQLITE
def test_a_cancellation_tells_everyone_with_the_reason(world: World) -> None:
    name = published(world, capacity=1)
    for who in ("volunteer", "resident"):
        world.api(who, "POST", f"/activities/{name}/sign-ups", {})
    answer = world.api("coordinator", "POST", f"/activities/{name}/cancellation", {"reason": "下大雨"})
    assert (answer.status_code, answer.json["state"]) == (201, "cancelled")
    for who in ("volunteer", "resident"):
        assert told(world, who) == ["“清洁湖边”取消了：下大雨。不用去了。"]
    again = world.api("coordinator", "POST", f"/activities/{name}/cancellation", {"reason": "下大雨"})
    assert (again.status_code, again.json["code"]) == (409, "activity_cancelled")
    sign_up = world.api("relative", "POST", f"/activities/{name}/sign-ups", {})
    assert (sign_up.status_code, sign_up.json["code"]) == (409, "activity_cancelled")


@SQLITE
def test_the_calendar_pages_through_everything_once_in_order(world: World) -> None:
    names = [published(world, starts_in=60 + 30 * n) for n in range(5)]
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = world.api("volunteer", "GET", f"/activities?limit=2{'&cursor=' + cursor if cursor else ''}").json
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert seen == names


@SQLITE
def test_the_form_keeps_what_was_typed_and_says_what_to_mend(world: World) -> None:
    typed = {**form(world), "risk_note": "", "title": "湖边<读报>"}
    answer = world.page("coordinator").post("/activities/new", data=typed)
    assert answer.status_code == 422
    assert "湖边&lt;读报&gt;" in answer.text
    assert "请填写这一项。" in answer.text


@SQLITE
def test_publishing_from_the_form_takes_one_press(world: World) -> None:
    browser = world.page("coordinator")
    answer = browser.post(
        "/activities/new", data={**form(world), "publish": "1", "none_of_these": "1"}, follow_redirects=True
    )
    assert answer.status_code == 200
    assert "已发布" in answer.text
    assert len(world.api("volunteer", "GET", "/activities").json["items"]) == 1


@SQLITE
def test_going_back_and_publishing_again_asks_before_it_makes_a_twin(world: World) -> None:
    browser, typed = world.page("coordinator"), {**form(world), "publish": "1", "none_of_these": "1"}
    first = browser.post("/activities/new", data=typed)
    asked = browser.post("/activities/new", data=typed)
    assert asked.status_code == 409
    assert "都一样的活动" in asked.text
    assert first.headers["Location"] in asked.text
    assert 'value="湖边读报"' in asked.text
    assert browser.post("/activities/new", data={**typed, "again": "1"}).status_code == 303
    assert browser.post("/activities/new", data={**typed, "title": "湖边下棋"}).status_code == 303
    assert len(world.api("volunteer", "GET", "/activities").json["items"]) == 3


@SQLITE
def test_publishing_in_the_past_from_the_form_saves_nothing(world: World, now: SetClock) -> None:
    typed = form(world)
    now.advance(days=5)
    answer = world.page("coordinator").post("/activities/new", data={**typed, "publish": "1", "none_of_these": "1"})
    assert answer.status_code == 422
    with world.write() as session:
        assert session.scalars(select(Activity)).all() == []


@SQLITE
def test_doing_it_once_more_copies_everything_to_the_same_weekday_and_hour(world: World, now: SetClock) -> None:
    name = published(world, starts_in=60)
    now.advance(days=9)
    page = world.page("coordinator").get(f"/activities/new?from={name}").text
    assert 'value="2026-12-07T10:00"' in page
    assert 'value="清洁湖边"' in page
    assert "注意路滑，不下水。" in page


@SQLITE
def test_a_changed_place_is_told_and_a_capacity_never_falls_below_the_places_taken(world: World) -> None:
    name = published(world, starts_in=60 * 24)
    for who in ("volunteer", "resident"):
        world.api(who, "POST", f"/activities/{name}/sign-ups", {})
    browser = world.page("coordinator")
    page = browser.get(f"/activities/{name}/edit").text
    assert 'value="望月湖东门"' in page
    starts_at = world.clock.now + timedelta(hours=32)
    moved = {**form(world), "starts_at": starts_at.strftime("%Y-%m-%dT%H:%M"), "place": "西门"}
    moved["ends_at"] = (starts_at + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M")
    assert browser.post(f"/activities/{name}/edit", data={**moved, "capacity": "1"}).status_code == 422
    assert browser.post(f"/activities/{name}/edit", data=moved).status_code == 303
    assert told(world, "volunteer") == ["“湖边读报”改了时间或地点，请看一看。"]


def seen_in(page: str) -> str:
    found = re.search(r'name="seen" value="(\w+)"', page)
    assert found is not None
    return found.group(1)


def test_the_second_of_two_tabs_is_told_what_the_first_changed_and_keeps_what_was_typed(world: World) -> None:
    name = published(world, starts_in=60 * 24)
    browser = world.page("coordinator")
    tabs = [seen_in(browser.get(f"/activities/{name}/edit").text) for _ in range(2)]
    first = {**form(world), "place": "西门", "seen": tabs[0]}
    second = {**form(world), "place": "南门", "description": "带手套", "seen": tabs[1]}
    assert browser.post(f"/activities/{name}/edit", data=first).status_code == 303
    refused = browser.post(f"/activities/{name}/edit", data=second)
    assert refused.status_code == 409
    for text in ("刚才有人改过，请看新的再改", "现在是：西门", 'value="南门"', "带手套"):
        assert text in refused.text
    assert 'value="西门"' in browser.get(f"/activities/{name}/edit").text
    knowing = {**second, "seen": seen_in(refused.text)}
    assert browser.post(f"/activities/{name}/edit", data=knowing).status_code == 303
    assert 'value="南门"' in browser.get(f"/activities/{name}/edit").text


@SQLITE
def test_the_pages_show_every_stage(world: World, now: SetClock) -> None:
    name = published(world, starts_in=60, lasts=60)
    browser = world.page("volunteer")
    assert "我要报名" in browser.get(f"/activities/{name}").text
    done = browser.post(f"/activities/{name}/sign-ups", follow_redirects=True).text
    assert "报好了" in done
    assert "我来不了" in done
    for when in ("upcoming", "today", "week", "mine"):
        assert "清洁湖边" in browser.get(f"/activities?when={when}").text
    assert "清洁湖边" not in browser.get("/activities?category=culture").text
    now.advance(minutes=70)
    assert "扫码签到" in browser.get(f"/activities/{name}").text
    now.advance(minutes=130)
    assert "清洁湖边" not in browser.get("/activities").text
    assert "清洁湖边" in browser.get("/activities?when=past").text
