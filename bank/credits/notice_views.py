"""Public notice: the page anyone may read, the sheet for the notice board, and objections."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bank import clock, db
from bank.communities.models import Community
from bank.credits import notices, objections, words
from bank.credits.schemas import ObjectionReasonSchema
from bank.errors import Invalid
from bank.members import login
from bank.members.actor import Actor
from bank.web import limits
from bank.web.app import begin_write, reads_first
from bank.web.fields import read_form
from bank.web.i18n import gettext, translate

pages = Blueprint("notices", __name__)
PER_PAGE = 50
OBJECTIONS_PER_DAY = 10
A_DAY_S = 24 * 3600


def _place() -> Community:
    who = login.actor_or_none()
    return notices.place(db.session(), who.community_id if who else None, request.args.get("community", "")[:40])


@pages.get("/notices")
def index() -> ResponseReturnValue:
    community = _place()
    is_open = request.args.get("show") != "posted"
    found = notices.listing(
        db.session(),
        community,
        now=clock.utc_now(),
        is_open=is_open,
        cursor=request.args.get("cursor"),
        limit=PER_PAGE,
    )
    return render_template(
        "credits/notices.html", community=community, found=found, is_open=is_open, states=words.STATES
    )


@pages.get("/notices/sheet")
def sheet() -> ResponseReturnValue:
    community, now = _place(), clock.utc_now()
    found = notices.sheet(db.session(), community, now=now)
    return render_template("credits/sheet.html", community=community, found=found, now=now)


@pages.get("/notices/<public_id>")
def item(public_id: str) -> ResponseReturnValue:
    return _item_page(public_id, typed="", errors={})


def _item_page(public_id: str, *, typed: str, errors: dict[str, list[str]]) -> str:
    who = login.actor_or_none()
    community = _place()
    notice = notices.one(db.session(), community, public_id, now=clock.utc_now())
    mine = objections.of_person(db.session(), who.person_id, public_id) if who else None
    return render_template(
        "credits/notice.html",
        notice=notice,
        community=community,
        mine=mine,
        may_object=who is not None and who.community_id == community.id and mine is None,
        is_own=who is not None and notices.is_of(db.session(), public_id, who.person_id),
        may_key=who is not None and who.may("coordinator", "second_approver"),
        states=words.STATES,
        objection_states=words.OBJECTIONS,
        typed=typed,
        errors=errors,
    )


@pages.post("/notices/<public_id>/objections")
@reads_first
def object_to(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    try:
        reason = read_form(ObjectionReasonSchema, request.form)["reason"]
    except Invalid as refusal:
        errors = {name: [translate(text) for text in texts] for name, texts in refusal.errors.items()}
        return _item_page(public_id, typed=str(request.form.get("reason", "")), errors=errors), 422
    begin_objection(who)
    objections.object_to(db.session(), who, public_id, reason=reason, now=clock.utc_now())
    flash(gettext("已收到。这一条先暂停，核实后会答复您；公开的地方不会出现您的名字。"), "ok")
    return redirect(url_for(".item", public_id=public_id), code=303)


def begin_objection(who: Actor) -> None:
    """Count a try of this person, then begin the write. Raises TooMany."""
    db.drop()
    limits.spend({f"objection:{who.person_id}": OBJECTIONS_PER_DAY}, period_s=A_DAY_S, now=clock.utc_now())
    begin_write()


@pages.post("/notices/objections/<public_id>/withdrawal")
def withdraw(public_id: str) -> ResponseReturnValue:
    credit = objections.withdraw(db.session(), login.actor(), public_id, now=clock.utc_now())
    is_own = credit.person_id == login.actor().person_id
    flash(gettext("请求已撤回。") if is_own else gettext("异议已撤回。"), "ok")
    return redirect(url_for("disputes.own" if is_own else ".item", public_id=credit.public_id), code=303)
