"""Pages of random checks: what I am to check, one check with its outcome, and the draws, which are everybody's."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bank import clock, db
from bank.credits import flags, notices, words
from bank.errors import Invalid
from bank.members import login
from bank.members.actor import Actor
from bank.spotchecks import operations as spotchecks
from bank.spotchecks import rules
from bank.spotchecks.schemas import OutcomeSchema
from bank.web.fields import read_form
from bank.web.i18n import gettext, translate

pages = Blueprint("spotchecks", __name__)


@pages.get("/spot-checks")
def index() -> ResponseReturnValue:
    who = login.actor()
    who.require(*rules.CHECKERS)
    return render_template(
        "spotchecks/index.html", found=spotchecks.open_for(db.session(), who, now=clock.utc_now()), me=who.person_id
    )


@pages.get("/spot-checks/<public_id>")
def show(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require(*rules.CHECKERS)
    return _page(who, public_id, given={}, errors={})


def _page(who: Actor, public_id: str, *, given: Any, errors: dict[str, list[str]]) -> str:
    found = spotchecks.find(db.session(), who, public_id, now=clock.utc_now())
    return render_template(
        "spotchecks/check.html",
        found=found,
        evidence=words.evidence_of(found.credit.evidence),
        classes=words.CLASSES if found.credit.unit == "MIN" else words.DEED_CLASSES,
        signals=[translate(*flags.sentence_of(flag)) for flag in found.credit.flags],
        states=rules.STATES,
        given=given,
        errors=errors,
    )


@pages.post("/spot-checks/<public_id>/outcome")
def answer(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require(*rules.CHECKERS)
    try:
        given = read_form(OutcomeSchema, request.form)
        spotchecks.answer(db.session(), who, public_id, given["outcome"], given["words"], now=clock.utc_now())
    except Invalid as refusal:
        errors = {name: [translate(text) for text in texts] for name, texts in refusal.errors.items()}
        return _page(who, public_id, given=request.form, errors=errors), 422
    flash(gettext("核查结果记下了，谢谢。"), "ok")
    return redirect(url_for(".index"), code=303)


@pages.get("/board/draws")
def draws() -> ResponseReturnValue:
    who = login.actor_or_none()
    place = notices.place(db.session(), who.community_id if who else None, request.args.get("community", "")[:40])
    return render_template(
        "spotchecks/draws.html", place=place, draws=spotchecks.draws(db.session(), place), states=rules.STATES
    )
