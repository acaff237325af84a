"""The numbers a community lives by, with defaults from domain.md section 5."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any

DEED_POINTS: Mapping[str, int] = {
    "advice": 2,
    "lecture": 2,
    "mediation": 5,
    "errand": 5,
    "lost_property": 10,
    "care": 10,
    "captain_duty": 10,
    "care_disabled": 15,
    "blood_donation": 30,
    "bravery": 100,
}
NOTICE_DAYS: Mapping[str, int] = {"A": 3, "B": 3, "C": 3}


@dataclass(frozen=True, slots=True)
class Rules:
    """One rule version in force: amounts in minutes and points, spans in the unit that ends their name."""

    number: int
    effective_on: date
    notice_days: Mapping[str, int] = field(default_factory=lambda: dict(NOTICE_DAYS))
    """Working days of public notice by evidence class."""
    deed_notice_days: int = 3
    deed_points: Mapping[str, int] = field(default_factory=lambda: dict(DEED_POINTS))
    deed_claims_per_week: int = 3
    deed_points_per_month: int = 60
    points_expire_months: int | None = 36
    """Points are kept to the end of the month so many months after they were earned, elders' for ever; None means
    everybody's for ever. Time never ends."""
    rounding_minutes: int = 1
    """Credited minutes are rounded down to a multiple of this."""
    daily_minutes: int = 8 * 60
    daily_minutes_with_second: int = 12 * 60
    balance_cap_minutes: int = 1_500 * 60
    check_in_early_minutes: int = 30
    check_out_late_minutes: int = 60
    late_after_minutes: int = 15
    least_stay_minutes: int = 10
    auto_close_after_minutes: int = 30
    answer_objection_days: int = 5
    panel_quorum: int = 3
    """How many votes of the panel make a verdict on an objection; 0 means that the answer is the verdict. So it is
    wherever fewer of the panel than that are free of conflict."""
    panel_days: int = 5
    """Working days the panel has to vote."""
    last_days: int = 5
    """Working days the second approver has, where neither an answer nor the panel gave a verdict."""
    is_tie_upheld: bool = False
    is_silence_upheld: bool = True
    """What the rule says of an objection nobody decided: upheld, so that an office gains nothing by looking away."""
    correct_after_posting_days: int = 30
    """How many days after posting the person may ask for a correction of their own item."""
    object_after_posting_days: int = 7
    """How many days after posting an item stays on the public list and can still be objected to."""
    voucher_days: int = 7
    goods_orders_per_month: int = 0
    """How many orders of goods a member may place a month; 0 means no limit."""
    card_orders_per_day: int = 5
    """How often a printed card serves at the counter a day, so that a stolen one with its PIN empties no passbook;
    0 means no limit."""


SETTINGS = {spec.name for spec in fields(Rules)} - {"number", "effective_on"}


def read_rules(number: int, effective_on: date, settings: Mapping[str, Any]) -> Rules:
    """Lay a version's settings over the defaults. Raises ValueError for a setting that does not exist."""
    unknown = set(settings) - SETTINGS
    if unknown:
        raise ValueError(f"no such rules: {', '.join(sorted(unknown))}")
    merged: Any = {
        name: {**NOTICE_DAYS, **value} if name == "notice_days" else value for name, value in settings.items()
    }
    return Rules(number=number, effective_on=effective_on, **merged)
