"""Pages of the months' statements, for a shop's keepers and the community's staff."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bank import chart, clock, db
from bank.communities.models import Community
from bank.errors import Invalid, NotAllowed
from bank.members import login
from bank.members.actor import STAFF, Actor
from bank.shop import freezing, listing, paper, settling, sides, statements
from bank.shop.models import Settlement, Shop
from bank.shop.schemas import PaidForm, ReasonForm, StatementForm
from bank.shop.views import pages
from bank.web.fields import read_form
from bank.web.i18n import gettext, translate

FILES = {
    "pdf": ("application/pdf", paper.pdf),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", paper.spreadsheet),
}
pages.add_app_template_filter(paper.yuan)


@pages.get("/statements")
def statement_list() -> ResponseReturnValue:
    return _list_page(login.actor())


@pages.post("/statements")
def build_statement() -> ResponseReturnValue:
    who = login.actor()
    try:
        given = read_form(StatementForm, request.form)
        built = freezing.build(db.session(), who, now=clock.utc_now(), **given)
    except Invalid as refusal:
        return _list_page(who, {name: translate(texts[0]) for name, texts in refusal.errors.items()}), 422
    except (freezing.MonthNotOver, freezing.NothingToSettle) as refusal:
        return _list_page(who, {"month": translate(refusal.sentence, refusal.facts)}), 409
    return _shown(built)


@pages.get("/statements/<statement_id>")
def statement(statement_id: str) -> ResponseReturnValue:
    return _page(login.actor(), statement_id)


@pages.get("/statements/<statement_id>/<any(pdf, xlsx):kind>")
def statement_file(statement_id: str, kind: str) -> ResponseReturnValue:
    found = settling.find(db.session(), login.actor(), statement_id)
    stated = statements.stated(db.session(), found)
    media, draw = FILES[kind]
    answer = Response(draw(stated, statements.all_lines(db.session(), found)), mimetype=media)
    name = f"statement-{found.month:%Y-%m}-{found.public_id}.{kind}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@pages.post("/statements/<statement_id>/confirmation")
def confirm_statement(statement_id: str) -> ResponseReturnValue:
    moved = settling.confirm(db.session(), login.actor(), statement_id, now=clock.utc_now())
    both = moved.state == "confirmed"
    flash(gettext("双方都确认了。") if both else gettext("您这一方确认了，等对方确认。"), "ok")
    return _shown(moved)


@pages.post("/statements/<statement_id>/dispute")
def dispute_statement(statement_id: str) -> ResponseReturnValue:
    who = login.actor()
    try:
        given = read_form(ReasonForm, request.form)
        moved = settling.dispute(db.session(), who, statement_id, reason=given["words"], now=clock.utc_now())
    except Invalid as refusal:
        return _page(who, statement_id, errors=refusal.errors), 422
    flash(gettext("已提出，对方会看到，要在规定的日子里答复。"), "ok")
    return _shown(moved)


@pages.post("/statements/<statement_id>/answer")
def answer_statement(statement_id: str) -> ResponseReturnValue:
    who = login.actor()
    try:
        given = read_form(ReasonForm, request.form)
        moved = settling.answer(db.session(), who, statement_id, words=given["words"], now=clock.utc_now())
    except Invalid as refusal:
        return _page(who, statement_id, errors=refusal.errors), 422
    flash(gettext("已记下。双方再看一遍，对就确认。"), "ok")
    return _shown(moved)


@pages.post("/statements/<statement_id>/settlement")
def settle_statement(statement_id: str) -> ResponseReturnValue:
    who = login.actor()
    try:
        given = read_form(PaidForm, request.form)
        moved = settling.settle(db.session(), who, statement_id, now=clock.utc_now(), **given)
    except Invalid as refusal:
        return _page(who, statement_id, errors=refusal.errors), 422
    flash(gettext("已记为结清，账本里店家这个月的也清掉了。"), "ok")
    return _shown(moved)


def _list_page(who: Actor, errors: Mapping[str, str] | None = None) -> str:
    who.require("shopkeeper", *STAFF)
    found = statements.statements_of(db.session(), who, cursor=request.args.get("cursor"))
    today = _today(who)
    return render_template(
        "shop/statements.html",
        found=found,
        shops=_shops(who),
        last_month=(today.replace(day=1) - timedelta(days=1)).strftime("%Y-%m"),
        given=request.form,
        errors=errors or {},
    )


def _shown(moved: Settlement) -> ResponseReturnValue:
    return redirect(url_for(".statement", statement_id=moved.public_id), code=303)


def _page(who: Actor, statement_id: str, *, errors: dict[str, list[str]] | None = None) -> str:
    found = settling.find(db.session(), who, statement_id)
    stated = statements.stated(db.session(), found)
    steps = statements.steps_of(db.session(), found)
    lines = statements.lines_of(db.session(), found, cursor=request.args.get("cursor"))
    side, refusal = _side(who, found)
    return render_template(
        "shop/statement.html",
        one=found,
        stated=stated,
        facts=paper.facts_of(stated),
        totals=paper.totals(found.minutes, found.points),
        lines=lines,
        heads=paper.heads(),
        cells=paper.cells,
        struck=[paper.struck_cells(one) for one in stated.struck],
        due=stated.due,
        due_totals=paper.totals(*stated.due[:2]),
        steps=steps,
        side=side,
        refusal=refusal,
        has_confirmed=side is not None and getattr(found, f"{side}_by") is not None,
        may_dispute=side is not None and not statements.has_disputed(steps, side),
        today=_today(who).isoformat(),
        last_day=found.due_at - timedelta(seconds=1),
        unsettled=_unsettled(stated),
        errors={name: [translate(text) for text in texts] for name, texts in (errors or {}).items()},
    )


def _side(who: Actor, found: Settlement) -> tuple[str | None, str]:
    try:
        return sides.side_of(db.session(), who, found), ""
    except sides.OwnStatement as refusal:
        return None, translate(refusal.sentence, refusal.facts)


def _unsettled(stated: statements.Stated) -> str:
    """Say what the shop's account in the book holds: what is still to be settled, this month's too."""
    account = chart.shop(stated.shop.public_id)
    book = db.book(db.session(), stated.settlement.community_id, clock.utc_now())
    found = book.balances([account], session=db.session())
    held = [found[account, unit].posted if (account, unit) in found else 0 for unit in chart.UNITS]
    return paper.totals(*held)


def _shops(who: Actor) -> list[Shop]:
    if who.may(*STAFF):
        return listing.shops_in(db.session(), who.community_id)
    try:
        return listing.shops_kept(db.session(), who)
    except NotAllowed:  # a keeper of no shop yet
        return []


def _today(who: Actor) -> date:
    place = db.session().get_one(Community, who.community_id)
    return clock.local_day(clock.utc_now(), place.time_zone)


def side_word(side: str) -> str:
    """Name a side."""
    return gettext("店家") if side == sides.PROVIDER else gettext("社区")


pages.add_app_template_filter(side_word)
