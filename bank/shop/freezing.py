"""A shop's month that is over is frozen into a statement: its vouchers, its prices, and what the book says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Select,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from bank import chart, clock, db
from bank.communities import operations as communities
from bank.communities.calendar import calendar_of
from bank.communities.models import Community
from bank.errors import Conflict, NotFound, say
from bank.members.actor import STAFF, Actor
from bank.qr import new_public_id
from bank.shop import rules, settling
from bank.shop.models import Order, Settlement, SettlementLine, Shop, Strike
from bank.shop.operations import DONE
from bank.shop.sides import PROVIDER, keeps

GRACE = timedelta(hours=1)
"""How long after its end a month is let alone: whatever was handed over in its last minute is in the book by then."""
MOST_MONTHS = 12
"""How far back a month without a statement is made up for."""
BUILT = say("「%(shop)s」%(month)s的对账单好了：%(vouchers)s 张券。请核对，对就确认，不对就提出来。")


class MonthNotOver(Conflict):
    """Only a month that is over has a statement."""

    code = "too_early"
    sentence = say("这个月还没有过完，下个月 1 日起才能出对账单。")


class NothingToSettle(Conflict):
    """Nothing was handed over in that month."""

    code = "conflict"
    sentence = say("这家店那个月没有交出去的券，不用对账。")


def build_due(session: Session, *, now: datetime) -> int:
    """Build one statement of a month that is over and has none; 0 where none is due. Safe to run at once."""
    for place in session.scalars(select(Community).where(Community.kind == "community").order_by(Community.id)).all():
        months = rules.months_over(clock.local_day(now - GRACE, place.time_zone), MOST_MONTHS)
        if _behind(session, place, months) is None:
            continue
        for month in months:
            shop = _behind(session, place, [month])
            if shop is not None:
                return int(_build(session, place, shop, month, now) is not None)
    return 0


def _behind(session: Session, place: Community, months: Sequence[date]) -> Shop | None:
    """Find a shop that handed something over in one of these months and has no statement of it."""
    given: dict[str, Any] = {"place": place.id}
    for number, month in enumerate(months):
        since, until = rules.month_bounds(month, place.time_zone)
        given |= {f"month{number}": month, f"since{number}": since, f"until{number}": until}
    return session.scalar(_behind_in(len(months)), given)


@cache  # to build it costs more than to run it
def _behind_in(months: int) -> Select[Shop]:
    behind = or_(*(_is_missing(number) for number in range(months)))
    return (
        select(Shop).where(Shop.community_id == bindparam("place", type_=BigInteger), behind).order_by(Shop.id).limit(1)
    )


def _is_missing(number: int) -> ColumnElement[bool]:
    done = exists().where(
        Order.shop_id == Shop.id,
        Order.state == DONE,
        Order.handed_over_at >= bindparam(f"since{number}"),
        Order.handed_over_at < bindparam(f"until{number}"),
    )
    month: BindParameter[date] = bindparam(f"month{number}")
    return and_(done, ~exists().where(Settlement.shop_id == Shop.id, Settlement.month == month))


def build(session: Session, actor: Actor, shop_id: str, month: date, *, now: datetime) -> Settlement:
    """Build the statement of a shop's month on demand, or give the one that is there; `month` is its first day.

    For the shop's keepers and the community's staff. Raises NotFound, MonthNotOver, NothingToSettle.
    """
    place = session.get_one(Community, actor.community_id)
    shop = session.scalar(select(Shop).where(Shop.public_id == shop_id, Shop.community_id == place.id))
    if shop is None or not (actor.may(*STAFF) or keeps(session, actor, shop.id)):
        raise NotFound
    if month >= clock.local_day(now - GRACE, place.time_zone).replace(day=1):
        raise MonthNotOver
    built = _build(session, place, shop, month, now)
    if built is None:
        known = select(Settlement).where(Settlement.shop_id == shop.id, Settlement.month == month)
        built = session.scalar(known)
    if built is None:
        raise NothingToSettle
    return built


def _build(session: Session, place: Community, shop: Shop, month: date, now: datetime) -> Settlement | None:
    """Freeze a month; None where it is frozen already or empty."""
    since, until = rules.month_bounds(month, place.time_zone)
    orders = session.scalars(
        select(Order)
        .where(
            Order.shop_id == shop.id,
            Order.state == DONE,
            Order.handed_over_at >= since,
            Order.handed_over_at < until,
            ~exists().where(SettlementLine.order_id == Order.id),
        )
        .order_by(Order.handed_over_at, Order.id)
        .with_for_update(read=True)
    ).all()
    if not orders:
        return None
    following = clock.month_after(month)
    in_force = communities.rules_on(session, place.id, following - timedelta(days=1))
    prices = {chart.MINUTES: in_force.hour_reference_fen, chart.POINTS: in_force.point_reference_fen}
    lines = [_line(number, order, prices) for number, order in enumerate(orders, 1)]
    took_in = movement(session, place, shop, month, now)
    due = communities.rules_at(session, place, now).statement_days
    settlement_id = session.scalar(
        db.insert(session, Settlement)
        .values(
            public_id=new_public_id(),
            community_id=place.id,
            shop_id=shop.id,
            month=month,
            state="open",
            built_at=now,
            due_at=calendar_of(session, place, now).end_after(due),
            vouchers=len(lines),
            minutes=sum(order.total for order in orders if order.unit == chart.MINUTES),
            points=sum(order.total for order in orders if order.unit == chart.POINTS),
            value_fen=sum(line["value_fen"] for line in lines),
            hour_fen=prices[chart.MINUTES],
            point_fen=prices[chart.POINTS],
            book_minutes=took_in[chart.MINUTES],
            book_points=took_in[chart.POINTS],
            note="",
        )
        .on_conflict_do_nothing(index_elements=["shop_id", "month"])
        .returning(Settlement.id)
    )
    if settlement_id is None:
        return None
    session.add_all(SettlementLine(settlement_id=settlement_id, **line) for line in lines)
    built = session.get_one(Settlement, settlement_id)
    _carry_over(session, built)
    settling.note_step(session, built, "built", now)
    settling.tell(session, built, (PROVIDER,), BUILT, now, vouchers=len(lines))
    return built


def _carry_over(session: Session, built: Settlement) -> None:
    """Let what was struck from settled statements come off this one."""
    pending = (Strike.shop_id == built.shop_id, Strike.state == "struck", Strike.line_id.is_not(None))
    session.execute(
        update(Strike)
        .where(*pending, Strike.settlement_id.is_(None), Strike.repaid_at.is_(None))
        .values(settlement_id=built.id)
        .execution_options(synchronize_session=False)
    )


def _line(number: int, order: Order, prices: Mapping[str, int]) -> dict[str, Any]:
    return {
        "number": number,
        "order_id": order.id,
        "code": order.voucher_code,
        "title": order.title,
        "quantity": order.quantity,
        "unit": order.unit,
        "total": order.total,
        "handed_over_at": order.handed_over_at,
        "value_fen": rules.reference_fen(order.unit, order.total, prices[order.unit]),
    }


def movement(session: Session, place: Community, shop: Shop, month: date, now: datetime) -> dict[str, int]:
    """Give what a shop's account took in by the book for what it handed over within a month, by unit.

    Settlements do not count, and what was struck counts for the month it stood in: on its line, or nowhere.
    """
    account, following = chart.shop(shop.public_id), clock.month_after(month)
    book = db.book(session, place.id, now)
    since, later = (book.turnovers([account], day, session=session) for day in (month, following))
    bounds = rules.month_bounds(month, place.time_zone)
    found = dict.fromkeys(chart.UNITS, 0)
    for unit in chart.UNITS:
        for turnover, sign in ((since, 1), (later, -1)):
            debits, credits_ = turnover.get((account, unit), (0, 0))
            found[unit] += sign * (credits_ - debits)
        found[unit] += _emptied(session, shop, unit, bounds) + _struck(session, shop, unit, bounds)
    return found


def _emptied(session: Session, shop: Shop, unit: str, bounds: tuple[datetime, datetime]) -> int:
    """Sum what settlements took from a shop's account in a span of time."""
    sums = Settlement.minutes if unit == chart.MINUTES else Settlement.points
    then = (Settlement.shop_id == shop.id, Settlement.settled_at >= bounds[0], Settlement.settled_at < bounds[1])
    all_ = session.scalar(select(func.coalesce(func.sum(sums), 0)).where(*then)) or 0
    off = settling.struck_total(Strike.settlement_id == SettlementLine.settlement_id, Strike.unit == unit, *then)
    off = off.join(SettlementLine, SettlementLine.id == Strike.line_id).join(
        Settlement, Settlement.id == Strike.settlement_id
    )
    return int(all_) - int(session.scalar(off) or 0)


def _struck(session: Session, shop: Shop, unit: str, bounds: tuple[datetime, datetime]) -> int:
    """Sum what reversals of a span of time took from the account for other months, less what stands on no line."""
    mine = (Strike.shop_id == shop.id, Strike.unit == unit, Strike.state == "struck")
    then = (Strike.ended_at >= bounds[0], Strike.ended_at < bounds[1])
    is_paid_back = or_(Strike.line_id.is_(None), Strike.settlement_id == SettlementLine.settlement_id)
    reversed_ = settling.struck_total(*mine, *then, is_paid_back).outerjoin(
        SettlementLine, SettlementLine.id == Strike.line_id
    )
    handed = (Strike.handed_over_at >= bounds[0], Strike.handed_over_at < bounds[1])
    unlisted = settling.struck_total(*mine, *handed, Strike.line_id.is_(None))
    return int(session.scalar(reversed_) or 0) - int(session.scalar(unlisted) or 0)
