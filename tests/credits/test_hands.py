"""Nobody mints alone: proposer, leader, first and second decider and the person are different people and households."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import pytest
from sqlalchemy import insert, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from bank import chart
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.credits import desk, objections
from bank.credits import operations as credits
from bank.credits.models import Credit, Objection
from bank.credits.rules import AdminCannotCredit, SecondPersonRequired
from bank.members import operations as members
from bank.members.models import Household, Person
from tests.credits.builders import add_coordinator, approve, balance, credit, decide, propose
from tests.credits.races import together
from tests.world import World


def move_in(world: World, who: str, *, with_: str, role: str = "coordinator") -> None:
    """Add somebody with a role who lives with someone else."""
    home = world.people[with_].household_id
    with world.write() as session:
        door = session.get_one(Household, home)
    person = world.add_person(who, f"家人{who}", household=door)
    give(world, person, role)


def give(world: World, person: Person, role: str) -> None:
    with world.write() as session:
        home = session.get_one(Community, world.community_id)
        members.grant_role(session, session.get_one(Person, person.id), role, home, now=world.clock.now)


def led(world: World, leader: str, **more: Any) -> int:
    """Propose an hour earned at an activity that someone led."""
    return propose(world, leader_id=world.people[leader].id, **more)


def test_who_led_the_activity_cannot_let_it_through_alone(world: World) -> None:
    credit_id = led(world, "coordinator")
    assert approve(world, "coordinator", credit_id) == ("second_review", None)
    assert approve(world, "coordinator", credit_id) == ("second_review", "second_person_required")
    assert approve(world, "second", credit_id) == ("posted", None)


def test_who_lives_with_the_leader_cannot_either(world: World) -> None:
    credit_id = led(world, "relative")
    assert approve(world, "coordinator", credit_id) == ("second_review", None)
    assert approve(world, "second", credit_id) == ("posted", None)


def test_a_leader_who_is_neither_decides_nothing_for_the_rest(world: World) -> None:
    assert approve(world, "coordinator", led(world, "panel")) == ("posted", None)


def test_who_lives_with_the_proposer_needs_a_second_person(world: World) -> None:
    credit_id = propose(world, by="relative")
    assert approve(world, "coordinator", credit_id) == ("second_review", None)
    assert approve(world, "second", credit_id) == ("posted", None)


@pytest.mark.parametrize("with_", ["coordinator", "panel", "resident"])
def test_the_second_person_lives_with_none_of_the_others(world: World, with_: str) -> None:
    """The coordinator approves first, the panel's member led, the resident told it."""
    move_in(world, "kin", with_=with_, role="second_approver")
    credit_id = led(world, "panel", by="resident", amount=600)
    assert approve(world, "coordinator", credit_id) == ("second_review", None)
    assert approve(world, "kin", credit_id, reason="值守") == ("second_review", "second_person_required")
    kin = world.actor("kin")
    with world.write() as session:
        assert desk.numbers(session, kin, now=world.clock.now).waiting == 0
    assert approve(world, "second", credit_id, reason="值守") == ("posted", None)


def test_holding_both_permissions_does_not_make_two_people(world: World) -> None:
    give(world, world.people["coordinator"], "second_approver")
    credit_id = led(world, "coordinator")
    assert approve(world, "coordinator", credit_id) == ("second_review", None)
    assert approve(world, "coordinator", credit_id) == ("second_review", "second_person_required")


def _posted(world: World, **more: Any) -> dict[str, object]:
    """Give the row of a posted hour of the volunteer's, approved by the coordinator."""
    known = credit(world, propose(world))
    names = [column.key for column in Credit.__table__.columns if column.key != "id"]
    row = {name: getattr(known, name) for name in names}
    people = {name: world.people[who].id for name, who in more.items()}
    fresh = {"public_id": "ZZZZZZZZ", "source": "attendance:999999", "state": "posted", "approved_amount": 60}
    return {**row, **fresh, "first_by": world.people["coordinator"].id, **people}


WRONG: list[dict[str, str]] = [
    {"first_by": "volunteer"},
    {"person_id": "relative"},
    {"proposed_by": "coordinator"},
    {"proposed_by": "relative"},
    {"leader_id": "coordinator"},
    {"leader_id": "relative"},
    {"leader_id": "panel", "second_by": "panel"},
    {"second_by": "coordinator"},
    {"second_by": "relative"},
    {"second_by": "volunteer"},
    {"proposed_by": "resident", "second_by": "resident"},
    {"first_by": "admin"},
    {"second_by": "admin"},
]


