"""Every part in a real browser: within the policy, within the page, large enough to touch, axe content."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

pytestmark = pytest.mark.browser

PAGES = [
    "/",
    "/passbook",
    "/desk?as=staff",
    "/gallery/voucher",
    "/gallery/parts",
    "/scan",
    "/gallery/cards",
    "/gallery/screen",
    "/gallery/paper",
    "/sign-in?as=nobody",
    "/s/R1ABC",
    "/counter",
    "/board",
    "/gallery/error",
]
LOOKS = {
    "phone": ({"width": 390, "height": 844}, ""),
    "small": ({"width": 320, "height": 640}, ""),
    "elder": ({"width": 320, "height": 640}, "elder=1"),
    "english": ({"width": 320, "height": 640}, "lang=en"),
    "zoomed": ({"width": 640, "height": 400}, ""),  # a desktop at 200 %
    "desktop": ({"width": 1280, "height": 800}, ""),
}
OVER_THE_EDGE = """() => document.documentElement.scrollWidth > innerWidth + 1
  ? [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1)
      .map((e) => e.tagName + '.' + (e.className.baseVal || e.className)).slice(0, 5) : []"""
TOO_SMALL = """(least) => [...document.querySelectorAll(
  'a, button, summary, input:not([type=hidden]), select, textarea')]
  .filter((e) => e.checkVisibility() && !e.closest('p, li:not(.chain > *), dd, td, .hide, .skip'))
  .map((e) => [e, (e.closest('label') || e).getBoundingClientRect()])
  .filter(([e, box]) => box.width > 1 && (box.height < (e.closest('.chain') ? 44 : least) - 0.5 || box.width < 43.5))
  .map(([e, box]) => e.outerHTML.slice(0, 80) + ' ' + Math.round(box.width) + 'x' + Math.round(box.height))"""

TINY = """() => [...document.querySelectorAll('body *')]
  .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) && e.checkVisibility())
  .filter((e) => !e.closest('svg, .id-card, .notice, .hide, .skip, noscript, script'))
  .filter((e) => parseFloat(getComputedStyle(e).fontSize) < (e.closest('.bar > :not(h1), .thumb') ? 16 : 18))
  .map((e) => e.outerHTML.slice(0, 80) + ' ' + getComputedStyle(e).fontSize)"""


def at(path: str, query: str) -> str:
    return path + ("&" if "?" in path else "?") + query if query else path


@pytest.mark.parametrize("look", LOOKS)
def test_pages_fit_and_can_be_touched(open_page: Callable[..., Any], gallery: Any, look: str) -> None:
    viewport, query = LOOKS[look]
    watched = open_page(at(PAGES[0], query), viewport=viewport)
    for path in PAGES:
        watched.page.goto(gallery.url + at(path, query))
        assert watched.page.evaluate(OVER_THE_EDGE) == [], path
        assert watched.page.evaluate(TOO_SMALL, 60 if look == "elder" else 44) == [], path


@pytest.mark.parametrize("query", ["", "lang=en"])
def test_no_text_is_smaller_than_eighteen_pixels_or_sixteen_in_a_bar(
    open_page: Callable[..., Any], gallery: Any, query: str
) -> None:
    watched = open_page(at(PAGES[0], query), viewport={"width": 390, "height": 844})
    for path in PAGES:
        watched.page.goto(gallery.url + at(path, query))
        assert watched.page.evaluate(TINY) == [], path


def test_axe_finds_nothing(open_page: Callable[..., Any], gallery: Any) -> None:
    axe_api = pytest.importorskip("axe_playwright_python.sync_playwright")
    for look in ("phone", "elder", "desktop"):
        viewport, query = LOOKS[look]
        watched = open_page(at(PAGES[0], query), viewport=viewport, bypass_csp=True)
        for path in PAGES:
            watched.page.goto(gallery.url + at(path, query))
            found = axe_api.Axe().run(watched.page).response["violations"]
            assert [(v["id"], [n["html"][:120] for n in v["nodes"]][:3]) for v in found] == [], (look, path)


def test_pages_work_without_javascript(open_page: Callable[..., Any], gallery: Any) -> None:
    watched = open_page("/scan", java_script_enabled=False)
    assert watched.page.get_by_text("打开摄像头").is_hidden()
    watched.page.get_by_label("扫不了").fill("171648")
    with watched.page.expect_request(lambda request: request.method == "POST") as asked:
        watched.page.get_by_role("button", name="确定").click()
    assert "six=171648" in (asked.value.post_data or "")
    assert "_key=" in (asked.value.post_data or "")
    watched.page.wait_for_load_state()


def test_a_landing_needs_four_requests(open_page: Callable[..., Any], gallery: Any) -> None:
    watched = open_page("/sign-in?as=nobody")
    watched.page.wait_for_load_state("networkidle")
    asked: list[str] = []
    watched.page.on("request", lambda request: asked.append(request.url))
    watched.page.goto(gallery.url + "/s/R1ABC?as=nobody")
    watched.page.wait_for_load_state("networkidle")
    outside = [url for url in asked if not url.startswith("data:")]
    assert len(outside) <= 4, outside


def test_a_landing_presses_its_button_only_for_the_signed_in(open_page: Callable[..., Any], gallery: Any) -> None:
    watched = open_page("/s/R1ABC?auto=1&as=nobody")
    watched.page.wait_for_load_state("networkidle")
    assert watched.page.url.endswith("as=nobody")
    with watched.page.expect_request("**/check-ins"):
        watched.page.goto(gallery.url + "/s/R1ABD?auto=1", wait_until="commit")
    watched.page.wait_for_url("**/check-ins")


def test_what_cannot_be_taken_back_is_asked_first(open_page: Callable[..., Any]) -> None:
    watched = open_page("/gallery/voucher")
    page = watched.page
    posts: list[str] = []
    page.on("request", lambda request: request.method == "POST" and posts.append(request.url))
    page.get_by_role("button", name="不要了").click()
    page.get_by_role("dialog").get_by_role("button", name="先不").click()
    assert posts == []
    page.get_by_role("button", name="不要了").click()
    with page.expect_request(lambda request: request.method == "POST"):
        page.get_by_role("dialog").get_by_role("button", name="确定").click()
    page.wait_for_url("**/x")


def test_the_stepper_stops_at_its_limits(open_page: Callable[..., Any]) -> None:
    page = open_page("/gallery/parts").page
    field = page.get_by_label("数量")
    assert page.get_by_role("button", name="减一").is_disabled()
    page.get_by_role("button", name="加一").click()
    assert field.input_value() == "2"


def test_the_toast_leaves_when_undo_has_ended(open_page: Callable[..., Any]) -> None:
    page = open_page("/desk?as=staff").page
    page.locator(".toast progress").wait_for()
    page.locator(".toast").wait_for(state="detached", timeout=30_000)


def test_the_code_screen_goes_on_without_the_network(open_page: Callable[..., Any], gallery: Any) -> None:
    zxingcpp = pytest.importorskip("zxingcpp")
    watched = open_page("/sign-in?as=nobody")
    page = watched.page
    page.clock.install()
    page.goto(gallery.url + "/gallery/screen")
    canvas = page.locator("[data-screen-qr]")
    canvas.wait_for()
    shown = zxingcpp.read_barcode(Image.open(io.BytesIO(canvas.screenshot())))
    assert shown is not None
    assert shown.text == canvas.get_attribute("data-url")
    assert shown.text.startswith(gallery.url + "/s/R1")
    page.get_by_text("12", exact=True).wait_for()
    page.context.set_offline(True)
    digits = page.locator("[data-screen-six]").inner_text()
    page.clock.run_for(16_000)
    assert page.locator("[data-screen-six]").inner_text() != digits
    page.clock.run_for(320_000)
    page.get_by_text("码还能用到").wait_for(timeout=10_000)
    page.clock.run_for(400_000)
    page.get_by_text("码暂时用不了").wait_for(timeout=10_000)
    watched.complaints[:] = [text for text in watched.complaints if "ERR_INTERNET_DISCONNECTED" not in text]


def pages_in(pdf: bytes) -> list[tuple[int, int]]:
    """Read the size in millimetres of each page of a PDF."""
    boxes = re.findall(rb"/MediaBox *\[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    return [(round(float(w) / 72 * 25.4), round(float(h) / 72 * 25.4)) for w, h in boxes]


def test_cards_and_notices_print_on_their_own_paper(open_page: Callable[..., Any], gallery: Any) -> None:
    page = open_page("/gallery/paper").page
    assert sorted(pages_in(page.pdf(prefer_css_page_size=True))) == [(86, 54), (86, 54), (210, 297)]
    page.goto(gallery.url + "/gallery/sheet")
    assert pages_in(page.pdf(prefer_css_page_size=True)) == [(210, 297)]
    page.goto(gallery.url + "/passbook")
    assert set(pages_in(page.pdf(prefer_css_page_size=True))) == {(210, 297)}
