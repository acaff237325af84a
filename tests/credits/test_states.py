"""Every workflow can be left from everywhere and reached everywhere; another machine joins by one line in MACHINES."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pytest

from bank.credits import rules, stages
from bank.credits.models import STATES
from bank.deeds import judging
from bank.giving import rules as giving
from bank.models import metadata
from bank.rulebook.models import STATES as PROPOSALS
from bank.services import rules as help_
from bank.sheets import rules as sheets
from bank.sheets.models import STATES as SHEETS
from bank.shop import queueing, settling, stocktaking, striking
from bank.spotchecks import rules as spotchecks
from bank.thanks import rules as thanks

Graph = Mapping[str, Collection[str]]


@dataclass(frozen=True)
class Machine:
    """A workflow as the code moves along it."""

    start: str
    moves: Graph
    states: frozenset[str]
    ends: frozenset[str]
    also: tuple[str, ...] = ()
    """Where it may begin besides `start`."""


def machine(start: str, moves: Graph, *ends: str, also: tuple[str, ...] = ()) -> Machine:
    """Give a machine whose states are those it names."""
    named = {start, *also, *moves, *(target for targets in moves.values() for target in targets)}
    return Machine(start, moves, frozenset(named), frozenset(ends), also)


MACHINES = {
    "credit": Machine(
        "submitted", rules.TRANSITIONS, frozenset(STATES), frozenset({"posted", "refused", "reversed", "void"})
    ),
    "objection": Machine("answer", stages.STAGES, frozenset((*stages.STAGES, *stages.ENDS)), frozenset(stages.ENDS)),
    "objection left alone": Machine(
        "answer", stages.BY_TIME, frozenset((*stages.STAGES, "upheld", "dismissed")), frozenset(stages.ENDS)
    ),
    "deed before the panel": Machine(
        "open", judging.MOVES, frozenset(("open", *judging.ENDS)), frozenset(judging.ENDS)
    ),
    "thanks": Machine("kept", thanks.MOVES, frozenset((*thanks.MOVES, "removed")), frozenset(("kept", "removed"))),
    "rules proposed": machine("open", {"open": tuple(set(PROPOSALS) - {"open"})}, *(set(PROPOSALS) - {"open"})),
    "activity": machine("draft", {"draft": ("published",), "published": ("cancelled",)}, "published", "cancelled"),
    "sign-up": machine(
        "signed_up",
        {
            "signed_up": ("cancelled",),
            "waitlisted": ("signed_up", "cancelled"),
            "cancelled": ("signed_up", "waitlisted"),
        },
        "signed_up",
        "cancelled",
        also=("waitlisted",),
    ),
    "attendance": machine(
        "checked_in",
        {
            "checked_in": ("checked_out", "auto_closed", "void"),
            "auto_closed": ("checked_out", "void"),
            "checked_out": ("checked_in", "void"),
            "no_show": ("checked_in", "void"),
        },
        "checked_out",
        "auto_closed",
        "no_show",
        "void",
        also=("no_show",),
    ),
    "order": machine(
        "held",
        {"held": ("handed_over", "cancelled", "lapsed"), "handed_over": ("cancelled",)},
        "handed_over",
        "cancelled",
        "lapsed",
    ),
    "statement": machine("open", settling.MOVES, "settled"),
    "statement left alone": machine(
        "open", {"open": ("confirmed",), "disputed": ("confirmed",)}, "confirmed", also=("disputed",)
    ),
    "help": machine("requested", help_.MOVES, *help_.ENDS),
    "help left alone": machine("requested", help_.BY_TIME, *help_.ENDS, also=tuple(help_.BY_TIME)),
    "help invitation": machine("open", help_.INVITATIONS, "accepted", "declined", "passed"),
    "help report": machine("open", help_.REPORTS, "answered"),
    "stocktake": machine("waiting", stocktaking.MOVES, "confirmed", "sent_back", "withdrawn", "expired"),
    "strike": machine("proposed", striking.MOVES, "struck", "refused", "withdrawn", "lapsed"),
    "place in the queue": machine("waiting", queueing.MOVES, "taken", "left", "passed", "ended"),
    "spot check": Machine("open", spotchecks.TRANSITIONS, frozenset(spotchecks.STATES), frozenset(spotchecks.OUTCOMES)),
    "sheet": Machine("keying", sheets.TRANSITIONS, frozenset(SHEETS), frozenset({"confirmed", "discarded"})),
    "bond": machine("asked", giving.BOND_MOVES, "bound", "declined", "withdrawn", "refused", "ended", "lapsed"),
    "gift": machine("held", giving.GIFT_MOVES, "given", "taken_back", "returned"),
    "farewell": machine("opened", giving.FAREWELL_MOVES, "inherited", "pooled", "kept", "undone", "lapsed"),
    "grant": machine("proposed", giving.GRANT_MOVES, "ended", "refused", "lapsed"),
}
COLUMNS: Mapping[tuple[str, str], str | frozenset[str]] = {
    ("credit", "state"): "credit",
    ("activity", "state"): "activity",
    ("sign_up", "state"): "sign-up",
    ("attendance", "state"): "attendance",
    ("purchase", "state"): "order",
    ("settlement", "state"): "statement",
    ("help_request", "state"): "help",
    ("help_invitation", "state"): "help invitation",
    ("help_report", "state"): "help report",
    ("stocktake", "state"): "stocktake",
    ("strike", "state"): "strike",
    ("queue_place", "state"): "place in the queue",
    ("spot_check", "state"): "spot check",
    ("sheet", "state"): "sheet",
    ("deed_case", "state"): "deed before the panel",
    ("thanks", "state"): "thanks",
    ("rule_proposal", "state"): "rules proposed",
    ("bond", "state"): "bond",
    ("gift", "state"): "gift",
    ("pool_grant", "state"): "grant",
    ("farewell", "state"): "farewell",
    ("objection", "state"): frozenset(("open", *stages.ENDS)),
    ("objection", "stage"): frozenset(stages.STAGES),
}
"""By table and column, its machine; an objection is open in every stage, so that its two columns are one machine."""


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
    begins = (machine.start, *machine.also)
    assert set().union(*(reach(machine.moves, start) for start in begins)) == machine.states


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_no_state_is_a_dead_end(machine: Machine) -> None:
    for state in machine.states:
        assert reach(machine.moves, state) & machine.ends, state


def kept_states() -> dict[tuple[str, str], frozenset[str]]:
    """Read from the tables' checks which states each state column may hold."""
    found = {}
    for table in metadata.sorted_tables:
        for rule in table.constraints:
            text = str(getattr(rule, "sqltext", ""))
            named = re.fullmatch(r"(state|stage) IN \((.*)\)", text)
            if named:
                found[table.name, named[1]] = frozenset(re.findall(r"'(\w+)'", named[2]))
    return found


def test_every_state_column_has_a_machine_with_just_its_states() -> None:
    """A new workflow fails here until it has a line in MACHINES and one in COLUMNS."""
    known = {column: MACHINES[given].states if isinstance(given, str) else given for column, given in COLUMNS.items()}
    assert kept_states() == known


def test_every_state_column_is_checked_by_the_database() -> None:
    columns = {
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.columns
        if column.name in ("state", "stage")
    }
    assert columns == kept_states().keys()


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
