"""Taking a decision back: within ten seconds by whoever made it, and reopening what was refused."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bank.credits import cases, posting, rules, steps
from bank.credits.models import Credit, CreditStep, Objection
from bank.credits.steps import Step
from bank.errors import Conflict, NotFound, say
from bank.members.actor import Actor
from ledger.errors import AccountFrozen, InsufficientFunds, PeriodClosed

UNNOTICED: dict[str, Any] = {
    "second_by": None,
    "second_at": None,
    "notice_from": None,
    "notice_until": None,
    "due_at": None,
    "held_up": None,
    "posted_at": None,
    "txn_id": None,
    "surplus": None,
    "surplus_to": None,
    "batch": None,
}
UNDECIDED: dict[str, Any] = {
    **UNNOTICED,
    "first_by": None,
    "first_at": None,
    "approved_amount": None,
    "reason": None,
}


class NotRefused(Conflict):
    """Only what was refused can be reopened."""

    code = "already_decided"
    sentence = say("这一条现在不是退回的状态，不能重新打开。")


class AppealOpen(Conflict):
    """The person asked for the same, and somebody uninvolved answers that."""

    code = "already_objected"
    sentence = say("本人已经请求重新审核，请在下面答复这个请求，不用另外打开。")


class CreditedElsewhere(Conflict):
    """The same presence was credited by another road meanwhile."""

    code = "already_recorded"
    sentence = say("这个人在这场活动里已经另有一条记录了，这一条不能再打开。")


def as_before(state: str) -> dict[str, Any]:
    """Give the values of a credit that goes back to `submitted` or `second_review`, with its next posting round."""
    values: dict[str, Any] = {"state": state, "posting_round": Credit.posting_round + 1}
    return values | (UNDECIDED if state == "submitted" else {**UNNOTICED, **_by_the_first()})


def _by_the_first() -> dict[str, Any]:
    """What the first decider let stand, read from the trail."""
    first = (
        select(CreditStep)
        .where(CreditStep.credit_id == Credit.id, CreditStep.step == "approved")
        .order_by(CreditStep.id.desc())
        .limit(1)
    )
    return {
        "approved_amount": first.with_only_columns(CreditStep.amount).scalar_subquery(),
        "reason": first.with_only_columns(CreditStep.reason).scalar_subquery(),
    }


def undo(session: Session, actor: Actor, batch: str, *, now: datetime) -> int:
    """Take back what this actor decided in one batch within the last ten seconds; give how many.

    What was posted is reversed by linked transactions; what is spent meanwhile stays as it is.
    """
    actor.require(*rules.DECIDERS)
    rules.check_no_admin(actor)
    since = now - timedelta(seconds=rules.UNDO_S)
    mine = select(CreditStep.credit_id).where(
        CreditStep.batch == batch, CreditStep.by_person_id == actor.person_id, CreditStep.at >= since
    )
    locked = select(Credit).where(Credit.id.in_(mine), Credit.batch == batch).order_by(Credit.id)
    credits_ = session.scalars(locked.with_for_update().execution_options(populate_existing=True)).all()
    undone = 0
    for state in ("second_review", "in_notice", "posted", "refused"):
        for hand in (1, 2):
            group = [credit for credit in credits_ if credit.state == state and _hand(credit, actor, batch) == hand]
            undone += _undo_group(session, actor, group, hand, now)
    return undone


def _hand(credit: Credit, actor: Actor, batch: str) -> int:
    """Tell whether the batch was the first or the second decision on a credit."""
    if credit.state == "refused":
        return 1 if credit.first_by is None else 2
    return 2 if credit.second_by == actor.person_id else 1


def _undo_group(session: Session, actor: Actor, group: Sequence[Credit], hand: int, now: datetime) -> int:
    reversals, served = {}, {}
    for credit in group:
        try:
            reversals[credit.id] = _reverse(session, actor, credit, now)
            served[credit.id] = posting.as_served(credit)
        except (InsufficientFunds, AccountFrozen, PeriodClosed):
            continue
    if not reversals:
        return 0
    was_posted = group[0].state == "posted"
    moved = session.execute(
        update(Credit)
        .where(Credit.id.in_(list(reversals)), Credit.state == group[0].state)
        .values(as_before("submitted" if hand == 1 else "second_review"))
        .returning(Credit.id)
        .execution_options(synchronize_session="fetch")
    )
    undone = sorted(moved.scalars())
    if was_posted:
        posting.uncount(session, [served[id_] for id_ in undone])
    role = rules.role_of(actor)
    steps.write(session, (Step(id_, "undone", now, actor.person_id, role, txn_id=reversals[id_]) for id_ in undone))
    return len(undone)


def _reverse(session: Session, actor: Actor, credit: Credit, now: datetime) -> uuid.UUID | None:
    if credit.state != "posted":
        return None
    return posting.reverse(session, credit, actor=actor.public_id, now=now, may_owe=False)


def reopen(session: Session, actor: Actor, credit_id: int, *, reason: str, now: datetime) -> None:
    """Bring a refused credit back to the desk, where it is decided anew from the beginning.

    Raises NotAllowed, AdminCannotCredit, NotFound, SelfApproval, SameHousehold, and NotRefused where it is in
    another state.
    """
    actor.require("coordinator")
    rules.check_no_admin(actor)
    case = cases.cases(session, [credit_id]).get(credit_id)
    refusal = NotFound if case is None else rules.person_check(case, actor)
    if refusal is not None:
        raise refusal
    session.execute(select(Credit.id).where(Credit.id == credit_id).with_for_update())
    if session.scalar(select(Objection.id).where(Objection.credit_id == credit_id, Objection.state == "open")):
        raise AppealOpen
    reopened = (
        update(Credit)
        .where(Credit.id == credit_id, Credit.state == "refused", Credit.txn_id.is_(None))
        .values(as_before("submitted"))
        .returning(Credit.id)
        .execution_options(synchronize_session="fetch")
    )
    try:
        with session.begin_nested():
            moved = session.execute(reopened).scalar_one_or_none()
    except IntegrityError:
        raise CreditedElsewhere from None
    if moved is None:
        raise NotRefused
    steps.write(session, [Step(credit_id, "reopened", now, actor.person_id, rules.role_of(actor), reason=reason)])
