"""Cards and entries by hand: the coordinator's side, with and without a script."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from bank.checkin.codes import Keys
from bank.checkin.models import ScanEvent
from bank.credits.models import Credit
from bank.members import operations as members
from bank.members.models import Household, Person
from tests.checkin.counting import counted
from tests.checkin.street import code, published
from tests.checkin.test_closing import all_attendances, approve, flags
from tests.checkin.test_scanning import kept, refusal
from tests.conftest import SetClock
from tests.world import World

KEYS = Keys(bytes(range(32)))
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def card(world: World, who: str, version: int = 1) -> str:
    return KEYS.member_pass(world.people[who].public_id, version)


def present(world: World, whose: str, name: str, *, by: str = "coordinator", **more: Any) -> Any:
    return world.api(by, "POST", f"/activities/{name}/card-scans", {"card": card(world, whose), **more})


def by_script(world: World, name: str, text: str, direction: str = "in", uuid: str = "card-scan-1") -> Any:
    body = {"card": text, "direction": direction, "uuid": uuid}
    return world.page("coordinator").post(f"/activities/{name}/card-scans", json=body)


def test_a_card_scanned_in_and_out_is_class_a_and_proposed_by_whoever_scanned(world: World, now: SetClock) -> None:
    name = published(world, starts_in=60, lasts=60)
    now.advance(minutes=60)
    arrived = present(world, "resident", name)
    assert arrived.status_code == 201
    assert arrived.json["member"] == {"id": world.people["resident"].public_id, "name": "李秀英"}
    now.advance(minutes=60)
    left = present(world, "resident", name, direction="out").json["attendance"]
    assert (left["state"], left["minutes"], left["evidence"]) == ("to_review", 60, "A")
    with world.write() as session:
        assert session.scalars(select(Credit.proposed_by)).one() == world.people["coordinator"].id


def test_whoever_scanned_the_card_cannot_approve_alone(world: World, now: SetClock) -> None:
    name = published(world, starts_in=60, lasts=60)
    now.advance(minutes=60)
    present(world, "resident", name)
    now.advance(minutes=60)
    item = present(world, "resident", name).json["attendance"]
    assert approve(world, "coordinator", item) == [{"attendance_id": item["id"], "state": "second_review"}]
    waiting = world.api("second", "GET", "/attendances?state=to_review").json["items"]
    assert [one["id"] for one in waiting] == [item["id"]]
    assert approve(world, "second", item) == [{"attendance_id": item["id"], "state": "approved"}]


@SQLITE
def test_a_revoked_a_forged_a_foreign_and_a_disabled_card_are_refused_and_kept(world: World, now: SetClock) -> None:
    name = published(world)
    now.advance(minutes=60)
    with world.write() as session:
        members.reissue_card(session, session.get_one(Person, world.people["resident"].id))
        members.disable(session, session.get_one(Person, world.people["relative"].id), now=now.now)
    assert refusal(present(world, "resident", name)) == (409, "card_revoked")
    assert refusal(present(world, "relative", name)) == (409, "person_disabled")
    assert refusal(present(world, "stranger", name)) == (409, "code_invalid")
    forged = card(world, "resident", 2)[:-1] + "!"
    for text in (forged, code(world, name), world.people["resident"].public_id):
        answer = world.api("coordinator", "POST", f"/activities/{name}/card-scans", {"card": text})
        assert refusal(answer) == (409, "code_invalid")
    assert kept(world) == {"card_revoked": 1, "person_disabled": 1, "code_invalid": 4}


@SQLITE
def test_a_disabled_person_is_refused_even_when_already_in(world: World, now: SetClock) -> None:
    name = published(world)
    now.advance(minutes=60)
    assert present(world, "resident", name).status_code == 201
    with world.write() as session:
        members.disable(session, session.get_one(Person, world.people["resident"].id), now=now.now)
    assert refusal(present(world, "resident", name)) == (409, "person_disabled")


@SQLITE
def test_the_script_gets_name_word_and_sound(world: World, now: SetClock) -> None:
    name = published(world)
    world.api("resident", "POST", f"/activities/{name}/sign-ups", {})
    now.advance(minutes=60)
    first = by_script(world, name, f"http://localhost/s/{card(world, 'resident')}")
    assert first.json == {
        "ok": True,
        "status": "in",
        "name": "李秀英",
        "title": "签到了",
        "detail": "10:00",
        "sound": "ok",
    }
    again = by_script(world, name, card(world, "resident"), uuid="card-scan-2")
    assert (again.json["status"], again.json["ok"], again.json["sound"]) == ("already", True, "attention")
    left = by_script(world, name, card(world, "resident"), "out", uuid="card-scan-3")
    assert (left.json["status"], left.json["title"]) == ("out", "签退了")
    over = by_script(world, name, card(world, "resident"), "out", uuid="card-scan-4")
    assert over.status_code == 409
    assert (over.json["status"], over.json["name"], over.json["ok"]) == ("already", "李秀英", False)
    nobody = by_script(world, name, "https://example.org/x", uuid="card-scan-5")
    assert (nobody.status_code, nobody.json["status"], nobody.json["title"]) == (409, "error", "没有记上")


@SQLITE
def test_a_retry_of_the_same_card_scan_is_that_scan(world: World, now: SetClock) -> None:
    name = published(world)
    now.advance(minutes=60)
    by_script(world, name, card(world, "resident"))
    assert by_script(world, name, card(world, "resident")).status_code == 200
    assert kept(world) == {"ok": 1}


@SQLITE
def test_without_a_script_a_card_or_its_number_can_be_typed(world: World, now: SetClock) -> None:
    name = published(world)
    now.advance(minutes=60)
    browser = world.page("coordinator")
    typed = {"card": card(world, "resident").lower(), "direction": "in"}
    page = browser.post(f"/activities/{name}/card-scans", data=typed, follow_redirects=True)
    assert "李秀英：签到了" in page.text
    assert page.text.count("手工登记的时长不能兑换") == 1
    number = world.people["relative"].public_id
    typed = {"card": f"{number[:4]} {number[4:].lower()}", "direction": "in"}
    page = browser.post(f"/activities/{name}/card-scans", data=typed, follow_redirects=True)
    assert "陈志强：签到了" in page.text
    assert page.text.count("手工登记的时长不能兑换") == 2, "once beside the field, once in the answer"
    assert [flags(item) for item in all_attendances(world)] == [["walk_in"], ["walk_in", "manual"]]
    wrong = browser.post(f"/activities/{name}/card-scans", data={"card": "00000000", "direction": "in"})
    assert wrong.status_code == 409
    forged = browser.post(f"/activities/{name}/card-scans", data={"card": "no card", "direction": "in"})
    assert all("这张卡认不出来" in answer.text for answer in (wrong, forged))


@SQLITE
def test_the_number_of_a_lost_card_is_refused_and_that_of_the_new_one_counts(world: World, now: SetClock) -> None:
    name = published(world)
    now.advance(minutes=60)
    person = world.people["resident"]
    with world.write() as session:
        members.reissue_card(session, session.get_one(Person, person.id))
    printed = world.page("coordinator").get(f"/people/{person.public_id}/card").text
    number = f"{person.public_id[:4]} {person.public_id[4:]}-2"
    assert number in printed
    assert by_script(world, name, person.public_id).get_json()["code"] == "card_revoked"
    answer = by_script(world, name, number, uuid="card-scan-2").get_json()
    assert answer["ok"]
    assert answer["sound"] == "attention"
    assert "手工登记的时长不能兑换" in answer["detail"]


@SQLITE
def test_an_entry_by_hand_is_class_c(world: World, now: SetClock) -> None:
    name = published(world, starts_in=60, lasts=60)
    browser = world.page("coordinator")
    now.advance(minutes=60)
    found = browser.get(f"/activities/{name}/roster?q=lxy").text
    assert "李秀英" in found
    assert "撤销签到" not in found
    person = world.people["resident"].public_id
    browser.post(f"/activities/{name}/entries", data={"person": person, "direction": "in"})
    again = browser.get(f"/activities/{name}/roster?q=lxy").text
    assert again.count("撤销签到") == 2, "where she was found, and on the list below"
    now.advance(minutes=60)
    page = browser.post(
        f"/activities/{name}/entries", data={"person": person, "direction": "out"}, follow_redirects=True
    )
    assert "李秀英：签退了" in page.text
    item = all_attendances(world)[0]
    assert (item["evidence"], item["minutes"], flags(item)) == ("C", 60, ["walk_in", "manual"])


@SQLITE
def test_a_scan_taken_back_stays_in_the_log_and_the_attendance_is_read_anew(world: World, now: SetClock) -> None:
    name = published(world, starts_in=60, lasts=60)
    now.advance(minutes=60)
    present(world, "resident", name)
    now.advance(minutes=12)
    left = present(world, "resident", name, uuid="hasty-check-out").json["attendance"]
    assert left["minutes"] == 12
    voided = world.api("coordinator", "POST", "/scans/hasty-check-out:void", {"reason": "扫早了"})
    assert voided.status_code == 201
    again = world.api("coordinator", "POST", "/scans/hasty-check-out:void", {"reason": "扫早了"})
    assert refusal(again) == (409, "uuid_reuse")
    now.advance(minutes=48)
    assert present(world, "resident", name).json["attendance"]["minutes"] == 60
    with world.write() as session:
        assert len(session.scalars(select(ScanEvent)).all()) == 4
        assert session.scalars(select(Credit.amount)).one() == 60


@SQLITE
def test_taking_back_the_only_scan_voids_the_attendance(world: World, now: SetClock) -> None:
    name = published(world)
    now.advance(minutes=60)
    present(world, "resident", name, uuid="wrong-person")
    answer = world.api("coordinator", "POST", "/scans/wrong-person:void", {"reason": "扫错人了"})
    assert answer.json["attendance"]["state"] == "void"
    assert present(world, "resident", name).json["attendance"]["state"] == "checked_in"


@SQLITE
def test_a_card_opened_by_a_phone_camera(world: World, now: SetClock) -> None:
    name = published(world)
    now.advance(minutes=60)
    link = f"/s/{card(world, 'resident')}"
    for who in (None, "volunteer"):
        page = world.page(who).get(link)
        assert page.status_code == 200
        assert "李秀英" not in page.text
        assert "居民卡" in page.text
    assert "这是您自己的卡" in world.page("resident").get(link).text
    page = world.page("coordinator").get(link)
    assert "李秀英" in page.text
    assert f"/activities/{name}/card-scans" in page.text
    assert kept(world) == {}
    foreign = world.page("stranger_coordinator").get(link)
    assert foreign.status_code == 404
    assert "李秀英" not in foreign.text


@SQLITE
def test_cards_are_printed_with_name_number_and_code(world: World) -> None:
    person = world.people["resident"]
    page = world.page("coordinator").get(f"/people/{person.public_id}/card").text
    assert "李秀英" in page
    assert f"{person.public_id[:4]} {person.public_id[4:]}" in page
    assert "<svg" in page
    sheet = world.page("coordinator").get("/people/cards?building=wyh-3").text
    assert sheet.count('class="id-card"') == 9
    assert world.page("coordinator").get("/people/cards?building=elsewhere").status_code == 404


@SQLITE
def test_a_buildings_cards_come_twenty_a_page_and_say_how_many_pages(world: World) -> None:
    with world.write() as session:
        home = session.get_one(Household, world.people["resident"].household_id)
    for number in range(33):
        world.add_person(f"n{number}", f"邻居{number}", household=home)
    browser = world.page("coordinator")
    texts, costs = [], []
    for page in (1, 2, 3):
        with counted(world) as statements:
            texts.append(browser.get(f"/people/cards?building=wyh-3&page={page}").text)
        costs.append(len(statements))
    assert [text.count('class="id-card"') for text in texts] == [20, 20, 2]
    assert "共 42 张" in texts[0]
    assert "第 1 页，共 3 页" in texts[0]
    assert sum(text.count(f"邻居{number}<") for text in texts for number in range(33)) == 33
    assert max(costs) <= 8, costs
    assert browser.get("/people/cards?building=wyh-3&page=4").status_code == 404
    assert browser.get("/people/cards?building=wyh-3&page=x").status_code == 404
