"""The queue for goods beyond the month's budget: join, leave, be called in order, take, or let it pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from bank import chart, db
from bank.clock import local_day
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.credits import cases
from bank.errors import NotFound, say
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person
from bank.members.standing import check_open
from bank.qr import new_public_id
from bank.shop import budget, operations, rules
from bank.shop.budget import CALLED, ENDED, LEFT, PASSED, TAKEN, WAITING
from bank.shop.models import Item, Order, QueuePlace, Shopkeeper
from bank.shop.refusals import (
    GroupOnlyDonates,
    NeverFits,
    NoNeedToQueue,
    NotEnough,
    NotYourTurn,
    OutOfStock,
    QueuesAlready,
)

LIVING = (WAITING, CALLED)
MOVES = {WAITING: (CALLED, LEFT, ENDED), CALLED: (TAKEN, LEFT, PASSED), TAKEN: (CALLED,)}
"""What was taken is called again where the hand-over was a mistake and is undone."""

_CALLED = say("轮到您了：「%(title)s」请在 %(day)s 以前打开来换，过了让给下一位。")
_PASSED = say("「%(title)s」轮到您，过了时间没有换，已经让给下一位。什么也没有扣，可以再排。")
_ENDED = say("「%(title)s」排了很久没有轮到，这次排队结束了。什么也没有扣，可以再排。")
_CALLED_BY_CARD = say("「%(title)s」的 %(ticket)s 号轮到了，是凭卡排的。请打电话或上门告诉他，%(day)s 以前来换。")
_JOINED_BY_CARD = say("%(name)s 凭您的卡和 PIN 替您排上了「%(title)s」，%(ticket)s 号。不是您本人，请马上告诉社区。")
_LEFT_BY_CARD = say("%(name)s 凭您的卡和 PIN 替您退出了「%(title)s」的排队。不是您本人，请马上告诉社区。")
_TAKEN_BY_CARD = say("%(name)s 凭您的卡和 PIN 替您换了排到的「%(title)s」。不是您本人，请马上告诉社区。")
_NO_MORE = say("「%(title)s」这家店不做了，这次排队结束了。什么也没有扣，可以换别的。")
_NEVER = say("「%(title)s」现在超过了社区一个月换用品的预算，这次排队结束了。什么也没有扣，可以换别的。")


@dataclass(frozen=True, slots=True)
class Month:
    """A community's budget in this month: `most` points a month (None: no limit), `left` of them in this one."""

    first: date
    most: int | None
    left: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Which in the queue, counted from 1, and the month its turn is expected in."""

    number: int
    month: date


@dataclass(frozen=True, slots=True)
class Own:
    """A member's place in the queue with what it is for; `standing` while it waits, None for no expectation."""

    place: QueuePlace
    item: Item
    standing: Standing | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the budget lets a member do with an item: `room` points at once (None: no limit), `if_joined` where they
    would stand (None where they need not queue, or never get their turn), and their own place, for whatever item."""

    own: Own | None = None
    room: int | None = None
    most: int | None = None
    if_joined: Standing | None = None


def this_month(session: Session, community_id: int, now: datetime) -> Month:
    """Give the budget of the local month; `left` is 0 without a limit."""
    place = session.get_one(Community, community_id)
    first = local_day(now, place.time_zone).replace(day=1)
    most = rules.points_of_budget(communities.rules_at(session, place, now))
    left = 0 if most is None else max(0, most - budget.used(session, community_id, first))
    return Month(first, most, left)


def free(session: Session, community_id: int, month: Month) -> int | None:
    """Give how many points can be ordered for at once; None without a limit, 0 while somebody waits for them."""
    if month.most is None:
        return None
    return 0 if budget.is_waited_for(session, community_id) else month.left


def standing(session: Session, community_id: int, month: Month, total: int, place_id: int | None = None) -> Standing:
    """Give where a place stands, or would stand if one joined now, with `total` points of its own."""
    ahead = _line(community_id)
    if place_id is not None:
        ahead = ahead.where(QueuePlace.id < place_id)
    totals: Sequence[int] = session.scalars(ahead).all()
    most = month.most
    is_open = most is None or max((*totals, total)) > most
    on = month.first if is_open else rules.expected_month(month.first, month.left, most or 0, (*totals, total))
    return Standing(len(totals) + 1, on)


def own(session: Session, person_id: int, now: datetime) -> Own | None:
    """Give a member's place in the queue, or None; a turn that has passed is no place any more."""
    found = (
        select(QueuePlace, Item)
        .join(Item, Item.id == QueuePlace.item_id)
        .where(QueuePlace.person_id == person_id, QueuePlace.state.in_(LIVING), QueuePlace.due_at > now)
    )
    row = session.execute(found).one_or_none()
    if row is None:
        return None
    place, item = row
    if place.state == CALLED:
        return Own(place, item, None)
    month = this_month(session, place.community_id, now)
    return Own(place, item, standing(session, place.community_id, month, place.total, place.id))


