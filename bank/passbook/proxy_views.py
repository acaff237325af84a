"""At the desk with only a card: a resident asks about their own item or for their passbook; the PIN proves who asks."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bank import clock, db
from bank.checkin import bearers
from bank.credits import appeals, history, objections
from bank.credits.dispute_views import wanted_of
from bank.credits.models import Credit
from bank.errors import Invalid, TooMany, say
from bank.members import login
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person
from bank.passbook.schemas import ForThemSchema, PrintForThemSchema
from bank.passbook.views import pages, printed
from bank.web.app import begin_write, reads_first
from bank.web.fields import read_form
from bank.web.i18n import gettext, translate

ASKED = say("%(name)s 在服务台替您登记了对“%(title)s”的请求，会由没有经手过的人核实。不是您本人，请马上告诉社区。")
CLERKS = ("coordinator", "second_approver")


@pages.get("/desk/items/<public_id>/for-them")
def for_them(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require(*CLERKS)
    return _page(_item(who, public_id), given={}, errors={})


@pages.post("/desk/items/<public_id>/for-them")
@reads_first
def ask_for_them(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require(*CLERKS)
    owner_id = _item(who, public_id).person_id
    try:
        given = read_form(ForThemSchema, request.form)
        wanted = {} if given["what"] == "appeal" else wanted_of(given)
        _check_pin(who, owner_id, given["pin"])
    except Invalid as refusal:
        return _again(who, public_id, refusal), 422
    begin_write()
    now = clock.utc_now()
    asked: dict[str, Any] = {"reason": given["reason"], "person_id": owner_id, "now": now}
    try:
        if given["what"] == "appeal":
            appeals.appeal(db.session(), who, public_id, **asked)
        else:
            objections.correct(db.session(), who, public_id, **asked, **wanted)
    except Invalid as refusal:
        return _again(who, public_id, refusal), 422
    facts = {"name": who.name, "title": _item(who, public_id).title}
    members.tell(db.session(), [owner_id], ASKED, facts=facts, link=f"/me/credits/{public_id}", now=now)
    flash(gettext("已登记，本人会收到通知。"), "ok")
    return redirect(url_for("credits.item", public_id=public_id), code=303)


@pages.get("/people/<public_id>/passbook")
def ask_to_print(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require(*CLERKS)
    return _print_page(who, public_id, cursor=request.args.get("cursor"), errors={})


@pages.post("/people/<public_id>/passbook")
@reads_first
def print_for_them(public_id: str) -> ResponseReturnValue:
    """Show a resident's passbook for the printer, once they typed their PIN."""
    who = login.actor()
    who.require(*CLERKS)
    owner_id = members.in_community(db.session(), who.community_id, public_id).id
    try:
        given = read_form(PrintForThemSchema, request.form)
        _check_pin(who, owner_id, given["pin"])
    except Invalid as refusal:
        db.drop()
        errors = {name: [translate(text) for text in texts] for name, texts in refusal.errors.items()}
        return _print_page(who, public_id, cursor=request.form.get("cursor"), errors=errors), 422
    owner = members.actor_of(db.session(), db.session().get_one(Person, owner_id))
    return printed(owner, cursor=given["cursor"], back=_person_page(who, public_id))


def _print_page(who: Actor, public_id: str, *, cursor: str | None, errors: dict[str, list[str]]) -> str:
    owner = members.in_community(db.session(), who.community_id, public_id)
    back = _person_page(who, public_id)
    return render_template("passbook/ask_to_print.html", owner=owner, cursor=cursor, errors=errors, onward=back)


def _person_page(who: Actor, public_id: str) -> str:
    """Give the page of a resident that staff may see: the whole person's, or what a card can do at the desk."""
    return url_for("members.person" if who.may("coordinator") else "cards.person", public_id=public_id)


def _again(who: Actor, public_id: str, refusal: Invalid) -> str:
    """Show the form with what was typed and what is wrong with it; nothing is kept."""
    db.drop()
    errors = {name: [translate(text) for text in texts] for name, texts in refusal.errors.items()}
    return _page(_item(who, public_id), given=request.form, errors=errors)


def _item(who: Actor, public_id: str) -> Credit:
    return history.with_public_id(db.session(), who.community_id, public_id)


def _check_pin(who: Actor, owner_id: int, pin: str) -> None:
    owner = db.session().get_one(Person, owner_id)
    try:
        bearers.check_pin(who, owner, pin, now=clock.utc_now())
    except (bearers.NoPin, bearers.WrongPin, TooMany) as refusal:
        raise Invalid({"pin": [translate(refusal.sentence, refusal.facts)]}) from refusal


def _page(credit: Credit, *, given: Any, errors: dict[str, list[str]]) -> str:
    return render_template(
        "passbook/for_them.html",
        credit=credit,
        owner=db.session().get_one(Person, credit.person_id).name,
        may_appeal=appeals.appeal_until(db.session(), credit, clock.utc_now()) is not None,
        may_correct=credit.state == "in_notice" or objections.correct_until(db.session(), credit, clock.utc_now()),
        given=given,
        errors=errors,
    )
