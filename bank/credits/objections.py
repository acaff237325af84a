"""Objections: a resident's doubt freezes an item until somebody else answers in writing."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bank.communities import operations as communities
from bank.communities.calendar import calendar_of
from bank.communities.models import Community
from bank.communities.rules import Rules
from bank.credits import cases, panel, posting, rules, stages, steps
from bank.credits.models import Credit, CreditStep, Objection, ObjectionVote
from bank.credits.operations import BANK, post_now, propose
from bank.credits.rules import SameHousehold, SecondPersonRequired, SelfApproval
from bank.credits.steps import Step
from bank.errors import Conflict, Invalid, NotFound, say
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person
from bank.qr import new_public_id
from ledger.errors import AccountFrozen, PeriodClosed

WEEK = timedelta(days=7)
BY_PANEL = {
    True: say("评议小组投票认为异议成立。"),
    False: say("评议小组投票认为异议不成立。"),
}
BY_SILENCE = {
    True: say("到期没有人作出结论，按规则先不计入；可以请协调员重新打开。"),
    False: say("到期没有人作出结论，按规则照常计入。"),
}


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
    days = _in_force(session, actor.community_id, now).object_after_posting_days
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
    days = _in_force(session, actor.community_id, now).object_after_posting_days
    credit = _public_credit(session, actor, public_id, now, days)
    if actor.person_id in (credit.person_id, credit.proposed_by, credit.first_by, credit.second_by, resident.id):
        raise SecondPersonRequired
    return _doubt(session, credit, resident.id, reason, now, keyed_by=actor.person_id)


def correct(
    session: Session, actor: Actor, public_id: str, *, reason: str, wanted_amount: int | None, now: datetime
) -> Objection:
    """Ask for a correction of one's own item: what it should be, in its unit, or None for "this is not mine".

    It goes the way of an objection. Raises NotFound for another's item or one posted too long ago.
    """
    days = _in_force(session, actor.community_id, now).correct_after_posting_days
    credit = _public_credit(session, actor, public_id, now, days)
    if credit.person_id != actor.person_id:
        raise NotFound
    return _doubt(session, credit, actor.person_id, reason, now, kind="correction", wanted_amount=wanted_amount)


def correct_until(session: Session, credit: Credit, now: datetime) -> datetime | None:
    """Give until when the person may still ask for a correction of what was posted; None where it is over or not
    posted."""
    if credit.state != "posted" or credit.posted_at is None:
        return None
    last = credit.posted_at + timedelta(days=_in_force(session, credit.community_id, now).correct_after_posting_days)
    return last if last >= now else None


def _in_force(session: Session, community_id: int, now: datetime) -> Rules:
    return communities.rules_at(session, session.get_one(Community, community_id), now)


def _doubt(
    session: Session, credit: Credit, by: int, reason: str, now: datetime, *, kind: str = "objection", **more: Any
) -> Objection:
    if not reason.strip():
        raise Invalid({"reason": [say("请写一句您觉得哪里不对。")]})
    if kind == "objection" and credit.person_id == by:
        raise OwnItem
    if credit.state != "posted":
        _move(session, credit, "in_notice", "objected")
    objection = Objection(
        public_id=new_public_id(),
        credit_id=credit.id,
        by_person_id=by,
        kind=kind,
        reason=reason.strip(),
        state="open",
        stage="answer",
        created_at=now,
        answer_due_at=_stage_end(session, credit, "answer", now),
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
        answer_due_at=_stage_end(session, credit, "answer", now),
    )
    try:
        with session.begin_nested():
            session.add(objection)
    except IntegrityError:
        return
    steps.write(session, [Step(credit.id, "objected", now)])
    sentence = say("抽查时对“%(title)s”有疑问，工作人员核实后会答复，您也可以到服务台说明情况。")
    members.tell(session, [credit.person_id], sentence, facts={"title": credit.title}, now=now)


def _stage_end(session: Session, credit: Credit, stage: str, now: datetime) -> datetime:
    home = session.get_one(Community, credit.community_id)
    in_force = communities.rules_at(session, home, now)
    days = {"answer": in_force.answer_objection_days, "panel": in_force.panel_days, "last": in_force.last_days}
    return calendar_of(session, home, now).end_after(days[stage])


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
    objection, credit = locked(session, actor, public_id)
    if objection.by_person_id != actor.person_id:
        raise NotFound
    _close(session, objection, "withdrawn", None, None, now)
    steps.write(session, [Step(credit.id, "withdrawn", now)])
    _go_on(session, credit, now)
    return credit


def explain_oneself(session: Session, actor: Actor, public_id: str, *, words: str, now: datetime) -> Credit:
    """Let the person concerned say their side while it is open. Raises NotFound, AlreadyAnswered and Invalid."""
    if not words.strip():
        raise Invalid({"reason": [say("请写一句您的说明。")]})
    objection, credit = locked(session, actor, public_id)
    if credit.person_id != actor.person_id or objection.by_person_id == actor.person_id:
        raise NotFound
    if objection.state != "open":
        raise AlreadyAnswered
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
    objection, credit = locked(session, actor, public_id)
    check_stranger(session, actor, objection, credit)
    if objection.state != "open" or objection.stage == "panel":
        raise AlreadyAnswered
    if objection.stage == "last":
        actor.require(*rules.DECIDERS)
    elif has_panel(session, credit, objection, now, without=actor.person_id):
        objection.reply, objection.replied_by = words.strip(), actor.person_id
        _advance(session, objection, credit, "panel", now)
        role = rules.role_of(actor)
        steps.write(session, [Step(credit.id, "answered", now, actor.person_id, role, reason=words.strip())])
        return credit
    if is_upheld is None:
        raise Invalid({"verdict": [say("请选核实的结果。")]})
    settle(session, objection, credit, is_upheld=is_upheld, words=words.strip(), actor=actor, now=now)
    return credit


def has_panel(session: Session, credit: Credit, objection: Objection, now: datetime, *, without: int = 0) -> bool:
    """Tell whether enough of the panel are free of conflict to give a verdict."""
    quorum = _in_force(session, credit.community_id, now).panel_quorum
    return 0 < quorum <= len(panel.judges(session, credit, objection) - {without})


def settle(
    session: Session,
    objection: Objection,
    credit: Credit,
    *,
    is_upheld: bool,
    words: str,
    actor: Actor | None,
    now: datetime,
) -> None:
    """Close an objection whose credit is locked, with what follows for the item. `actor` is None for the panel or
    the rule. Raises AlreadyAnswered, and the book's AccountFrozen or PeriodClosed."""
    state = "upheld" if is_upheld else "dismissed"
    _close(session, objection, state, actor, words, now)
    by, role = (actor.person_id, rules.role_of(actor)) if actor else (None, None)
    role = "panel" if objection.stage == "panel" else role
    steps.write(session, [Step(credit.id, state, now, by, role, reason=words)])
    if is_upheld:
        _uphold(session, actor, credit, words, now)
        if objection.kind == "correction" and objection.wanted_amount is not None:
            _propose_again(session, objection, credit, now)
    else:
        _go_on(session, credit, now)
    _tell_both(session, objection, credit, is_upheld=is_upheld, words=words, now=now)


