"""The demo lives by the bank's own rules: it verifies, repeats itself from a seed, and leaves all something to do."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import create_app
from bank import checks, db
from bank.activities.models import Activity
from bank.checkin.models import Attendance
from bank.communities.models import Community
from bank.credits.models import Credit
from bank.demo import goods, loading
from bank.log import keys
from bank.members import operations as members
from bank.shop.models import Item, Order, Settlement, Shop
from ledger.models import TxnRow
from tests.conftest import SetClock, Templates, settings

TXN_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def _load(app: Flask, *, seed: int = 1) -> str:
    with app.app_context():
        loading.load(households=12, days=4, seed=seed, show=io.StringIO())
        return _journal(app)


def _journal(app: Flask) -> str:
    out = io.StringIO()
    with app.app_context():
        home = db.session().scalars(select(Community).where(Community.code == "430104001001")).one()
        db.book(db.session(), home.id, None).export("hledger", out)  # type: ignore[arg-type]
    return TXN_ID.sub("-", out.getvalue())


def test_the_demos_books_verify(app: Flask, now: SetClock) -> None:
    _load(app)
    with app.app_context():
        assert checks.verify_all(db.session(), now.now, keys.ring_of(app.config, now.now)).lines()[-1] == "ok"


@SQLITE_ONLY
def test_the_same_seed_gives_the_same_books_and_another_seed_others(
    app: Flask, templates: Templates, tmp_path: Path, now: SetClock
) -> None:
    first = _load(app)
    books = []
    for name, seed in (("again", 1), ("other", 2)):
        folder = tmp_path / name
        folder.mkdir()
        twin = create_app(settings(templates.on_sqlite(folder / "bank.db"), folder))
        books.append(_load(twin, seed=seed))
        with twin.app_context():
            db.db.engine.dispose()
    assert books[0] == first
    assert books[1] != first
    assert len(first.splitlines()) > 50
    with app.app_context():
        per_moment = select(func.count()).select_from(TxnRow).group_by(TxnRow.ledger_id, TxnRow.recorded_at)
        shared = per_moment.where(TxnRow.kind != "credit").having(func.count() > 1)
        assert not db.session().scalars(shared).all(), "what shares a moment is exported in any order"


@SQLITE_ONLY
def test_the_demo_leaves_everyone_something_to_do(app: Flask, now: SetClock) -> None:
    _load(app)
    with app.app_context():
        session = db.session()

        def count(kind: type, *where: object) -> int:
            return session.scalar(select(func.count()).select_from(kind).where(*where)) or 0  # type: ignore[arg-type]

        home = session.scalars(select(Community).where(Community.code == "430104001001")).one()
        here = Activity.community_id == home.id
        assert count(Activity, here, Activity.starts_at < now.now, Activity.ends_at > now.now) == 1
        assert count(Activity, here, Activity.starts_at > now.now) >= 3
        assert count(Credit, Credit.community_id == home.id, Credit.state == "submitted") > 0
        assert count(Order, Order.state == "held") >= 1
        assert count(Item, Item.stock == 0) == 1
        assert count(Attendance, Attendance.state == "checked_in") > 0


def test_an_activity_of_the_demo_is_planned_for_some_35_people_and_three_hours() -> None:
    places = sum(kind.people for kind in goods.KINDS)
    assert 30 <= places / len(goods.KINDS) <= 38
    assert 3.0 <= sum(kind.people * kind.minutes for kind in goods.KINDS) / places / 60 <= 3.4


@SQLITE_ONLY
def test_who_came_in_the_demo_stayed_about_three_hours(app: Flask, now: SetClock) -> None:
    _load(app)
    with app.app_context():
        stayed = select(func.avg(Attendance.minutes)).where(Attendance.state == "checked_out")
        assert 2.7 <= float(db.session().scalar(stayed) or 0) / 60 <= 3.6


@SQLITE_ONLY
@pytest.mark.parametrize(
    "login", ["volunteer", "resident", "coordinator", "second", "shop", "panel", "auditor", "admin"]
)
def test_every_demo_login_opens_with_the_demo_password(app: Flask, now: SetClock, login: str) -> None:
    _load(app)
    with app.app_context():
        found = members.find_by_login(db.session(), login)
        assert members.check_password(found, app.config["DEMO_PASSWORD"]) is not None


@SQLITE_ONLY
def test_a_production_bank_refuses_to_start_on_a_demo(app: Flask, tmp_path: Path, now: SetClock) -> None:
    _load(app)
    real = settings(app.config["DATABASE_URL"], tmp_path) | {"BANK_ENV": "production"}
    with pytest.raises(RuntimeError, match="demo community"):
        create_app(real)


@SQLITE_ONLY
def test_the_demo_has_both_kinds_of_notice(app: Flask, now: SetClock) -> None:
    _load(app)
    with app.app_context():
        states = {
            (code, state)
            for code, state in db.session().execute(
                select(Community.code, Credit.state).join(Community, Community.id == Credit.community_id)
            )
        }
    assert ("430104001001", "posted") in states
    assert ("430104001002", "in_notice") in states


@SQLITE_ONLY
@pytest.mark.slow
def test_the_barber_has_months_that_are_settled_and_one_to_confirm(app: Flask) -> None:
    with app.app_context():
        loading.load(households=8, days=95, seed=2, show=io.StringIO())
        found = db.session().execute(select(Settlement, Shop).join(Shop, Shop.id == Settlement.shop_id)).all()
        states = {(one.month.month, one.state) for one, _ in found}
        assert states == {(8, "settled"), (9, "settled"), (10, "open")}
        assert {one.state for one, shop in found if shop.name == "国平理发"} == {"settled", "open"}
        assert all((one.minutes, one.points) == (one.book_minutes, one.book_points) for one, _ in found)
        db.drop()
