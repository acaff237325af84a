"""Builders for tests of paper rosters."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from bank.activities.models import Activity
from bank.credits.models import Credit
from bank.deeds import photos
from bank.sheets import confirming, keying
from bank.sheets import operations as sheets
from tests.checkin.street import published
from tests.deeds.pictures import photo
from tests.world import World

WHY = "字迹对不上"


def held(world: World, **more: Any) -> str:
    """Hold an activity of two hours and close it; give its public id. The clock stands an hour after its end."""
    name = published(world, **more)
    world.clock.advance(hours=4)  # type: ignore[attr-defined]
    with world.write() as session:
        activity = session.scalars(select(Activity).where(Activity.public_id == name)).one()
        activity.closed_at = world.clock.now
    return name


def begun(world: World, activity: str, *who: str, by: str = "coordinator") -> str:
    """Begin a sheet with these people on it; give its public id."""
    actor = world.actor(by)
    with world.write() as session:
        sheet = keying.begin(session, actor, activity, now=world.clock.now).public_id
        for name in who:
            keying.add_line(session, actor, sheet, world.people[name].public_id, now=world.clock.now)
    return sheet


def handed_in(world: World, activity: str, *who: str, by: str = "coordinator") -> str:
    """Hand a photographed sheet in; give its public id."""
    sheet, actor = begun(world, activity, *who, by=by), world.actor(by)
    with world.write() as session:
        keying.attach(session, actor, sheet, photos.prepare(photo()), now=world.clock.now)
        keying.hand_in(session, actor, sheet, now=world.clock.now)
    return sheet


def confirm(world: World, sheet: str, by: str = "second", *, struck: tuple[str, ...] = ()) -> list[int]:
    """Confirm a sheet, without the lines of some; give the credits' ids."""
    actor = world.actor(by)
    with world.write() as session:
        found, _ = sheets.find(session, actor, sheet)
        names = {world.people[who].id for who in struck}
        lines = [one.line.id for one in sheets.lines(session, found) if one.person.id in names]
        return confirming.confirm(
            session, actor, sheet, struck=lines, reason=WHY if struck else None, now=world.clock.now
        )


def credits_of(world: World, who: str) -> list[Credit]:
    """Give a person's credits, the oldest first."""
    with world.write() as session:
        mine = select(Credit).where(Credit.person_id == world.people[who].id).order_by(Credit.id)
        return list(session.scalars(mine))
