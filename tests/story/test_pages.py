"""Every page that a role can reach: fits a phone, has one heading and whole icons, and axe finds nothing.

`SHOTS=/tmp/shots` in the environment keeps a picture of every page to look at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app import create_app
from bank import db
from bank.activities.models import Activity
from bank.credits.models import Credit
from bank.demo import loading
from bank.members.models import Person
from bank.shop.models import Item, Order, Shop
from tests.conftest import Templates, settings
from tests.story.conftest import Served, serve
from tests.story.phones import PASSWORD, SIZE
from tests.story.walking import ICONS, Walk, faults_of, keep_picture

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

DRAWN = set(re.findall(r'id="([a-z-]+)"', (Path(__file__).parents[2] / "static" / "icons.svg").read_text()))
ROLES = ("visitor", "volunteer", "resident", "coordinator", "second", "shop", "panel", "auditor", "admin")
WALK_ALL = ("visitor", "volunteer", "resident", "coordinator")
"""The others open their first page and what these were not shown; the resident's pages are in large type."""
EVERYONES = ("/", "/me", "/activities", "/passbook", "/scan", "/shop", "/board", "/notices", "/nowhere")
NOT_PAGES = {"static", "web.healthz", "web.manifest", "venue.coming_codes", "venue.count"}
NOT_PAGES |= {"log.checkpoint", "log.verifier", "log.public_keys", "log.tile", "passbook.proof_file"}
ELSEWHERE = {"checkin.claimed", "checkin.scanned", "checkin.attendance", "deeds.show", "deeds.photo", "spotchecks.show"}
ELSEWHERE |= {"witness.coming", "witness.ask", "thanks.reported"}
ELSEWHERE |= {"shop.stocktake", "shop.queue_card", "shop.queue_slip", "shop.queue_sheet"}
ELSEWHERE |= {"vitals.offers"}
ELSEWHERE |= {"passbook.refused", "passbook.for_them"}
ELSEWHERE |= {"sheets.show", "sheets.photo", "disputes.slip", "rulebook.proposal"}
ELSEWHERE |= {"shop.statement", "shop.statement_file", "farewells.statement", "dormant.my_hours"}
ELSEWHERE |= {"cards.person", "cards.form"}
"""What only a scan opens, where the stories go, what the demo has none of (a roster, a reported card), or what comes
next month."""


