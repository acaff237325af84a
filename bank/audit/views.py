"""The auditor's page: the trial balance of any day, and what the book has heard of it since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from bank import chart, clock, db
from bank.audit import telling
from bank.audit.examining import Examined, examine, grouped, shop_names
from bank.communities.models import Community
from bank.errors import NotFound
from bank.members import login
from bank.web.i18n import translate
from bank.web.pages import amount, day, moment
from ledger import errors

pages = Blueprint("audit", __name__)
PER_PAGE = 50


@pages.get("/audit")
def audit() -> ResponseReturnValue:
    who, now = login.actor(), clock.utc_now()
    who.require("auditor")
    place = db.session().get_one(Community, who.community_id)
    today = clock.local_day(now, place.time_zone)
    try:
        found = examine(db.session(), place, _asked_day(today), now, cursor=request.args.get("cursor"))
    except errors.InvalidTxn as wrong:
        raise NotFound from wrong
    shops, first = shop_names(db.session(), place), _asked_page() * PER_PAGE
    rows = found.trial.rows
    return render_template(
        "audit/audit.html",
        place=place,
        found=found,
        today=today,
        units=_units(found),
        digest=telling.digest_text(found.trial.digest),
        groups=[_group(group) for group in grouped(rows)],
        rows=[_row(row, shops) for row in rows[first : first + PER_PAGE]],
        page=first // PER_PAGE,
        has_more=len(rows) > first + PER_PAGE,
        changes=[_change(change, shops) for change in found.changes],
        late=[_late(one, shops) for one in found.late.items],
        closes=[_close(close) for close in found.closes],
    )


def _asked_day(today: date) -> date:
    """Take the day of the address; yesterday, the last day that is over, where there is none or it lies ahead."""
    try:
        asked = date.fromisoformat(request.args.get("day", ""))
    except ValueError:
        return today - timedelta(days=1)
    return asked if asked.year >= 2000 and asked <= today else today - timedelta(days=1)


def _asked_page() -> int:
    typed = request.args.get("page", "")
    return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 6 else 0


def _units(found: Examined) -> Sequence[Mapping[str, Any]]:
    totals = found.trial.totals
    return [
        {
            "unit": unit,
            "debits": amount(totals[unit][0], unit),
            "credits": amount(totals[unit][1], unit),
            "left": totals[unit][1] - totals[unit][0],
        }
        for unit in chart.UNITS
        if unit in totals
    ]


def _group(group: Any) -> Mapping[str, Any]:
    said = amount(group.balance, group.unit)
    return {"kind": telling.kind_name(group.kind), "accounts": group.accounts, "balance": said}


def _row(row: Any, shops: Mapping[str, str]) -> Mapping[str, Any]:
    return {
        "account": telling.account_name(row.path, shops),
        "debits": amount(row.debits, row.unit),
        "credits": amount(row.credits, row.unit),
        "balance": amount(row.balance, row.unit),
    }


def _change(change: Any, shops: Mapping[str, str]) -> Mapping[str, Any]:
    return {
        "account": telling.account_name(change.path, shops),
        "then": amount(change.then, change.unit),
        "now": amount(change.now, change.unit),
        "more": amount(change.now - change.then, change.unit),
    }


def _late(one: Any, shops: Mapping[str, str]) -> Mapping[str, Any]:
    moves = [
        f"{telling.account_name(t.debit, shops)} → {telling.account_name(t.credit, shops)} {amount(t.amount, t.unit)}"
        for t in one.transfers
    ]
    return {
        "what": telling.txn_name(one.kind) + (f" · {translate(one.memo)}" if one.memo else ""),
        "effective": day(one.effective_date),
        "recorded": moment(one.recorded_at),
        "moves": "；".join(moves),
        "number": str(one.txn_id),
    }


def _close(close: Any) -> Mapping[str, Any]:
    return {
        "through": close.through.isoformat(),
        "recorded": moment(close.recorded_at),
        "accounts": close.accounts,
        "digest": telling.digest_text(close.digest),
    }
