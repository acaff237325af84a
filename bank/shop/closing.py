"""A shop or provider that is no more: nothing of it is offered, and whoever waits for it gets everything back."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from bank.errors import say
from bank.members.actor import Actor
from bank.shop import operations, queueing
from bank.shop.models import Item, Order, QueuePlace, Shop
from bank.shop.stock import shop_in

NO_MORE = say("这家店不做了")


def close(session: Session, actor: Actor, shop_id: str, *, now: datetime) -> int:
    """Take a shop's items off the shelf, give back its open vouchers and end the places in its queue; give how many
    vouchers.

    For a coordinator. What was handed over stays for its statements, and a keeper may offer again. Raises NotFound.
    """
    actor.require("coordinator")
    shop = shop_in(session, actor.community_id, shop_id)
    # Vouchers and places before items, as by whoever hands over, cancels or takes a turn.
    session.execute(_open_orders(shop.id).with_for_update())
    session.execute(_living_places(shop.id).with_for_update(of=QueuePlace))
    # Who orders at this moment holds the item: they are waited for, and their voucher is seen below.
    session.execute(
        update(Item)
        .where(Item.shop_id == shop.id)
        .values(is_offered=False)
        .execution_options(synchronize_session=False)
    )
    session.expire_all()
    queueing.end_of_shop(session, shop.id, now=now)
    return _give_back_all(session, actor, shop, now)


def is_over(session: Session, shop_id: int) -> bool:
    """Tell whether a shop offers nothing and nobody waits for anything of it; `shop_id` is a row id."""
    offered = select(Item.id).where(Item.shop_id == shop_id, Item.is_offered)
    left = (offered, _open_orders(shop_id), _living_places(shop_id))
    return all(session.execute(one.limit(1)).first() is None for one in left)


def _open_orders(shop_id: int) -> Select[str]:
    return select(Order.public_id).where(Order.shop_id == shop_id, Order.state == operations.OPEN).order_by(Order.id)


def _living_places(shop_id: int) -> Select[int]:
    theirs = select(QueuePlace.id).join(Item, Item.id == QueuePlace.item_id)
    return theirs.where(Item.shop_id == shop_id, QueuePlace.state.in_(queueing.LIVING)).order_by(QueuePlace.id)


def _give_back_all(session: Session, actor: Actor, shop: Shop, now: datetime) -> int:
    ids = session.scalars(_open_orders(shop.id)).all()
    return sum(operations.end_for_shop(session, actor, order_id, NO_MORE, now=now) for order_id in ids)
