"""Verbs on members who died or move away: open, confirm, choose what becomes of the hours, carry out, undo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from bank import chart, clock, db
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.communities.rules import Rules
from bank.credits.models import Credit
from bank.errors import Invalid, NotFound, say
from bank.giving import bonds, gifts, grants, near, rules
from bank.giving.models import Farewell
from bank.giving.refusals import FarewellOpen, NoHeir, OwnChoice, Settled
from bank.members import operations as members
from bank.members.actor import STAFF, Actor
from bank.members.models import Person
from bank.passbook.lines import UNDERWAY
from bank.qr import new_public_id
from bank.services import operations as help_
from bank.shop import operations as shop
from bank.shop import queueing
from ledger import Ledger, Transfer, Txn
from ledger.errors import AccountFrozen, InsufficientFunds

JOB = "job:farewells"
DESK = "/desk/farewells"
RELATIVES = "/relatives"
MEMO = say("告别手续：余下的时长和积分")
NO_TAKER = say("承接人的账户收不了，请家人重新选择。")
FROZEN = ("confirmed", "chosen")
LIVING = ("opened", *FROZEN)
WAIT = timedelta(days=1)
"""How long the rest waits while credits or visits of the person are still on their way."""


@dataclass(frozen=True, slots=True)
class Case:
    """A case with its person and the relatives the rule may allow as heirs, by public id and name."""

    farewell: Farewell
    person: Person
    heirs: Sequence[tuple[str, str]]
    heir: Person | None = None


def open_case(session: Session, actor: Actor, person: Person, *, kind: str, now: datetime) -> Farewell:
    """Say that a member died or moves away; nothing changes until a second person confirms it.

    Raises NotAllowed, NotFound, TooNear, FarewellOpen.
    """
    actor.require("coordinator")
    if person.community_id != actor.community_id:
        raise NotFound
    near.check_uninvolved(session, actor, [person.id])
    made = Farewell(
        public_id=new_public_id(),
        community_id=actor.community_id,
        person_id=person.id,
        kind=kind,
        opened_by=actor.person_id,
        state="opened",
        created_at=now,
        due_at=rules.days_later(now, communities.rules_now(session, actor.community_id, now).answer_days),
    )
    try:
        with session.begin_nested():
            session.add(made)
    except IntegrityError as twice:
        raise FarewellOpen from twice
    near.tell_staff(session, actor.community_id, say("有一份告别手续等第二个人确认。"), link=DESK, now=now)
    return made


def confirm(session: Session, actor: Actor, public_id: str, *, now: datetime) -> Farewell:
    """Confirm a case as a second uninvolved person: the account freezes; open vouchers, visits, gifts and a place in
    the queue end, and a login of who died.

    Raises NotAllowed, NotFound, TooNear, Settled.
    """
    found = _mine(session, actor, public_id)
    near.check_uninvolved(session, actor, (found.person_id, found.opened_by))
    in_force = communities.rules_now(session, found.community_id, now)
    is_death = found.kind == "died"
    until = (
        rules.months_later(now, in_force.inheritance_months)
        if is_death
        else rules.days_later(now, in_force.answer_days)
    )
    values = {"confirmed_by": actor.person_id, "confirmed_at": now, "due_at": until}
    done = _move(session, found, ("opened",), "confirmed", [Farewell.due_at > now], **values)
    person = session.get_one(Person, found.person_id)
    visits = help_.underway(session, person.id)
    queueing.leave_all(session, person.id, now=now)
    shop.cancel_all(session, actor, person.id, now=now)
    help_.leave_all(session, actor, visits, person.id, now=now)
    # Whoever says yes at this moment holds the person's row, which is ours by now: a promise just made is seen here.
    help_.leave_all(session, actor, help_.underway(session, person.id), person.id, now=now)
    _set_frozen(session, person, is_frozen=True, now=now)
    # Frozen before: what was given by then is in the book, and nothing can follow.
    gifts.return_all(session, person.id, now=now)
    if not is_death:
        said = say(
            "社区在为您办搬走的手续，账户先停用，没领的券、排队和约好的上门都取消了。"
            "请看对账单，告诉社区余下的时长怎么办。"
        )
        members.tell(session, [person.id], said, link=page_of(done), now=now)
        return done
    if person.disabled_at is None:
        members.disable(session, person, now=now)
    said = say(
        "%(name)s 的账户停用了。余下的时长怎么办，请家人 %(n)s 个月内到服务台说一声；"
        "一直没说的，捐给公益池。弄错了，请马上告诉社区。"
    )
    facts = {"name": person.name, "n": in_force.inheritance_months}
    members.tell(session, bonds.relatives_of(session, person.id), said, facts=facts, link=RELATIVES, now=now)
    return done


def choose(
    session: Session,
    actor: Actor,
    public_id: str,
    *,
    choice: str,
    heir: Person | None = None,
    born_on: date | None = None,
    now: datetime,
) -> Farewell:
    """Write down what the family of who died wishes; a second person looks at it before anything is carried out.

    `born_on` is the heir's birthday as their papers say it; it is not kept. Raises NotAllowed, NotFound, TooNear,
    Invalid, NoHeir, OwnChoice for who moves, Settled.
    """
    found = _mine(session, actor, public_id)
    near.check_uninvolved(session, actor, (found.person_id, heir.id if heir else None))
    if found.kind != "died":
        raise OwnChoice
    if choice not in rules.CHOICES[found.kind] or (choice == "heir") != (heir is not None):
        raise Invalid
    in_force = communities.rules_now(session, found.community_id, now)
    if heir is not None:
        _check_heir(session, found, heir, born_on, in_force, now)
    due = rules.days_later(now, in_force.answer_days)
    who = {"heir_id": heir.id if heir else None, "chosen_by": actor.person_id, "seconded_by": None}
    done = _move(session, found, FROZEN, "chosen", [Farewell.due_at > now], choice=choice, due_at=due, **who)
    said = say("一份告别手续写下了家人的选择，等第二个人核对。")
    near.tell_staff(session, found.community_id, said, link=DESK, now=now)
    return done


def second(session: Session, actor: Actor, public_id: str, *, choice: str, now: datetime) -> Farewell:
    """See a family's choice as a second uninvolved person; it is carried out after the time to take back, by the job.

    `choice` is what the page showed: `pool`, or the heir's public id. Raises NotAllowed, NotFound, TooNear, Settled.
    """
    found = _mine(session, actor, public_id)
    near.check_uninvolved(session, actor, (found.person_id, found.heir_id, found.chosen_by))
    hours = communities.rules_now(session, found.community_id, now).gift_hours_to_take_back
    named = Farewell.heir_id.in_(select(Person.id).where(Person.public_id == choice))
    shown = Farewell.choice == "pool" if choice == "pool" else named
    # Who chose anew since, by whoever's hand, is to be seen anew.
    unseen = [Farewell.seconded_by.is_(None), Farewell.chosen_by == found.chosen_by, Farewell.due_at > now, shown]
    due = now + timedelta(hours=hours)
    done = _move(session, found, ("chosen",), "chosen", unseen, seconded_by=actor.person_id, due_at=due)
    said = say("一份告别手续已经选定去向，%(n)s 小时后办理，之前可以撤销。")
    near.tell_staff(session, found.community_id, said, facts={"n": hours}, link=DESK, now=now)
    return done


def choose_own(
    session: Session, person: Person, public_id: str, *, choice: str, now: datetime, agent: Actor | None = None
) -> Farewell:
    """Say as who moves away what becomes of one's hours; carried out after the time to take back, by the job.

    `agent` saw the person's card and PIN. Raises NotFound, Invalid, Settled, TooNear for an agent.
    """
    mine = select(Farewell).where(Farewell.public_id == public_id, Farewell.person_id == person.id)
    found = session.scalar(mine.where(Farewell.kind == "moved"))
    if found is None:
        raise NotFound
    near.check_agent(session, agent, [person.id])
    if choice not in rules.CHOICES["moved"]:
        raise Invalid
    hours = communities.rules_now(session, found.community_id, now).gift_hours_to_take_back
    values = {"choice": choice, "chosen_by": person.id, "due_at": now + timedelta(hours=hours)}
    done = _move(session, found, FROZEN, "chosen", [Farewell.due_at > now], **values)
    if agent is not None:
        said = say(
            "%(agent)s 凭您的卡和 PIN 替您选了余下的时长怎么办。%(n)s 小时内可以改；不是您本人，请马上告诉社区。"
        )
        facts = {"agent": agent.name, "n": hours}
        members.tell(session, [person.id], said, facts=facts, link=page_of(done), now=now, agent=agent)
    return done


def move_of(session: Session, person_id: int) -> Farewell | None:
    """Give the case of who is said to move away, while there is something to say about it."""
    mine = select(Farewell).where(Farewell.person_id == person_id, Farewell.state.in_(LIVING))
    return session.scalar(mine.where(Farewell.kind == "moved"))


def _check_heir(
    session: Session, found: Farewell, heir: Person, born_on: date | None, in_force: Rules, now: datetime
) -> None:
    bond = bonds.between(session, found.person_id, heir.id)
    today = clock.local_day(now, session.get_one(Community, found.community_id).time_zone)
    is_near = bond is not None and rules.kind_for(bond.kind, is_asker=bond.asker_id == found.person_id) in rules.HEIRS
    is_old = born_on is not None and rules.is_old_enough(born_on, today, in_force.inheritance_age)
    if not is_near or not is_old or heir.disabled_at is not None:
        raise NoHeir(years=in_force.inheritance_age)


def undo(session: Session, actor: Actor, public_id: str, *, now: datetime, agent: Actor | None = None) -> Farewell:
    """Take a mistaken case back before its last step, by staff who are not near, or by who is said to move.

    `agent` saw the card and PIN of who is said to move. Raises NotAllowed, NotFound, TooNear, Settled.
    """
    near.check_agent(session, agent, [actor.person_id])
    found = session.scalar(
        select(Farewell).where(Farewell.public_id == public_id, Farewell.person_id == actor.person_id)
    )
    if found is None:
        found = _mine(session, actor, public_id)
        near.check_uninvolved(session, actor, [found.person_id])
    done = _move(session, found, LIVING, "undone", [Farewell.due_at > now], ended_at=now)
    person = session.get_one(Person, found.person_id)
    if done.confirmed_at is not None:
        _set_frozen(session, person, is_frozen=False, now=now)
        if done.kind == "died":
            if person.disabled_at == done.confirmed_at:
                members.enable(session, person)
            said, facts = say("社区撤销了 %(name)s 的告别手续，账户恢复了。"), {"name": person.name}
            members.tell(session, bonds.relatives_of(session, person.id), said, facts=facts, link=RELATIVES, now=now)
        members.tell(
            session, [person.id], say("社区撤销了告别手续，您的账户恢复了。"), link="/passbook", now=now, agent=agent
        )
    return done


def move_due(session: Session, *, now: datetime) -> int:
    """Let one case lapse that nobody confirmed, ask again where nobody seconded, or carry one out; 0 where none is due.

    What is on its way is waited for, but not for ever: after the rules' days to answer, the case ends without it.
    """
    due = select(Farewell.id).where(Farewell.state.in_(LIVING), Farewell.due_at <= now)
    first = due.order_by(Farewell.due_at).limit(1).scalar_subquery()
    one = session.scalar(select(Farewell).where(Farewell.id == first).with_for_update(skip_locked=True))
    if one is None:
        return 0
    if one.state == "opened":
        _move(session, one, ("opened",), "lapsed", [], ended_at=now)
    elif one.state == "chosen" and not _is_settled(one):
        _ask_again(session, one, say("没有第二个人核对家人的选择，请重新写一次。"), now)
    elif (one.choice or rules.DEFAULTS[one.kind]) != "keep" and _is_underway(session, one, now):
        _wait(session, one, now)
    else:
        _carry_out(session, one, now)
    return 1


def _is_settled(one: Farewell) -> bool:
    """Tell whether who moves chose for themselves, or two people saw the family's choice."""
    return one.chosen_by == one.person_id if one.kind == "moved" else one.seconded_by is not None