@pytest.fixture(scope="module")
def demo(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A small demo community, served."""
    folder = tmp_path_factory.mktemp("demo")
    app = create_app(settings(templates.on_sqlite(folder / "bank.db"), folder) | {"DEMO_PASSWORD": PASSWORD})
    with app.app_context():
        loading.load(households=8, days=10, seed=1, show=StringIO())
        db.drop()
    yield from serve(app)


@pytest.fixture(scope="module")
def browser(chromium: Any) -> Iterator[Any]:
    """One Chromium for all."""
    started = chromium()
    yield started
    started.close()


class Visitor:
    """A page in a context of its own that remembers what it complained about."""

    def __init__(self, browser: Any, demo: Served, who: str, **size: int) -> None:
        self._context = browser.new_context(viewport=size or SIZE, locale="zh-CN")
        self.page = self._context.new_page()
        self.page.set_default_timeout(30_000)
        self.complaints: list[str] = []
        self._demo = demo
        self.page.on("console", lambda said: said.type in {"error", "warning"} and self._note(said.text))
        self.page.on("response", lambda got: got.status >= 500 and self._note(f"{got.status} {got.url}"))
        if who != "visitor":
            self.page.goto(f"{demo.url}/sign-in")
            self.page.locator("[name=login]").fill(who)
            self.page.locator("[name=password]").fill(PASSWORD)
            self.page.get_by_role("button", name="登录").click()
            self.page.get_by_text("，您好").wait_for()

    def _note(self, text: str) -> None:
        if "404 (NOT FOUND)" not in text or not self.page.url.endswith("/nowhere"):
            self.complaints.append(text)

    def faults(self) -> list[str]:
        """Tell what is wrong with the page that is open."""
        found = [*faults_of(self.page), *self.complaints]
        found += [f"no icon {name}" for name in set(self.page.evaluate(ICONS)) - DRAWN]
        self.complaints.clear()
        return found

    def close(self) -> None:
        self._context.close()


def starts(demo: Served, who: str) -> list[str]:
    """Give where a walk begins; pages that only a form leads to are named here."""
    if who == "volunteer":  # the newest line of the passbook is a gift: a credit of theirs is named
        with demo.app.app_context():
            mine = select(Credit.public_id).join(Person, Person.id == Credit.person_id).where(Person.login == who)
            credit = db.session().scalars(mine.order_by(Credit.id).limit(1)).one()
            db.drop()
        return [*EVERYONES, f"/me/credits/{credit}"]
    if who not in ("coordinator", "shop", "admin"):
        return list(EVERYONES)
    with demo.app.app_context():
        session = db.session()
        resident = session.scalars(select(Person.public_id).where(Person.login == "resident")).one()
        item = session.scalars(select(Item.public_id).join(Shop, Shop.id == Item.shop_id).limit(1)).one()
        voucher = session.scalars(select(Order.voucher_code).where(Order.state == "held").limit(1)).one()
        coming = session.scalars(select(Activity.public_id).order_by(Activity.starts_at.desc()).limit(1)).one()
        done = session.scalars(select(Order.public_id).where(Order.state == "handed_over").limit(1)).all()
        db.drop()
    if who == "shop":
        card = f"/counter/cards/{resident}"
        receipts = [f"/counter/receipts/{one}" for one in done]
        return [*EVERYONES, card, f"{card}/pin?item_id={item}&quantity=1", f"/v/{voucher}", *receipts]
    if who == "admin":
        return [*EVERYONES, f"/people/{resident}"]
    return [*EVERYONES, f"/people/{resident}", f"/activities/{coming}/edit"]


def test_every_page_of_every_role_is_in_order(demo: Served, browser: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    seen: dict[str, str] = {}
    faults: dict[str, Any] = {}
    for who in ROLES:
        visitor = Visitor(browser, demo, who)
        walk = Walk(demo.app, demo.url, visitor.page, () if who in WALK_ALL else seen)
        for number, (kind, path) in enumerate(walk.pages(*starts(demo, who))):
            found: list[Any] = visitor.faults()
            if kind not in seen:
                for violation in axe.run(visitor.page).response["violations"]:
                    found.append((violation["id"], [node["html"][:120] for node in violation["nodes"]][:3]))
            seen.setdefault(kind, who)
            keep_picture(visitor.page, f"{who}-{number:02}-{kind}")
            if found:
                faults[f"{who} {path}"] = found
        visitor.close()
    assert faults == {}
    assert _unreached(demo, set(seen)) == set()


def _unreached(demo: Served, seen: set[str]) -> set[str]:
    rules = [rule for rule in demo.app.url_map.iter_rules() if "GET" in (rule.methods or set())]
    pages = {rule.endpoint for rule in rules if not rule.rule.startswith("/api/")}
    return pages - seen - NOT_PAGES - ELSEWHERE


@pytest.mark.parametrize("look", ["elder", "english"])
def test_main_pages_fit_the_smallest_phone(demo: Served, browser: Any, look: str) -> None:
    faults = {}
    for who, paths in (
        ("volunteer", ["/", "/activities", "/passbook", "/shop", "/scan", "/me", "/me/pass", "/board"]),
        ("coordinator", ["/", "/desk", "/activities/new", "/people"]),
        ("shop", ["/counter", "/counter/stock", "/statements"]),
    ):
        visitor = Visitor(browser, demo, who, width=320, height=640)
        name, value = {"elder": ("elder", "1"), "english": ("lang", "en")}[look]
        if name == "lang":
            visitor.page.get_by_text("菜单", exact=True).first.click()
        visitor.page.locator(f"button[name={name}][value='{value}']").first.click()
        visitor.page.wait_for_load_state()
        for path in paths:
            visitor.page.goto(demo.url + path)
            keep_picture(visitor.page, f"{look}-{who}-{path.strip('/').replace('/', '-') or 'home'}")
            found = visitor.faults()
            if found:
                faults[path] = found
        visitor.close()
    assert faults == {}
