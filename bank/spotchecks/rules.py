"""Pure decisions about random checks: the seed, which items it draws, and who looks into them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import date

from bank.errors import say

STATES: Mapping[str, str] = {
    "open": say("待核查"),
    "right": say("核查无误"),
    "not_right": say("与事实不符，已提出异议"),
    "not_reached": say("没有联系上"),
}
OUTCOMES = ("right", "not_right", "not_reached")
TRANSITIONS: Mapping[str, tuple[str, ...]] = {"open": OUTCOMES}
"""From each state of a check, where it may go."""
CHECKERS = ("coordinator", "second_approver", "panel")


def seed_of(month: date, basis: str) -> str:
    """Give the seed of a month's draw: SHA-256, in hex, of `YYYY-MM`, a line break and the basis."""
    return hashlib.sha256(f"{month:%Y-%m}\n{basis}".encode()).hexdigest()


def rank(seed: str, *names: str) -> str:
    """Give the place of a name in a draw: SHA-256, in hex, of the seed and the names, with a line break between."""
    return hashlib.sha256("\n".join((seed, *names)).encode()).hexdigest()


def how_many(posted: int, percent: int) -> int:
    """Give how many of the posted items are drawn: the share, rounded up, so that none is out of reach."""
    return -(-posted * percent // 100)


def draw(seed: str, public_ids: Collection[str], percent: int) -> list[str]:
    """Draw the share with the lowest ranks; whoever knows the seed and the ids draws the same."""
    return sorted(public_ids, key=lambda name: rank(seed, name))[: how_many(len(public_ids), percent)]


def assignee(seed: str, public_id: str, candidates: Sequence[tuple[str, int]]) -> int | None:
    """Choose one of the (public id, id) of people by the same seed, None where there is nobody."""
    return min(candidates, key=lambda one: rank(seed, public_id, one[0]))[1] if candidates else None


def month_before(day: date) -> date:
    """Give the first day of the month before the one of `day`."""
    return date(day.year - 1, 12, 1) if day.month == 1 else date(day.year, day.month - 1, 1)


def months_before(day: date, count: int) -> list[date]:
    """Give the first days of so many months before the one of `day`, oldest first."""
    found: list[date] = []
    for _ in range(count):
        found.insert(0, month_before(found[0] if found else day))
    return found
