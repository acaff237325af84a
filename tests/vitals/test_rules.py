"""What is counted, on both sides of every border."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bank.vitals import rules

AT = datetime(2026, 11, 23, 1, tzinfo=UTC)
"""Monday, nine in Shanghai."""


def test_the_top_fifth_is_shown_from_five_people_on() -> None:
    assert rules.top_share([60] * 20) is None
    assert rules.top_share([60] * 21) == round(100 * 5 / 21)
    assert rules.top_share([400] * 5 + [1] * 20 + [0, -600]) == 99


def test_a_median_needs_five_people() -> None:
    first = dict.fromkeys(range(6), AT)
    spent = {person: AT + timedelta(days=person) for person in range(4)}
    assert rules.median_days(first, spent) is None
    assert rules.median_days(first, spent | {4: AT + timedelta(days=90)}) == 2.0
    assert rules.median_days(first, {person: AT + timedelta(days=person) for person in range(6)}) == 2.5
    assert rules.median_days({}, spent) is None


def test_a_wait_needs_five_people_however_many_asked() -> None:
    waits = [(person, timedelta(hours=person)) for person in (1, 2, 3, 4)]
    assert rules.wait_hours([*waits, *waits]) is None
    assert rules.wait_hours([*waits, (5, timedelta(minutes=30))]) == 2.0


def test_groups_of_four_are_not_shown_and_of_five_are() -> None:
    four = rules.grouped([("a", 60, person) for person in range(4)])
    five = rules.grouped([("a", 60, person) for person in range(5)] + [("a", 1, 0)])
    assert rules.shown(four) == {}
    assert rules.shown(five) == {"a": 301}


def test_cover_is_the_pace_of_ninety_days() -> None:
    assert rules.cover_months(600, 0) is None
    assert rules.cover_months(600, 900) == 2.0
    assert rules.cover_months(600, 900, 45) == 1.0


@pytest.mark.parametrize(
    ("ago", "days", "weeks"),
    [(timedelta(hours=1), 1, 1.0), (timedelta(days=28), 28, 4.0), (timedelta(days=400), 90, 12.0)],
)
def test_a_bank_is_as_old_as_its_first_credit(ago: timedelta, days: int, weeks: float) -> None:
    assert rules.days_of(AT - ago, AT) == days
    assert rules.weeks_of(days) == weeks
    assert rules.days_of(None, AT) == 90


@pytest.mark.parametrize(
    ("hours", "name"),
    [
        (0, "0-morning"),
        (2.99, "0-morning"),
        (3, "0-afternoon"),
        (8.99, "0-afternoon"),
        (9, "0-evening"),
        (15, "1-morning"),
    ],
)
def test_a_day_has_three_parts(hours: float, name: str) -> None:
    assert rules.slot(AT + timedelta(hours=hours), "Asia/Shanghai") == name
