"""The demo's months with its shops: what is over is settled, the last month waits for both sides."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from bank import clock
from bank.demo.founding import Town
from bank.shop import freezing, rules, settling
from bank.shop.models import Settlement, Shop

SETTLED_ON = 6
"""The day of the month on which the month before is confirmed by both sides, paid in cash and written down."""
NOTE = "现金结清，双方签字，单据在抽屉里"


def settle_month(session: Session, town: Town, day: date, *, today: date) -> None:
    """On the sixth, settle the month before `day`; the last month that is over is left to be confirmed."""
    last, before = rules.months_over(today, 1)[0], rules.months_over(day, 1)[0]
    if day.day == SETTLED_ON and before != last:
        noon = clock.start_of_day(day, town.community.time_zone) + timedelta(hours=12)
        build(session, noon)
        _settle(session, town, noon)


def build(session: Session, now: datetime) -> None:
    """Freeze what is over."""
    while freezing.build_due(session, now=now):
        pass


def _settle(session: Session, town: Town, now: datetime) -> None:
    waiting = select(Settlement, Shop).join(Shop, Shop.id == Settlement.shop_id)
    waiting = waiting.where(Settlement.state == "open", Settlement.community_id == town.community.id)
    for number, (one, shop) in enumerate(session.execute(waiting.order_by(Settlement.id)).all()):
        at = now + timedelta(minutes=number)
        keeper = town.cast["barber" if town.barber and shop.id == town.barber.id else "shop"]
        settling.confirm(session, keeper, one.public_id, now=at)
        settling.confirm(session, town.cast["coordinator"], one.public_id, now=at)
        paid_on = clock.local_day(at, town.community.time_zone)
        settling.settle(session, town.cast["coordinator"], one.public_id, paid_on=paid_on, note=NOTE, now=at)
