"""The desk's health in figures, words and bars, and what the auditor sees of deadlines that passed."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from bank.audit.health import examine
from bank.audit.waiting import escalated, frozen
from bank.communities.models import Community
from bank.credits import escalating, health
from bank.spotchecks import operations as spotchecks
from tests.conftest import SetClock
from tests.counting import counted
from tests.credits.builders import approve, decide, propose
from tests.credits.test_objections import object_to, on_notice
from tests.world import World

SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_waiting_is_measured_by_the_middle_one_and_the_oldest(world: World, now: SetClock) -> None:
    for _ in range(3):
        propose(world)
        now.advance(days=2)
    with world.write() as session:
        found = health.waiting(session, world.community_id, now.now)
        assert (found.count, found.median, found.oldest, found.late) == (3, timedelta(days=4), timedelta(days=6), 2)
        assert len(health.late_items(session, world.community_id, now.now)) == 2
        other = health.waiting(session, world.other_community_id, now.now)
        assert (other.count, other.median, other.oldest, other.late) == (0, None, None, 0)


def test_shares_refusals_and_the_second_person_are_counted(world: World, now: SetClock) -> None:
    since = now.now
    approve(world, "coordinator", propose(world))
    long_day = propose(world, "resident", amount=500)
    approve(world, "coordinator", long_day)
    decide(world, "coordinator", [propose(world)], "reject", reason=health.REASONS["no_proof"])
    decide(world, "coordinator", [propose(world)], "reject", reason="另有原因")
    with world.write() as session:
        assert health.shares(session, world.community_id, since) == {"A": 60, "B": 0, "C": 0}
        found = health.decided(session, world.community_id, since)
        assert (found.refused, found.over_budget) == (2, 1)
        assert found.reasons == {"no_proof": 1, "other": 1}
        assert health.decided(session, world.community_id, now.now + timedelta(days=1)).reasons == {}


def test_a_month_with_postings_and_no_draw_is_named_until_it_is_drawn(world: World, now: SetClock) -> None:
    approve(world, "coordinator", propose(world))
    now.advance(days=10)
    with world.write() as session:
        home = session.get_one(Community, world.community_id)
        assert list(examine(session, home, now.now, days=30).checks.missing) == [date(2026, 11, 1)]
        assert spotchecks.draw_due(session, now=now.now) == 1
        checks = examine(session, home, now.now, days=30).checks
        assert (checks.open, checks.late, list(checks.missing)) == (1, 0, [])
        assert examine(session, home, now.now + timedelta(days=15), days=30).checks.late == 1


@SQLITE_ONLY
def test_the_page_costs_the_same_whatever_waits(world: World) -> None:
    page = world.page("coordinator")
    page.get("/desk/health")
    costs = []
    for _ in range(2):
        with counted(world.app) as sent:
            answer = page.get("/desk/health?days=90")
        assert answer.status_code == 200
        costs.append(len(sent))
        for _ in range(5):
            propose(world)
    assert costs[0] == costs[1]
    assert costs[0] < 25


@SQLITE_ONLY
def test_the_page_says_it_in_words(world: World, now: SetClock) -> None:
    approve(world, "coordinator", propose(world))
    decide(world, "coordinator", [propose(world)], "reject", reason=health.REASONS["no_proof"])
    propose(world)
    now.advance(days=4)
    page = world.page("coordinator").get("/desk/health?days=7").text
    assert all(words in page for words in ("1 条等了超过 3 天", "1 小时 · 100%", "没有足够的凭据", "/desk/items/"))
    assert "/desk/items/" not in world.page("auditor").get("/desk/health").text
    assert world.page("auditor").get("/desk/health?days=x").status_code == 200


def test_an_objection_nobody_answers_is_on_the_auditors_list_to_its_end(world: World, now: SetClock) -> None:
    credit_id = on_notice(world)
    object_to(world, "resident", credit_id)
    seen = []
    for _ in range(4):
        with world.write() as session:
            found = escalated(session, world.community_id, now.now)
            seen.append([(one.objection.stage, one.objection.state, one.by_silence) for one in found])
            still = frozen(session, world.community_id)
            assert len(still) == (0 if found and found[0].objection.state != "open" else 1)
        now.advance(days=10)
        with world.write() as session:
            escalating.escalate_due(session, now=now.now)
    assert seen[0] == []
    assert seen[1] == [("last", "open", False)]
    assert seen[2] == [("last", "upheld", True)]
    text = world.page("auditor").get("/audit/objections").text
    assert "没有人办，按规则了结" in text
    assert "王小明" not in text


@SQLITE_ONLY
def test_without_anything_late_the_auditor_is_told_so(world: World) -> None:
    assert "没有超期的" in world.page("auditor").get("/audit/objections").text
