"""The demo's shop at the end of its month's budget: some wait in the queue, and one with a card was just called."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bank import chart, clock
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.demo.founding import Town
from bank.errors import BankError
from bank.members.actor import Actor
from bank.members.models import Person
from bank.shop import budget, queueing
from bank.shop import operations as shop
from bank.shop.models import Order

LEFT_POINTS = 5
"""What is left of the month: less than anything costs."""
WANTED = "毛巾"
WAITING = 3
ASKED = 30
"""How many are tried: a quota of theirs may be used up."""
NOTE = "这个月换用品的预算用完了，用排队代替先到先得"


def show_queue(session: Session, town: Town, settings: dict[str, object], now: datetime) -> None:
    """Let the month's budget be used up, a card wait and be called, and others wait behind it."""
    item_id = town.items[WANTED].public_id
    savers = _savers(session, town, now)
    first = _first_order(session, savers, item_id, now)
    _set_budget(session, town, settings, now)
    resident = session.scalars(select(Person).where(Person.public_id == town.cast["resident"].public_id)).one()
    with suppress(BankError), session.begin_nested():
        queueing.join(session, town.cast["shop"], item_id=item_id, quantity=1, now=now, owner=resident)
    _let_wait(session, savers, item_id, now)
    if first is not None:
        who, placed = first
        shop.cancel(session, who, placed.public_id, now=now)
        queueing.call_due(session, now=now)


def _savers(session: Session, town: Town, now: datetime) -> list[Actor]:
    """Give who has the most points, the richest first."""
    has = town.saved(session, now, chart.POINTS)
    return sorted(town.people, key=lambda who: (-has.get(who.person_id, 0), who.person_id))[:ASKED]


def _first_order(session: Session, savers: Sequence[Actor], item_id: str, now: datetime) -> tuple[Actor, Order] | None:
    """Let the first who can order; None where nobody can, as a history of few days may not have earned it."""
    for who in savers:
        with suppress(BankError), session.begin_nested():
            return who, shop.order(session, who, item_id=item_id, quantity=1, now=now)
    return None


def _let_wait(session: Session, savers: Sequence[Actor], item_id: str, now: datetime) -> None:
    waiting = 0
    for who in savers:
        with suppress(BankError), session.begin_nested():
            queueing.join(session, who, item_id=item_id, quantity=1, now=now)
            waiting += 1
        if waiting == WAITING:
            return


def _set_budget(session: Session, town: Town, settings: dict[str, object], now: datetime) -> None:
    place = session.get_one(Community, town.community.id)
    today = clock.local_day(now, place.time_zone)
    price = communities.rules_at(session, place, now).point_reference_fen
    used = budget.used(session, place.id, today.replace(day=1))
    limit = (used + LEFT_POINTS) * price
    limited = {**settings, "shop_budget_fen_per_month": limit}
    communities.adopt_rules(session, place, limited, effective_on=today, now=now, note=NOTE)
