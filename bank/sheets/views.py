"""Pages of paper rosters: the printed sheet, keying it in, confirming it."""

from __future__ import annotations

import re

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from bank import clock, db, qr
from bank.activities import operations as activities
from bank.activities.views import span
from bank.deeds import photos
from bank.errors import Invalid
from bank.members import login, people
from bank.members.models import Person
from bank.sheets import confirming, keying, rules
from bank.sheets import operations as sheets
from bank.sheets.schemas import ConfirmationSchema, LineSchema, ReasonSchema, TimesSchema
from bank.web.app import begin_write, reads_first
from bank.web.fields import read_form
from bank.web.i18n import gettext, translate

pages = Blueprint("sheets", __name__)
EMPTY_LINES = 8
"""For who comes without having signed up."""
PHOTO_CACHED_S = 3600
MOST_AT_ONCE = 200
STRIKE = "strike_"
_STRUCK = re.compile(rf"{STRIKE}[0-9]{{1,15}}\Z")


@pages.get("/activities/<public_id>/paper")
def paper(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator")
    activity = activities.find(db.session(), who, public_id)
    return render_template(
        "sheets/paper.html",
        activity=activity,
        span=span(activity),
        people=sheets.expected(db.session(), activity),
        empty_lines=EMPTY_LINES,
        days=sheets.rules_of(db.session(), activity).paper_days,
        code=Markup(qr.svg(url_for(".start", public_id=public_id, _external=True))),  # noqa: S704 -- drawn by ourselves
    )


@pages.get("/activities/<public_id>/sheets")
def start(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator")
    activity = activities.find(db.session(), who, public_id)
    return render_template("sheets/start.html", activity=activity, span=span(activity))


@pages.post("/activities/<public_id>/sheets")
def begin(public_id: str) -> ResponseReturnValue:
    sheet = keying.begin(db.session(), login.actor(), public_id, now=clock.utc_now())
    return redirect(url_for(".show", public_id=sheet.public_id), code=303)


@pages.get("/sheets")
def index() -> ResponseReturnValue:
    who = login.actor()
    who.require(*sheets.CONFIRMERS)
    waiting, begun = sheets.waiting(db.session(), who), sheets.begun(db.session(), who)
    return render_template("sheets/index.html", waiting=waiting, begun=begun, words=rules)


@pages.get("/sheets/<public_id>")
def show(public_id: str) -> ResponseReturnValue:
    return _page(public_id, {})


def _page(public_id: str, errors: dict[str, list[str]]) -> str:
    who, session = login.actor(), db.session()
    sheet, activity = sheets.find(session, who, public_id)
    may_key = sheet.state == "keying" and sheet.keyed_by == who.person_id and who.may("coordinator")
    asked = request.args.get("q", "")[:200].strip()
    found = keying.search(session, who, asked) if may_key and asked.isprintable() else []
    is_near = sheets.is_near(who, session.get_one(Person, sheet.keyed_by))
    in_force = sheets.rules_of(session, activity)
    recorded = sheets.recorded(session, activity.id) if sheet.state == "handed_in" else set()
    return render_template(
        "sheets/sheet.html",
        sheet=sheet,
        activity=activity,
        span=span(activity),
        lines=sheets.lines(session, sheet),
        asked=asked,
        found=[(person, people.home_of(session, person)) for person in found],
        may_key=may_key,
        may_confirm=sheet.state == "handed_in" and not is_near,
        may_discard=sheet.state in ("keying", "handed_in") and who.may("coordinator"),
        expected=sheets.not_keyed(session, activity) if may_key else [],
        recorded=recorded,
        usual=keying.usual_times(sheet, activity),
        seen=sheets.seen_before(session, sheet, in_force) if sheet.state == "handed_in" else [],
        trail=sheets.trail(session, sheet),
        words=rules,
        in_force=in_force,
        errors=errors,
        typed=request.form,
    )


@pages.post("/sheets/<public_id>/lines")
def add_line(public_id: str) -> ResponseReturnValue:
    who, now = login.actor(), clock.utc_now()
    chosen = request.form.getlist("person")[:MOST_AT_ONCE]
    try:
        if request.form.get("all"):
            _, activity = sheets.find(db.session(), who, public_id)
            chosen = [person.public_id for person in sheets.not_keyed(db.session(), activity)]
        if len(chosen) != 1:
            added = keying.add_lines(db.session(), who, public_id, chosen, now=now)
            flash(
                gettext("记上了 %(n)s 个人。", n=added) if added else gettext("请先勾上表上有的人。"),
                "ok" if added else "warn",
            )
        else:
            given = read_form(LineSchema, request.form)
            line = keying.add_line(
                db.session(), who, public_id, given["person"], came=given["came"], left=given["left"], now=now
            )
            flash(gettext("记上了：%(name)s", name=db.session().get_one(Person, line.person_id).name), "ok")
    except Invalid as refusal:
        return _refused(public_id, refusal)
    except rules.AlreadyThere as already:
        flash(translate(already.sentence, already.facts), "warn")
    return redirect(url_for(".show", public_id=public_id), code=303)


@pages.post("/sheets/<public_id>/times")
def set_times(public_id: str) -> ResponseReturnValue:
    return _set_times(public_id, None)


@pages.post("/sheets/<public_id>/lines/<int:line_id>/times")
def set_line_times(public_id: str, line_id: int) -> ResponseReturnValue:
    return _set_times(public_id, line_id)


def _set_times(public_id: str, line_id: int | None) -> ResponseReturnValue:
    who = login.actor()
    try:
        given = read_form(TimesSchema, request.form)
        keying.set_times(db.session(), who, public_id, came=given["came"], left=given["left"], line_id=line_id)
    except Invalid as refusal:
        return _refused(public_id, refusal)
    flash(gettext("时间改好了。"), "ok")
    return redirect(url_for(".show", public_id=public_id), code=303)


@pages.post("/sheets/<public_id>/lines/<int:line_id>/removal")
def remove_line(public_id: str, line_id: int) -> ResponseReturnValue:
    keying.remove_line(db.session(), login.actor(), public_id, line_id)
    flash(gettext("拿掉了。"), "ok")
    return redirect(url_for(".show", public_id=public_id), code=303)


@pages.get("/sheets/<public_id>/photo")
def photo(public_id: str) -> ResponseReturnValue:
    found = sheets.photo_of(db.session(), login.actor(), public_id)
    answer: Response = make_response(found.jpeg)
    answer.content_type = "image/jpeg"
    answer.headers["Cache-Control"] = f"private, max-age={PHOTO_CACHED_S}"
    answer.headers["Vary"] = "Cookie"
    answer.set_etag(found.sha256.hex())
    return answer.make_conditional(request)


@pages.post("/sheets/<public_id>/photo")
@reads_first
def attach(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    sheets.find(db.session(), who, public_id)
    db.drop()
    upload = request.files.get("photo")
    content = upload.stream.read(photos.MOST_BYTES + 1) if upload and upload.filename else b""
    try:
        picture = photos.prepare(content)
    except Invalid as refusal:
        return _refused(public_id, refusal)
    begin_write()
    keying.attach(db.session(), who, public_id, picture, now=clock.utc_now())
    flash(gettext("照片附上了。"), "ok")
    return redirect(url_for(".show", public_id=public_id), code=303)


@pages.post("/sheets/<public_id>/hand-in")
def hand_in(public_id: str) -> ResponseReturnValue:
    keying.hand_in(db.session(), login.actor(), public_id, now=clock.utc_now())
    flash(gettext("交上了，等另一位核对。"), "ok")
    return redirect(url_for(".show", public_id=public_id), code=303)


@pages.post("/sheets/<public_id>/confirmation")
def confirm(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    try:
        given = read_form(ConfirmationSchema, request.form)
        struck = {int(name.removeprefix(STRIKE)) for name in request.form if _STRUCK.match(name)}
        confirming.confirm(
            db.session(),
            who,
            public_id,
            struck=struck,
            reason=given["reason"],
            seen_round=given["round"],
            now=clock.utc_now(),
        )
    except Invalid as refusal:
        return _refused(public_id, refusal)
    flash(gettext("核对好了，时长已提交。"), "ok")
    return redirect(url_for(".show", public_id=public_id), code=303)


@pages.post("/sheets/<public_id>/return")
def send_back(public_id: str) -> ResponseReturnValue:
    try:
        given = read_form(ReasonSchema, request.form)
        confirming.send_back(db.session(), login.actor(), public_id, reason=given["reason"], now=clock.utc_now())
    except Invalid as refusal:
        return _refused(public_id, refusal)
    flash(gettext("退回给录入的人了。"), "ok")
    return redirect(url_for(".index"), code=303)


@pages.post("/sheets/<public_id>/discard")
def discard(public_id: str) -> ResponseReturnValue:
    try:
        given = read_form(ReasonSchema, request.form)
        keying.discard(db.session(), login.actor(), public_id, reason=given["reason"], now=clock.utc_now())
    except Invalid as refusal:
        return _refused(public_id, refusal)
    flash(gettext("这张表作废了。"), "ok")
    return redirect(url_for(".index"), code=303)


def _refused(public_id: str, refusal: Invalid) -> ResponseReturnValue:
    db.drop()
    errors = {name: [translate(text) for text in texts] for name, texts in refusal.errors.items()}
    return _page(public_id, errors), 422
