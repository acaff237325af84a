"""What the database itself refuses of giving, whatever the verbs forgot to ask."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from bank.giving import bonds
from bank.giving.models import Bond, Farewell
from bank.members.models import Person
from tests.giving.test_farewells import confirmed, write_choice
from tests.world import World


def refused(world: World, constraint: str, table: type[Any], name: str, **values: Any) -> None:
    """Write past every verb; the constraint of that name says no."""
    with pytest.raises(IntegrityError, match=constraint), world.write() as session:
        session.execute(update(table).where(table.public_id == name).values(**values))


def written(world: World, table: type[Any], name: str, **values: Any) -> None:
    """Write past every verb, and be let."""
    with world.write() as session:
        session.execute(update(table).where(table.public_id == name).values(**values))


def test_who_stood_by_a_bond_does_not_check_it(world: World) -> None:
    """Neither who typed the asking, nor who typed the yes, nor one of the two."""
    id_of = {who: world.people[who].id for who in ("volunteer", "resident", "coordinator", "second", "admin")}
    with world.write() as session:
        one, other = (session.get_one(Person, id_of[who]) for who in ("volunteer", "resident"))
        name = bonds.ask(session, one, other, kind="parent", now=world.clock.now).public_id
    written(world, Bond, name, agent_id=id_of["coordinator"], answer_agent_id=id_of["second"])
    refused(world, "not_by_who_answered", Bond, name, checked_by=id_of["second"])
    refused(world, "not_by_the_agent", Bond, name, checked_by=id_of["coordinator"])
    refused(world, "checked_by_another", Bond, name, checked_by=id_of["resident"])
    written(world, Bond, name, checked_by=id_of["admin"])


def test_who_wrote_a_familys_choice_down_is_not_its_second(kin: World) -> None:
    """Nor who died, nor the heir; and nobody seconds where nothing is chosen."""
    name = confirmed(kin)
    id_of = {who: kin.people[who].id for who in ("volunteer", "resident", "coordinator", "second")}
    refused(kin, "seconded", Farewell, name, seconded_by=id_of["coordinator"])
    write_choice(kin, name, "heir", "resident")
    for who in ("second", "volunteer", "resident"):
        refused(kin, "seconded", Farewell, name, seconded_by=id_of[who])
    written(kin, Farewell, name, seconded_by=id_of["coordinator"])
    refused(kin, "another", Farewell, name, opened_by=id_of["volunteer"])
    refused(kin, "two_people", Farewell, name, confirmed_by=id_of["coordinator"])
