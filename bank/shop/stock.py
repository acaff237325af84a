"""Verbs on shops and what stands on their shelves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from bank import chart, db
from bank.errors import Conflict, Invalid, NotFound, say
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person
from bank.qr import new_public_id
from bank.shop import movements
from bank.shop.models import Donation, Item, Shop, Shopkeeper
from bank.shop.operations import shops_of, unfill
from bank.shop.refusals import WrongShop

PICTURES = (
    "gift",
    "soap",
    "tissue",
    "towel",
    "detergent",
    "rice",
    "oil",
    "haircut",
    "cleaning",
    "phone-help",
    "company",
    "escort",
    "repair",
    "meal",
)
"""Drawings in `static/pictures` that an item may show; the first is for everything else."""
MOST_STOCK = 1_000_000


class StockTooLow(Conflict):
    """More would be taken off the shelf than stands there."""

    code = "out_of_stock"
    sentence = say("架上没有这么多，库存没有改。请先点一点数量。")


class ShelfFull(Conflict):
    """More would stand on the shelf than is counted of one thing."""

    sentence = say("一样东西架上最多记 %(most)s 件，现在有 %(stock)s 件：这次最多再放 %(room)s 件。库存没有改。")


def open_shop(
    session: Session,
    community_id: int,
    *,
    name: str,
    now: datetime,
    place: str = "",
    hours: str = "",
    keepers: Sequence[int] = (),
    kind: str = "shop",
) -> Shop:
    """Open a `shop` or a `provider` with its accounts in the book; `keepers` are person ids."""
    shop = Shop(public_id=new_public_id(), community_id=community_id, name=name, place=place, hours=hours, kind=kind)
    session.add(shop)
    session.flush()
    book = db.book(session, community_id, now)
    for unit in chart.UNITS:
        book.open_account(chart.shop(shop.public_id), unit, kind="shop", min_balance=0, is_shared=True, session=session)
    session.add_all(Shopkeeper(shop_id=shop.id, person_id=person_id) for person_id in keepers)
    session.flush()
    return shop


def found_shop(
    session: Session, actor: Actor, *, name: str, place: str, hours: str, now: datetime, kind: str = "shop"
) -> Shop:
    """Open a `shop` or a `provider` in the coordinator's community."""
    actor.require("coordinator")
    return open_shop(session, actor.community_id, name=name, place=place, hours=hours, kind=kind, now=now)


def appoint(session: Session, actor: Actor, shop_id: str, person_id: str, *, now: datetime) -> None:
    """Make a member the keeper of a shop; both are public ids. Raises NotFound; Invalid without the shopkeeper role."""
    actor.require("coordinator")
    shop = shop_in(session, actor.community_id, shop_id)
    person = members.in_community(session, actor.community_id, person_id)
    if "shopkeeper" not in members.actor_of(session, person).roles:
        raise Invalid({"person_id": [say("这位居民还没有店员的角色，请先请管理员授予。")]})
    session.merge(Shopkeeper(shop_id=shop.id, person_id=person.id))
    sentence = say("您现在是「%(shop)s」的店员，可以在柜台核销兑换券。")
    members.tell(session, [person.id], sentence, facts={"shop": shop.name}, link="/counter", now=now)


def dismiss(session: Session, actor: Actor, shop_id: str, person_id: str) -> None:
    """Take a shop from a keeper. Raises NotFound."""
    actor.require("coordinator")
    shop = shop_in(session, actor.community_id, shop_id)
    person = members.in_community(session, actor.community_id, person_id)
    session.execute(delete(Shopkeeper).where(Shopkeeper.shop_id == shop.id, Shopkeeper.person_id == person.id))


def add_item(session: Session, actor: Actor, shop_id: str, given: dict[str, Any], *, now: datetime) -> Item:
    """Put something new on the keeper's shelf: `kind title description unit price stock picture`.

    Goods need a stock; a service has none, and a provider has no goods. Raises NotFound, WrongShop, Invalid.
    """
    shop = _own_shop(session, actor, shop_id)
    if shop.kind == "provider" and given["kind"] != "service":
        raise Invalid({"kind": [say("服务商只上架服务。")]})
    stock = given.get("stock") if given["kind"] == "goods" else None
    if given["kind"] == "goods" and stock is None:
        raise Invalid({"stock": [say("请填架上现有几件。")]})
    return put_on_shelf(session, shop, **{**given, "stock": stock}, now=now, by=actor.person_id)


def put_on_shelf(
    session: Session,
    shop: Shop,
    *,
    kind: str,
    title: str,
    unit: str,
    price: int,
    now: datetime,
    by: int | None = None,
    stock: int | None = None,
    description: str = "",
    picture: str = "",
) -> Item:
    """Add an item to a shop; `price` in minutes or points, `stock` None for as many as asked for.

    Its first stock is its first movement; `by` is a person's row id.
    """
    item = Item(
        public_id=new_public_id(),
        community_id=shop.community_id,
        shop_id=shop.id,
        kind=kind,
        title=title,
        description=description,
        unit=unit,
        price=price,
        stock=stock,
        picture=picture,
    )
    session.add(item)
    session.flush()
    if stock:
        movements.write(session, item.id, "in", stock, stock, by=by, at=now)
    return item