def _propose_again(session: Session, objection: Objection, credit: Credit, now: datetime) -> None:
    """Put what the person says is right on the desk, where it goes through every step like any other item."""
    propose(
        session,
        community_id=credit.community_id,
        source=f"{credit.source}:correction:{objection.id}",
        person_id=credit.person_id,
        proposed_by=credit.person_id,
        title=credit.title,
        happened_on=credit.happened_on,
        unit=credit.unit,
        amount=objection.wanted_amount or 0,
        evidence_class=credit.evidence_class,
        evidence={**credit.evidence, "corrects": credit.public_id},
        flags=[{"code": "corrected", "facts": {"amount": credit.approved_amount or credit.amount}}],
        rules_number=credit.rules_number,
        activity_id=credit.activity_id,
        leader_id=credit.leader_id,
        now=now,
    )


def escalate_due(session: Session, *, now: datetime, limit: int = 100) -> int:
    """Move on what nobody did anything about in time; give how many. Safe to run twice and by several at once."""
    due = select(Objection.id, Objection.credit_id).where(Objection.state == "open", Objection.answer_due_at <= now)
    rows = session.execute(due.order_by(Objection.answer_due_at, Objection.id).limit(limit)).all()
    return sum(_move_on(session, id_, credit_id, now) for id_, credit_id in rows)


def _move_on(session: Session, objection_id: int, credit_id: int, now: datetime) -> bool:
    fresh = {"populate_existing": True}
    credit = session.get_one(Credit, credit_id, with_for_update=True, execution_options=fresh)
    objection = session.get_one(Objection, objection_id, execution_options=fresh)
    if objection.state != "open" or objection.answer_due_at > now:
        return False
    if objection.stage == "answer":
        _advance(session, objection, credit, "panel" if has_panel(session, credit, objection, now) else "last", now)
    elif objection.stage == "last":
        is_upheld = _in_force(session, credit.community_id, now).is_silence_upheld
        try_to_settle(session, objection, credit, is_upheld=is_upheld, words=BY_SILENCE[is_upheld], now=now)
    else:
        found = verdict_so_far(session, objection, credit, now, is_over=True)
        if found is None:
            _advance(session, objection, credit, "last", now)
        else:
            try_to_settle(session, objection, credit, is_upheld=found, words=BY_PANEL[found], now=now)
    return True


