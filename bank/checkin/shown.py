"""How scans, attendances and decisions are shown to whoever asked, in their language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import current_app, request
from sqlalchemy import Row

from bank.activities.models import Activity
from bank.checkin import review, venue
from bank.checkin.codes import Shown
from bank.checkin.models import Attendance
from bank.checkin.outbox import Verdict
from bank.checkin.recording import Outcome
from bank.checkin.rules import Flag
from bank.credits import flags as known_flags
from bank.credits import signals
from bank.errors import NotFound
from bank.members.models import Person
from bank.web.i18n import translate


def link(token: str) -> str:
    """Give the address that a printed or shown code opens."""
    base = current_app.config["PUBLIC_URL"] or request.host_url.rstrip("/")
    return f"{base}/s/{token}"


def venue_code(code: Shown) -> dict[str, Any]:
    """Show one venue code."""
    return {
        "code": code.token,
        "url": link(code.token),
        "six": code.six,
        "valid_from": code.valid_from,
        "valid_until": code.valid_until,
    }


def coming_codes(codes: Sequence[Shown], now: datetime) -> dict[str, Any]:
    """Show a screen's supply of codes."""
    items = [
        {"offset_ms": venue.age_ms(code, now), "token": code.token, "url": link(code.token), "six": code.six}
        for code in codes
    ]
    return {"server_now": now, "step_s": venue.STEP_S, "codes": items}


def flags(items: Sequence[Flag]) -> list[dict[str, str]]:
    """Say flags in the caller's language."""
    return [{"code": flag["code"], "reason": flag_words(flag)} for flag in items]


def flag_words(flag: Flag) -> str:
    """Say one flag in the caller's language."""
    return translate(*known_flags.sentence_of(flag))


def attendance(
    activity: Activity, item: Attendance, credit_state: str | None, approved_minutes: int | None = None
) -> dict[str, Any]:
    """Show an attendance with what came of it."""
    return {
        "id": item.public_id,
        "activity_id": activity.public_id,
        "title": activity.title,
        "state": review.shown_state(item.state, credit_state),
        "checked_in_at": item.checked_in_at,
        "checked_out_at": item.checked_out_at,
        "minutes": item.minutes if approved_minutes is None else approved_minutes,
        "evidence": item.evidence_class,
        "flags": flags(item.flags),
    }


def attendance_row(row: Row[Any]) -> dict[str, Any]:
    """Show a row of the list of attendances, with whose it is, and all that the desk sees of it."""
    seen = [flag for flag in row.credit_flags or [] if flag["code"] in signals.FLAG_SENTENCES]
    return {
        **attendance(row.Activity, row.Attendance, row.credit_state, row.approved_amount),
        "flags": flags([*row.Attendance.flags, *seen]),
        "member": member(row.Person),
    }


def member(person: Person) -> dict[str, str]:
    """Show a member to staff."""
    return {"id": person.public_id, "name": person.name}


def scan_answer(outcome: Outcome) -> dict[str, Any]:
    """Show what a scan did."""
    return {
        "attendance": attendance(outcome.activity, outcome.attendance, outcome.credit_state),
        "duplicate": outcome.is_duplicate,
        "direction": outcome.direction,
        "member": member(outcome.person),
    }


def decision(made: review.Decided) -> dict[str, Any]:
    """Show what became of one attendance on the desk."""
    if made.code is None:
        return {"attendance_id": made.attendance_id, "state": made.state}
    return {
        "attendance_id": made.attendance_id,
        "state": made.state,
        "code": made.code,
        "detail": translate(made.sentence or NotFound.sentence),
    }


def offline_result(verdict: Verdict) -> Mapping[str, Any]:
    """Show what became of one scan of the outbox."""
    outcome, refusal = verdict.outcome, verdict.refusal
    reason, words = verdict.status, ""
    if refusal is not None:
        reason, words = refusal.code, translate(refusal.sentence, refusal.facts)
    elif verdict.status == "pending":
        first = verdict.flags[0]
        reason, words = first["code"], flag_words(first)
    return {
        "uuid": verdict.uuid,
        "status": verdict.status,
        "reason": reason,
        "detail": words,
        "retry": verdict.is_kept_on_device,
        "attendance": attendance(outcome.activity, outcome.attendance, outcome.credit_state) if outcome else None,
    }
