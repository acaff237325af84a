"""How long points are kept: to a month's end by the rules they were earned under, elders' for ever, time always."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from bank import chart, db, jobs
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.credits.rules import last_day
from bank.members.models import Person
from tests.credits.builders import approve, balance, propose
from tests.world import World


@pytest.mark.parametrize(
    ("earned", "months", "last"),
    [
        (date(2026, 11, 23), 36, date(2029, 11, 30)),
        (date(2026, 11, 23), 3, date(2027, 2, 28)),
        (date(2027, 11, 30), 3, date(2028, 2, 29)),
        (date(2026, 12, 31), 1, date(2027, 1, 31)),
        (date(2026, 11, 1), 0, date(2026, 11, 30)),
        (date(2026, 11, 1), None, None),
    ],
)
def test_points_are_kept_to_the_end_of_a_month(earned: date, months: int | None, last: date | None) -> None:
    assert last_day(earned, months, is_elder=False) == last
    assert last_day(earned, months, is_elder=True) is None


def lots(world: World, who: str, unit: str) -> list[Any]:
    with world.write() as session:
        book = db.book(session, world.community_id, world.clock.now)
        found = book.lots(chart.member(world.people[who].public_id), unit, session=session)
        return [(lot.expires_on, lot.amount) for lot in found]


def earn(world: World, who: str, unit: str, amount: int = 10, **more: Any) -> None:
    """Let somebody earn, and the notice end."""
    state, code = approve(world, "coordinator", propose(world, who, unit=unit, amount=amount, **more))
    assert code is None, state
    world.clock.advance(days=10)
    work_off(world)


def work_off(world: World) -> dict[str, int]:
    with world.app.app_context():
        return jobs.run_due(world.clock.now)


def keep_points(world: World, months: int | None) -> None:
    """Adopt rules, in force long before anything is earned, by which points are kept so many months."""
    with world.write() as session:
        home = session.get_one(Community, world.community_id)
        day = world.clock.now.date() - timedelta(days=1)
        communities.adopt_rules(session, home, {"points_expire_months": months}, effective_on=day, now=world.clock.now)


def test_points_earned_have_a_last_day_and_time_has_none(world: World) -> None:
    earn(world, "volunteer", chart.POINTS)
    earn(world, "volunteer", chart.MINUTES, 60)
    ((last, amount),) = lots(world, "volunteer", chart.POINTS)
    assert amount == 10
    assert last is not None
    assert (last.year, (last + timedelta(days=1)).day) == (world.clock.now.year + 3, 1)
    assert lots(world, "volunteer", chart.MINUTES) == [(None, 60)]


@pytest.mark.parametrize(("months", "is_kept_for_ever"), [(1, False), (None, True)])
def test_points_are_kept_by_the_rules_they_were_earned_under(
    world: World, months: int | None, is_kept_for_ever: bool
) -> None:
    keep_points(world, months)
    earn(world, "volunteer", chart.POINTS, rules_number=2)
    ((last, _),) = lots(world, "volunteer", chart.POINTS)
    assert (last is None) == is_kept_for_ever
    assert last is None or last - world.clock.now.date() < timedelta(days=62)


def test_an_elders_points_never_end(world: World) -> None:
    with world.write() as session:
        session.get_one(Person, world.people["volunteer"].id).is_elder = True
    earn(world, "volunteer", chart.POINTS)
    assert lots(world, "volunteer", chart.POINTS) == [(None, 10)]


def test_what_nobody_used_goes_to_the_pool_and_the_passbook_says_so(world: World) -> None:
    earn(world, "volunteer", chart.POINTS)
    (last, _), *_ = lots(world, "volunteer", chart.POINTS)
    world.clock.advance(days=(last - world.clock.now.date()).days - 10)
    assert work_off(world)["expire_points"] == 0
    page = world.page("volunteer").get("/passbook").get_data(as_text=True)
    assert "积分什么时候到期" in page
    assert "转入公益池" in page  # it ends this month
    world.clock.advance(days=12)
    assert work_off(world)["expire_points"] == 1
    assert work_off(world)["expire_points"] == 0
    assert balance(world, "volunteer", chart.POINTS) == 0
    with world.write() as session:
        pool = db.book(session, world.community_id, world.clock.now).balance(chart.pool(), chart.POINTS)
    assert pool.available == 10
    page = world.page("volunteer").get("/passbook").get_data(as_text=True)
    assert "积分到期，转入公益池" in page
    assert "积分什么时候到期" not in page
