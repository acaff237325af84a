"""Working days: the national calendar, what a community rules itself, and years nobody has published yet."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from bank.communities import calendar
from bank.communities.calendar import Calendar
from bank.communities.models import Community
from tests.world import World

ZONE = "Asia/Shanghai"


def test_the_national_week_is_skipped_and_its_working_saturday_counts() -> None:
    before_golden_week = Calendar(date(2026, 9, 30), ZONE, {})
    assert before_golden_week.end_after(1) == datetime(2026, 10, 8, 16, tzinfo=UTC)
    assert before_golden_week.is_working(date(2026, 10, 10))


def test_a_year_nobody_has_published_goes_monday_to_friday_with_a_warning() -> None:
    far = Calendar(date(2040, 5, 4), ZONE, {})
    assert far.end_after(1) == datetime(2040, 5, 7, 16, tzinfo=UTC)
    assert far.unknown_year() == 2040
    assert Calendar(date(2026, 3, 2), ZONE, {}).unknown_year() is None


@pytest.mark.parametrize(("is_working", "end"), [(False, 25), (None, 24)])
def test_a_ruling_of_the_community_comes_first_and_can_be_taken_back(
    world: World, is_working: bool | None, end: int
) -> None:
    by, day = world.people["coordinator"].id, date(2026, 11, 24)
    with world.write() as session:
        home = session.get_one(Community, world.community_id)
        for known in (False, is_working):
            calendar.rule_day(session, home.id, day, known, note="停电", by=by, now=world.clock.now)
        found = calendar.calendar_of(session, home, world.clock.now)
        assert found.end_after(1) == datetime(2026, 11, end, 16, tzinfo=UTC)
        assert [ruling.by_person_id for ruling in calendar.rulings(session, home.id)] == [by, by]


def test_another_communitys_ruling_is_not_ours(world: World) -> None:
    with world.write() as session:
        other = session.get_one(Community, world.other_community_id)
        home = session.get_one(Community, world.community_id)
        by = world.people["stranger_coordinator"].id
        calendar.rule_day(session, other.id, date(2026, 11, 24), False, note="", by=by, now=world.clock.now)
        assert calendar.calendar_of(session, home, world.clock.now).ruled == {}
