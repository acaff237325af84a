"""What the auditor sees of objections whose days passed, and of items that stand still."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from bank.credits import appeals
from bank.credits.escalating import BY_SILENCE
from bank.credits.models import Credit, CreditStep, Objection
from bank.credits.verdicts import BY_PANEL

MOST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Passed:
    """An objection whose day passed at some stage, with its item: nobody is named. `now_with` is whose turn it is."""

    objection: Objection
    credit: Credit

    @property
    def by_silence(self) -> bool:
        """Tell whether the rule closed it because nobody did."""
        return self.objection.answer in {*BY_SILENCE.values(), *appeals.BY_SILENCE.values()}

    @property
    def by_panel(self) -> bool:
        """Tell whether the panel's votes closed it."""
        said = {*BY_PANEL.values(), *appeals.BY_PANEL.values()}
        return self.objection.stage == "panel" and self.objection.answer in said


def escalated(session: Session, community_id: int, now: datetime) -> list[Passed]:
    """Give the objections whose deadline passed: still waiting, handed on to the last, or closed by the rule."""
    handed_on = exists().where(
        CreditStep.credit_id == Objection.credit_id,
        CreditStep.step == "escalated",
        CreditStep.at >= Objection.created_at,
        or_(Objection.answered_at.is_(None), CreditStep.at <= Objection.answered_at),
    )
    unanswered = (Objection.stage != "answer") & Objection.replied_by.is_(None)
    rows = session.execute(
        select(Objection, Credit)
        .join(Credit, Credit.id == Objection.credit_id)
        .where(
            Credit.community_id == community_id,
            or_(handed_on, unanswered, (Objection.state == "open") & (Objection.answer_due_at < now)),
        )
        .order_by(Objection.answered_at.is_not(None), Objection.answer_due_at, Objection.id)
        .limit(MOST_SHOWN)
    )
    return [Passed(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Still:
    """An item that stands still: an open objection holds it, or the book refuses it. `since` is from when."""

    credit: Credit
    since: datetime | None
    due_at: datetime | None
    stage: str | None


def frozen(session: Session, community_id: int) -> Sequence[Still]:
    """Give what is frozen by an objection and what the book holds up, the longest first."""
    rows = session.execute(
        select(Credit, Objection.created_at, Objection.answer_due_at, Objection.stage)
        .outerjoin(Objection, (Objection.credit_id == Credit.id) & (Objection.state == "open"))
        .where(
            Credit.community_id == community_id,
            or_(Credit.state == "objected", (Credit.state == "in_notice") & Credit.held_up.is_not(None)),
        )
        .order_by(Credit.id)
        .limit(MOST_SHOWN)
    )
    return [Still(credit, since or credit.notice_until, due_at, stage) for credit, since, due_at, stage in rows]
