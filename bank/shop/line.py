"""The queue as the counter and the desk see it: who is called, who waits, whom to tell, and the slip somebody keeps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from bank.errors import NotFound
from bank.members.actor import STAFF, Actor
from bank.members.models import Person
from bank.shop.budget import CALLED, TAKEN, WAITING
from bank.shop.models import Item, Order, QueuePlace
from bank.shop.operations import shops_of
from bank.web.paging import Listing, decode_ints, encode

MOST_CALLED = 100


@dataclass(frozen=True, slots=True)
class InLine:
    """A place with what it is for and whose it is."""

    place: QueuePlace
    item: Item
    person: Person

    @property
    def is_to_be_told(self) -> bool:
        """Tell whether somebody has to ring or go: they queued with a card, and nobody told them yet."""
        one = self.place
        return one.state == CALLED and one.joined_by is not None and one.told_at is None


def called(session: Session, actor: Actor, now: datetime) -> list[InLine]:
    """Give whose turn it is, those first who are still to be told; of the actor's shops, or for staff of all."""
    turn = _in_line(actor).where(QueuePlace.state == CALLED, QueuePlace.due_at > now)
    rows = session.execute(turn.order_by(QueuePlace.due_at, QueuePlace.id).limit(MOST_CALLED))
    return sorted((InLine(*row) for row in rows), key=lambda one: not one.is_to_be_told)


def waiting(session: Session, actor: Actor, *, limit: int = 50, cursor: str | None = None) -> Listing[InLine]:
    """List who waits, in their order."""
    found = _in_line(actor).where(QueuePlace.state == WAITING)
    after = decode_ints(cursor, 1)
    if after is not None:
        found = found.where(QueuePlace.id > after[0])
    rows = session.execute(found.order_by(QueuePlace.id).limit(limit + 1)).all()
    items = [InLine(*row) for row in rows[:limit]]
    return Listing(items, encode(items[-1].place.id) if len(rows) > limit else None)


def find(session: Session, actor: Actor, public_id: str) -> InLine:
    """Find a place by public id, in whatever state, of the actor's shops or for staff. Raises NotFound."""
    row = session.execute(_in_line(actor).where(QueuePlace.public_id == public_id)).one_or_none()
    if row is None:
        raise NotFound
    return InLine(*row)


def order_of(session: Session, place: QueuePlace) -> Order | None:
    """Give the order a place became, made in the moment it ended; None where it became none."""
    if place.state != TAKEN:
        return None
    same = (Order.person_id == place.person_id, Order.item_id == place.item_id, Order.created_at == place.ended_at)
    return session.scalar(select(Order).where(*same))


def goods(session: Session, actor: Actor) -> list[Item]:
    """Give the goods for points that stand on the actor's shelves, or for staff on all of the community's."""
    there = (Item.kind == "goods", Item.unit == "PTS", Item.is_offered, Item.stock.is_(None) | (Item.stock > 0))
    return list(session.scalars(select(Item).where(_seen(actor), *there).order_by(Item.id).limit(500)))


def _in_line(actor: Actor) -> Select[QueuePlace, Item, Person]:
    return (
        select(QueuePlace, Item, Person)
        .join(Item, Item.id == QueuePlace.item_id)
        .join(Person, Person.id == QueuePlace.person_id)
        .where(_seen(actor))
    )


def _seen(actor: Actor) -> ColumnElement[bool]:
    """Limit to what somebody serves. Raises NotAllowed for who is neither keeper nor staff."""
    actor.require("shopkeeper", *STAFF)
    home = Item.community_id == actor.community_id
    return home if actor.may(*STAFF) else home & Item.shop_id.in_(shops_of(actor))
