"""Every workflow can be left from everywhere and reached everywhere; another machine joins by one line in MACHINES."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pytest

from bank.credits import rules, stages
from bank.credits.models import STATES
from bank.sheets import rules as sheets
from bank.sheets.models import STATES as SHEETS
from bank.spotchecks import rules as spotchecks

Graph = Mapping[str, Collection[str]]


@dataclass(frozen=True)
class Machine:
    """A workflow as the code moves along it."""

    start: str
    moves: Graph
    states: frozenset[str]
    ends: frozenset[str]


MACHINES = {
    "credit": Machine(
        "submitted", rules.TRANSITIONS, frozenset(STATES), frozenset({"posted", "refused", "reversed", "void"})
    ),
    "objection": Machine("answer", stages.STAGES, frozenset((*stages.STAGES, *stages.ENDS)), frozenset(stages.ENDS)),
    "objection left alone": Machine(
        "answer", stages.BY_TIME, frozenset((*stages.STAGES, "upheld", "dismissed")), frozenset(stages.ENDS)
    ),
    "paper roster": Machine("keying", sheets.TRANSITIONS, frozenset(SHEETS), frozenset({"confirmed", "discarded"})),
    "random check": Machine(
        "open", spotchecks.TRANSITIONS, frozenset(spotchecks.STATES), frozenset(spotchecks.OUTCOMES)
    ),
}


def reach(moves: Graph, start: str) -> set[str]:
    """Give every state that can be reached from `start`, itself among them."""
    seen, edge = {start}, [start]
    while edge:
        new = set(moves.get(edge.pop(), ())) - seen
        seen |= new
        edge.extend(new)
    return seen


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_no_state_is_out_of_reach(machine: Machine) -> None:
    assert reach(machine.moves, machine.start) == machine.states


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_no_state_is_a_dead_end(machine: Machine) -> None:
    for state in machine.states:
        assert reach(machine.moves, state) & machine.ends, state


def test_the_walk_finds_a_dead_end_and_an_island() -> None:
    moves = {"start": ("stuck", "end"), "stuck": ("stuck",), "island": ("end",)}
    assert reach(moves, "start") == {"start", "stuck", "end"}
    assert "end" not in reach(moves, "stuck")


def test_what_time_does_is_among_what_may_happen() -> None:
    for stage, targets in stages.BY_TIME.items():
        assert set(targets) <= set(stages.STAGES[stage])


@pytest.mark.parametrize(
    ("upheld", "dismissed", "still", "found"),
    [
        (2, 0, 0, None),
        (3, 0, 2, True),
        (3, 0, 3, None),
        (2, 1, 1, None),
        (2, 1, 0, True),
        (1, 2, 0, False),
        (2, 2, 0, False),
        (2, 2, 1, None),
    ],
)
def test_a_verdict_needs_the_quorum_and_a_lead_nobody_can_turn(
    upheld: int, dismissed: int, still: int, found: bool | None
) -> None:
    assert stages.verdict(upheld, dismissed, still_to_vote=still, quorum=3, is_tie_upheld=False) is found


def test_a_tie_is_what_the_rule_says() -> None:
    assert stages.verdict(2, 2, still_to_vote=0, quorum=3, is_tie_upheld=True) is True
