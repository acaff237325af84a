"""The stock's own small ledger: every change of a shelf is a movement, in the transaction of the change itself."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from bank.shop.models import Item, Order, StockMovement


def write(
    session: Session,
    item_id: int,
    kind: str,
    quantity: int,
    stock_after: int,
    *,
    by: int | None,
    at: datetime,
    note: str | None = None,
    order_id: int | None = None,
    donation_id: int | None = None,
    stocktake_id: int | None = None,
) -> None:
    """Add a movement beside the change it tells of; `quantity` is signed, `by` a person's row id."""
    session.execute(
        insert(StockMovement).values(
            item_id=item_id,
            kind=kind,
            quantity=quantity,
            stock_after=stock_after,
            at=at,
            by_person_id=by,
            note=note,
            order_id=order_id,
            donation_id=donation_id,
            stocktake_id=stocktake_id,
        )
    )


def take_out(session: Session, placed: Order, stock_after: int | None) -> None:
    """Write what an order took off the shelf; nothing for a service."""
    if stock_after is not None:
        at, by = placed.created_at, placed.placed_by
        write(session, placed.item_id, "out", -placed.quantity, stock_after, by=by, at=at, order_id=placed.id)


def put_back(session: Session, ended: Order, *, by: int | None, now: datetime) -> None:
    """Put what an order took back on the shelf, once; nothing for a service. `by` is None for the bank itself."""
    statement = (
        update(Item)
        .where(Item.id == ended.item_id, Item.stock.is_not(None))
        .values(stock=Item.stock + ended.quantity)
        .returning(Item.stock)
        .execution_options(synchronize_session=False)
    )
    after = session.execute(statement).scalar_one_or_none()
    if after is not None:
        write(session, ended.item_id, "back", ended.quantity, after, by=by, at=now, order_id=ended.id)
