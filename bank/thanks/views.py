"""Pages of thanks: the cards I keep, sending one, and what was reported."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from bank import clock, db
from bank.communities.models import Community
from bank.errors import Conflict, Invalid, NotFound
from bank.members import login, neighbours
from bank.members.actor import Actor
from bank.thanks import operations as thanks
from bank.thanks import rules
from bank.thanks.schemas import LONGEST_WORDS, ThanksSchema
from bank.web import limits
from bank.web.app import begin_write, reads_first
from bank.web.fields import read_form
from bank.web.i18n import gettext, translate

pages = Blueprint("thanks", __name__)
TRIES_PER_DAY = 30
"""Enough for every honest typing error, too few to learn who lives where."""
A_DAY_S = 24 * 3600


@pages.get("/thanks")
def index() -> ResponseReturnValue:
    who = login.actor()
    cards = thanks.received(db.session(), who)
    return render_template(
        "thanks/index.html",
        kept=[card for card in cards if card.thanks.state == "kept"],
        hidden=[card for card in cards if card.thanks.state == "hidden"],
        sent=thanks.sent(db.session(), who),
        words=rules.CARDS,
        icons=rules.ICONS,
    )


@pages.get("/thanks/new")
def new() -> ResponseReturnValue:
    return _form_page(login.actor(), given={"card_number": request.args.get("to", "")[:20]}, errors={})


def _form_page(who: Actor, *, given: Any, errors: dict[str, list[str]], wrong: str = "") -> str:
    places = select(Community).where(Community.parent_id == who.community_id, Community.kind == "building")
    return render_template(
        "thanks/new.html",
        given=given,
        errors=errors,
        wrong=wrong,
        cards=[(code, translate(text)) for code, text in rules.CARDS.items()],
        buildings=[(place.code, place.name) for place in db.session().scalars(places.order_by(Community.code))],
        longest=LONGEST_WORDS,
    )


@pages.post("/thanks/new")
@reads_first
def send() -> ResponseReturnValue:
    who = login.actor()
    db.drop()
    limits.spend({f"thanks:{who.person_id}": TRIES_PER_DAY}, period_s=A_DAY_S, now=clock.utc_now())
    try:
        given = read_form(ThanksSchema, request.form)
        begin_write()
        receiver = neighbours.find(
            db.session(), who, card=given["card_number"], name=given["neighbour"], building=given["building"]
        )
        thanks.send(db.session(), who, receiver, card=given["card"], words=given["words"], now=clock.utc_now())
    except Invalid as refusal:
        db.drop()
        errors = {name: [translate(text) for text in texts] for name, texts in refusal.errors.items()}
        return _form_page(who, given=request.form, errors=errors), 422
    except Conflict as refusal:
        db.drop()
        wrong = translate(refusal.sentence, refusal.facts)
        return _form_page(who, given=request.form, errors={}, wrong=wrong), 409
    flash(gettext("感谢卡送到了，他会看到的。"), "ok")
    return redirect(url_for(".index"), code=303)


@pages.post("/thanks/<public_id>/<act>")
def act(public_id: str, act: str) -> ResponseReturnValue:
    who, session = login.actor(), db.session()
    if act == "hide":
        thanks.hide(session, who, public_id)
    elif act == "show":
        thanks.show(session, who, public_id)
    elif act == "report":
        thanks.report(session, who, public_id, now=clock.utc_now())
        flash(gettext("已经收起来，社区会看一看。"), "ok")
    else:
        raise NotFound
    return redirect(url_for(".index"), code=303)


@pages.get("/thanks/reported")
def reported() -> ResponseReturnValue:
    cards = thanks.reported(db.session(), login.actor())
    return render_template("thanks/reported.html", cards=cards, words=rules.CARDS)


@pages.post("/thanks/<public_id>/settlement")
def settle(public_id: str) -> ResponseReturnValue:
    is_bad = request.form.get("verdict") == "remove"
    thanks.settle(db.session(), login.actor(), public_id, is_bad=is_bad, now=clock.utc_now())
    flash(gettext("已拿掉，谁也看不到了。") if is_bad else gettext("没有问题，已还给本人。"), "ok")
    return redirect(url_for(".reported"), code=303)


def count_reported() -> int:
    """Count the reported cards that wait for the signed-in coordinator, for the menu."""
    who = login.actor_or_none()
    return thanks.count_reported(db.session(), who) if who else 0
