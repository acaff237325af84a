"""Witnesses: another household, by scan or by card, and what their word changes."""

from __future__ import annotations

import pytest
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from bank.credits.voting import InConflict
from bank.deeds import witnessing
from bank.deeds.models import Deed, DeedWitness
from bank.deeds.witnessing import AlreadyWitnessed, JudgeIsNoWitness, NotAWitness, TooLateToWitness
from bank.errors import NotAllowed, NotFound
from bank.members.models import Person
from tests.credits.builders import approve
from tests.credits.races import together
from tests.credits.test_objections import refusal_of
from tests.deeds.test_judging import judged, vote
from tests.deeds.test_operations import credit_of, tell
from tests.world import World


def scan(world: World, who: str, deed: Deed) -> None:
    actor = world.actor(who)
    with world.write() as session:
        witnessing.witness_by_scan(session, actor, str(deed.witness_code), now=world.clock.now)


def by_card(world: World, by: str, owner: str, deed: Deed, *, has_pin: bool) -> None:
    actor = world.actor(by)
    with world.write() as session:
        person = session.get_one(Person, world.people[owner].id)
        witnessing.witness_by_card(session, actor, deed.public_id, person, has_pin=has_pin, now=world.clock.now)


def force(world: World, deed: Deed, who: str, *, via: str, keyed_by: int | None = None) -> None:
    """Add a witness past the code that decides."""
    with world.write() as session:
        person_id = world.people[who].id
        session.add(DeedWitness(deed_id=deed.id, person_id=person_id, via=via, keyed_by=keyed_by, at=world.clock.now))


def test_a_witness_makes_class_b_and_settles_the_doubt(world: World) -> None:
    deed = tell(world)
    scan(world, "resident", deed)
    credit = credit_of(world, deed)
    assert (credit.evidence_class, credit.flags, credit.evidence["witnesses"]) == ("B", [], 1)
    scan(world, "shop", deed)
    assert credit_of(world, deed).evidence["witnesses"] == 2
    with pytest.raises(AlreadyWitnessed):
        scan(world, "shop", deed)


def test_a_card_and_its_pin_do_the_same_on_the_doers_phone(world: World) -> None:
    deed = tell(world)
    by_card(world, "volunteer", "resident", deed, has_pin=True)
    assert credit_of(world, deed).evidence_class == "B"
    with pytest.raises(NotAllowed):
        by_card(world, "volunteer", "shop", deed, has_pin=False)
    with pytest.raises(NotFound):
        by_card(world, "auditor", "shop", deed, has_pin=True)


def test_whoever_scanned_a_card_at_the_desk_does_not_decide_alone(world: World) -> None:
    deed = tell(world)
    by_card(world, "coordinator", "resident", deed, has_pin=False)
    assert approve(world, "coordinator", credit_of(world, deed).id) == ("second_review", None)


@pytest.mark.parametrize("side", ["volunteer", "resident"])
def test_neither_side_nor_their_household_bears_witness(world: World, side: str) -> None:
    deed = tell(world, of="resident")
    with pytest.raises(NotAWitness):
        scan(world, side, deed)
    with world.write() as session:
        home = world.people[side].household_id
        session.execute(update(Person).where(Person.id == world.people["shop"].id).values(household_id=home))
    with pytest.raises(NotAWitness):
        scan(world, "shop", deed)
    with pytest.raises(SQLAlchemyError):
        force(world, deed, "shop", via="scan")


def test_a_nominator_of_the_desk_cannot_bring_a_drawer_of_cards(world: World) -> None:
    deed = tell(world, "coordinator", of="volunteer")
    with pytest.raises(NotAllowed):
        by_card(world, "coordinator", "resident", deed, has_pin=False)
    with pytest.raises(SQLAlchemyError):
        force(world, deed, "resident", via="card", keyed_by=world.people["coordinator"].id)


def test_a_judge_is_no_witness_and_a_witness_no_judge(world: World) -> None:
    deed = judged(world)
    vote(world, "panel", deed)
    with pytest.raises(JudgeIsNoWitness):
        scan(world, "panel", deed)
    scan(world, "judge1", deed)
    with pytest.raises(InConflict):
        vote(world, "judge1", deed)


def test_after_the_decision_no_witness_is_needed(world: World) -> None:
    deed = tell(world)
    approve(world, "coordinator", credit_of(world, deed).id)
    with pytest.raises(TooLateToWitness):
        scan(world, "resident", deed)
    with world.write() as session:
        assert session.query(DeedWitness).count() == 0


def test_one_witness_who_taps_twice_at_once_counts_once(world: World) -> None:
    deed, actor = tell(world), world.actor("resident")

    def tapping(session: Session) -> str:
        return refusal_of(
            lambda session: witnessing.witness_by_scan(session, actor, str(deed.witness_code), now=world.clock.now),
            session,
        )

    held = f"SELECT id FROM credit WHERE id = {deed.credit_id} FOR UPDATE"
    assert sorted(together(world, [tapping] * 3, held=held)) == ["already_decided", "already_decided", "done"]
