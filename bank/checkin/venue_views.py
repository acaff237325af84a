"""Pages of the coordinator on the spot: the screen, scanning cards, the roster, cancelling."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Blueprint, flash, jsonify, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bank import clock, db, qr
from bank.activities import operations as activities
from bank.activities.models import Activity
from bank.activities.schemas import CancellationSchema
from bank.activities.views import span
from bank.checkin import attempts, attesting, claims, closing, codes, roster, shown, venue
from bank.checkin import operations as checkin
from bank.checkin.codes import CodeInvalid, Pass
from bank.checkin.recording import Outcome
from bank.checkin.refusals import CardUnknown
from bank.checkin.schemas import CardScanSchema, EntrySchema, HeadcountSchema, VoidSchema
from bank.errors import BankError, Conflict, Invalid, NotFound, say
from bank.members import login
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.rules import read_card_number
from bank.web.fields import read_form
from bank.web.i18n import gettext, translate
from bank.web.pages import clock_time

pages = Blueprint("venue", __name__)
MOST_CODES = 240


@pages.get("/activities/<public_id>/screen")
def screen(public_id: str) -> ResponseReturnValue:
    who, now = login.actor(), clock.utc_now()
    code = venue.coming_codes(db.session(), who, claims.keys(), public_id, count=1, now=now)[0]
    activity = activities.find(db.session(), who, public_id)
    heads = venue.heads(db.session(), activity)
    return render_template("checkin/screen.html", activity=activity, span=span(activity), heads=heads, code=code)


@pages.get("/activities/<public_id>/codes")
def coming_codes(public_id: str) -> ResponseReturnValue:
    who, now = login.actor(), clock.utc_now()
    wanted = request.args.get("n", "40")
    count = min(int(wanted), MOST_CODES) if wanted.isascii() and wanted.isdigit() and len(wanted) < 5 else 40
    minted = venue.coming_codes(db.session(), who, claims.keys(), public_id, count=max(count, 1), now=now)
    answer = shown.coming_codes(minted, now)
    return jsonify({**answer, "server_now": now.isoformat()})


@pages.get("/activities/<public_id>/count")
def count(public_id: str) -> ResponseReturnValue:
    answer = jsonify(venue.heads(db.session(), _mine(public_id)))
    answer.set_etag(hashlib.sha256(answer.get_data()).hexdigest()[:16])
    return answer.make_conditional(request)


@pages.post("/activities/<public_id>/code-reset")
def reset_code(public_id: str) -> ResponseReturnValue:
    activities.reset_code(db.session(), login.actor(), public_id)
    flash(gettext("换了新码，以前的码都不能用了。"), "ok")
    return redirect(url_for(".screen", public_id=public_id), code=303)


@pages.get("/activities/<public_id>/cards")
def cards(public_id: str) -> ResponseReturnValue:
    activity = _mine(public_id)
    direction = request.args.get("direction")
    if direction not in ("in", "out"):
        direction = (
            "out" if clock.utc_now() >= activity.starts_at + (activity.ends_at - activity.starts_at) / 2 else "in"
        )
    return render_template("checkin/scan_cards.html", activity=activity, direction=direction)


@pages.post("/activities/<public_id>/card-scans")
def scan_card(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator")
    if request.is_json:
        return _scan_for_script(who, public_id)
    given = read_form(CardScanSchema, request.form)
    outcome = _take_card(who, public_id, given)
    answer = _answer(outcome)
    flash(gettext("%(name)s：%(title)s。%(detail)s", **{key: answer[key] for key in ("name", "title", "detail")}), "ok")
    return redirect(url_for(".cards", public_id=public_id, direction=given["direction"]), code=303)


@pages.get("/activities/<public_id>/roster")
def show_roster(public_id: str) -> ResponseReturnValue:
    who, activity = login.actor(), _mine(public_id)
    asked = request.args.get("q", "")[:40]
    found = members.search(db.session(), who.community_id, asked) if asked.isprintable() else []
    return render_template(
        "checkin/roster.html",
        activity=activity,
        span=span(activity),
        lines=roster.lines(db.session(), activity),
        heads=venue.heads(db.session(), activity),
        asked=asked,
        found=roster.with_standing(db.session(), activity, found),
        flag_words=shown.flag_words,
    )


@pages.post("/activities/<public_id>/entries")
def enter(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator")
    given = read_form(EntrySchema, request.form)
    answer = _answer(attempts.enter(who, public_id, given["person"], direction=given["direction"]))
    flash(gettext("%(name)s：%(title)s。%(detail)s", **{key: answer[key] for key in ("name", "title", "detail")}), "ok")
    return redirect(url_for(".show_roster", public_id=public_id), code=303)


@pages.post("/activities/<public_id>/scans/<scan_uuid>/void")
def void_scan(public_id: str, scan_uuid: str) -> ResponseReturnValue:
    given = read_form(VoidSchema, request.form)
    checkin.void_scan(
        db.session(),
        login.actor(),
        scan_uuid,
        reason=given["reason"],
        void_uuid=qr.new_public_id(),
        now=clock.utc_now(),
    )
    flash(gettext("已撤销这次扫码。"), "ok")
    return redirect(url_for(".show_roster", public_id=public_id), code=303)


@pages.get("/activities/<public_id>/cancellation")
def cancel_form(public_id: str) -> ResponseReturnValue:
    return _cancel_page(_mine(public_id), {})


@pages.post("/activities/<public_id>/cancellation")
def cancel(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    activity = _mine(public_id)
    try:
        given = read_form(CancellationSchema, request.form)
    except Invalid as refusal:
        return _cancel_page(activity, {name: translate(texts[0]) for name, texts in refusal.errors.items()}), 422
    closing.call_off(db.session(), who, public_id, reason=given["reason"], now=clock.utc_now())
    flash(gettext("活动已取消，报名的人都会收到消息。"), "ok")
    return redirect(url_for("activities.show", public_id=public_id), code=303)


@pages.post("/activities/<public_id>/headcount")
def attest(public_id: str) -> ResponseReturnValue:
    given = read_form(HeadcountSchema, request.form)
    attesting.attest(db.session(), login.actor(), public_id, given["headcount"], now=clock.utc_now())
    flash(gettext("人数记下了，谢谢。"), "ok")
    return redirect(url_for("activities.show", public_id=public_id), code=303)


def _mine(public_id: str) -> Activity:
    who = login.actor()
    who.require("coordinator")
    return activities.find(db.session(), who, public_id)


def _cancel_page(activity: Activity, errors: dict[str, str]) -> str:
    typed = request.form.get("reason", "")
    return render_template("checkin/cancel.html", activity=activity, span=span(activity), errors=errors, typed=typed)


def _take_card(who: Actor, activity: str, given: dict[str, Any]) -> Outcome:
    """A code proves the card; a number typed from it is an entry by hand."""
    how = {"direction": given["direction"], "scan_uuid": given["uuid"]}
    number = read_card_number(given["card"])
    try:
        if number is None:
            return attempts.scan_card(who, claims.keys(), activity, given["card"], **how)
        public_id, version = number
        return attempts.enter(who, activity, public_id, card_version=version, **how)
    except (CodeInvalid, NotFound) as unknown:
        activities.find(db.session(), who, activity)
        raise CardUnknown from unknown


def _scan_for_script(who: Actor, public_id: str) -> ResponseReturnValue:
    body = request.get_json(silent=True)
    try:
        given = read_form(CardScanSchema, body if isinstance(body, dict) else {})
        return jsonify(_answer(_take_card(who, public_id, given)))
    except Conflict as refusal:
        return make_response(jsonify(_refused(refusal, who, public_id, body)), 409)


def _answer(outcome: Outcome) -> dict[str, Any]:
    item = shown.attendance(outcome.activity, outcome.attendance, outcome.credit_state)
    at = outcome.attendance.checked_out_at or outcome.attendance.checked_in_at
    titles = {"in": say("签到了"), "out": say("签退了")}
    title = translate(titles[outcome.direction]) if outcome.direction else gettext("已经签到过")
    details = [clock_time(at)] if at else []
    details += [flag["reason"] for flag in item["flags"]]
    is_by_hand = any(flag["code"] == "manual" for flag in item["flags"])
    if is_by_hand:
        details.append(gettext("手工登记的时长不能兑换，只作荣誉记录。请尽量扫卡。").rstrip("。."))
    return {
        "ok": True,
        "status": outcome.direction or "already",
        "name": outcome.person.name,
        "title": title,
        "detail": " · ".join(details),
        "sound": "ok" if outcome.direction and not is_by_hand else "attention",
    }


def _refused(refusal: BankError, who: Actor, public_id: str, body: Any) -> dict[str, Any]:
    is_out = refusal.code == "already_checked_out"
    return {
        "ok": False,
        "status": "already" if is_out else "error",
        "name": _name_on_card(who, body),
        "title": gettext("没有记上"),
        "detail": translate(refusal.sentence, refusal.facts),
        "code": refusal.code,
        "sound": "attention" if is_out else "error",
    }


def _name_on_card(who: Actor, body: dict[str, Any]) -> str:
    """Name the holder of a card that was refused, if we made it and they are ours."""
    try:
        card = codes.read(str(body.get("card", "")))
        if not isinstance(card, Pass):
            return ""
        claims.keys().prove_pass(card)
        return members.in_community(db.session(), who.community_id, card.person_id).name
    except (CodeInvalid, NotFound):
        return ""
