"""Pages of a witness: what the scanned QR opens, and a card with its PIN on somebody else's phone."""

from __future__ import annotations

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from bank import clock, db, qr
from bank.checkin import bearers
from bank.deeds import operations as deeds
from bank.deeds import rules, witnessing
from bank.deeds.schemas import CardWitnessSchema
from bank.errors import Invalid, say
from bank.members import login
from bank.members.actor import Actor
from bank.members.models import Person
from bank.web import limits
from bank.web.app import begin_write, reads_first
from bank.web.fields import read_form
from bank.web.i18n import gettext, translate

pages = Blueprint("witness", __name__)
TRIES_PER_DAY = 60
A_DAY_S = 24 * 3600
NO_CARD = say("没有找到这张卡，请照卡上的号码输入。")
NO_PIN = say("这张卡还没有设 PIN。请证人用自己的手机扫码作证，或到社区服务台设好 PIN。")
WRONG_PIN = say("PIN 不对，没有记上。请证人自己再按一次。")


@pages.get("/w/<code>")
def coming(code: str) -> ResponseReturnValue:
    who = login.actor()
    deed, doer = witnessing.find(db.session(), who, code)
    return render_template(
        "deeds/witness.html",
        deed=deed,
        doer=doer,
        category=rules.CATEGORIES[deed.category],
        refusal=witnessing.refusal_for(db.session(), who, deed),
    )


@pages.post("/w/<code>")
def confirm(code: str) -> ResponseReturnValue:
    who = login.actor()
    witnessing.witness_by_scan(db.session(), who, code, now=clock.utc_now())
    flash(gettext("记下了，谢谢您作证。"), "ok")
    return redirect(url_for("members.home"), code=303)


@pages.get("/deeds/<public_id>/witnesses")
def ask(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    return _ask_page(who, public_id, errors={})


def _ask_page(who: Actor, public_id: str, *, errors: dict[str, list[str]]) -> str:
    told = deeds.visible(db.session(), who, public_id)
    return render_template(
        "deeds/ask_witness.html",
        told=told,
        category=rules.CATEGORIES[told.deed.category],
        given=request.form,
        code=_drawn(told.deed.witness_code) if told.deed.witness_code else None,
        is_desk=who.may(*witnessing.STAFF) and who.person_id not in (told.deed.person_id, told.deed.told_by),
        errors=errors,
    )


def _drawn(code: str) -> Markup:
    base = current_app.config["PUBLIC_URL"] or request.host_url.rstrip("/")
    return Markup(qr.svg(base + url_for(".coming", code=code)))  # noqa: S704 -- drawn here from digits and letters


@pages.post("/deeds/<public_id>/witnesses")
@reads_first
def by_card(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    deeds.visible(db.session(), who, public_id)
    now = clock.utc_now()
    db.drop()
    limits.spend({f"witness:{who.person_id}": TRIES_PER_DAY}, period_s=A_DAY_S, now=now)
    try:
        given = read_form(CardWitnessSchema, request.form)
        owner_id = _whose(who, given["card"], given["pin"])
        begin_write()
        owner = db.session().get_one(Person, owner_id)
        witnessing.witness_by_card(
            db.session(), who, public_id, owner, has_pin=given["pin"] is not None, now=clock.utc_now()
        )
    except Invalid as refusal:
        db.drop()
        errors = {name: [translate(text) for text in texts] for name, texts in refusal.errors.items()}
        return _ask_page(who, public_id, errors=errors), 422
    flash(gettext("记下了，多了一位证人。"), "ok")
    return redirect(url_for("deeds.show", public_id=public_id), code=303)


def _whose(who: Actor, card: str, pin: str | None) -> int:
    """Find whose card it is and prove the PIN where one is given. Raises Invalid."""
    try:
        owner = bearers.whose_card(db.session(), who, card)
    except bearers.CardInvalid:
        owner = None
    if owner is None:
        raise Invalid({"card": [NO_CARD]})
    if pin is None and not who.may(*witnessing.STAFF):
        raise Invalid({"pin": [say("请证人自己按四位 PIN。")]})
    owner_id = owner.id
    if pin is not None:
        try:
            bearers.check_pin(who, owner, pin, now=clock.utc_now())
        except bearers.NoPin as refused:
            raise Invalid({"pin": [NO_PIN]}) from refused
        except bearers.WrongPin as refused:
            raise Invalid({"pin": [WRONG_PIN]}) from refused
    return owner_id
