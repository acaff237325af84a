"""A bank that serves on this machine, a clock that runs and can be moved, and phones: Chromium with a camera each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from app import create_app
from bank import clock
from bank.db import db
from tests.conftest import Templates, settings
from tests.front.conftest import CHROMIUM, FLAGS
from tests.story.phones import SIZE, Phone, Screen
from tests.world import World, build_world

MONDAY_HALF_PAST_EIGHT = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
"""Monday, 23 November 2026, half past eight in the morning in Changsha."""


class RunningClock:
    """A clock that starts at a moment, goes on by itself and can be moved forward."""

    def __init__(self, start: datetime) -> None:
        self._ahead = start - datetime.now(UTC)

    @property
    def now(self) -> datetime:
        """This moment, as the bank sees it."""
        return datetime.now(UTC) + self._ahead

    def move_to(self, moment: datetime) -> None:
        """Let time pass until `moment`."""
        assert moment >= self.now
        self._ahead = moment - datetime.now(UTC)

    def pass_by(self, **span: float) -> None:
        """Let `minutes=…` or `hours=…` pass."""
        self._ahead += timedelta(**span)


class Served:
    """A bank under an address."""

    def __init__(self, app: Flask, url: str) -> None:
        self.app = app
        self.url = url

    def run(self, *words: str) -> Any:
        """Run a command of the bank and give its result."""
        return self.app.test_cli_runner().invoke(args=list(words))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Playwright's way to start Chromium."""
    if not CHROMIUM.exists():
        pytest.skip("no /usr/bin/chromium")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        yield lambda *flags: playwright.chromium.launch(executable_path=str(CHROMIUM), args=[*FLAGS, *flags])


@pytest.fixture
def time_of_day(monkeypatch: pytest.MonkeyPatch) -> RunningClock:
    """The clock that the whole bank reads; it starts on Monday at half past eight."""
    running = RunningClock(MONDAY_HALF_PAST_EIGHT)
    monkeypatch.setattr(clock, "utc_now", lambda: running.now)
    return running


@pytest.fixture
def bank(templates: Templates, time_of_day: RunningClock, tmp_path: Path) -> Iterator[Served]:
    """A bank with its forms guarded, on SQLite, served by threads of this process."""
    url = templates.on_sqlite(tmp_path / "bank.db")
    app = create_app(settings(url, tmp_path) | {"WTF_CSRF_ENABLED": True, "DEMO_PASSWORD": "moral-bank-demo"})
    yield from serve(app)


@pytest.fixture
def world(bank: Served, time_of_day: RunningClock) -> World:
    """The small community of `tests/world.py`, in the bank that is served."""
    return build_world(bank.app, time_of_day)


@pytest.fixture
def phone(bank: Served, chromium: Any, tmp_path: Path) -> Iterator[Callable[..., Phone]]:
    """Give a function that hands out a phone; when the story is over, nothing may have gone wrong on any."""
    phones: list[Phone] = []

    def hand_out(owner: str, **options: Any) -> Phone:
        phones.append(Phone(owner, bank.url, chromium, tmp_path, **options))
        return phones[-1]

    yield hand_out
    for each in phones:
        each.close()
    assert {each.owner: each.complaints for each in phones if each.complaints} == {}


@pytest.fixture
def screen(bank: Served, chromium: Any, tmp_path: Path) -> Iterator[Callable[..., Screen]]:
    """Give a function that hands out a screen without a camera, of one Chromium; nothing may have gone wrong on any."""
    browser, screens = chromium(), []

    def hand_out(owner: str, **size: int) -> Screen:
        context = browser.new_context(viewport=size or SIZE, locale="zh-CN", accept_downloads=True)
        screens.append(Screen(owner, bank.url, tmp_path, context))
        return screens[-1]

    yield hand_out
    browser.close()
    assert {each.owner: each.complaints for each in screens if each.complaints} == {}


def serve(app: Flask) -> Iterator[Served]:
    """Serve an app on a free port of this machine for as long as the caller needs it."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Served(app, f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    thread.join()
    server.server_close()
    with app.app_context():
        db.engine.dispose()
