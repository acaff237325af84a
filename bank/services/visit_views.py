"""The page of one visit for its sides, with every button but coming and going."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import Schema
from sqlalchemy.orm import Session

from bank import clock, db
from bank.communities import operations as communities
from bank.errors import NotFound
from bank.members import login
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person
from bank.services import dispatch, listing, moving, reporting, rules, visiting, wording
from bank.services import operations as help_
from bank.services.listing import Row
from bank.services.models import HelpRequest
from bank.services.moving import Place
from bank.services.schemas import LONGEST_WORDS, CancelSchema, MaybeWordsSchema, WordsSchema
from bank.services.views import now_ms, pages
from bank.thanks import operations as thanks
from bank.web.fields import read_form
from bank.web.i18n import gettext, translate

__all__ = ["pages"]

DONE = ("done", "resolved")
ON_THE_DAY = timedelta(hours=12)
"""So long before a visit its page has the form and the button for coming: the network may be gone when it begins."""


@pages.get("/help/<public_id>")
def show(public_id: str) -> ResponseReturnValue:
    return visit_page(login.actor(), public_id)


def visit_page(who: Actor, public_id: str, *, errors: Any = None, wrong: str = "") -> str:
    """Draw one request for a side of it, or for who may pick it."""
    session, now = db.session(), clock.utc_now()
    row = listing.one(session, who, public_id)
    one = row.request
    is_mine = who.person_id == one.person_id
    own = next((place for place in moving.places(one) if place.person_id == who.person_id), None)
    is_helper = own is not None
    is_for_them = is_mine or who.person_id == one.asked_by
    is_side = is_for_them or is_helper
    told = reporting.of_request(session, one.id) if is_side else []
    waiting = dispatch.who_waits(session, one)
    in_force = communities.rules_now(session, one.community_id, now)
    opens_at = rules.opens_at(in_force, one.starts_at)
    return render_template(
        "services/visit.html",
        row=row,
        one=one,
        kind=rules.CATALOGUE[one.kind],
        is_mine=is_mine,
        is_helper=is_helper,
        own=own,
        may_scan=_may_scan(one, own, now),
        opens_at=opens_at if now < opens_at else None,
        is_on_the_day=now >= one.starts_at - ON_THE_DAY,
        has_one_come=visiting.has_one_come(one),
        has_promised=who.person_id in waiting,
        has_one_accepted=bool(waiting),
        me=who.public_id,
        now_ms=now_ms(now),
        is_for_them=is_for_them,
        is_side=is_side,
        is_invited=listing.has_invitation(session, who, one.id),
        may_accept=one.state in ("verified", "offered") and not is_mine and one.starts_at > now,
        is_free=one.state in rules.OPEN or rules.is_free_to_cancel(in_force, one.starts_at, now),
        has_waited=now >= one.starts_at + timedelta(minutes=in_force.help_wait_minutes),
        has_begun=now >= one.starts_at,
        all_scanned=[place.scanned if place.left_at else None for place in moving.places(one)],
        reported=[(report, name) for report, name in told if report.by_person_id == who.person_id],
        trail=listing.trail(session, one.id) if is_side else [],
        was_repeated=listing.was_repeated(session, one.id),
        unthanked=_unthanked(session, who, one) if is_mine and one.state in DONE else [],
        missed=rules.missed(in_force, one.minutes),
        comes_next=translate(*wording.comes_next(one, own, in_force, is_for_them=is_for_them, now=now)),
        overdue=wording.overdue(one, now),
        words=rules,
        errors=errors or {},
        wrong=wrong,
        longest=LONGEST_WORDS,
    )


def _may_scan(one: HelpRequest, own: Place | None, now: datetime) -> str | None:
    """Give which way a helper may scan now: `in`, `out`, or None."""
    if own is None or one.state not in ("accepted", "in_service") or now < one.starts_at - ON_THE_DAY:
        return None
    if own.arrived_at is None:
        return "in"
    return "out" if own.left_at is None and one.state == "in_service" else None


@pages.get("/help/<public_id>/slip")
def slip(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    row = listing.one(db.session(), who, public_id)
    one = row.request
    is_theirs = who.person_id in (one.person_id, one.asked_by) or who.may("coordinator")
    if not is_theirs or who.person_id in moving.volunteers(one):
        raise NotFound
    return render_template("services/slip.html", row=row, one=one, kind=rules.CATALOGUE[one.kind])


@pages.post("/help/<public_id>/accept")
def accept(public_id: str) -> ResponseReturnValue:
    help_.accept(db.session(), login.actor(), public_id, now=clock.utc_now())
    return go_back(public_id, gettext("谢谢您！到时候请准时上门。"))


@pages.post("/help/<public_id>/decline")
def decline(public_id: str) -> ResponseReturnValue:
    help_.decline(db.session(), login.actor(), public_id, now=clock.utc_now())
    flash(gettext("好的，没关系，下次再说。"), "ok")
    return redirect(url_for(".open_list"), code=303)


@pages.post("/help/<public_id>/withdraw")
def withdraw(public_id: str) -> ResponseReturnValue:
    """A helper cannot come after all; the desk says so for who called (`helper`)."""
    who = login.actor()
    named = request.form.get("helper")
    helper = members.in_community(db.session(), who.community_id, named) if named else None
    help_.withdraw(db.session(), who, public_id, helper=helper, now=clock.utc_now())
    if helper is not None:
        return go_back(public_id, gettext("记下了，请再找人。"))
    flash(gettext("知道了，社区会再找人。"), "ok")
    return redirect(url_for(".open_list"), code=303)


@pages.post("/help/<public_id>/cancel")
def cancel(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    given = read_form(CancelSchema, request.form)
    help_.cancel(db.session(), who, public_id, reason=given["reason"] or None, now=clock.utc_now())
    return go_back(public_id, gettext("取消了。"))


@pages.post("/help/<public_id>/confirm")
def confirm(public_id: str) -> ResponseReturnValue:
    help_.confirm(db.session(), login.actor(), public_id, now=clock.utc_now())
    return go_back(public_id, gettext("确认好了，谢谢您。"))


@pages.post("/help/<public_id>/wrong")
def object_to(public_id: str) -> ResponseReturnValue:
    return _with_words(help_.object_to, public_id, gettext("记下了，会有没经手过的工作人员来核对。"))


@pages.post("/help/<public_id>/words")
def say_words(public_id: str) -> ResponseReturnValue:
    return _with_words(help_.say_words, public_id, gettext("您说的记下了。"))


@pages.post("/help/<public_id>/report")
def report(public_id: str) -> ResponseReturnValue:
    return _with_words(help_.report, public_id, gettext("记下了，工作人员会答复您。"))


def _with_words(
    verb: Callable[..., Any], public_id: str, said: str, schema: type[Schema] = WordsSchema
) -> ResponseReturnValue:
    given = read_form(schema, request.form)
    verb(db.session(), login.actor(), public_id, given["words"], now=clock.utc_now())
    return go_back(public_id, said)


@pages.post("/help/<public_id>/closed-door")
def closed_door(public_id: str) -> ResponseReturnValue:
    return _with_words(help_.closed_door, public_id, gettext("记下了，工作人员会问清楚。"), MaybeWordsSchema)


@pages.post("/help/<public_id>/only-one")
def only_one(public_id: str) -> ResponseReturnValue:
    """One of two came, so that the visit cannot be done."""
    return _with_words(help_.only_one, public_id, gettext("记下了，没有做，工作人员会来核对。"), MaybeWordsSchema)


@pages.post("/help/<public_id>/nobody-came")
def nobody_came(public_id: str) -> ResponseReturnValue:
    again = help_.nobody_came(db.session(), login.actor(), public_id, now=clock.utc_now())
    is_desk = request.form.get("at") == "desk"
    said = gettext("时长全退给居民了，请优先再找人。") if is_desk else gettext("时长全退给您了，我们优先再找人。")
    return go_back(again.public_id, said)


@pages.post("/help/<public_id>/repeat")
def repeat(public_id: str) -> ResponseReturnValue:
    again = help_.repeat(db.session(), login.actor(), public_id, now=clock.utc_now())
    return go_back(again.public_id, gettext("照上次的又约了一次。"))


@pages.post("/help/<public_id>/thanks")
def thank(public_id: str) -> ResponseReturnValue:
    """Send the volunteer a thank-you card in one tap."""
    who = login.actor()
    session = db.session()
    row: Row = listing.one(session, who, public_id)
    one = row.request
    if who.person_id != one.person_id or one.volunteer_id is None or one.state not in DONE:
        raise NotFound
    try:
        was_sent = [_sent(session, who, helper) for helper in _unthanked(session, who, one)]
    except thanks.EnoughForToday as refusal:
        flash(translate(refusal.sentence, refusal.facts), "info")
        return redirect(url_for(".show", public_id=public_id), code=303)
    return go_back(public_id, gettext("感谢卡送到了。") if any(was_sent) else gettext("今天已经谢过了，心意收到了。"))


def _sent(session: Session, who: Actor, helper: int) -> bool:
    """Send one card; False where another window was quicker."""
    try:
        thanks.send(session, who, session.get_one(Person, helper), card="thanks", words=None, now=clock.utc_now())
    except thanks.AlreadyThanked:
        return False
    return True


def _unthanked(session: Session, who: Actor, one: HelpRequest) -> list[int]:
    """Give who helped and was not sent a card by this person today, whatever it was for."""
    thanked = thanks.thanked_today(session, who, now=clock.utc_now())
    return [helper for helper in moving.volunteers(one) if helper is not None and helper not in thanked]


def go_back(public_id: str, said: str) -> ResponseReturnValue:
    """Go back to the page the form stood on: the desk's, or the sides'."""
    flash(said, "ok")
    page = "services.desk_show" if request.form.get("at") == "desk" else "services.show"
    return redirect(url_for(page, public_id=public_id), code=303)
