"""Counting a shelf by two people: one counts, one of another household confirms, and only then the stock changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bank.communities import operations as communities
from bank.communities.models import Community
from bank.errors import Conflict, Invalid, NotFound, say
from bank.members import operations as members
from bank.members.actor import STAFF, Actor
from bank.members.models import Person
from bank.qr import new_public_id
from bank.shop import movements, rules
from bank.shop.models import Item, Order, Shop, Stocktake, StocktakeLine
from bank.shop.operations import OPEN, keeps, unfill
from bank.shop.refusals import WrongShop
from bank.shop.stock import MOST_STOCK, shop_in

WAITING, CONFIRMED, SENT_BACK, WITHDRAWN, EXPIRED = "waiting", "confirmed", "sent_back", "withdrawn", "expired"
MOVES = {WAITING: (CONFIRMED, SENT_BACK, WITHDRAWN, EXPIRED)}


class OwnCount(Conflict):
    """They counted it themselves, or somebody of their household did."""

    code = "second_person_required"
    sentence = say("盘点要另一家的人来核对：自己或家里人点的数，不能自己确认。")


class CountWaits(Conflict):
    """One count of the shop waits for its second person."""

    sentence = say("这家店有一次盘点还在等人核对，先把它办完再点。")


class CountOver(Conflict):
    """It was decided, or its day passed."""

    sentence = say("这次盘点已经结束了，库存以账上为准。")


class CountOutdated(Conflict):
    """More was handed over since than the count leaves."""

    sentence = say("点完以后又领走了不少，这次的数对不上了。请退回，重新点一次。")


def on_shelf(session: Session, shop_id: int) -> list[tuple[Item, int]]:
    """Give the goods of a shop, each with what should stand there now: the stock and what is ordered, not fetched."""
    ordered = (
        select(func.coalesce(func.sum(Order.quantity), 0))
        .where(Order.item_id == Item.id, Order.state == OPEN)
        .correlate(Item)
        .scalar_subquery()
    )
    found = select(Item, func.coalesce(Item.stock, 0) + ordered).where(Item.shop_id == shop_id, Item.kind == "goods")
    return [(item, int(expected)) for item, expected in session.execute(found.order_by(Item.id).limit(500))]


def own_shop(session: Session, actor: Actor, shop_id: str) -> Shop:
    """Find a shop the actor keeps, by public id. Raises NotAllowed, NotFound, WrongShop."""
    actor.require("shopkeeper")
    shop = shop_in(session, actor.community_id, shop_id)
    if not keeps(session, actor, shop.id):
        raise WrongShop(shop=shop.name)
    return shop


def count(session: Session, actor: Actor, shop_id: str, counted: Mapping[str, int], *, now: datetime) -> Stocktake:
    """Hand in what stands on the whole shelf, by public id of item; it changes nothing until somebody confirms it.

    Ordered goods that wait to be fetched are counted as well. Raises NotFound, WrongShop, CountWaits, and Invalid
    where a line is missing or out of bounds.
    """
    shop = own_shop(session, actor, shop_id)
    shelf = on_shelf(session, shop.id)
    missing = [item.public_id for item, _ in shelf if not 0 <= counted.get(item.public_id, -1) <= MOST_STOCK]
    if missing or not shelf:
        raise Invalid({item_id: [say("请填点到几件，没有就填 0。")] for item_id in missing})
    place = session.get_one(Community, shop.community_id)
    days = communities.rules_at(session, place, now).stocktake_days
    made = Stocktake(
        public_id=new_public_id(),
        community_id=shop.community_id,
        shop_id=shop.id,
        state=WAITING,
        counted_by=actor.person_id,
        counted_at=now,
        due_at=rules.valid_until(now, days, place.time_zone),
    )
    try:
        with session.begin_nested():
            session.add(made)
            session.flush()
    except IntegrityError as taken:
        raise CountWaits from taken
    session.add_all(
        StocktakeLine(stocktake_id=made.id, item_id=item.id, expected=expected, counted=counted[item.public_id])
        for item, expected in shelf
    )
    session.flush()
    return made


def find(session: Session, actor: Actor, public_id: str) -> Stocktake:
    """Find a count by public id, for the keepers of its shop and the community's staff. Raises NotFound."""
    same = (Stocktake.public_id == public_id, Stocktake.community_id == actor.community_id)
    found = session.scalar(select(Stocktake).where(*same).execution_options(populate_existing=True))
    if found is None or not (actor.may(*STAFF) or keeps(session, actor, found.shop_id)):
        raise NotFound
    return found


def lines(session: Session, taken: Stocktake) -> list[tuple[StocktakeLine, Item]]:
    """Give what was counted, in the order of the shelf."""
    found = select(StocktakeLine, Item).join(Item, Item.id == StocktakeLine.item_id)
    rows = session.execute(found.where(StocktakeLine.stocktake_id == taken.id).order_by(Item.id))
    return [(line, item) for line, item in rows]


