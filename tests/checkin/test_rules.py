"""What a set of scans amounts to: whatever the order, with nothing counted twice."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bank.checkin.rules import Mark, Plan, Span, Standing, direction_of, project
from bank.communities.rules import Rules

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
RULES = Rules(1, date(2026, 1, 1))


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


PLAN = Plan(at(0), at(120))
CLOSED = Plan(at(0), at(120), is_closed=True)


def mark(direction: str | None, minutes: float, via: str = "screen", name: str = "") -> Mark:
    return Mark(name or f"{direction}{minutes}{via}", direction, at(minutes), via)


def codes(standing: Standing) -> list[str]:
    return [flag["code"] for flag in standing.flags]


marks = st.builds(
    mark,
    st.sampled_from(["in", "out", None]),
    st.integers(-30, 180),
    st.sampled_from(["screen", "digits", "card", "manual"]),
    st.uuids().map(str),
)


@given(found=st.lists(marks, min_size=1, max_size=5), is_closed=st.booleans())
def test_the_order_of_arrival_never_matters(found: list[Mark], is_closed: bool) -> None:
    plan = Plan(at(0), at(120), is_closed)
    results = [project(order, plan, RULES) for order in itertools.permutations(found)]
    assert all(result == results[0] for result in results)


@given(found=st.lists(marks, min_size=1, max_size=6), rounding=st.sampled_from([1, 5, 15, 30]))
def test_minutes_never_exceed_what_was_planned_or_scanned_and_are_rounded_down(
    found: list[Mark], rounding: int
) -> None:
    standing = project(found, CLOSED, Rules(1, date(2026, 1, 1), rounding_minutes=rounding))
    assert 0 <= standing.minutes <= 120
    assert standing.minutes % rounding == 0
    if standing.checked_in and standing.checked_out:
        assert standing.checked_out.happened_at >= standing.checked_in.happened_at
        span = standing.checked_out.happened_at - standing.checked_in.happened_at
        assert timedelta(minutes=standing.minutes) <= span


@given(found=st.lists(marks, min_size=1, max_size=4), again=st.integers(0, 3))
def test_the_same_scan_twice_changes_nothing(found: list[Mark], again: int) -> None:
    twice = [*found, found[again % len(found)]]
    assert project(twice, PLAN, RULES) == project(found, PLAN, RULES)


@given(
    arrived=st.integers(-30, 120),
    stayed=st.integers(0, 180),
    spans=st.lists(st.tuples(st.integers(-60, 150), st.integers(1, 90)), max_size=4),
)
def test_minutes_that_others_cover_are_left_out_exactly(
    arrived: int, stayed: int, spans: list[tuple[int, int]]
) -> None:
    covered = [Span(at(start), at(start + length), f"{start}") for start, length in spans]
    standing = project([mark("in", arrived), mark("out", arrived + stayed)], PLAN, RULES, covered)
    taken = {minute for start, length in spans for minute in range(start, start + length)}
    own = set(range(max(arrived, 0), min(arrived + stayed, 120)))
    assert standing.minutes == len(own - taken)


def test_only_the_planned_time_counts() -> None:
    standing = project([mark("in", -20), mark("out", 150)], PLAN, RULES)
    assert (standing.minutes, standing.evidence_class, standing.flags) == (120, "A", [])


def test_seconds_are_rounded_down_to_the_unit_of_the_rules() -> None:
    half_hours = Rules(1, date(2026, 1, 1), rounding_minutes=30)
    assert project([mark("in", 0), mark("out", 119.9)], PLAN, half_hours).minutes == 90
    assert project([mark("in", 0), mark("out", 119.9)], PLAN, RULES).minutes == 119


@pytest.mark.parametrize(
    ("found", "state", "minutes", "evidence_class", "flags"),
    [
        ([mark("in", 0)], "checked_in", 0, "A", []),
        ([mark("in", 0), mark("out", 60)], "checked_out", 60, "A", []),
        ([mark(None, 0), mark(None, 5)], "checked_in", 0, "A", []),
        ([mark(None, 0), mark(None, 10)], "checked_out", 10, "A", []),
        ([mark("in", 0), mark("out", 5)], "checked_out", 5, "A", ["too_short"]),
        ([mark("in", 16), mark("out", 60)], "checked_out", 44, "A", ["late"]),
        ([mark("out", 60)], "checked_out", 60, "C", ["no_check_in"]),
        ([mark("in", 30), mark("out", 20)], "checked_in", 0, "A", ["late"]),
        ([mark("in", 0), mark("out", 60, "manual")], "checked_out", 60, "C", []),
        ([mark("in", 0, "card"), mark("out", 60, "digits")], "checked_out", 60, "A", []),
        ([mark("in", 0), mark("in", 30), mark("out", 40), mark("out", 60)], "checked_out", 60, "A", []),
        ([], "void", 0, "A", []),
    ],
)
def test_scans_amount_to(found: list[Mark], state: str, minutes: int, evidence_class: str, flags: list[str]) -> None:
    standing = project(found, PLAN, RULES)
    assert (standing.state, standing.minutes, standing.evidence_class) == (state, minutes, evidence_class)
    assert codes(standing) == flags


def test_the_forgetful_get_the_planned_end_as_class_c() -> None:
    standing = project([mark("in", 30)], CLOSED, RULES)
    assert (standing.state, standing.minutes, standing.evidence_class) == ("auto_closed", 90, "C")
    assert codes(standing) == ["late", "no_check_out"]
    assert standing.checked_out is None


@pytest.mark.parametrize(
    ("asked", "arrived", "moment", "does"),
    [
        (None, None, 0, "in"),
        (None, 0, 9.9, None),
        (None, 0, 10, "out"),
        ("in", 0, 60, None),
        ("out", 0, 0, "out"),
        ("out", None, 30, "out"),
        (None, 30, 20, "in"),
    ],
)
def test_the_server_decides_in_or_out(
    asked: str | None, arrived: float | None, moment: float, does: str | None
) -> None:
    assert direction_of(asked, None if arrived is None else at(arrived), at(moment), RULES) == does
