"""Pages of farewells: the desk's list, and the statement that who moves takes along."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bank import clock, db
from bank.communities.models import Community
from bank.errors import BankError, Invalid, NotFound
from bank.giving import farewells, near
from bank.giving.refusals import TooNear
from bank.giving.schemas import ChoiceForm, FarewellForm, OwnChoiceForm, SeenForm
from bank.giving.views import said
from bank.log import keys
from bank.log import operations as log
from bank.members import login
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person
from bank.passbook import lines
from bank.web.app import begin_write, reads_first
from bank.web.fields import read_form
from bank.web.i18n import gettext

pages = Blueprint("farewells", __name__)


@pages.get("/desk/farewells")
def index() -> ResponseReturnValue:
    return _index(login.actor())


def _index(who: Actor, *, wrong: str | None = None) -> str:
    cases = farewells.listed(db.session(), who)
    return render_template("giving/farewells.html", cases=cases, me=who.person_id, wrong=wrong, given=request.form)


@pages.errorhandler(TooNear)
def draw_again(refusal: TooNear) -> ResponseReturnValue:
    """Say no to whoever is near on the list, and not on a page that leads nowhere."""
    db.drop()
    return _index(login.actor(), wrong=said(refusal)), 403


@pages.post("/desk/farewells")
@reads_first
def open_case() -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator")
    try:
        given = read_form(FarewellForm, request.form)
        begin_write()
        session = db.session()
        person = near.holder_of(session, who, given["card_number"])
        farewells.open_case(session, who, person, kind=given["kind"], now=clock.utc_now())
    except BankError as refusal:
        db.drop()
        return _index(who, wrong=said(refusal)), 422
    flash(gettext("已经记下，请另一位工作人员确认。"), "ok")
    return redirect(url_for(".index"), code=303)


@pages.post("/desk/farewells/<public_id>/confirmation")
def confirm(public_id: str) -> ResponseReturnValue:
    farewells.confirm(db.session(), login.actor(), public_id, now=clock.utc_now())
    return redirect(url_for(".index"), code=303)


@pages.post("/desk/farewells/<public_id>/choice")
@reads_first
def choose(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator", "second_approver")
    try:
        given = read_form(ChoiceForm, request.form)
        begin_write()
        _choose(who, public_id, given)
    except NotFound:
        raise
    except BankError as refusal:
        db.drop()
        return _index(who, wrong=said(refusal)), 422
    flash(gettext("已经写下，请另一位工作人员核对。"), "ok")
    return redirect(url_for(".index"), code=303)


def _choose(who: Actor, public_id: str, given: dict[str, Any]) -> None:
    session, to = db.session(), given["to"]
    heir = None if to == "pool" else members.in_community(session, who.community_id, to)
    choice = "heir" if heir else to
    farewells.choose(session, who, public_id, choice=choice, heir=heir, born_on=given["born_on"], now=clock.utc_now())


@pages.post("/desk/farewells/<public_id>/second")
def second(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    try:
        given = read_form(SeenForm, request.form)
    except Invalid as refusal:
        return _index(who, wrong=said(refusal)), 422
    farewells.second(db.session(), who, public_id, choice=given["choice"], now=clock.utc_now())
    flash(gettext("已经选定，到时候自动办理。"), "ok")
    return redirect(url_for(".index"), code=303)


@pages.post("/farewells/<public_id>/choice")
def choose_own(public_id: str) -> ResponseReturnValue:
    who, session = login.actor(), db.session()
    given = read_form(OwnChoiceForm, request.form)
    if given["choice"] == "undo":
        return undo(public_id)
    me = session.get_one(Person, who.person_id)
    farewells.choose_own(session, me, public_id, choice=given["choice"], now=clock.utc_now())
    flash(gettext("记下了，到时候自动办理，之前可以改。"), "ok")
    return redirect(url_for(".statement", public_id=public_id), code=303)


@pages.post("/farewells/<public_id>/undoing")
def undo(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    done = farewells.undo(db.session(), who, public_id, now=clock.utc_now())
    flash(gettext("已经撤销，账户恢复了。"), "ok")
    is_own = done.person_id == who.person_id
    return redirect(url_for("passbook.passbook" if is_own else ".index"), code=303)


@pages.get("/farewells/<public_id>")
def statement(public_id: str) -> ResponseReturnValue:
    who, session, now = login.actor(), db.session(), clock.utc_now()
    found = farewells.show(session, who, public_id)
    home = session.get_one(Community, found.farewell.community_id)
    owner = members.actor_of(session, found.person)
    newest = lines.entries(session, owner, now, limit=1).items
    ring = keys.ring_of(current_app.config, now)
    proof = log.proof_file(session, home, ring, newest[0].txn_id, now) if newest else None
    is_open = found.farewell.state in farewells.LIVING and found.farewell.due_at > now
    return render_template(
        "giving/farewell.html",
        found=found,
        home=home,
        now=now,
        balances=lines.balances(session, owner, now),
        service=lines.service(session, owner),
        newest=newest[0] if newest else None,
        proof=proof,
        checkpoint=log.book(session, home, ring, now).checkpoint(session=session),
        keys=log.verifier_keys(ring, home.code),
        heir=session.get(Person, found.farewell.heir_id) if found.farewell.heir_id else None,
        may_undo=is_open and found.person.id == who.person_id,
        may_choose=is_open and found.person.id == who.person_id and found.farewell.state in farewells.FROZEN,
    )
