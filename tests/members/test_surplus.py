"""Where minutes go that the account has no room for is each one's own choice, on their page."""

from __future__ import annotations

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from bank.members.models import Person
from tests.world import World


def chosen(world: World) -> str:
    with world.write() as session:
        return session.get_one(Person, world.people["volunteer"].id).surplus_to


@pytest.mark.parametrize(
    ("asked", "kept"), [("pool", "pool"), ("honour", "honour"), ("mine", "honour"), ("", "honour")]
)
def test_a_member_chooses_where_the_surplus_goes(world: World, asked: str, kept: str) -> None:
    assert chosen(world) == "honour"
    page = world.page("volunteer")
    assert page.post("/me/settings", data={"surplus_to": asked, "language": "zh"}).status_code == 303
    assert chosen(world) == kept
    assert f'name="surplus_to" value="{kept}" checked' in page.get("/me").text


def test_the_database_knows_two_places_only(world: World) -> None:
    with pytest.raises(IntegrityError), world.write() as session:
        session.execute(update(Person).values(surplus_to="mine"))
