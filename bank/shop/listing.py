"""What the shop's pages read: the shelf, orders, vouchers, and what was handed over."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Select, and_, false, func, or_, select
from sqlalchemy.orm import Session, aliased

from bank.errors import Invalid, NotFound, say
from bank.members.actor import Actor
from bank.members.models import Person
from bank.members.rules import mask_name
from bank.shop.models import Donation, DonorLook, Item, Order, Shop, Shopkeeper, StockMovement
from bank.shop.operations import DONE, OPEN, shops_of
from bank.shop.refusals import NotAKeeper, VoucherNotFound, WrongShop
from bank.web.paging import Listing, decode_ints, encode
from ledger.base import EPOCH, MICROSECOND

TWIN_WITHIN = timedelta(minutes=1)
"""Whoever goes back and presses again does so at once; later they mean it."""


@dataclass(frozen=True, slots=True)
class OnShelf:
    """An item with its shop."""

    item: Item
    shop: Shop


@dataclass(frozen=True, slots=True)
class Placed:
    """An order with its shop, its drawing and the names of who had a hand in it."""

    order: Order
    shop: Shop
    picture: str
    item_id: str
    placed_by: str = ""
    handed_over_by: str = ""
    owner: str = ""


def shelf(
    session: Session, community_id: int, *, kind: str | None = None, limit: int = 50, cursor: str | None = None
) -> Listing[OnShelf]:
    """List what a community offers, services before goods, in the order it was put there."""
    found = (
        select(Item, Shop).join(Shop, Shop.id == Item.shop_id).where(Item.community_id == community_id, Item.is_offered)
    )
    if kind is not None:
        found = found.where(Item.kind == kind)
    after = decode_ints(cursor, 2)
    if after is not None:
        kind_after = "service" if after[0] else "goods"
        found = found.where(
            or_(Item.kind < kind_after, and_(Item.kind == kind_after, Item.id > after[1])),
        )
    rows = session.execute(found.order_by(Item.kind.desc(), Item.id).limit(limit + 1)).all()
    items = [OnShelf(item, shop) for item, shop in rows[:limit]]
    last = items[-1].item if len(rows) > limit else None
    return Listing(items, encode(int(last.kind == "service"), last.id) if last else None)


def on_shelf(session: Session, community_id: int, item_id: str) -> OnShelf:
    """Give one item of a community by public id, offered or not. Raises NotFound."""
    row = session.execute(
        select(Item, Shop)
        .join(Shop, Shop.id == Item.shop_id)
        .where(Item.public_id == item_id, Item.community_id == community_id)
    ).one_or_none()
    if row is None:
        raise NotFound
    return OnShelf(*row)


def orders_of(session: Session, person_id: int, *, limit: int = 20, cursor: str | None = None) -> Listing[Placed]:
    """List a member's orders, newest first."""
    found = _placed().where(Order.person_id == person_id)
    before = decode_ints(cursor, 1)
    if before is not None:
        found = found.where(Order.id < before[0])
    rows = session.execute(found.order_by(Order.id.desc()).limit(limit + 1)).all()
    items = [Placed(*row) for row in rows[:limit]]
    return Listing(items, encode(items[-1].order.id) if len(rows) > limit else None)


def waiting_for(session: Session, person_id: int, *, limit: int = 10) -> list[Placed]:
    """Give a member's vouchers that wait to be used, the first to lapse first."""
    found = _placed().where(Order.person_id == person_id, Order.state == OPEN)
    return [Placed(*row) for row in session.execute(found.order_by(Order.expires_at, Order.id).limit(limit))]


def just_ordered(session: Session, person_id: int, item_id: str, *, now: datetime) -> Order | None:
    """Give the member's voucher for the same item that is not a minute old and waits to be used."""
    mine = (Order.person_id == person_id) & (Order.state == OPEN) & (Order.created_at > now - TWIN_WITHIN)
    same = select(Order).join(Item, Item.id == Order.item_id).where(mine, Item.public_id == item_id)
    return session.scalar(same.order_by(Order.id.desc()).limit(1))


def shown(session: Session, order: Order) -> Placed:
    """Give an order with what is shown around it."""
    return Placed(*session.execute(_named().where(Order.id == order.id)).one())


