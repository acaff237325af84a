"""What a correction can ask for, what it becomes, and who does not let it through alone."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from bank import chart
from bank.activities.models import Activity
from bank.credits import operations as credits
from bank.credits import undoing
from bank.credits.models import Credit
from bank.errors import Invalid
from tests.checkin.street import published
from tests.credits.builders import TODAY, add_coordinator, approve, decide, propose
from tests.credits.races import together
from tests.credits.test_objections import answer
from tests.credits.test_panel import correct
from tests.world import World

TWO_HOURS = {"starts_at": "2026-11-23T01:00:00Z", "ends_at": "2026-11-23T03:00:00Z"}


def posted(world: World, **more: Any) -> int:
    credit_id = propose(world, **more)
    if approve(world, "coordinator", credit_id)[0] == "second_review":
        approve(world, "second", credit_id)
    return credit_id


def activity_of(world: World) -> int:
    name = published(world)
    with world.write() as session:
        return session.query(Activity.id).filter_by(public_id=name).scalar()


def granted(world: World, credit_id: int, wanted: int, by: str = "second") -> list[Credit]:
    """Ask for a correction and grant it; give what lies on the desk now."""
    answer(world, by, correct(world, "volunteer", credit_id, wanted), is_upheld=True)
    with world.write() as session:
        return session.query(Credit).filter_by(state="submitted").order_by(Credit.id).all()


def shown(found: list[Credit]) -> list[tuple[str, int]]:
    return [(one.evidence_class, one.amount) for one in found]


def test_no_more_than_was_planned(world: World) -> None:
    credit_id = posted(world, evidence=TWO_HOURS)
    with pytest.raises(Invalid):
        correct(world, "volunteer", credit_id, 121)
    assert shown(granted(world, credit_id, 120)) == [("A", 60), ("B", 60)]


def test_the_parts_of_one_presence_together_are_no_more_than_was_planned(world: World) -> None:
    activity = {"activity_id": activity_of(world), "evidence": TWO_HOURS}
    posted(world, source="sheet_line:7", amount=90, **activity)
    rest = posted(world, source="sheet_line:7:rest", amount=10, **activity)
    with pytest.raises(Invalid):
        correct(world, "volunteer", rest, 31)
    assert shown(granted(world, rest, 30)) == [("A", 10), ("B", 20)]


def test_without_a_plan_no_more_than_the_longest_day(world: World) -> None:
    credit_id = posted(world)
    with pytest.raises(Invalid):
        correct(world, "volunteer", credit_id, 721)
    assert shown(granted(world, credit_id, 720)) == [("A", 60), ("B", 660)]


def test_points_no_more_than_a_kind_of_deed_gives(world: World) -> None:
    credit_id = posted(world, source="deed:1", unit=chart.POINTS, amount=2, evidence_class="B")
    with pytest.raises(Invalid):
        correct(world, "volunteer", credit_id, 31)
    assert shown(granted(world, credit_id, 30)) == [("B", 30)]


def test_to_nothing_is_no_correction(world: World) -> None:
    with pytest.raises(Invalid):
        correct(world, "volunteer", posted(world), 0)


def test_what_is_more_than_was_scanned_is_of_class_b(world: World) -> None:
    assert shown(granted(world, posted(world), 61)) == [("A", 60), ("B", 1)]


def test_what_is_less_than_was_scanned_keeps_its_class(world: World) -> None:
    assert shown(granted(world, posted(world), 60)) == [("A", 60)]


def test_who_granted_it_does_not_let_it_through_alone(world: World) -> None:
    add_coordinator(world)
    again = granted(world, posted(world), 90, by="other")
    assert [approve(world, "other", one.id)[0] for one in again] == ["second_review", "second_review"]


def test_who_brought_in_the_first_one_does_not_let_the_corrected_one_through_alone(world: World) -> None:
    add_coordinator(world)
    again = granted(world, posted(world, by="coordinator"), 90, by="other")
    assert [approve(world, "coordinator", one.id)[0] for one in again] == ["second_review", "second_review"]


def test_paper_stays_within_its_month_by_whatever_road(world: World) -> None:
    ids = [propose(world, evidence_class="B", amount=amount, by="panel") for amount in (300, 180, 1)]
    states = [approve(world, "coordinator", credit_id, amount=None) for credit_id in ids[:2]]
    assert states == [("in_notice", None)] * 2
    assert approve(world, "coordinator", ids[2]) == ("submitted", "cap_exceeded")
    elsewhen = propose(world, evidence_class="B", by="panel", happened_on=date(2026, 10, 31))
    assert approve(world, "coordinator", elsewhen) == ("in_notice", None)


def test_what_was_refused_and_reopened_does_not_fill_the_month_twice(world: World) -> None:
    first, day = propose(world, evidence_class="B", amount=480, by="panel"), TODAY - timedelta(days=1)
    decide(world, "coordinator", [first], "reject", reason="没来")
    second = propose(world, evidence_class="B", amount=480, by="panel", happened_on=day)
    actor = world.actor("coordinator")
    with world.write() as session:
        undoing.reopen(session, actor, first, reason="来了", now=world.clock.now)
    outcomes = decide(world, "coordinator", [first, second])
    assert [(one.state, one.code) for one in outcomes] == [("in_notice", None), ("submitted", "cap_exceeded")]


def test_deeds_stay_within_the_points_of_their_month_by_whatever_road(world: World) -> None:
    deed = {"unit": chart.POINTS, "evidence_class": "B", "by": "panel"}
    first = propose(world, source="deed:1", amount=60, **deed)
    decide(world, "coordinator", [first], "reject", reason="没来")
    second = propose(world, source="deed:2", amount=59, **deed)
    bravery = propose(world, source="deed:3", amount=100, **deed)
    actor = world.actor("coordinator")
    with world.write() as session:
        undoing.reopen(session, actor, first, reason="来了", now=world.clock.now)
    codes = [one.code for one in decide(world, "coordinator", [second, bravery, first])]
    assert codes == [None, None, "cap_exceeded"]
    assert approve(world, "coordinator", first, amount=1, reason="已满")[1] is None
    world.clock.advance(days=30)
    later = propose(world, source="deed:4", amount=60, **deed)
    assert approve(world, "coordinator", later)[1] is None


def test_two_coordinators_at_once_do_not_fill_one_month_twice(world: World) -> None:
    add_coordinator(world)
    day = TODAY - timedelta(days=1)
    ids = [propose(world, evidence_class="B", amount=300, by="panel", happened_on=on) for on in (TODAY, day)]
    pairs = zip([world.actor("coordinator"), world.actor("other")], ids, strict=True)
    works = [
        lambda s, who=who, id_=id_: credits.decide(s, who, [id_], "approve", now=world.clock.now) for who, id_ in pairs
    ]
    held = f"SELECT id FROM person WHERE id = {world.people['volunteer'].id} FOR UPDATE"
    found = together(world, works, held=held)
    assert sorted(str(outcome.code) for (outcome,) in found) == ["None", "cap_exceeded"]
