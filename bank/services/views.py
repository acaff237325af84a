"""Pages of help at home for residents and volunteers: asking, the open list, one visit with all its buttons."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import Schema
from sqlalchemy.orm import Session

from bank import clock, db
from bank.checkin import bearers
from bank.communities import operations as communities
from bank.credits import cases
from bank.errors import BankError, Conflict, Invalid, NotFound, say
from bank.members import login, neighbours
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person
from bank.services import catalogue, choosing, dispatch, listing, moving, reporting, rules, visiting
from bank.services import operations as help_
from bank.services.listing import Row
from bank.services.models import HelpRequest
from bank.services.moving import Place
from bank.services.refusals import NotTheirCard
from bank.services.schemas import (
    LONGEST_WORDS,
    TIME_ZONE,
    CardSchema,
    MaybeWordsSchema,
    PressSchema,
    ScanSchema,
    WishSchema,
    WordsSchema,
)
from bank.services.visiting import Proof
from bank.thanks import operations as thanks
from bank.web import limits
from bank.web.app import begin_write, reads_first
from bank.web.errors import is_for_programs
from bank.web.fields import read_form
from bank.web.i18n import gettext, translate

pages = Blueprint("services", __name__)
TRIES_PER_MINUTE = 5
WRONG_PER_VISIT = 10
"""Six digits tried at one visit an hour; a million are there."""
AN_HOUR_S = 3600
STEP_MINUTES = 30
DONE = ("done", "resolved")
ON_THE_DAY = timedelta(hours=12)
"""So long before a visit its page has the form to say "I came": the network may be gone when it begins."""


@pages.get("/help")
def index() -> ResponseReturnValue:
    who = login.actor()
    session, now = db.session(), clock.utc_now()
    return render_template(
        "services/index.html",
        rows=listing.asked(session, who),
        me=who.person_id,
        room=help_.room(session, session.get_one(Person, who.person_id), now),
        now_ms=_ms(now),
        has_building=bool(neighbours.captaincies(session, who.person_id)),
        words=rules,
    )


def _ms(now: datetime) -> int:
    """Give the bank's clock to the script that keeps moments on a phone whose own clock may be wrong."""
    return int(now.timestamp() * 1000)


@pages.get("/help/new")
def new() -> ResponseReturnValue:
    who = login.actor()
    given = {"kind": request.args.get("kind", "")}
    return wish_page(who, given=given, errors={}, is_captain=request.args.get("for") == "neighbour")


def wish_page(
    who: Actor, *, given: Any, errors: Any, is_captain: bool = False, person: Person | None = None, wrong: str = ""
) -> str:
    """Draw the form of a request: for oneself, for somebody of one's building, or at the desk for `person`."""
    session, now = db.session(), clock.utc_now()
    asked_for = person or session.get_one(Person, who.person_id)
    offered = [kind for kind in catalogue.kinds(session, who.community_id).values() if kind.is_on]
    in_force = communities.rules_now(session, who.community_id, now)
    most = min(in_force.home_service_minutes, max((kind.most_minutes for kind in offered), default=STEP_MINUTES))
    return render_template(
        "services/new.html",
        given=given,
        errors=errors,
        wrong=wrong,
        kinds=offered,
        lengths=range(STEP_MINUTES, most + 1, STEP_MINUTES),
        room=None if is_captain else help_.room(session, asked_for, now),
        today=clock.local_day(now, TIME_ZONE),
        tomorrow=clock.local_day(now + timedelta(days=1), TIME_ZONE),
        is_captain=is_captain,
        person=person,
        people=[(one.public_id, f"{door} {one.name}") for one, door in neighbours.of_captain(session, who)]
        if is_captain
        else [],
        speeches=rules.SPEECHES,
        longest=LONGEST_WORDS,
    )


def read_wish(given: dict[str, Any]) -> help_.Wish:
    """Make a wish of a form that was read."""
    starts_at = datetime.combine(given["day"], given["time"], tzinfo=ZoneInfo(TIME_ZONE))
    return help_.Wish(
        given["kind"],
        starts_at,
        given["minutes"],
        given["words"],
        given["risk_note"],
        given["reach"],
        given["speech"],
        given["is_hardship"],
    )


