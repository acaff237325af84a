"""The monthly draw: anybody can repeat it, nobody involved checks, and every outcome leads somewhere."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from bank import jobs
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.credits.models import Credit, Objection
from bank.credits.rules import AdminCannotCredit
from bank.errors import Invalid, NotFound
from bank.members import operations as members
from bank.members.models import Person
from bank.spotchecks import operations as spotchecks
from bank.spotchecks import rules
from bank.spotchecks.models import SpotCheck, SpotDraw
from tests.credits.builders import balance, credit, decide, propose
from tests.credits.races import together
from tests.log.sealed import seal
from tests.world import World

NOVEMBER = date(2026, 11, 1)


def post(world: World, count: int = 1, who: str = "volunteer", **more: Any) -> list[int]:
    """Post so many minutes, one each, by the coordinator alone."""
    ids = [propose(world, who, amount=1, **more) for _ in range(count)]
    decide(world, "coordinator", ids)
    return ids


def draw(world: World) -> int:
    """Let the month end, and draw."""
    world.clock.now = world.clock.now.replace(month=12, day=1, hour=2)
    with world.write() as session:
        return spotchecks.draw_due(session, now=world.clock.now)


def checks(world: World) -> list[SpotCheck]:
    with world.write() as session:
        return list(session.scalars(select(SpotCheck).order_by(SpotCheck.id)))


def the_draw(world: World) -> SpotDraw:
    with world.write() as session:
        return session.scalars(select(SpotDraw)).one()


@pytest.mark.parametrize(
    ("posted", "percent", "drawn"),
    [(0, 5, 0), (1, 5, 1), (20, 5, 1), (21, 5, 2), (40, 5, 2), (41, 5, 3), (7, 100, 7), (7, 0, 0)],
)
def test_the_share_is_rounded_up(posted: int, percent: int, drawn: int) -> None:
    assert rules.how_many(posted, percent) == drawn
    assert len(rules.draw("00", [str(number) for number in range(posted)], percent)) == drawn


def test_the_draw_does_not_depend_on_the_order_of_the_list() -> None:
    names = [f"A{number}" for number in range(100)]
    seed = rules.seed_of(NOVEMBER, "checkpoint 9 aa")
    assert rules.draw(seed, names, 5) == rules.draw(seed, names[::-1], 5)
    assert rules.draw(rules.seed_of(NOVEMBER, "checkpoint 10 aa"), names, 5) != rules.draw(seed, names, 5)


def test_the_month_before_january_is_december() -> None:
    assert rules.month_before(date(2027, 1, 31)) == date(2026, 12, 1)
    assert rules.month_before(date(2026, 12, 1)) == NOVEMBER


def test_a_draw_can_be_repeated_from_what_is_published(world: World) -> None:
    ids = post(world, 25)
    seal(world)
    assert draw(world) == 1
    found = the_draw(world)
    assert (found.month, found.posted, found.drawn, found.percent) == (NOVEMBER, 25, 2, 5)
    assert found.basis.startswith("checkpoint 25 ")
    assert found.seed == rules.seed_of(NOVEMBER, found.basis)
    names = {credit(world, id_).public_id: id_ for id_ in ids}
    assert {check.credit_id for check in checks(world)} == {
        names[name] for name in rules.draw(found.seed, names, found.percent)
    }
    page = world.page(None).get("/board/draws?community=430104001001").text
    assert found.seed in page
    assert found.basis in page


def test_without_a_published_log_the_list_itself_is_the_basis(world: World) -> None:
    post(world, 3)
    draw(world)
    assert the_draw(world).basis.startswith("list 3 ")


def test_a_month_is_drawn_once_and_only_when_it_is_over(world: World) -> None:
    post(world)
    with world.write() as session:
        assert spotchecks.draw_due(session, now=world.clock.now) == 0
    assert draw(world) == 1
    assert draw(world) == 0
    names = [column.key for column in SpotDraw.__table__.columns if column.key != "id"]
    again = insert(SpotDraw).values(**{name: getattr(the_draw(world), name) for name in names})
    with pytest.raises(SQLAlchemyError), world.write() as session:
        session.execute(again)


def test_two_jobs_at_once_draw_one_month(world: World) -> None:
    post(world, 3)
    world.clock.now = world.clock.now.replace(month=12, day=1)
    held = "LOCK TABLE spot_draw IN EXCLUSIVE MODE"
    works = [lambda session: spotchecks.draw_due(session, now=world.clock.now) for _ in range(2)]
    assert sorted(together(world, works, held=held)) == [0, 1]
    assert len(checks(world)) == 1


def test_the_job_draws_and_a_share_of_nothing_draws_nothing(world: World) -> None:
    with world.write() as session:
        home = session.get_one(Community, world.community_id)
        settings = {"notice_days": {"A": 0}, "spot_check_percent": 0}
        communities.adopt_rules(session, home, settings, effective_on=date(2026, 2, 1), now=world.clock.now)
    post(world, 5)
    world.clock.now = world.clock.now.replace(month=12, day=1)
    with world.app.app_context():
        assert jobs.run_due(world.clock.now)["draw_checks"] == 1
    assert (the_draw(world).drawn, checks(world)) == (0, [])


def test_nobody_involved_is_given_a_check(world: World) -> None:
    """The coordinator approved and the panel led: only the second approver is left."""
    post(world, 5, leader_id=world.people["panel"].id)
    draw(world)
    assert {check.assigned_to for check in checks(world)} == {world.people["second"].id}


def test_who_lives_with_somebody_involved_is_not_given_one_either_nor_who_runs_the_platform(world: World) -> None:
    with world.write() as session:
        home = session.get_one(Community, world.community_id)
        second, volunteer = (world.people[who] for who in ("second", "volunteer"))
        moved = update(Person).where(Person.id == second.id).values(household_id=volunteer.household_id)
        session.execute(moved)
        members.grant_role(session, world.people["panel"], "admin", home, now=world.clock.now)
    post(world)
    draw(world)
    assert [check.assigned_to for check in checks(world)] == [None]


@pytest.mark.parametrize("who", ["volunteer", "coordinator", "relative"])
def test_the_database_gives_no_check_to_who_is_involved(world: World, who: str) -> None:
    post(world)
    draw(world)
    with pytest.raises(SQLAlchemyError), world.write() as session:
        session.execute(update(SpotCheck).values(assigned_to=world.people[who].id))


def drawn_for(world: World, who: str = "second") -> str:
    """Post and draw one item and give its check to someone."""
    post(world, leader_id=world.people["panel" if who == "second" else "second"].id)
    draw(world)
    return checks(world)[0].public_id


def outcome(world: World, who: str, check: str, said: str, words: str = "") -> None:
    actor = world.actor(who)
    with world.write() as session:
        spotchecks.answer(session, actor, check, said, words, now=world.clock.now)


@pytest.mark.parametrize("said", ["right", "not_reached"])
def test_an_outcome_is_written_down_once(world: World, said: str) -> None:
    check = drawn_for(world)
    outcome(world, "second", check, said)
    found = checks(world)[0]
    assert (found.state, found.answered_at) == (said, world.clock.now)
    with pytest.raises(spotchecks.AlreadyChecked):
        outcome(world, "second", check, "right")
    assert balance(world, "volunteer") == 1


def test_what_is_not_right_becomes_an_objection_that_somebody_else_answers(world: World) -> None:
    check = drawn_for(world)
    with pytest.raises(Invalid):
        outcome(world, "second", check, "not_right", " ")
    outcome(world, "second", check, "not_right", "本人说那天没有来")
    with world.write() as session:
        doubt = session.scalars(select(Objection)).one()
        assert (doubt.state, doubt.by_person_id, doubt.reason) == (
            "open",
            world.people["second"].id,
            "本人说那天没有来",
        )
    page = world.page("panel").post(
        f"/desk/objections/{doubt.public_id}/answer", data={"verdict": "upheld", "answer": "属实"}
    )
    assert page.status_code == 409
    with world.write() as session:
        home = session.get_one(Community, world.community_id)
        person = members.register(session, home, name="赵敏", now=world.clock.now)
        members.grant_role(session, person, "panel", home, now=world.clock.now)
    world.people["other"] = person
    page = world.page("other").post(
        f"/desk/objections/{doubt.public_id}/answer", data={"verdict": "upheld", "answer": "属实"}
    )
    assert page.status_code == 303
    assert (credit(world, doubt.credit_id).state, balance(world, "volunteer")) == ("reversed", 0)


def test_what_was_reversed_meanwhile_needs_no_objection(world: World) -> None:
    check = drawn_for(world)
    with world.write() as session:
        session.execute(update(Credit).values(state="reversed"))
    outcome(world, "second", check, "not_right", "没有来")
    with world.write() as session:
        assert session.scalars(select(Objection)).all() == []


def test_a_check_is_its_assignees_for_two_weeks_then_whoevers_is_uninvolved(world: World) -> None:
    post(world)
    draw(world)
    check = checks(world)[0]
    mine, other = ("second", "panel") if check.assigned_to == world.people["second"].id else ("panel", "second")
    with pytest.raises(NotFound):
        outcome(world, other, check.public_id, "right")
    world.clock.now += timedelta(days=14)
    with pytest.raises(NotFound):
        outcome(world, other, check.public_id, "right")
    world.clock.now += timedelta(seconds=1)
    with pytest.raises(NotFound):
        outcome(world, "coordinator", check.public_id, "right")
    outcome(world, other, check.public_id, "right")
    assert checks(world)[0].assigned_to == world.people[other].id
    with pytest.raises(NotFound):
        outcome(world, mine, check.public_id, "right")


def test_who_runs_the_platform_checks_nothing(world: World) -> None:
    check = drawn_for(world)
    with world.write() as session:
        home = session.get_one(Community, world.community_id)
        members.grant_role(session, world.people["second"], "admin", home, now=world.clock.now)
    with pytest.raises(AdminCannotCredit):
        outcome(world, "second", check, "right")


def test_the_pages_lead_from_the_list_to_the_outcome(world: World) -> None:
    check = drawn_for(world)
    page = world.page("second")
    assert f"/spot-checks/{check}" in page.get("/spot-checks").text
    assert "问过以后" in page.get(f"/spot-checks/{check}").text
    empty = page.post(f"/spot-checks/{check}/outcome", data={"outcome": "not_right"})
    assert (empty.status_code, "请写一句哪里与事实不符" in empty.text) == (422, True)
    assert page.post(f"/spot-checks/{check}/outcome", data={"outcome": "right"}).status_code == 303
    assert "核查无误" in page.get(f"/spot-checks/{check}").text
    assert "核查无误 1" in world.page(None).get("/board/draws?community=430104001001").text


def test_months_in_which_no_job_ran_are_made_up_for_and_come_out_the_same(world: World) -> None:
    post(world, 25)
    seal(world)
    world.clock.now = world.clock.now.replace(month=12, day=20)
    late = post(world, 3)
    world.clock.now = world.clock.now.replace(year=2027, month=3, day=9)
    with world.write() as session:
        assert spotchecks.draw_due(session, now=world.clock.now) == 2
        found = list(session.scalars(select(SpotDraw).order_by(SpotDraw.month)))
    assert [(one.month, one.posted) for one in found] == [(NOVEMBER, 25), (date(2026, 12, 1), 3)]
    assert found[0].basis.startswith("checkpoint 25 ")
    assert found[0].seed == rules.seed_of(NOVEMBER, found[0].basis)
    names = {credit(world, id_).public_id: id_ for id_ in late}
    drawn = {names[name] for name in rules.draw(found[1].seed, names, 5)}
    assert drawn == {check.credit_id for check in checks(world) if check.draw_id == found[1].id}
    with world.write() as session:
        assert spotchecks.draw_due(session, now=world.clock.now) == 0


@pytest.mark.parametrize(("month", "drawn"), [(11, 1), (12, 0)])
def test_a_draw_is_made_up_for_within_a_year(world: World, month: int, drawn: int) -> None:
    post(world)
    world.clock.now = world.clock.now.replace(year=2027, month=month, day=1)
    with world.write() as session:
        assert spotchecks.draw_due(session, now=world.clock.now) == drawn
