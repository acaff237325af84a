"""The whole story of a credit, for whoever may see it: steps with names and capacities, notice, objections, book."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from bank.communities.models import RuleVersion
from bank.credits import flags, rules
from bank.credits.models import Credit, CreditStep, Objection, ObjectionVote
from bank.errors import NotFound
from bank.members.models import Person


@dataclass(frozen=True, slots=True)
class Told:
    """One step as it is told; `by` is None where the bank itself acted, or a resident who stays unnamed."""

    step: str
    at: datetime
    by: str | None
    role: str | None
    amount: int | None
    reason: str | None
    txn_id: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class Doubted:
    """An objection, without who raised it."""

    public_id: str
    reason: str
    state: str
    created_at: datetime
    answer_due_at: datetime
    answered_at: datetime | None
    answered_by: str | None
    answer: str | None
    kind: str
    stage: str
    wanted_amount: int | None
    wanted_title: str | None
    is_appeal: bool
    own_words: str | None
    reply: str | None
    replied_by: str | None
    votes: Sequence[Vote]


@dataclass(frozen=True, slots=True)
class Vote:
    """A vote of the panel with its reason, without whose it was."""

    is_upheld: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything behind one credit. `flags` are marked sentences with their facts."""

    credit: Credit
    proposed_by: str
    steps: Sequence[Told]
    flags: Sequence[tuple[str, dict[str, Any]]]
    rules_number: int
    rules_since: date | None
    notice_from: datetime | None
    notice_until: datetime | None
    objections: Sequence[Doubted]
    txn_id: uuid.UUID | None
    reversal_id: uuid.UUID | None
    final_reason: str | None


Beside = Callable[[Session, Credit], Sequence[Told]]
_beside: dict[str, Beside] = {}


def know(name: str, tells: Beside) -> None:
    """Take in what another slice knows of a credit, as its random check; the composition root calls it."""
    _beside[name] = tells


def with_beside(session: Session, credit: Credit, steps: Sequence[Told]) -> list[Told]:
    """Put what other slices know among the steps, by time."""
    more = [told for tells in _beside.values() for told in tells(session, credit)]
    return sorted([*steps, *more], key=lambda told: told.at)


def explain(session: Session, credit: Credit) -> Explanation:
    """Tell a credit's story in four statements; the caller decides who may read it."""
    steps = _steps(session, credit.id)
    proposer = session.get_one(Person, credit.proposed_by).name
    since = session.scalar(
        select(RuleVersion.effective_on).where(
            RuleVersion.community_id == credit.community_id, RuleVersion.number == credit.rules_number
        )
    )
    reversal = next((step.txn_id for step in reversed(steps) if step.step == "reversed"), None)
    return Explanation(
        credit=credit,
        proposed_by=proposer,
        steps=steps,
        flags=[flags.sentence_of(flag) for flag in credit.flags],
        rules_number=credit.rules_number,
        rules_since=since,
        notice_from=credit.notice_from,
        notice_until=credit.notice_until,
        objections=_objections(session, credit.id),
        txn_id=credit.txn_id,
        reversal_id=reversal,
        final_reason=rules.FINAL.get(credit.state),
    )


def of_txn(session: Session, txn_id: uuid.UUID) -> Credit | None:
    """Find the credit behind a posting, or behind the reversal of one; None for other transactions."""
    found = session.scalar(select(Credit).where(Credit.txn_id == txn_id))
    if found is not None:
        return found
    return session.scalar(
        select(Credit).join(CreditStep, CreditStep.credit_id == Credit.id).where(CreditStep.txn_id == txn_id).limit(1)
    )


def with_public_id(session: Session, community_id: int, public_id: str) -> Credit:
    """Find a credit of a community. Raises NotFound."""
    found = session.scalar(select(Credit).where(Credit.public_id == public_id, Credit.community_id == community_id))
    if found is None:
        raise NotFound
    return found


def _steps(session: Session, credit_id: int) -> list[Told]:
    rows = session.execute(
        select(
            CreditStep.step,
            CreditStep.at,
            Person.name,
            CreditStep.role,
            CreditStep.amount,
            CreditStep.reason,
            CreditStep.txn_id,
        )
        .outerjoin(Person, Person.id == CreditStep.by_person_id)
        .where(CreditStep.credit_id == credit_id)
        .order_by(CreditStep.id)
    )
    return [Told(*row) for row in rows]


def _objections(session: Session, credit_id: int) -> list[Doubted]:
    replier = aliased(Person)
    rows = session.execute(
        select(Objection, Person.name, replier.name)
        .outerjoin(Person, Person.id == Objection.answered_by)
        .outerjoin(replier, replier.id == Objection.replied_by)
        .where(Objection.credit_id == credit_id)
        .order_by(Objection.id)
    ).all()
    votes = _votes(session, [row[0].id for row in rows])
    return [_doubted(*row, votes.get(row[0].id, [])) for row in rows]


def _doubted(found: Objection, answered_by: str | None, replied_by: str | None, votes: Sequence[Vote]) -> Doubted:
    return Doubted(
        public_id=found.public_id,
        reason=found.reason,
        state=found.state,
        created_at=found.created_at,
        answer_due_at=found.answer_due_at,
        answered_at=found.answered_at,
        answered_by=answered_by,
        answer=found.answer,
        kind=found.kind,
        stage=found.stage,
        wanted_amount=found.wanted_amount,
        wanted_title=found.wanted_title,
        is_appeal=found.is_appeal,
        own_words=found.own_words,
        reply=found.reply,
        replied_by=replied_by,
        votes=votes,
    )


def _votes(session: Session, objection_ids: Sequence[int]) -> dict[int, list[Vote]]:
    votes: dict[int, list[Vote]] = {}
    if objection_ids:
        chosen = select(ObjectionVote).where(ObjectionVote.objection_id.in_(objection_ids)).order_by(ObjectionVote.id)
        for vote in session.scalars(chosen):
            votes.setdefault(vote.objection_id, []).append(Vote(vote.is_upheld, vote.reason))
    return votes
