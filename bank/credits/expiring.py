"""Points whose time is over go to the community's pool."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bank import chart, db
from bank.communities.models import Community

JOB = "job:expire"
"""Who acts where no person does: the rule that was in force when the points were earned."""


def expire_points(session: Session, now: datetime) -> int:
    """Move what ended before today into each community's pool, at most 500 lots of each; give how many lots."""
    done = 0
    for community_id in session.scalars(select(Community.id).where(Community.kind == "community")).all():
        book = db.book(session, community_id, now)
        for unit in chart.UNITS:  # minutes end as well where the pool granted them for a month
            book.open_account(chart.pool(), unit, kind="pool", is_shared=True, session=session)
        done += book.expire(now, to=chart.pool(), actor=JOB, session=session)
    return done
