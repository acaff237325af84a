"""Objections: a resident's doubt freezes an item until somebody else answers in writing."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bank.communities import operations as communities
from bank.communities.models import Community
from bank.credits import posting, rules, steps
from bank.credits.models import Credit, Objection
from bank.credits.operations import post_now
from bank.credits.rules import SameHousehold, SecondPersonRequired, SelfApproval
from bank.credits.steps import Step
from bank.errors import Conflict, Invalid, NotFound, say
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person
from bank.qr import new_public_id


class OwnItem(Conflict):
    """One's own credit needs no objection."""

    code = "own_item"
    sentence = say("这是您自己的一条。如果记错了，请到社区服务台更正。")


class AlreadyObjected(Conflict):
    """Someone's objection is open already, or this person has had theirs."""

    code = "already_objected"
    sentence = say("这一条已经有人提出异议，工作人员正在核实，不用再提一次。")


class AlreadyAnswered(Conflict):
    """The objection is closed."""

    code = "already_decided"
    sentence = say("这条异议刚才已经有人答复过了，或已被撤回。")


def object_to(session: Session, actor: Actor, public_id: str, *, reason: str, now: datetime) -> Objection:
    """Raise an objection to an item on notice, which freezes it, or to one posted in the last days.

    Any resident of the community may, once an item, but not on their own. Raises NotFound for what is on no public
    list, OwnItem, AlreadyObjected and Invalid.
    """
    if not reason.strip():
        raise Invalid({"reason": [say("请写一句您觉得哪里不对。")]})
    credit = _public_credit(session, actor, public_id, now)
    if credit.person_id == actor.person_id:
        raise OwnItem
    if credit.state != "posted":
        _move(session, credit, "in_notice", "objected")
    home = session.get_one(Community, credit.community_id)
    in_force = communities.rules_at(session, home, now)
    objection = Objection(
        public_id=new_public_id(),
        credit_id=credit.id,
        by_person_id=actor.person_id,
        reason=reason.strip(),
        state="open",
        created_at=now,
        answer_due_at=rules.end_of_working_day(now, in_force.answer_objection_days, home.time_zone),
    )
    try:
        with session.begin_nested():
            session.add(objection)
    except IntegrityError:
        raise AlreadyObjected from None
    steps.write(session, [Step(credit.id, "objected", now)])
    sentence = say("有居民对“%(title)s”提出疑问，这一条先暂停。工作人员核实后会答复，您也可以到服务台说明情况。")
    members.tell(session, [credit.person_id], sentence, facts={"title": credit.title}, now=now)
    return objection


def object_after_check(session: Session, actor: Actor, credit_id: int, *, reason: str, now: datetime) -> None:
    """Turn what a random check found into an objection, however long ago the item was posted.

    Where it is no longer posted, or an objection to it is open or was theirs before, nothing more is needed.
    """
    credit = session.get_one(Credit, credit_id, with_for_update=True, execution_options={"populate_existing": True})
    if credit.state != "posted":
        return
    home = session.get_one(Community, credit.community_id)
    days = communities.rules_at(session, home, now).answer_objection_days
    objection = Objection(
        public_id=new_public_id(),
        credit_id=credit.id,
        by_person_id=actor.person_id,
        reason=reason,
        state="open",
        created_at=now,
        answer_due_at=rules.end_of_working_day(now, days, home.time_zone),
    )
    try:
        with session.begin_nested():
            session.add(objection)
    except IntegrityError:
        return
    steps.write(session, [Step(credit.id, "objected", now)])
    sentence = say("抽查时对“%(title)s”有疑问，工作人员核实后会答复，您也可以到服务台说明情况。")
    members.tell(session, [credit.person_id], sentence, facts={"title": credit.title}, now=now)


