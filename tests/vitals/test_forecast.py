"""The forecast: both sides of enough and too little, for hands and for saved hours."""

from __future__ import annotations

from bank.vitals.forecast import Assumption, Supply, look_ahead


def _supply(care: float = 600, saved: int = 6000, earned: float = 0, each: float = 60) -> Supply:
    return Supply({"elder_care": care}, each, saved, earned)


def _asked(people: int, **more: int) -> Assumption:
    return Assumption(people=people, minutes_each=120, shares={"elder_care": 100}, **more)


def test_hands_that_just_suffice_last_and_one_minute_less_does_not() -> None:
    assert look_ahead(_supply(600), _asked(5)).weeks_of_hands is None
    short = look_ahead(_supply(540), _asked(5))
    assert short.weeks_of_hands == 4 * 540 // 60
    assert [(gap.kind, gap.minutes, gap.people) for gap in short.gaps] == [("elder_care", 60, 1)]
    assert look_ahead(_supply(539), _asked(5)).gaps[0].people == 2


def test_who_waits_longer_lets_hands_last_longer() -> None:
    assert look_ahead(_supply(300), _asked(5, patience=1)).weeks_of_hands == 1
    assert look_ahead(_supply(300), _asked(5, patience=4)).weeks_of_hands == 4


def test_a_kind_that_nobody_does_is_short_at_once() -> None:
    asked = Assumption(people=5, minutes_each=120, shares={"elder_care": 50, "repair": 50})
    found = look_ahead(_supply(600), asked)
    assert [(gap.kind, gap.weeks, gap.minutes) for gap in found.gaps] == [("repair", 0, 300)]
    assert look_ahead(_supply(600, each=0), asked).gaps[0].people == 0


def test_saved_hours_last_where_as_much_is_earned() -> None:
    assert look_ahead(_supply(earned=600), _asked(5)).weeks_of_hours is None
    left = look_ahead(_supply(earned=599), _asked(5))
    assert left.weeks_of_hours is None
    assert look_ahead(_supply(earned=300), _asked(5)).weeks_of_hours == 20
    assert look_ahead(_supply(earned=300), _asked(5)).pool_a_month == round(300 * 30 / 7)
    assert look_ahead(_supply(saved=-50), _asked(5)).weeks_of_hours == 0


def test_less_supply_is_less_supply() -> None:
    assert look_ahead(_supply(600), _asked(5, supply_percent=99)).weeks_of_hands is not None
    assert look_ahead(_supply(600), _asked(5, supply_percent=150)).offered == 900
