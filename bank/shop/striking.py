"""Striking a hand-over found wrong too late to undo: shop and community agree with a reason, and all goes back.

What stood on a statement not yet settled is taken from it, and both sides confirm anew. What was settled stays paid:
it comes off the shop's next statement.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from bank import chart, clock, db
from bank.communities import operations as communities
from bank.communities.calendar import calendar_of
from bank.communities.models import Community
from bank.credits import cases
from bank.errors import Conflict, Invalid, NotFound, say
from bank.members import operations as members
from bank.members.actor import STAFF, Actor
from bank.members.models import Person
from bank.qr import new_public_id
from bank.shop import budget, movements, rules, settling, sides
from bank.shop.models import Item, Order, Settlement, SettlementLine, Shop, Shopkeeper, Strike
from bank.shop.operations import CANCELLED, DONE, shops_of
from bank.shop.refusals import VoucherNotFound
from ledger import Transfer, Txn

PROPOSED, STRUCK, REFUSED, WITHDRAWN, LAPSED = "proposed", "struck", "refused", "withdrawn", "lapsed"
MOVES = {PROPOSED: (STRUCK, REFUSED, WITHDRAWN, LAPSED)}
LONGEST_REASON = 200

_ASKED = say("「%(shop)s」的一张券 %(code)s 可能交错了，请核对：%(reason)s")
_REFUSED = say("「%(shop)s」的券 %(code)s，对方核对后不同意退回。")
_LAPSED = say("「%(shop)s」的券 %(code)s 没有人答复，到期作罢，以账本为准。")
_UNDONE = say("「%(shop)s」的券 %(code)s 已经在柜台撤销，时长或积分退给了居民，不用再核对。")
_REPAID = say("「%(shop)s」的券 %(code)s 更正后多结的，社区记下店家已经退回，不再从对账单里扣。")
_STRUCK = say("「%(title)s」交付记错了，店家和社区两边核对过，时长或积分已经退给您。原因：%(reason)s")


class NotHandedOver(Conflict):
    """Only what was handed over can be struck."""

    sentence = say("这张券没有交付过，或已经退回了，不用更正。")


class AsksAlready(Conflict):
    """One proposal a voucher."""

    code = "already_open"
    sentence = say("这张券已经有一份更正在等对方核对。")


class OwnVoucher(Conflict):
    """The voucher is their own, or of somebody they live with."""

    code = "own_item"
    sentence = say("这张券是您或您的家人的，请别的店员或工作人员来办。")


class SameSide(Conflict):
    """Shop and community agree: who proposed, their side and their household do not decide."""

    code = "second_person_required"
    sentence = say("更正要店家和社区两边、两家的人都同意：提出的这一边不能自己同意。")


class StrikeOver(Conflict):
    """It was decided, or its day passed."""

    code = "already_decided"
    sentence = say("这份更正刚才已经结束了，什么也没有改。")


@dataclass(frozen=True, slots=True)
class Struck:
    """A strike with its voucher, shop and people; `line` where the voucher stood on a statement."""

    strike: Strike
    order: Order
    shop: Shop
    proposer: Person
    owner: Person
    line: SettlementLine | None


def find_order(session: Session, actor: Actor, code: str) -> Order:
    """Find a voucher by its code, for the keepers of its shop and staff. Raises VoucherNotFound."""
    same = (Order.voucher_code == code, Order.community_id == actor.community_id)
    found = session.scalar(select(Order).where(*same, _seen(actor, Order.shop_id)))
    if found is None:
        raise VoucherNotFound
    return found


def propose(session: Session, actor: Actor, code: str, *, reason: str, now: datetime) -> Strike:
    """Propose that a hand-over be struck; the other side decides in the days of an answer, or it stands.

    `code` is the voucher's. Raises VoucherNotFound, NotHandedOver, OwnVoucher, OwnStatement, Invalid, AsksAlready.
    """
    order = find_order(session, actor, code)
    side = sides.side_at(session, actor, order.shop_id)
    _check_owner(session, actor, order)
    if not reason.strip():
        raise Invalid({"reason": [say("请写一句，对方会看到。")]})
    # Whoever undoes it at this moment is waited for, or waits and sees what was proposed.
    session.refresh(order, with_for_update={"read": True})
    if order.state != DONE or order.handed_over_at is None:
        raise NotHandedOver
    place = session.get_one(Community, order.community_id)
    days = communities.rules_at(session, place, now).statement_answer_days
    made = Strike(
        public_id=new_public_id(),
        community_id=place.id,
        shop_id=order.shop_id,
        order_id=order.id,
        handed_over_at=order.handed_over_at,
        unit=order.unit,
        total=order.total,
        state=PROPOSED,
        side=side,
        reason=reason.strip()[:LONGEST_REASON],
        proposed_by=actor.person_id,
        proposed_at=now,
        due_at=calendar_of(session, place, now).end_after(days),
    )
    try:
        with session.begin_nested():
            session.add(made)
            session.flush()
    except IntegrityError as taken:
        raise AsksAlready from taken
    _tell_side(session, made, order, sides.OTHER[side], _ASKED, now)
    return made


def agree(session: Session, actor: Actor, public_id: str, *, now: datetime) -> Strike:
    """Strike a hand-over the other side proposed: goods and price go back, and it comes off a statement.

    A proposal whose voucher is no longer handed over lapses: there is nothing to strike. Raises NotFound, SameSide,
    OwnVoucher, OwnStatement, StrikeOver; the book's AccountFrozen.
    """
    found, side = _to_decide(session, actor, public_id, now)
    order = _cancel(session, actor, found, now)
    if order is None:
        return _end(session, found, LAPSED, now)
    line = session.scalar(select(SettlementLine).where(SettlementLine.order_id == order.id))
    words = f"{rules.show_code(order.voucher_code)} {found.reason}"
    statement = settling.reopen(session, actor, line.settlement_id, side=side, words=words, now=now) if line else None
    if line is not None and statement is None:
        _bring_back(session, actor, found, now)
    movements.put_back(session, order, by=actor.person_id, now=now)
    budget.give_back(session, order)
    order.end_txn_id = _pay_back(session, actor, order, now)
    done = _end(
        session,
        found,
        STRUCK,
        now,
        decided_by=actor.person_id,
        reversal_txn_id=order.end_txn_id,
        line_id=line.id if line else None,
        settlement_id=statement.id if statement else None,
    )
    facts = {"title": rules.bill_line(order.title, order.quantity), "reason": done.reason}
    members.tell(session, [order.person_id], _STRUCK, facts=facts, link=f"/v/{order.voucher_code}", now=now)
    return done


def refuse(session: Session, actor: Actor, public_id: str, *, now: datetime) -> Strike:
    """Say that a hand-over was right: it stands. Raises as `agree`."""
    found, _ = _to_decide(session, actor, public_id, now)
    done = _end(session, found, REFUSED, now, decided_by=actor.person_id)
    _tell_proposer(session, done, _REFUSED, now)
    return done


def repay(session: Session, actor: Actor, public_id: str, *, now: datetime) -> Strike:
    """Note that a shop paid back outside the bank what was struck after it was settled; no statement waits for it.

    For the community's side, and who did not propose it. Raises NotFound, SameSide, OwnVoucher, OwnStatement,
    StrikeOver.
    """
    found = find(session, actor, public_id)
    _check_owner(session, actor, session.get_one(Order, found.order_id))
    if sides.side_at(session, actor, found.shop_id) != sides.COMMUNITY:
        raise NotFound
    if session.scalar(sides.kin_of(actor).where(Person.id == found.proposed_by)) is not None:
        raise SameSide
    statement = (
        update(Strike)
        .where(Strike.id == found.id, *_waits())
        .values(repaid_by=actor.person_id, repaid_at=now)
        .returning(Strike)
    )
    done = session.execute(statement, execution_options={"populate_existing": True}).scalar_one_or_none()
    if done is None:
        raise StrikeOver
    _tell_side(session, done, session.get_one(Order, done.order_id), sides.PROVIDER, _REPAID, now)
    return done


def _waits() -> tuple[Any, ...]:
    """Choose what was struck from a settled statement and stands on none yet."""
    return (
        Strike.state == STRUCK,
        Strike.line_id.is_not(None),
        Strike.settlement_id.is_(None),
        Strike.repaid_at.is_(None),
    )


def waits_for_statement(strike: Strike) -> bool:
    """Tell whether a strike came after its statement was settled and no later statement has it."""
    one = strike
    return one.state == STRUCK and one.line_id is not None and one.settlement_id is None and one.repaid_at is None


def withdraw(session: Session, actor: Actor, public_id: str, *, now: datetime) -> Strike:
    """Take back one's own proposal. Raises NotFound, StrikeOver."""
    found = find(session, actor, public_id)
    if found.proposed_by != actor.person_id:
        raise NotFound
    return _end(session, found, WITHDRAWN, now)


