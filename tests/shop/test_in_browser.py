"""The counter in a real Chromium: a card, a keypad, a hand scanner, and a voucher whose QR can be read."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.serving import make_server

from tests.front.conftest import CHROMIUM, FLAGS
from tests.shop.market import PIN, Market

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    # Flask-Compress leaves the files of static answers to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Counter:
    """A phone-sized page of somebody signed in, on the running bank."""

    def __init__(self, market: Market, url: str, browser: Any) -> None:
        self.market, self.url, self._browser = market, url, browser
        self.complaints: list[str] = []

    def page(self, who: str) -> Any:
        """Open a page as `who`; anything the browser complains about fails the test at its end."""
        context = self._browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN")
        cookie = self.market.world.page(who).get_cookie("session")
        assert cookie is not None
        context.add_cookies([{"name": "session", "value": cookie.value, "url": self.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: said.type == "error" and self.complaints.append(said.text))
        return page


@pytest.fixture
def counter(market: Market) -> Iterator[Counter]:
    if not CHROMIUM.exists():
        pytest.skip("no /usr/bin/chromium")
    api = pytest.importorskip("playwright.sync_api")
    server = make_server("127.0.0.1", 0, market.world.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        opened = Counter(market, f"http://127.0.0.1:{server.server_port}", browser)
        yield opened
        browser.close()
    server.shutdown()
    thread.join()
    server.server_close()
    assert opened.complaints == []


def test_a_hand_scanner_and_the_keypad_serve_a_card(counter: Counter) -> None:
    page = counter.page("shop")
    page.goto(f"{counter.url}/counter")
    page.keyboard.type(counter.market.world.people["resident"].public_id)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/counter/cards/"))
    page.get_by_text("肥皂").click()
    page.get_by_role("button", name=re.compile("PIN")).click()
    page.wait_for_url(re.compile(r"/pin\?"))
    for digit in PIN:
        key = page.locator(f"[data-key='{digit}']")
        box = key.bounding_box()
        assert box["width"] >= 60
        assert box["height"] >= 60
        key.click()
    page.get_by_role("button", name="确定").click()
    page.wait_for_url(re.compile(r"/receipts/"))
    assert "85 积分" in page.inner_text("main")
    assert counter.market.has("resident").available == 85


def test_the_vouchers_qr_opens_the_voucher(counter: Counter) -> None:
    zxing = pytest.importorskip("zxingcpp")
    image = pytest.importorskip("PIL.Image")
    placed = counter.market.order()
    page = counter.page("volunteer")
    page.goto(f"{counter.url}/v/{placed.voucher_code}")
    picture = image.open(io.BytesIO(page.locator("figure.qr").screenshot()))
    found = [code.text for code in zxing.read_barcodes(picture)]
    assert found == [f"{counter.url}/v/{placed.voucher_code}"]
