"""A shop or provider that is no more: nothing of it is offered, and whoever waits for it gets everything back."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bank.errors import say
from bank.members.actor import Actor
from bank.shop import operations, queueing
from bank.shop.models import Item, Order, Shop
from bank.shop.stock import shop_in

NO_MORE = say("这家店不做了")


def close(session: Session, actor: Actor, shop_id: str, *, now: datetime) -> int:
    """Take a shop's items off the shelf, give back its open vouchers and end the places in its queue; give how many
    vouchers.

    For a coordinator. What was handed over stays for its statements, and a keeper may offer again. Raises NotFound.
    """
    actor.require("coordinator")
    shop = shop_in(session, actor.community_id, shop_id)
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


def _give_back_all(session: Session, actor: Actor, shop: Shop, now: datetime) -> int:
    waiting = select(Order.public_id).where(Order.shop_id == shop.id, Order.state == operations.OPEN)
    ids = session.scalars(waiting.order_by(Order.id)).all()
    return sum(operations.end_for_shop(session, actor, order_id, NO_MORE, now=now) for order_id in ids)
