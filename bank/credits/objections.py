"""Objections: a resident's doubt freezes an item until somebody else answers in writing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bank.communities import operations as communities
from bank.credits import doubts, escalating, rules, steps, verdicts
from bank.credits.models import Credit, Objection
from bank.credits.operations import GONE
from bank.credits.rules import SecondPersonRequired
from bank.credits.steps import Step
from bank.errors import Conflict, Invalid, NotFound, say
from bank.members import operations as members
from bank.members.actor import Actor
from bank.qr import new_public_id


class OwnItem(Conflict):
    """One's own credit needs no objection."""

    code = "own_item"
    sentence = say("这是您自己的一条。如果记错了，请到社区服务台更正。")


class AlreadyObjected(Conflict):
    """Someone's objection is open already, or this person has had theirs."""

    code = "already_objected"
    sentence = say("这一条已经有人提出异议，工作人员正在核实，不用再提一次。")


def object_to(session: Session, actor: Actor, public_id: str, *, reason: str, now: datetime) -> Objection:
    """Raise an objection to an item on notice, which freezes it, or to one posted in the last days.

    Any resident of the community may, once an item, but not on their own. Raises NotFound for what is on no public
    list, OwnItem, AlreadyObjected and Invalid.
    """
    days = communities.rules_now(session, actor.community_id, now).object_after_posting_days
    credit = _public_credit(session, actor, public_id, now, days)
    return _doubt(session, credit, actor.person_id, reason, now)


def key_in(
    session: Session, actor: Actor, public_id: str, resident_id: str, *, reason: str, now: datetime
) -> Objection:
    """Key in an objection that a resident (by public id) brought on paper or by word of mouth.

    Not by who brought in or approved the item, because they must not learn who objects: SecondPersonRequired.
    """
    actor.require(*rules.DECIDERS)
    resident = members.in_community(session, actor.community_id, resident_id)
    days = communities.rules_now(session, actor.community_id, now).object_after_posting_days
    credit = _public_credit(session, actor, public_id, now, days)
    if actor.person_id in (credit.person_id, credit.proposed_by, credit.first_by, credit.second_by, resident.id):
        raise SecondPersonRequired
    return _doubt(session, credit, resident.id, reason, now, keyed_by=actor.person_id)


def correct(
    session: Session,
    actor: Actor,
    public_id: str,
    *,
    reason: str,
    wanted_amount: int | None,
    wanted_title: str | None = None,
    person_id: int | None = None,
    now: datetime,
) -> Objection:
    """Ask for a correction of one's own item: its amount, in its unit, or its title; neither says "this is not mine".

    It goes the way of an objection. `person_id` is whose it is where staff key it in for them. Raises NotFound for
    another's item or one posted too long ago, and Invalid for nothing or for more than the fact can give.
    """
    owner_id = actor.person_id if person_id is None else person_id
    days = communities.rules_now(session, actor.community_id, now).correct_after_posting_days
    credit = _public_credit(session, actor, public_id, now, days)
    if credit.person_id != owner_id:
        raise NotFound
    if wanted_amount is not None:
        _check_wanted(session, credit, wanted_amount)
    keyed_by = None if owner_id == actor.person_id else actor.person_id
    wanted = {"wanted_amount": wanted_amount, "wanted_title": wanted_title}
    return _doubt(session, credit, owner_id, reason, now, kind="correction", keyed_by=keyed_by, **wanted)


def _check_wanted(session: Session, credit: Credit, wanted: int) -> None:
    """Go on only for an amount that the fact itself could have given."""
    if wanted < 1:
        raise Invalid({"amount": [say("不能更正到 0；全部不算，请选“不是我做的”。")]})
    in_force = communities.rules_numbered(session, credit.community_id, credit.rules_number)
    if wanted > rules.most_corrected(credit, in_force) - _beside(session, credit):
        raise Invalid({"amount": [say("更正后不能比活动计划的时长，或这类好事的积分还多。")]})


def _beside(session: Session, credit: Credit) -> int:
    """Sum what else the person has of the same presence: the part of it that was not scanned."""
    if credit.activity_id is None:
        return 0
    others = select(func.coalesce(func.sum(func.coalesce(Credit.approved_amount, Credit.amount)), 0)).where(
        Credit.activity_id == credit.activity_id,
        Credit.person_id == credit.person_id,
        Credit.id != credit.id,
        Credit.state.not_in(GONE),
    )
    return int(session.scalar(others) or 0)


def correct_until(session: Session, credit: Credit, now: datetime) -> datetime | None:
    """Give until when the person may still ask for a correction of what was posted; None where it is over or not
    posted."""
    if credit.state != "posted" or credit.posted_at is None:
        return None
    days = communities.rules_now(session, credit.community_id, now).correct_after_posting_days
    last = credit.posted_at + timedelta(days=days)
    return last if last >= now else None


def _doubt(
    session: Session, credit: Credit, by: int, reason: str, now: datetime, *, kind: str = "objection", **more: Any
) -> Objection:
    if not reason.strip():
        raise Invalid({"reason": [say("请写一句您觉得哪里不对。")]})
    if kind == "objection" and credit.person_id == by:
        raise OwnItem
    if credit.state != "posted":
        doubts.move(session, credit, "in_notice", "objected")
    objection = Objection(
        public_id=new_public_id(),
        credit_id=credit.id,
        by_person_id=by,
        kind=kind,
        reason=reason.strip(),
        state="open",
        stage="answer",
        created_at=now,
        answer_due_at=doubts.stage_end(session, credit, "answer", now),
        **more,
    )
    try:
        with session.begin_nested():
            session.add(objection)
    except IntegrityError:
        raise AlreadyObjected from None
    steps.write(session, [Step(credit.id, "objected", now)])
    if kind == "objection":
        sentence = say("有居民对“%(title)s”提出疑问，这一条先暂停。您可以在公示里写下说明，也可以到服务台说。")
        members.tell(session, [credit.person_id], sentence, facts={"title": credit.title}, now=now)
    return objection


