"""Routes of the desk, public notice and objections."""

from __future__ import annotations

from bank.credits import objections
from tests.access.rows import EVERYONE, MEMBERS, ROLES, VISITOR, Call, Row
from tests.credits.builders import approve, credit, decide, propose
from tests.world import World

DESK = ("coordinator", "second", "panel", "admin")
DECIDERS = ("coordinator", "second")
HOME = tuple(who for who in ROLES if who != "stranger")


def _item(world: World, who: str) -> Call:
    return Call({"public_id": credit(world, propose(world, "resident", amount=5)).public_id})


def _decision(world: World, who: str) -> Call:
    return Call({}, {"ids": _item(world, who).path["public_id"], "decision": "approve"})


def _refused(world: World, who: str) -> Call:
    credit_id = propose(world, "resident", amount=5)
    decide(world, "coordinator", [credit_id], "reject", reason="没有凭据")
    return Call({"public_id": credit(world, credit_id).public_id}, {"reason": "带来了照片"})


def _on_notice(world: World) -> str:
    credit_id = propose(world, "resident", evidence_class="B", amount=5)
    approve(world, "coordinator", credit_id)
    return credit(world, credit_id).public_id


def _notice(world: World, who: str) -> Call:
    return Call({"public_id": _on_notice(world)}, {"reason": "那天没看到他"})


def _objection(world: World, by: str) -> str:
    public_id, actor = _on_notice(world), world.actor(by)
    with world.write() as session:
        return objections.object_to(session, actor, public_id, reason="没看到", now=world.clock.now).public_id


def _answer(world: World, who: str) -> Call:
    return Call({"public_id": _objection(world, "volunteer")}, {"verdict": "dismissed", "answer": "已核实"})


def _withdrawal(world: World, who: str) -> Call:
    return Call({"public_id": _objection(world, "volunteer")})


ROWS = (
    Row("GET", "/desk", DESK),
    Row("GET", "/desk/items/<public_id>", DESK, prepare=_item),
    Row("POST", "/desk/decisions", DECIDERS, answer=303, prepare=_decision),
    Row("POST", "/desk/undo", DECIDERS, answer=303, prepare=lambda world, who: Call({}, {"batch": "none"})),
    Row("POST", "/desk/items/<public_id>/reopening", ("coordinator",), answer=303, prepare=_refused),
    Row(
        "POST",
        "/desk/objections/<public_id>/answer",
        ("second", "panel"),
        answer=303,
        also={"coordinator": 409},
        prepare=_answer,
    ),
    Row("GET", "/notices", EVERYONE),
    Row("GET", "/notices/sheet", EVERYONE),
    Row("GET", "/notices/<public_id>", (VISITOR, *HOME), also={"stranger": 404}, prepare=_notice),
    Row(
        "POST",
        "/notices/<public_id>/objections",
        HOME,
        answer=303,
        also={"resident": 409, "stranger": 404},
        prepare=_notice,
    ),
    Row(
        "POST",
        "/notices/objections/<public_id>/withdrawal",
        ("volunteer",),
        answer=303,
        refuse=404,
        prepare=_withdrawal,
    ),
    Row("GET", "/api/v1/notices", EVERYONE),
    Row(
        "POST",
        "/api/v1/notices/<public_id>/objections",
        MEMBERS,
        answer=201,
        also={"resident": 409, "stranger": 404},
        prepare=_notice,
    ),
)
