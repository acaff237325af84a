"""Signals on both sides of their borders: what is worth a look, in words that the person may read too."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from bank.communities.rules import Rules
from bank.credits import signals
from tests.credits.builders import approve, credit, propose
from tests.deeds.test_operations import credit_of, tell
from tests.world import World

RULES = Rules(1, date(2026, 1, 1))
NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(("minutes", "is_seen"), [(0, True), (9, True), (10, False), (60, False)])
def test_what_comes_within_minutes_of_the_making_is_seen(minutes: int, is_seen: bool) -> None:
    assert bool(signals.fresh(NOON, NOON + timedelta(minutes=minutes), RULES)) == is_seen


@pytest.mark.parametrize(
    ("hour", "minute", "is_seen"),
    [(22, 59, False), (23, 0, True), (0, 0, True), (4, 59, True), (5, 0, False), (12, 0, False)],
)
def test_what_comes_at_night_is_seen(hour: int, minute: int, is_seen: bool) -> None:
    there = NOON.replace(hour=(hour - 8) % 24, minute=minute)
    assert bool(signals.night(there, RULES)) == is_seen


def codes(world: World, credit_id: int) -> list[str]:
    return [flag["code"] for flag in credit(world, credit_id).flags]


def test_an_hour_of_an_activity_made_just_now_is_seen(world: World) -> None:
    assert codes(world, propose(world, began_at=world.clock.now - timedelta(minutes=2))) == ["fresh"]
    assert codes(world, propose(world, began_at=world.clock.now - timedelta(minutes=10))) == []


def test_the_fourth_deed_told_of_the_same_neighbour_is_seen(world: World) -> None:
    told = []
    for _ in range(4):
        told.append(
            credit_of(world, tell(world, "volunteer", of="resident", category="advice", happened_on=today(world)))
        )
        world.clock.advance(days=7)  # type: ignore[attr-defined]
    assert [[flag["code"] for flag in one.flags] for one in told] == [[], [], [], ["repeat_pair"]]
    assert told[3].flags[0]["facts"] == {"times": 4}


def today(world: World) -> date:
    return (world.clock.now + timedelta(hours=8)).date()


def test_a_pair_that_tells_of_each_other_is_seen_and_so_is_a_ring_of_three(world: World) -> None:
    first = credit_of(world, tell(world, "volunteer", of="resident"))
    back = credit_of(world, tell(world, "resident", of="volunteer"))
    onward = credit_of(world, tell(world, "resident", of="panel"))
    home = credit_of(world, tell(world, "panel", of="volunteer"))
    found = [[flag["code"] for flag in one.flags] for one in (first, back, onward, home)]
    assert found == [[], ["reciprocal"], [], ["reciprocal"]]


def test_what_was_thrown_out_or_is_long_ago_makes_no_ring(world: World) -> None:
    tell(world, "volunteer", of="resident")
    world.clock.advance(days=31)  # type: ignore[attr-defined]
    assert credit_of(world, tell(world, "resident", of="volunteer", happened_on=today(world))).flags == []


def test_a_signal_brings_what_is_on_notice_back_for_a_second_look(world: World) -> None:
    noticed, waiting = propose(world, evidence_class="B"), propose(world, "resident")
    assert approve(world, "coordinator", noticed) == ("in_notice", None)
    flag = {"code": "headcount", "facts": {"told": 1, "scanned": 2}}
    with world.write() as session:
        assert signals.put_on(session, [noticed, waiting], flag, now=world.clock.now) == 2
        assert signals.put_on(session, [noticed, waiting], flag, now=world.clock.now) == 0
    found = [(credit(world, id_).state, codes(world, id_)) for id_ in (noticed, waiting)]
    assert found == [("second_review", ["headcount"]), ("submitted", ["headcount"])]
    assert approve(world, "coordinator", noticed) == ("second_review", "second_person_required")
    assert approve(world, "second", noticed) == ("in_notice", None)


def test_a_signal_refuses_nothing(world: World) -> None:
    credit_id = propose(world, began_at=world.clock.now)
    assert approve(world, "coordinator", credit_id) == ("posted", None)


def test_whoever_is_looked_at_reads_the_same_words(world: World) -> None:
    deed = tell(world, "volunteer", of="resident")
    world.clock.advance(minutes=1)  # type: ignore[attr-defined]
    back = tell(world, "resident", of="volunteer")
    sentence = signals.FLAG_SENTENCES["reciprocal"]
    item = credit_of(world, back).public_id
    assert sentence in world.page("coordinator").get(f"/desk/items/{item}").text
    assert sentence in world.page("volunteer").get(f"/deeds/{back.public_id}").text
    assert sentence not in world.page("resident").get(f"/deeds/{deed.public_id}").text
