"""A simulated community between two weeks: who lives there, what they are like, what they wait for."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from bank import clock
from bank.demo.founding import Town
from bank.demo.living import TIME_ZONE, Life
from bank.errors import BankError
from bank.members.actor import Actor
from bank.shop.models import Order
from ledger.errors import AccountFrozen

TAIL = 1.3
"""The exponent of how often people come: the few most diligent do most."""
WINTER = (11, 12, 1, 2)
WINTER_TIMES = 1.8
WEEKS_A_YEAR = 52


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit somebody promised: the Monday of its week, the request, whose home, who comes."""

    monday: date
    public_id: str
    resident: Actor
    helper: Actor


@dataclass
class Village:
    """A town that lives on, and what its people are like."""

    town: Town
    life: Life
    draw: random.Random
    numbers: Iterator[str]
    weight: dict[int, float] = field(default_factory=dict)
    """How readily somebody comes, by row id: heavy at the top."""
    asked: set[int] = field(default_factory=set)
    """The old who were once asked what they need, and are shy no longer."""
    refused: Counter[str] = field(default_factory=Counter)
    vouchers: list[tuple[date, Order]] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    kin: dict[int, list[Actor]] = field(default_factory=dict)
    """Who is bound to whom as a relative, by row id."""
    homes: int = 0

    def __post_init__(self) -> None:
        for who in self.town.people:
            self.meet(who)

    def meet(self, who: Actor) -> None:
        """Draw how readily somebody comes."""
        self.weight[who.person_id] = self.draw.paretovariate(TAIL) - 1

    def part(self, gone: set[int]) -> None:
        """Let people leave: nobody counts on them any more."""
        self.town.people = [who for who in self.town.people if who.person_id not in gone]
        self.town.elders -= gone
        self.life.regulars = [who for who in self.life.regulars if who.person_id not in gone]
        self.visits = [one for one in self.visits if not {one.resident.person_id, one.helper.person_id} & gone]

    def is_old(self, who: Actor) -> bool:
        """Tell whether somebody is one of the old."""
        return who.person_id in self.town.elders

    @property
    def staff(self) -> set[int]:
        """Who works here and neither moves nor dies."""
        return {who.person_id for who in self.town.cast.values()}


Behaviour = Callable[[Session, Village, date], None]


def attempt(session: Session, village: Village, act: Callable[[], Any]) -> Any:
    """Do something that may be refused; count by what it was refused with, and give None."""
    try:
        with session.begin_nested():
            return act()
    except (BankError, AccountFrozen) as refusal:
        village.refused[type(refusal).__name__] += 1
        return None


def moment(monday: date, days: int, hour: int, minutes: int = 0) -> datetime:
    """Give a moment of a week in the community's own time."""
    return clock.start_of_day(monday + timedelta(days=days), TIME_ZONE) + timedelta(hours=hour, minutes=minutes)


def season(monday: date) -> float:
    """Give how much more is needed in this season than in summer."""
    return WINTER_TIMES if monday.month in WINTER else 1.0
