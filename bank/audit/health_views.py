"""The desk's health for those who answer for it, and the auditor's list of what was not done in time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from bank import clock, db
from bank.audit import waiting
from bank.audit.health import Health, examine
from bank.communities.models import Community
from bank.credits import health, words
from bank.credits.rules import BOOK_SENTENCES, REASONS
from bank.errors import say
from bank.members import login
from bank.web.i18n import gettext, hours, translate

pages = Blueprint("health", __name__)
LOOKERS = ("coordinator", "second_approver", "auditor", "admin")
PERIODS = (7, 30, 90, 365)
CLASS_WORDS = {"A": say("扫码记录"), "B": say("有人见证"), "C": say("事后补记")}


@pages.get("/desk/health")
def show() -> ResponseReturnValue:
    who, now = login.actor(), clock.utc_now()
    who.require(*LOOKERS)
    place = db.session().get_one(Community, who.community_id)
    typed = request.args.get("days", "")
    days = int(typed) if typed in map(str, PERIODS) else 30
    found = examine(db.session(), place, now, days=days)
    return render_template(
        "audit/health.html",
        place=place,
        found=found,
        days=days,
        periods=PERIODS,
        now=now,
        span=span,
        late_days=health.LATE_AFTER.days,
        class_bars=_class_bars(found),
        reason_bars=_reason_bars(found),
        states=words.STATES,
        may_open=who.may("coordinator", "second_approver", "admin"),
        may_check=who.may("coordinator", "second_approver"),
        may_audit=who.may("auditor"),
    )


def span(length: timedelta | None) -> str:
    """Say how long something took: minutes or hours on the first day, then days."""
    if length is None:
        return gettext("没有")
    if length < timedelta(days=1):
        return hours(
            max(1, length // timedelta(minutes=1)) if length < timedelta(hours=1) else length // timedelta(hours=1) * 60
        )
    return gettext("%(n)s 天", n=length // timedelta(days=1))


def _class_bars(found: Health) -> Sequence[dict[str, Any]]:
    total = sum(found.shares.values())
    return [
        {
            "text": translate(CLASS_WORDS[kind]),
            "said": hours(minutes),
            "is_share": True,
            "percent": round(100 * minutes / total) if total else 0,
        }
        for kind, minutes in found.shares.items()
    ]


def _reason_bars(found: Health) -> Sequence[dict[str, Any]]:
    most = max(found.decided.reasons.values(), default=0)
    ordered = sorted(found.decided.reasons.items(), key=lambda pair: -pair[1])
    return [
        {
            "text": translate(REASONS[code]) if code in REASONS else gettext("另写的理由"),
            "said": gettext("%(n)s 条", n=times),
            "percent": round(100 * times / most),
        }
        for code, times in ordered
    ]


@pages.get("/audit/objections")
def escalations() -> ResponseReturnValue:
    who, now = login.actor(), clock.utc_now()
    who.require("auditor")
    session = db.session()
    return render_template(
        "audit/objections.html",
        passed=waiting.escalated(session, who.community_id, now),
        frozen=waiting.frozen(session, who.community_id),
        now=now,
        words=words,
        book_words=BOOK_SENTENCES,
    )