def lapse_due(session: Session, *, now: datetime) -> int:
    """End one proposal nobody answered in its days; the hand-over stands. 0 where none is due."""
    due = select(Strike).where(Strike.state == PROPOSED, Strike.due_at <= now).order_by(Strike.due_at, Strike.id)
    found = session.scalar(due.limit(1).with_for_update(skip_locked=True).execution_options(populate_existing=True))
    if found is None:
        return 0
    lapsed = _move(session, found, LAPSED, now)
    if lapsed is not None:
        _tell_proposer(session, lapsed, _LAPSED, now)
    return int(lapsed is not None)


def end_undone(session: Session, order: Order, *, now: datetime) -> None:
    """End the proposal about a hand-over that was undone at the counter, and tell both sides.

    It lapses, as one nobody answered does: nothing is left to decide.
    """
    asked = select(Strike).where(Strike.order_id == order.id, Strike.state == PROPOSED)
    found = session.scalar(asked)
    ended = _move(session, found, LAPSED, now) if found is not None else None
    if ended is not None:
        _tell_side(session, ended, order, sides.OTHER[ended.side], _UNDONE, now)
        _tell_proposer(session, ended, _UNDONE, now)


def find(session: Session, actor: Actor, public_id: str) -> Strike:
    """Find a strike for the keepers of its shop and staff. Raises NotFound."""
    same = (Strike.public_id == public_id, Strike.community_id == actor.community_id)
    chosen = select(Strike).where(*same, _seen(actor, Strike.shop_id))
    found = session.scalar(chosen.execution_options(populate_existing=True))
    if found is None:
        raise NotFound
    return found


