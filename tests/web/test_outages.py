"""While the database is away everybody gets a clear answer, and once it is back everything goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import create_engine, make_url, text
from werkzeug.test import TestResponse

from bank.db import db
from tests.postgres import Cluster
from tests.world import World

SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
END_ALL = (
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = :name"  # waits until they ended
)
POSTGRESQL_ONLY = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def served(app: Flask, world: World) -> World:
    """The world as it is served: the application under test would raise what it logs."""
    app.testing = False
    return world


def _take_away(app: Flask) -> None:
    """Make the database unreachable, as a stopped server or a lost disk does."""
    url = make_url(app.config["DATABASE_URL"])
    if url.get_backend_name() == "sqlite":
        with app.app_context():
            db.engine.dispose()
        path = Path(url.database or "")
        path.unlink()
        path.mkdir()
    else:
        server = url.set(database="postgres").render_as_string(hide_password=False)
        Cluster(server, None, None).drop(app.config["DATABASE_URL"])


def _is_told_to_wait(answer: TestResponse, content_type: str) -> bool:
    said = (answer.status_code, (answer.content_type or "").split(";")[0], answer.headers.get("Retry-After"))
    return said == (503, content_type, "2") and "请稍等" in answer.text


def test_without_a_database_everyone_gets_the_busy_page(served: World) -> None:
    pages = [served.page(who) for who in (None, "volunteer", "coordinator")]
    _take_away(served.app)
    for page in pages[1:]:
        assert _is_told_to_wait(page.get("/me"), "text/html")
        assert _is_told_to_wait(page.post("/me/settings", data={"is_elder": "1", "_key": "k-1"}), "text/html")
        assert _is_told_to_wait(page.get("/nowhere"), "text/html")
    assert _is_told_to_wait(pages[0].post("/sign-in", data={"login": "volunteer", "password": "x"}), "text/html")


def test_without_a_database_a_program_gets_a_problem_that_says_so(served: World) -> None:
    token = served._token("volunteer", "api")
    client = served.app.test_client()
    _take_away(served.app)
    for headers in ({}, {"Accept-Language": "zh"}):
        headers = {"Authorization": f"Bearer {token}", **headers}
        answer = client.get("/api/v1/me/pass", headers=headers)
        assert _is_told_to_wait(answer, "application/problem+json")
        assert (answer.json or {})["code"] == "unavailable"


def test_without_a_database_the_bank_is_not_healthy(served: World) -> None:
    assert served.page(None).get("/healthz").status_code == 200
    _take_away(served.app)
    assert served.page(None).get("/healthz").status_code == 503


def test_without_its_migrations_the_bank_is_not_healthy(served: World) -> None:
    with served.write() as session:
        session.execute(text("DELETE FROM alembic_version"))
    assert served.page(None).get("/healthz").status_code == 503


@SQLITE_ONLY
def test_a_deleted_file_is_noticed_though_open_connections_still_read_it(served: World) -> None:
    assert served.page(None).get("/healthz").status_code == 200
    Path(make_url(served.app.config["DATABASE_URL"]).database or "").unlink()
    assert served.page(None).get("/healthz").status_code == 503


@POSTGRESQL_ONLY
def test_a_connection_that_the_server_closed_is_replaced_unnoticed(served: World) -> None:
    page = served.page("volunteer")
    server = create_engine(make_url(served.app.config["DATABASE_URL"]).set(database="postgres"))
    for _ in range(2):
        assert page.get("/me").status_code == 200
        assert page.post("/me/settings", data={"is_elder": "1", "_key": "k-1"}).status_code == 303
        with server.connect() as connection:
            name = make_url(served.app.config["DATABASE_URL"]).database
            assert connection.scalars(text(END_ALL), {"name": name}).all()
    server.dispose()
