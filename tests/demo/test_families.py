"""The day on which relatives give."""

from __future__ import annotations

from datetime import date

import pytest

from bank.demo import families

SPRING_FESTIVALS = ("2026-02-17", "2027-02-06", "2028-01-26", "2029-02-13", "2030-02-03", "2033-01-31", "2034-02-19")


@pytest.mark.parametrize("day", [date.fromisoformat(one) for one in SPRING_FESTIVALS])
def test_spring_festival_is_known_to_a_day(day: date) -> None:
    assert abs((families.spring_festival(day.year) - day).days) <= 1