@pytest.mark.parametrize("who", WRONG, ids=str)
def test_the_database_refuses_what_one_pair_of_hands_did(world: World, who: dict[str, str]) -> None:
    row = _posted(world, **who)
    with pytest.raises(SQLAlchemyError), world.write() as session:
        session.execute(insert(Credit).values(**row))


@pytest.mark.parametrize(
    "who", [{}, {"leader_id": "panel"}, {"leader_id": "coordinator", "second_by": "second"}], ids=str
)
def test_the_database_takes_what_two_people_did(world: World, who: dict[str, str]) -> None:
    row = _posted(world, **who)
    with world.write() as session:
        session.execute(insert(Credit).values(**row))


@pytest.mark.parametrize(
    "change", [{"first_by": "relative"}, {"second_by": "relative"}, {"first_by": "admin"}], ids=str
)
def test_the_database_refuses_it_in_a_change_too(world: World, change: dict[str, str]) -> None:
    credit_id = led(world, "coordinator", by="panel")
    approve(world, "coordinator", credit_id)
    give(world, world.people["relative"], "coordinator")
    wrong = {name: world.people[who].id for name, who in change.items()} | {"state": "in_notice"}
    with pytest.raises(SQLAlchemyError), world.write() as session:
        session.execute(update(Credit).where(Credit.id == credit_id).values(**wrong))


def test_who_moves_in_afterwards_keeps_nothing_from_being_posted(world: World) -> None:
    credit_id = propose(world, evidence_class="B")
    assert approve(world, "coordinator", credit_id) == ("in_notice", None)
    with world.write() as session:
        home = world.people["coordinator"].household_id
        session.execute(update(Person).where(Person.id == world.people["volunteer"].id).values(household_id=home))
    world.clock.advance(days=10)  # type: ignore[attr-defined]
    with world.write() as session:
        assert credits.post_due(session, now=world.clock.now) == 1


def _objected(world: World, **more: Any) -> str:
    credit_id = propose(world, evidence_class="B", **more)
    approve(world, "coordinator", credit_id)
    actor, public_id = world.actor("resident"), credit(world, credit_id).public_id
    with world.write() as session:
        return objections.object_to(session, actor, public_id, reason="没看到", now=world.clock.now).public_id


@pytest.mark.parametrize("with_", ["coordinator", "panel"])
def test_who_lives_with_somebody_involved_answers_no_objection(world: World, with_: str) -> None:
    move_in(world, "kin", with_=with_, role="panel")
    doubt = _objected(world, leader_id=world.people["panel"].id)
    answer = partial(objections.answer, is_upheld=False, words="核实过", now=world.clock.now)
    kin, second = world.actor("kin"), world.actor("second")
    with pytest.raises(SecondPersonRequired), world.write() as session:
        answer(session, kin, doubt)
    wrong = {"state": "dismissed", "answered_by": world.people["kin"].id, "answered_at": world.clock.now}
    with pytest.raises(SQLAlchemyError), world.write() as session:
        session.execute(update(Objection).where(Objection.public_id == doubt).values(**wrong))
    with world.write() as session:
        answer(session, second, doubt)


VERBS: dict[str, Callable[[Session, World, Any], object]] = {
    "decide": lambda s, w, who: credits.decide(s, who, [1], "approve", now=w.clock.now),
    "refuse": lambda s, w, who: credits.decide(s, who, [1], "reject", reason="x", now=w.clock.now),
    "undo": lambda s, w, who: credits.undo(s, who, "x", now=w.clock.now),
    "reopen": lambda s, w, who: credits.reopen(s, who, 1, reason="x", now=w.clock.now),
    "answer": lambda s, w, who: objections.answer(s, who, "x", is_upheld=False, words="x", now=w.clock.now),
}


@pytest.mark.parametrize("verb", VERBS)
def test_who_runs_the_platform_decides_nothing_whatever_else_they_may(world: World, verb: str) -> None:
    for role in ("coordinator", "second_approver", "panel"):
        give(world, world.people["admin"], role)
    who = world.actor("admin")
    with pytest.raises(AdminCannotCredit), world.write() as session:
        VERBS[verb](session, world, who)