def _wait(session: Session, one: Farewell, now: datetime) -> None:
    """Let what is on its way arrive and go along; when it was waited for long enough, end without it and say so."""
    days = communities.rules_now(session, one.community_id, now).answer_days
    until = one.waits_until or rules.days_later(now, days)
    if now >= until:
        said = say("告别手续等到期限，%(name)s 还有没办完的事，先办了手续。之后入账的，请再登记一次。")
        facts = {"name": session.get_one(Person, one.person_id).name}
        _carry_out(session, one, now)
        near.tell_staff(session, one.community_id, said, facts=facts, link=DESK, now=now)
        return
    # Nobody can spend from it: the dead cannot sign in, and who moves says so with a PIN.
    _set_frozen(session, session.get_one(Person, one.person_id), is_frozen=False, now=now)
    _move(session, one, (one.state,), one.state, [], due_at=min(now + WAIT, until), waits_until=until)


def _is_underway(session: Session, one: Farewell, now: datetime) -> bool:
    person = session.get_one(Person, one.person_id)
    path = chart.member(person.public_id)
    found = db.book(session, one.community_id, now).balances([path], session=session)
    if any(balance.held for balance in found.values()):
        return True
    waits = exists().where(Credit.person_id == person.id, Credit.state.in_(UNDERWAY))
    return bool(session.scalar(select(waits)))


