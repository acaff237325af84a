"""A day of the book under the auditor's eyes: its trial balance now, as it was known then, and what came between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from bank import clock, db
from bank.communities.models import Community
from bank.shop.models import Shop
from ledger import Close, LatePage, TrialBalance, TrialRow

CLOSES = 24
LATE = 30
KINDS = ("issuance", "member", "held", "debt", "shop", "pool", "help")
"""From where hours come to where they go; other kinds follow."""
NOTHING = LatePage((), None)


@dataclass(frozen=True, slots=True)
class Change:
    """An account whose balance of the day is not what was known when the day ended."""

    path: str
    unit: str
    then: int
    now: int


@dataclass(frozen=True, slots=True)
class Group:
    """The accounts of one kind in one unit, taken together."""

    kind: str
    unit: str
    accounts: int
    balance: int


@dataclass(frozen=True, slots=True)
class Examined:
    """What the book says of a day; `known_at` is the day's last moment, None where it has not come yet."""

    day: date
    known_at: datetime | None
    trial: TrialBalance
    changes: Sequence[Change]
    late: LatePage
    closes: Sequence[Close]

    @property
    def close(self) -> Close | None:
        """The close of just this day, if there is one."""
        return next((close for close in self.closes if close.through == self.day), None)


def examine(session: Session, place: Community, day: date, now: datetime, *, cursor: str | None) -> Examined:
    """Read a day in a handful of statements; `cursor` goes on in what was recorded late."""
    book = db.book(session, place.id, now)
    trial, closes = book.trial_balance(day, session=session), book.closes(CLOSES, session=session)
    ended = clock.start_of_day(day + timedelta(days=1), place.time_zone)
    if ended > now:
        return Examined(day, None, trial, (), NOTHING, closes)
    known_at = ended - timedelta(microseconds=1)
    then = book.trial_balance(day, known_at, session=session)
    late = book.late(day, known_at, limit=LATE, cursor=cursor, session=session)
    return Examined(day, known_at, trial, changes(then.rows, trial.rows), late, closes)


def changes(then: Sequence[TrialRow], now: Sequence[TrialRow]) -> list[Change]:
    """List the accounts whose balance differs."""
    before = {(row.path, row.unit): row.balance for row in then}
    after = {(row.path, row.unit): row.balance for row in now}
    pairs = sorted(before.keys() | after.keys())
    found = [Change(*pair, before.get(pair, 0), after.get(pair, 0)) for pair in pairs]
    return [change for change in found if change.then != change.now]


def grouped(rows: Sequence[TrialRow]) -> list[Group]:
    """Sum the rows by kind of account and unit."""
    sums: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        group = sums.setdefault((kind_of(row.path), row.unit), [0, 0])
        group[0] += 1
        group[1] += row.balance
    return [Group(*pair, *sums[pair]) for pair in sorted(sums, key=lambda pair: (pair[1], _place(pair[0]), pair[0]))]


def _place(kind: str) -> int:
    return KINDS.index(kind) if kind in KINDS else len(KINDS)


def kind_of(path: str) -> str:
    """Name the kind of an account: its path's first word, or what its sub-account is for."""
    first, *rest = path.split(":")
    return rest[-1] if len(rest) > 1 else first


def shop_names(session: Session, place: Community) -> dict[str, str]:
    """Give the names of a community's shops by their public id."""
    rows = session.execute(select(Shop.public_id, Shop.name).where(Shop.community_id == place.id))
    return {public_id: name for public_id, name in rows}  # noqa: C416 -- rows are typed this way