def outlook(session: Session, person_id: int, item: Item, now: datetime) -> Outlook:
    """Give what the budget lets a member do with one of an item."""
    if not budget.counts(item):
        return Outlook()
    mine, month = own(session, person_id, now), this_month(session, item.community_id, now)
    room = free(session, item.community_id, month)
    if room is None or month.most is None or not room < item.price <= month.most:
        return Outlook(mine, room, month.most)
    return Outlook(mine, room, month.most, standing(session, item.community_id, month, item.price))


def join(
    session: Session, actor: Actor, *, item_id: str, quantity: int, now: datetime, owner: Person | None = None
) -> QueuePlace:
    """Queue for goods the month's budget is too small for; nothing is held, neither points nor stock.

    `item_id` is a public id; `owner` is a resident whose card and PIN the caller has checked, None for oneself.
    Raises NotFound, OutOfStock, NotEnough, NeverFits, NoNeedToQueue, QueuesAlready, Stopped, and GroupOnlyDonates.
    """
    waits = owner or session.get_one(Person, actor.person_id)
    if waits.is_group:
        raise GroupOnlyDonates
    check_open(session, waits)
    # A turn given back to them at this moment waits, or is seen: nobody has two places.
    operations.lock_orders_of(session, waits.id)
    chosen = select(Item).where(Item.public_id == item_id, Item.community_id == actor.community_id)
    # A shop that closes at this moment waits, and sees the place.
    held = chosen.with_for_update(read=True).execution_options(populate_existing=True)
    item = session.scalar(held)
    if item is None or waits.community_id != actor.community_id:
        raise NotFound
    if not item.is_offered or (item.stock is not None and item.stock < quantity):
        raise OutOfStock
    total = item.price * quantity
    _check_need(session, actor, item, total, now)
    account = chart.member(waits.public_id)
    available = db.book(session, actor.community_id, now).balance(account, item.unit, session=session).available
    if available < total:
        raise NotEnough(unit=item.unit, missing=total - available)
    made = _add(session, waits, item, quantity, now, joined_by=None if waits.id == actor.person_id else actor.person_id)
    if made.joined_by is not None:
        _tell(session, made, _JOINED_BY_CARD, now, name=actor.name, ticket=made.ticket)
    return made


def _check_need(session: Session, actor: Actor, item: Item, total: int, now: datetime) -> None:
    """Refuse whoever need not queue, or would in vain. Raises NoNeedToQueue, NeverFits."""
    month = this_month(session, actor.community_id, now)
    room = free(session, actor.community_id, month) if budget.counts(item) else None
    if room is None or total <= room:
        raise NoNeedToQueue
    if month.most is not None and total > month.most:
        raise NeverFits


def leave(session: Session, actor: Actor, public_id: str, *, now: datetime, owner: Person | None = None) -> QueuePlace:
    """Give up a place, called or not: one's own, or that of the `owner` of a card whose PIN was checked.

    Raises NotFound, NotYourTurn where it is over.
    """
    mine = _place_of(session, owner.id if owner else actor.person_id, public_id)
    is_mine = (QueuePlace.id == mine.id, QueuePlace.state.in_(LIVING))
    left = _move(session, is_mine, state=LEFT, ended_at=now)
    if left is None:
        raise NotYourTurn
    budget.give_back(session, left)
    if left.person_id != actor.person_id:
        _tell(session, left, _LEFT_BY_CARD, now, name=actor.name)
    return left


def end_of_shop(session: Session, shop_id: int, *, now: datetime) -> None:
    """End the places of everybody who queues for what a shop had; `shop_id` is a row id."""
    theirs = select(QueuePlace.id).join(Item, Item.id == QueuePlace.item_id).where(Item.shop_id == shop_id)
    for place_id in session.scalars(theirs.where(QueuePlace.state.in_(LIVING)).order_by(QueuePlace.id)).all():
        left = _move(session, (QueuePlace.id == place_id, QueuePlace.state.in_(LIVING)), state=LEFT, ended_at=now)
        if left is not None:
            budget.give_back(session, left)
            _tell(session, left, _NO_MORE, now)


