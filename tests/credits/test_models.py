"""What the database itself refuses, and the shape of the graph of states."""

from __future__ import annotations

import itertools

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from bank.credits import rules, words
from bank.credits.models import STATES, STEPS, Credit
from bank.spotchecks.rules import OUTCOMES
from tests.credits.builders import approve, decide, propose
from tests.world import World


def test_every_state_can_be_left_or_is_final_with_a_reason() -> None:
    for state in STATES:
        assert bool(rules.TRANSITIONS.get(state)) != bool(rules.FINAL.get(state)), state


def test_every_state_can_be_reached_from_a_proposal() -> None:
    reached, edge = {"submitted"}, {"submitted"}
    while edge:
        edge = set(itertools.chain.from_iterable(rules.TRANSITIONS.get(state, ()) for state in edge)) - reached
        reached |= edge
    assert reached == set(STATES)


def test_from_every_state_the_end_can_be_reached() -> None:
    for state in STATES:
        seen, edge = {state}, {state}
        while edge:
            edge = set(itertools.chain.from_iterable(rules.TRANSITIONS.get(one, ()) for one in edge)) - seen
            seen |= edge
        assert seen & {"posted", "refused", "reversed", "void"}, state


def test_every_state_and_step_has_words() -> None:
    assert set(words.STATES) == set(STATES)
    assert set(words.STEPS) == set(STEPS)
    assert {f"checked_{state}" for state in OUTCOMES} | {"declared", "drawn"} == set(words.TOLD) - set(STEPS)


@pytest.mark.parametrize(
    "change",
    [
        {"first_by": "volunteer"},
        {"second_by": "volunteer"},
        {"second_by": "coordinator"},
        {"approved_amount": 61},
        {"state": "in_notice", "first_by": None},
        {"state": "posted", "approved_amount": None},
        {"evidence_class": "D"},
        {"unit": "CNY"},
    ],
    ids=str,
)
def test_the_database_refuses_what_no_rule_allows(world: World, change: dict[str, object]) -> None:
    credit_id = propose(world)
    approve(world, "coordinator", credit_id)
    values = {name: world.people[value].id if value in world.people else value for name, value in change.items()}  # type: ignore[index, operator]
    with pytest.raises(IntegrityError), world.write() as session:
        session.execute(update(Credit).where(Credit.id == credit_id).values(values))


def test_the_database_refuses_one_pair_of_hands(world: World) -> None:
    credit_id = propose(world, by="coordinator")
    me = world.people["coordinator"].id
    with pytest.raises(IntegrityError), world.write() as session:
        session.execute(
            update(Credit).where(Credit.id == credit_id).values(state="posted", first_by=me, approved_amount=60)
        )


def test_the_database_refuses_to_make_honour_hours_spendable(world: World) -> None:
    credit_id = propose(world)
    approve(world, "coordinator", credit_id)
    with pytest.raises(IntegrityError), world.write() as session:
        session.execute(update(Credit).where(Credit.id == credit_id).values(evidence_class="C"))


def test_one_fact_is_proposed_once(world: World) -> None:
    propose(world, source="attendance:one")
    with pytest.raises(IntegrityError):
        propose(world, source="attendance:one")


@pytest.mark.parametrize("kind", ["change", "delete", "replace"])
def test_steps_are_only_ever_added(world: World, kind: str) -> None:
    decide(world, "coordinator", [propose(world)])
    with world.write() as session:
        is_postgres = session.get_bind().dialect.name == "postgresql"
    replace = "INSERT OR REPLACE INTO credit_step (id, credit_id, step, at) VALUES (1, 1, 'x', 1)"
    statements = {
        "change": "UPDATE credit_step SET reason = 'x'",
        "delete": "DELETE FROM credit_step",
        "replace": "TRUNCATE credit_step" if is_postgres else replace,
    }
    with pytest.raises(SQLAlchemyError, match="refuses"), world.write() as session:
        session.execute(text(statements[kind]))