def in_words(refusal: Invalid) -> dict[str, list[str]]:
    """Put the errors of a form in the person's language."""
    return {name: [translate(text) for text in texts] for name, texts in refusal.errors.items()}


@pages.post("/help/new")
def ask() -> ResponseReturnValue:
    who = login.actor()
    session, now = db.session(), clock.utc_now()
    is_captain = request.form.get("via") == "captain"
    try:
        given = read_form(WishSchema, request.form)
        if is_captain:
            person = members.in_community(session, who.community_id, given["person"] or "")
            asked = help_.ask_for(session, who, person, read_wish(given), via="captain", now=now)
        else:
            asked = help_.ask(session, who, read_wish(given), now=now)
    except Invalid as refusal:
        db.drop()
        return wish_page(who, given=request.form, errors=in_words(refusal), is_captain=is_captain), 422
    except Conflict as refusal:
        db.drop()
        wrong = translate(refusal.sentence, refusal.facts)
        return wish_page(who, given=request.form, errors={}, is_captain=is_captain, wrong=wrong), 409
    flash(gettext("记下了，社区会在答应的时间里核实、找人。"), "ok")
    return redirect(url_for(".show", public_id=asked.public_id), code=303)


@pages.get("/help/open")
def open_list() -> ResponseReturnValue:
    who = login.actor()
    session, now = db.session(), clock.utc_now()
    return render_template(
        "services/open.html",
        invited=listing.invited(session, who),
        rows=listing.open_to_all(session, who, now),
        helped=listing.helped(session, who, limit=10),
        skills=choosing.skills_of(session, who.person_id)[0],
        now_ms=_ms(now),
        words=rules,
    )


@pages.get("/help/skills")
def skills() -> ResponseReturnValue:
    who = login.actor()
    kinds, speeches = choosing.skills_of(db.session(), who.person_id)
    offered = [kind for kind in catalogue.kinds(db.session(), who.community_id).values() if kind.is_on]
    return render_template(
        "services/skills.html", kinds=offered, chosen=kinds, spoken=speeches, speeches=rules.SPEECHES
    )


@pages.post("/help/skills")
def set_skills() -> ResponseReturnValue:
    who = login.actor()
    help_.set_skills(db.session(), who, request.form.getlist("kinds"), request.form.getlist("speeches"))
    flash(gettext("记住了。有合适的，社区会来问您。"), "ok")
    return redirect(url_for(".open_list"), code=303)


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
    return render_template(
        "services/visit.html",
        row=row,
        one=one,
        kind=rules.CATALOGUE[one.kind],
        is_mine=is_mine,
        is_helper=is_helper,
        own=own,
        may_scan=_may_scan(one, own, now),
        has_one_come=visiting.has_one_come(one),
        has_promised=who.person_id in waiting,
        has_one_accepted=bool(waiting),
        me=who.public_id,
        now_ms=_ms(now),
        is_for_them=is_for_them,
        is_side=is_side,
        is_invited=listing.has_invitation(session, who, one.id),
        may_accept=one.state in ("verified", "offered") and not is_mine and one.starts_at > now,
        is_free=one.state in rules.OPEN
        or rules.is_free_to_cancel(communities.rules_now(session, one.community_id, now), one.starts_at, now),
        has_waited=now >= one.starts_at + _wait(one, now),
        has_begun=now >= one.starts_at,
        all_scanned=[place.scanned if place.left_at else None for place in moving.places(one)],
        reported=[(report, name) for report, name in told if report.by_person_id == who.person_id],
        trail=listing.trail(session, one.id) if is_side else [],
        was_repeated=listing.was_repeated(session, one.id),
        missed=rules.missed(communities.rules_now(session, one.community_id, now), one.minutes),
        words=rules,
        errors=errors or {},
        wrong=wrong,
        longest=LONGEST_WORDS,
    )