def _public_credit(session: Session, actor: Actor, public_id: str, now: datetime) -> Credit:
    home = session.get_one(Community, actor.community_id)
    days = communities.rules_at(session, home, now).object_after_posting_days
    credit = session.scalar(
        select(Credit)
        .where(Credit.public_id == public_id, Credit.community_id == actor.community_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if credit is None or credit.state not in ("in_notice", "objected", "posted"):
        raise NotFound
    if credit.state == "objected":
        raise AlreadyObjected
    if credit.state == "posted" and (credit.posted_at is None or credit.posted_at < now - timedelta(days=days)):
        raise NotFound
    return credit


def _move(session: Session, credit: Credit, before: str, after: str) -> None:
    moved = session.execute(
        update(Credit)
        .where(Credit.id == credit.id, Credit.state == before)
        .values(state=after)
        .returning(Credit.id)
        .execution_options(synchronize_session="fetch")
    )
    if moved.scalar_one_or_none() is None:
        raise AlreadyAnswered


def of_person(session: Session, person_id: int, public_id: str) -> Objection | None:
    """Give this person's own objection to an item, None for none."""
    return session.scalar(
        select(Objection)
        .join(Credit, Credit.id == Objection.credit_id)
        .where(Credit.public_id == public_id, Objection.by_person_id == person_id)
    )


def item_of(session: Session, actor: Actor, public_id: str) -> str:
    """Name the item an objection is about. Raises NotFound."""
    found = session.scalar(
        select(Credit.public_id)
        .join(Objection, Objection.credit_id == Credit.id)
        .where(Objection.public_id == public_id, Credit.community_id == actor.community_id)
    )
    if found is None:
        raise NotFound
    return found


def withdraw(session: Session, actor: Actor, public_id: str, *, now: datetime) -> Credit:
    """Take one's own open objection back; the item goes on where it stood. Raises NotFound and AlreadyAnswered."""
    objection, credit = _open(session, actor, public_id)
    if objection.by_person_id != actor.person_id:
        raise NotFound
    _close(session, objection, "withdrawn", None, None, now)
    steps.write(session, [Step(credit.id, "withdrawn", now)])
    _go_on(session, credit, now)
    return credit


def answer(session: Session, actor: Actor, public_id: str, *, is_upheld: bool, words: str, now: datetime) -> Credit:
    """Answer an open objection in writing. Upheld, the item is refused, or reversed where it was posted; dismissed,
    it goes on, and is posted at once where its notice is over.

    Not by who had a hand in it, who objected, the beneficiary, nor their households: SecondPersonRequired,
    SelfApproval, SameHousehold. Raises NotAllowed, AdminCannotCredit, NotFound, AlreadyAnswered and Invalid.
    """
    actor.require(*rules.ANSWERERS)
    rules.check_no_admin(actor)
    if not words.strip():
        raise Invalid({"answer": [say("请写明核实的结果，双方都会看到。")]})
    objection, credit = _open(session, actor, public_id)
    _check_stranger(session, actor, objection, credit)
    state = "upheld" if is_upheld else "dismissed"
    _close(session, objection, state, actor, words.strip(), now)
    role = rules.role_of(actor)
    steps.write(session, [Step(credit.id, state, now, actor.person_id, role, reason=words.strip())])
    if is_upheld:
        _uphold(session, actor, credit, words.strip(), now)
    else:
        _go_on(session, credit, now)
    _tell_both(session, objection, credit, is_upheld=is_upheld, words=words.strip(), now=now)
    return credit


def _open(session: Session, actor: Actor, public_id: str) -> tuple[Objection, Credit]:
    """Find an objection and its credit, the credit locked, as everywhere, before anything else of it."""
    found = session.execute(
        select(Objection.id, Objection.credit_id)
        .join(Credit, Credit.id == Objection.credit_id)
        .where(Objection.public_id == public_id, Credit.community_id == actor.community_id)
    ).one_or_none()
    if found is None:
        raise NotFound
    fresh = {"populate_existing": True}
    credit = session.get_one(Credit, found.credit_id, with_for_update=True, execution_options=fresh)
    return session.get_one(Objection, found.id, execution_options=fresh), credit


def _check_stranger(session: Session, actor: Actor, objection: Objection, credit: Credit) -> None:
    if credit.person_id == actor.person_id:
        raise SelfApproval
    household_id = session.get_one(Person, credit.person_id).household_id
    if household_id is not None and household_id == actor.household_id:
        raise SameHousehold
    hands = {credit.first_by, credit.second_by, credit.proposed_by, credit.leader_id, objection.by_person_id}
    if actor.person_id in hands or is_home_of_any(session, actor.household_id, hands):
        raise SecondPersonRequired


def is_home_of_any(session: Session, household_id: int | None, person_ids: Collection[int | None]) -> bool:
    """Tell whether somebody of these lives in a household; False for no household."""
    if household_id is None:
        return False
    lives = select(Person.id).where(
        Person.id.in_([id_ for id_ in person_ids if id_]), Person.household_id == household_id
    )
    return session.scalar(lives.limit(1)) is not None


def _close(
    session: Session, objection: Objection, state: str, actor: Actor | None, words: str | None, now: datetime
) -> None:
    closed = session.execute(
        update(Objection)
        .where(Objection.id == objection.id, Objection.state == "open")
        .values(state=state, answered_by=actor.person_id if actor else None, answered_at=now, answer=words)
        .returning(Objection.id)
        .execution_options(synchronize_session="fetch")
    )
    if closed.scalar_one_or_none() is None:
        raise AlreadyAnswered


def _uphold(session: Session, actor: Actor, credit: Credit, words: str, now: datetime) -> None:
    if credit.state == "posted":
        txn_id = posting.reverse(session, credit, actor=actor.public_id, now=now, may_owe=True)
        _move(session, credit, "posted", "reversed")
        role = rules.role_of(actor)
        steps.write(session, [Step(credit.id, "reversed", now, actor.person_id, role, reason=words, txn_id=txn_id)])
    else:
        _move(session, credit, "objected", "refused")
    credit.reason = words
    session.flush()


def _go_on(session: Session, credit: Credit, now: datetime) -> None:
    if credit.state == "objected":
        _move(session, credit, "objected", "in_notice")
        post_now(session, [credit.id], now=now)


def _tell_both(
    session: Session, objection: Objection, credit: Credit, *, is_upheld: bool, words: str, now: datetime
) -> None:
    facts = {"title": credit.title, "answer": words}
    upheld = say("您对“%(title)s”的异议成立，这一条不计入。答复：%(answer)s")
    dismissed = say("您对“%(title)s”的异议已核实，这一条照常。答复：%(answer)s")
    members.tell(session, [objection.by_person_id], upheld if is_upheld else dismissed, facts=facts, now=now)
    lost = say("“%(title)s”的异议成立，这一条不计入：%(answer)s 如有不同意见，请到社区服务台说明。")
    kept = say("“%(title)s”的异议已核实，照常计入：%(answer)s")
    members.tell(session, [credit.person_id], lost if is_upheld else kept, facts=facts, now=now)
