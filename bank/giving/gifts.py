"""Verbs on gifts to bound relatives: give, take back within the day, let them arrive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session, aliased

from bank import chart, clock, db
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.communities.rules import Rules
from bank.credits import cases
from bank.errors import NotFound, say
from bank.giving import bonds, near, rules
from bank.giving.models import Gift
from bank.giving.refusals import (
    GroupGives,
    MonthIsGiven,
    NoRoom,
    NotBound,
    NotSoMuch,
    OnItsWay,
    OwnStopped,
    ReceiverStopped,
    TooLate,
    WentBack,
)
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person
from bank.members.standing import is_stopped
from bank.qr import new_public_id
from ledger.errors import AccountFrozen, InsufficientFunds

JOB = "job:gifts"
PAGE = "/relatives"
MEMO = say("转赠给亲属")


@dataclass(frozen=True, slots=True)
class Given:
    """A gift with both people."""

    gift: Gift
    giver: Person
    receiver: Person


def give(
    session: Session, giver: Person, receiver: Person, *, amount: int, now: datetime, agent: Actor | None = None
) -> Gift:
    """Give minutes to a bound relative: they are held until the time to take them back is over.

    `agent` saw the giver's card and PIN. Raises NotBound, ReceiverStopped, MonthIsGiven, GrantFirst, NotSoMuch,
    OwnStopped, NoRoom, GroupGives, TooNear for an agent.
    """
    near.check_agent(session, agent, (giver.id, receiver.id))
    if giver.is_group or receiver.is_group:
        raise GroupGives
    cases.lock_people(session, (giver.id, receiver.id))
    bond = bonds.between(session, giver.id, receiver.id)
    if bond is None:
        raise NotBound
    if receiver.disabled_at is not None or is_stopped(session, receiver):
        raise ReceiverStopped
    home = session.get_one(Community, giver.community_id)
    in_force = communities.rules_at(session, home, now)
    left = left_this_month(session, giver, in_force, home, now)
    if amount > left:
        raise MonthIsGiven(left_minutes=left)
    near.check_no_grant_left(session, giver, now)
    if amount > _room(session, receiver, in_force, now):
        raise NoRoom
    gift = Gift(
        public_id=new_public_id(),
        community_id=giver.community_id,
        bond_id=bond.id,
        giver_id=giver.id,
        receiver_id=receiver.id,
        agent_id=agent.person_id if agent else None,
        amount=amount,
        state="held",
        created_at=now,
        due_at=now + timedelta(hours=in_force.gift_hours_to_take_back),
    )
    _hold(session, gift, giver, agent, now)
    session.add(gift)
    session.flush()
    _tell_both(session, gift, giver, receiver, agent, in_force, now)
    return gift


def _room(session: Session, receiver: Person, in_force: Rules, now: datetime) -> int:
    """Give how many minutes the receiver's account still takes, with what is on its way to it."""
    coming = select(func.sum(Gift.amount)).where(Gift.receiver_id == receiver.id, Gift.state == "held")
    return in_force.balance_cap_minutes - _has(session, receiver, now) - int(session.scalar(coming) or 0)


def _has(session: Session, person: Person, now: datetime) -> int:
    path = chart.member(person.public_id)
    found = db.book(session, person.community_id, now).balances([path], session=session)
    return found[path, chart.MINUTES].posted if (path, chart.MINUTES) in found else 0


def _hold(session: Session, gift: Gift, giver: Person, agent: Actor | None, now: datetime) -> None:
    try:
        held = db.book(session, gift.community_id, now).hold(
            chart.member(giver.public_id),
            chart.MINUTES,
            gift.amount,
            expires_at=None,  # the job ends it, and as long as it did not, the giver may
            key=f"gift:{gift.public_id}:hold",
            actor=agent.public_id if agent else giver.public_id,
            memo=MEMO,
            session=session,
        )
    except InsufficientFunds as lacking:
        raise NotSoMuch from lacking
    except AccountFrozen as frozen:
        raise OwnStopped from frozen
    gift.hold_txn_id = held.txn_id


