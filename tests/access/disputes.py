"""Routes of votes, objections on paper, own items and working days."""

from __future__ import annotations

from bank.communities.models import Community
from bank.credits import objections
from bank.members import operations as members
from bank.members import passwords
from bank.members.models import Person
from tests.access.credits import _objection, _on_notice
from tests.access.rows import Call, Row
from tests.credits.builders import approve, credit, decide, propose
from tests.world import World

CLERKS = ("coordinator", "second")


def _before_panel(world: World, who: str) -> Call:
    with world.write() as session:
        home = session.get_one(Community, world.community_id)
        for name in ("一", "二"):
            person = members.register(session, home, name=f"评议{name}", now=world.clock.now)
            members.grant_role(session, person, "panel", home, now=world.clock.now)
    objection, actor = _objection(world, "volunteer"), world.actor("second")
    with world.write() as session:
        objections.answer(session, actor, objection, is_upheld=None, words="核实", now=world.clock.now)
    return Call({"public_id": objection}, {"verdict": "upheld", "answer": "没有看到"})


def _paper(world: World, who: str) -> Call:
    form = {"who": world.people["volunteer"].public_id, "reason": "没看到"}
    return Call({"public_id": _on_notice(world)}, form)


def _slip(world: World, who: str) -> Call:
    item, actor = _on_notice(world), world.actor("second")
    with world.write() as session:
        resident = world.people["volunteer"].public_id
        made = objections.key_in(session, actor, item, resident, reason="没看到", now=world.clock.now)
        return Call({"public_id": made.public_id})


def _statement(world: World, who: str) -> Call:
    return Call({"public_id": _objection(world, "volunteer")}, {"reason": "我在场"})


def _own(world: World, who: str) -> Call:
    credit_id = propose(world, "resident", amount=5)
    approve(world, "coordinator", credit_id)
    form = {"what": "amount", "amount": "8", "reason": "少算了"}
    return Call({"public_id": credit(world, credit_id).public_id}, form)


def _day(world: World, who: str) -> Call:
    return Call({}, {"day": "2026-12-25", "what": "off", "note": "停电"})


def _refused(world: World, who: str) -> Call:
    credit_id = propose(world, "resident", amount=5)
    decide(world, "coordinator", [credit_id], "reject", reason="没有看到您参加。")
    return Call({"public_id": credit(world, credit_id).public_id}, {"reason": "我在场"})


def _with_pin(world: World, who: str) -> Call:
    call = _refused(world, who)
    with world.write() as session:
        session.get_one(Person, world.people["resident"].id).pin_hash = passwords.make_hash("2468")
    return Call(call.path, {"what": "appeal", "reason": "我在场", "pin": "2468"})


ROWS = (
    Row("POST", "/me/credits/<public_id>/appeals", ("resident",), answer=303, refuse=404, prepare=_refused),
    Row("GET", "/desk/items/<public_id>/for-them", CLERKS, prepare=_refused),
    Row("POST", "/desk/items/<public_id>/for-them", CLERKS, answer=303, prepare=_with_pin),
    Row("POST", "/desk/objections/<public_id>/votes", ("panel",), answer=303, prepare=_before_panel),
    Row("GET", "/desk/items/<public_id>/paper", CLERKS, prepare=_paper),
    Row("POST", "/desk/items/<public_id>/paper", ("second",), answer=303, also={"coordinator": 409}, prepare=_paper),
    Row("GET", "/desk/objections/<public_id>/slip", ("second",), also={"coordinator": 404}, prepare=_slip),
    Row(
        "POST",
        "/notices/objections/<public_id>/statement",
        ("resident",),
        answer=303,
        refuse=404,
        prepare=_statement,
    ),
    Row("GET", "/me/credits/<public_id>", ("resident",), refuse=404, prepare=_own),
    Row("POST", "/me/credits/<public_id>/corrections", ("resident",), answer=303, refuse=404, prepare=_own),
    Row("GET", "/desk/calendar", ("coordinator", "admin")),
    Row("POST", "/desk/calendar", ("coordinator", "admin"), answer=303, prepare=_day),
)
