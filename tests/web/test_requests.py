"""What holds for every request: one key one answer, GET never writes, guarded forms, clear errors."""

from __future__ import annotations

import re
import threading

import pytest
from flask import Flask
from sqlalchemy import func, select

from bank.members.models import Person
from bank.web.models import RequestKey
from tests.conftest import SetClock
from tests.world import World

SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def _people(world: World) -> int:
    with world.write() as session:
        return session.scalar(select(func.count()).select_from(Person)) or 0


def test_the_same_form_sent_twice_happens_once_and_answers_the_same(world: World) -> None:
    page, before = world.page("coordinator"), _people(world)
    first = page.post("/people/new", data={"name": "黄桂英", "_key": "k-1"})
    second = page.post("/people/new", data={"name": "黄桂英", "_key": "k-1"})
    assert (first.status_code, second.status_code) == (303, 303)
    assert second.headers["Location"] == first.headers["Location"]
    assert second.headers["Idempotent-Replay"] == "true"
    assert _people(world) == before + 1


def test_the_same_key_with_another_body_is_refused(world: World) -> None:
    page = world.page("coordinator")
    page.post("/people/new", data={"name": "黄桂英", "_key": "k-1"})
    assert page.post("/people/new", data={"name": "别的人", "_key": "k-1"}).status_code == 422


def test_another_person_may_use_the_same_key(world: World) -> None:
    data = {"is_elder": "1", "_key": "k-1"}
    assert world.page("volunteer").post("/me/settings", data=data).headers.get("Idempotent-Replay") is None
    assert world.page("resident").post("/me/settings", data=data).headers.get("Idempotent-Replay") is None


@pytest.mark.parametrize("frame", ["%s", '{"login": "a", "password": %s}'])
def test_a_number_too_long_to_be_read_is_invalid(world: World, frame: str) -> None:
    body = frame % ("9" * 6000)
    answer = world.page(None).post("/api/v1/tokens", data=body, content_type="application/json")
    assert (answer.status_code, (answer.json or {})["code"]) == (422, "invalid")


@pytest.mark.parametrize("typed", ["--5", "-", "5-", "٣", "5_0"])
def test_what_only_looks_like_a_number_is_invalid(world: World, typed: str) -> None:
    assert world.api("volunteer", "GET", f"/items?limit={typed}").status_code == 422
    assert world.page("volunteer").post("/shop/orders", data={"item_id": "A", "quantity": typed}).status_code == 422


def test_a_key_that_is_too_long_is_refused(world: World) -> None:
    assert world.page("volunteer").post("/me/settings", data={"_key": "k" * 201}).status_code == 422


def test_sixteen_twins_at_once_register_one_person(world: World) -> None:
    before, statuses = _people(world), []
    pages = [world.page("coordinator") for _ in range(16)]

    def press(place: int) -> None:
        answer = pages[place].post("/people/new", data={"name": "黄桂英", "_key": "k-1"})
        statuses.append((answer.status_code, answer.headers.get("Location")))

    threads = [threading.Thread(target=press, args=(place,)) for place in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(statuses)) == 1
    assert statuses[0][0] == 303
    assert _people(world) == before + 1


def test_a_refused_form_keeps_nothing(world: World) -> None:
    before = _people(world)
    assert world.page("coordinator").post("/people/new", data={"name": "黄桂英", "phone": "1"}).status_code == 422
    assert _people(world) == before
    with world.write() as session:
        assert session.scalar(select(func.count()).select_from(RequestKey)) == 0


@SQLITE_ONLY
def test_a_form_without_its_token_is_refused(app: Flask, world: World) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    assert world.page("volunteer").post("/me/settings", data={"is_elder": "1"}).status_code == 400


@SQLITE_ONLY
def test_a_form_sent_after_signing_out_leads_through_the_sign_in_back_to_its_page(app: Flask, world: World) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    came = {"Referer": "http://localhost/deeds/new?kind=own"}
    answer = world.page(None).post("/me/settings", data={"is_elder": "1"}, headers=came)
    assert answer.status_code == 400
    assert "请先登录，再返回重新做一次" in answer.text
    assert 'href="/sign-in?next=/deeds/new?kind%3Down"' in answer.text
    assert 'href="/deeds/new?kind=own"' in answer.text


@SQLITE_ONLY
@pytest.mark.parametrize(
    ("came", "back"),
    [("http://localhost/me", "/me"), ("http://localhost/me/pin", None), ("http://elsewhere.cn/me", None), ("", None)],
)
def test_a_stale_form_leads_back_only_to_a_page_of_ours(app: Flask, world: World, came: str, back: str | None) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    answer = world.page("volunteer").post("/me/settings", data={"is_elder": "1"}, headers={"Referer": came})
    assert "请返回重新做一次" in answer.text
    assert (f'class="btn btn-primary" href="{back or "/"}"') in answer.text


@SQLITE_ONLY
def test_a_cookie_opens_no_api_and_a_token_opens_no_page(world: World) -> None:
    page = world.page("volunteer")
    token = world._token("volunteer", "api")
    assert page.get("/people", headers={"Accept": "application/json"}).status_code == 403
    assert world.page(None).get("/me", headers={"Authorization": f"Bearer {token}"}).status_code == 302


@SQLITE_ONLY
def test_every_answer_carries_the_strict_policy(world: World) -> None:
    for path in ("/", "/nowhere", "/healthz", "/api/v1/openapi.json"):
        headers = world.page(None).get(path).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


