"""Routes of random checks. Each check is the one who asks for it, where they may check at all; else the panel's."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from bank.spotchecks.models import SpotCheck, SpotDraw
from tests.access.rows import EVERYONE, Call, Row
from tests.credits.builders import propose
from tests.world import World

CHECKERS = ("coordinator", "second", "panel")


def check_of(world: World, who: str) -> Call:
    """Draw a credit of the volunteer's and give it to `who`, or to the panel."""
    credit_id = propose(world)
    mine = world.people[who if who in CHECKERS else "panel"].id
    with world.write() as session:
        draw = session.scalar(select(SpotDraw).limit(1)) or SpotDraw(
            community_id=world.community_id,
            month=date(2026, 10, 1),
            percent=5,
            basis="list 1 x",
            seed="0" * 64,
            posted=1,
            drawn=1,
            drawn_at=world.clock.now,
        )
        session.add(draw)
        session.flush()
        check = SpotCheck(public_id=f"C{credit_id:07}", draw_id=draw.id, credit_id=credit_id, assigned_to=mine)
        session.add(check)
    return Call({"public_id": check.public_id}, {"outcome": "right"})


ROWS = (
    Row("GET", "/spot-checks", CHECKERS),
    Row("GET", "/spot-checks/<public_id>", CHECKERS, prepare=check_of),
    Row("POST", "/spot-checks/<public_id>/outcome", CHECKERS, answer=303, prepare=check_of),
    Row("GET", "/board/draws", EVERYONE),
)
