"""The coordinators hear early that the bank may not keep its promises: on both sides of every border, and once."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from bank import jobs
from bank.communities.models import Community
from bank.communities.rules import Rules
from bank.members.models import Message
from bank.vitals import measuring, rules, warning
from bank.vitals.models import Vital
from tests.counting import counted
from tests.shop.market import Market

RULES = Rules(number=1, effective_on=date(2026, 1, 1))
FOUND = rules.Figures(
    members=0,
    elders=0,
    promised_elders=0,
    earned_elders=0,
    active=0,
    savers=0,
    spenders=0,
    given={},
    median_days=None,
    met=None,
    supply={},
    demand={},
    supply_times={},
    demand_times={},
    pool=0,
    pool_out=0,
    holders=0,
    top_share=None,
    points=0,
    points_people=0,
)


@pytest.mark.parametrize(
    ("pool", "out", "told"), [(900, 900, []), (899, 900, []), (880, 900, [("pool", 2.9)]), (-5, 900, [("pool", 0.0)])]
)
def test_a_pool_for_three_months_is_enough(pool: int, out: int, told: list[Any]) -> None:
    found = replace(FOUND, pool=pool, pool_out=out)
    assert rules.concerns(found, 0, 0, RULES) == told
    assert rules.concerns(found, 0, 0, replace(RULES, warn_pool_months=0)) == []
    assert rules.concerns(replace(found, pool_out=0), 0, 0, RULES) == []


@pytest.mark.parametrize(("days", "told"), [(29, []), (30, [("pool", 0.5)])])
def test_a_pool_is_looked_at_from_its_first_month_on(days: int, told: list[Any]) -> None:
    assert rules.concerns(replace(FOUND, pool=450, pool_out=900, days=days), 0, 0, RULES) == told


@pytest.mark.parametrize(
    ("met", "told"), [((10, 7), []), ((100, 69), [("met", 69)]), ((5, 0), [("met", 0)]), ((4, 0), []), (None, [])]
)
def test_seven_in_ten_requests_met_in_time_are_enough(met: Any, told: list[Any]) -> None:
    found = replace(FOUND, met=met)
    assert rules.concerns(found, 0, 0, RULES) == told
    assert rules.concerns(found, 0, 0, replace(RULES, warn_met_percent=0)) == []


@pytest.mark.parametrize(
    ("saved", "used", "told"),
    [(600, 120, []), (600, 119, [("used", 19)]), (600, -5, [("used", 0)]), (0, 0, []), (-60, 0, [])],
)
def test_a_fifth_of_what_was_saved_lately_is_used(saved: int, used: int, told: list[Any]) -> None:
    assert rules.concerns(FOUND, saved, used, RULES) == told
    assert rules.concerns(FOUND, saved, used, replace(RULES, warn_used_percent=0)) == []


def _night(market: Market) -> None:
    market.world.clock.advance(days=1)
    with market.world.app.app_context():
        jobs.run_due(market.now)


def _told(market: Market, who: str) -> list[str]:
    with market.world.write() as session:
        mine = select(Message.sentence).where(Message.person_id == market.world.people[who].id)
        return [one for one in session.scalars(mine.order_by(Message.id)) if one in warning.SENTENCES.values()]


def _idle(market: Market, *, is_idle: bool) -> None:
    """Put beside tonight a night of twelve weeks ago, since when much was saved and little used, or nothing saved."""
    with market.world.write() as session:
        place = session.get_one(Community, market.world.community_id)
        newest = measuring.newest(session, place.id)
        assert newest is not None
        then = newest.day + timedelta(days=1) - timedelta(weeks=rules.WEEKS)
        row = {"promised": 0, "credited": newest.credited - 6_000 * is_idle, "spent": newest.spent}
        moved = update(Vital).where(Vital.community_id == place.id, Vital.day == then).values(row)
        if not session.execute(moved).rowcount:  # type: ignore[attr-defined]
            session.add(Vital(community_id=place.id, day=then, taken_at=market.now, figures=newest.figures, **row))


def test_coordinators_are_told_once_and_again_when_it_is_new_again(market: Market) -> None:
    _night(market)
    assert _told(market, "coordinator") == []
    for is_idle, times in ((True, 1), (True, 1), (False, 1), (True, 1)):
        _idle(market, is_idle=is_idle)
        _night(market)
        assert _told(market, "coordinator") == [warning.SENTENCES["used"]] * times
    for _ in range(9):
        _idle(market, is_idle=False)
        _night(market)
    _idle(market, is_idle=True)
    _night(market)
    assert _told(market, "coordinator") == [warning.SENTENCES["used"]] * 2
    for who in ("volunteer", "shop", "stranger_coordinator"):
        assert _told(market, who) == []


def _text(market: Market, path: str, who: str | None) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", market.world.page(who).get(path).get_data(as_text=True)))


def test_it_stands_on_the_desk_and_on_the_page_for_everybody(market: Market) -> None:
    _night(market)
    said = "近 12 周存进来的时长，用出去的只有 0%。请问问居民想换什么。"
    pages = (("/desk", "coordinator"), ("/health", None))
    for path, who in pages:
        assert said not in _text(market, path, who)
    _idle(market, is_idle=True)
    _night(market)
    for path, who in pages:
        assert said in _text(market, path, who)
    assert said not in _text(market, "/desk", "second")


def test_the_desk_asks_for_the_newest_night_only(market: Market) -> None:
    page = market.world.page("coordinator")
    _night(market)
    page.get("/desk")
    with counted(market.world.app) as few:
        page.get("/desk")
    for _ in range(4):
        _night(market)
    with counted(market.world.app) as many:
        page.get("/desk")
    assert len(many) == len(few)
