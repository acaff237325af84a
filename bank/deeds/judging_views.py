"""Pages of the review panel for deeds: what waits, one case with its evidence, the vote."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bank import clock, db
from bank.credits import flags
from bank.credits.words import last_moment
from bank.deeds import judging, rules, witnessing
from bank.deeds import operations as deeds
from bank.deeds.schemas import VoteSchema
from bank.errors import Invalid, NotFound
from bank.members import login
from bank.members.actor import Actor
from bank.web.fields import read_form
from bank.web.i18n import gettext, translate

pages = Blueprint("judging", __name__)


@pages.get("/panel")
def index() -> ResponseReturnValue:
    who = login.actor()
    who.require("panel")
    cases = judging.waiting_for(db.session(), who) if not who.may("admin") else []
    return render_template("deeds/panel.html", cases=cases, categories=rules.CATEGORIES, last_moment=last_moment)


@pages.get("/panel/<public_id>")
def case(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require("panel")
    return _case_page(who, public_id, given={}, errors={})


def _case_page(who: Actor, public_id: str, *, given: Any, errors: dict[str, list[str]]) -> str:
    session = db.session()
    told = deeds.visible(session, who, public_id)
    found = judging.case_of(session, told.deed.id)
    if found is None:
        raise NotFound
    votes = judging.votes_of(session, told.deed.id)
    return render_template(
        "deeds/case.html",
        told=told,
        case=found,
        case_words=rules.CASES,
        category=rules.CATEGORIES[told.deed.category],
        seen=[translate(*flags.sentence_of(flag)) for flag in told.credit.flags],
        witnesses=witnessing.witnesses_of(session, told.deed.id),
        votes=votes,
        has_voted=any(vote.person_id == who.person_id for vote, _ in votes),
        may_vote=judging.may_vote(session, who, told.deed),
        last_moment=last_moment,
        given=given,
        errors=errors,
    )


@pages.post("/panel/<public_id>/votes")
def vote(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require("panel")
    try:
        given = read_form(VoteSchema, request.form)
        is_for = given["verdict"] == "for"
        found = judging.vote(db.session(), who, public_id, is_for=is_for, reason=given["reason"], now=clock.utc_now())
    except Invalid as refusal:
        errors = {name: [translate(text) for text in texts] for name, texts in refusal.errors.items()}
        return _case_page(who, public_id, given=request.form, errors=errors), 422
    if found.state == "open":
        flash(gettext("您的一票和理由已经记下，还在等其他评议员。"), "ok")
    else:
        flash(gettext("您的一票已经记下，评议有了结论，已告诉本人。"), "ok")
    return redirect(url_for(".index"), code=303)


def count_waiting() -> int:
    """Count what waits for the signed-in panel member, for the menu."""
    who = login.actor_or_none()
    return judging.count_waiting(db.session(), who) if who else 0
