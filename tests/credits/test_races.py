"""Two people at the same moment: one verdict, no cap broken, nothing posted twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from bank import chart, db
from bank.communities.models import Community
from bank.credits import objections
from bank.credits import operations as credits
from bank.credits.models import CreditStep, Objection
from bank.credits.operations import Outcome
from bank.errors import BankError
from bank.members import operations as members
from tests.credits.builders import approve, balance, credit, decide, propose, served
from tests.credits.races import together
from tests.world import World


def add_coordinator(world: World, who: str = "other_coordinator") -> None:
    person = world.add_person(who, "另一位")
    with world.write() as session:
        members.grant_role(
            session, person, "coordinator", session.get_one(Community, world.community_id), now=world.clock.now
        )


def test_two_coordinators_on_the_same_item_give_one_verdict_and_both_hear_the_truth(world: World) -> None:
    add_coordinator(world)
    ids = [propose(world) for _ in range(3)]
    actors = [world.actor("coordinator"), world.actor("other_coordinator")]

    def approving(session: Session) -> list[Outcome]:
        return credits.decide(session, actors[0], ids, "approve", now=world.clock.now)

    def refusing(session: Session) -> list[Outcome]:
        return credits.decide(session, actors[1], ids, "reject", reason="没有参加", now=world.clock.now)

    answers = together(world, [approving, refusing], held="SELECT id FROM person FOR NO KEY UPDATE")
    for number, credit_id in enumerate(ids):
        mine, other = (answer[number] for answer in answers)
        assert Counter([mine.code, other.code]) == {None: 1, "already_decided": 1}
        assert mine.state == other.state == credit(world, credit_id).state
        with world.write() as session:
            verdicts = session.query(CreditStep).filter_by(credit_id=credit_id)
            assert verdicts.filter(CreditStep.step.in_(("approved", "refused"))).count() == 1


def test_two_taps_of_one_person_at_once_post_once(world: World) -> None:
    credit_id = propose(world)
    actor = world.actor("coordinator")

    def approving(session: Session) -> list[Outcome]:
        return credits.decide(session, actor, [credit_id], "approve", now=world.clock.now)

    answers = together(world, [approving] * 4, held="SELECT id FROM person FOR NO KEY UPDATE")
    assert sorted(str(answer[0].code) for answer in answers) == ["None"] + ["already_decided"] * 3
    assert (balance(world, "volunteer"), served(world, "volunteer")) == (60, 60)


def test_two_coordinators_cannot_share_out_a_long_day(world: World) -> None:
    add_coordinator(world)
    first, second = propose(world, amount=300), propose(world, amount=300)
    actors = [world.actor("coordinator"), world.actor("other_coordinator")]

    def approving(number: int, credit_id: int, session: Session) -> str | None:
        return credits.decide(session, actors[number], [credit_id], "approve", now=world.clock.now)[0].state

    states = together(
        world,
        [lambda session: approving(0, first, session), lambda session: approving(1, second, session)],
        held="SELECT id FROM credit FOR UPDATE",
    )
    assert sorted(map(str, states)) == ["posted", "second_review"]
    assert balance(world, "volunteer") == 300


def test_two_runners_post_what_is_due_once(world: World) -> None:
    ids = [propose(world, "resident", evidence_class="B", amount=5) for _ in range(20)]
    decide(world, "coordinator", ids)
    world.clock.advance(days=4)

    def posting(session: Session) -> int:
        return credits.post_due(session, now=world.clock.now, limit=12)

    counts = together(world, [posting, posting], held="SELECT ledger_id FROM balance FOR UPDATE")
    assert sum(counts) == 20
    assert (balance(world, "resident"), served(world, "resident", "B")) == (100, 100)


def test_a_decision_and_its_undo_at_once_leave_one_of_them(world: World) -> None:
    credit_id = propose(world, by="coordinator")
    assert approve(world, "coordinator", credit_id, batch="tap") == ("second_review", None)
    actors = [world.actor("coordinator"), world.actor("second")]

    def undoing(session: Session) -> int:
        return credits.undo(session, actors[0], "tap", now=world.clock.now)

    def approving(session: Session) -> int:
        return 10 if credits.decide(session, actors[1], [credit_id], "approve", now=world.clock.now)[0].code else 20

    undone, approved = together(world, [undoing, approving], held="SELECT id FROM credit FOR UPDATE")
    assert (undone, approved) in ((1, 10), (0, 20))
    assert credit(world, credit_id).state == ("posted" if approved == 20 else "submitted")


def test_fifty_decisions_on_one_item_give_one_verdict_and_everyone_the_truth(world: World) -> None:
    """Ten people press at once, five times over: half approve, half refuse."""
    credit_id = propose(world)
    names = [f"office{number}" for number in range(10)]
    for who in names:
        add_coordinator(world, who)
    actors = [world.actor(who) for who in names]

    def deciding(number: int) -> Callable[[Session], Outcome]:
        decision: credits.Decision = "approve" if number % 2 else "reject"

        def work(session: Session) -> Outcome:
            return credits.decide(
                session, actors[number], [credit_id], decision, reason="没有参加", now=world.clock.now
            )[0]

        return work

    answers: list[Outcome] = []
    for _ in range(5):
        works = [deciding(number) for number in range(10)]
        answers += together(world, works, held="SELECT id FROM person FOR NO KEY UPDATE")
    end = credit(world, credit_id).state
    assert Counter(answer.code for answer in answers) == {None: 1, "already_decided": 49}
    assert {answer.state for answer in answers} == {end}
    assert balance(world, "volunteer") == (60 if end == "posted" else 0)
    with world.write() as session:
        verdicts = session.query(CreditStep).filter(CreditStep.step.in_(("approved", "refused", "posted")))
        assert verdicts.count() == (2 if end == "posted" else 1)


@pytest.mark.parametrize("is_frozen", [False, True])
def test_objecting_and_posting_at_once_leave_one_doubt_and_one_truth(world: World, is_frozen: bool) -> None:
    """Five object and five jobs post, on an account that is free or frozen; then the doubt is answered ten times."""
    credit_id = propose(world, evidence_class="B")
    approve(world, "coordinator", credit_id)
    name = credit(world, credit_id).public_id
    world.clock.advance(days=4)  # type: ignore[attr-defined]
    if is_frozen:
        path = chart.member(world.people["volunteer"].public_id)
        with world.write() as session:
            db.book(session, world.community_id, world.clock.now).freeze(path, chart.MINUTES, session=session)
    actors = [world.actor(who) for who in ("resident", "relative", "shop", "auditor", "panel")]

    def objecting(number: int) -> Callable[[Session], str | int]:
        def work(session: Session) -> str | int:
            try:
                return objections.object_to(session, actors[number], name, reason="没看到", now=world.clock.now).state
            except BankError as refusal:
                session.rollback()
                return refusal.code

        return work

    def posting(session: Session) -> str | int:
        return credits.post_due(session, now=world.clock.now)

    works = [work for number in range(5) for work in (objecting(number), posting)]
    answers = Counter(together(world, works, held="LOCK TABLE credit IN EXCLUSIVE MODE"))
    state = credit(world, credit_id).state
    assert (answers["open"], answers["already_objected"]) == (1, 4)
    assert answers[1] == (1 if state == "posted" else 0)
    assert state in (("objected",) if is_frozen else ("posted", "objected"))
    assert balance(world, "volunteer") == (60 if state == "posted" else 0)
    with world.write() as session:
        assert session.query(Objection).filter_by(state="open").count() == 1