def is_own(session: Session, actor: Actor, taken: Stocktake) -> bool:
    """Tell whether the actor or somebody of their household counted it."""
    counter = session.get_one(Person, taken.counted_by)
    at_home = actor.household_id is not None and counter.household_id == actor.household_id
    return counter.id == actor.person_id or at_home


def confirm(session: Session, actor: Actor, public_id: str, *, now: datetime) -> Stocktake:
    """Let the stock be what was counted: each difference becomes a movement with both names.

    What moved since the count stays as it moved. Where goods are missing that were promised, the newest orders are
    given back in full and their owners told. Raises NotFound, OwnCount, CountOver, CountOutdated.
    """
    taken = find(session, actor, public_id)
    if is_own(session, actor, taken):
        raise OwnCount
    _end(session, taken, CONFIRMED, actor.person_id, now=now, confirmed_by=actor.person_id)
    counter = session.get_one(Person, taken.counted_by)
    note = f"{counter.name}、{actor.name}"
    for line, item in lines(session, taken):
        change = line.counted - line.expected
        if change:
            after = _set_right(session, actor, item.id, change, now)
            movements.write(
                session, item.id, "count", change, after, by=taken.counted_by, at=now, note=note, stocktake_id=taken.id
            )
            session.expire(item)
    return taken


def send_back(session: Session, actor: Actor, public_id: str, *, reason: str | None, now: datetime) -> Stocktake:
    """Refuse a count, and tell who counted, with a reason if any. Raises NotFound, OwnCount, CountOver."""
    taken = find(session, actor, public_id)
    if is_own(session, actor, taken):
        raise OwnCount
    _end(session, taken, SENT_BACK, actor.person_id, now=now, reason=reason)
    sentence = say("您点的库存被退回：%(reason)s 请再点一次。")
    members.tell(session, [taken.counted_by], sentence, facts={"reason": reason or "—"}, link="/counter/stock", now=now)
    return taken


def withdraw(session: Session, actor: Actor, public_id: str, *, now: datetime) -> Stocktake:
    """Take back one's own count. Raises NotFound, CountOver."""
    taken = find(session, actor, public_id)
    if taken.counted_by != actor.person_id:
        raise NotFound
    return _end(session, taken, WITHDRAWN, actor.person_id, now=now)


def expire_due(session: Session, *, now: datetime) -> int:
    """End one count that nobody confirmed in its days; the stock stays as it was. 0 when none is due."""
    due = select(Stocktake.id).where(Stocktake.state == WAITING, Stocktake.due_at <= now).order_by(Stocktake.due_at)
    oldest = due.limit(1).with_for_update(skip_locked=True).scalar_subquery()
    ended = session.scalar(
        update(Stocktake)
        .where(Stocktake.id == oldest, Stocktake.state == WAITING)
        .values(state=EXPIRED, ended_at=now)
        .returning(Stocktake.counted_by)
    )
    if ended is None:
        return 0
    sentence = say("您点的库存没有人来核对，已经过期，库存没有改。请再点一次。")
    members.tell(session, [ended], sentence, facts={}, link="/counter/stock", now=now)
    return 1


def waiting_in(session: Session, community_id: int) -> list[tuple[Stocktake, Shop, Person]]:
    """Give a community's counts that wait for their second person, each with its shop and who counted."""
    found = (
        select(Stocktake, Shop, Person)
        .join(Shop, Shop.id == Stocktake.shop_id)
        .join(Person, Person.id == Stocktake.counted_by)
        .where(Stocktake.community_id == community_id, Stocktake.state == WAITING)
    )
    return [(taken, shop, person) for taken, shop, person in session.execute(found.order_by(Stocktake.id).limit(50))]


def _end(
    session: Session,
    taken: Stocktake,
    state: str,
    by: int,
    *,
    now: datetime,
    confirmed_by: int | None = None,
    reason: str | None = None,
) -> Stocktake:
    statement = (
        update(Stocktake)
        .where(Stocktake.id == taken.id, Stocktake.state == WAITING, Stocktake.due_at > now)
        .values(state=state, ended_at=now, ended_by=by, confirmed_by=confirmed_by, reason=reason)
        .returning(Stocktake)
    )
    done = session.execute(statement, execution_options={"populate_existing": True}).scalar_one_or_none()
    if done is None:
        raise CountOver
    return done


def _set_right(session: Session, actor: Actor, item_id: int, change: int, now: datetime) -> int:
    """Change an item's stock by what was found; give the stock after. Where too little is free, orders give way."""
    statement = (
        update(Item)
        .where(Item.id == item_id, (Item.stock + change).between(0, MOST_STOCK))
        .values(stock=Item.stock + change)
        .returning(Item.stock)
        .execution_options(synchronize_session=False)
    )
    while (after := session.execute(statement).scalar_one_or_none()) is None:
        if not unfill(session, actor, item_id, now=now):
            raise CountOutdated
    return after
