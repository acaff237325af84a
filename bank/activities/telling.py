"""What an activity says of the credits earned at it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from bank.activities.models import Activity
from bank.credits.history import Told
from bank.credits.models import Credit
from bank.members.models import Person


def declared(session: Session, credit: Credit) -> Sequence[Told]:
    """Tell who declared, at publication, that the activity counts."""
    if credit.activity_id is None:
        return []
    row = session.execute(
        select(Activity.declared_at, Person.name)
        .join(Person, Person.id == Activity.declared_by)
        .where(Activity.id == credit.activity_id, Activity.declared_at.is_not(None))
    ).one_or_none()
    return [Told("declared", row[0], row[1], "leader", None, None, None)] if row and row[0] else []
