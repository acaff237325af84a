"""Verbs on credits: propose, revise, void, decide, undo, and post what has been on notice long enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bank.credits import posting, signals, steps
from bank.credits.deciding import MOST_AT_ONCE, Decision, Outcome, decide
from bank.credits.models import Credit, Objection
from bank.credits.steps import Step
from bank.credits.undoing import reopen, undo
from bank.errors import NotFound, say
from bank.members import operations as members
from bank.members.models import Person
from bank.qr import new_public_id

__all__ = [
    "MOST_AT_ONCE",
    "Decision",
    "Outcome",
    "decide",
    "is_there",
    "post_due",
    "propose",
    "reopen",
    "revise",
    "undo",
    "void",
]

GONE = ("refused", "reversed", "void")
"""States of a credit that gives nothing, so that another may stand for the same."""
TRY_AGAIN = timedelta(hours=1)
"""How long a posting waits that the book refused, as for a frozen account."""
BANK = "bank"
"""Who acts in the book where no person does."""


def propose(
    session: Session,
    *,
    community_id: int,
    source: str,
    person_id: int,
    proposed_by: int,
    title: str,
    happened_on: date,
    unit: str,
    amount: int,
    evidence_class: str,
    evidence: Mapping[str, Any],
    flags: Sequence[Mapping[str, Any]],
    rules_number: int,
    activity_id: int | None = None,
    leader_id: int | None = None,
    began_at: datetime | None = None,
    now: datetime,
) -> Credit:
    """Put a credit on the desk. `source` names the fact, `kind:id`, and is proposed once (IntegrityError).

    So is one person's presence at `activity_id`. `leader_id` ran what it was earned at; `began_at` is when the
    activity, or the account, came into being.
    """
    seen = signals.of_proposal(session, signals.Proposal(community_id, source, person_id, proposed_by, began_at, now))
    credit = Credit(
        public_id=new_public_id(),
        community_id=community_id,
        source=source,
        person_id=person_id,
        proposed_by=proposed_by,
        title=title,
        happened_on=happened_on,
        unit=unit,
        amount=amount,
        evidence_class=evidence_class,
        evidence=dict(evidence),
        flags=[dict(flag) for flag in (*flags, *seen)],
        rules_number=rules_number,
        activity_id=activity_id,
        leader_id=leader_id,
        state="submitted",
        created_at=now,
    )
    session.add(credit)
    session.flush()
    steps.write(session, [Step(credit.id, "proposed", now, proposed_by, amount=amount)])
    return credit


def is_there(session: Session, activity_id: int, person_id: int) -> bool:
    """Tell whether a person's presence at an activity is credited, or on its way."""
    mine = select(Credit.id).where(
        Credit.activity_id == activity_id, Credit.person_id == person_id, Credit.state.not_in(GONE)
    )
    return session.scalar(mine.limit(1)) is not None


def revise(
    session: Session,
    credit_id: int,
    *,
    proposed_by: int,
    amount: int,
    evidence_class: str,
    evidence: Mapping[str, Any],
    flags: Sequence[Mapping[str, Any]],
    now: datetime,
) -> bool:
    """Change what is proposed, and by whom, while nobody has decided; False, and nothing changed, afterwards.

    What was seen of it stays in its flags.
    """
    known = session.scalar(select(Credit.flags).where(Credit.id == credit_id)) or []
    seen = [flag for flag in known if flag["code"] in signals.FLAG_SENTENCES]
    moved = session.execute(
        update(Credit)
        .where(Credit.id == credit_id, Credit.state == "submitted")
        .values(
            proposed_by=proposed_by,
            amount=amount,
            evidence_class=evidence_class,
            evidence=dict(evidence),
            flags=[dict(flag) for flag in (*flags, *seen)],
        )
        .returning(Credit.id)
        .execution_options(synchronize_session="fetch")
    )
    if moved.scalar_one_or_none() is None:
        return False
    steps.write(session, [Step(credit_id, "proposed", now, proposed_by, amount=amount)])
    return True


def void(session: Session, credit_id: int, *, reason: str, by: int | None, now: datetime) -> None:
    """Take a credit back because its fact fell away: undecided or on notice it is void, posted it is reversed.

    `by` is the person who voids, None for the bank. What was refused, void or reversed before stays so. An open
    objection is closed with it. Raises NotFound, and the book's AccountFrozen or PeriodClosed.
    """
    chosen = select(Credit).where(Credit.id == credit_id).with_for_update()
    credit = session.scalar(chosen.execution_options(populate_existing=True))
    if credit is None:
        raise NotFound
    if credit.state in ("refused", "void", "reversed"):
        return
    was_posted = credit.state == "posted"
    txn_id = None
    if was_posted:
        actor = BANK if by is None else session.get_one(Person, by).public_id
        txn_id = posting.reverse(session, credit, actor=actor, now=now, may_owe=True)
    credit.state = "reversed" if was_posted else "void"
    credit.waits_for = None
    credit.reason = reason
    credit.due_at = None
    session.flush()
    if was_posted:
        posting.uncount(session, [posting.as_served(credit)])
    _close_objection(session, credit, reason, by, now)
    step = "reversed" if was_posted else "voided"
    steps.write(session, [Step(credit_id, step, now, by, reason=reason, txn_id=txn_id)])
    if by != credit.person_id:
        sentence = say("“%(title)s”不再计入：%(reason)s 有疑问请到社区服务台核对。")
        members.tell(session, [credit.person_id], sentence, facts={"title": credit.title, "reason": reason}, now=now)


def _close_objection(session: Session, credit: Credit, reason: str, by: int | None, now: datetime) -> None:
    objection = session.scalar(select(Objection).where(Objection.credit_id == credit.id, Objection.state == "open"))
    if objection is not None:
        objection.state = "upheld"
        objection.answered_at = now
        objection.answered_by = by if by not in (objection.by_person_id, credit.person_id) else None
        objection.answer = reason
        session.flush()


def post_due(session: Session, *, now: datetime, limit: int = 500) -> int:
    """Post what has been on notice long enough and was not objected to; give how many.

    Safe to run twice and by several at once: each takes other rows, and a row is taken by changing its state. What
    the book refuses stays on notice and is tried again in an hour.
    """
    due = (
        select(Credit.id)
        .where(Credit.state == "in_notice", Credit.due_at <= now)
        .order_by(Credit.due_at, Credit.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return len(post_now(session, list(session.scalars(due)), now=now))


def post_now(session: Session, credit_ids: Sequence[int], *, now: datetime) -> list[int]:
    """Post credits on notice, whose notice the caller found over; give those that were posted."""
    if not credit_ids:
        return []
    taken = session.execute(
        update(Credit)
        .where(Credit.id.in_(credit_ids), Credit.state == "in_notice", Credit.due_at <= now)
        .values(state="posted", posted_at=now, held_up=None)
        .returning(Credit.id)
        .execution_options(synchronize_session="fetch")
    )
    ids = sorted(taken.scalars())
    refused = posting.post(session, ids, now=now) if ids else {}
    for code in sorted(set(refused.values())):
        session.execute(
            update(Credit)
            .where(Credit.id.in_([id_ for id_, own in refused.items() if own == code]))
            .values(
                state="in_notice",
                posted_at=None,
                due_at=now + TRY_AGAIN,
                held_up=code,
                posting_round=Credit.posting_round + 1,
            )
            .execution_options(synchronize_session="fetch")
        )
    return [id_ for id_ in ids if id_ not in refused]
