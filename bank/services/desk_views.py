"""Pages of help at home for the desk: taking a call, verifying, inviting, deciding, the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bank import clock, db
from bank.communities import operations as communities
from bank.credits import flags
from bank.errors import Conflict, Invalid
from bank.members import login
from bank.members import operations as members
from bank.members.actor import STAFF, Actor
from bank.members.models import Person
from bank.members.people import home_of
from bank.services import catalogue, choosing, dispatch, listing, moving, reporting, rules, training, visiting, wording
from bank.services import operations as help_
from bank.services.door_views import take_word_by_card
from bank.services.models import HelpRequest
from bank.services.refusals import ConditionsOpen
from bank.services.schemas import (
    LONGEST_WORDS,
    CallBackSchema,
    DecisionSchema,
    KindSchema,
    TrainingSchema,
    VerifySchema,
    WishSchema,
    WordsSchema,
)
from bank.services.views import in_words, pages, read_wish, wish_page
from bank.web.app import reads_first
from bank.web.fields import read_form
from bank.web.i18n import gettext, translate

__all__ = ["pages"]


@pages.get("/desk/help")
def desk() -> ResponseReturnValue:
    who = login.actor()
    who.require(*STAFF)
    session, now = db.session(), clock.utc_now()
    return render_template(
        "services/desk.html",
        waiting=listing.on_desk(session, who, now),
        disputed=listing.to_settle(session, who),
        underway=listing.underway(session, who, now),
        reports=listing.reports(session, who),
        now=now,
        overdue=wording.overdue,
        words=rules,
        is_coordinator=who.may("coordinator"),
        longest=LONGEST_WORDS,
    )


@pages.get("/desk/help/new")
def find_person() -> ResponseReturnValue:
    """Find who calls, then fill in the form for them."""
    who = login.actor()
    who.require("coordinator")
    session = db.session()
    chosen = request.args.get("person")
    if chosen:
        person = members.in_community(session, who.community_id, chosen)
        return wish_page(who, given={"reach": person.phone or ""}, errors={}, person=person)
    typed = request.args.get("q", "")[:40]
    found = members.search(session, who.community_id, typed)
    return render_template("services/find.html", typed=typed, found=_with_homes(found))


def _with_homes(found: Sequence[Person]) -> list[tuple[Person, str]]:
    return [(person, home_of(db.session(), person)) for person in found]


@pages.post("/desk/help/new")
def take_down() -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator")
    session = db.session()
    person = members.in_community(session, who.community_id, request.form.get("person", ""))
    try:
        given = read_form(WishSchema, request.form)
        via = given["via"] if given["via"] in ("counter", "phone") else "phone"
        asked = help_.ask_for(session, who, person, read_wish(given), via=via, now=clock.utc_now())
    except (Invalid, Conflict) as refusal:
        db.drop()
        person = members.in_community(db.session(), who.community_id, request.form.get("person", ""))
        if isinstance(refusal, Invalid):
            return wish_page(who, given=request.form, errors=in_words(refusal), person=person), 422
        wrong = translate(refusal.sentence, refusal.facts)
        return wish_page(who, given=request.form, errors={}, person=person, wrong=wrong), 409
    flash(gettext("记下了。核实一下就可以找人。"), "ok")
    return redirect(url_for(".desk_show", public_id=asked.public_id), code=303)


@pages.get("/desk/help/types")
def types() -> ResponseReturnValue:
    who = login.actor()
    who.require(*STAFF)
    return _types_page(who)


def _types_page(who: Actor, *, wrong: str = "", at: str = "") -> str:
    session = db.session()
    return render_template(
        "services/types.html",
        kinds=catalogue.kinds(session, who.community_id),
        rulings=catalogue.rulings(session, who.community_id),
        words=rules,
        may_change=who.may("coordinator"),
        wrong=wrong,
        at=at,
    )


@pages.post("/desk/help/types/<code>")
def rule_type(code: str) -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator")
    try:
        given = read_form(KindSchema, request.form)
        help_.rule(
            db.session(),
            who,
            code,
            is_on=given["is_on"] == "yes",
            least_minutes=given["least_minutes"],
            usual_minutes=given["usual_minutes"],
            most_minutes=given["most_minutes"],
            conditions=request.form.getlist("conditions"),
            now=clock.utc_now(),
        )
    except (Invalid, ConditionsOpen) as refusal:
        db.drop()
        first = next(iter(in_words(refusal).values()))[0] if isinstance(refusal, Invalid) else ""
        return _types_page(who, wrong=first or translate(refusal.sentence), at=code), 422
    flash(gettext("改好了，从现在起算。"), "ok")
    return redirect(url_for(".types"), code=303)


@pages.get("/desk/help/trained")
def trained() -> ResponseReturnValue:
    """Who was trained for the kinds that take it; a coordinator finds somebody and records theirs."""
    who = login.actor()
    who.require(*STAFF)
    return _trained_page(who)


def _trained_page(who: Actor, *, errors: dict[str, list[str]] | None = None, wrong: str = "") -> str:
    session = db.session()
    typed = request.args.get("q", "")[:40]
    chosen = request.values.get("person")
    return render_template(
        "services/trained.html",
        typed=typed,
        found=_with_homes(members.search(session, who.community_id, typed)) if typed else [],
        person=members.in_community(session, who.community_id, chosen) if chosen else None,
        people=training.trained(session, who),
        kinds=[(kind.code, kind.title) for kind in rules.CATALOGUE.values() if kind.is_trained],
        words=rules,
        may_change=who.may("coordinator"),
        given=request.form,
        errors=errors or {},
        wrong=wrong,
    )


@pages.post("/desk/help/trained")
def record_training() -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator")
    session = db.session()
    try:
        given = read_form(TrainingSchema, request.form)
        person = members.in_community(session, who.community_id, given["person"])
        help_.record_training(session, who, person, given["kind"], given["paper"], now=clock.utc_now())
    except Invalid as refusal:
        db.drop()
        return _trained_page(who, errors=in_words(refusal)), 422
    except Conflict as refusal:
        db.drop()
        return _trained_page(who, wrong=translate(refusal.sentence, refusal.facts)), 409
    flash(gettext("登记好了，这一样可以请他了。"), "ok")
    return redirect(url_for(".trained"), code=303)


@pages.post("/desk/help/trained/<int:training_id>/end")
def end_training(training_id: int) -> ResponseReturnValue:
    help_.end_training(db.session(), login.actor(), training_id, now=clock.utc_now())
    flash(gettext("不再算了，以后请不到他做这一样。"), "ok")
    return redirect(url_for(".trained"), code=303)


@pages.get("/desk/help/<public_id>")
def desk_show(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require(*STAFF)
    return desk_page(who, public_id)


def desk_page(who: Actor, public_id: str, *, errors: Any = None, wrong: str = "") -> str:
    """Draw one request for the desk."""
    session, now = db.session(), clock.utc_now()
    row = listing.one(session, who, public_id)
    one = row.request
    is_to_ask = one.state in ("verified", "offered") and one.starts_at > now
    suited = choosing.suited(session, one, now=now) if is_to_ask else []
    invited = listing.invitations(session, one.id)
    is_close = moving.is_home_of(session, who, moving.people(one))
    in_force = communities.rules_now(session, one.community_id, now)
    told = reporting.of_request(session, one.id)
    return render_template(
        "services/desk_visit.html",
        row=row,
        one=one,
        kind=rules.CATALOGUE[one.kind],
        suited=suited,
        are_busy=is_to_ask and not suited and choosing.is_anybody_willing(session, one),
        invited=invited,
        room_to_invite=rules.MOST_INVITED - sum(each.state == "open" for each, _ in invited),
        trail=listing.trail(session, one.id),
        reports=told,
        has_reported=any(report.by_person_id == who.person_id for report, _ in told),
        promised=_promised(one) if one.starts_at > now else [],
        has_one_come=visiting.has_one_come(one),
        has_waited=now >= one.starts_at + timedelta(minutes=in_force.help_wait_minutes),
        was_repeated=listing.was_repeated(session, one.id),
        cost=rules.cost_of_cancelling(in_force, one.state, one.starts_at, one.minutes, one.helpers, now),
        has_one_accepted=bool(dispatch.who_waits(session, one)),
        all_scanned=[place.scanned if place.left_at else None for place in moving.places(one)],
        signs=_signs(one) if one.state == "disputed" else [],
        overdue=wording.overdue(one, now),
        is_late=one.state in rules.OPEN and one.promised_at <= now,
        is_close=is_close,
        is_involved=moving.is_home_of(session, who, moving.sides(one)),
        is_verified_by_another=one.pays == "pool" and moving.is_home_of(session, who, (one.person_id, one.hardship_by)),
        is_own=moving.is_home_of(session, who, (one.person_id,)),
        is_coordinator=who.may("coordinator"),
        missed=rules.missed(in_force, one.minutes),
        words=rules,
        errors=errors or {},
        wrong=wrong,
        longest=LONGEST_WORDS,
    )


def _signs(one: HelpRequest) -> list[str]:
    """Say once what is worth a second look at a visit, whoever of two it is about."""
    session = db.session()
    found = [flag for place in moving.places(one) for flag in moving.flags(session, one, place)]
    return list(dict.fromkeys(translate(*flags.sentence_of(flag)) for flag in found))


def _promised(one: HelpRequest) -> list[tuple[str, str]]:
    """Give who said yes to a visit and may still take it back, by public id and name."""
    session = db.session()
    who = [*dispatch.who_waits(session, one), *(moving.volunteers(one) if one.state == "accepted" else ())]
    people = [session.get_one(Person, id_) for id_ in who if id_ is not None]
    return [(person.public_id, person.name) for person in people]


@pages.post("/desk/help/<public_id>/verify")
def verify(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    given = read_form(VerifySchema, request.form)
    help_.verify(db.session(), who, public_id, risk_note=given["risk_note"], now=clock.utc_now())
    return _back(public_id, gettext("核实好了。下面请合适的人。"))


@pages.post("/desk/help/<public_id>/invite")
def invite(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    number = help_.invite(db.session(), who, public_id, request.form.getlist("people"), now=clock.utc_now())
    return _back(public_id, gettext("请了 %(n)s 位，等他们答复。", n=number))


@pages.post("/desk/help/<public_id>/call-back")
def call_back(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    given = read_form(CallBackSchema, request.form)
    is_right = given["is_right"] == "yes"
    help_.call_back(db.session(), who, public_id, is_right=is_right, words=given["words"], now=clock.utc_now())
    return _back(public_id, gettext("回访记下了。"))


@pages.post("/desk/help/<public_id>/confirm-card")
@reads_first
def confirm_at_desk(public_id: str) -> ResponseReturnValue:
    """The resident comes to the desk and confirms with card and PIN."""
    who = login.actor()
    who.require(*STAFF)
    take_word_by_card(who, public_id)
    return _back(public_id, gettext("居民确认好了，谢谢。"))


@pages.post("/desk/help/<public_id>/report")
def note_report(public_id: str) -> ResponseReturnValue:
    """Write down a problem that somebody without a phone tells the desk."""
    who = login.actor()
    who.require(*STAFF)
    given = read_form(WordsSchema, request.form)
    help_.report(db.session(), who, public_id, given["words"], now=clock.utc_now())
    return _back(public_id, gettext("记下了，另一位工作人员会答复。"))


@pages.post("/desk/help/<public_id>/decide")
def decide(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    given = read_form(DecisionSchema, request.form)
    help_.decide(db.session(), who, public_id, minutes=given["minutes"], reason=given["reason"], now=clock.utc_now())
    return _back(public_id, gettext("定下来了，两边都告诉了。"))


@pages.post("/desk/help/reports/<int:report_id>")
def answer(report_id: int) -> ResponseReturnValue:
    who = login.actor()
    given = read_form(WordsSchema, request.form)
    help_.answer(db.session(), who, report_id, given["words"], now=clock.utc_now())
    flash(gettext("答复了，已经告诉本人。"), "ok")
    return redirect(url_for(".desk"), code=303)


def _back(public_id: str, said: str) -> ResponseReturnValue:
    flash(said, "ok")
    return redirect(url_for("services.desk_show", public_id=public_id), code=303)


def count_waiting() -> int:
    """Count what waits for the signed-in coordinator or second approver, for the menu."""
    who = login.actor_or_none()
    return listing.count_waiting(db.session(), who, clock.utc_now()) if who and who.may(*STAFF) else 0
