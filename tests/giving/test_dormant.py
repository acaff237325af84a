"""Owners of hours that lie still are asked once a year, answer with one tap, and lose nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from bank import db
from bank.giving import dormant, rules
from bank.giving.models import Dormancy
from bank.giving.refusals import NotAsked
from bank.members.models import Message
from tests.giving.test_giving import give, has, run_jobs
from tests.racing import at_once
from tests.world import World


def asked(world: World, who: str = "volunteer") -> int:
    """Count how often somebody was asked."""
    with world.write() as session:
        found = select(func.count()).select_from(Message)
        mine = found.where(Message.person_id == world.people[who].id, Message.link == dormant.PAGE)
        return session.scalar(mine) or 0


def answer(world: World, what: str, who: str = "volunteer") -> None:
    with world.write() as session:
        dormant.answer(session, world.people[who].id, what, now=world.clock.now)


def test_owners_are_asked_after_a_year_without_a_movement(kin: World) -> None:
    """From the day after, as the movement's own day counts; `resident` has nothing and is left in peace."""
    due = rules.months_later(kin.clock.now, 12)
    kin.clock.now = due - timedelta(seconds=1)
    run_jobs(kin)
    assert asked(kin) == 0
    kin.clock.now = due + timedelta(days=32)
    run_jobs(kin)
    run_jobs(kin)
    assert (asked(kin), asked(kin, "resident")) == (1, 0)
    kin.clock.now = rules.months_later(due + timedelta(days=32), 12) - timedelta(seconds=1)
    run_jobs(kin)
    assert asked(kin) == 1
    kin.clock.advance(seconds=1)  # type: ignore[attr-defined]
    run_jobs(kin)
    assert asked(kin) == 2
    assert has(kin, "volunteer").available == 1_200


def test_who_moves_hours_is_not_asked(kin: World) -> None:
    due = rules.months_later(kin.clock.now, 13)
    kin.clock.now = due - timedelta(days=40)
    give(kin, 10)
    kin.clock.now = due
    run_jobs(kin)
    assert (asked(kin), asked(kin, "resident")) == (0, 0)


def test_everybody_is_looked_at_once_a_month(kin: World) -> None:
    kin.clock.now = rules.months_later(kin.clock.now, 13)
    assert run_jobs(kin)["ask_owners"] > 0
    kin.clock.advance(days=27)  # type: ignore[attr-defined]
    assert run_jobs(kin)["ask_owners"] == 0


def test_the_answer_is_one_tap_and_may_change(kin: World) -> None:
    with pytest.raises(NotAsked):
        answer(kin, "keep")
    kin.clock.now = rules.months_later(kin.clock.now, 13)
    run_jobs(kin)
    page = kin.page("volunteer")
    assert "先留着" in page.get("/my-hours").text
    assert page.post("/my-hours", data={"answer": "donate"}).headers["Location"] == "/donate"
    assert page.post("/my-hours", data={"answer": "keep"}).headers["Location"] == "/my-hours"
    with kin.write() as session:
        assert session.scalars(select(Dormancy.answer).where(Dormancy.answer.is_not(None))).all() == ["keep"]
    assert has(kin, "volunteer").available == 1_200


def test_an_owner_is_asked_once_by_however_many(kin: World) -> None:
    kin.clock.now = rules.months_later(kin.clock.now, 13)

    def ask() -> int:
        with kin.app.app_context(), db.unit_of_work() as session:
            return dormant.ask_due(session, now=kin.clock.now)

    at_once(*[ask] * 4)
    assert asked(kin) == 1