def leave_all(session: Session, person_id: int, *, now: datetime) -> None:
    """End the place of a person whose account is being closed or frozen; their turn goes to the next."""
    left = _move(session, (QueuePlace.person_id == person_id, QueuePlace.state.in_(LIVING)), state=LEFT, ended_at=now)
    if left is not None:
        budget.give_back(session, left)


def take(session: Session, actor: Actor, public_id: str, *, now: datetime, owner: Person | None = None) -> Order:
    """Order what one was called for, or the `owner` of a card whose PIN was checked.

    Raises NotFound, NotYourTurn, and what an order does: then the turn is kept.
    """
    mine = _place_of(session, owner.id if owner else actor.person_id, public_id)
    is_called = (QueuePlace.id == mine.id, QueuePlace.state == CALLED, QueuePlace.due_at > now)
    turn = _move(session, is_called, state=TAKEN, ended_at=now)
    if turn is None:
        raise NotYourTurn
    placed = operations.order_in_turn(session, actor, turn, now=now)
    if turn.person_id != actor.person_id:
        _tell(session, turn, _TAKEN_BY_CARD, now, name=actor.name)
    return placed


def return_turn(session: Session, undone: Order, *, now: datetime) -> QueuePlace | None:
    """Call somebody again whose hand-over was undone: the rest of their days is theirs, and the budget stays kept.

    None where it was no turn, or the turn is over: its day passed, they queue again, the goods are offered no more.
    """
    taken = select(QueuePlace, Order.id).where(Order.id == undone.id, *_turn_of_order())
    found = session.execute(taken.with_for_update(of=QueuePlace)).one_or_none()
    if found is None:
        return None
    # Whoever joins at this moment waits, or is waited for; so is a shop that closes.
    operations.lock_orders_of(session, undone.person_id)
    session.execute(select(Item.id).where(Item.id == undone.item_id).with_for_update(key_share=True))
    if turns_of(session, [undone.id], now).get(undone.id) is None:
        return None
    return _move(session, (QueuePlace.id == found[0].id, QueuePlace.state == TAKEN), state=CALLED, ended_at=None)


def turns_of(session: Session, order_ids: Sequence[int], now: datetime) -> dict[int, datetime | None]:
    """Give which of some orders were turns in the queue, by row id: until when one undone is called again, or None
    where its turn is over."""
    again = aliased(QueuePlace)
    lives = exists().where(again.person_id == QueuePlace.person_id, again.state.in_(LIVING))
    found = select(Order.id, QueuePlace.due_at, Item.is_offered, lives).join(Item, Item.id == Order.item_id)
    rows = session.execute(found.where(Order.id.in_(order_ids), *_turn_of_order())).all()
    return {one: due if due > now and is_offered and not queues else None for one, due, is_offered, queues in rows}


def note_told(session: Session, actor: Actor, place: QueuePlace, *, now: datetime) -> None:
    """Note that somebody told the owner of a place that it is their turn; the first who did stays noted."""
    untold = (QueuePlace.id == place.id, QueuePlace.state == CALLED, QueuePlace.told_by.is_(None))
    _move(session, untold, told_by=actor.person_id, told_at=now)


def call_due(session: Session, *, now: datetime) -> int:
    """Call the first in one community's queue whose goods are there, once the month's budget has room; else 0.

    Nobody overtakes: where the first is too dear for what is left, everybody waits for the next month. A place that
    is dearer than a whole month has become ends here.
    """
    first = select(func.min(QueuePlace.id)).where(QueuePlace.id.in_(budget.ready())).group_by(QueuePlace.community_id)
    for place_id in session.scalars(first.order_by(func.min(QueuePlace.id))).all():
        waits = select(QueuePlace).where(QueuePlace.id == place_id, QueuePlace.state == WAITING)
        place = session.scalar(waits.with_for_update(skip_locked=True).execution_options(populate_existing=True))
        if place is not None and _call(session, place, now):
            return 1
    return 0


def end_due(session: Session, *, now: datetime) -> int:
    """End one place whose day is over: it waited too long, or its turn passed and goes to the next; else 0."""
    due = select(QueuePlace.id).where(QueuePlace.state.in_(LIVING), QueuePlace.due_at <= now)
    oldest = session.scalar(due.order_by(QueuePlace.due_at).limit(1).with_for_update(skip_locked=True))
    for state, end, sentence in ((CALLED, PASSED, _PASSED), (WAITING, ENDED, _ENDED)):
        ended = _move(session, (QueuePlace.id == oldest, QueuePlace.state == state), state=end, ended_at=now)
        if ended is not None:
            budget.give_back(session, ended)
            _tell(session, ended, sentence, now)
            return 1
    return 0


