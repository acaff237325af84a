"""Pages of giving: relatives and gifts, donations, the pool in public, and the desk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from bank import chart, clock, db
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.errors import BankError, Invalid, NotFound
from bank.giving import bonds, gifts, grants, near, pool, rules
from bank.giving.models import Donation
from bank.giving.schemas import AskForm, DonationForm, GiftForm, GrantForm, VerdictForm
from bank.members import login, neighbours
from bank.members import operations as members
from bank.members.actor import STAFF, Actor
from bank.members.models import Person
from bank.web import limits
from bank.web.app import begin_write, reads_first
from bank.web.fields import read_form
from bank.web.i18n import gettext, translate
from bank.web.pages import amount

pages = Blueprint("giving", __name__)
TRIES_PER_DAY = 30
A_DAY_S = 24 * 3600


@pages.get("/relatives")
def relatives() -> ResponseReturnValue:
    return _relatives(login.actor())


def _relatives(who: Actor, *, given: Any = None, wrong: str | None = None) -> str:
    session, now = db.session(), clock.utc_now()
    me = session.get_one(Person, who.person_id)
    home = session.get_one(Community, who.community_id)
    return render_template(
        "giving/relatives.html",
        me=me,
        now=now,
        kin=[(one.bond, *one.seen_by(who.person_id)) for one in bonds.of_person(session, who.person_id)],
        gifts=gifts.of_person(session, who.person_id),
        left=gifts.left_this_month(session, me, communities.rules_at(session, home, now), home, now),
        kinds=kinds(),
        buildings=buildings(who),
        given=given or {},
        wrong=wrong,
    )


def kinds() -> list[tuple[str, str]]:
    """Give the kinds of relatives in the reader's words."""
    return [(code, translate(text)) for code, text in rules.KINDS.items()]


def buildings(who: Actor) -> list[tuple[str, str]]:
    """Give code and name of the buildings of somebody's community."""
    places = select(Community).where(Community.parent_id == who.community_id, Community.kind == "building")
    return [(place.code, place.name) for place in db.session().scalars(places.order_by(Community.code))]


def ways_to_thank(person: Person) -> list[tuple[str, str]]:
    """Give the forms in which a donor can be thanked in public, each as it would be read."""
    none = [("none", gettext("不公开"))]
    if person.is_group:
        return [*none, ("full", person.name), ("words", gettext("自己写（社区看过才公开）"))]
    family = rules.family_name(person.name)
    said = {form: translate(text, {"name": family}) for form, text in rules.THANKS.items()}
    return [*none, ("full", gettext("%(name)s（全名）", name=person.name)), *said.items()]


def thanks_of(given: dict[str, Any]) -> dict[str, Any]:
    """Read how to thank out of a form of a donation."""
    is_none = given["thanks"] == "none"
    words = given["words"] if given["thanks"] == "words" else None
    return {
        "unit": given["unit"],
        "amount": given["amount"],
        "thanks": None if is_none else given["thanks"],
        "words": words,
    }


@pages.app_template_filter()
def thanked_name(one: Donation) -> str:
    """Say how a donor wished to be thanked."""
    form = rules.THANKS.get(one.thanks or "")
    return translate(form, {"name": one.thanked_as}) if form else one.thanked_as or gettext("不公开")


def said(refusal: BankError) -> str:
    if isinstance(refusal, Invalid) and refusal.errors:
        return translate(next(iter(refusal.errors.values()))[0])
    return translate(refusal.sentence, refusal.facts)


@pages.post("/relatives")
@reads_first
def ask() -> ResponseReturnValue:
    who = login.actor()
    db.drop()
    limits.spend({f"relatives:{who.person_id}": TRIES_PER_DAY}, period_s=A_DAY_S, now=clock.utc_now())
    try:
        given = read_form(AskForm, request.form)
        begin_write()
        session = db.session()
        other = neighbours.find(
            session, who, card=given["card_number"], name=given["neighbour"], building=given["building"]
        )
        bonds.ask(session, session.get_one(Person, who.person_id), other, kind=given["kind"], now=clock.utc_now())
    except BankError as refusal:
        db.drop()
        return _relatives(who, given=request.form, wrong=said(refusal)), 422
    flash(gettext("已经问了，对方同意后由社区核对一次。"), "ok")
    return redirect(url_for(".relatives"), code=303)


@pages.post("/relatives/<public_id>/<act>")
def act(public_id: str, act: str) -> ResponseReturnValue:
    who, session, now = login.actor(), db.session(), clock.utc_now()
    if act in ("agree", "decline"):
        me = session.get_one(Person, who.person_id)
        bonds.answer(session, me, public_id, agrees=act == "agree", now=now)
    elif act == "end":
        bonds.end(session, who, public_id, now=now)
    else:
        raise NotFound
    return redirect(url_for(".relatives"), code=303)


@pages.post("/gifts")
@reads_first
def give() -> ResponseReturnValue:
    who = login.actor()
    try:
        given = read_form(GiftForm, request.form)
        begin_write()
        session = db.session()
        receiver = members.in_community(session, who.community_id, given["to"])
        me = session.get_one(Person, who.person_id)
        made = gifts.give(session, me, receiver, amount=given["amount"], now=clock.utc_now())
    except BankError as refusal:
        db.drop()
        return _relatives(who, given=request.form, wrong=said(refusal)), 422
    return redirect(url_for(".gift", public_id=made.public_id), code=303)


@pages.get("/gifts/<public_id>")
def gift(public_id: str) -> ResponseReturnValue:
    who, now = login.actor(), clock.utc_now()
    found = gifts.show(db.session(), who, public_id)
    may = found.gift.giver_id == who.person_id and found.gift.state == "held" and found.gift.due_at > now
    return render_template("giving/gift.html", found=found, may_take_back=may)


