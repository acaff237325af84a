"""What a verdict on an objection or a correction comes to, and how the panel's votes make one."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bank import chart, db
from bank.communities import operations as communities
from bank.credits import appeals, cases, doubts, panel, posting, rules, stages, steps
from bank.credits.models import Credit, CreditStep, Objection, ObjectionVote
from bank.credits.operations import BANK, post_now, propose
from bank.credits.steps import Step
from bank.errors import say
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person
from ledger.errors import AccountFrozen, PeriodClosed

WEEK = timedelta(days=7)
BY_PANEL = {
    True: say("评议小组投票认为异议成立。"),
    False: say("评议小组投票认为异议不成立。"),
}


def panel_words(objection: Objection, is_upheld: bool) -> str:
    """Give the sentence for what the panel's votes came to."""
    return (appeals.BY_PANEL if objection.is_appeal else BY_PANEL)[is_upheld]


def verdict_so_far(
    session: Session, objection: Objection, credit: Credit, now: datetime, *, is_over: bool = False
) -> bool | None:
    """Count the panel's votes under the rule in force; None while there is no verdict."""
    in_force = communities.rules_now(session, credit.community_id, now)
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
    if objection.is_appeal:
        appeals.settle(session, objection, credit, is_upheld=is_upheld, words=words, actor=actor, now=now)
        return
    state = "upheld" if is_upheld else "dismissed"
    doubts.close(session, objection, state, actor, words, now)
    by, role = (actor.person_id, rules.role_of(actor)) if actor else (None, None)
    role = "panel" if objection.stage == "panel" else role
    steps.write(session, [Step(credit.id, state, now, by, role, reason=words)])
    if is_upheld:
        _uphold(session, actor, credit, words, now)
        if objection.wanted_amount is not None or objection.wanted_title is not None:
            _propose_again(session, objection, credit, actor, now)
    else:
        go_on(session, credit, now)
    _tell_both(session, objection, credit, is_upheld=is_upheld, words=words, now=now)


def try_to_settle(
    session: Session, objection: Objection, credit: Credit, *, is_upheld: bool, words: str, now: datetime
) -> bool:
    """Settle by the panel or the rule; where the book refuses for now, the job tries again tomorrow.

    An account that is still frozen a week later is thawed for this one reversal: a verdict does not wait for ever.
    """
    first = _first_try(session, credit, words)
    is_forced = first is not None and now - first >= WEEK
    try:
        with session.begin_nested():
            settle(session, objection, credit, is_upheld=is_upheld, words=words, actor=None, now=now)
        return True
    except (AccountFrozen, PeriodClosed) as refusal:
        session.refresh(objection)
        session.refresh(credit)
        is_forced = is_forced and isinstance(refusal, AccountFrozen)
    if is_forced and _settle_through_ice(session, objection, credit, is_upheld=is_upheld, words=words, now=now):
        return True
    _wait_for_the_book(session, objection, credit, words, now, is_first=first is None)
    return False


def _first_try(session: Session, credit: Credit, words: str) -> datetime | None:
    return session.scalar(
        select(func.min(CreditStep.at)).where(
            CreditStep.credit_id == credit.id, CreditStep.step == "escalated", CreditStep.reason == words
        )
    )


def _settle_through_ice(
    session: Session, objection: Objection, credit: Credit, *, is_upheld: bool, words: str, now: datetime
) -> bool:
    """Settle with the person's account open for this moment; it is frozen again before anybody else can see it.

    False, and nothing changed, where the book refuses for another reason: the other cases of the job go on.
    """
    book = db.book(session, credit.community_id, now)
    path = chart.member(session.get_one(Person, credit.person_id).public_id)
    try:
        with session.begin_nested():
            book.thaw(path, credit.unit, session=session)
            settle(session, objection, credit, is_upheld=is_upheld, words=words, actor=None, now=now)
            book.freeze(path, credit.unit, session=session)
    except (AccountFrozen, PeriodClosed):
        session.refresh(objection)
        session.refresh(credit)
        return False
    return True


def _wait_for_the_book(
    session: Session, objection: Objection, credit: Credit, words: str, now: datetime, *, is_first: bool
) -> None:
    """Try again tomorrow; the first time, say so to who can free the account."""
    objection.answer_due_at = now + timedelta(days=1)
    session.flush()
    if not is_first:
        return
    steps.write(session, [Step(credit.id, "escalated", now, reason=words)])
    told = cases.holders(session, credit.community_id, "second_approver")
    told |= cases.holders(session, credit.community_id, "coordinator")
    sentence = say("“%(title)s”的异议已有结论，但本人的账户冻结着，冲正记不进账。请先解冻；一周后系统会照结论冲正。")
    members.tell(session, sorted(told), sentence, facts={"title": credit.title}, now=now)


def _uphold(session: Session, actor: Actor | None, credit: Credit, words: str, now: datetime) -> None:
    if credit.state == "posted":
        by, role = (actor.person_id, rules.role_of(actor)) if actor else (None, None)
        name = actor.public_id if actor else BANK
        txn_id = posting.reverse(session, credit, actor=name, now=now, may_owe=True)
        doubts.move(session, credit, "posted", "reversed")
        posting.uncount(session, [posting.as_served(credit)])
        steps.write(session, [Step(credit.id, "reversed", now, by, role, reason=words, txn_id=txn_id)])
    else:
        doubts.move(session, credit, "objected", "refused")
    credit.reason = words
    session.flush()


def go_on(session: Session, credit: Credit, now: datetime) -> None:
    if credit.state == "objected":
        doubts.move(session, credit, "objected", "in_notice")
        post_now(session, [credit.id], now=now)


def _propose_again(
    session: Session, objection: Objection, credit: Credit, granted_by: Actor | None, now: datetime
) -> None:
    """Put what the person says is right on the desk, where it goes through every step like any other item.

    Who of the staff brought in the first one brings in this one, else who granted it: they do not let it through alone.
    """
    proposed_by = credit.proposed_by
    if granted_by is not None and proposed_by == credit.person_id:
        proposed_by = granted_by.person_id
    source = f"{credit.source}:correction:{objection.id}"
    for n, (evidence_class, amount) in enumerate(_parts(objection, credit)):
        propose(
            session,
            community_id=credit.community_id,
            source=f"{source}:rest" if n else source,
            person_id=credit.person_id,
            proposed_by=proposed_by,
            title=objection.wanted_title or credit.title,
            happened_on=credit.happened_on,
            unit=credit.unit,
            amount=amount,
            evidence_class=evidence_class,
            evidence={**credit.evidence, "corrects": credit.public_id},
            flags=[{"code": "corrected", "facts": {"amount": credit.approved_amount or credit.amount}}],
            rules_number=credit.rules_number,
            activity_id=credit.activity_id,
            leader_id=credit.leader_id,
            now=now,
        )


def _parts(objection: Objection, credit: Credit) -> list[tuple[str, int]]:
    """Split a corrected amount by its evidence: what was scanned, and what is more, for which people's word stands."""
    amount = objection.wanted_amount or credit.approved_amount or credit.amount
    if credit.unit != chart.MINUTES or credit.evidence_class != "A" or amount <= credit.amount:
        return [(credit.evidence_class, amount)]
    return [("A", credit.amount), ("B", amount - credit.amount)]


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
