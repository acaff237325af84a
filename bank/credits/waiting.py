"""Verbs on a credit that waits for the review panel before the desk may decide: hold, let go, refuse."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from bank.credits import steps
from bank.credits.models import Credit
from bank.credits.steps import Step

PANEL = "panel"


def hold(session: Session, credit: Credit) -> None:
    """Keep an undecided credit from the desk until the panel has spoken."""
    credit.waits_for = PANEL
    session.flush()


def let_go(
    session: Session, credit: Credit, *, step: str, flag: Mapping[str, Any] | None = None, now: datetime
) -> bool:
    """Give a credit to the desk, with a flag to look at; False, and nothing changed, where it waits no more."""
    flags = [*credit.flags, dict(flag)] if flag else list(credit.flags)
    if not _leave(session, credit, {"flags": flags}):
        return False
    steps.write(session, [Step(credit.id, step, now, None, PANEL)])
    return True


def refuse(session: Session, credit: Credit, *, reason: str, now: datetime) -> bool:
    """Refuse a credit by the panel's verdict; False, and nothing changed, where it waits no more."""
    if not _leave(session, credit, {"state": "refused", "reason": reason}):
        return False
    steps.write(session, [Step(credit.id, "refused", now, None, PANEL, reason=reason)])
    return True


def strengthen(
    session: Session,
    credit: Credit,
    *,
    by: int,
    evidence: Mapping[str, Any],
    settles: str,
    at_desk: int | None,
    now: datetime,
) -> bool:
    """Add a witness's word to an undecided credit: class B at least, `evidence` added, the flag `settles` gone.

    `at_desk` scanned the witness's card and counts from now on as a hand in it. False where it is decided.
    """
    values: dict[str, Any] = {
        "evidence_class": "B" if credit.evidence_class == "C" else credit.evidence_class,
        "evidence": {**credit.evidence, **evidence},
        "flags": [flag for flag in credit.flags if flag["code"] != settles],
    }
    if at_desk is not None:
        values["leader_id"] = at_desk
    moved = session.execute(
        update(Credit)
        .where(Credit.id == credit.id, Credit.state == "submitted")
        .values(values)
        .returning(Credit.id)
        .execution_options(synchronize_session="fetch")
    )
    if moved.scalar_one_or_none() is None:
        return False
    steps.write(session, [Step(credit.id, "witnessed", now, by)])
    return True


def _leave(session: Session, credit: Credit, values: Mapping[str, Any]) -> bool:
    moved = session.execute(
        update(Credit)
        .where(Credit.id == credit.id, Credit.state == "submitted", Credit.waits_for == PANEL)
        .values(waits_for=None, **values)
        .returning(Credit.id)
        .execution_options(synchronize_session="fetch")
    )
    return moved.scalar_one_or_none() is not None
