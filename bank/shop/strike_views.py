"""Pages where a hand-over found wrong is struck: proposed by shop or community, decided by the other."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bank import clock, db
from bank.errors import BankError, Conflict, Invalid
from bank.members import login
from bank.members.actor import STAFF, Actor
from bank.shop import desk, rules, sides, striking
from bank.shop.refusals import VoucherNotFound
from bank.shop.schemas import StrikeDecisionForm, StrikeForm
from bank.shop.views import pages
from bank.web.app import begin_write, reads_first
from bank.web.fields import read_form
from bank.web.i18n import gettext, translate


@pages.get("/strikes")
def strikes() -> ResponseReturnValue:
    return _page(login.actor())


@pages.post("/strikes")
@reads_first
def propose_strike() -> ResponseReturnValue:
    who, now = login.actor(), clock.utc_now()
    who.require("shopkeeper", *STAFF)
    try:
        given = read_form(StrikeForm, request.form)
        desk.count_try(who, now=now)
        code = rules.read_code(given["code"])
        if code is None:
            raise VoucherNotFound
        begin_write()
        striking.propose(db.session(), who, code, reason=given["reason"], now=now)
    except Invalid as refusal:
        db.drop()
        errors = {name: [translate(text) for text in texts] for name, texts in refusal.errors.items()}
        return _page(who, errors=errors), 422
    except BankError as refusal:
        db.drop()
        return _page(who, wrong=translate(refusal.sentence, refusal.facts)), 422
    flash(gettext("提出了，等对方核对。对方同意以后，东西和时长、积分才退回。"), "ok")
    return redirect(url_for(".strikes"), code=303)


@pages.post("/strikes/<strike_id>/decision")
@reads_first
def decide_strike(strike_id: str) -> ResponseReturnValue:
    who = login.actor()
    given = read_form(StrikeDecisionForm, request.form)
    begin_write()
    try:
        said = _decide(who, strike_id, given["do"])
    except Conflict as refusal:
        db.drop()
        return _page(who, over=translate(refusal.sentence, refusal.facts)), 409
    flash(said, "ok")
    return redirect(url_for(".strikes"), code=303)


def _decide(who: Actor, strike_id: str, do: str) -> str:
    """Do what somebody decided about a proposal; give what to tell them."""
    session, now = db.session(), clock.utc_now()
    if do == "agree":
        if striking.agree(session, who, strike_id, now=now).state == striking.LAPSED:
            return gettext("这张券已经在柜台撤销，东西和时长、积分都退过了，没有要更正的。")
        return gettext("更正好了：东西放回货架，时长或积分退给了居民。")
    if do == "refuse":
        striking.refuse(session, who, strike_id, now=now)
        return gettext("没有改，以账本为准。")
    if do == "repaid":
        striking.repay(session, who, strike_id, now=now)
        return gettext("记下了：店家已经退回。")
    striking.withdraw(session, who, strike_id, now=now)
    return gettext("已经收回，什么也没有改。")


def _page(
    who: Actor, *, wrong: str | None = None, over: str | None = None, errors: dict[str, list[str]] | None = None
) -> str:
    session, now = db.session(), clock.utc_now()
    found = striking.listed(session, who)
    waiting = {
        one.shop.id
        for one in found
        if one.strike.state == striking.PROPOSED or striking.waits_for_statement(one.strike)
    }
    mine = {shop_id: _side(who, shop_id) for shop_id in waiting}
    return render_template(
        "shop/strikes.html",
        found=found,
        may_decide=lambda one: striking.may_decide(who, one, mine.get(one.shop.id)) and one.strike.due_at > now,
        waits=lambda one: striking.waits_for_statement(one.strike),
        may_repay=lambda one: striking.may_repay(who, one, mine.get(one.shop.id)),
        is_own=lambda one: one.strike.proposed_by == who.person_id,
        given=request.form,
        typed=request.args.get("code", ""),
        wrong=wrong,
        over=over,
        errors=errors or {},
    )


def _side(who: Actor, shop_id: int) -> str | None:
    try:
        return sides.side_at(db.session(), who, shop_id)
    except sides.OwnStatement:
        return None
