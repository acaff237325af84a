"""Routes of sign-in and people."""

from tests.access.rows import EVERYONE, MEMBERS, VISITOR, Call, Row
from tests.world import World


def _neighbour(world: World, who: str) -> Call:
    return Call({"public_id": world.people["relative"].public_id})


def _pin(world: World, who: str) -> Call:
    return Call(_neighbour(world, who).path, {"pin": "2580", "again": "2580"})


def _captaincy(world: World, who: str) -> Call:
    return Call(_neighbour(world, who).path, {"building": "wyh-3", "do": "give"})


def _group(world: World, who: str) -> Call:
    return Call({"public_id": world.people["volunteer"].public_id}, {"do": "take"})


ROWS = (
    Row("GET", "/", EVERYONE),
    Row("GET", "/sign-in", (VISITOR,), also=dict.fromkeys(MEMBERS, 302)),
    Row("POST", "/sign-in", (), refuse=401, also={VISITOR: 401}, prepare=lambda w, who: Call({}, {"login": "x"})),
    Row("POST", "/sign-out", EVERYONE, answer=303),
    Row("GET", "/me", MEMBERS),
    Row("POST", "/me/settings", MEMBERS, answer=303),
    Row("POST", "/me/pin", MEMBERS, answer=303, prepare=lambda w, who: Call({}, {"pin": "2580", "again": "2580"})),
    Row("POST", "/me/password", MEMBERS, answer=422, prepare=lambda w, who: Call({}, {"present": "x", "new": "y" * 8})),
    Row("POST", "/me/messages", MEMBERS, answer=303, prepare=lambda w, who: Call({}, {"through": 1})),
    Row("GET", "/people", ("coordinator", "admin")),
    Row("GET", "/people/new", ("coordinator",)),
    Row("POST", "/people/new", ("coordinator",), answer=303, prepare=lambda w, who: Call({}, {"name": "新来的"})),
    Row("GET", "/people/<public_id>", ("coordinator", "admin"), prepare=_neighbour),
    Row("POST", "/people/<public_id>/card", ("coordinator",), answer=303, prepare=_neighbour),
    Row("POST", "/people/<public_id>/pin", ("coordinator",), answer=303, prepare=_pin),
    Row("POST", "/people/<public_id>/group", ("coordinator",), answer=303, prepare=_group),
    Row("POST", "/people/<public_id>/captaincy", ("coordinator",), answer=303, prepare=_captaincy),
    Row(
        "POST",
        "/people/<public_id>/access",
        ("admin",),
        answer=303,
        prepare=lambda w, who: Call(_neighbour(w, who).path, {"do": "give", "role": "panel"}),
    ),
    Row(
        "POST",
        "/api/v1/tokens",
        (),
        refuse=401,
        prepare=lambda w, who: Call({}, {"login": "nobody", "password": "wrong"}),
    ),
)
