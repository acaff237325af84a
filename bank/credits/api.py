"""Public notices and objections, for programs."""

from __future__ import annotations

from typing import Any

from bank import clock, db
from bank.credits import notices, objections
from bank.credits.models import Objection
from bank.credits.notice_views import begin_objection
from bank.credits.schemas import NoticeQuery, NoticeSchema, ObjectionReasonSchema, ObjectionSchema
from bank.members import login
from bank.web.api import blueprint, page_schema
from bank.web.app import reads_first

api = blueprint("notices", "Public notice and objections")


@api.route("/notices", methods=["GET"])
@api.arguments(NoticeQuery, location="query")
@api.response(200, page_schema(NoticeSchema))
def list_notices(query: dict[str, Any]) -> dict[str, Any]:
    """List what is on public notice or was posted in the last days, newest first."""
    who = login.actor_or_none()
    community = notices.place(db.session(), who.community_id if who else None, query["community"])
    found = notices.listing(db.session(), community, now=clock.utc_now(), cursor=query["cursor"], limit=query["limit"])
    return {"items": found.items, "next": found.next}


@api.route("/notices/<public_id>/objections", methods=["POST"])
@reads_first
@api.arguments(ObjectionReasonSchema)
@api.response(201, ObjectionSchema)
def make_objection(given: dict[str, str], public_id: str) -> Objection:
    """Object to an item of your community; it stays frozen until somebody else has answered."""
    who = login.actor()
    begin_objection(who)
    return objections.object_to(db.session(), who, public_id, reason=given["reason"], now=clock.utc_now())