@SQLITE_ONLY
@pytest.mark.parametrize(
    ("language", "sentence"), [("zh-CN,zh;q=0.9,en;q=0.8", "没有找到"), ("fr;q=0.9", "没有找到"), ("", "没有找到")]
)
def test_a_refusal_speaks_the_language_that_is_asked_for(world: World, language: str, sentence: str) -> None:
    assert sentence in world.page(None).get("/nowhere", headers={"Accept-Language": language}).text


@SQLITE_ONLY
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b"null", "application/json"),
        (b'"text"', "application/json"),
        (b'{"login": true, "password": 1e400}', "application/json"),
        (b'{"login": "\\ud800", "password": "x"}', "application/json"),
        (b'{"\\ud800": 2}', "application/json"),
        (b'{"login": "a", "login": "b", "password": "x"}', "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"login=a", "text/plain"),
        (b"", "application/json"),
    ],
    ids=[
        "cut off",
        "too deep",
        "null",
        "text",
        "huge number",
        "half a letter",
        "half a name",
        "twice",
        "no text",
        "wrong type",
        "empty",
    ],
)
def test_a_broken_body_is_a_clear_refusal(world: World, body: bytes, content_type: str) -> None:
    answer = world.app.test_client().post("/api/v1/tokens", data=body, content_type=content_type)
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert (answer.json or {})["code"] == "invalid"


@SQLITE_ONLY
def test_a_body_of_ten_megabytes_is_refused_before_it_is_read(world: World) -> None:
    answer = world.app.test_client().post("/api/v1/tokens", data=b"x" * 10_000_000, content_type="application/json")
    assert answer.status_code == 413
    assert (answer.json or {})["code"] == "too_large"


@SQLITE_ONLY
def test_a_wrong_method_says_which_are_right(world: World) -> None:
    answer = world.app.test_client().delete("/api/v1/tokens")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


@SQLITE_ONLY
@pytest.mark.parametrize(
    ("sent_to", "came", "back"),
    [
        ("/gifts", "/relatives?kind=child", "/relatives?kind=child"),
        ("/people/{0}/pin", None, "/people/{0}"),
        ("/relatives", None, "/relatives"),
        ("/gifts", None, "/"),
    ],
)
def test_large_type_on_a_page_that_answered_a_form_leads_to_one_that_can_be_opened(
    world: World, sent_to: str, came: str | None, back: str
) -> None:
    name = world.people["resident"].public_id
    headers = {"Referer": f"http://localhost{came}"} if came else {}
    page = world.page("coordinator")
    answer = page.post(sent_to.format(name), data={}, headers=headers)
    assert answer.status_code >= 400
    assert f'name="next" value="{back.format(name)}"' in answer.text
    assert page.get(back.format(name)).status_code == 200


@SQLITE_ONLY
def test_an_address_that_only_takes_forms_leads_to_the_page_above_it(world: World) -> None:
    page, above = world.page("coordinator"), f"/people/{world.people['resident'].public_id}"
    answer = page.get(f"{above}/access")
    assert (answer.status_code, answer.location) == (302, above)
    answer = page.get("/gifts")
    assert answer.status_code == 405
    assert 'class="btn btn-primary" href="/"' in answer.text


def test_health_is_200_while_the_database_answers(world: World) -> None:
    assert world.page(None).get("/healthz").status_code == 200


@SQLITE_ONLY
def test_language_and_large_type_are_remembered(world: World, now: SetClock) -> None:
    page = world.page(None)
    page.post("/preferences", data={"lang": "en", "elder": "1", "next": "/sign-in"})
    text = page.get("/sign-in").text
    assert '<html lang="en" class="elder">' in text


@SQLITE_ONLY
def test_the_language_button_leads_to_english_and_back(world: World) -> None:
    page = world.page(None)
    for tag in ("en", "zh-CN"):
        offered = re.search(r'name="lang" value="([^"]+)"', page.get("/sign-in").text)
        assert offered is not None
        page.post("/preferences", data={"lang": offered[1]})
        assert f'<html lang="{tag}"' in page.get("/sign-in").text


@SQLITE_ONLY
def test_what_the_settings_say_holds_after_the_buttons_were_used(world: World) -> None:
    page = world.page("volunteer")
    page.post("/preferences", data={"lang": "en", "elder": "1"})
    page.post("/me/settings", data={"language": "zh"})
    assert '<html lang="zh-CN">' in page.get("/me").text
    page.post("/me/settings", data={"language": "en", "is_elder": "1"})
    assert '<html lang="en" class="elder">' in page.get("/me").text


@SQLITE_ONLY
def test_what_the_buttons_say_holds_on_a_persons_other_devices(world: World) -> None:
    world.page("volunteer").post("/preferences", data={"lang": "en", "elder": "1"})
    assert '<html lang="en" class="elder">' in world.page("volunteer").get("/me").text
    world.page("volunteer").post("/preferences", data={"elder": "0"})
    assert '<html lang="en">' in world.page("volunteer").get("/me").text


def test_a_nul_in_an_address_or_a_form_is_refused_before_the_database_sees_it(world: World) -> None:
    page = world.page("coordinator")
    assert page.get("/people?q=%00").status_code == 422
    assert page.get("/people/%00").status_code == 404
    assert world.page(None).post("/sign-in", data={"login": "a\x00b", "password": "x"}).status_code == 422
    assert page.get("/people?q=%ff%fe").status_code == 200
