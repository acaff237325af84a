"""Fixtures of every test: a fresh migrated database on each engine, the app on it, a small world, a clock to set."""

from __future__ import annotations

import itertools
import os
import pickle
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask_migrate import upgrade
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.util import LRUCache

from app import create_app
from bank import clock, db
from bank.members import passwords
from bank.web.app import BankApp
from ledger import engine as book_engine
from tests.postgres import Cluster, postgres_cluster
from tests.world import World, build_world

__all__ = ["postgres_cluster"]

BankApp.jinja_options = {**BankApp.jinja_options, "bytecode_cache": FileSystemBytecodeCache()}
"""To compile the templates of every application that a test makes would be half of the test."""

IN_EARNEST = passwords._hasher
passwords._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""What is slow on purpose would be slow in every test; both verify what the other hashed."""


def _share_compiled_statements(dialect: type[Dialect]) -> None:
    """Take all dialects of a kind for one, as keys: what one test's engine compiled the next test's engine finds."""
    alike = {"__eq__": lambda one, other: type(one) is type(other), "__hash__": lambda one: hash(type(one))}
    for name, way in alike.items():
        setattr(dialect, name, way)


_share_compiled_statements(SQLiteDialect_pysqlite)
_share_compiled_statements(PGDialect_psycopg)
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
    """A migrated database for each engine, empty or with the world in it, made once and copied for every test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.worlds: dict[str, bytes] = {}
        """By engine: the world that its template holds."""
        self._sqlite: dict[bool, Path] = {}
        self._postgresql: dict[bool, str] = {}

    def on_sqlite(self, target: Path, *, has_world: bool = False) -> str:
        """Copy the template to `target` and give its URL."""
        if has_world not in self._sqlite:
            made = self.folder / f"template-{has_world}.db"
            self._furnish(f"sqlite:///{made}", has_world=has_world)
            self._sqlite[has_world] = made
        shutil.copyfile(self._sqlite[has_world], target)
        return f"sqlite:///{target}"

    def on_postgresql(self, cluster: Cluster, *, has_world: bool = False) -> str:
        """Copy the template to a database of its own and give its URL."""
        if has_world not in self._postgresql:
            url = cluster.database()
            self._furnish(url, has_world=has_world)
            self._postgresql[has_world] = str(make_url(url).database)
        name = f"bank_{next(_numbers)}_{os.getpid()}"
        _run(cluster.url, f"CREATE DATABASE {name} TEMPLATE {self._postgresql[has_world]}")
        return make_url(cluster.url).set(database=name).render_as_string(hide_password=False)

    def _furnish(self, url: str, *, has_world: bool) -> None:
        app = create_app(settings(url, self.folder))
        with app.app_context():
            upgrade()
            if has_world:
                world = build_world(app, SetClock(MONDAY_NINE))
                self.worlds[make_url(url).get_backend_name()] = pickle.dumps(world.contents)
            db.db.engine.dispose()


class Stage:
    """The application of this worker, moved on to each test's database: to build it takes longer than most tests."""

    def __init__(self) -> None:
        self._app: Flask | None = None
        self._pristine: dict[str, Any] = {}
        self._compiled: LRUCache[Any, Any] = LRUCache(2000)

    def on(self, url: str, folder: Path) -> Flask:
        """Give the application with nothing left of the test before."""
        if self._app is None:
            self._app = create_app(settings(url, folder))
            self._pristine = dict(self._app.config)
            return self._app
        config = self._app.config
        config.clear()
        config.update(self._pristine)
        config.update(settings(url, folder))
        config["SQLALCHEMY_DATABASE_URI"] = book_engine.normalise_url(url)
        config["SQLALCHEMY_ENGINE_OPTIONS"] = db.engine_options(url)
        engine = create_engine(config["SQLALCHEMY_DATABASE_URI"], **config["SQLALCHEMY_ENGINE_OPTIONS"])
        engine._compiled_cache = self._compiled
        book_engine.prepare_engine(engine)
        db.db._app_engines[self._app][None] = engine
        return self._app


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """The session's template databases."""
    return Templates(tmp_path_factory.mktemp("templates"))


@pytest.fixture(scope="session")
def stage() -> Stage:
    """The session's application."""
    return Stage()


@pytest.fixture
def has_world(request: pytest.FixtureRequest) -> bool:
    """Whether the test's database begins with the world in it."""
    return "world" in request.fixturenames


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(
    request: pytest.FixtureRequest, templates: Templates, tmp_path: Path, has_world: bool
) -> Iterator[str]:
    """A fresh migrated database on SQLite, then on PostgreSQL."""
    if request.param == "sqlite":
        yield templates.on_sqlite(tmp_path / "bank.db", has_world=has_world)
        return
    cluster: Cluster = request.getfixturevalue("postgres_cluster")
    url = templates.on_postgresql(cluster, has_world=has_world)
    yield url
    cluster.drop(url)


@pytest.fixture
def app(database_url: str, tmp_path: Path, stage: Stage) -> Iterator[Flask]:
    """The application on a fresh database."""
    made = stage.on(database_url, tmp_path)
    yield made
    with made.app_context():
        db.db.engine.dispose()


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """A clock that the whole application reads, at Monday nine o'clock."""
    set_clock = SetClock(MONDAY_NINE)
    monkeypatch.setattr(clock, "utc_now", lambda: set_clock.now)
    return set_clock


@pytest.fixture
def world(app: Flask, now: SetClock, templates: Templates) -> World:
    """The small community of `tests/world.py`, as the database was made with it."""
    with app.app_context():
        engine = db.db.engine.dialect.name
    return World(app, now, *pickle.loads(templates.worlds[engine]))  # noqa: S301 - our own


def _run(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
