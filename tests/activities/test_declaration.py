"""What does not count is asked at publication, who leads is named, and a home service has its longest time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError

from bank.activities import rules
from bank.activities.models import Activity
from tests.access.activities import form
from tests.checkin.street import PLAN, planned, published, rfc
from tests.world import World

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def publish(world: World, name: str, said: dict[str, Any]) -> Any:
    return world.api("coordinator", "POST", f"/activities/{name}/publication", said)


def of(world: World, name: str) -> Activity:
    with world.write() as session:
        return session.scalars(select(Activity).where(Activity.public_id == name)).one()


def test_publication_keeps_who_said_that_it_counts_and_when(world: World) -> None:
    found = of(world, published(world))
    assert (found.declared_by, found.declared_at) == (world.people["coordinator"].id, world.clock.now)


@pytest.mark.parametrize("what", rules.EXCLUSIONS)
@SQLITE
def test_what_does_not_count_is_refused_in_the_rules_words(world: World, what: str) -> None:
    name = planned(world)["id"]
    answer = publish(world, name, {"none_of_these": True, "applies": [what]})
    assert answer.status_code == 422
    assert "不计入时长" in answer.json["errors"]["declaration"][0]
    assert of(world, name).state == "draft"


@SQLITE
def test_a_program_that_publishes_says_that_it_counts_and_the_page_asks(world: World) -> None:
    name = planned(world)["id"]
    page = world.page("coordinator")
    assert page.post(f"/activities/{name}/publication", data={}).status_code == 422
    assert publish(world, name, {"none_of_these": False}).status_code == 422
    assert of(world, name).state == "draft"
    assert publish(world, name, {}).status_code == 201
    found = of(world, name)
    assert (found.declared_by, found.declared_at) == (world.people["coordinator"].id, world.clock.now)


def test_the_database_publishes_nothing_undeclared(world: World) -> None:
    name = planned(world)["id"]
    wrong = {"state": "published", "published_at": world.clock.now}
    with pytest.raises(SQLAlchemyError), world.write() as session:
        session.execute(update(Activity).where(Activity.public_id == name).values(**wrong))


@SQLITE
def test_the_page_keeps_what_was_ticked(world: World) -> None:
    name = planned(world)["id"]
    answer = world.page("coordinator").post(f"/activities/{name}/publication", data={"applies_paid": "1"})
    assert answer.status_code == 422
    assert "不能作为计时的活动发布" in answer.text
    assert 'name="applies_paid" value="1" checked' in answer.text


@SQLITE
def test_the_leader_is_the_planner_unless_somebody_is_named(world: World) -> None:
    page = world.page("coordinator")
    own = page.post("/activities/new", data=form(world)).headers["Location"].rsplit("/", 1)[-1]
    card = world.people["resident"].public_id
    typed = {**form(world), "title": "湖边下棋", "leader": f"{card[:4]} {card[4:].lower()}"}
    named = page.post("/activities/new", data=typed).headers["Location"].rsplit("/", 1)[-1]
    leaders = [of(world, name).leader_id for name in (own, named)]
    assert leaders == [world.people["coordinator"].id, world.people["resident"].id]
    assert card in page.get(f"/activities/{named}/edit").text
    wrong = page.post("/activities/new", data={**typed, "title": "湖边唱歌", "leader": "ZZZZZZZZ"})
    assert (wrong.status_code, "没有找到这张卡" in wrong.text) == (422, True)


@SQLITE
@pytest.mark.parametrize(("minutes", "status"), [(240, 201), (241, 422)])
def test_a_home_service_lasts_four_hours_at_most(world: World, minutes: int, status: int) -> None:
    starts_at = world.clock.now + timedelta(hours=1)
    ends_at = starts_at + timedelta(minutes=minutes)
    body = {**PLAN, "category": "home_service", "starts_at": rfc(starts_at), "ends_at": rfc(ends_at)}
    assert world.api("coordinator", "POST", "/activities", body).status_code == status
