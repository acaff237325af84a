"""Checking in and out, attendances and decisions on them, for programs."""

from __future__ import annotations

import uuid
from typing import Any

from bank import clock, db
from bank.activities import operations as activities
from bank.activities.api import shown as shown_activity
from bank.activities.places import Place
from bank.activities.schemas import ActivitySchema, CancellationSchema, NothingSchema
from bank.checkin import attempts, claims, closing, outbox, review, shown, venue
from bank.checkin import operations as checkin
from bank.checkin.schemas import (
    ApprovalAnswerSchema,
    ApprovalSchema,
    AttendancesQuery,
    CardScanAnswerSchema,
    CardScanSchema,
    CodesQuery,
    ComingCodesSchema,
    CountSchema,
    MemberAttendanceSchema,
    OutboxAnswerSchema,
    OutboxSchema,
    PassSchema,
    ScanAnswerSchema,
    VenueCodeSchema,
    VenueScanSchema,
    VoidAnswerSchema,
    VoidSchema,
)
from bank.members import login
from bank.members.models import Person
from bank.web.api import blueprint, page_schema

api = blueprint("checkin", "Check-in, check-out, attendances and decisions on them")


@api.route("/activities/<activity_id>/code", methods=["GET"])
@api.response(200, VenueCodeSchema)
def venue_code(activity_id: str) -> dict[str, Any]:
    """Give the rotating venue code of now."""
    now = clock.utc_now()
    codes = venue.coming_codes(db.session(), login.actor(), claims.keys(), activity_id, count=1, now=now)
    return shown.venue_code(codes[0])


@api.route("/activities/<activity_id>/codes", methods=["GET"])
@api.arguments(CodesQuery, location="query")
@api.response(200, ComingCodesSchema)
def venue_codes(asked: dict[str, int], activity_id: str) -> dict[str, Any]:
    """Give the codes of the next minutes, for a screen that may lose the network."""
    now = clock.utc_now()
    codes = venue.coming_codes(db.session(), login.actor(), claims.keys(), activity_id, count=asked["n"], now=now)
    return shown.coming_codes(codes, now)


@api.route("/activities/<activity_id>/code/reset", methods=["POST"])
@api.arguments(NothingSchema)
@api.response(201, VenueCodeSchema)
def reset_code(_: dict[str, Any], activity_id: str) -> dict[str, Any]:
    """Make every code shown so far worthless, as after a leak, and give the new one."""
    who, now = login.actor(), clock.utc_now()
    activities.reset_code(db.session(), who, activity_id)
    return shown.venue_code(venue.coming_codes(db.session(), who, claims.keys(), activity_id, count=1, now=now)[0])


@api.route("/activities/<activity_id>/count", methods=["GET"])
@api.response(200, CountSchema)
def count(activity_id: str) -> dict[str, int]:
    """Count heads now."""
    who = login.actor()
    who.require("coordinator")
    return venue.heads(db.session(), activities.find(db.session(), who, activity_id))


@api.route("/activities/<activity_id>/cancellation", methods=["POST"])
@api.arguments(CancellationSchema)
@api.response(201, ActivitySchema)
def cancel(given: dict[str, str], activity_id: str) -> dict[str, Any]:
    """Cancel an activity, tell everyone, and void what was done there."""
    now = clock.utc_now()
    activity = closing.call_off(db.session(), login.actor(), activity_id, reason=given["reason"], now=now)
    return shown_activity(activity, Place("none"), now)


@api.route("/check-ins", methods=["POST"])
@api.arguments(VenueScanSchema)
@api.response(201, ScanAnswerSchema)
def check_in(given: dict[str, Any]) -> dict[str, Any]:
    """Check in or out with the venue's code; without a direction the server decides."""
    outcome = attempts.scan_venue(
        login.actor(),
        claims.keys(),
        given["code"],
        at=clock.utc_now(),
        direction=given["direction"],
        scan_uuid=given["uuid"],
        device=given["device_id"] or "",
        meant=given["activity_id"],
    )
    return shown.scan_answer(outcome)


@api.route("/activities/<activity_id>/card-scans", methods=["POST"])
@api.arguments(CardScanSchema)
@api.response(201, CardScanAnswerSchema)
def scan_card(given: dict[str, Any], activity_id: str) -> dict[str, Any]:
    """Check in or out whoever's pass or printed card was scanned."""
    outcome = attempts.scan_card(
        login.actor(),
        claims.keys(),
        activity_id,
        given["card"],
        direction=given["direction"],
        scan_uuid=given["uuid"],
    )
    return shown.scan_answer(outcome)


@api.route("/scans:batch", methods=["POST"])
@api.arguments(OutboxSchema)
@api.response(200, OutboxAnswerSchema)
def take_outbox(given: dict[str, Any]) -> dict[str, Any]:
    """Take the scans a device made while it was offline; each gets its own result, and none stops the others."""
    now = clock.utc_now()
    verdicts = outbox.take(db.session(), login.actor(), claims.keys(), given, now=now)
    return {"server_now": now, "results": [shown.offline_result(verdict) for verdict in verdicts]}


@api.route("/scans/<scan_id>:void", methods=["POST"])
@api.arguments(VoidSchema)
@api.response(201, VoidAnswerSchema)
def void_scan(given: dict[str, str], scan_id: str) -> dict[str, Any]:
    """Take a scan back; both stay in the log."""
    attendance = checkin.void_scan(
        db.session(), login.actor(), scan_id, reason=given["reason"], void_uuid=str(uuid.uuid4()), now=clock.utc_now()
    )
    row = review.one(db.session(), login.actor(), attendance.public_id)
    return {"attendance": shown.attendance_row(row)}


@api.route("/attendances", methods=["GET"])
@api.arguments(AttendancesQuery, location="query")
@api.response(200, page_schema(MemberAttendanceSchema))
def attendances(asked: dict[str, Any]) -> dict[str, Any]:
    """List the community's attendances, the oldest first."""
    page = review.listing(
        db.session(),
        login.actor(),
        state=asked["state"],
        activity=asked["activity_id"],
        limit=asked["limit"],
        cursor=asked["cursor"],
    )
    return {"items": [shown.attendance_row(row) for row in page.items], "next": page.next}


@api.route("/attendances/<attendance_id>", methods=["GET"])
@api.response(200, MemberAttendanceSchema)
def attendance(attendance_id: str) -> dict[str, Any]:
    """Show one attendance to whose it is, and to staff."""
    return shown.attendance_row(review.one(db.session(), login.actor(), attendance_id))


@api.route("/approvals", methods=["POST"])
@api.arguments(ApprovalSchema)
@api.response(200, ApprovalAnswerSchema)
def approve(given: dict[str, Any]) -> dict[str, Any]:
    """Approve or reject attendances together; each is answered for itself."""
    decided = review.decide(
        db.session(),
        login.actor(),
        given["attendance_ids"],
        given["decision"],
        minutes=given["minutes"],
        reason=given["reason"],
        now=clock.utc_now(),
    )
    return {"results": [shown.decision(one) for one in decided]}


@api.route("/me/pass", methods=["GET"])
@api.response(200, PassSchema)
def member_pass() -> dict[str, str]:
    """Give one's own pass."""
    who = login.actor()
    version = db.session().get_one(Person, who.person_id).card_version
    code = claims.keys().member_pass(who.public_id, version)
    return {"code": code, "url": shown.link(code)}