def listed(session: Session, actor: Actor, *, limit: int = 50) -> list[Struck]:
    """Give the strikes one may see: those that wait first, then the newest."""
    found = _joined().where(Strike.community_id == actor.community_id, _seen(actor, Strike.shop_id))
    order = (Strike.state != PROPOSED, ~and_(*_waits()), Strike.id.desc())
    return [Struck(*row) for row in session.execute(found.order_by(*order).limit(limit))]


def on_statement(session: Session, settlement: Settlement) -> list[Struck]:
    """Give what comes off a statement, in the order it was struck."""
    found = _joined().where(Strike.settlement_id == settlement.id)
    return [Struck(*row) for row in session.execute(found.order_by(Strike.ended_at, Strike.id))]


def may_decide(actor: Actor, one: Struck, side: str | None) -> bool:
    """Tell whether the buttons are shown; the database and `agree` compare people and households again."""
    return one.strike.state == PROPOSED and sides.OTHER[one.strike.side] == side and not _is_near(actor, one)


def may_repay(actor: Actor, one: Struck, side: str | None) -> bool:
    """Tell whether the button is shown; `repay` looks again."""
    return waits_for_statement(one.strike) and side == sides.COMMUNITY and not _is_near(actor, one)


def _is_near(actor: Actor, one: Struck) -> bool:
    return any(sides.is_home_of(actor, person) for person in (one.proposer, one.owner))


def _joined() -> Select[Strike, Order, Shop, Person, Person, SettlementLine]:
    proposer, owner = aliased(Person), aliased(Person)
    return (
        select(Strike, Order, Shop, proposer, owner, SettlementLine)
        .join(Order, Order.id == Strike.order_id)
        .join(Shop, Shop.id == Strike.shop_id)
        .join(proposer, proposer.id == Strike.proposed_by)
        .join(owner, owner.id == Order.person_id)
        .outerjoin(SettlementLine, SettlementLine.id == Strike.line_id)
    )


def _seen(actor: Actor, shop_id: Any) -> Any:
    actor.require("shopkeeper", *STAFF)
    return shop_id.is_not(None) if actor.may(*STAFF) else shop_id.in_(shops_of(actor))


