"""The page of the rules, which is everybody's, and the desk where two people change them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bank import clock, db
from bank.communities.models import Community
from bank.communities.rules import Rules, read_rules
from bank.credits import notices
from bank.errors import Invalid, NotFound, say
from bank.members import login
from bank.members.actor import Actor
from bank.members.models import Person
from bank.rulebook import operations as rulebook
from bank.rulebook import reading, rules, wording
from bank.rulebook.models import RuleProposal
from bank.rulebook.wording import YES_NO, Change, Setting
from bank.web.i18n import gettext, translate

pages = Blueprint("rulebook", __name__)
_WHOLE = re.compile(r"[0-9]{1,9}\Z")


@pages.get("/rules")
def show() -> ResponseReturnValue:
    session, who, now = db.session(), login.actor_or_none(), clock.utc_now()
    place = notices.place(session, who.community_id if who else None, request.args.get("community", "")[:40])
    book = reading.book(session, place.id, clock.local_day(now, place.time_zone), number=_number())
    return render_template("rulebook/rules.html", place=place, book=book, sections=wording.SECTIONS, **_words())


def _number() -> int | None:
    typed = request.args.get("version", "")
    if not typed:
        return None
    if not _WHOLE.match(typed):
        raise NotFound
    return int(typed)


@pages.get("/desk/rules")
def index() -> ResponseReturnValue:
    who = login.actor()
    who.require(*rules.DECIDERS)
    session, now = db.session(), clock.utc_now()
    today = clock.local_day(now, session.get_one(Community, who.community_id).time_zone)
    found = reading.proposals(session, who.community_id)
    is_open = any(one.proposal.state == "open" and one.proposal.effective_on > today for one in found)
    return render_template(
        "rulebook/proposals.html",
        found=found,
        today=today,
        may_propose=who.may(*rules.PROPOSERS) and not who.may("admin") and not is_open,
        **_words(),
    )


@pages.get("/desk/rules/new")
def new() -> ResponseReturnValue:
    who = login.actor()
    who.require(*rules.PROPOSERS)
    return _form(who, given={}, errors={})


def _form(who: Actor, *, given: Any, errors: Mapping[str, list[str]]) -> str:
    session, now = db.session(), clock.utc_now()
    place = session.get_one(Community, who.community_id)
    latest = rulebook.newest(session, place.id)
    return render_template(
        "rulebook/form.html",
        latest=latest,
        earliest=rulebook.first_day(session, place, now),
        sections=wording.SECTIONS,
        given=given,
        errors=errors,
        **_words(),
    )


@pages.post("/desk/rules")
def propose() -> ResponseReturnValue:
    who = login.actor()
    who.require(*rules.PROPOSERS)
    try:
        values = _values(request.form)
        made = rulebook.propose(
            db.session(),
            who,
            values,
            effective_on=_day(request.form.get("effective_on", "")),
            note=request.form.get("note", "")[: rulebook.LONGEST_NOTE],
            based_on=int(request.form.get("based_on", "0")) if _WHOLE.match(request.form.get("based_on", "")) else 0,
            now=clock.utc_now(),
        )
    except Invalid as refusal:
        return _form(who, given=request.form, errors=_said(refusal)), 422
    flash(gettext("已提交。请另一位工作人员看过并同意。"), "ok")
    return redirect(url_for(".proposal", public_id=made.public_id), code=303)


def _values(form: Mapping[str, str]) -> dict[str, int | None]:
    """Read every setting. Raises Invalid for what is no whole number; what is left out is an error too."""
    values: dict[str, int | None] = {}
    errors: dict[str, list[str]] = {}
    for name, one in wording.BY_FIELD.items():
        typed = str(form.get(name, "")).strip()
        if one.kind == YES_NO:
            values[name] = int(typed == "1")
        elif not typed:
            values[name] = None
        elif _WHOLE.match(typed):
            values[name] = int(typed)
        else:
            errors[name] = [rules.OUT_OF_RANGE]
    if errors:
        raise Invalid(errors)
    return values


def _day(typed: str) -> date:
    try:
        return date.fromisoformat(typed)
    except ValueError:
        raise Invalid({"effective_on": [say("请填写从哪天起。")]}) from None


def _said(refusal: Invalid) -> dict[str, list[str]]:
    """Put the errors in words; those of a setting name it and its bounds."""
    said: dict[str, list[str]] = {}
    for name, texts in refusal.errors.items():
        one = wording.BY_FIELD.get(name)
        facts = {"least": one.least, "most": one.most} if one else {}
        lead = f"{translate(one.label)} · " if one else ""
        said[name] = [lead + translate(text, facts) for text in texts]
    return said


@pages.get("/desk/rules/<public_id>")
def proposal(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require(*rules.DECIDERS)
    return _proposal_page(who, public_id, given={}, errors={})


def _proposal_page(who: Actor, public_id: str, *, given: Any, errors: Mapping[str, list[str]]) -> str:
    session, now = db.session(), clock.utc_now()
    found = rulebook.find(session, who, public_id)
    place = session.get_one(Community, who.community_id)
    before = reading.book(session, place.id, date.max, number=found.based_on).shown.rules
    after = read_rules(found.based_on + 1, found.effective_on, found.settings)
    is_own = rulebook.is_own(session, who, found)
    return render_template(
        "rulebook/proposal.html",
        found=found,
        by=session.get_one(Person, found.proposed_by).name,
        decided_by=session.get_one(Person, found.decided_by).name if found.decided_by else None,
        changes=wording.changes(before, after),
        why_not=_why_not(
            who, found, is_own, rulebook.newest(session, place.id), rulebook.first_day(session, place, now)
        ),
        may_refuse=found.state == "open" and not is_own and not who.may("admin"),
        is_mine=found.state == "open" and found.proposed_by == who.person_id,
        given=given,
        errors=errors,
        **_words(),
    )


def _why_not(who: Actor, found: RuleProposal, is_own: bool, latest: Rules, first: date) -> str | None:
    """Say why this person cannot adopt it; None where they can, and where it is decided."""
    if found.state != "open":
        return None
    if is_own or who.may("admin"):
        return rules.AnotherPerson.sentence
    if latest.number != found.based_on:
        return rules.Overtaken.sentence
    return rules.TooSoon.sentence if found.effective_on < first else None


@pages.post("/desk/rules/<public_id>/adoption")
def adopt(public_id: str) -> ResponseReturnValue:
    adopted = rulebook.adopt(db.session(), login.actor(), public_id, now=clock.utc_now())
    flash(gettext("已通过，成为第 %(n)s 版。居民现在就能在“社区规则”里看到。", n=adopted.number), "ok")
    return redirect(url_for(".show", version=adopted.number), code=303)


@pages.post("/desk/rules/<public_id>/refusal")
def refuse(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    reason = request.form.get("reason", "")[: rulebook.LONGEST_NOTE]
    try:
        rulebook.refuse(db.session(), who, public_id, reason=reason, now=clock.utc_now())
    except Invalid as refusal:
        return _proposal_page(who, public_id, given=request.form, errors=_said(refusal)), 422
    flash(gettext("已记下您的意见，提出的人会看到。"), "ok")
    return redirect(url_for(".index"), code=303)


@pages.post("/desk/rules/<public_id>/withdrawal")
def withdraw(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require(*rules.DECIDERS)
    rulebook.withdraw(db.session(), who, public_id, now=clock.utc_now())
    flash(gettext("已收回，规则没有改变。"), "ok")
    return redirect(url_for(".index"), code=303)


def _words() -> dict[str, Any]:
    return {"told": _told, "told_change": _told_change, "states": rules.STATES, "yes_no": YES_NO}


def _told(one: Setting, value: int | None) -> str:
    return translate(*one.said(value))


def _told_change(change: Change) -> tuple[str, str, str]:
    one = change.setting
    return translate(one.label), _told(one, change.before), _told(one, change.after)
