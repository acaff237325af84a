"""The figures of the public board, read from balances and counters: none of them sums a history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bank import chart, clock, db
from bank.activities.models import Activity
from bank.communities.models import Community, RuleVersion
from bank.credits.models import ServiceTotal
from bank.members.models import Person
from bank.shop.models import Item, Shop

LONGEST_RUNNING = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Flow:
    """What was credited to residents and what they used, net of what was reversed."""

    credited: int
    spent: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What a community may be proud of; `month` and `ever` by unit."""

    month: dict[str, Flow]
    ever: dict[str, Flow]
    helpers: int
    services: int
    goods: int


def figures(session: Session, place: Community, now: datetime) -> Figures:
    """Give a community's figures in six statements, whatever its history."""
    earned = [chart.issuance(number) for number in _rule_numbers(session, place)]
    used = [*(chart.shop(public_id) for public_id in _shops(session, place)), chart.settled(), chart.help_given()]
    book = db.book(session, place.id, now)
    first = clock.local_day(now, place.time_zone).replace(day=1)
    handed_over = _handed_over(session, place)
    return Figures(
        month=_flows(book.turnovers([*earned, *used], first, session=session), earned, used),
        ever=_flows(book.turnovers([*earned, *used], session=session), earned, used),
        helpers=_helpers(session, place),
        services=handed_over.get("service", 0),
        goods=handed_over.get("goods", 0),
    )


def coming(session: Session, place: Community, now: datetime, *, limit: int) -> list[Activity]:
    """List what is running or begins next; from a day back on, so that the past is not walked through."""
    found = select(Activity).where(
        Activity.community_id == place.id,
        Activity.state == "published",
        Activity.starts_at >= now - LONGEST_RUNNING,
        Activity.ends_at >= now,
    )
    return list(session.scalars(found.order_by(Activity.starts_at, Activity.id).limit(limit)))


def _flows(found: dict[tuple[str, str], tuple[int, int]], earned: list[str], used: list[str]) -> dict[str, Flow]:
    def net(paths: list[str], unit: str) -> int:
        both = [found.get((path, unit), (0, 0)) for path in paths]
        return sum(credits_ - debits for debits, credits_ in both)

    return {unit: Flow(credited=-net(earned, unit), spent=net(used, unit)) for unit in chart.UNITS}


def _rule_numbers(session: Session, place: Community) -> list[int]:
    found = select(RuleVersion.number).where(RuleVersion.community_id == place.id)
    return list(session.scalars(found.order_by(RuleVersion.number)))


def _shops(session: Session, place: Community) -> list[str]:
    return list(session.scalars(select(Shop.public_id).where(Shop.community_id == place.id).order_by(Shop.id)))


def _helpers(session: Session, place: Community) -> int:
    """Count who has served at all: as many rows as there are members, however often they came."""
    found = (
        select(func.count(func.distinct(ServiceTotal.person_id)))
        .join(Person, Person.id == ServiceTotal.person_id)
        .where(Person.community_id == place.id, ServiceTotal.minutes > 0)
    )
    return session.scalar(found) or 0


def _handed_over(session: Session, place: Community) -> dict[str, int]:
    rows = session.execute(
        select(Item.kind, func.sum(Item.handed_over)).where(Item.community_id == place.id).group_by(Item.kind)
    )
    return {kind: int(number) for kind, number in rows}
