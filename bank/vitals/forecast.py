"""What comes if people ask as much as somebody assumes: pure arithmetic on weekly minutes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WEEKS_PER_MONTH = 30 / 7
MOST_WEEKS = 520
"""Ten years: what lasts longer is said to last."""


@dataclass(frozen=True, slots=True)
class Supply:
    """What there is: minutes a week by kind, minutes a week of one who serves, the old people's minutes saved and
    what they earn a week."""

    by_kind: Mapping[str, float]
    each: float
    saved: int
    earned: float


@dataclass(frozen=True, slots=True)
class Assumption:
    """So many people use so many minutes a week, by kind in percent; nobody waits longer than `patience` weeks."""

    people: int
    minutes_each: int
    shares: Mapping[str, int]
    supply_percent: int = 100
    patience: int = 4


@dataclass(frozen=True, slots=True)
class Gap:
    """A kind of help that is short: minutes a week, how many more people of the usual diligence close it, and after
    how many weeks the first person waits too long."""

    kind: str
    minutes: int
    people: int
    weeks: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """What comes of it; `weeks_of_hands` and `weeks_of_hours` are None where they last."""

    wanted: int
    offered: int
    gaps: Sequence[Gap]
    weeks_of_hands: int | None
    weeks_of_hours: int | None
    pool_a_month: int
    """Minutes a month that the pool has to give once their own are used up, so that nobody is sent away."""


def look_ahead(supply: Supply, assumed: Assumption) -> Outlook:
    """Work out how long hands and saved hours last, and what is lacking."""
    wanted = assumed.people * assumed.minutes_each
    offered = {kind: minutes * assumed.supply_percent / 100 for kind, minutes in supply.by_kind.items()}
    gaps = [
        gap
        for kind, percent in assumed.shares.items()
        if (gap := _gap(kind, wanted * percent / 100, offered.get(kind, 0.0), supply.each, assumed.patience))
    ]
    drain = wanted - supply.earned
    lasting = None if drain <= 0 else int(max(0, supply.saved) // drain)
    return Outlook(
        wanted=wanted,
        offered=round(sum(offered.values())),
        gaps=sorted(gaps, key=lambda gap: (gap.weeks, gap.kind)),
        weeks_of_hands=min((gap.weeks for gap in gaps), default=None),
        weeks_of_hours=None if lasting is None or lasting > MOST_WEEKS else lasting,
        pool_a_month=max(0, round(drain * WEEKS_PER_MONTH)),
    )


def _gap(kind: str, wanted: float, offered: float, each: float, patience: int) -> Gap | None:
    """Each week what is lacking is put off; who comes last waits for all of it to be served at the pace there is."""
    lacking = round(wanted - offered)
    if lacking <= 0:
        return None
    weeks = int(patience * offered // lacking)
    people = -(-lacking // max(1, round(each))) if each > 0 else 0
    return Gap(kind, lacking, people, weeks) if weeks <= MOST_WEEKS else None
