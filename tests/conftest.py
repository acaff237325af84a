"""Fixtures of every test: a fresh migrated database on each engine, the app on it, a small world, a clock to set."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_migrate import upgrade
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import create_engine, make_url, text

from app import create_app
from bank import clock
from bank.db import db
from bank.web.app import BankApp
from tests.postgres import Cluster, postgres_cluster
from tests.world import World, build_world

__all__ = ["postgres_cluster"]

BankApp.jinja_options = {**BankApp.jinja_options, "bytecode_cache": FileSystemBytecodeCache()}
"""Every test has an app of its own, and to compile its templates would be half of the test."""
MONDAY_NINE = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
"""Monday, 23 November 2026, nine in the morning in Changsha."""
_numbers = itertools.count()


class SetClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def advance(self, **span: float) -> datetime:
        """Move on by `minutes=…`, `hours=…` or `days=…`."""
        self.now += timedelta(**span)
        return self.now


def settings(url: str, folder: Path) -> dict[str, Any]:
    """Give the settings of an application under test."""
    return {
        "TESTING": True,
        "DATABASE_URL": url,
        "DATA_DIR": folder,
        "SECRET_KEY": "0" * 64,
        "CODE_KEY": bytes(range(32)).hex(),
        "WTF_CSRF_ENABLED": False,
    }


class Templates:
    """A migrated and empty database for each engine, made once and copied for every test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sqlite: Path | None = None
        self.postgresql: str | None = None

    def on_sqlite(self, target: Path) -> str:
        """Copy the template to `target` and give its URL."""
        if self.sqlite is None:
            self.sqlite = self.folder / "template.db"
            self._migrate(f"sqlite:///{self.sqlite}")
        shutil.copyfile(self.sqlite, target)
        return f"sqlite:///{target}"

    def on_postgresql(self, cluster: Cluster) -> str:
        """Copy the template to a database of its own and give its URL."""
        if self.postgresql is None:
            url = cluster.database()
            self._migrate(url)
            self.postgresql = make_url(url).database
        name = f"bank_{next(_numbers)}_{os.getpid()}"
        _run(cluster.url, f"CREATE DATABASE {name} TEMPLATE {self.postgresql}")
        return make_url(cluster.url).set(database=name).render_as_string(hide_password=False)

    def _migrate(self, url: str) -> None:
        with create_app(settings(url, self.folder)).app_context():
            upgrade()
            db.engine.dispose()


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """The session's template databases."""
    return Templates(tmp_path_factory.mktemp("templates"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, templates: Templates, tmp_path: Path) -> Iterator[str]:
    """A fresh migrated database on SQLite, then on PostgreSQL."""
    if request.param == "sqlite":
        yield templates.on_sqlite(tmp_path / "bank.db")
        return
    cluster: Cluster = request.getfixturevalue("postgres_cluster")
    url = templates.on_postgresql(cluster)
    yield url
    cluster.drop(url)


@pytest.fixture
def app(database_url: str, tmp_path: Path) -> Iterator[Flask]:
    """The application on a fresh database."""
    made = create_app(settings(database_url, tmp_path))
    yield made
    with made.app_context():
        db.engine.dispose()


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """A clock that the whole application reads, at Monday nine o'clock."""
    set_clock = SetClock(MONDAY_NINE)
    monkeypatch.setattr(clock, "utc_now", lambda: set_clock.now)
    return set_clock


@pytest.fixture
def world(app: Flask, now: SetClock) -> World:
    """The small community of `tests/world.py`."""
    return build_world(app, now)


def _run(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