def object_after_check(session: Session, actor: Actor, credit_id: int, *, reason: str, now: datetime) -> None:
    """Turn what a random check found into an objection, however long ago the item was posted.

    Where it is no longer posted, or an objection to it is open or was theirs before, nothing more is needed.
    """
    credit = session.get_one(Credit, credit_id, with_for_update=True, execution_options={"populate_existing": True})
    if credit.state != "posted":
        return
    objection = Objection(
        public_id=new_public_id(),
        credit_id=credit.id,
        by_person_id=actor.person_id,
        reason=reason,
        state="open",
        created_at=now,
        answer_due_at=doubts.stage_end(session, credit, "answer", now),
    )
    try:
        with session.begin_nested():
            session.add(objection)
    except IntegrityError:
        return
    steps.write(session, [Step(credit.id, "objected", now)])
    sentence = say("抽查时对“%(title)s”有疑问，工作人员核实后会答复，您也可以到服务台说明情况。")
    members.tell(session, [credit.person_id], sentence, facts={"title": credit.title}, now=now)


def _public_credit(session: Session, actor: Actor, public_id: str, now: datetime, days: int) -> Credit:
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


def of_person(session: Session, person_id: int, public_id: str) -> Objection | None:
    """Give this person's own objection to an item, None for none."""
    return session.scalar(
        select(Objection)
        .join(Credit, Credit.id == Objection.credit_id)
        .where(Credit.public_id == public_id, Objection.by_person_id == person_id)
    )


def is_before_panel(session: Session, public_id: str) -> bool:
    """Tell whether an objection lies with the panel now."""
    found = session.execute(select(Objection.state, Objection.stage).where(Objection.public_id == public_id)).one()
    return (found.state, found.stage) == ("open", "panel")


def keyed_in(session: Session, actor: Actor, public_id: str) -> tuple[Objection, Credit]:
    """Give an objection this person keyed in, with its item, for the printed slip. Raises NotFound."""
    chosen = select(Objection, Credit).join(Credit, Credit.id == Objection.credit_id)
    found = session.execute(
        chosen.where(Objection.public_id == public_id, Objection.keyed_by == actor.person_id)
    ).one_or_none()
    if found is None:
        raise NotFound
    return found[0], found[1]


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
    objection, credit = doubts.locked(session, actor, public_id)
    if objection.by_person_id != actor.person_id:
        raise NotFound
    doubts.close(session, objection, "withdrawn", None, None, now)
    steps.write(session, [Step(credit.id, "withdrawn", now)])
    verdicts.go_on(session, credit, now)
    return credit


def explain_oneself(session: Session, actor: Actor, public_id: str, *, words: str, now: datetime) -> Credit:
    """Let the person concerned say their side while it is open. Raises NotFound, AlreadyAnswered and Invalid."""
    if not words.strip():
        raise Invalid({"reason": [say("请写一句您的说明。")]})
    objection, credit = doubts.locked(session, actor, public_id)
    if credit.person_id != actor.person_id or objection.by_person_id == actor.person_id:
        raise NotFound
    if objection.state != "open":
        raise doubts.AlreadyAnswered
    objection.own_words = words.strip()
    session.flush()
    return credit


def answer(
    session: Session, actor: Actor, public_id: str, *, is_upheld: bool | None, words: str, now: datetime
) -> Credit:
    """Answer an open objection in writing. Where the community has a panel, the answer goes to it and `is_upheld` is
    not asked. Where it has none, and at the last stage, the answer is the verdict: upheld, the item is refused, or
    reversed where it was posted; dismissed, it goes on, and is posted at once where its notice is over.

    Not by who had a hand in it, who objected, the beneficiary, nor their households: SecondPersonRequired,
    SelfApproval, SameHousehold. Raises NotAllowed, AdminCannotCredit, NotFound, AlreadyAnswered and Invalid.
    """
    actor.require(*rules.ANSWERERS)
    rules.check_no_admin(actor)
    if not words.strip():
        raise Invalid({"answer": [say("请写明核实的结果，双方都会看到。")]})
    objection, credit = doubts.locked(session, actor, public_id)
    doubts.check_stranger(session, actor, objection, credit)
    if objection.state != "open" or objection.stage == "panel":
        raise doubts.AlreadyAnswered
    if objection.stage == "last":
        actor.require(*rules.DECIDERS)
    elif doubts.has_panel(session, credit, objection, now, without=actor.person_id):
        objection.reply, objection.replied_by = words.strip(), actor.person_id
        escalating.advance(session, objection, credit, "panel", now)
        role = rules.role_of(actor)
        steps.write(session, [Step(credit.id, "answered", now, actor.person_id, role, reason=words.strip())])
        return credit
    if is_upheld is None:
        raise Invalid({"verdict": [say("请选核实的结果。")]})
    verdicts.settle(session, objection, credit, is_upheld=is_upheld, words=words.strip(), actor=actor, now=now)
    return credit