def add_stock(session: Session, actor: Actor, item_id: str, number: int, *, now: datetime) -> None:
    """Put some on the shelf. Raises NotFound, WrongShop, ShelfFull."""
    item = _move(session, actor, item_id, number)
    movements.write(session, item.id, "in", number, item.after, by=actor.person_id, at=now)


def write_off(session: Session, actor: Actor, item_id: str, number: int, *, note: str, now: datetime) -> None:
    """Take what is broken or spoilt off the shelf, with the reason beside it. Raises NotFound, WrongShop, StockTooLow.

    Where it was promised to somebody, the newest orders give way and get everything back.
    """
    while True:
        try:
            item = _move(session, actor, item_id, -number)
            break
        except StockTooLow:
            row_id = session.scalars(select(Item.id).where(Item.public_id == item_id)).one()
            if not unfill(session, actor, row_id, now=now):
                raise
    movements.write(session, item.id, "damage", -number, item.after, by=actor.person_id, at=now, note=note)


def receive(
    session: Session, actor: Actor, item_id: str, number: int, *, donor: str, is_named: bool, now: datetime
) -> Donation:
    """Put donated goods on the shelf; the donor is thanked by name where they wish, and paid in nothing.

    Raises as `add_stock`.
    """
    item = _move(session, actor, item_id, number)
    gift = Donation(
        public_id=new_public_id(),
        community_id=actor.community_id,
        item_id=item.id,
        quantity=number,
        donor=donor,
        is_named=is_named,
        received_by=actor.person_id,
        received_at=now,
    )
    session.add(gift)
    session.flush()
    by = actor.person_id
    movements.write(session, item.id, "donation", number, item.after, by=by, at=now, donation_id=gift.id)
    return gift


def offer(session: Session, actor: Actor, item_id: str, *, is_offered: bool) -> None:
    """Offer an item, or pause it; vouchers already out stay good. Raises NotFound, WrongShop."""
    _change(session, actor, item_id, Item.id.is_not(None), is_offered=is_offered)


def shop_in(session: Session, community_id: int, shop_id: str) -> Shop:
    """Find a shop of a community by public id. Raises NotFound."""
    shop = session.scalar(select(Shop).where(Shop.public_id == shop_id, Shop.community_id == community_id))
    if shop is None:
        raise NotFound
    return shop


def keepers_of(session: Session, shop: Shop) -> list[Person]:
    """Give who keeps a shop, by name."""
    found = select(Person).join(Shopkeeper, Shopkeeper.person_id == Person.id).where(Shopkeeper.shop_id == shop.id)
    return list(session.scalars(found.order_by(Person.name, Person.id)))


def _own_shop(session: Session, actor: Actor, shop_id: str) -> Shop:
    actor.require("shopkeeper")
    shop = shop_in(session, actor.community_id, shop_id)
    if session.get(Shopkeeper, (shop.id, actor.person_id)) is None:
        raise WrongShop(shop=shop.name)
    return shop


@dataclass(frozen=True, slots=True)
class _Moved:
    """An item's row id and what stands on its shelf now."""

    id: int
    after: int


def _move(session: Session, actor: Actor, item_id: str, change: int) -> _Moved:
    fits = (Item.stock + change).between(0, MOST_STOCK)
    try:
        row_id, after = _change(session, actor, item_id, fits, stock=Item.stock + change)
    except StockTooLow as refusal:
        stock = session.scalar(select(Item.stock).where(Item.public_id == item_id))
        if change < 0 or stock is None:
            raise
        raise ShelfFull(most=MOST_STOCK, stock=stock, room=MOST_STOCK - stock) from refusal
    assert after is not None  # noqa: S101 -- a service has no stock that could fit
    return _Moved(row_id, after)


def _change(session: Session, actor: Actor, item_id: str, condition: Any, **values: Any) -> tuple[int, int | None]:
    actor.require("shopkeeper")
    same = (Item.public_id == item_id, Item.community_id == actor.community_id)
    changed = update(Item).where(*same, Item.shop_id.in_(shops_of(actor)), condition).values(**values)
    done = session.execute(changed.returning(Item.id, Item.stock).execution_options(synchronize_session=False)).first()
    if done is not None:
        session.expire_all()
        return done.id, done.stock
    known = session.execute(
        select(Item.shop_id, Shop.name).join(Shop, Shop.id == Item.shop_id).where(*same)
    ).one_or_none()
    if known is None:
        raise NotFound
    if session.get(Shopkeeper, (known.shop_id, actor.person_id)) is None:
        raise WrongShop(shop=known.name)
    raise StockTooLow
