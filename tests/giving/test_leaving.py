"""What is underway when somebody dies or moves away ends well: nobody stands before a door, no hour strands."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from bank import db
from bank.giving import farewells
from bank.members.actor import Actor
from bank.members.standing import Stopped
from bank.services import operations as help_
from bank.services.models import HelpInvitation
from tests.giving.test_farewells import confirmed, open_case
from tests.giving.test_giving import run_jobs
from tests.racing import at_once
from tests.services.homes import HOURS, Homes, build_homes
from tests.world import World

CALLED_OFF = "社区取消了“%(kind)s”，您不用去了，谢谢您。"


@pytest.fixture
def homes(world: World) -> Homes:
    """Residents who ask and neighbours who help."""
    return build_homes(world)


@pytest.mark.parametrize("kind", ["died", "moved"])
def test_nobody_goes_to_the_door_of_who_is_gone(homes: Homes, kind: str) -> None:
    promised, verified, asked = homes.accepted(), homes.verified(minutes=30), homes.ask(minutes=30)
    homes.do("coordinator", help_.invite, verified.public_id, [homes.world.people["panel"].public_id])
    assert homes.has().held == 60
    confirmed(homes.world, "resident", kind)
    assert [homes.get(one).state for one in (promised, verified, asked)] == ["cancelled"] * 3
    assert (homes.has().posted, homes.has().held) == (HOURS, 0)
    assert homes.told("volunteer")[-1] == CALLED_OFF
    with homes.world.write() as session:
        assert set(session.scalars(select(HelpInvitation.state))) <= {"passed", "accepted"}
    homes.at_start(promised, days=2)
    homes.run_jobs()
    assert "no_show" not in {homes.get(one).state for one in (promised, verified, asked)}
    assert homes.told("volunteer")[-1] == CALLED_OFF
    homes.verify()


def test_who_waits_for_a_helper_who_died_is_found_another(homes: Homes) -> None:
    promised, invited = homes.accepted(), homes.verified(minutes=30)
    homes.do("coordinator", help_.invite, invited.public_id, [homes.world.people["panel"].public_id])
    confirmed(homes.world, "volunteer")
    after = homes.get(promised)
    assert (after.state, after.volunteer_id, after.is_first, homes.has().held) == ("verified", None, True, 0)
    assert homes.told("resident")[-1] == "答应来帮您的邻居临时来不了，留着的时长先退给您，我们优先再找人。"
    homes.do("panel", help_.accept, promised.public_id)
    confirmed(homes.world, "panel")
    assert homes.get(promised).state == "verified"
    with homes.world.write() as session:
        assert "open" not in set(session.scalars(select(HelpInvitation.state)))
    homes.verify()


def test_a_visit_somebody_came_to_goes_its_own_way(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request)
    homes.scan(request)
    confirmed(homes.world, "resident")
    assert homes.get(request).state == "in_service"
    for _ in range(3):
        homes.world.clock.now += timedelta(days=20)
        run_jobs(homes.world)
    assert homes.get(request).state in ("resolved", "no_show")
    assert homes.has().held == 0


def test_a_yes_and_a_death_at_once_leave_no_promised_visit(homes: Homes) -> None:
    """Either the yes is undone with the rest, or it comes too late; neither waits for the other for ever."""
    requests = [homes.verified(minutes=30) for _ in range(3)]
    helper, second = homes.world.actor("volunteer"), homes.world.actor("second")
    name = open_case(homes.world, "resident")

    def work(verb: object, actor: Actor, public_id: str) -> object:
        with homes.world.app.app_context(), db.unit_of_work() as session:
            return verb(session, actor, public_id, now=homes.now)  # type: ignore[operator]

    answers = at_once(
        lambda: work(farewells.confirm, second, name),
        *[lambda one=one: work(help_.accept, helper, one.public_id) for one in requests[:1]],
    )
    assert len(answers) == 2
    assert {homes.get(one).state for one in requests} == {"cancelled"}
    assert homes.has().held == 0
    homes.verify()


def test_a_yes_just_given_by_who_moves_away_is_taken_back(homes: Homes) -> None:
    """The farewell begins while the promise is being written, and cannot see it before it waits for the person."""
    request = homes.verified(minutes=30)
    helper, second = homes.world.actor("volunteer"), homes.world.actor("second")
    name = open_case(homes.world, "volunteer", "moved")

    def confirm() -> None:
        with homes.world.app.app_context(), db.unit_of_work() as session:
            farewells.confirm(session, second, name, now=homes.now)

    confirming = threading.Thread(target=confirm)
    with homes.world.write() as session:
        help_.accept(session, helper, request.public_id, now=homes.now)
        confirming.start()
        confirming.join(1)
    confirming.join()
    left = homes.get(request)
    assert (left.state, left.volunteer_id, homes.has().held) == ("verified", None, 0)


def test_who_is_on_the_way_out_asks_for_nothing_new(homes: Homes) -> None:
    before = homes.done()
    confirmed(homes.world, "resident", "moved")
    assert "约好的上门都取消了" in homes.told("resident")[-1]
    for verb, what in ((help_.ask, homes.wish()), (help_.repeat, before.public_id)):
        with pytest.raises(Stopped):
            homes.do("resident", verb, what)
    with pytest.raises(Stopped):
        homes.do("coordinator", help_.ask_for, homes.world.people["resident"], homes.wish(), via="phone")
