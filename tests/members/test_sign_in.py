"""Signing in and out, on pages and as a program."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from app import create_app
from bank import db as database
from bank.communities.models import Community
from bank.members import operations as members
from bank.members import passwords, people
from bank.members.models import Person, SignIn
from bank.web.models import RequestKey
from tests.conftest import IN_EARNEST, SetClock
from tests.world import World

PASSWORD = "a quiet river"
HASH = passwords.make_hash(PASSWORD)


@pytest.fixture
def with_password(world: World) -> World:
    """Give the volunteer and the resident, who share a phone, a password each."""
    with world.write() as session:
        volunteer = session.get_one(Person, world.people["volunteer"].id)
        volunteer.password_hash = HASH
        resident = session.get_one(Person, world.people["resident"].id)
        resident.password_hash = passwords.make_hash("another river")
        resident.phone = volunteer.phone
    return world


def _token(world: World, login: str, password: str) -> tuple[int, dict[str, str]]:
    answer = world.api(None, "POST", "/tokens", {"login": login, "password": password})
    return answer.status_code, answer.json or {}


def test_a_login_name_and_the_right_password_sign_in(with_password: World) -> None:
    page = with_password.page(None)
    answer = page.post("/sign-in", data={"login": " Volunteer ", "password": PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert "王小明" in page.get("/").text


def test_people_who_share_a_phone_sign_in_with_their_own_password(with_password: World) -> None:
    phone = with_password.people["volunteer"].phone or ""
    for password, name in ((PASSWORD, "王小明"), ("another river", "李秀英")):
        page = with_password.page(None)
        page.post("/sign-in", data={"login": f"+86 {phone[:3]} {phone[3:]}", "password": password})
        assert name in page.get("/").text


@pytest.mark.parametrize("login", ["volunteer", "nobody", "13800009999", "' OR 1=1 --", "", "😀" * 5])
def test_a_wrong_login_answers_the_same_whatever_is_wrong(with_password: World, login: str) -> None:
    answer = with_password.page(None).post("/sign-in", data={"login": login, "password": "not this one"})
    assert answer.status_code == 401
    assert "账号或密码不对" in answer.text


def test_a_token_is_given_for_the_right_password_and_refused_for_a_wrong_one(with_password: World) -> None:
    status, given = _token(with_password, "volunteer", PASSWORD)
    assert status == 201
    assert set(given) == {"token", "expires_at"}
    assert _token(with_password, "volunteer", "wrong")[0] == 401


def test_tries_on_one_login_are_limited_and_told_when_to_come_back(with_password: World, now: SetClock) -> None:
    answers = [_token(with_password, "volunteer", "wrong")[0] for _ in range(11)]
    assert answers == [401] * 10 + [429]
    form = {"login": "volunteer", "password": PASSWORD}
    on_a_page = with_password.page(None).post("/sign-in", data=form)
    for blocked in (with_password.api(None, "POST", "/tokens", form), on_a_page):
        assert blocked.status_code == 429
        assert int(blocked.headers["Retry-After"]) > 0
    now.advance(minutes=6)
    assert _token(with_password, "volunteer", PASSWORD)[0] == 201


def _from(world: World, address: str, password: str) -> int:
    body = {"login": "volunteer", "password": password}
    where = {"REMOTE_ADDR": address}
    return world.app.test_client().post("/api/v1/tokens", json=body, environ_base=where).status_code


def test_wrong_tries_from_elsewhere_shut_nobody_out(with_password: World, now: SetClock) -> None:
    assert [_from(with_password, "203.0.113.7", "wrong") for _ in range(12)] == [401] * 10 + [429] * 2
    assert _from(with_password, "198.51.100.9", PASSWORD) == 201


def test_tries_on_one_login_from_many_addresses_end_too(
    with_password: World, now: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "TRIES_PER_LOGIN", 4)
    tried = [_from(with_password, f"203.0.113.{number}", "wrong") for number in range(5)]
    assert tried == [401] * 4 + [429]


def test_right_passwords_use_up_no_tries(with_password: World, now: SetClock) -> None:
    for password, status in (("wrong", 401), (PASSWORD, 201)) * 7:
        assert _token(with_password, "volunteer", password)[0] == status


def test_a_limit_is_shared_by_all_workers(with_password: World, app: Flask, now: SetClock) -> None:
    other = create_app({name: app.config[name] for name in ("TESTING", "DATABASE_URL", "DATA_DIR", "SECRET_KEY")})
    for _ in range(5):
        assert [_from(World(each, now), "203.0.113.7", "wrong") for each in (app, other)] == [401, 401]
    assert [_from(World(each, now), "203.0.113.7", "wrong") for each in (app, other)] == [429, 429]
    with other.app_context():
        database.db.engine.dispose()


def test_a_password_costs_a_thief_nineteen_megabytes_and_two_passes() -> None:
    assert IN_EARNEST.hash(PASSWORD).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_phone_number_written_in_another_way_gives_no_further_tries(with_password: World) -> None:
    with with_password.write() as session:
        phone = session.get_one(Person, with_password.people["volunteer"].id).phone or ""
    ways = [f"{phone[:place]} {phone[place:]}" for place in range(1, 10)] + [f"+86{phone}", f"+86-{phone}"]
    assert [_token(with_password, login, "wrong")[0] for login in ways] == [401] * 10 + [429]


def test_signing_out_ends_the_sign_in_even_for_a_copied_cookie(world: World) -> None:
    page = world.page("volunteer")
    copied = world.page("volunteer")
    assert page.post("/sign-out").status_code == 303
    assert copied.get("/me").status_code == 302


def test_a_change_of_role_ends_every_sign_in_at_once(world: World) -> None:
    page = world.page("volunteer")
    assert page.get("/me").status_code == 200
    admin = world.page("admin")
    path = f"/people/{world.people['volunteer'].public_id}/access"
    assert admin.post(path, data={"do": "give", "role": "coordinator"}).status_code == 303
    assert page.get("/me").status_code == 302
    assert world.actor("volunteer").may("coordinator")


@pytest.mark.parametrize("do", ["", "destroy", "TAKE"])
def test_an_unknown_change_of_access_changes_nothing(world: World, do: str) -> None:
    path = f"/people/{world.people['panel'].public_id}/access"
    assert world.page("admin").post(path, data={"do": do, "role": "panel"}).status_code == 422
    assert world.actor("panel").may("panel")
    assert world.page("admin").post(path, data={"do": "take", "role": "panel"}).status_code == 303
    assert not world.actor("panel").may("panel")


def test_a_disabled_person_is_out_at_once_and_cannot_return(with_password: World) -> None:
    page = with_password.page("volunteer")
    path = f"/people/{with_password.people['volunteer'].public_id}/access"
    assert with_password.page("admin").post(path, data={"do": "disable"}).status_code == 303
    assert page.get("/me").status_code == 302
    assert _token(with_password, "volunteer", PASSWORD)[0] == 401
    assert with_password.page("admin").post(path, data={"do": "enable"}).status_code == 303
    assert _token(with_password, "volunteer", PASSWORD)[0] == 201


def test_a_token_ends_with_its_day(world: World, now: SetClock) -> None:
    with world.write() as session:
        token, expires_at = members.open_sign_in(session, world.people["volunteer"].id, kind="api", now=now.now)
        assert members.who_holds(session, token, "api", expires_at) is None
        assert members.who_holds(session, token, "page", now.now) is None
        assert members.who_holds(session, token, "api", now.now) is not None


def test_a_new_password_needs_the_old_one_and_ends_other_sign_ins(with_password: World) -> None:
    other = with_password.page("volunteer")
    page = with_password.page(None)
    page.post("/sign-in", data={"login": "volunteer", "password": PASSWORD})
    wrong = page.post("/me/password", data={"present": "not it", "new": "a new river"})
    assert wrong.status_code == 422
    assert "现在的密码不对。" in wrong.text
    twice = page.post("/me/pin", data={"pin": "2468", "again": "2469"})
    assert twice.status_code == 422
    assert "两次输入的 PIN 不一样。" in twice.text
    assert page.post("/me/password", data={"present": PASSWORD, "new": "a new river"}).status_code == 303
    assert page.get("/me").status_code == 200
    assert other.get("/me").status_code == 302


def test_only_the_hash_of_a_token_is_kept(world: World, now: SetClock) -> None:
    with world.write() as session:
        token, _ = members.open_sign_in(session, world.people["panel"].id, kind="api", now=now.now)
        kept = session.scalars(select(SignIn.token_hash)).all()
    assert all(token.encode() not in row for row in kept)


def test_the_demo_password_opens_nothing_in_a_community_that_is_no_demo(app: Flask, world: World) -> None:
    demo = app.config["DEMO_PASSWORD"]
    hashed = passwords.make_hash(demo)
    with world.write() as session:
        for who in ("volunteer", "stranger"):
            session.get_one(Person, world.people[who].id).password_hash = hashed
        assert session.get_one(Community, world.community_id).is_demo
    assert _token(world, "volunteer", demo)[0] == 201
    assert _token(world, "stranger", demo)[0] == 401


def test_a_sign_in_page_never_sends_anyone_to_another_site(with_password: World) -> None:
    odd = ("/\\evil.example", "/\t/evil.example", "/\r/evil.example", "///evil.example", "/./\\evil.example")
    odd += ("/.//evil.example", "/..//evil.example", "/%2e//evil.example", "/./../\t/evil.example")
    for onward in ("https://evil.example/", "//evil.example/", *odd, "javascript:alert(1)"):
        answer = with_password.page(None).post(
            "/sign-in", data={"login": "volunteer", "password": PASSWORD, "next": onward}
        )
        assert answer.headers["Location"] == "/"
    onward = with_password.page(None).post(
        "/sign-in", data={"login": "volunteer", "password": PASSWORD, "next": "/s/R1ABC"}
    )
    assert onward.headers["Location"] == "/s/R1ABC"


def test_a_token_is_never_kept_for_a_replay(with_password: World) -> None:
    body = {"login": "volunteer", "password": PASSWORD}
    headers = {"Authorization": f"Bearer {with_password._token('volunteer', 'api')}", "Idempotency-Key": "k-1"}
    client = with_password.app.test_client()
    first, second = (client.post("/api/v1/tokens", json=body, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert (first.json or {})["token"] != (second.json or {})["token"]
    with with_password.write() as session:
        assert session.scalars(select(RequestKey)).all() == []
