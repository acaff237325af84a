"""Verbs on grants from the pool: list, confirm, look again, pause, end, and pay each month once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, case, exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bank import chart, clock, db
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.errors import NotFound, say
from bank.giving import near, pool, rules
from bank.giving.models import Farewell, Grant, GrantPayment, PoolShort
from bank.giving.refusals import AlreadyListed, NoLongerThere, Settled
from bank.members import operations as members
from bank.members.actor import STAFF, Actor
from bank.members.models import Person
from bank.qr import new_public_id
from ledger import Transfer, Txn
from ledger.errors import AccountFrozen, InsufficientFunds

JOB = "job:grants"
DESK = "/desk/giving"
MEMO = say("公益池本月发给您的时长")
LIVING = ("proposed", "active", "paused")


@dataclass(frozen=True, slots=True)
class Listed:
    """A grant with its resident."""

    grant: Grant
    person: Person


def propose(session: Session, actor: Actor, person: Person, *, reason: str, now: datetime) -> Grant:
    """Put a resident in hardship before a second person.

    Raises NotAllowed, NotFound, TooNear, NoLongerThere, AlreadyListed.
    """
    actor.require("coordinator")
    if person.community_id != actor.community_id or person.is_group:
        raise NotFound
    near.check_uninvolved(session, actor, [person.id])
    _check_there(session, person.id)
    grant = Grant(
        public_id=new_public_id(),
        community_id=actor.community_id,
        person_id=person.id,
        reason=reason,
        listed_by=actor.person_id,
        state="proposed",
        created_at=now,
        due_at=rules.days_later(now, communities.rules_now(session, actor.community_id, now).answer_days),
    )
    try:
        with session.begin_nested():
            session.add(grant)
    except IntegrityError as twice:
        raise AlreadyListed from twice
    near.tell_staff(session, actor.community_id, say("补助名单上有一位居民等第二个人同意。"), link=DESK, now=now)
    return grant


def confirm(session: Session, actor: Actor, public_id: str, *, agrees: bool, now: datetime) -> Grant:
    """Agree to a grant or refuse it: a second person, of neither household.

    Raises TooNear, NotFound, NoLongerThere, Settled.
    """
    grant = _mine(session, actor, public_id)
    near.check_uninvolved(session, actor, (grant.person_id, grant.listed_by))
    if agrees:
        _check_there(session, grant.person_id)
    until = rules.months_later(now, communities.rules_now(session, grant.community_id, now).grant_review_months)
    more = {"confirmed_by": actor.person_id, **({"due_at": until} if agrees else {"ended_at": now})}
    done = _move(session, grant, ("proposed",), "active" if agrees else "refused", now, more)
    if agrees:
        said = say("社区把您列入公益池的补助名单：每月有一些时长给您用，当月有效。")
        members.tell(session, [grant.person_id], said, link="/passbook", now=now)
    return done


def review(session: Session, actor: Actor, public_id: str, *, goes_on: bool, now: datetime) -> Grant:
    """Look at a grant again: it goes on for another period, or ends.

    Raises NotAllowed, TooNear, NotFound, NoLongerThere, Settled.
    """
    grant = _mine(session, actor, public_id)
    near.check_uninvolved(session, actor, [grant.person_id])
    if goes_on:
        _check_there(session, grant.person_id)
    until = rules.months_later(now, communities.rules_now(session, grant.community_id, now).grant_review_months)
    more: dict[str, object] = {"due_at": until} if goes_on else {"ended_at": now}
    return _move(session, grant, ("active", "paused"), "active" if goes_on else "ended", now, more)


def end_of(session: Session, person_id: int, *, now: datetime) -> None:
    """End the grant of somebody who died."""
    after = case((Grant.state == "proposed", "lapsed"), else_="ended")
    session.execute(
        update(Grant)
        .where(Grant.person_id == person_id, Grant.state.in_(LIVING))
        .values(state=after, ended_at=now)
        .execution_options(synchronize_session=False)
    )


def listed(session: Session, actor: Actor, *, limit: int = 200) -> Sequence[Listed]:
    """Give the living grants of a community in list order. Raises NotAllowed."""
    actor.require(*STAFF)
    chosen = select(Grant, Person).join(Person, Person.id == Grant.person_id)
    here = chosen.where(Grant.community_id == actor.community_id, Grant.state.in_(LIVING))
    return [Listed(*row) for row in session.execute(here.order_by(Grant.id).limit(limit))]


def move_due(session: Session, *, now: datetime) -> int:
    """Let proposals lapse, pause what nobody looked at again, end what stayed paused; one, 0 where none is due."""
    due = select(Grant.id).where(Grant.state.in_(LIVING), Grant.due_at <= now).order_by(Grant.due_at).limit(1)
    grant = session.scalar(select(Grant).where(Grant.id == due.scalar_subquery()).with_for_update(skip_locked=True))
    if grant is None:
        return 0
    after = {"proposed": "lapsed", "active": "paused", "paused": "ended"}[grant.state]
    until = rules.months_later(now, communities.rules_now(session, grant.community_id, now).grant_review_months)
    more: dict[str, object] = {"due_at": until} if after == "paused" else {"ended_at": now}
    _move(session, grant, (grant.state,), after, now, more, is_job=True)
    if after == "paused":
        near.tell_staff(
            session, grant.community_id, say("补助名单上有人到了复核的时候，先暂停了。"), link=DESK, now=now
        )
    return 1


def pay_due(session: Session, *, now: datetime) -> int:
    """Pay one grant its month, in list order, as far as the pool allows; 0 where none is due or the pool is empty."""
    for community_id in session.scalars(
        select(Community.id).where(Community.kind == "community").order_by(Community.id)
    ):
        place = session.get_one(Community, community_id)
        month = rules.month_of(clock.local_day(now, place.time_zone))
        grant = _next_unpaid(session, community_id, month, now)
        if grant is not None and _pay(session, grant, month, now):
            return 1
    return 0


def _next_unpaid(session: Session, community_id: int, month: date, now: datetime) -> Grant | None:
    paid = exists().where(GrantPayment.grant_id == Grant.id, GrantPayment.month == month)
    chosen = select(Grant).where(Grant.community_id == community_id, Grant.state == "active", Grant.due_at > now, ~paid)
    # While the hours of who died wait for something, their account is open again.
    return session.scalar(
        chosen.where(_is_there(Grant.person_id)).order_by(Grant.id).limit(1).with_for_update(skip_locked=True)
    )


def _pay(session: Session, grant: Grant, month: date, now: datetime) -> bool:
    in_force = communities.rules_now(session, grant.community_id, now)
    wanted = in_force.grant_minutes_per_month
    has = pool.balance(session, grant.community_id, now)[chart.MINUTES]
    amount = rules.may_pay(has, in_force.pool_floor_minutes, wanted)
    if amount < wanted:
        _tell_short(session, grant.community_id, month, now)
    if amount == 0:
        return False
    person = session.get_one(Person, grant.person_id)
    last = rules.month_end(month)
    move = Transfer(chart.pool(), chart.member(person.public_id), chart.MINUTES, amount, expires_on=last)
    place = session.get_one(Community, grant.community_id)
    txn = Txn("grant", [move], clock.local_day(now, place.time_zone), JOB, MEMO)
    try:
        # What the book refuses it remembers for the key; undone to here, the month can be paid on another day.
        with session.begin_nested():
            key = f"grant:{grant.public_id}:{month:%Y-%m}"
            receipt = db.book(session, grant.community_id, now).post(txn, key=key, session=session)
            row = {"community_id": grant.community_id, "grant_id": grant.id, "month": month, "amount": amount}
            session.add(GrantPayment(**row, txn_id=receipt.txn_id))
    except AccountFrozen:
        _move(session, grant, ("active",), "paused", now, {})
        return True
    except (InsufficientFunds, IntegrityError):
        return False
    said = say("公益池这个月给您发了 %(sum_minutes)s，月底前可以用。")
    members.tell(session, [person.id], said, facts={"sum_minutes": amount}, link="/shop", now=now)
    return True


def _tell_short(session: Session, community_id: int, month: date, now: datetime) -> None:
    row = {"community_id": community_id, "month": month, "at": now}
    added = session.execute(
        db.insert(session, PoolShort).values(row).on_conflict_do_nothing().returning(PoolShort.community_id)
    )
    if added.first() is not None:
        near.tell_staff(session, community_id, say("公益池这个月不够发给名单上的每一位。"), link=DESK, now=now)


def _is_there(person_id: SQLColumnExpression[int] | int) -> ColumnElement[bool]:
    """Say in a query that a person's account is not disabled and nobody confirmed that they died."""
    is_open = exists().where(Person.id == person_id, Person.disabled_at.is_(None))
    died = (Farewell.person_id == person_id, Farewell.kind == "died", Farewell.state.in_(("confirmed", "chosen")))
    return and_(is_open, ~exists().where(*died))


def _check_there(session: Session, person_id: int) -> None:
    if not session.scalar(select(_is_there(person_id))):
        raise NoLongerThere


def _mine(session: Session, actor: Actor, public_id: str) -> Grant:
    actor.require(*STAFF)
    here: list[ColumnElement[bool]] = [Grant.public_id == public_id, Grant.community_id == actor.community_id]
    found = session.scalar(select(Grant).where(*here))
    if found is None:
        raise NotFound
    return found


def _move(
    session: Session,
    grant: Grant,
    before: tuple[str, ...],
    after: str,
    now: datetime,
    more: dict[str, object],
    *,
    is_job: bool = False,
) -> Grant:
    in_time = [] if is_job else [Grant.due_at > now] if before == ("proposed",) else []
    moved = session.execute(
        update(Grant)
        .where(Grant.id == grant.id, Grant.state.in_(before), *in_time)
        .values(state=after, **more)
        .returning(Grant),
        execution_options={"populate_existing": True},
    ).scalar_one_or_none()
    if moved is None:
        raise Settled
    return moved
