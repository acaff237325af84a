"""A resident somebody made up: whoever registered them, or lives with who did, credits them nothing alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from bank.credits.models import Credit
from bank.jobs import run_due
from bank.members.models import Person
from tests.credits.builders import add_coordinator, approve, credit, propose
from tests.world import World


def newcomer(world: World, *, by: str = "coordinator") -> Person:
    return world.add_person("ghost", "新来", vouched_by=world.people[by].id)


@pytest.mark.parametrize("over", [0, 1])
def test_whoever_registered_somebody_is_a_hand_to_the_last_day(world: World, over: int) -> None:
    newcomer(world)
    world.clock.now += timedelta(days=90, seconds=over - 1)
    with world.app.app_context():
        run_due(world.clock.now)
    expected = ("posted", None) if over else ("second_review", None)
    assert approve(world, "coordinator", propose(world, "ghost")) == expected


def test_a_second_person_or_another_coordinator_lets_it_through(world: World) -> None:
    newcomer(world)
    add_coordinator(world)
    first, second = propose(world, "ghost"), propose(world, "ghost")
    assert approve(world, "other", first) == ("posted", None)
    approve(world, "coordinator", second)
    assert approve(world, "coordinator", second)[1] == "second_person_required"
    assert approve(world, "second", second) == ("posted", None)


def test_the_household_of_who_registered_them_is_as_close(world: World) -> None:
    add_coordinator(world)
    newcomer(world, by="other")
    with world.write() as session:
        home = session.get_one(Person, world.people["coordinator"].id).household_id
        session.get_one(Person, world.people["other"].id).household_id = home
    assert approve(world, "coordinator", propose(world, "ghost"))[0] == "second_review"


def test_the_database_refuses_it_whatever_the_code_believes(world: World) -> None:
    newcomer(world)
    credit_id = propose(world, "ghost")
    decided = {"state": "posted", "first_by": world.people["coordinator"].id, "approved_amount": 60}
    minting = update(Credit).where(Credit.id == credit_id).values(**decided)
    with pytest.raises(SQLAlchemyError, match="whoever registered a newcomer"), world.write() as session:
        session.execute(minting)
    assert credit(world, credit_id).state == "submitted"


def test_the_desk_registers_in_its_own_name(world: World) -> None:
    given = {"name": "赵一"}
    answered = world.page("coordinator").post("/people/new", data=given)
    assert answered.status_code == 303
    with world.write() as session:
        found = session.query(Person).filter_by(name="赵一").one()
        assert found.vouched_by == world.people["coordinator"].id
