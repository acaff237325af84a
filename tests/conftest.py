"""Fixtures of every test: a fresh migrated database on each engine, the app on it, a small world, a clock to set."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import create_engine, make_url, text

from app import create_app
from bank import clock
from bank.db import db
from tests.postgres import postgres_url_or_reason  # noqa: F401
from tests.world import World, build_world

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


def _settings(url: str, folder: Path) -> dict[str, Any]:
    return {
        "TESTING": True,
        "DATABASE_URL": url,
        "DATA_DIR": folder,
        "SECRET_KEY": "0" * 64,
        "CODE_KEY": bytes(range(32)).hex(),
        "WTF_CSRF_ENABLED": False,
    }


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Give, for an engine, a migrated and empty template database, made once."""
    made: dict[str, str] = {}

    def make(engine: str, base: str = "") -> str:
        if engine not in made:
            folder = tmp_path_factory.mktemp("template")
            if engine == "sqlite":
                made[engine] = f"sqlite:///{folder / 'bank.db'}"
            else:
                _postgres(base, "CREATE DATABASE moral_bank_template")
                made[engine] = _named(base, "moral_bank_template")
            with create_app(_settings(made[engine], folder)).app_context():
                upgrade()
                db.engine.dispose()
        return made[engine]

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, migrated: Callable[..., str], tmp_path: Path) -> Iterator[str]:
    """A fresh migrated database on SQLite, then on PostgreSQL."""
    if request.param == "sqlite":
        target = tmp_path / "bank.db"
        shutil.copyfile(make_url(migrated("sqlite")).database or "", target)
        yield f"sqlite:///{target}"
        return
    base = request.getfixturevalue("postgres_url")
    migrated("postgresql", base)
    name = f"moral_bank_{next(_numbers)}"
    _postgres(base, f"CREATE DATABASE {name} TEMPLATE moral_bank_template")
    yield _named(base, name)
    _postgres(base, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def app(database_url: str, tmp_path: Path) -> Iterator[Flask]:
    """The application on a fresh database."""
    made = create_app(_settings(database_url, tmp_path))
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


def _named(base: str, name: str) -> str:
    return make_url(base).set(database=name).render_as_string(hide_password=False)


def _postgres(base: str, statement: str) -> None:
    engine = create_engine(base, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
