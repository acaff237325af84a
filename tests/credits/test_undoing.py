"""Taking back: undo within ten seconds, reopening, voiding; what was posted is reversed, never edited."""

from __future__ import annotations

import pytest

from bank import chart, db
from bank.credits import operations as credits
from bank.credits.models import CreditStep
from bank.credits.rules import SelfApproval
from bank.credits.undoing import NotRefused
from tests.credits.builders import approve, balance, credit, decide, propose, served
from tests.world import World


def undo(world: World, who: str, batch: str) -> int:
    actor = world.actor(who)
    with world.write() as session:
        return credits.undo(session, actor, batch, now=world.clock.now)


def void(world: World, credit_id: int, by: str | None = None) -> None:
    with world.write() as session:
        person = world.people[by].id if by else None
        credits.void(session, credit_id, reason="活动取消了。", by=person, now=world.clock.now)


def test_an_approval_is_taken_back_within_ten_seconds(world: World) -> None:
    ids = [propose(world), propose(world, "resident"), propose(world, "panel", evidence_class="B")]
    decide(world, "coordinator", ids, batch="tap")
    world.clock.advance(seconds=10)
    assert undo(world, "coordinator", "tap") == 3
    assert [credit(world, id_).state for id_ in ids] == ["submitted"] * 3
    assert (balance(world, "volunteer"), served(world, "volunteer")) == (0, 0)
    assert credit(world, ids[2]).notice_until is None


def test_after_ten_seconds_a_decision_stands(world: World) -> None:
    credit_id = propose(world)
    decide(world, "coordinator", [credit_id], batch="tap")
    world.clock.advance(seconds=10.1)
    assert undo(world, "coordinator", "tap") == 0
    assert balance(world, "volunteer") == 60


def test_nobody_takes_back_another_persons_decision(world: World) -> None:
    decide(world, "coordinator", [propose(world)], batch="tap")
    assert undo(world, "second", "tap") == 0
    assert balance(world, "volunteer") == 60


def test_what_was_taken_back_is_posted_again_under_its_next_round(world: World) -> None:
    credit_id = propose(world)
    for _ in range(3):
        decide(world, "coordinator", [credit_id], batch="tap")
        assert balance(world, "volunteer") == 60
        assert undo(world, "coordinator", "tap") == 1
        assert balance(world, "volunteer") == 0
    assert approve(world, "coordinator", credit_id) == ("posted", None)
    assert (balance(world, "volunteer"), served(world, "volunteer")) == (60, 60)


def test_a_refusal_is_taken_back(world: World) -> None:
    credit_id = propose(world)
    decide(world, "coordinator", [credit_id], "reject", reason="看错了", batch="tap")
    assert undo(world, "coordinator", "tap") == 1
    assert (credit(world, credit_id).state, credit(world, credit_id).reason) == ("submitted", None)


def test_taking_back_the_second_decision_leaves_the_first_as_it_was(world: World) -> None:
    credit_id = propose(world, by="coordinator", amount=90)
    decide(world, "coordinator", [credit_id], amount=80, reason="早退")
    for decision, more in (("approve", {"amount": 70}), ("reject", {})):
        decide(world, "second", [credit_id], decision, reason="核对", batch="tap", **more)
        assert undo(world, "second", "tap") == 1
        found = credit(world, credit_id)
        assert (found.state, found.approved_amount, found.reason) == ("second_review", 80, "早退")
        assert (found.first_by, found.second_by) == (world.people["coordinator"].id, None)
    assert approve(world, "second", credit_id) == ("posted", None)
    assert balance(world, "volunteer") == 80


def test_the_first_decision_is_not_taken_back_once_a_second_followed(world: World) -> None:
    credit_id = propose(world, by="coordinator")
    decide(world, "coordinator", [credit_id], batch="first")
    decide(world, "second", [credit_id], batch="second")
    assert undo(world, "coordinator", "first") == 0
    assert credit(world, credit_id).state == "posted"


def test_spent_minutes_are_not_taken_back_by_undo(world: World) -> None:
    spent, kept = propose(world), propose(world, "resident")
    decide(world, "coordinator", [spent, kept], batch="tap")
    with world.write() as session:
        book = db.book(session, world.community_id, world.clock.now)
        path = chart.member(world.people["volunteer"].public_id)
        book.hold(path, "MIN", 30, expires_at=None, key="order:1:hold", actor="x", session=session)
    assert undo(world, "coordinator", "tap") == 1
    assert [credit(world, id_).state for id_ in (spent, kept)] == ["posted", "submitted"]
    assert served(world, "volunteer") == 60


def test_what_was_refused_can_be_reopened_by_another_look(world: World) -> None:
    credit_id, own = propose(world), propose(world, "coordinator")
    decide(world, "coordinator", [credit_id], "reject", reason="没有凭据")
    actor = world.actor("coordinator")
    with world.write() as session:
        credits.reopen(session, actor, credit_id, reason="本人带来了照片", now=world.clock.now)
        with pytest.raises(NotRefused):
            credits.reopen(session, actor, credit_id, reason="再来", now=world.clock.now)
        with pytest.raises(SelfApproval):
            credits.reopen(session, actor, own, reason="我的", now=world.clock.now)
    assert approve(world, "coordinator", credit_id) == ("posted", None)


def test_a_voided_credit_is_void_before_posting_and_reversed_after(world: World) -> None:
    fresh, on_notice, posted = propose(world), propose(world, evidence_class="B"), propose(world)
    decide(world, "coordinator", [on_notice, posted])
    for credit_id in (fresh, on_notice, posted):
        void(world, credit_id, "coordinator")
        void(world, credit_id, "coordinator")
    assert [credit(world, id_).state for id_ in (fresh, on_notice, posted)] == ["void", "void", "reversed"]
    assert (balance(world, "volunteer"), served(world, "volunteer")) == (0, 0)
    original = credit(world, posted).txn_id
    assert original is not None
    with world.write() as session:
        book = db.book(session, world.community_id, world.clock.now)
        assert book.transaction(original, session=session).reversed_by is not None


def test_a_reversal_of_spent_minutes_becomes_a_debt(world: World) -> None:
    credit_id = propose(world)
    approve(world, "coordinator", credit_id)
    with world.write() as session:
        book = db.book(session, world.community_id, world.clock.now)
        path = chart.member(world.people["volunteer"].public_id)
        book.hold(path, "MIN", 50, expires_at=None, key="order:1:hold", actor="x", session=session)
    void(world, credit_id)
    assert credit(world, credit_id).state == "reversed"
    with world.write() as session:
        book = db.book(session, world.community_id, world.clock.now)
        assert book.balance(f"{path}:debt", "MIN", session=session).posted == -50


def test_every_decision_leaves_a_step_with_its_name_and_capacity(world: World) -> None:
    credit_id = propose(world, by="coordinator")
    decide(world, "coordinator", [credit_id])
    decide(world, "second", [credit_id], reason="已核对")
    void(world, credit_id, "coordinator")
    with world.write() as session:
        steps = session.query(CreditStep).filter_by(credit_id=credit_id).order_by(CreditStep.id).all()
    assert [(step.step, step.role, step.amount) for step in steps] == [
        ("proposed", None, 60),
        ("approved", "coordinator", 60),
        ("second_approved", "second_approver", 60),
        ("posted", None, 60),
        ("reversed", None, None),
    ]
