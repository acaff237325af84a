"""A gallery server and a Chromium that may speak to nobody else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from tests.front.gallery import create_gallery

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


class Gallery:
    """The running gallery: its address and its application."""

    def __init__(self, url: str, app: Any) -> None:
        self.url = url
        self.app = app


@pytest.fixture(scope="session")
def gallery() -> Iterator[Gallery]:
    app = create_gallery()
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Gallery(f"http://127.0.0.1:{server.server_port}", app)
    server.shutdown()
    thread.join()
    server.server_close()


class Watched:
    """A page together with everything it complained about and every address it left for."""

    def __init__(self, page: Any, browser_of_its_own: Any) -> None:
        self.page = page
        self.browser_of_its_own = browser_of_its_own
        self.complaints: list[str] = []
        page.on("console", lambda message: message.type in {"error", "warning"} and self._note(message.text))
        page.on("pageerror", lambda error: self._note(str(error)))
        page.on("request", self._request)

    def _note(self, text: str) -> None:
        if "409 (CONFLICT)" not in text:  # a refusal the test provoked
            self.complaints.append(text)

    def _request(self, request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "http://localhost:", "blob:", "data:")):
            self.complaints.append(f"left for {request.url}")


@pytest.fixture(scope="module")
def launch() -> Iterator[Callable[..., Any]]:
    """Give a function that starts Chromium with more flags; without any, always the same one."""
    if not CHROMIUM.exists():
        pytest.skip("no /usr/bin/chromium")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        plain: list[Any] = []

        def launch_(flags: list[str]) -> Any:
            if plain and not flags:
                return plain[0]
            browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS + flags)
            if not flags:
                plain.append(browser)
            return browser

        yield launch_
        for browser in plain:
            browser.close()


@pytest.fixture
def open_page(gallery: Gallery, launch: Callable[..., Any]) -> Iterator[Callable[..., Watched]]:
    """Give a function that opens a path in a fresh context; nothing may be amiss at the end."""
    opened: list[Watched] = []

    def open_(path: str, *, flags: list[str] | None = None, **context: Any) -> Watched:
        context.setdefault("viewport", {"width": 390, "height": 844})
        browser = launch(flags or [])
        page = browser.new_context(**context).new_page()
        watched = Watched(page, browser if flags else None)
        opened.append(watched)
        page.goto(gallery.url + path)
        return watched

    yield open_
    for watched in opened:
        watched.page.context.close()
        if watched.browser_of_its_own:
            watched.browser_of_its_own.close()
    assert [complaint for watched in opened for complaint in watched.complaints] == []