@pages.post("/gifts/<public_id>/taking-back")
def take_back(public_id: str) -> ResponseReturnValue:
    who, session = login.actor(), db.session()
    gifts.take_back(session, session.get_one(Person, who.person_id), public_id, now=clock.utc_now())
    flash(gettext("已经收回，时长还在您的存折里。"), "ok")
    return redirect(url_for(".gift", public_id=public_id), code=303)


@pages.get("/donate")
def donate_form() -> ResponseReturnValue:
    return _donate_page(login.actor())


def _donate_page(who: Actor, *, given: Any = None, wrong: str | None = None) -> str:
    me = db.session().get_one(Person, who.person_id)
    mine = pool.of_person(db.session(), who.person_id)
    return render_template(
        "giving/donate.html", has=to_give(me), ways=ways_to_thank(me), mine=mine, given=given or {}, wrong=wrong
    )


def to_give(person: Person) -> dict[str, int]:
    """Give what a member could give now, by unit."""
    path = chart.member(person.public_id)
    found = db.book(db.session(), person.community_id, clock.utc_now()).balances([path], session=db.session())
    return {unit: found[path, unit].available if (path, unit) in found else 0 for unit in chart.UNITS}


@pages.post("/donate")
@reads_first
def donate() -> ResponseReturnValue:
    who = login.actor()
    try:
        given = read_form(DonationForm, request.form)
        begin_write()
        session = db.session()
        pool.donate(session, session.get_one(Person, who.person_id), **thanks_of(given), now=clock.utc_now())
    except BankError as refusal:
        db.drop()
        return _donate_page(who, given=request.form, wrong=said(refusal)), 422
    flash(gettext("捐出了 %(sum)s，谢谢您。", sum=amount(given["amount"], given["unit"])), "ok")
    return redirect(url_for(".donate_form"), code=303)


@pages.post("/donations/<public_id>/hiding")
def hide_thanks(public_id: str) -> ResponseReturnValue:
    who, session = login.actor(), db.session()
    pool.hide_thanks(session, session.get_one(Person, who.person_id), public_id, now=clock.utc_now())
    flash(gettext("好的，这次捐赠不再公开称呼。"), "ok")
    return redirect(url_for(".donate_form"), code=303)


@pages.get("/pool")
def show_pool() -> ResponseReturnValue:
    session, now = db.session(), clock.utc_now()
    places = session.scalars(select(Community).where(Community.kind == "community").order_by(Community.code)).all()
    viewer = login.actor_or_none()
    own = next((place for place in places if viewer and place.id == viewer.community_id), None)
    asked = next((place for place in places if place.code == request.args.get("community")), None)
    place = asked or own or next(iter(places), None)
    if place is None:
        raise NotFound
    month = rules.month_of(clock.local_day(now, place.time_zone))
    return render_template(
        "giving/pool.html",
        place=place,
        has=pool.balance(session, place.id, now),
        months=pool.months(session, place.id, now),
        people=pool.granted_people(session, place.id, month),
        few=rules.FEW,
        thanked=pool.thanked(session, place.id),
    )


@pages.get("/desk/giving")
def desk() -> ResponseReturnValue:
    return desk_page(login.actor())


def desk_page(who: Actor, *, wrong: str | None = None) -> str:
    """Show the desk of giving, with what went wrong and what was typed."""
    who.require(*STAFF)
    session = db.session()
    return render_template(
        "giving/desk.html",
        kin=[(one, translate(rules.KINDS[one.bond.kind])) for one in bonds.to_check(session, who)],
        grants=grants.listed(session, who),
        words=pool.words_to_confirm(session, who),
        wrong=wrong,
        given=request.form,
    )


@pages.post("/desk/giving/bonds/<public_id>")
def check_bond(public_id: str) -> ResponseReturnValue:
    return _decide(bonds.check, public_id)


@pages.post("/desk/giving/thanks/<public_id>")
def confirm_thanks(public_id: str) -> ResponseReturnValue:
    return _decide(pool.confirm_words, public_id)


def _decide(verb: Callable[..., object], public_id: str) -> ResponseReturnValue:
    """Let staff say yes or no, and show the desk again where they said neither."""
    who = login.actor()
    try:
        given = read_form(VerdictForm, request.form)
    except Invalid as refusal:
        return desk_page(who, wrong=said(refusal)), 422
    verb(db.session(), who, public_id, is_right=given["verdict"] == "right", now=clock.utc_now())
    return redirect(url_for(".desk"), code=303)


@pages.post("/desk/giving/grants")
@reads_first
def propose_grant() -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator")
    try:
        given = read_form(GrantForm, request.form)
        begin_write()
        person = near.holder_of(db.session(), who, given["card_number"])
        grants.propose(db.session(), who, person, reason=given["reason"], now=clock.utc_now())
    except BankError as refusal:
        db.drop()
        return desk_page(who, wrong=said(refusal)), 422
    return redirect(url_for(".desk"), code=303)


@pages.post("/desk/giving/grants/<public_id>/<act>")
def act_on_grant(public_id: str, act: str) -> ResponseReturnValue:
    who, session, now = login.actor(), db.session(), clock.utc_now()
    if act in ("agree", "refuse"):
        grants.confirm(session, who, public_id, agrees=act == "agree", now=now)
    elif act in ("keep", "end"):
        grants.review(session, who, public_id, goes_on=act == "keep", now=now)
    else:
        raise NotFound
    return redirect(url_for(".desk"), code=303)
