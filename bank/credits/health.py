"""How well the desk does: what waits and how long, what the evidence is worth, what was refused and doubted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import Session

from bank import chart
from bank.credits.models import Credit, CreditStep, Objection
from bank.credits.rules import REASONS, UNDECIDED

LATE_AFTER = timedelta(days=3)
"""What waits longer is called late: a desk is cleared within a few days (domain.md section 9)."""
MOST_LATE = 20
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Waiting:
    """What lies undecided: how many, for how long the middle one and the oldest, and how many too long."""

    count: int
    median: timedelta | None
    oldest: timedelta | None
    late: int


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided in a span: how long the middle one took, what was let through and what was refused.

    `reasons` counts refusals by the code of their reason; words of one's own count as `other`.
    """

    median: timedelta | None
    approved: int
    refused: int
    over_budget: int
    reasons: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Doubts:
    """Objections and corrections: open ones, those past their day, and how those of the span ended."""

    open: int
    late: int
    escalated: int
    upheld: int
    dismissed: int


def waiting(session: Session, community_id: int, now: datetime) -> Waiting:
    """Measure what lies undecided, in two statements."""
    mine = (Credit.community_id == community_id, Credit.state.in_(UNDECIDED))
    late = func.coalesce(func.sum(case((Credit.created_at < now - LATE_AFTER, 1), else_=0)), 0)
    count, oldest, overdue = session.execute(select(func.count(), func.min(Credit.created_at), late).where(*mine)).one()
    middle = session.scalar(
        select(Credit.created_at).where(*mine).order_by(Credit.created_at).offset(count // 2).limit(1)
    )
    return Waiting(count, now - middle if middle else None, now - oldest if oldest else None, overdue)


def shares(session: Session, community_id: int, since: datetime) -> dict[str, int]:
    """Sum the minutes credited since a moment by class of evidence: A, B and C."""
    rows = session.execute(
        select(Credit.evidence_class, func.sum(Credit.approved_amount))
        .where(
            Credit.community_id == community_id,
            Credit.state == "posted",
            Credit.posted_at >= since,
            Credit.unit == chart.MINUTES,
        )
        .group_by(Credit.evidence_class)
    )
    found = {kind: int(minutes or 0) for kind, minutes in rows}
    return {kind: found.get(kind, 0) for kind in ("A", "B", "C")}


def decided(session: Session, community_id: int, since: datetime) -> Decided:
    """Measure what was decided since a moment, in three statements."""
    first = (Credit.community_id == community_id, Credit.first_at >= since, Credit.first_by.is_not(None))
    over = func.coalesce(func.sum(case((_waited_for_second(), 1), else_=0)), 0)
    count, over_budget = session.execute(select(func.count(), over).where(*first)).one()
    spans = session.execute(
        select(Credit.created_at, Credit.first_at).where(*first).order_by(Credit.id.desc()).limit(2000)
    )
    waits = sorted(done - made for made, done in spans if done)
    refusals = session.execute(
        select(CreditStep.reason, func.count())
        .join(Credit, Credit.id == CreditStep.credit_id)
        .where(Credit.community_id == community_id, CreditStep.step == "refused", CreditStep.at >= since)
        .group_by(CreditStep.reason)
    ).all()
    codes = {sentence: code for code, sentence in REASONS.items()}
    reasons: dict[str, int] = {}
    for reason, times in refusals:
        code = codes.get(reason or "", OTHER)
        reasons[code] = reasons.get(code, 0) + times
    middle = waits[len(waits) // 2] if waits else None
    return Decided(middle, count, sum(reasons.values()), over_budget, reasons)


def _waited_for_second() -> ColumnElement[bool]:
    """Let through first by somebody who neither proposed nor led it: a long day or a spent budget asked for two."""
    asked = or_(Credit.second_by.is_not(None), Credit.state == "second_review")
    strangers = Credit.first_by.not_in([Credit.proposed_by, Credit.person_id])
    return asked & strangers & or_(Credit.leader_id.is_(None), Credit.leader_id != Credit.first_by)


def doubts(session: Session, community_id: int, since: datetime, now: datetime) -> Doubts:
    """Count objections and corrections in one statement."""

    def times(*conditions: Any) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((and_(*conditions), 1), else_=0)), 0)

    is_open = Objection.state == "open"
    lately = Objection.answered_at >= since
    row = session.execute(
        select(
            times(is_open),
            times(is_open, Objection.answer_due_at < now),
            times(is_open, Objection.stage == "last"),
            times(lately, Objection.state == "upheld"),
            times(lately, Objection.state == "dismissed"),
        )
        .join(Credit, Credit.id == Objection.credit_id)
        .where(Credit.community_id == community_id)
    ).one()
    return Doubts(*row)


def late_items(session: Session, community_id: int, now: datetime) -> Sequence[Credit]:
    """Give what waits too long, the oldest first."""
    return session.scalars(
        select(Credit)
        .where(Credit.community_id == community_id, Credit.state.in_(UNDECIDED), Credit.created_at < now - LATE_AFTER)
        .order_by(Credit.created_at)
        .limit(MOST_LATE)
    ).all()
