"""Looking after people: registration, cards, PINs, search, and what a PIN must be."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bank import chart, db
from bank.communities.models import Community
from bank.members import neighbours, passwords, people, rules
from bank.members import operations as members
from bank.members.models import Person
from tests.conftest import SetClock
from tests.credits.races import wait_until_all_stand
from tests.world import World


def test_a_coordinator_registers_a_resident_from_paper_with_accounts_opened(world: World, now: SetClock) -> None:
    form = {"name": "黄桂英", "phone": "138 0000 0001", "building": "wyh-3", "door": "2单元101", "is_elder": "1"}
    answer = world.page("coordinator").post("/people/new", data=form)
    assert answer.status_code == 303
    with world.write() as session:
        person = members.in_community(session, world.community_id, answer.headers["Location"].rsplit("/", 1)[1])
        assert (person.phone, person.pinyin, person.is_elder) == ("13800000001", "hgy", True)
        book = db.book(session, world.community_id, now.now)
        assert book.balance(chart.member(person.public_id), chart.MINUTES).available == 0
        assert book.balance(chart.member(person.public_id), chart.POINTS).available == 0


@pytest.mark.parametrize(
    "more", [{"phone": "138 0000 0001"}, {"building": "wyh-3", "door": "2单元101"}], ids=["phone", "door"]
)
def test_registering_somebody_a_second_time_asks_first(world: World, more: dict[str, str]) -> None:
    browser, form = world.page("coordinator"), {"name": "黄桂英", **more}
    first = browser.post("/people/new", data=form)
    asked = browser.post("/people/new", data=form)
    assert asked.status_code == 409
    assert first.headers["Location"] in asked.text
    assert 'value="黄桂英"' in asked.text
    assert browser.post("/people/new", data={**form, "name": "黄桂芳"}).status_code == 303
    assert browser.post("/people/new", data={**form, "again": "1"}).status_code == 303
    with world.write() as session:
        assert len(members.search(session, world.community_id, "黄桂英")) == 2


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_who_loses_the_race_for_a_login_is_told_that_it_is_taken(world: World, now: SetClock) -> None:
    page = world.page("coordinator")
    with ThreadPoolExecutor(1) as pool:
        with world.write() as session:
            community = session.get_one(Community, world.community_id)
            members.register(session, community, name="黄桂英", now=now.now, login="huang")
            session.flush()
            loser = pool.submit(page.post, "/people/new", data={"name": "黄桂芳", "login": "huang"})
            wait_until_all_stand(1)
        answer = loser.result(timeout=30)
    assert answer.status_code == 422
    assert "这个登录名已经有人用了" in answer.text


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "黄桂英", "phone": "12345"}, "phone"),
        ({"name": "黄桂英", "login": "Volunteer"}, "login"),
        ({"name": "黄桂英", "login": "坏"}, "login"),
        ({"name": "黄桂英", "building": "nowhere", "door": "1"}, "building"),
        ({"name": "黄桂英", "pin": "1234"}, "pin"),
        ({"name": "黄桂英", "password": "short"}, "password"),
        ({"name": "黄\x07桂英"}, "name"),
        ({"name": "黄" * 41}, "name"),
    ],
)
def test_a_registration_that_cannot_be_keeps_what_was_typed(world: World, form: dict[str, str], field: str) -> None:
    answer = world.page("coordinator").post("/people/new", data={**form, "door": form.get("door", "9单元909")})
    assert answer.status_code == 422
    assert f'id="e-{field}"' in answer.text
    assert "9单元909" in answer.text or form.get("door", "") in answer.text


def test_a_member_of_another_community_is_as_good_as_not_there(world: World) -> None:
    stranger = world.people["stranger"].public_id
    assert world.page("coordinator").get(f"/people/{stranger}").status_code == 404
    assert world.page("coordinator").post(f"/people/{stranger}/card").status_code == 404
    assert world.page("admin").post(f"/people/{stranger}/access", data={"do": "disable"}).status_code == 404


def test_a_new_card_voids_the_old_one_and_its_owner_is_told_by_whom(world: World) -> None:
    resident = world.people["resident"]
    assert world.page("coordinator").post(f"/people/{resident.public_id}/card").status_code == 303
    with world.write() as session:
        assert session.get_one(Person, resident.id).card_version == 2
    assert "陈芳" in world.page("resident").get("/").text


def test_nobody_resets_their_own_card_at_the_desk(world: World) -> None:
    me = world.people["coordinator"].public_id
    assert world.page("coordinator").post(f"/people/{me}/card").status_code == 403


def test_messages_are_shown_until_put_away(world: World, now: SetClock) -> None:
    with world.write() as session:
        members.tell(session, [world.people["resident"].id], "%(name)s 来过", facts={"name": "小<b>明"}, now=now.now)
    page = world.page("resident")
    assert "小&lt;b&gt;明 来过" in page.get("/").text
    _put_away(page)
    assert "来过" not in page.get("/").text


def test_what_was_not_shown_is_not_put_away(world: World, now: SetClock) -> None:
    """Five newer messages hide a warning, and a sixth comes while the five are read: both wait for their turn."""
    told, page = [world.people["resident"].id], world.page("resident")
    with world.write() as session:
        for text in ("有人设了新的 PIN", *("闲话" for _ in range(5))):
            members.tell(session, told, text, now=now.now)
    shown = page.get("/").text
    assert "PIN" not in shown
    with world.write() as session:
        members.tell(session, told, "刚刚到的", now=now.now)
    _put_away(page, shown)
    left = page.get("/").text
    assert "闲话" not in left
    assert all(text in left for text in ("有人设了新的 PIN", "刚刚到的"))


def test_whoever_set_a_pin_spends_and_gives_nothing_with_it(world: World, now: SetClock) -> None:
    resident = world.people["resident"].public_id
    page, pin = world.page("coordinator"), {"pin": "2580"}
    assert page.post(f"/people/{resident}/pin", data={**pin, "again": "2580"}).status_code == 303
    form = {**pin, "unit": "MIN", "amount": "30", "thanks": ""}
    path = f"/desk/giving/people/{resident}/donate"
    refused = page.post(path, data=form)
    assert (refused.status_code, "这个 PIN 是您替本人设的" in refused.text) == (422, True)
    assert "这个 PIN 是您替本人设的" not in world.page("second").post(path, data=form).text
    with world.write() as session:
        people.change_pin(session, world.people["resident"].id, passwords.make_hash("2580"))
    assert "这个 PIN 是您替本人设的" not in page.post(path, data=form).text


def _put_away(page: Any, shown: str | None = None) -> None:
    through = re.search(r'name="through" value="(\d+)"', shown or page.get("/").text)
    assert through is not None
    assert page.post("/me/messages", data={"through": through[1]}).status_code == 303


@pytest.mark.parametrize("asked", ["李秀英", "李", "lxy", "LXY", "0002"])
def test_people_are_found_by_name_initials_and_phone_tail(world: World, asked: str) -> None:
    with world.write() as session:
        found = members.search(session, world.community_id, asked)
    assert world.people["resident"].id in [person.id for person in found]


@pytest.mark.parametrize("written", ["{0} {1}", "{0}{1}-2", "{0} {1}-2", "{0}-{1} 3"])
def test_people_are_found_by_what_is_printed_on_their_card(world: World, written: str) -> None:
    """Whichever version: a lost card finds its owner, too; to be them takes the newest."""
    name = world.people["resident"].public_id
    asked = written.format(name[:4].lower(), name[4:])
    volunteer = world.actor("volunteer")
    with world.write() as session:
        assert [one.public_id for one in members.search(session, world.community_id, asked)] == [name]
        assert neighbours.find(session, volunteer, card=asked, name=None, building=None).public_id == name


@pytest.mark.parametrize("asked", ["", "%", "_", "\\", "1' OR '1'='1", "00"])
def test_a_search_for_nothing_or_for_wild_cards_finds_nobody(world: World, asked: str) -> None:
    with world.write() as session:
        assert members.search(session, world.community_id, asked) == []


def test_names_and_phones_are_masked() -> None:
    assert rules.mask_name("李秀英") == "李**"
    assert rules.mask_name("王明") == "王*"
    assert rules.mask_name("㛃") == "㛃*"
    assert rules.mask_phone("13812345678") == "138****5678"


@pytest.mark.parametrize(
    ("pin", "is_good"),
    [("2580", True), ("1234", False), ("258", False), ("25800", False), ("２５８０", False), ("2580\n", False)],
)
def test_a_pin_is_four_plain_digits_and_not_the_first_a_thief_tries(pin: str, is_good: bool) -> None:
    assert rules.is_good_pin(pin) is is_good


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("13812345678", "13812345678"),
        ("+86 138-1234-5678", "13812345678"),
        ("12345678901", None),
        ("1381234567", None),
        ("volunteer", None),
    ],
)
def test_phones_are_read_as_people_type_them(text: str, phone: str | None) -> None:
    assert rules.read_phone(text) == phone