def _carry_out(session: Session, one: Farewell, now: datetime) -> None:
    choice = one.choice or rules.DEFAULTS[one.kind]
    person = session.get_one(Person, one.person_id)
    heir = session.get_one(Person, one.heir_id) if one.heir_id else None
    before = one.state
    if heir is not None and heir.disabled_at is not None:
        _ask_again(session, one, NO_TAKER, now)
        return
    try:
        # What the book refuses it remembers for the key; undone to here, the family may choose anew.
        with session.begin_nested():
            done = _move(session, one, (before,), rules.ENDS[choice], [], ended_at=now)
            _set_frozen(session, person, is_frozen=False, now=now)
            if choice != "keep":
                _empty(session, done, person, heir, now)
    except AccountFrozen:
        _ask_again(session, one, NO_TAKER, now)
        return
    except InsufficientFunds:  # something ended in the very moment
        _move(session, one, (before,), before, [], due_at=now + WAIT)
        return
    if one.kind == "died":
        bonds.end_all(session, person.id, now=now)
        grants.end_of(session, person.id, now=now)
    _tell(session, person, heir, choice, now)


def _tell(session: Session, person: Person, heir: Person | None, choice: str, now: datetime) -> None:
    if heir is not None:
        said = say("%(name)s 留下的时长已经转到您的账户。")
        members.tell(session, [heir.id], said, facts={"name": person.name}, link="/passbook", now=now)
    elif choice == "keep":
        said = say("您的时长和积分都留在账户里，随时可以回来用。")
        members.tell(session, [person.id], said, link="/passbook", now=now)


