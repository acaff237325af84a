"""Pages of a dispute: the panel's vote, objections on paper, the person's own side and corrections, working days."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bank import clock, db
from bank.communities import calendar
from bank.communities.models import Community
from bank.credits import appeals, history, notices, objections, voting, words
from bank.credits.notice_views import begin_objection
from bank.credits.schemas import AppealSchema, CorrectionSchema, DayRulingSchema, PaperSchema, VoteSchema
from bank.credits.views import show_item, translated
from bank.errors import Invalid, NotFound, say
from bank.members import login
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person
from bank.web.app import reads_first
from bank.web.fields import read_form
from bank.web.i18n import gettext

pages = Blueprint("disputes", __name__)
KEEPERS = ("coordinator", "admin")


@pages.post("/desk/objections/<public_id>/votes")
def vote(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require("panel")
    item_id = objections.item_of(db.session(), who, public_id)
    try:
        given = read_form(VoteSchema, request.form)
    except Invalid as refusal:
        return show_item(who, item_id, given=request.form, errors=translated(refusal)), 422
    is_upheld, now = given["verdict"] == "upheld", clock.utc_now()
    found = voting.vote(db.session(), who, public_id, is_upheld=is_upheld, reason=given["answer"], now=now)
    if found.state == "open":
        flash(gettext("您的一票和理由已经记下，还在等其他评议员。"), "ok")
    else:
        flash(gettext("您的一票已经记下，评议有了结论，已告诉双方。"), "ok")
    return redirect(url_for("credits.item", public_id=item_id), code=303)


@pages.get("/desk/items/<public_id>/paper")
def paper(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator", "second_approver")
    return _paper_page(who, public_id, given={}, errors={})


def _paper_page(who: Actor, public_id: str, *, given: Any, errors: dict[str, list[str]]) -> str:
    community = db.session().get_one(Community, who.community_id)
    notice = notices.one(db.session(), community, public_id, now=clock.utc_now())
    return render_template("credits/paper.html", notice=notice, given=given, errors=errors)


@pages.post("/desk/items/<public_id>/paper")
def key_in(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator", "second_approver")
    session = db.session()
    try:
        given = read_form(PaperSchema, request.form)
        resident = _one_resident(who, given["who"])
    except Invalid as refusal:
        return _paper_page(who, public_id, given=request.form, errors=translated(refusal)), 422
    made = objections.key_in(session, who, public_id, resident.public_id, reason=given["reason"], now=clock.utc_now())
    return redirect(url_for(".slip", public_id=made.public_id), code=303)


def _one_resident(who: Actor, text: str) -> Person:
    found = members.search(db.session(), who.community_id, text, limit=2)
    if not found:
        raise Invalid({"who": [say("没有找到这位居民，请核对卡号或拼音。")]})
    if len(found) > 1:
        raise Invalid({"who": [say("不止一位居民符合，请输入居民卡号。")]})
    return found[0]


@pages.get("/desk/objections/<public_id>/slip")
def slip(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator", "second_approver")
    objection, credit = objections.keyed_in(db.session(), who, public_id)
    return render_template("credits/slip.html", objection=objection, credit=credit)


@pages.post("/notices/objections/<public_id>/statement")
def state_own_side(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    said = str(request.form.get("reason", ""))[:500]
    credit = objections.explain_oneself(db.session(), who, public_id, words=said, now=clock.utc_now())
    flash(gettext("您的说明已经记下，核实和评议的人都会看到。"), "ok")
    return redirect(url_for(".own", public_id=credit.public_id), code=303)


@pages.get("/me/credits/<public_id>")
def own(public_id: str) -> ResponseReturnValue:
    return _own_page(login.actor(), public_id, given={}, errors={})


def _own_page(who: Actor, public_id: str, *, given: Any, errors: dict[str, list[str]]) -> str:
    credit = history.with_public_id(db.session(), who.community_id, public_id)
    if credit.person_id != who.person_id:
        raise NotFound
    story = history.explain(db.session(), credit)
    is_corrected = any(doubt.kind == "correction" for doubt in story.objections)
    now = clock.utc_now()
    until = None if is_corrected else objections.correct_until(db.session(), credit, now)
    return render_template(
        "credits/own.html",
        credit=credit,
        story=story,
        story_words=words,
        open_doubt=next((doubt for doubt in story.objections if doubt.state == "open"), None),
        is_corrected=is_corrected,
        may_correct=credit.state == "in_notice" or until is not None,
        correct_until=until,
        appeal_until=None if is_corrected else appeals.appeal_until(db.session(), credit, now),
        steps=history.with_beside(db.session(), credit, story.steps),
        evidence=words.evidence_of(credit.evidence),
        is_own=True,
        given=given,
        errors=errors,
    )


@pages.post("/me/credits/<public_id>/appeals")
@reads_first
def appeal(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    try:
        given = read_form(AppealSchema, request.form)
    except Invalid as refusal:
        return _own_page(who, public_id, given=request.form, errors=translated(refusal)), 422
    begin_objection(who)
    appeals.appeal(db.session(), who, public_id, reason=given["reason"], now=clock.utc_now())
    flash(gettext("已收到。由没有经手过的人重新看，会告诉您结果。"), "ok")
    return redirect(url_for(".own", public_id=public_id), code=303)


@pages.post("/me/credits/<public_id>/corrections")
@reads_first
def correct(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    try:
        given = read_form(CorrectionSchema, request.form)
        wanted = wanted_of(given)
    except Invalid as refusal:
        return _own_page(who, public_id, given=request.form, errors=translated(refusal)), 422
    begin_objection(who)
    try:
        objections.correct(db.session(), who, public_id, reason=given["reason"], now=clock.utc_now(), **wanted)
    except Invalid as refusal:
        db.drop()
        return _own_page(who, public_id, given=request.form, errors=translated(refusal)), 422
    flash(gettext("已收到您的更正请求，由没有经手过的人核实，会告诉您结果。"), "ok")
    return redirect(url_for(".own", public_id=public_id), code=303)


def wanted_of(given: dict[str, Any]) -> dict[str, Any]:
    """Read what a correction asks for. Raises Invalid where the new amount or name is missing."""
    if given["what"] == "amount" and given["amount"] is None:
        raise Invalid({"amount": [say("请写应该是多少。")]})
    if given["what"] == "title" and not given["title"]:
        raise Invalid({"title": [say("请写应该叫什么。")]})
    return {
        "wanted_amount": given["amount"] if given["what"] == "amount" else None,
        "wanted_title": given["title"] if given["what"] == "title" else None,
    }


@pages.get("/desk/calendar")
def days() -> ResponseReturnValue:
    who = login.actor()
    who.require(*KEEPERS)
    return _days_page(who, given={}, errors={})


def _days_page(who: Actor, *, given: Any, errors: dict[str, list[str]]) -> str:
    session = db.session()
    home = session.get_one(Community, who.community_id)
    ruled = calendar.rulings(session, home.id)
    return render_template(
        "credits/calendar.html",
        unknown_year=calendar.calendar_of(session, home, clock.utc_now()).unknown_year(),
        ruled=[(ruling, session.get_one(Person, ruling.by_person_id).name) for ruling in ruled],
        given=given,
        errors=errors,
    )


@pages.post("/desk/calendar")
def rule_day() -> ResponseReturnValue:
    who = login.actor()
    who.require(*KEEPERS)
    try:
        given = read_form(DayRulingSchema, request.form)
    except Invalid as refusal:
        return _days_page(who, given=request.form, errors=translated(refusal)), 422
    known = {"working": True, "off": False, "calendar": None}[given["what"]]
    calendar.rule_day(
        db.session(), who.community_id, given["day"], known, note=given["note"], by=who.person_id, now=clock.utc_now()
    )
    flash(gettext("已保存。已经开始的公示和期限不变。"), "ok")
    return redirect(url_for(".days"), code=303)