def verdict_so_far(
    session: Session, objection: Objection, credit: Credit, now: datetime, *, is_over: bool = False
) -> bool | None:
    """Count the panel's votes under the rule in force; None while there is no verdict."""
    in_force = _in_force(session, credit.community_id, now)
    chosen = select(ObjectionVote.person_id, ObjectionVote.is_upheld).where(ObjectionVote.objection_id == objection.id)
    votes = {person_id: is_upheld for person_id, is_upheld in session.execute(chosen)}  # noqa: C416 -- rows
    upheld = sum(votes.values())
    waiting = set() if is_over else panel.judges(session, credit, objection) - votes.keys()
    return stages.verdict(
        upheld,
        len(votes) - upheld,
        still_to_vote=len(waiting),
        quorum=in_force.panel_quorum,
        is_tie_upheld=in_force.is_tie_upheld,
    )


def try_to_settle(
    session: Session, objection: Objection, credit: Credit, *, is_upheld: bool, words: str, now: datetime
) -> bool:
    """Settle by the panel or the rule; where the book refuses for now, the job tries again tomorrow."""
    try:
        with session.begin_nested():
            settle(session, objection, credit, is_upheld=is_upheld, words=words, actor=None, now=now)
    except (AccountFrozen, PeriodClosed):
        session.refresh(objection)
        session.refresh(credit)
        _wait_for_the_book(session, objection, credit, words, now)
        return False
    return True


def _wait_for_the_book(session: Session, objection: Objection, credit: Credit, words: str, now: datetime) -> None:
    """Try again tomorrow, and a week after the first try weekly; each week tell who can free the account."""
    first = session.scalar(
        select(func.min(CreditStep.at)).where(
            CreditStep.credit_id == credit.id, CreditStep.step == "escalated", CreditStep.reason == words
        )
    )
    is_told = first is not None and now - first < WEEK
    objection.answer_due_at = now + (timedelta(days=1) if first is None or is_told else WEEK)
    session.flush()
    if first is None:
        steps.write(session, [Step(credit.id, "escalated", now, reason=words)])
    if not is_told:
        told = cases.holders(session, credit.community_id, "second_approver")
        told |= cases.holders(session, credit.community_id, "coordinator")
        sentence = say("“%(title)s”的异议已有结论，但本人的账户冻结着，冲正记不进账。请先解冻，系统会自动办完。")
        members.tell(session, sorted(told), sentence, facts={"title": credit.title}, now=now)


def _advance(session: Session, objection: Objection, credit: Credit, stage: str, now: datetime) -> None:
    """Give the next word to the panel or, at last, to the second approver, and tell those who have it."""
    assert stage in stages.STAGES[objection.stage]  # noqa: S101 -- a slip in this file, not a refusal
    objection.stage = stage
    objection.answer_due_at = _stage_end(session, credit, stage, now)
    session.flush()
    if stage == "panel":
        told = panel.judges(session, credit, objection)
        sentence = say("有一条异议请您评议：“%(title)s”。请在工作台投票，并写明理由。")
    else:
        steps.write(session, [Step(credit.id, "escalated", now)])
        told = cases.holders(session, credit.community_id, "second_approver")
        sentence = say("“%(title)s”的异议到期没有结论，请您尽快处理，否则按规则自动了结。")
    members.tell(session, sorted(told), sentence, facts={"title": credit.title}, now=now)


def locked(session: Session, actor: Actor, public_id: str) -> tuple[Objection, Credit]:
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


def check_stranger(session: Session, actor: Actor, objection: Objection, credit: Credit) -> None:
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


def _uphold(session: Session, actor: Actor | None, credit: Credit, words: str, now: datetime) -> None:
    if credit.state == "posted":
        by, role = (actor.person_id, rules.role_of(actor)) if actor else (None, None)
        name = actor.public_id if actor else BANK
        txn_id = posting.reverse(session, credit, actor=name, now=now, may_owe=True)
        _move(session, credit, "posted", "reversed")
        posting.uncount(session, [posting.as_served(credit)])
        steps.write(session, [Step(credit.id, "reversed", now, by, role, reason=words, txn_id=txn_id)])
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
    if objection.kind == "correction":
        done = say("您对“%(title)s”的更正请求已办理：%(answer)s 原来的一条不再计入，改好的会重新审核。")
        kept = say("您对“%(title)s”的更正请求没有通过：%(answer)s")
        members.tell(session, [credit.person_id], done if is_upheld else kept, facts=facts, now=now)
        return
    upheld = say("您对“%(title)s”的异议成立，这一条不计入。答复：%(answer)s")
    dismissed = say("您对“%(title)s”的异议已核实，这一条照常。答复：%(answer)s")
    members.tell(session, [objection.by_person_id], upheld if is_upheld else dismissed, facts=facts, now=now)
    lost = say("“%(title)s”的异议成立，这一条不计入：%(answer)s 如有不同意见，请到社区服务台说明。")
    kept = say("“%(title)s”的异议已核实，照常计入：%(answer)s")
    members.tell(session, [credit.person_id], lost if is_upheld else kept, facts=facts, now=now)