def _ask_again(session: Session, one: Farewell, why: str, now: datetime) -> None:
    """Let the family choose anew for what is left of its months, and as long as anybody has to answer at least."""
    session.refresh(one)
    in_force = communities.rules_now(session, one.community_id, now)
    until = rules.days_later(now, in_force.answer_days)
    if one.kind == "died" and one.confirmed_at is not None:
        until = max(until, rules.months_later(one.confirmed_at, in_force.inheritance_months))
    values = {"choice": None, "heir_id": None, "chosen_by": None, "seconded_by": None, "reminded_at": None}
    _move(session, one, ("chosen",), "confirmed", [], due_at=until, **values)
    near.tell_staff(session, one.community_id, why, link=DESK, now=now)


def _empty(session: Session, one: Farewell, person: Person, heir: Person | None, now: datetime) -> None:
    """Move what is there: own minutes to the heir or the pool; points, and what the pool granted, to the pool."""
    book = db.book(session, one.community_id, now)
    path = chart.member(person.public_id)
    to = chart.member(heir.public_id) if heir else chart.pool()
    found = book.balances([path], session=session)
    has = {unit: found[path, unit].available if (path, unit) in found else 0 for unit in chart.UNITS}
    granted = min(has[chart.MINUTES], _granted(session, book, path))
    # The lot that ends first is taken first, so the granted minutes must go first.
    parts = (
        (chart.pool(), chart.MINUTES, granted),
        (to, chart.MINUTES, has[chart.MINUTES] - granted),
        (chart.pool(), chart.POINTS, has[chart.POINTS]),
    )
    moves = [Transfer(path, end, unit, amount) for end, unit, amount in parts if amount > 0]
    if not moves:
        return
    for unit in chart.UNITS:
        book.open_account(chart.pool(), unit, kind="pool", is_shared=True, session=session)
    day = clock.local_day(now, session.get_one(Community, one.community_id).time_zone)
    txn = Txn("farewell", moves, day, JOB, MEMO)
    one.txn_id = book.post(txn, key=f"farewell:{one.public_id}", session=session).txn_id
    session.flush()


