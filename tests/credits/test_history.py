"""The whole story of a credit, and that the book and the bank never tell different ones."""

from __future__ import annotations

import pytest

from bank import chart, db, jobs
from bank.credits import history, objections
from bank.credits import operations as credits
from bank.credits.models import Credit
from ledger.errors import AccountFrozen
from tests.credits.builders import approve, balance, credit, decide, propose, served
from tests.credits.counting import counted
from tests.credits.test_objections import answer, object_to, on_notice
from tests.world import World


def freeze(world: World, who: str) -> None:
    with world.write() as session:
        book = db.book(session, world.community_id, world.clock.now)
        book.freeze(chart.member(world.people[who].public_id), "MIN", session=session)


def test_the_story_names_who_decided_in_which_capacity_and_every_posting(world: World) -> None:
    credit_id = propose(world, by="coordinator")
    decide(world, "coordinator", [credit_id])
    decide(world, "second", [credit_id])
    objection = object_to(world, "resident", credit_id)
    answer(world, "panel", objection, is_upheld=True, words="核实无此人")
    with world.write() as session, counted(session) as sent:
        found = session.get_one(Credit, credit_id)
        story = history.explain(session, found)
        txn_id, reversal_id = story.txn_id, story.reversal_id
        assert txn_id is not None
        assert reversal_id is not None
        assert history.of_txn(session, txn_id) is found
        assert history.of_txn(session, reversal_id) is found
        book = db.book(session, world.community_id, world.clock.now)
        assert book.transaction(txn_id, session=session).reversed_by == reversal_id
    assert [(step.step, step.by, step.role) for step in story.steps] == [
        ("proposed", "陈芳", None),
        ("approved", "陈芳", "coordinator"),
        ("second_approved", "刘建国", "second_approver"),
        ("posted", None, None),
        ("objected", None, None),
        ("upheld", "吴桂兰", "panel"),
        ("reversed", "吴桂兰", "panel"),
    ]
    assert (story.rules_number, str(story.rules_since), story.proposed_by) == (1, "2026-01-01", "陈芳")
    (doubt,) = story.objections
    assert (doubt.state, doubt.answered_by, doubt.answer) == ("upheld", "吴桂兰", "核实无此人")
    assert "李秀英" not in str(story.steps) + str(story.objections)
    assert story.final_reason is not None
    assert len(sent) < 12


def test_where_the_book_refuses_a_reversal_nothing_changes(world: World) -> None:
    credit_id = propose(world)
    approve(world, "coordinator", credit_id)
    objection = object_to(world, "resident", credit_id)
    freeze(world, "volunteer")
    panel = world.page("panel")
    form = {"verdict": "upheld", "answer": "核实无此人"}
    assert panel.post(f"/desk/objections/{objection}/answer", data=form).status_code == 409
    with pytest.raises(AccountFrozen), world.write() as session:
        credits.void(session, credit_id, reason="作废", by=None, now=world.clock.now)
    assert (credit(world, credit_id).state, balance(world, "volunteer"), served(world, "volunteer")) == (
        "posted",
        60,
        60,
    )
    public_id = credit(world, credit_id).public_id
    with world.write() as session:
        found = objections.of_person(session, world.people["resident"].id, public_id)
        assert found is not None
        assert found.state == "open"


def test_the_job_posts_everything_that_is_due_and_finds_nothing_the_second_time(world: World) -> None:
    for who in ("volunteer", "resident", "shop"):
        on_notice(world, who)
    with world.app.app_context():
        assert jobs.run_due(world.clock.now)["post_credits"] == 0
        later = world.clock.advance(days=4)
        assert jobs.run_due(later)["post_credits"] == 3
        assert jobs.run_due(later)["post_credits"] == 0
    assert [balance(world, who) for who in ("volunteer", "resident", "shop")] == [60, 60, 60]


def test_a_long_time_later_the_book_still_verifies(world: World) -> None:
    for _ in range(3):
        credit_id = propose(world)
        decide(world, "coordinator", [credit_id], batch="tap")
        with world.write() as session:
            actor = world.people["coordinator"]
            credits.void(session, credit_id, reason="作废", by=actor.id, now=world.clock.now)
    with world.app.app_context():
        report = db.book(db.session(), world.community_id, world.clock.now).verify()
        db.drop()
    assert report.ok, report.findings
