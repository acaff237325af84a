"""In English nothing Chinese is left on any page but what people wrote, and refusals speak the caller's language."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable
from io import StringIO

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_babel import force_locale, gettext
from sqlalchemy import inspect, select, text
from werkzeug.test import TestResponse

from bank import db
from bank.deeds.rules import CATEGORIES
from bank.demo import loading
from bank.giving.rules import family_name
from bank.members.models import Person
from tests.access.rows import VISITOR, Call, Row
from tests.test_access import ROWS
from tests.world import World

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

CHINESE = re.compile(r"[^\n]{0,40}[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]+[^\n]{0,20}")
MASKED = re.compile(r"[\u4e00-\u9fff]?\*+[\u4e00-\u9fff]?")
LANGUAGE_SWITCH = ">中文<"
WRITTEN_BY_PEOPLE = {
    "name",
    "donor",
    "door",
    "title",
    "place",
    "description",
    "risk_note",
    "hours",
    "cancel_reason",
    "answer",
    "story",
    "words",
    "reach",
    "resident_words",
    "volunteer_words",
    "second_words",
    "paper",
    "thanked_as",
}
"""Columns that hold what people gave: shown as it is in every language."""
REASONS = {"reason", "end_reason", "note"}
"""Columns with one of the bank's own sentences or with what somebody typed."""
LOOKERS = (VISITOR, "volunteer", "coordinator", "shop", "panel", "admin")
FILES = {"application/octet-stream", "application/pdf", "text/x-python"}
"""Not pages: bytes, a statement to print, and the checking program, which says everything in both languages."""
PAGES = [row for row in ROWS if row.method == "GET" and not row.rule.startswith(("/api/", "/static/"))]
LOGINS = (None, "volunteer", "resident", "coordinator", "shop", "panel", "auditor", "admin")
MOST_PER_PAGE_KIND = 3


@pytest.mark.parametrize("row", PAGES, ids=lambda row: row.rule)
def test_every_page_of_the_matrix_is_english(row: Row, world: World) -> None:
    answers = []
    for who in _lookers(row):
        call = row.prepare(world, who) if row.prepare else Call({})
        path = row.rule
        for name, value in call.path.items():
            path = re.sub(rf"<(?:[^:<>]+:)?{name}>", value, path)
        client = world.page(None if who == VISITOR else who)
        client.set_cookie("lang", "en")
        answers.append((f"{path} as {who}", client.get(path, query_string=call.body)))
    data = _data(world.app)
    for where, answer in answers:
        _check(answer, data, where)


def _lookers(row: Row) -> list[str]:
    """Give the last two who see the page, and one who is refused."""
    seeing = [who for who in LOOKERS if who in row.allow]
    return seeing[-2:] + [who for who in LOOKERS if who not in row.allow][-1:]


def test_every_link_of_a_lived_in_community_is_english(app: Flask) -> None:
    with app.app_context():
        loading.load(households=10, days=10, seed=1, show=StringIO())
        db.drop()
    data = _data(app)
    for who in LOGINS:
        client = app.test_client()
        if who:
            client.post("/sign-in", data={"login": who, "password": app.config["DEMO_PASSWORD"]})
        client.set_cookie("lang", "en")
        _walk(client, data)


def _walk(client: FlaskClient, data: list[str]) -> None:
    seen, kinds = {"/"}, Counter[str]()
    waiting = deque(["/", "/board", "/notices", "/shop", "/no-such-page", "/api/v1/docs"])
    while waiting:
        path = waiting.popleft()
        answer = client.get(path)
        for link in _check(answer, data, path):
            kind = re.sub(r"/[0-9A-Za-z-]{8,}\b|[?].*", "/…", link)
            if link not in seen and kinds[kind] < MOST_PER_PAGE_KIND:
                kinds[kind] += 1
                seen.add(link)
                waiting.append(link)
    assert len(seen) > len(LOGINS)


@pytest.mark.parametrize(
    ("asked", "found"), [("en-GB,en;q=0.8", "en"), ("zh-CN,zh;q=0.9", "zh-CN"), ("fr", "zh-CN"), (None, "zh-CN")]
)
def test_a_visitor_is_addressed_as_the_browser_asks(asked: str | None, found: str, world: World) -> None:
    headers = {"Accept-Language": asked} if asked else {}
    page = world.page(None).get("/", headers=headers).get_data(as_text=True)
    assert f'<html lang="{found}"' in page


REFUSALS = [
    ("POST", "/api/v1/tokens", {"login": "volunteer", "password": "wrong"}, 401),
    ("GET", "/api/v1/attendances/NOTTHERE", None, 404),
    ("GET", "/api/v1/attendances", None, 403),
    ("POST", "/api/v1/check-ins", {"code": "nonsense"}, 409),
    ("POST", "/api/v1/check-ins", {"code": 7}, 422),
    ("PATCH", "/api/v1/check-ins", {}, 405),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), REFUSALS)
def test_refusals_of_the_api_follow_accept_language(
    method: str, path: str, body: dict[str, object] | None, status: int, world: World
) -> None:
    token = world._token("volunteer", "api")
    said = {}
    for asked in ("zh-CN", "en-GB"):
        headers = {"Authorization": f"Bearer {token}", "Accept-Language": asked}
        answer = world.app.test_client().open(path, method=method, json=body, headers=headers)
        problem = answer.get_json()
        assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
        said[asked] = f"{problem['detail']} {problem.get('errors', '')}"
    assert CHINESE.search(said["zh-CN"])
    assert not CHINESE.search(said["en-GB"])


def _check(answer: TestResponse, data: list[str], where: str) -> list[str]:
    """Look for Chinese in an answer and give its links."""
    if answer.status_code in (301, 302, 303) or answer.mimetype.startswith("image/") or answer.mimetype in FILES:
        return []
    page = answer.get_data(as_text=True)
    assert answer.status_code < 500, where
    if "html" in (answer.content_type or ""):
        assert '<html lang="en"' in page, where
    words = page.replace(LANGUAGE_SWITCH, "")
    for value in data:
        words = words.replace(value, "")
    assert CHINESE.findall(MASKED.sub("", words)) == [], where
    return [link.replace("&amp;", "&") for link in re.findall(r'href="(/(?!static/)[^"#]*)"', page)]


def _data(app: Flask) -> list[str]:
    """Give everything people wrote into the database, the longest first."""
    with app.app_context():
        written = _values(WRITTEN_BY_PEOPLE) - set(CATEGORIES.values())
        families = db.session().scalars(select(Person.name)).all()
        written |= {f"{title} {family_name(name)}" for name in families for title in ("Teacher", "Mr", "Ms")}
        reasons = {value for value in _values(REASONS) if not _has_english(value)}
        db.drop()
    return sorted(written | reasons, key=len, reverse=True)


def _values(columns: Iterable[str]) -> set[str]:
    found: set[str] = set()
    inspector = inspect(db.db.engine)
    for table in inspector.get_table_names():
        for column in {str(column["name"]) for column in inspector.get_columns(table)} & set(columns):
            rows = db.session().execute(text(f'SELECT DISTINCT "{column}" FROM "{table}"'))
            found |= {value for value in rows.scalars() if value and not value.isascii()}
    return found


def _has_english(sentence: str) -> bool:
    with force_locale("en"):
        return bool(gettext(sentence) != sentence)
