"""Pure decisions on the figures: what a share or a median is, and which groups are too small to be shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from bank.communities.rules import Rules

SMALL_GROUP = 5
"""Figures of fewer people than this are not shown: neighbours would know whose they are."""
TOP_PERCENT = 20
WEEKS = 12
"""How far back supply and demand are looked at."""
EXPIRING_DAYS = 60
POOL_DAYS = 90
MONTH_DAYS = 30
PARTS = ("morning", "afternoon", "evening")
"""The parts of a day: before noon, before six, after."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a night found besides the three sums; amounts in minutes.

    `supply` and `demand` are `{kind: [minutes, people]}`; `supply_times` and `demand_times` the same by weekday
    and part of the day, `0-morning` for Monday's. `met` is `[asked, answered by a yes within 48 hours]`,
    or None where no slice registered requests.
    """

    members: int
    elders: int
    promised_elders: int
    earned_elders: int
    active: int
    savers: int
    spenders: int
    given: Mapping[str, int]
    median_days: float | None
    met: Sequence[int] | None
    supply: Mapping[str, Sequence[int]]
    demand: Mapping[str, Sequence[int]]
    supply_times: Mapping[str, Sequence[int]]
    demand_times: Mapping[str, Sequence[int]]
    pool: int
    pool_out: int
    holders: int
    top_share: int | None
    points: int
    points_people: int
    wait_hours: float | None = None
    """The median from asking for help to somebody's yes, of the last weeks; nights before this was looked at have
    none, nor have they the next three."""
    at_home: int = 0
    """Of what was used, the help at home; then what members ever gave to the pool and to relatives, with how many
    gave to relatives."""
    donated: int = 0
    gifts: int = 0
    gift_people: int = 0
    donors: int = 0
    """How many ever gave to the pool, were helped at home for hours, and fetched something for hours; nights before
    these were looked at have none, as a small group."""
    helped: int = 0
    shoppers: int = 0
    savers_spent: int | None = None
    """Who both saved and used: who was only given hours may use them without ever having saved."""
    days: int = POOL_DAYS
    """How long there was something to look at, at most ninety days; nights before this was looked at say ninety."""
    concerns: Sequence[tuple[str, int | float]] = ()
    """What the community should mind: `pool` and its months, `met` and `used` and their percentages."""

    def as_json(self) -> dict[str, Any]:
        """Give the figures as the table keeps them."""
        return asdict(self)


def top_share(balances: Iterable[int]) -> int | None:
    """Give the percentage that the top fifth of those with anything hold; None where these are a small group."""
    held = sorted((balance for balance in balances if balance > 0), reverse=True)
    top = -(-len(held) * TOP_PERCENT // 100)
    if top < SMALL_GROUP:
        return None
    return round(100 * sum(held[:top]) / sum(held))


def median_days(first_credit: Mapping[int, datetime], first_spent: Mapping[int, datetime]) -> float | None:
    """Give the median days from a person's first credit to their first spending; None for a small group."""
    spans = sorted(
        max(0.0, (spent - first_credit[person]).total_seconds() / 86_400)
        for person, spent in first_spent.items()
        if person in first_credit
    )
    if len(spans) < SMALL_GROUP:
        return None
    return round(median(spans), 1)


def wait_hours(waits: Sequence[tuple[int, timedelta]]) -> float | None:
    """Give the median of what (person, span) waited, in hours; None for a small group."""
    if len({person for person, _ in waits}) < SMALL_GROUP:
        return None
    return round(median(span.total_seconds() / 3_600 for _, span in waits), 1)


def cover_months(pool: int, pool_out: int, days: int = POOL_DAYS) -> float | None:
    """Give how many months the pool lasts at the pace of the last days, at most ninety; None where nothing left it."""
    return round(pool * days / MONTH_DAYS / pool_out, 1) if pool_out > 0 else None


def days_of(first: datetime | None, now: datetime) -> int:
    """Give for how many days, 1 to ninety, a bank has been saving; ninety where nobody has."""
    return POOL_DAYS if first is None else min(POOL_DAYS, max(1, (now - first).days))


def weeks_of(days: int) -> float:
    """Give over how many of the last twelve weeks a bank has been saving, at least one."""
    return min(float(WEEKS), max(1.0, days / 7))


def concerns(found: Figures, saved: int, used: int, in_force: Rules) -> list[tuple[str, int | float]]:
    """Give what is below its threshold; `saved` and `used` are the minutes of the last weeks, `saved` 0 if unknown."""
    is_young = found.days < MONTH_DAYS  # one grant in the first days would look like the pace of a month
    cover = None if is_young else cover_months(max(0, found.pool), found.pool_out, found.days)
    met = 100 * found.met[1] // found.met[0] if found.met and found.met[0] >= SMALL_GROUP else None
    out = 100 * max(0, used) // saved if saved > 0 else None
    told = (
        ("pool", cover, in_force.warn_pool_months),
        ("met", met, in_force.warn_met_percent),
        ("used", out, in_force.warn_used_percent),
    )
    return [(code, value) for code, value, least in told if value is not None and value < least]


def slot(moment: datetime, time_zone: str) -> str:
    """Name the weekday and the part of the day of a moment: `0-morning`."""
    local = moment.astimezone(ZoneInfo(time_zone))
    return f"{local.weekday()}-{PARTS[(local.hour >= 12) + (local.hour >= 18)]}"


def grouped(rows: Iterable[tuple[str, int, int]]) -> dict[str, list[int]]:
    """Sum (group, minutes, person) into `{group: [minutes, people]}`, by name."""
    minutes: dict[str, int] = {}
    people: dict[str, set[int]] = {}
    for name, amount, person in rows:
        minutes[name] = minutes.get(name, 0) + amount
        people.setdefault(name, set()).add(person)
    return {name: [minutes[name], len(people[name])] for name in sorted(minutes)}


def shown(groups: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """Give the minutes of those groups that are not too small to be shown."""
    return {name: minutes for name, (minutes, people) in groups.items() if people >= SMALL_GROUP}