def _tell_both(
    session: Session, gift: Gift, giver: Person, receiver: Person, agent: Actor | None, in_force: Rules, now: datetime
) -> None:
    link = f"/gifts/{gift.public_id}"
    facts = {"sum_minutes": gift.amount, "n": in_force.gift_hours_to_take_back}
    if agent is None:
        said = say("您给 %(name)s 转赠了 %(sum_minutes)s。%(n)s 小时内可以收回。")
        members.tell(session, [giver.id], said, facts={**facts, "name": receiver.name}, link=link, now=now)
    else:
        said = say(
            "%(agent)s 凭您的卡和 PIN 替您给 %(name)s 转赠了 %(sum_minutes)s。%(n)s 小时内可以收回；"
            "不是您本人，请马上告诉社区。"
        )
        facts_of_desk = {**facts, "name": receiver.name, "agent": agent.name}
        members.tell(session, [giver.id], said, facts=facts_of_desk, link=link, now=now, agent=agent)
    said = say("%(name)s 给您转赠了 %(sum_minutes)s，%(n)s 小时后到账。")
    members.tell(session, [receiver.id], said, facts={**facts, "name": giver.name}, link=link, now=now)


def left_this_month(session: Session, giver: Person, in_force: Rules, home: Community, now: datetime) -> int:
    """Give how many minutes a member may still give this month."""
    first = rules.month_of(clock.local_day(now, home.time_zone))
    since = clock.start_of_day(first, home.time_zone)
    gone = select(func.sum(Gift.amount)).where(
        Gift.giver_id == giver.id, Gift.created_at >= since, Gift.state.in_(("held", "given"))
    )
    return max(0, in_force.gift_minutes_per_month - int(session.scalar(gone) or 0))


def take_back(session: Session, giver: Person, public_id: str, *, now: datetime, agent: Actor | None = None) -> Gift:
    """Take a gift back before its time is over; once more changes nothing. `agent` saw the giver's card and PIN.

    Raises NotFound, TooLate, OnItsWay, WentBack, TooNear for an agent.
    """
    near.check_agent(session, agent, [giver.id])
    gift = session.execute(
        update(Gift)
        .where(Gift.public_id == public_id, Gift.giver_id == giver.id, Gift.state == "held", Gift.due_at > now)
        .values(_ended("taken_back", now))
        .returning(Gift),
        execution_options={"populate_existing": True},
    ).scalar_one_or_none()
    if gift is None:
        return _taken_back(session, giver, public_id)
    _release(session, gift, agent.public_id if agent else giver.public_id, now)
    sentence = say("%(name)s 收回了给您的转赠，可能是按错了。")
    members.tell(session, [gift.receiver_id], sentence, facts={"name": giver.name}, link=PAGE, now=now)
    if agent is not None:
        said = say("%(agent)s 凭您的卡和 PIN 替您收回了给 %(name)s 的 %(sum_minutes)s。不是您本人，请马上告诉社区。")
        receiver = session.get_one(Person, gift.receiver_id).name
        facts = {"agent": agent.name, "name": receiver, "sum_minutes": gift.amount}
        members.tell(session, [giver.id], said, facts=facts, link=f"/gifts/{gift.public_id}", now=now, agent=agent)
    return gift


def _taken_back(session: Session, giver: Person, public_id: str) -> Gift:
    """Give a gift that was taken back already; of any other say why it cannot be."""
    mine = select(Gift).where(Gift.public_id == public_id, Gift.giver_id == giver.id)
    gift = session.scalar(mine.execution_options(populate_existing=True))
    if gift is None:
        raise NotFound
    if gift.state != "taken_back":
        raise {"given": TooLate, "held": OnItsWay, "returned": WentBack}[gift.state]
    return gift


def arrive_due(session: Session, *, now: datetime) -> int:
    """Let one gift arrive whose time to take back is over; where the receiver cannot take it, it goes back."""
    first = select(Gift.id, Gift.receiver_id).where(Gift.state == "held", Gift.due_at <= now)
    due = session.execute(first.order_by(Gift.due_at, Gift.id).limit(1)).one_or_none()
    if due is None:
        return 0
    # Whoever is credited waits, so that no account is filled twice; people are locked before gifts, as by a farewell.
    cases.lock_people(session, [due.receiver_id])
    gift = session.execute(
        update(Gift).where(Gift.id == due.id, Gift.state == "held").values(_ended("given", now)).returning(Gift),
        execution_options={"populate_existing": True},
    ).scalar_one_or_none()
    if gift is None:
        return 0
    receiver = session.get_one(Person, gift.receiver_id)
    giver = session.get_one(Person, gift.giver_id)
    if not _takes(session, receiver, gift, now):
        _return(session, gift, giver, receiver, now)
        return 1
    try:
        with session.begin_nested():
            done = db.book(session, gift.community_id, now).capture(
                gift.hold_txn_id,
                chart.member(receiver.public_id),
                key=f"gift:{gift.public_id}:capture",
                actor=JOB,
                memo=MEMO,
                session=session,
            )
    except AccountFrozen:
        _return(session, gift, giver, receiver, now)
        return 1
    gift.end_txn_id = done.txn_id
    session.flush()
    facts = {"name": giver.name, "sum_minutes": gift.amount}
    said = say("%(name)s 转赠的 %(sum_minutes)s 到账了，可以用了。")
    members.tell(session, [receiver.id], said, facts=facts, link=f"/gifts/{gift.public_id}", now=now)
    return 1


