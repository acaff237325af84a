"""Pages of paper rosters: the printed sheet, keying it in, confirming it."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bank import clock, db, qr
from bank.activities import operations as activities
from bank.activities.views import span
from bank.deeds import photos
from bank.errors import Invalid
from bank.members import login
from bank.members import operations as members
from bank.sheets import operations as sheets
from bank.sheets.schemas import ConfirmationSchema, LineSchema, ReasonSchema
from bank.web.app import begin_write, reads_first
from bank.web.fields import read_form
from bank.web.i18n import gettext, translate
from bank.web.pages import TIME_ZONE

pages = Blueprint("sheets", __name__)
EMPTY_LINES = 8
"""For who comes without having signed up."""
PHOTO_CACHED_S = 3600
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
        code=qr.svg(url_for(".start", public_id=public_id, _external=True)),
    )


@pages.get("/activities/<public_id>/sheets")
def start(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator")
    activity = activities.find(db.session(), who, public_id)
    return render_template("sheets/start.html", activity=activity, span=span(activity))


@pages.post("/activities/<public_id>/sheets")
def begin(public_id: str) -> ResponseReturnValue:
    sheet = sheets.begin(db.session(), login.actor(), public_id, now=clock.utc_now())
    return redirect(url_for(".show", public_id=sheet.public_id), code=303)


@pages.get("/sheets")
def index() -> ResponseReturnValue:
    who = login.actor()
    who.require(*sheets.CONFIRMERS)
    return render_template("sheets/index.html", waiting=sheets.waiting(db.session(), who))


@pages.get("/sheets/<public_id>")
def show(public_id: str) -> ResponseReturnValue:
    return _page(public_id, {})


def _page(public_id: str, errors: dict[str, list[str]]) -> str:
    who = login.actor()
    sheet, activity = sheets.find(db.session(), who, public_id)
    asked = request.args.get("q", "")[:40]
    found = members.search(db.session(), who.community_id, asked) if asked.isprintable() else []
    return render_template(
        "sheets/sheet.html",
        sheet=sheet,
        activity=activity,
        span=span(activity),
        lines=sheets.lines(db.session(), sheet),
        asked=asked,
        found=found,
        is_mine=sheet.keyed_by == who.person_id,
        may_key=sheet.state == "keying" and who.may("coordinator"),
        planned=(local_input(activity.starts_at), local_input(activity.ends_at)),
        photo_days=sheets.rules_of(db.session(), activity).sheet_photo_days,
        errors=errors,
    )


def local_input(moment: datetime) -> str:
    """Write a moment as a page's own date and time field holds it."""
    return f"{moment.astimezone(ZoneInfo(TIME_ZONE)):%Y-%m-%dT%H:%M}"


@pages.post("/sheets/<public_id>/lines")
def add_line(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    try:
        given = read_form(LineSchema, request.form)
        sheets.add_line(
            db.session(), who, public_id, given["person"], arrived=given["arrived_at"], left=given["left_at"]
        )
    except Invalid as refusal:
        return _refused(public_id, refusal)
    return redirect(url_for(".show", public_id=public_id), code=303)


@pages.post("/sheets/<public_id>/lines/<int:line_id>/removal")
def remove_line(public_id: str, line_id: int) -> ResponseReturnValue:
    sheets.remove_line(db.session(), login.actor(), public_id, line_id)
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
    sheets.attach(db.session(), who, public_id, picture, now=clock.utc_now())
    flash(gettext("照片附上了。"), "ok")
    return redirect(url_for(".show", public_id=public_id), code=303)


@pages.post("/sheets/<public_id>/hand-in")
def hand_in(public_id: str) -> ResponseReturnValue:
    sheets.hand_in(db.session(), login.actor(), public_id, now=clock.utc_now())
    flash(gettext("交上了，等另一位核对。"), "ok")
    return redirect(url_for(".show", public_id=public_id), code=303)


@pages.post("/sheets/<public_id>/confirmation")
def confirm(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    try:
        given = read_form(ConfirmationSchema, {"reason": request.form.get("reason", "")})
        struck = {int(name.removeprefix(STRIKE)) for name in request.form if _STRUCK.match(name)}
        ids = sheets.confirm(db.session(), who, public_id, struck=struck, reason=given["reason"], now=clock.utc_now())
    except Invalid as refusal:
        return _refused(public_id, refusal)
    flash(gettext("核对好了，%(n)s 个人的时长已提交。", n=len(ids)), "ok")
    return redirect(url_for(".show", public_id=public_id), code=303)


@pages.post("/sheets/<public_id>/return")
def send_back(public_id: str) -> ResponseReturnValue:
    try:
        given = read_form(ReasonSchema, request.form)
        sheets.send_back(db.session(), login.actor(), public_id, reason=given["reason"], now=clock.utc_now())
    except Invalid as refusal:
        return _refused(public_id, refusal)
    flash(gettext("退回给录入的人了。"), "ok")
    return redirect(url_for(".index"), code=303)


@pages.post("/sheets/<public_id>/discard")
def discard(public_id: str) -> ResponseReturnValue:
    try:
        given = read_form(ReasonSchema, request.form)
        sheets.discard(db.session(), login.actor(), public_id, reason=given["reason"])
    except Invalid as refusal:
        return _refused(public_id, refusal)
    flash(gettext("这张表作废了。"), "ok")
    return redirect(url_for(".index"), code=303)


def _refused(public_id: str, refusal: Invalid) -> ResponseReturnValue:
    db.drop()
    errors = {name: [translate(text) for text in texts] for name, texts in refusal.errors.items()}
    return _page(public_id, errors), 422
