"""The trail of a credit: who did what to it, when, and why; rows are only ever added."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy.orm import Session

from bank.credits.models import CreditStep


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the trail; `by` is None where the bank itself acted."""

    credit_id: int
    step: str
    at: datetime
    by_person_id: int | None = None
    role: str | None = None
    amount: int | None = None
    reason: str | None = None
    batch: str | None = None
    txn_id: uuid.UUID | None = None


def write(session: Session, steps: Iterable[Step]) -> None:
    """Add rows to the trail, all in one statement."""
    rows = [{name: getattr(step, name) for name in _COLUMNS} for step in steps]
    if rows:
        session.connection().execute(_ADD, rows)


_COLUMNS = [column.name for column in fields(Step)]
_ADD = CreditStep.__table__.insert()  # type: ignore[attr-defined]
