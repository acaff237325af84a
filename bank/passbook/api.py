"""One's own passbook for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bank import clock, db
from bank.communities.models import Community
from bank.members import login
from bank.passbook import lines
from bank.passbook.schemas import EntryPage, MeSchema, entry_answer
from bank.web.api import PageQuery, blueprint
from ledger import Balance

api = blueprint("passbook", "One's own passbook")
HATS = frozenset({"resident", "volunteer"})
"""What everybody is besides the roles they hold."""


@api.route("/me", methods=["GET"])
@api.response(200, MeSchema)
def me() -> dict[str, Any]:
    """Tell who one is and what one has."""
    who = login.actor()
    found = lines.balances(db.session(), who, clock.utc_now())
    home = db.session().get_one(Community, who.community_id)
    return {
        "id": who.public_id,
        "name": who.name,
        "roles": sorted(who.roles | HATS),
        "community": home.code,
        "community_name": home.name,
        "balances": [{"unit": unit, **_balance(balance)} for unit, balance in found.items()],
        "service_minutes": asdict(lines.service(db.session(), who)),
    }


@api.route("/me/statement", methods=["GET"])
@api.arguments(PageQuery, location="query")
@api.response(200, EntryPage)
def statement(asked: dict[str, Any]) -> dict[str, Any]:
    """List the lines of one's passbook in both units, newest first."""
    found = lines.entries(db.session(), login.actor(), clock.utc_now(), **asked)
    return {"items": [entry_answer(entry) for entry in found.items], "next": found.next}


def _balance(balance: Balance) -> dict[str, int]:
    return {"posted": balance.posted, "held": balance.held, "available": balance.available}