def _line(community_id: int) -> Select[int]:
    waits = (QueuePlace.community_id == community_id, QueuePlace.state == WAITING)
    return select(QueuePlace.total).where(*waits).order_by(QueuePlace.id)


def _add(
    session: Session, waits: Person, item: Item, quantity: int, now: datetime, *, joined_by: int | None
) -> QueuePlace:
    home = session.get_one(Community, waits.community_id)
    days = communities.rules_at(session, home, now).budget_wait_days
    made = QueuePlace(
        public_id=new_public_id(),
        community_id=home.id,
        item_id=item.id,
        person_id=waits.id,
        ticket=_next_ticket(session, home.id),
        quantity=quantity,
        total=item.price * quantity,
        state=WAITING,
        joined_at=now,
        joined_by=joined_by,
        due_at=rules.valid_until(now, days, home.time_zone),
    )
    try:
        with session.begin_nested():
            session.add(made)
            session.flush()
    except IntegrityError as taken:
        raise QueuesAlready from taken
    return made


def _next_ticket(session: Session, community_id: int) -> int:
    """Give the next number of a community's queue; whoever else joins waits for the commit."""
    session.execute(select(Community.id).where(Community.id == community_id).with_for_update(key_share=True))
    last = select(func.max(QueuePlace.ticket)).where(QueuePlace.community_id == community_id)
    return (session.scalar(last) or 0) + 1


def _call(session: Session, place: QueuePlace, now: datetime) -> bool:
    """Call a place, or end one that never fits; False where the month has no room for it."""
    home = session.get_one(Community, place.community_id)
    in_force = communities.rules_at(session, home, now)
    month, most = local_day(now, home.time_zone).replace(day=1), rules.points_of_budget(in_force)
    waits = (QueuePlace.id == place.id, QueuePlace.state == WAITING)
    if most is not None and place.total > most:
        if _move(session, waits, state=ENDED, ended_at=now) is not None:
            _tell(session, place, _NEVER, now)
        return True
    if not budget.charge(session, home.id, month, place.total, most):
        return False
    due_at = rules.valid_until(now, in_force.budget_take_days, home.time_zone)
    if _move(session, waits, state=CALLED, due_at=due_at, budget_month=month) is not None:
        day = rules.last_day(due_at, home.time_zone).isoformat()
        _tell(session, place, _CALLED, now, day=day)
        if place.joined_by is not None:
            _ask_to_tell(session, place, day, now)
    return True


def _ask_to_tell(session: Session, place: QueuePlace, day: str, now: datetime) -> None:
    """Ask the shop's keepers and the coordinators to tell somebody who may read no messages."""
    item = session.get_one(Item, place.item_id)
    keepers = session.scalars(select(Shopkeeper.person_id).where(Shopkeeper.shop_id == item.shop_id))
    asked = {*keepers, *cases.holders(session, place.community_id, "coordinator")} - {place.person_id}
    facts = {"title": rules.bill_line(item.title, place.quantity), "ticket": place.ticket, "day": day}
    members.tell(session, sorted(asked), _CALLED_BY_CARD, facts=facts, link="/queue", now=now)


def _place_of(session: Session, person_id: int, public_id: str) -> QueuePlace:
    mine = (QueuePlace.public_id == public_id, QueuePlace.person_id == person_id)
    found = session.scalar(select(QueuePlace).where(*mine))
    if found is None:
        raise NotFound
    return found


def _turn_of_order() -> tuple[ColumnElement[bool], ...]:
    """Join a place that was taken with the order it became, in the same moment."""
    return (
        QueuePlace.state == TAKEN,
        QueuePlace.person_id == Order.person_id,
        QueuePlace.item_id == Order.item_id,
        QueuePlace.ended_at == Order.created_at,
    )


def _move(session: Session, condition: Sequence[Any], **values: Any) -> QueuePlace | None:
    statement = update(QueuePlace).where(*condition).values(**values).returning(QueuePlace)
    return session.execute(statement, execution_options={"populate_existing": True}).scalar_one_or_none()


def _tell(session: Session, place: QueuePlace, sentence: str, now: datetime, **facts: Any) -> None:
    item = session.get_one(Item, place.item_id)
    told = {"title": rules.bill_line(item.title, place.quantity), **facts}
    members.tell(session, [place.person_id], sentence, facts=told, link=f"/shop/items/{item.public_id}", now=now)
