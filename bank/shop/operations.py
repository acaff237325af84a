"""Verbs on orders: order, hand over, serve a card, cancel, let lapse."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.orm import Session

from bank import chart, db
from bank.clock import local_day, start_of_day
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.communities.rules import Rules
from bank.errors import NotFound, say
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Household, Person
from bank.qr import new_public_id
from bank.shop import budget, movements, quotas, rules
from bank.shop.models import Item, Order, QueuePlace, Shop, Shopkeeper
from bank.shop.refusals import (
    BudgetSpent,
    CardQuotaReached,
    GroupOnlyDonates,
    NotEnough,
    NotOffered,
    NotToday,
    OutOfStock,
    VoucherCancelled,
    VoucherExpired,
    VoucherNotFound,
    VoucherSpent,
    VoucherTaken,
    WrongShop,
)
from ledger.errors import HoldExpired, InsufficientFunds

OPEN, DONE, CANCELLED, LAPSED = "held", "handed_over", "cancelled", "lapsed"
SYSTEM = "system"
"""Who acts in the book when the bank itself does."""

_SERVED = {
    chart.MINUTES: say(
        "%(name)s 在柜台凭您的卡和 PIN 为您换了「%(title)s」，用了 %(paid_minutes)s的时长。不是您本人，请马上告诉社区。"
    ),
    chart.POINTS: say(
        "%(name)s 在柜台凭您的卡和 PIN 为您换了「%(title)s」，用了 %(total)s 积分。不是您本人，请马上告诉社区。"
    ),
}


def order(session: Session, actor: Actor, *, item_id: str, quantity: int, now: datetime) -> Order:
    """Order for oneself: take the stock and hold the price, or neither.

    `item_id` is a public id, `quantity` 1 to 1000. The voucher is good until the end of its last local day.
    Raises NotFound, OutOfStock, NotEnough, QuotaReached, BudgetSpent; the book's AccountFrozen passes through.
    """
    owner = session.get_one(Person, actor.person_id)
    return _place(session, actor, owner, item_id=item_id, quantity=quantity, now=now)


def serve(session: Session, actor: Actor, owner: Person, *, item_id: str, quantity: int, now: datetime) -> Order:
    """Order for a resident at the counter and hand over in one go; the owner is told who did it.

    The caller has checked the owner's card and PIN. Raises what `order` and `hand_over` raise, and CardQuotaReached.
    """
    actor.require("shopkeeper")
    if owner.community_id != actor.community_id or owner.disabled_at is not None:
        raise NotFound
    placed = _place(session, actor, owner, item_id=item_id, quantity=quantity, now=now)
    done = hand_over(session, actor, placed.voucher_code, now=now)
    facts = {"name": actor.name, "title": rules.bill_line(done.title, done.quantity), _total_of(done.unit): done.total}
    members.tell(session, [owner.id], _SERVED[done.unit], facts=facts, link=f"/v/{done.voucher_code}", now=now)
    return done


def order_in_turn(session: Session, actor: Actor, turn: QueuePlace, *, now: datetime) -> Order:
    """Order what somebody queued for, for them; the month's budget was kept for it. Raises what `order` does."""
    owner = session.get_one(Person, turn.person_id)
    item_id = session.get_one(Item, turn.item_id).public_id
    month = turn.budget_month
    return _place(session, actor, owner, item_id=item_id, quantity=turn.quantity, now=now, kept_month=month)


def _total_of(unit: str) -> str:
    return "paid_minutes" if unit == chart.MINUTES else "total"


def hand_over(session: Session, actor: Actor, code: str, *, now: datetime) -> Order:
    """Hand over against a voucher and pay the shop what was held: exactly one of many gets through.

    Raises VoucherNotFound, WrongShop, VoucherSpent, VoucherExpired, and NotToday for goods on another day than theirs.
    """
    actor.require("shopkeeper")
    _check_day(session, actor, code, now)
    statement = (
        update(Order)
        .where(
            Order.voucher_code == code,
            Order.community_id == actor.community_id,
            Order.state == OPEN,
            Order.expires_at > now,
            Order.shop_id.in_(shops_of(actor)),
        )
        .values(state=DONE, handed_over_at=now, handed_over_by=actor.person_id)
        .returning(Order)
    )
    done = session.execute(statement, execution_options={"populate_existing": True}).scalar_one_or_none()
    if done is None:
        raise _why_not_handed_over(session, actor, code, now)
    session.execute(
        update(Item)
        .where(Item.id == done.item_id)
        .values(handed_over=Item.handed_over + done.quantity)
        .execution_options(synchronize_session=False)
    )
    shop = session.get_one(Shop, done.shop_id)
    try:
        receipt = db.book(session, done.community_id, now).capture(
            done.hold_txn_id,
            chart.shop(shop.public_id),
            key=f"order:{done.public_id}:capture",
            actor=actor.public_id,
            memo=rules.bill_line(done.title, done.quantity),
            effective=_today(session, done.community_id, now),
            session=session,
        )
    except HoldExpired as late:
        raise VoucherExpired from late
    done.end_txn_id = receipt.txn_id
    session.flush()
    return done


