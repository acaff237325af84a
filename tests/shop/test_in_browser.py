"""The counter in a real Chromium: a card, a keypad, a hand scanner, and a voucher whose QR can be read."""

from __future__ import annotations

import io
import re
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select, update
from werkzeug.serving import make_server

from bank import chart, jobs
from bank.members import passwords
from bank.members.models import Person
from bank.shop import queueing
from bank.shop.models import PointBudget, Settlement
from tests.front.conftest import CHROMIUM, FLAGS
from tests.shop.market import PIN, Market, credit
from tests.story.walking import faults_of

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

    def page(self, who: str, width: int = 390, height: int = 844) -> Any:
        """Open a page as `who`; anything the browser complains about fails the test at its end."""
        context = self._browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN")
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
    page.wait_for_url(re.compile(r"/counter\?done="))
    assert "85 积分" in page.inner_text("main")
    assert counter.market.has("resident").available == 85


def test_three_people_are_served_with_nothing_but_keys(counter: Counter) -> None:
    """A card that chooses by number, a voucher, and a card scanned while another's PIN was still asked for."""
    market = counter.market
    towel = market.add_item("毛巾", unit="PTS", price=30)
    for who in ("panel", "relative"):
        credit(market.world, who, chart.POINTS, 100)
        with market.world.write() as session:
            session.get_one(Person, market.world.people[who].id).pin_hash = passwords.make_hash(PIN)
    placed = market.order()
    page = counter.page("shop", width=1024, height=768)
    mouse: list[str] = []
    page.expose_function("noteMouse", lambda kind: mouse.append(kind))
    page.add_init_script("addEventListener('pointerdown', (event) => noteMouse(event.type), true)")
    keys = page.keyboard
    page.goto(f"{counter.url}/counter")
    _scan(page, market.world.people["panel"].public_id)
    page.wait_for_url(re.compile(r"/cards/"))
    page.locator("html[data-listens]").wait_for(state="attached")
    keys.press("2")
    keys.press("+")
    keys.press("Enter")
    page.wait_for_url(re.compile(r"/pin\?.*quantity=2"))
    page.locator("html[data-listens]").wait_for(state="attached")
    keys.type(PIN, delay=150)
    keys.press("Enter")
    page.wait_for_url(re.compile(r"/counter\?done="))
    assert market.has("panel").available == 40
    _scan(page, f"{counter.url}/v/{placed.voucher_code}")
    page.wait_for_url(re.compile(r"/v/"))
    page.locator("html[data-listens]").wait_for(state="attached")
    keys.press("Enter")
    page.wait_for_url(re.compile(r"/counter\?done="))
    assert market.state(placed) == "handed_over"
    _scan(page, market.world.people["panel"].public_id)
    page.wait_for_url(re.compile(r"/cards/"))
    page.locator("html[data-listens]").wait_for(state="attached")
    keys.press("1")
    keys.press("Enter")
    page.wait_for_url(re.compile(r"/pin\?"))
    page.locator("html[data-listens]").wait_for(state="attached")
    _scan(page, market.world.people["relative"].public_id)  # the first one went away, and the next card is there
    page.wait_for_url(re.compile(rf"/cards/{market.world.people['relative'].public_id}$"))
    page.locator("html[data-listens]").wait_for(state="attached")
    keys.press("1")
    keys.press("Enter")
    page.wait_for_url(re.compile(r"/pin\?"))
    keys.type(PIN, delay=150)
    keys.press("Enter")
    page.wait_for_url(re.compile(r"/counter\?done="))
    shown = page.inner_text("main")
    assert market.has("relative").available == 85
    assert all(masked in shown for masked in ("陈**", "王**", "吴**"))
    assert page.evaluate("document.activeElement.name") == "code"
    assert mouse == []
    assert market.stock(towel) == 7


def test_a_key_held_down_is_not_a_scan(counter: Counter) -> None:
    page = counter.page("shop", width=1024, height=768)
    page.goto(f"{counter.url}/counter/cards/{counter.market.world.people['resident'].public_id}")
    page.locator("html[data-listens]").wait_for(state="attached")
    page.keyboard.press("1")
    for _ in range(7):
        page.keyboard.down("+")  # without an up between: the key repeats
    assert page.input_value("[name=quantity]") == "8"
    page.keyboard.up("+")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/pin\?.*quantity=8"))


