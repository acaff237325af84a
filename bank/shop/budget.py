"""The month's budget of points for goods: one counter a community and month, and nobody gets past it."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Select, or_, select, update
from sqlalchemy.orm import Session

from bank import chart, db
from bank.shop.models import Item, Order, PointBudget, QueuePlace

WAITING, CALLED, TAKEN, LEFT, PASSED, ENDED = "waiting", "called", "taken", "left", "passed", "ended"


def counts(item: Item) -> bool:
    """Tell whether the budget pays for an item: goods for points."""
    return item.kind == "goods" and item.unit == chart.POINTS


def charge(session: Session, community_id: int, month: date, points: int, most: int | None) -> bool:
    """Count points against a month that begins on `month`; False, and nothing counted, beyond `most`.

    Without a limit they are counted as well, for one that begins within the month.
    """
    if most is not None and points > most:
        return False
    grown = PointBudget.points + points
    statement = (
        db.insert(session, PointBudget)
        .values(community_id=community_id, month=month, points=points)
        .on_conflict_do_update(
            index_elements=["community_id", "month"],
            set_={"points": grown},
            where=None if most is None else grown <= most,
        )
        .returning(PointBudget.month)
        .execution_options(synchronize_session=False)
    )
    return session.scalar(statement) is not None


def give_back(session: Session, kept: Order | QueuePlace) -> None:
    """Give a month what was counted against it, once its order or its place in the queue is over."""
    if kept.budget_month is None:
        return
    session.execute(
        update(PointBudget)
        .where(PointBudget.community_id == kept.community_id, PointBudget.month == kept.budget_month)
        .values(points=PointBudget.points - kept.total)
        .execution_options(synchronize_session=False)
    )


def used(session: Session, community_id: int, month: date) -> int:
    """Give how many points a month has spent."""
    same = (PointBudget.community_id == community_id, PointBudget.month == month)
    return session.scalar(select(PointBudget.points).where(*same)) or 0


def ready() -> Select[int]:
    """Give who waits for the budget alone, as a query of row ids of places: their goods are there."""
    return (
        select(QueuePlace.id)
        .join(Item, Item.id == QueuePlace.item_id)
        .where(
            QueuePlace.state == WAITING,
            Item.is_offered,
            or_(Item.stock.is_(None), Item.stock >= QueuePlace.quantity),
        )
    )


def is_waited_for(session: Session, community_id: int) -> bool:
    """Tell whether somebody waits for the budget alone: then nobody overtakes them."""
    return session.scalar(ready().where(QueuePlace.community_id == community_id).limit(1)) is not None