def _check_owner(session: Session, actor: Actor, order: Order) -> None:
    if session.scalar(sides.kin_of(actor).where(Person.id == order.person_id)) is not None:
        raise OwnVoucher


def _to_decide(session: Session, actor: Actor, public_id: str, now: datetime) -> tuple[Strike, str]:
    found = find(session, actor, public_id)
    order = session.get_one(Order, found.order_id)
    _check_owner(session, actor, order)
    side = sides.side_at(session, actor, found.shop_id)
    if side == found.side or session.scalar(sides.kin_of(actor).where(Person.id == found.proposed_by)) is not None:
        raise SameSide
    if found.state != PROPOSED or found.due_at <= now:
        raise StrikeOver
    return found, side


def _cancel(session: Session, actor: Actor, found: Strike, now: datetime) -> Order | None:
    """End the order, or give None where it is not handed over.

    Whoever freezes its month at the same moment waits, or is waited for.
    """
    statement = (
        update(Order)
        .where(Order.id == found.order_id, Order.state == DONE)
        .values(state=CANCELLED, handed_over_at=None, ended_at=now, ended_by=actor.person_id, end_code=rules.STRUCK)
        .returning(Order)
    )
    order = session.execute(statement, execution_options={"populate_existing": True}).scalar_one_or_none()
    if order is None:
        return None
    same = update(Item).where(Item.id == order.item_id).execution_options(synchronize_session=False)
    session.execute(same.values(handed_over=Item.handed_over - order.quantity))
    return order


def _bring_back(session: Session, actor: Actor, found: Strike, now: datetime) -> None:
    """Take what was settled back to the shop's account, from which its owner is paid; the next statement is less."""
    shop = session.get_one(Shop, found.shop_id)
    move = Transfer(debit=chart.settled(), credit=chart.shop(shop.public_id), unit=found.unit, amount=found.total)
    place = session.get_one(Community, found.community_id)
    txn = Txn(
        kind="settlement",
        transfers=[move],
        effective=clock.local_day(now, place.time_zone),
        actor=actor.public_id,
        memo=shop.name,
    )
    db.book(session, place.id, now).post(txn, key=f"strike:{found.public_id}:unsettled", session=session)


def _pay_back(session: Session, actor: Actor, order: Order, now: datetime) -> Any:
    assert order.end_txn_id is not None  # noqa: S101 -- what was handed over was captured
    place = session.get_one(Community, order.community_id)
    receipt = db.book(session, place.id, now).reverse(
        order.end_txn_id,
        key=f"order:{order.public_id}:strike",
        actor=actor.public_id,
        memo=rules.bill_line(order.title, order.quantity),
        effective=clock.local_day(now, place.time_zone),
        session=session,
    )
    return receipt.txn_id


def _end(session: Session, found: Strike, state: str, now: datetime, **values: Any) -> Strike:
    moved = _move(session, found, state, now, **values)
    if moved is None:
        raise StrikeOver
    return moved


def _move(session: Session, found: Strike, state: str, now: datetime, **values: Any) -> Strike | None:
    statement = (
        update(Strike)
        .where(Strike.id == found.id, Strike.state == PROPOSED)
        .values(state=state, ended_at=now, **values)
        .returning(Strike)
    )
    return session.execute(statement, execution_options={"populate_existing": True}).scalar_one_or_none()


def _facts(session: Session, strike: Strike, order: Order) -> dict[str, Any]:
    shop = session.get_one(Shop, strike.shop_id)
    return {"shop": shop.name, "code": rules.show_code(order.voucher_code), "reason": strike.reason}


def _tell_proposer(session: Session, strike: Strike, sentence: str, now: datetime) -> None:
    facts = _facts(session, strike, session.get_one(Order, strike.order_id))
    members.tell(session, [strike.proposed_by], sentence, facts=facts, link="/strikes", now=now)


def _tell_side(session: Session, strike: Strike, order: Order, side: str, sentence: str, now: datetime) -> None:
    if side == sides.PROVIDER:
        told = set(session.scalars(select(Shopkeeper.person_id).where(Shopkeeper.shop_id == strike.shop_id)))
    else:
        told = cases.holders(session, strike.community_id, "coordinator")
    facts = _facts(session, strike, order)
    members.tell(session, sorted(told), sentence, facts=facts, link="/strikes", now=now)
