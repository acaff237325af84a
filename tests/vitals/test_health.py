"""The figures of a night: to the minute those of the book, one row a day, and a page that costs the same for ever."""

from __future__ import annotations

import io
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from bank import chart, clock, db, jobs
from bank.communities.models import Community
from bank.demo import loading
from bank.giving import pool
from bank.members.models import Person
from bank.vitals import measuring, sources
from bank.vitals.models import Vital
from ledger import Transfer, Txn
from ledger.models import AccountRow, BalanceRow
from tests.conftest import SetClock
from tests.counting import counted
from tests.credits.builders import approve, propose
from tests.shop.market import Market, credit

SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def _take(market: Market) -> Vital:
    with market.world.write() as session:
        place = session.get_one(Community, market.world.community_id)
        measuring.take(session, place, now=market.now)
        vital = measuring.newest(session, place.id)
        assert vital is not None
        return vital


def _text(market: Market, path: str = "/health", who: str | None = None) -> str:
    html = market.world.page(who).get(path).get_data(as_text=True)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_the_figures_are_the_books_to_the_minute(market: Market) -> None:
    market.hand_over(market.order(item=market.haircut), "barber")
    market.order(item=market.haircut)
    vital = _take(market)
    assert (vital.credited, vital.spent, vital.promised) == (180, 30, 150)
    with market.world.write() as session:
        total = session.scalar(
            select(func.sum(BalanceRow.cr_posted - BalanceRow.dr_posted + BalanceRow.held))
            .join(AccountRow, (AccountRow.ledger_id == BalanceRow.ledger_id) & (AccountRow.id == BalanceRow.account_id))
            .where(BalanceRow.ledger_id == market.world.community_id, AccountRow.unit == chart.MINUTES)
            .where(AccountRow.path == chart.member(market.world.people["volunteer"].public_id))
        )
    assert total == vital.promised


def test_a_day_is_taken_once_and_the_next_anew(market: Market) -> None:
    with market.world.app.app_context():
        assert jobs.run_due(market.now)["take_vitals"] == 2
        assert jobs.run_due(market.now + timedelta(hours=1))["take_vitals"] == 0
        assert jobs.run_due(market.now + timedelta(days=1))["take_vitals"] == 2


def test_two_jobs_at_once_keep_one_row(market: Market) -> None:
    def one(_number: int) -> bool:
        with market.world.write() as session:
            place = session.get_one(Community, market.world.community_id)
            return measuring.take(session, place, now=market.now)

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(one, range(4))) == 1


def test_what_other_slices_register_is_counted(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources.SOURCES, "met", {})
    assert measuring.read(_take(market)).met is None
    assert "还没有登记" in _text(market)
    person, at = market.world.people["resident"].id, market.now
    monkeypatch.setitem(sources.SOURCES.met, "t", lambda _s, _c, _since, _now: (9, 7))
    monkeypatch.setitem(sources.SOURCES.first_spent, "t", lambda _s, _c: {person: at})
    monkeypatch.setitem(sources.SOURCES.wanted, "t", lambda _s, _c, _since: [("陪诊", 90, person, at)])
    market.world.clock.advance(days=1)
    found = measuring.read(_take(market))
    assert (found.met, found.spenders, found.demand) == ([9, 7], 1, {"陪诊": [90, 1]})
    text = _text(market)
    assert "有 9 次求助，7 次在 48 小时内有人答应来" in text
    assert "办到" not in text


def test_points_that_end_within_sixty_days_are_counted_and_later_ones_not(market: Market) -> None:
    path = chart.member(market.world.people["volunteer"].public_id)
    today = clock.local_day(market.now, "Asia/Shanghai")
    with market.world.write() as session:
        book = db.book(session, market.world.community_id, market.now)
        for points, days in ((5, 0), (7, 60), (11, 61)):
            moved = Transfer(chart.issuance(1), path, "PTS", points, expires_on=today + timedelta(days=days))
            book.post(Txn("credit", [moved], today, "p:test"), key=f"ends:{days}", session=session)
    found = measuring.read(_take(market))
    assert (found.points, found.points_people) == (12, 1)


def test_a_community_without_a_night_says_so_and_small_groups_are_not_shown(market: Market) -> None:
    assert "还没有数字" in _text(market)
    market.hand_over(market.order(item=market.haircut), "barber")
    _take(market)
    text = _text(market)
    assert "每存进 10 小时，已经花出去 1.7 小时" in text
    assert "理发" not in text
    assert "人还太少，先不写" in text
    assert market.world.page(None).get("/health?community=nowhere").status_code == 404


def test_who_was_given_hours_is_not_counted_among_who_saved_and_used(market: Market) -> None:
    """Two used hours, of whom one had saved any: no page says that two of one have used theirs."""
    world = market.world
    approve(world, "coordinator", propose(world))
    world.clock.advance(days=40)
    with world.app.app_context():
        jobs.run_due(market.now)
    for who in ("volunteer", "resident"):
        credit(world, who, "MIN", 60)
        market.hand_over(market.order(who, market.haircut), "barber")
    world.clock.advance(days=1)
    found = measuring.read(_take(market))
    assert (found.savers, found.spenders, found.savers_spent) == (1, 2, 1)


@SQLITE_ONLY
@pytest.mark.parametrize(("saved", "used", "told"), [(9, 6, "9 人里，6 人用过"), (9, 4, "先不写"), (4, 4, "先不写")])
def test_the_page_says_how_many_of_who_saved_have_used(market: Market, saved: int, used: int, told: str) -> None:
    _tell(market, savers=saved, spenders=20, savers_spent=used)
    text = _text(market)
    assert told in text
    assert ("其中用过的人" in text) == (used >= 5)
    assert "20" not in re.findall(r"用过的人 (\d+)", text)


