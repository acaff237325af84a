"""Public notice and posting when it ends."""

from __future__ import annotations

from bank import chart, db
from bank.credits import operations as credits
from tests.credits.builders import approve, balance, credit, decide, propose, served
from tests.world import World


def post_due(world: World, **more: int) -> int:
    with world.write() as session:
        return credits.post_due(session, now=world.clock.now, **more)


def test_nothing_is_posted_before_the_notice_ends(world: World) -> None:
    approve(world, "coordinator", propose(world, evidence_class="B"))
    world.clock.advance(days=3, hours=14, minutes=59)
    assert post_due(world) == 0
    world.clock.advance(minutes=1)
    assert post_due(world) == 1
    assert post_due(world) == 0
    assert (balance(world, "volunteer"), served(world, "volunteer", "B")) == (60, 60)


def test_points_follow_the_days_of_deeds(world: World) -> None:
    credit_id = propose(world, unit="PTS", amount=5, evidence_class="C", source="deed:1")
    assert approve(world, "coordinator", credit_id) == ("in_notice", None)
    world.clock.advance(days=4)
    assert post_due(world) == 1
    assert (balance(world, "volunteer", "PTS"), served(world, "volunteer", "C")) == (5, 0)
    assert credit(world, credit_id).txn_id is not None


def test_a_weekend_does_not_count_as_working_days(world: World) -> None:
    world.clock.advance(days=4)
    credit_id = propose(world, evidence_class="B")
    approve(world, "coordinator", credit_id)
    until = credit(world, credit_id).notice_until
    assert until is not None
    assert until.isoformat() == "2026-12-02T16:00:00+00:00"


def test_a_long_queue_is_posted_in_chunks(world: World) -> None:
    decide(world, "coordinator", [propose(world, evidence_class="B", amount=10) for _ in range(5)])
    world.clock.advance(days=4)
    assert [post_due(world, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert balance(world, "volunteer") == 50


def test_a_killed_run_leaves_nothing_half_done(world: World) -> None:
    credit_id = propose(world, evidence_class="B")
    approve(world, "coordinator", credit_id)
    world.clock.advance(days=4)
    with world.app.app_context(), db.Session(db.db.engine) as session:
        db.book_engine.begin_write(session)
        assert credits.post_due(session, now=world.clock.now) == 1
        session.rollback()
    assert (credit(world, credit_id).state, balance(world, "volunteer")) == ("in_notice", 0)
    assert served(world, "volunteer", "B") == 0
    assert post_due(world) == 1
    assert balance(world, "volunteer") == 60


def test_a_frozen_account_waits_and_holds_up_nobody_else(world: World) -> None:
    stuck, fine = propose(world, evidence_class="B"), propose(world, "resident", evidence_class="B")
    decide(world, "coordinator", [stuck, fine])
    path = chart.member(world.people["volunteer"].public_id)
    with world.write() as session:
        db.book(session, world.community_id, world.clock.now).freeze(path, "MIN", session=session)
    world.clock.advance(days=4)
    assert post_due(world) == 1
    found = credit(world, stuck)
    assert (found.state, found.held_up, found.txn_id) == ("in_notice", "account_frozen", None)
    assert served(world, "volunteer", "B") == 0
    with world.write() as session:
        db.book(session, world.community_id, world.clock.now).thaw(path, "MIN", session=session)
    assert post_due(world) == 0
    world.clock.advance(hours=1)
    assert post_due(world) == 1
    assert balance(world, "volunteer") == 60
