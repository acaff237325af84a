"""Pages of a stocktaking: the sheet to print, handing in the count, and the second person's look at it."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bank import clock, db
from bank.errors import Invalid
from bank.members import login
from bank.members.models import Person
from bank.shop import stocktaking
from bank.shop.models import Shop
from bank.shop.schemas import CountDecisionForm
from bank.shop.views import pages
from bank.web.fields import read_form
from bank.web.i18n import gettext

PREFIX = "n-"
"""Before an item's public id: the field of how many stand there."""


@pages.get("/counter/shops/<shop_id>/count")
def count_form(shop_id: str) -> ResponseReturnValue:
    return _form(shop_id, {})


@pages.get("/counter/shops/<shop_id>/count-sheet")
def count_sheet(shop_id: str) -> ResponseReturnValue:
    shop = stocktaking.own_shop(db.session(), login.actor(), shop_id)
    shelf = stocktaking.on_shelf(db.session(), shop.id)
    return render_template("shop/count_sheet.html", shop=shop, shelf=shelf, today=clock.utc_now())


@pages.post("/counter/shops/<shop_id>/count")
def hand_in_count(shop_id: str) -> ResponseReturnValue:
    counted = {
        name.removeprefix(PREFIX): int(value)
        for name, value in request.form.items()
        if name.startswith(PREFIX) and value.isascii() and value.isdigit() and len(value) <= 7
    }
    try:
        made = stocktaking.count(db.session(), login.actor(), shop_id, counted, now=clock.utc_now())
    except Invalid as refusal:
        return _form(shop_id, refusal.errors), 422
    flash(gettext("点好了。请另一家的店员或社区工作人员来核对，核对后库存才改。"), "ok")
    return redirect(url_for(".stocktake", public_id=made.public_id), code=303)


@pages.get("/stocktakes/<public_id>")
def stocktake(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    taken = stocktaking.find(db.session(), who, public_id)
    return render_template(
        "shop/stocktake.html",
        taken=taken,
        shop=db.session().get_one(Shop, taken.shop_id),
        counter=db.session().get_one(Person, taken.counted_by),
        confirmer=db.session().get(Person, taken.confirmed_by) if taken.confirmed_by else None,
        lines=stocktaking.lines(db.session(), taken),
        is_own=stocktaking.is_own(db.session(), who, taken),
        is_counter=taken.counted_by == who.person_id,
        is_over=taken.due_at <= clock.utc_now(),
    )


@pages.post("/stocktakes/<public_id>/decision")
def decide_count(public_id: str) -> ResponseReturnValue:
    who, now = login.actor(), clock.utc_now()
    given = read_form(CountDecisionForm, request.form)
    if given["do"] == "confirm":
        stocktaking.confirm(db.session(), who, public_id, now=now)
        flash(gettext("核对好了，库存已经按点到的数改好。"), "ok")
    elif given["do"] == "withdraw":
        stocktaking.withdraw(db.session(), who, public_id, now=now)
        flash(gettext("已经收回，库存没有改。"), "ok")
    else:
        stocktaking.send_back(db.session(), who, public_id, reason=given["reason"], now=now)
        flash(gettext("已经退回，库存没有改。"), "ok")
    return redirect(url_for(".stocktake", public_id=public_id), code=303)


def _form(shop_id: str, errors: dict[str, list[str]]) -> str:
    shop = stocktaking.own_shop(db.session(), login.actor(), shop_id)
    shelf = stocktaking.on_shelf(db.session(), shop.id)
    return render_template("shop/count.html", shop=shop, shelf=shelf, errors=errors, given=request.form)