def _check_day(session: Session, actor: Actor, code: str, now: datetime) -> None:
    place = session.get_one(Community, actor.community_id)
    day = rules.redemption_day(now, communities.rules_at(session, place, now), place.time_zone)
    if day == local_day(now, place.time_zone):
        return
    waits = (Order.voucher_code == code, Order.community_id == actor.community_id, Order.state == OPEN)
    kind = session.scalar(select(Item.kind).join(Order, Order.item_id == Item.id).where(*waits))
    if kind == "goods":
        raise NotToday(day=day.isoformat())


def cancel(
    session: Session, actor: Actor, order_id: str, *, now: datetime, reason: str | None = None, code: str | None = None
) -> Order:
    """Give an order back, hours and stock together; for its owner and the keepers of its shop.

    `order_id` is a public id, `code` one of `rules.END_REASONS`, `reason` words of one's own. An owner is told when a
    shopkeeper does it. Raises NotFound, WrongShop, VoucherSpent, VoucherExpired.
    """
    is_mine = Order.person_id == actor.person_id
    may = (is_mine | Order.shop_id.in_(shops_of(actor))) if actor.may("shopkeeper") else is_mine
    this = (Order.public_id == order_id, Order.community_id == actor.community_id, may)
    ended = _cancel(session, actor, this, now, end_reason=reason, end_code=code)
    if ended is None:
        raise _why_not_cancelled(session, actor, order_id)
    if ended.person_id != actor.person_id:
        _tell_cancelled(session, actor, ended, now)
    return ended


def _cancel(
    session: Session, actor: Actor, which: Sequence[ColumnElement[bool]], now: datetime, **why: str | None
) -> Order | None:
    """Cancel one open order and give it back; None where it is not open, or not among `which`."""
    statement = (
        update(Order)
        .where(Order.state == OPEN, *which)
        .values(state=CANCELLED, ended_at=now, ended_by=actor.person_id, **why)
        .returning(Order)
    )
    ended = session.execute(statement, execution_options={"populate_existing": True}).scalar_one_or_none()
    if ended is not None:
        _give_back(session, ended, actor.public_id, now)
    return ended


def _tell_cancelled(session: Session, actor: Actor, ended: Order, now: datetime) -> None:
    sentence = say("%(name)s 取消了您的「%(title)s」，时长或积分已经退回。原因：%(reason)s")
    why = rules.why_ended(ended.end_code, ended.end_reason) or "—"
    facts = {"name": actor.name, "title": rules.bill_line(ended.title, ended.quantity), "reason": why}
    members.tell(session, [ended.person_id], sentence, facts=facts, link=f"/v/{ended.voucher_code}", now=now)


def cancel_all(session: Session, actor: Actor, person_id: int, *, now: datetime) -> int:
    """Give back every open order of a person whose account is being closed or frozen; give how many.

    No order of theirs is underway from here to the commit. Call it before the account is frozen: goods are locked
    before balances, as by whoever orders.
    """
    lock_orders_of(session, person_id)
    statement = (
        update(Order)
        .where(Order.person_id == person_id, Order.state == OPEN)
        .values(state=CANCELLED, ended_at=now, ended_by=actor.person_id, end_code=rules.CLOSED)
        .returning(Order)
    )
    ended = session.scalars(statement, execution_options={"populate_existing": True}).all()
    for one in ended:
        _give_back(session, one, actor.public_id, now)
    return len(ended)