def voucher(session: Session, actor: Actor, code: str) -> Placed:
    """Give a voucher to its owner or to a keeper of its shop.

    Raises WrongShop for keepers of other shops, and VoucherNotFound for everyone else as for a code of no voucher.
    """
    row = session.execute(
        _named().where(Order.voucher_code == code, Order.community_id == actor.community_id)
    ).one_or_none()
    if row is None:
        raise VoucherNotFound
    found = Placed(*row)
    if found.order.person_id == actor.person_id:
        return found
    if not actor.may("shopkeeper"):
        raise VoucherNotFound
    if session.get(Shopkeeper, (found.order.shop_id, actor.person_id)) is None:
        raise WrongShop(shop=found.shop.name)
    return found


def receipt(session: Session, actor: Actor, order_id: str) -> Placed:
    """Give what a shop of the actor's handed over, by public id. Raises NotFound."""
    row = session.execute(
        _named().where(Order.public_id == order_id, Order.state == DONE, Order.shop_id.in_(shops_of(actor)))
    ).one_or_none()
    if row is None:
        raise NotFound
    return Placed(*row)


def shops_kept(session: Session, actor: Actor) -> list[Shop]:
    """Give the shops the actor keeps. Raises NotAllowed without the role, NotAKeeper where there is none."""
    actor.require("shopkeeper")
    found = (
        select(Shop)
        .join(Shopkeeper, Shopkeeper.shop_id == Shop.id)
        .where(Shopkeeper.person_id == actor.person_id, Shop.community_id == actor.community_id)
    )
    shops = list(session.scalars(found.order_by(Shop.id)))
    if not shops:
        raise NotAKeeper
    return shops


def shops_in(session: Session, community_id: int) -> list[Shop]:
    """Give a community's shops, at most 500."""
    return list(session.scalars(select(Shop).where(Shop.community_id == community_id).order_by(Shop.id).limit(500)))


def items_of(session: Session, shop_ids: Sequence[int], *, only_offered: bool = False) -> list[OnShelf]:
    """Give everything on the shelves of these shops, at most 500."""
    found = select(Item, Shop).join(Shop, Shop.id == Item.shop_id).where(Item.shop_id.in_(shop_ids))
    if only_offered:
        found = found.where(Item.is_offered)
    return [OnShelf(*row) for row in session.execute(found.order_by(Item.kind.desc(), Item.id).limit(500))]


def similar(session: Session, item: Item, *, limit: int = 3) -> list[OnShelf]:
    """Give other goods that are there and cost no more, the dearest first."""
    found = (
        select(Item, Shop)
        .join(Shop, Shop.id == Item.shop_id)
        .where(
            Item.community_id == item.community_id,
            Item.is_offered,
            Item.kind == item.kind,
            Item.unit == item.unit,
            Item.price <= item.price,
            Item.id != item.id,
            or_(Item.stock.is_(None), Item.stock > 0),
        )
    )
    return [OnShelf(*row) for row in session.execute(found.order_by(Item.price.desc(), Item.id).limit(limit))]


def thanked(session: Session, community_id: int, *, limit: int = 3) -> list[tuple[Donation, str]]:
    """Give the latest donations whose donor wishes to be named and whose name was looked at, each with what it was."""
    found = select(Donation, Item.title).join(Item, Item.id == Donation.item_id)
    looked = found.join(DonorLook, DonorLook.donation_id == Donation.id)
    named = looked.where(Donation.community_id == community_id, Donation.is_named, DonorLook.is_shown)
    return [(gift, title) for gift, title in session.execute(named.order_by(Donation.id.desc()).limit(limit))]


def movements_of(
    session: Session, item: Item, *, limit: int = 50, cursor: str | None = None
) -> Listing[tuple[StockMovement, str, str]]:
    """List what changed an item's stock, newest first, each with who did it and who donated, if anybody.

    Residents who ordered or gave back for themselves are named as at the counter: by their first character.
    """
    is_own = func.coalesce(Order.person_id == StockMovement.by_person_id, false())
    found = (
        select(StockMovement, func.coalesce(Person.name, ""), is_own, func.coalesce(Donation.donor, ""))
        .outerjoin(Person, Person.id == StockMovement.by_person_id)
        .outerjoin(Order, Order.id == StockMovement.order_id)
        .outerjoin(Donation, Donation.id == StockMovement.donation_id)
        .where(StockMovement.item_id == item.id)
    )
    before = decode_ints(cursor, 1)
    if before is not None:
        found = found.where(StockMovement.id < before[0])
    rows = session.execute(found.order_by(StockMovement.id.desc()).limit(limit + 1)).all()
    items = [(moved, mask_name(name) if own else name, donor) for moved, name, own, donor in rows[:limit]]
    return Listing(items, encode(items[-1][0].id) if len(rows) > limit else None)


