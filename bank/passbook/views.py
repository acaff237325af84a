"""Pages of the passbook: the three numbers, the lines, what is behind a line, the printed sheet."""

from __future__ import annotations

import json
import uuid
from typing import Any

from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue

from bank import chart, clock, db
from bank.communities.models import Community
from bank.credits import words
from bank.errors import NotFound
from bank.log import keys
from bank.log import operations as log
from bank.members import login
from bank.members import operations as members
from bank.members.actor import Actor
from bank.passbook import lines, telling
from bank.passbook.evidence import Behind, behind
from bank.passbook.schemas import RefusedQuery
from bank.shop import listing
from bank.web.fields import read_form
from ledger import Entry

pages = Blueprint("passbook", __name__)
PER_PAGE = 20
PER_SHEET = 40
pages.add_app_template_filter(telling.month_name, "month")
pages.add_app_template_filter(telling.day_of_month)
pages.add_app_template_filter(telling.icon_of, "line_icon")


@pages.app_template_filter()
def line_title(entry: Entry) -> str:
    return telling.title_of_entry(entry)


@pages.get("/passbook")
def passbook() -> ResponseReturnValue:
    who, now = login.actor(), clock.utc_now()
    unit = request.args.get("unit") if request.args.get("unit") in chart.UNITS else None
    found = lines.entries(db.session(), who, now, units=_units(unit), limit=PER_PAGE, cursor=request.args.get("cursor"))
    underway, has_refused = lines.on_the_way(db.session(), who)
    return render_template(
        "passbook/passbook.html",
        unit=unit,
        is_first=not request.args.get("cursor"),
        months=telling.by_month(lines.lines(db.session(), who, now, found)),
        next=found.next,
        balances=(balances := lines.balances(db.session(), who, now)),
        endings=lines.endings(db.session(), who, now) if balances[chart.POINTS].available > 0 else [],
        ends_soon=telling.ends_soon,
        service=lines.service(db.session(), who),
        underway=underway,
        has_refused=has_refused,
        waiting=listing.waiting_for(db.session(), who.person_id),
    )


@pages.get("/passbook/refused")
def refused() -> ResponseReturnValue:
    who = login.actor()
    given = read_form(RefusedQuery, request.args)
    found = lines.refusals(db.session(), who, before=given["before"], limit=PER_PAGE + 1)
    following = found[PER_PAGE - 1].id if len(found) > PER_PAGE else None
    return render_template("passbook/refused.html", items=found[:PER_PAGE], next=following)


@pages.get("/passbook/<txn_id>")
def line(txn_id: str) -> ResponseReturnValue:
    found = _behind(txn_id)
    return render_template(
        "passbook/line.html",
        found=found,
        title=telling.title_of(found.txn.kind, found.txn.memo, found.unit),
        chain=telling.chain_of(found),
        classes=words.CLASSES,
    )


@pages.get("/passbook/<txn_id>/proof")
def proof(txn_id: str) -> ResponseReturnValue:
    found = _behind(txn_id)
    return render_template("passbook/proof.html", found=found, proof=_proof(found), home=_home())


@pages.get("/passbook/<txn_id>/proof.json")
def proof_file(txn_id: str) -> ResponseReturnValue:
    found = _behind(txn_id)
    answer = current_app.make_response((json.dumps(_proof(found), indent=1), {"Content-Type": "application/json"}))
    answer.headers["Content-Disposition"] = f"attachment; filename=proof-{found.txn.txn_id}.json"
    return answer


def _behind(txn_id: str) -> Behind:
    """Find a transaction of one's own. Raises NotFound for everything else."""
    try:
        return behind(db.session(), login.actor(), uuid.UUID(txn_id), clock.utc_now())
    except ValueError as wrong:
        raise NotFound from wrong


def _proof(found: Behind) -> dict[str, Any]:
    now = clock.utc_now()
    return log.proof_file(db.session(), _home(), keys.ring_of(current_app.config, now), found.txn.txn_id, now)


def _home() -> Community:
    return db.session().get_one(Community, login.actor().community_id)


@pages.get("/passbook/print")
def sheet() -> ResponseReturnValue:
    return printed(login.actor(), cursor=request.args.get("cursor"))


def printed(who: Actor, *, cursor: str | None = None, back: str | None = None) -> str:
    """Show somebody's passbook as it is printed; `back` is where the desk goes on."""
    now = clock.utc_now()
    found = lines.entries(db.session(), who, now, limit=PER_SHEET, cursor=cursor)
    rows: list[dict[str, Any]] = [telling.sheet_row(entry) for entry in found.items]
    return render_template(
        "passbook/sheet.html",
        who=who,
        onward=back,
        done_for=[] if cursor else members.done_in_name_of(db.session(), who.person_id),
        home=db.session().get_one(Community, who.community_id),
        rows=rows,
        next=found.next,
        now=now,
        balances=lines.balances(db.session(), who, now),
        service=lines.service(db.session(), who),
    )


def _units(unit: str | None) -> tuple[str, ...]:
    return (unit,) if unit else chart.UNITS