def _takes(session: Session, receiver: Person, gift: Gift, now: datetime) -> bool:
    """Tell whether an account is still a living person's and has room for a gift within the rules' limit."""
    session.refresh(receiver)
    most = communities.rules_now(session, gift.community_id, now).balance_cap_minutes
    is_open = receiver.disabled_at is None and not receiver.is_group
    return is_open and _has(session, receiver, now) + gift.amount <= most


def _return(session: Session, gift: Gift, giver: Person, receiver: Person, now: datetime) -> None:
    gift.state = "returned"
    _release(session, gift, JOB, now)
    facts = {"name": receiver.name}
    sentence = say("给 %(name)s 的转赠没有成功，时长已经退回给您。")
    members.tell(session, [giver.id], sentence, facts=facts, link=PAGE, now=now)
    sentence = say("%(name)s 给您的转赠没有到账，已经退回：您的账户满了或停用了。")
    members.tell(session, [receiver.id], sentence, facts={"name": giver.name}, link=PAGE, now=now)


def return_all(session: Session, person_id: int, *, now: datetime) -> int:
    """Give back every gift on the way from or to a person whose account is frozen, and tell the other; how many."""
    either = or_(Gift.giver_id == person_id, Gift.receiver_id == person_id)
    changed = update(Gift).where(either, Gift.state == "held").values(_ended("returned", now)).returning(Gift)
    gone = session.scalars(changed, execution_options={"populate_existing": True}).all()
    for gift in gone:
        _release(session, gift, JOB, now)
        if gift.giver_id != person_id:
            sentence = say("给 %(name)s 的转赠没有成功，时长已经退回给您。")
            facts = {"name": session.get_one(Person, person_id).name}
            members.tell(session, [gift.giver_id], sentence, facts=facts, link=PAGE, now=now)
    return len(gone)


def _ended(state: str, now: datetime) -> dict[str, object]:
    # The hold stands in for the end until the book has answered, within the same transaction.
    return {"state": state, "ended_at": now, "end_txn_id": Gift.hold_txn_id}


def _release(session: Session, gift: Gift, actor: str, now: datetime) -> None:
    done = db.book(session, gift.community_id, now).release(
        gift.hold_txn_id, key=f"gift:{gift.public_id}:release", actor=actor, memo=MEMO, session=session
    )
    gift.end_txn_id = done.txn_id
    session.flush()


def show(session: Session, actor: Actor, public_id: str) -> Given:
    """Give a gift to either of the two. Raises NotFound."""
    either = or_(Gift.giver_id == actor.person_id, Gift.receiver_id == actor.person_id)
    found = _given(session, [Gift.public_id == public_id, either], 1)
    if not found:
        raise NotFound
    return found[0]


def to_take_back(session: Session, person_id: int, *, now: datetime) -> Sequence[Given]:
    """Give what a member gave and can still take back, the newest first."""
    return _given(session, [Gift.giver_id == person_id, Gift.state == "held", Gift.due_at > now], 20)


def of_person(session: Session, person_id: int, *, limit: int = 20) -> Sequence[Given]:
    """Give the newest gifts of a member, both ways."""
    return _given(session, [or_(Gift.giver_id == person_id, Gift.receiver_id == person_id)], limit)


def _given(session: Session, conditions: list[object], limit: int) -> Sequence[Given]:
    giver, receiver = aliased(Person), aliased(Person)
    rows = session.execute(
        select(Gift, giver, receiver)
        .join(giver, giver.id == Gift.giver_id)
        .join(receiver, receiver.id == Gift.receiver_id)
        .where(*conditions)  # type: ignore[arg-type]
        .order_by(Gift.id.desc())
        .limit(limit)
    )
    return [Given(*row) for row in rows]
