"""Routes of the rules. A proposal is the second approver's, or the coordinator's for the second approver."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import delete

from bank.rulebook import operations as rulebook
from bank.rulebook import wording
from bank.rulebook.models import RuleProposal
from tests.access.rows import EVERYONE, Call, Row
from tests.world import World

DECIDERS = ("coordinator", "second", "panel")


def values(world: World, **changed: int | None) -> dict[str, int | None]:
    """Give every setting as it is in the newest version, but for what is named."""
    with world.write() as session:
        latest = rulebook.newest(session, world.community_id)
        return {**{one.field: one.value(latest) for one in wording.BY_FIELD.values()}, **changed}


def form(world: World, **more: Any) -> dict[str, Any]:
    """Fill in the form so that vouchers hold for ten days from January on."""
    numbers = {name: "" if value is None else int(value) for name, value in values(world, voucher_days=10).items()}
    return {**numbers, "effective_on": "2027-01-01", "note": "多留几天", "based_on": 1, **more}


def proposal_of(world: World, who: str, *, own: bool = False) -> Call:
    """Give an open proposal of somebody else's, or of `who` where they may propose."""
    by = ("second" if who == "second" else "coordinator") if own else ("coordinator" if who == "second" else "second")
    actor = world.actor(by)
    wanted = values(world, voucher_days=10)
    with world.write() as session:
        session.execute(delete(RuleProposal).where(RuleProposal.state == "open"))
        latest = rulebook.newest(session, world.community_id)
        day = date(latest.effective_on.year + 1, 1, 1)
        wanted = {**wanted, "voucher_days": 10 + latest.number}
        made = rulebook.propose(
            session, actor, wanted, effective_on=day, note="多留几天", based_on=latest.number, now=world.clock.now
        )
    return Call({"public_id": made.public_id}, {"reason": "没有必要"})


def own_proposal(world: World, who: str) -> Call:
    """Give an open proposal of `who`'s own."""
    return proposal_of(world, who, own=True)


def fresh_form(world: World, who: str) -> Call:
    """Give a form that may be sent: nothing is open."""
    with world.write() as session:
        session.execute(delete(RuleProposal).where(RuleProposal.state == "open"))
    return Call({}, form(world))


ROWS = (
    Row("GET", "/rules", EVERYONE),
    Row("GET", "/desk/rules", DECIDERS),
    Row("GET", "/desk/rules/new", ("coordinator", "second")),
    Row("POST", "/desk/rules", ("coordinator", "second"), answer=303, prepare=fresh_form),
    Row("GET", "/desk/rules/<public_id>", DECIDERS, prepare=proposal_of),
    Row("POST", "/desk/rules/<public_id>/adoption", DECIDERS, answer=303, prepare=proposal_of),
    Row("POST", "/desk/rules/<public_id>/refusal", DECIDERS, answer=303, prepare=proposal_of),
    Row(
        "POST",
        "/desk/rules/<public_id>/withdrawal",
        ("coordinator", "second"),
        answer=303,
        also={"panel": 404},
        prepare=own_proposal,
    ),
)
