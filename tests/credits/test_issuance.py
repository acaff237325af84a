"""Where credit comes from: an account that nobody waits for."""

from __future__ import annotations

from typing import Any

import pytest

from bank import chart, db, jobs
from tests.credits.builders import approve, balance, propose, served
from tests.world import World


def book(world: World, session: Any) -> Any:
    return db.book(session, world.community_id, world.clock.now)


@pytest.fixture
def from_long_ago(world: World) -> World:
    """A community whose issuance account was opened before there were lazy ones."""
    with world.write() as session:
        book(world, session).open_account(
            chart.issuance(1), chart.MINUTES, kind="issuance", min_balance=None, is_shared=True, session=session
        )
    return world


def work_off(world: World) -> dict[str, int]:
    with world.app.app_context():
        return jobs.run_due(world.clock.now)


def post_one(world: World) -> None:
    approve(world, "coordinator", propose(world))
    world.clock.advance(days=30)  # type: ignore[attr-defined]
    work_off(world)


def test_a_first_credit_opens_a_lazy_account(world: World) -> None:
    post_one(world)
    with world.write() as session:
        assert book(world, session).account(chart.issuance(1), chart.MINUTES, session=session).mode == "lazy"
    assert balance(world, "volunteer") == 60


def test_the_job_folds_what_was_issued(world: World) -> None:
    post_one(world)
    assert work_off(world)["project"] == 0
    with world.write() as session:
        own = book(world, session)
        (line,) = own.statement(chart.issuance(1), chart.MINUTES, session=session).items
        assert (line.amount, own.balance(chart.issuance(1), chart.MINUTES, session=session).available) == (-60, -60)
        assert own.verify().ok


def test_an_account_opened_strict_before_stays_and_is_credited_from(from_long_ago: World) -> None:
    post_one(from_long_ago)
    with from_long_ago.write() as session:
        own = book(from_long_ago, session)
        assert own.account(chart.issuance(1), chart.MINUTES, session=session).mode == "strict"
        assert own.verify().ok
    assert balance(from_long_ago, "volunteer") == 60
    assert served(from_long_ago, "volunteer") == 60