@pytest.mark.parametrize(
    "path",
    ["/desk/decisions", "/desk/undo", "/desk/items/{item}/reopening", "/desk/objections/{doubt}/answer"],
)
def test_no_route_lets_them_decide(world: World, path: str) -> None:
    for role in ("coordinator", "second_approver", "panel"):
        give(world, world.people["admin"], role)
    doubt = _objected(world)
    refused = propose(world, "resident")
    decide(world, "coordinator", [refused], "reject", reason="没来")
    item = credit(world, refused).public_id
    waiting = propose(world)
    form = {"ids": credit(world, waiting).public_id, "decision": "approve", "batch": "x", "reason": "x"}
    address = path.format(item=item, doubt=doubt)
    answer = world.page("admin").post(address, data={**form, "verdict": "dismissed", "answer": "x"})
    assert answer.status_code == 403
    assert (credit(world, waiting).state, credit(world, refused).state) == ("submitted", "refused")
    assert "平台管理员不能审核" in world.page("admin").get(f"/desk/items/{form['ids']}").text


def test_a_coordinator_who_runs_the_platform_is_no_coordinator_to_wait_for(world: World) -> None:
    give(world, world.people["coordinator"], "admin")
    credit_id = propose(world)
    assert approve(world, "second", credit_id) == ("posted", None)


def spend_at_most(world: World, **settings: int) -> None:
    """Adopt rules, number 2, with such budgets."""
    with world.write() as session:
        home = session.get_one(Community, world.community_id)
        adopted = {"notice_days": {"A": 0}, **settings}
        communities.adopt_rules(session, home, adopted, effective_on=date(2026, 2, 1), now=world.clock.now)


def test_what_exceeds_the_weeks_budget_needs_a_second_person(world: World) -> None:
    spend_at_most(world, issue_minutes_per_week=120)
    first, exact, over = (propose(world, who, rules_number=2) for who in ("volunteer", "resident", "panel"))
    states = [outcome.state for outcome in decide(world, "coordinator", [first, exact, over])]
    assert states == ["posted", "posted", "second_review"]
    assert approve(world, "second", over) == ("posted", None)
    assert "本周还能单独通过" in world.page("coordinator").get("/desk").text


def test_the_budget_is_each_coordinators_own_and_begins_anew_on_monday(world: World) -> None:
    spend_at_most(world, issue_minutes_per_week=60)
    add_coordinator(world)
    assert approve(world, "coordinator", propose(world, rules_number=2)) == ("posted", None)
    assert approve(world, "other", propose(world, "resident", rules_number=2)) == ("posted", None)
    world.clock.advance(days=6, hours=14)  # type: ignore[attr-defined]
    assert approve(world, "coordinator", propose(world, rules_number=2)) == ("second_review", None)
    world.clock.advance(hours=2)  # type: ignore[attr-defined]
    assert approve(world, "coordinator", propose(world, rules_number=2)) == ("posted", None)


def test_points_have_a_budget_of_their_own(world: World) -> None:
    spend_at_most(world, issue_minutes_per_week=60, issue_points_per_week=10, deed_notice_days=0)
    points = {"unit": chart.POINTS, "amount": 10, "evidence_class": "B", "rules_number": 2}
    assert approve(world, "coordinator", propose(world, rules_number=2)) == ("posted", None)
    assert approve(world, "coordinator", propose(world, **points)) == ("posted", None)
    assert approve(world, "coordinator", propose(world, **{**points, "amount": 1})) == ("second_review", None)


def test_two_taps_of_one_coordinator_at_once_do_not_spend_the_budget_twice(world: World) -> None:
    spend_at_most(world, issue_minutes_per_week=60)
    ids = [propose(world, who, rules_number=2) for who in ("volunteer", "resident")]
    actor = world.actor("coordinator")
    works = [lambda s, id_=id_: credits.decide(s, actor, [id_], "approve", now=world.clock.now) for id_ in ids]
    held = f"SELECT id FROM person WHERE id = {actor.person_id} FOR UPDATE"
    found = together(world, works, held=held)
    assert sorted(outcome.state for (outcome,) in found) == ["posted", "second_review"]


def test_two_postings_of_one_person_at_once_do_not_fill_one_room_twice(world: World) -> None:
    spend_at_most(world, balance_cap_minutes=90)
    add_coordinator(world)
    pairs = [(world.actor(who), propose(world, rules_number=2)) for who in ("coordinator", "other")]
    works = [
        lambda s, who=who, id_=id_: credits.decide(s, who, [id_], "approve", now=world.clock.now) for who, id_ in pairs
    ]
    held = f"SELECT id FROM person WHERE id = {world.people['volunteer'].id} FOR UPDATE"
    together(world, works, held=held)
    surplus = [credit(world, id_).surplus or 0 for _, id_ in pairs]
    assert (balance(world, "volunteer"), sorted(surplus)) == (90, [0, 30])