def _wait(one: HelpRequest, now: datetime) -> timedelta:
    return timedelta(minutes=communities.rules_now(db.session(), one.community_id, now).help_wait_minutes)


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
    return _back(public_id, gettext("谢谢您！到时候请准时上门。"))


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
        return _back(public_id, gettext("记下了，请再找人。"))
    flash(gettext("知道了，社区会再找人。"), "ok")
    return redirect(url_for(".open_list"), code=303)


@pages.post("/help/<public_id>/cancel")
def cancel(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    given = read_form(MaybeWordsSchema, request.form)
    help_.cancel(db.session(), who, public_id, reason=given["words"] or None, now=clock.utc_now())
    return _back(public_id, gettext("取消了。"))


@pages.post("/help/<public_id>/scan")
@reads_first
def scan(public_id: str) -> ResponseReturnValue:
    """Record coming or going by the resident's card or the six digits they say."""
    who = login.actor()
    listing.one(db.session(), who, public_id)
    now = clock.utc_now()
    try:
        proof = _proof(who, public_id, read_form(ScanSchema, request.form), now)
        begin_write()
        said = help_.scan(db.session(), who, public_id, proof, now=now)
    except (Invalid, Conflict) as refusal:
        if is_for_programs():
            raise
        db.drop()
        return _visit_again(who, public_id, refusal)
    return _recorded(public_id, said, _said(said))


def _recorded(public_id: str, said: str, text: str) -> ResponseReturnValue:
    """Answer the page, or the script that sends what a phone kept; the page shows the same words afterwards."""
    answer = _back(public_id, text)
    return {"said": said, "text": text} if is_for_programs() else answer


def _proof(who: Actor, public_id: str, given: dict[str, Any], now: datetime) -> Proof:
    if given["six"]:
        db.drop()
        limits.spend({f"help-digits-by:{who.person_id}": TRIES_PER_MINUTE}, period_s=60, now=now)
        limits.spend({f"help-digits-at:{public_id}": WRONG_PER_VISIT}, period_s=AN_HOUR_S, now=now)
        six = "".join(unicodedata.normalize("NFKC", given["six"]).split())
        return Proof("digits", six=six, happened_at=given["happened_at"], way=given["way"])
    if not given["card"]:
        raise Invalid({"six": [say("请输入居民报的六位数字，或刷居民卡。")]})
    owner = bearers.whose_card(db.session(), who, given["card"])
    owner_id = owner.id if owner else None
    db.drop()
    if owner_id is None:
        raise NotTheirCard
    return Proof("card", owner_id=owner_id, happened_at=given["happened_at"], way=given["way"])


def _said(said: str) -> str:
    return {
        "arrived": gettext("记下了：到了。"),
        "left": gettext("记下了：走了。请等居民确认。"),
        "again": gettext("已经记过了，不用再刷。"),
    }[said]


def _visit_again(who: Actor, public_id: str, refusal: BankError) -> ResponseReturnValue:
    if isinstance(refusal, Invalid):
        return visit_page(who, public_id, errors=in_words(refusal)), 422
    return visit_page(who, public_id, wrong=translate(refusal.sentence, refusal.facts)), 409


@pages.post("/help/<public_id>/phone")
def by_phone(public_id: str) -> ResponseReturnValue:
    """The resident presses that the volunteer came, or went."""
    given = read_form(PressSchema, request.form)
    proof = Proof("phone", happened_at=given["happened_at"], way=given["way"])
    said = help_.scan(db.session(), login.actor(), public_id, proof, now=clock.utc_now())
    text = gettext("记下了：走了，您也确认了。") if said == "left" else _said(said)
    return _recorded(public_id, said, text)


@pages.post("/help/<public_id>/confirm")
def confirm(public_id: str) -> ResponseReturnValue:
    help_.confirm(db.session(), login.actor(), public_id, now=clock.utc_now())
    return _back(public_id, gettext("确认好了，谢谢您。"))


@pages.post("/help/<public_id>/confirm-card")
@reads_first
def confirm_by_card(public_id: str) -> ResponseReturnValue:
    """The resident confirms with card and PIN on the volunteer's phone, or at the desk."""
    who = login.actor()
    listing.one(db.session(), who, public_id)
    try:
        take_word_by_card(who, public_id)
    except (Invalid, Conflict) as refusal:
        db.drop()
        return _visit_again(who, public_id, refusal)
    return _back(public_id, gettext("居民确认好了，谢谢。"))


def take_word_by_card(who: Actor, public_id: str) -> None:
    """Take the resident's word, and their thanks, by card and PIN. Raises as `_card_and_pin` and `confirm_by_card`."""
    given = read_form(CardSchema, request.form)
    owner_id = _card_and_pin(who, given)
    begin_write()
    session = db.session()
    owner = session.get_one(Person, owner_id)
    if given["is_thanked"]:
        # The visit, the person, the balance: in the order of everybody who locks them.
        moving.locked(session, who.community_id, public_id)
        cases.lock_people(session, [owner_id])
    visit = help_.confirm_by_card(session, who, public_id, owner, now=clock.utc_now())
    if given["is_thanked"]:
        _thank_by_card(session, owner, visit)


def _thank_by_card(session: Session, owner: Person, visit: HelpRequest) -> None:
    """Thank each helper whom the resident has not thanked today, and tell the resident that it was done."""
    now, actor = clock.utc_now(), members.actor_of(session, owner)
    for helper in [session.get_one(Person, one) for one in moving.volunteers(visit) if one is not None]:
        with suppress(thanks.AlreadyThanked, thanks.EnoughForToday), session.begin_nested():
            thanks.send(session, actor, helper, card="thanks", words=None, now=now)
            said = say("凭您的卡和 PIN 给 %(name)s 送了一张感谢卡。不是您的意思，请告诉社区。")
            members.tell(session, [owner.id], said, facts={"name": helper.name}, link="/thanks", now=now)


def _card_and_pin(who: Actor, given: dict[str, Any]) -> int:
    """Find whose card and PIN these are. Raises CardInvalid, NotTheirCard, NoPin, WrongPin, TooMany."""
    owner = bearers.whose_card(db.session(), who, given["card"])
    if owner is None:
        raise NotTheirCard
    owner_id = owner.id
    bearers.check_pin(who, owner, given["pin"], now=clock.utc_now())
    return owner_id


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
    who = login.actor()
    try:
        given = read_form(schema, request.form)
        verb(db.session(), who, public_id, given["words"], now=clock.utc_now())
    except Invalid as refusal:
        db.drop()
        return _visit_again(who, public_id, refusal)
    return _back(public_id, said)


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
    return _back(again.public_id, said)


@pages.post("/help/<public_id>/repeat")
def repeat(public_id: str) -> ResponseReturnValue:
    again = help_.repeat(db.session(), login.actor(), public_id, now=clock.utc_now())
    return _back(again.public_id, gettext("照上次的又约了一次。"))


@pages.post("/help/<public_id>/thanks")
def thank(public_id: str) -> ResponseReturnValue:
    """Send the volunteer a thank-you card in one tap."""
    who = login.actor()
    session = db.session()
    row: Row = listing.one(session, who, public_id)
    one = row.request
    if who.person_id != one.person_id or one.volunteer_id is None or one.state not in DONE:
        raise NotFound
    for helper in moving.volunteers(one):
        if helper is not None:
            receiver = session.get_one(Person, helper)
            thanks.send(session, who, receiver, card="thanks", words=None, now=clock.utc_now())
    return _back(public_id, gettext("感谢卡送到了。"))


def _back(public_id: str, said: str) -> ResponseReturnValue:
    """Go back to the page the form stood on: the desk's, or the sides'."""
    flash(said, "ok")
    page = "services.desk_show" if request.form.get("at") == "desk" else "services.show"
    return redirect(url_for(page, public_id=public_id), code=303)
