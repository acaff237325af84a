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

    def __init__(self, page: Any) -> None:
        self.page = page
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


@pytest.fixture
def open_page(gallery: Gallery) -> Iterator[Callable[..., Watched]]:
    """Give a function that opens a path in a fresh Chromium; nothing may be amiss at the end."""
    if not CHROMIUM.exists():
        pytest.skip("no /usr/bin/chromium")
    playwright_api = pytest.importorskip("playwright.sync_api")
    opened: list[Watched] = []

    with playwright_api.sync_playwright() as playwright:

        def open_(path: str, *, flags: list[str] | None = None, **context: Any) -> Watched:
            browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS + (flags or []))
            context.setdefault("viewport", {"width": 390, "height": 844})
            page = browser.new_context(**context).new_page()
            watched = Watched(page)
            opened.append(watched)
            page.goto(gallery.url + path)
            return watched

        yield open_
        found = [complaint for watched in opened for complaint in watched.complaints]
        assert found == []
