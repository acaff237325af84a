"""The page on which an owner says with one tap what to do with hours that lie still."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bank import clock, db
from bank.giving import dormant
from bank.giving.schemas import AnswerForm
from bank.members import login
from bank.passbook import lines
from bank.shop import listing
from bank.web.fields import read_form
from bank.web.i18n import gettext

pages = Blueprint("dormant", __name__)
OFFERS = 3
GOES_TO = {"use": "shop.index", "give": "giving.relatives", "donate": "giving.donate_form"}


@pages.get("/my-hours")
def my_hours() -> ResponseReturnValue:
    who, session = login.actor(), db.session()
    return render_template(
        "giving/my_hours.html",
        asked=dormant.asked(session, who.person_id),
        balances=lines.balances(session, who, clock.utc_now()),
        offers=listing.shelf(session, who.community_id, limit=OFFERS).items,
    )


@pages.post("/my-hours")
def answer() -> ResponseReturnValue:
    who, given = login.actor(), read_form(AnswerForm, request.form)
    dormant.answer(db.session(), who.person_id, given["answer"], now=clock.utc_now())
    if given["answer"] == "keep":
        flash(gettext("好的，都给您留着，一直有效。"), "ok")
        return redirect(url_for(".my_hours"), code=303)
    return redirect(url_for(GOES_TO[given["answer"]]), code=303)