@SQLITE_ONLY
@pytest.mark.parametrize(
    ("people", "home", "pool"),
    [
        ({"helped": 5, "shoppers": 5, "donors": 5}, True, True),
        ({"helped": 4, "shoppers": 5, "donors": 4}, False, False),
        ({"helped": 5, "shoppers": 4, "donors": 5}, False, True),
        ({}, False, False),
    ],
)
def test_hours_used_or_donated_by_few_are_not_shown(
    market: Market, people: dict[str, int], home: bool, pool: bool
) -> None:
    """Nor is the rest, from which they could be reckoned; nights that did not count the people show none."""
    market.hand_over(market.order(item=market.haircut), "barber")
    _tell(market, at_home=13, donated=37, **people)
    text = _text(market)
    assert ("其中请人上门 13 分钟" in text) == ("店里和服务点 17 分钟" in text) == ("用到哪里去了" in text) == home
    assert ("捐给公益池 37 分钟" in text) == pool
    assert ("有 37 分钟 捐给了公益池" in text) == (home and pool)


def test_the_night_counts_who_donated_and_who_fetched(market: Market) -> None:
    market.hand_over(market.order(item=market.haircut), "barber")
    with market.world.write() as session:
        donor = session.get_one(Person, market.world.people["volunteer"].id)
        for amount in (30, 7):
            pool.donate(session, donor, unit=chart.MINUTES, amount=amount, now=market.now)
    found = measuring.read(_take(market))
    assert (found.donated, found.donors, found.shoppers, found.helped) == (37, 1, 1, 0)
    assert "捐给公益池" not in _text(market)


@SQLITE_ONLY
def test_a_night_before_it_was_looked_at_does_not_say_that_people_are_few(market: Market) -> None:
    _tell(market, savers=9, spenders=9, savers_spent=None)
    text = _text(market)
    assert "多少人用过 每天夜里算一次，明天再来看" in text
    assert "9 人用过" not in text


@SQLITE_ONLY
def test_a_young_bank_is_measured_by_the_days_it_has(market: Market) -> None:
    """Thirty days old: sixty hours left in a pool that gave twenty last three months at that pace, not nine."""
    of_old = {"pool": 3_600, "pool_out": 1_200, "active": 5, "elders": 6, "supply": {"elder_care": [6_000, 5]}}
    _tell(market, **of_old, days=30)
    assert "照近 30 天的用法，公益池够用 3.0 个月" in _text(market)
    assert "现在每周有人出 23 小时" in _text(market, "/health/forecast")
    assert "按近 4 周出力的算" in _text(market, "/health/forecast")
    assert "按近 4 周出力的算" in _text(market, "/health/forecast?people=-1")
    market.world.clock.advance(days=1)
    _tell(market, **of_old, days=90)
    assert "照近 90 天的用法，公益池够用 9.0 个月" in _text(market)
    assert "现在每周有人出 8 小时" in _text(market, "/health/forecast")


def _tell(market: Market, **figures: Any) -> None:
    """Let a night have found these figures."""
    vital = _take(market)
    with market.world.write() as session:
        found = session.get_one(Vital, (vital.community_id, vital.day))
        found.figures = {**found.figures, **figures}


@SQLITE_ONLY
def test_the_page_costs_the_same_after_a_long_history(market: Market) -> None:
    def cost() -> int:
        with counted(market.world.app) as seen:
            assert market.world.page(None).get("/health").status_code == 200
        return len(seen)

    _take(market)
    before = cost()
    for _ in range(20):
        market.world.clock.advance(days=1)
        credit(market.world, "volunteer", "MIN", 10)
        _take(market)
    assert cost() == before <= 6


@pytest.fixture
def demo(app: Flask, now: SetClock) -> Flask:
    """A demo whose night has passed."""
    with app.app_context():
        loading.load(households=12, days=20, seed=1, show=io.StringIO())
        jobs.run_due(clock.utc_now())
        db.drop()
    return app


def _at(app: Flask, path: str) -> Any:
    return app.test_client().get(path)


@SQLITE_ONLY
def test_the_demos_page_shows_hours_flowing_out(demo: Flask) -> None:
    text = _at(demo, "/health").get_data(as_text=True)
    told = re.search(r"每存进 10 小时，已经花出去 ([\d.]+) 小时", text)
    assert told
    assert float(told[1]) > 0
    assert "course-out" in text


@SQLITE_ONLY
def test_the_forecast_answers_what_is_assumed(demo: Flask) -> None:
    usual = _at(demo, "/health/forecast")
    assert usual.status_code == 200
    assert "照这样，会怎样" in usual.get_data(as_text=True)
    assert "人手够用" in _at(demo, "/health/forecast?people=0").get_data(as_text=True)
    assert "人手现在就不够" in _at(demo, "/health/forecast?people=90000&hours=40").get_data(as_text=True)
    for wrong in ("hours=41", "people=-1", "patience=0", "supply=9", "elder_care=49", "people=²"):
        assert _at(demo, f"/health/forecast?{wrong}").status_code == 422
    assert _at(demo, "/health/forecast?hours=40&supply=10&patience=12").status_code == 200
    refused = _at(demo, "/health/forecast?elder_care=49").get_data(as_text=True)
    assert refused.count("几类加起来要正好是 100%。") == 1
    assert "%%" not in refused
