"""Two relatives with hours, bound by the second approver."""

from __future__ import annotations

import pytest

from bank import chart
from bank.giving import bonds
from bank.members.models import Person
from tests.shop.market import Market, build_market, credit
from tests.world import World


def bind(world: World, one: str = "volunteer", other: str = "resident", kind: str = "parent") -> str:
    """Bind two people as relatives; give the bond's public id."""
    now = world.clock.now
    second = world.actor("second")
    with world.write() as session:
        asker = session.get_one(Person, world.people[one].id)
        relative = session.get_one(Person, world.people[other].id)
        bond = bonds.ask(session, asker, relative, kind=kind, now=now)
        bonds.answer(session, relative, bond.public_id, agrees=True, now=now)
        bonds.check(session, second, bond.public_id, is_right=True, now=now)
        return bond.public_id


@pytest.fixture
def market(world: World) -> Market:
    """The shops of the small world."""
    return build_market(world)


@pytest.fixture
def kin(world: World) -> World:
    """`volunteer`, with 20 hours and 50 points, and `resident`, their parent."""
    credit(world, "volunteer", chart.MINUTES, 1_200)
    credit(world, "volunteer", chart.POINTS, 50)
    bind(world)
    return world