def lapse_due(session: Session, *, now: datetime) -> int:
    """Let one voucher lapse whose last day is over, and give back hours and stock; 0 when none is due.

    One a transaction: a job killed midway leaves whole vouchers behind it, and no two jobs wait for each other.
    """
    due = (
        select(Order.id)
        .where(Order.state == OPEN, Order.expires_at <= now)
        .order_by(Order.expires_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    statement = (
        update(Order)
        .where(Order.id == due.scalar_subquery(), Order.state == OPEN)
        .values(state=LAPSED, ended_at=now)
        .returning(Order)
    )
    ended = session.execute(statement, execution_options={"populate_existing": True}).scalar_one_or_none()
    if ended is None:
        return 0
    _give_back(session, ended, SYSTEM, now)
    sentence = say("您的「%(title)s」过了领取时间，时长或积分已经退回，可以再换。")
    facts = {"title": rules.bill_line(ended.title, ended.quantity)}
    members.tell(session, [ended.person_id], sentence, facts=facts, link=f"/v/{ended.voucher_code}", now=now)
    return 1


def unfill(session: Session, actor: Actor, item_id: int, *, now: datetime) -> bool:
    """Give back the newest waiting order of an item whose goods are not there after all; False where none waits.

    `item_id` is a row id. The owner gets everything back, is told, and finds what else costs no more.
    """
    newest = select(Order.id).where(Order.item_id == item_id, Order.state == OPEN).order_by(Order.id.desc()).limit(1)
    ended = _cancel(session, actor, (Order.id == newest.scalar_subquery(),), now, end_code=rules.NOT_THERE)
    if ended is None:
        return False
    sentence = say("「%(title)s」清点后货不够了，您的券没法兑，时长或积分已经全部退回。可以另选一样。")
    facts = {"title": rules.bill_line(ended.title, ended.quantity)}
    item = session.scalars(select(Item.public_id).where(Item.id == item_id)).one()
    members.tell(session, [ended.person_id], sentence, facts=facts, link=f"/shop/items/{item}", now=now)
    return True


def end_for_shop(session: Session, actor: Actor, order_id: str, why: str, *, now: datetime) -> bool:
    """Give back one open order of a shop that cannot do it any more, and tell its owner; False where it is over."""
    this = (Order.public_id == order_id, Order.community_id == actor.community_id)
    ended = _cancel(session, actor, this, now, end_reason=why)
    if ended is None:
        return False
    _tell_cancelled(session, actor, ended, now)
    return True


def shops_of(actor: Actor) -> Select[int]:
    """Give the shops whose keeper the actor is, as a query of their row ids."""
    return select(Shopkeeper.shop_id).where(Shopkeeper.person_id == actor.person_id)


def lock_orders_of(session: Session, person_id: int) -> None:
    """Let a person's orders, and what gives them all back, come one after another; `person_id` is a row id."""
    session.execute(select(Person.id).where(Person.id == person_id).with_for_update(key_share=True))


def _place(
    session: Session,
    actor: Actor,
    owner: Person,
    *,
    item_id: str,
    quantity: int,
    now: datetime,
    kept_month: date | None = None,
) -> Order:
    if owner.is_group:
        raise GroupOnlyDonates
    place = session.get_one(Community, owner.community_id)
    in_force = communities.rules_at(session, place, now)
    is_by_card = actor.person_id != owner.id
    _wait_for_own_orders(session, owner, in_force)
    item = _take_stock(session, owner.community_id, item_id, quantity)
    _check_quotas(session, owner, item, in_force, place, now, is_by_card=is_by_card)
    month = kept_month or _charge(session, item, quantity, in_force, place, now)
    placed = Order(
        public_id=new_public_id(),
        community_id=owner.community_id,
        shop_id=item.shop_id,
        item_id=item.id,
        person_id=owner.id,
        placed_by=actor.person_id,
        title=item.title,
        quantity=quantity,
        unit=item.unit,
        total=item.price * quantity,
        state=OPEN,
        voucher_code=new_public_id(),
        created_at=now,
        expires_at=rules.fetched_until(now, in_force, place.time_zone, is_goods=item.kind == "goods"),
        budget_month=month,
    )
    _hold(session, placed, owner, actor, now)
    session.add(placed)
    session.flush()
    movements.take_out(session, placed, item.stock)
    return placed


def _wait_for_own_orders(session: Session, owner: Person, in_force: Rules) -> None:
    """Let a person's orders come one after another, and a door's where a quota counts them: one is the last."""
    lock_orders_of(session, owner.id)
    if quotas.are_for_households(in_force) and owner.household_id is not None:
        door = select(Household.id).where(Household.id == owner.household_id)
        session.execute(door.with_for_update(key_share=True))


def _take_stock(session: Session, community_id: int, item_id: str, quantity: int) -> Item:
    statement = (
        update(Item)
        .where(
            Item.public_id == item_id,
            Item.community_id == community_id,
            Item.is_offered,
            Item.stock.is_(None) | (Item.stock >= quantity),
        )
        .values(stock=Item.stock - quantity)
        .returning(Item)
    )
    item = session.execute(statement, execution_options={"populate_existing": True}).scalar_one_or_none()
    if item is not None:
        return item
    known = select(Item.is_offered).where(Item.public_id == item_id, Item.community_id == community_id)
    is_offered = session.scalar(known)
    if is_offered is None:
        raise NotFound
    raise OutOfStock if is_offered else NotOffered


def _check_quotas(
    session: Session,
    owner: Person,
    item: Item,
    in_force: Rules,
    place: Community,
    now: datetime,
    *,
    is_by_card: bool,
) -> None:
    living = select(func.count()).select_from(Order).where(Order.person_id == owner.id, Order.state.in_((OPEN, DONE)))
    if item.kind == "goods":
        quotas.check(session, owner, item, in_force, place.time_zone, now)
    most = in_force.card_orders_per_day
    if most and is_by_card:
        since = start_of_day(local_day(now, place.time_zone), place.time_zone)
        served = living.where(Order.placed_by != Order.person_id, Order.created_at >= since)
        if (session.scalar(served) or 0) >= most:
            raise CardQuotaReached(most=most)


def _charge(
    session: Session, item: Item, quantity: int, in_force: Rules, place: Community, now: datetime
) -> date | None:
    """Count goods for points against this month's budget, which is given. Raises BudgetSpent."""
    if not budget.counts(item):
        return None
    month, most = local_day(now, place.time_zone).replace(day=1), rules.points_of_budget(in_force)
    if most is not None and budget.is_waited_for(session, place.id):
        raise BudgetSpent
    if not budget.charge(session, place.id, month, item.price * quantity, most):
        raise BudgetSpent
    return month


def _hold(session: Session, placed: Order, owner: Person, actor: Actor, now: datetime) -> None:
    book = db.book(session, placed.community_id, now)
    account = chart.member(owner.public_id)
    try:
        receipt = book.hold(
            account,
            placed.unit,
            placed.total,
            expires_at=placed.expires_at,
            key=f"order:{placed.public_id}:hold",
            actor=actor.public_id,
            memo=rules.bill_line(placed.title, placed.quantity),
            effective=_today(session, placed.community_id, now),
            session=session,
        )
    except InsufficientFunds as refusal:
        missing = placed.total - book.balance(account, placed.unit, session=session).available
        raise NotEnough(unit=placed.unit, missing=max(1, missing)) from refusal
    placed.hold_txn_id = receipt.txn_id


def _give_back(session: Session, ended: Order, actor_id: str, now: datetime) -> None:
    movements.put_back(session, ended, by=ended.ended_by, now=now)
    budget.give_back(session, ended)
    receipt = db.book(session, ended.community_id, now).release(
        ended.hold_txn_id,
        key=f"order:{ended.public_id}:release",
        actor=actor_id,
        memo=rules.bill_line(ended.title, ended.quantity),
        effective=_today(session, ended.community_id, now),
        session=session,
    )
    ended.end_txn_id = receipt.txn_id
    session.flush()


def _today(session: Session, community_id: int, now: datetime) -> date:
    return local_day(now, session.get_one(Community, community_id).time_zone)


def _why_not_handed_over(session: Session, actor: Actor, code: str, now: datetime) -> Exception:
    found = session.execute(
        select(Order, Shop.name)
        .join(Shop, Shop.id == Order.shop_id)
        .where(Order.voucher_code == code, Order.community_id == actor.community_id)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        return VoucherNotFound()
    known, shop_name = found
    if not keeps(session, actor, known.shop_id):
        return WrongShop(shop=shop_name)
    return _why_over(known, now)


def _why_not_cancelled(session: Session, actor: Actor, order_id: str) -> Exception:
    found = session.execute(
        select(Order, Shop.name)
        .join(Shop, Shop.id == Order.shop_id)
        .where(Order.public_id == order_id, Order.community_id == actor.community_id)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        return NotFound()
    known, shop_name = found
    if known.person_id != actor.person_id and not keeps(session, actor, known.shop_id):
        return WrongShop(shop=shop_name) if actor.may("shopkeeper") else NotFound()
    return VoucherTaken() if known.state == DONE else _why_over(known, None)


def _why_over(known: Order, now: datetime | None) -> Exception:
    if known.state == CANCELLED:
        return VoucherCancelled()
    if known.state == LAPSED or (known.state == OPEN and now is not None and known.expires_at <= now):
        return VoucherExpired()
    return VoucherSpent()


def keeps(session: Session, actor: Actor, shop_id: int) -> bool:
    """Tell whether the actor is a keeper of the shop."""
    return actor.may("shopkeeper") and session.get(Shopkeeper, (shop_id, actor.person_id)) is not None
