"""What a random check says of the credit it was about."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from bank.credits.history import Told
from bank.credits.models import Credit
from bank.members.models import Person
from bank.spotchecks.models import SpotCheck, SpotDraw


def told_of(session: Session, credit: Credit) -> Sequence[Told]:
    """Tell when it was drawn, and who found what."""
    row = session.execute(
        select(SpotCheck, SpotDraw.drawn_at, Person.name)
        .join(SpotDraw, SpotDraw.id == SpotCheck.draw_id)
        .outerjoin(Person, Person.id == SpotCheck.assigned_to)
        .where(SpotCheck.credit_id == credit.id)
    ).one_or_none()
    if row is None:
        return []
    check, drawn_at, name = row
    told = [Told("drawn", drawn_at, None, None, None, None, None)]
    if check.answered_at is not None:
        told.append(Told(f"checked_{check.state}", check.answered_at, name, "checker", None, check.words, None))
    return told