def _granted(session: Session, book: Ledger, path: str) -> int:
    lots = book.lots(path, chart.MINUTES, session=session)
    return sum(lot.amount for lot in lots if lot.expires_on is not None)


def page_of(one: Farewell) -> str:
    """Give where the statement is."""
    return f"/farewells/{one.public_id}"


def show(session: Session, actor: Actor, public_id: str) -> Case:
    """Give a case to staff of the community or to its person. Raises NotFound."""
    one = session.scalar(
        select(Farewell).where(Farewell.public_id == public_id, Farewell.community_id == actor.community_id)
    )
    if one is None or not (one.person_id == actor.person_id or actor.may(*STAFF)):
        raise NotFound
    return Case(one, session.get_one(Person, one.person_id), ())


def listed(session: Session, actor: Actor, *, limit: int = 50) -> Sequence[Case]:
    """Give the living cases of a community, oldest first, with possible heirs. Raises NotAllowed."""
    actor.require(*STAFF)
    taker = aliased(Person)
    chosen = select(Farewell, Person, taker).join(Person, Person.id == Farewell.person_id)
    chosen = chosen.outerjoin(taker, taker.id == Farewell.heir_id)
    here = chosen.where(Farewell.community_id == actor.community_id, Farewell.state.in_(LIVING))
    rows = session.execute(here.order_by(Farewell.id).limit(limit)).all()
    heirs = bonds.heirs_of(session, [person.id for one, person, _ in rows if one.kind == "died"])
    return [Case(one, person, heirs.get(person.id, ()), heir) for one, person, heir in rows]


def _set_frozen(session: Session, person: Person, *, is_frozen: bool, now: datetime) -> None:
    book = db.book(session, person.community_id, now)
    for unit in chart.UNITS:
        (book.freeze if is_frozen else book.thaw)(chart.member(person.public_id), unit, session=session)


def _mine(session: Session, actor: Actor, public_id: str) -> Farewell:
    actor.require(*STAFF)
    here: list[ColumnElement[bool]] = [
        Farewell.public_id == public_id,
        Farewell.community_id == actor.community_id,
    ]
    found = session.scalar(select(Farewell).where(*here))
    if found is None:
        raise NotFound
    return found


def _move(
    session: Session,
    one: Farewell,
    before: tuple[str, ...],
    after: str,
    conditions: list[ColumnElement[bool]],
    **values: object,
) -> Farewell:
    moved = session.execute(
        update(Farewell)
        .where(Farewell.id == one.id, Farewell.state.in_(before), *conditions)
        .values(state=after, **values)
        .returning(Farewell),
        execution_options={"populate_existing": True},
    ).scalar_one_or_none()
    if moved is None:
        raise Settled
    return moved