def _scan(page: Any, text: str) -> None:
    """Type as a hand scanner does, 5 ms a key by the keys' own clock, however slowly the machine presses them."""
    keyboard = page.context.new_cdp_session(page)
    moment = time.time() - 1
    for number, key in enumerate(f"{text}\r"):
        at = {"timestamp": moment + number * 0.005, "text": key, "key": "Enter" if key == "\r" else key}
        keyboard.send("Input.dispatchKeyEvent", {"type": "keyDown", **at})
        keyboard.send("Input.dispatchKeyEvent", {"type": "keyUp", "key": at["key"], "timestamp": at["timestamp"]})
    keyboard.detach()


@pytest.mark.parametrize("who", ["barber", "coordinator"])
def test_a_statement_fits_a_phone_and_can_be_read_aloud(counter: Counter, who: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    market = counter.market
    market.hand_over(market.order(item=market.haircut), "barber")
    market.world.clock.now = datetime.fromisoformat("2026-12-01T01:00:00+08:00")
    with market.world.app.app_context():
        jobs.run_due(market.now)
    with market.world.write() as session:
        public_id = session.scalars(select(Settlement.public_id)).one()
    for width in (320, 390, 1024):
        page = counter.page(who, width=width)
        for path in ("/statements", f"/statements/{public_id}"):
            page.goto(f"{counter.url}{path}")
            assert faults_of(page) == []
            assert axe.run(page).response["violations"] == []
    page.get_by_role("button", name="核对过").click()
    page.get_by_text("等对方确认").first.wait_for()
    assert page.get_by_role("button", name="核对过").count() == 0


def test_the_field_has_the_focus_whatever_was_tapped(counter: Counter) -> None:
    page = counter.page("shop", width=1024, height=768)
    page.goto(f"{counter.url}/counter")
    page.locator("html[data-listens]").wait_for(state="attached")
    page.mouse.click(700, 700)
    assert page.evaluate("document.activeElement.name") == "code"


def test_a_receipt_prints_on_a_roll_and_on_a_sheet(counter: Counter) -> None:
    done = counter.market.hand_over(counter.market.order())
    page = counter.page("shop")
    sizes = {}
    for kind in ("", "?paper=a6"):
        page.goto(f"{counter.url}/counter/receipts/{done.public_id}{kind}")
        data = page.pdf(prefer_css_page_size=True)
        sizes[kind] = [
            tuple(round(float(x) / 72 * 25.4) for x in box)
            for box in re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", data)
        ]
    assert sizes == {"": [(58, 105)], "?paper=a6": [(105, 148)]}


def test_the_vouchers_qr_opens_the_voucher(counter: Counter) -> None:
    zxing = pytest.importorskip("zxingcpp")
    image = pytest.importorskip("PIL.Image")
    placed = counter.market.order()
    page = counter.page("volunteer")
    page.goto(f"{counter.url}/v/{placed.voucher_code}")
    picture = image.open(io.BytesIO(page.locator("figure.qr").screenshot()))
    found = [code.text for code in zxing.read_barcodes(picture)]
    assert found == [f"{counter.url}/v/{placed.voucher_code}"]


@pytest.mark.parametrize(("width", "height"), [(1024, 768), (390, 844)])
def test_the_button_after_the_keypad_is_seen_without_scrolling_in_large_type(
    counter: Counter, width: int, height: int
) -> None:
    market = counter.market
    market.adopt(shop_budget_fen_per_month=150, point_reference_fen=10)
    market.order()
    market.queue("resident")
    with market.world.write() as session:
        session.execute(update(PointBudget).values(points=0))
        assert queueing.call_due(session, now=market.now) == 1
    card = market.world.people["resident"].public_id
    page = counter.page("shop", width=width, height=height)
    page.context.add_cookies([{"name": "elder", "value": "1", "url": counter.url}])
    for path in (f"/counter/cards/{card}/pin?item_id={market.soap}&quantity=1", f"/queue/cards/{card}"):
        page.goto(f"{counter.url}{path}")
        assert page.locator("html.elder").count() == 1
        key, button = page.locator("[data-key='0']").bounding_box(), page.locator("main .btn-seal").bounding_box()
        assert min(key["width"], key["height"], button["height"]) >= 60
        assert key["y"] + key["height"] <= button["y"]
        assert button["y"] + button["height"] <= height