def handed_over(
    session: Session,
    shop_ids: Sequence[int],
    *,
    since: datetime,
    until: datetime,
    limit: int = 50,
    cursor: str | None = None,
) -> Listing[Placed]:
    """List what these shops handed over in a span of time, newest first."""
    found = _named().where(
        Order.shop_id.in_(shop_ids), Order.handed_over_at >= since, Order.handed_over_at < until, Order.state == DONE
    )
    before = decode_ints(cursor, 2)
    if before is not None:
        at = _moment(before[0])
        found = found.where(or_(Order.handed_over_at < at, and_(Order.handed_over_at == at, Order.id < before[1])))
    rows = session.execute(found.order_by(Order.handed_over_at.desc(), Order.id.desc()).limit(limit + 1)).all()
    items = [Placed(*row) for row in rows[:limit]]
    return Listing(items, _cursor_of(items[-1].order) if len(rows) > limit else None)


def totals(
    session: Session, shop_ids: Sequence[int], *, since: datetime, until: datetime
) -> list[tuple[int, str, int, int]]:
    """Sum what each shop handed over in one month: (shop, unit, vouchers, amount)."""
    rows = session.execute(
        select(Order.shop_id, Order.unit, func.count(), func.sum(Order.total))
        .where(Order.shop_id.in_(shop_ids), Order.handed_over_at >= since, Order.handed_over_at < until)
        .group_by(Order.shop_id, Order.unit)
        .order_by(Order.shop_id, Order.unit)
    )
    return [(shop_id, unit, number, int(amount)) for shop_id, unit, number, amount in rows]


def orders_behind(session: Session, txn_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Placed]:
    """Find the orders behind holds, captures and releases of the book, by transaction, in one statement."""
    if not txn_ids:
        return {}
    found = _named().where(or_(Order.hold_txn_id.in_(txn_ids), Order.end_txn_id.in_(txn_ids)))
    behind: dict[uuid.UUID, Placed] = {}
    for row in session.execute(found):
        placed = Placed(*row)
        behind[placed.order.hold_txn_id] = placed
        if placed.order.end_txn_id is not None:
            behind[placed.order.end_txn_id] = placed
    return behind


def month_of(text: str | None, today: date) -> date:
    """Read `2026-11` as its first day; this month for anything else, also for one no bank has lived in."""
    try:
        month = date.fromisoformat(f"{text}-01")
    except ValueError:
        return today.replace(day=1)
    return month if 2000 <= month.year <= 2200 else today.replace(day=1)


def _placed() -> Select[Order, Shop, str, str]:
    return (
        select(Order, Shop, Item.picture, Item.public_id)
        .join(Shop, Shop.id == Order.shop_id)
        .join(Item, Item.id == Order.item_id)
    )


def _named() -> Select[Order, Shop, str, str, str, str, str]:
    placer, keeper, owner = aliased(Person), aliased(Person), aliased(Person)
    return (
        select(Order, Shop, Item.picture, Item.public_id, placer.name, func.coalesce(keeper.name, ""), owner.name)
        .join(Shop, Shop.id == Order.shop_id)
        .join(Item, Item.id == Order.item_id)
        .join(placer, placer.id == Order.placed_by)
        .join(owner, owner.id == Order.person_id)
        .outerjoin(keeper, keeper.id == Order.handed_over_by)
    )


def _cursor_of(last: Order) -> str | None:
    return encode((last.handed_over_at - EPOCH) // MICROSECOND, last.id) if last.handed_over_at else None


def _moment(micros: int) -> datetime:
    try:
        return EPOCH + micros * MICROSECOND
    except OverflowError as wrong:
        raise Invalid({"cursor": [say("页码不对，请从第一页重新看。")]}) from wrong
