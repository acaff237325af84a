"""Taking back a hand-over at the counter: the wrong card, the wrong thing, one too many."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from bank import clock, db
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.errors import Conflict, NotFound, say
from bank.members import operations as members
from bank.members.actor import Actor
from bank.shop import budget, movements, queueing, rules, striking
from bank.shop.models import Item, Order, QueuePlace, SettlementLine
from bank.shop.operations import CANCELLED, DONE, shops_of

_UNDONE = say("%(name)s 在柜台撤销了刚才的「%(title)s」，时长或积分已经退回。")
_UNDONE_IN_TURN = say("%(name)s 在柜台撤销了刚才的「%(title)s」，积分已经退回。还是轮到您：%(day)s 以前可以再来换。")


class TooLateToTakeBack(Conflict):
    """The minutes of the rules are over, or it was taken back before."""

    code = "undo_expired"
    sentence = say("已经不能撤销了：过了规则里的时间，或刚才已经撤销过。请联系社区工作人员。")


@dataclass(frozen=True, slots=True)
class Undone:
    """An order taken back, and the turn in the queue that is its owner's again; None where it was no turn, or is
    over."""

    order: Order
    turn: QueuePlace | None


def take_back(session: Session, actor: Actor, order_id: str, *, now: datetime) -> Undone:
    """Undo a hand-over of one's own shop: price and turn in the queue go back to the owner, the thing on the shelf.

    `order_id` is a public id. Within `counter_undo_minutes` of the same local day. Raises NotFound, TooLateToTakeBack.
    """
    actor.require("shopkeeper")
    place = session.get_one(Community, actor.community_id)
    minutes = communities.rules_at(session, place, now).counter_undo_minutes
    since = rules.undoable_since(now, minutes, place.time_zone)
    mine = (Order.public_id == order_id, Order.shop_id.in_(shops_of(actor)))
    in_time = (Order.state == DONE, Order.handed_over_at >= since, ~exists().where(SettlementLine.order_id == Order.id))
    undone = None
    if minutes:
        statement = (
            update(Order)
            .where(*mine, *in_time)
            .values(
                state=CANCELLED,
                handed_over_at=None,
                ended_at=now,
                ended_by=actor.person_id,
                end_code=rules.TAKEN_BACK,
            )
            .returning(Order)
        )
        undone = session.execute(statement, execution_options={"populate_existing": True}).scalar_one_or_none()
    if undone is None:
        raise TooLateToTakeBack if session.scalar(select(Order.id).where(*mine)) else NotFound
    striking.end_undone(session, undone, now=now)
    turn = queueing.return_turn(session, undone, now=now)
    if turn is None:
        budget.give_back(session, undone)
    _put_back(session, actor, undone, now)
    _pay_back(session, actor, undone, place, now)
    _tell(session, actor, undone, turn, now)
    return Undone(undone, turn)


def _tell(session: Session, actor: Actor, undone: Order, turn: QueuePlace | None, now: datetime) -> None:
    facts = {"name": actor.name, "title": rules.bill_line(undone.title, undone.quantity)}
    sentence = _UNDONE
    if turn is not None:
        time_zone = session.get_one(Community, undone.community_id).time_zone
        sentence, facts["day"] = _UNDONE_IN_TURN, rules.last_day(turn.due_at, time_zone).isoformat()
    members.tell(session, [undone.person_id], sentence, facts=facts, link=f"/v/{undone.voucher_code}", now=now)


def _put_back(session: Session, actor: Actor, undone: Order, now: datetime) -> None:
    same = update(Item).where(Item.id == undone.item_id).execution_options(synchronize_session=False)
    session.execute(same.values(handed_over=Item.handed_over - undone.quantity))
    movements.put_back(session, undone, by=actor.person_id, now=now)


def _pay_back(session: Session, actor: Actor, undone: Order, place: Community, now: datetime) -> None:
    assert undone.end_txn_id is not None  # noqa: S101 -- what was handed over was captured
    receipt = db.book(session, place.id, now).reverse(
        undone.end_txn_id,
        key=f"order:{undone.public_id}:undo",
        actor=actor.public_id,
        memo=rules.bill_line(undone.title, undone.quantity),
        effective=clock.local_day(now, place.time_zone),
        session=session,
    )
    undone.end_txn_id = receipt.txn_id
    session.flush()
