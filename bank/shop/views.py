"""Pages of the shop for residents: the shelf, an order, the voucher. The counter's pages join this blueprint."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_date
from markupsafe import Markup

from bank import chart, clock, db, qr
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.errors import NotFound
from bank.members import login
from bank.members.actor import Actor
from bank.members.rules import mask_name
from bank.shop import listing, operations, queueing, rules
from bank.shop.models import Order
from bank.shop.refusals import VoucherNotFound, WrongShop
from bank.shop.schemas import KINDS, CancelForm, OrderForm, voucher_url
from bank.web.fields import read_form
from bank.web.i18n import gettext, translate
from bank.web.pages import TIME_ZONE, day
from ledger import Balance

pages = Blueprint("shop", __name__)
pages.add_app_template_filter(mask_name)
pages.add_app_template_filter(rules.show_code)
PER_PAGE = 60


@pages.app_template_filter()
def bill_line(order: Order) -> str:
    return rules.bill_line(order.title, order.quantity)


@pages.app_template_filter()
def why_ended(order: Order) -> str:
    return translate(rules.why_ended(order.end_code, order.end_reason))


@pages.app_template_filter()
def last_day(order: Order) -> str:
    return day_before(order.expires_at)


@pages.app_template_filter()
def day_before(moment: datetime) -> str:
    """Say the last day before a moment at which a day begins."""
    return day(moment - timedelta(seconds=1))


@pages.app_template_filter()
def turn_month(first: date) -> str:
    """Say the month of a turn, with its year where it is not this one."""
    is_this_year = first.year == clock.local_day(clock.utc_now(), TIME_ZONE).year
    return str(format_date(first, gettext("M月") if is_this_year else gettext("y年M月")))


@pages.get("/shop")
def index() -> ResponseReturnValue:
    who = login.actor()
    kind = request.args.get("kind") if request.args.get("kind") in KINDS else None
    found = listing.shelf(db.session(), who.community_id, kind=kind, limit=PER_PAGE, cursor=request.args.get("cursor"))
    waiting = listing.waiting_for(db.session(), who.person_id)
    return render_template(
        "shop/index.html",
        found=found,
        kind=kind,
        waiting=waiting,
        queued=queueing.own(db.session(), who.person_id, clock.utc_now()),
        balances=_mine(who),
        thanked=listing.thanked(db.session(), who.community_id),
        goods_day=_goods_day(who),
    )


@pages.get("/shop/items/<item_id>")
def item(item_id: str) -> ResponseReturnValue:
    return _item_page(login.actor(), item_id)


@pages.get("/shop/orders")
def orders() -> ResponseReturnValue:
    who = login.actor()
    found = listing.orders_of(db.session(), who.person_id, cursor=request.args.get("cursor"))
    return render_template("shop/orders.html", found=found)


@pages.post("/shop/orders")
def order() -> ResponseReturnValue:
    who, now = login.actor(), clock.utc_now()
    given = read_form(OrderForm, request.form)
    twin = listing.just_ordered(db.session(), who.person_id, given["item_id"], now=now)
    if twin is not None and request.form.get("again") != "1":
        return _item_page(who, given["item_id"], twin, given["quantity"]), 409
    placed = operations.order(db.session(), who, now=now, **given)
    flash(gettext("换好了。到店里出示这张券就能领。"), "ok")
    return redirect(url_for(".voucher", code=placed.voucher_code), code=303)


@pages.post("/shop/orders/<order_id>/cancellation")
def cancel(order_id: str) -> ResponseReturnValue:
    who = login.actor()
    given = read_form(CancelForm, request.form)
    ended = operations.cancel(
        db.session(), who, order_id, now=clock.utc_now(), reason=given["reason"], code=given["why"]
    )
    flash(gettext("已取消，时长或积分已经退回。"), "ok")
    return redirect(url_for(".voucher", code=ended.voucher_code), code=303)


@pages.post("/shop/queue")
def join_queue() -> ResponseReturnValue:
    who = login.actor()
    given = read_form(OrderForm, request.form)
    queueing.join(db.session(), who, now=clock.utc_now(), **given)
    flash(gettext("排上了。轮到您的时候会告诉您。"), "ok")
    return redirect(url_for(".item", item_id=given["item_id"]), code=303)


@pages.post("/shop/queue/<place_id>/order")
def take_turn(place_id: str) -> ResponseReturnValue:
    placed = queueing.take(db.session(), login.actor(), place_id, now=clock.utc_now())
    flash(gettext("换好了。到店里出示这张券就能领。"), "ok")
    return redirect(url_for(".voucher", code=placed.voucher_code), code=303)


@pages.post("/shop/queue/<place_id>/departure")
def leave_queue(place_id: str) -> ResponseReturnValue:
    queueing.leave(db.session(), login.actor(), place_id, now=clock.utc_now())
    flash(gettext("已经退出排队。什么也没有扣。"), "ok")
    return redirect(url_for(".index"), code=303)


@pages.get("/v/<code>")
def voucher(code: str) -> ResponseReturnValue:
    who = login.actor()
    now = clock.utc_now()
    try:
        found = listing.voucher(db.session(), who, rules.read_code(code) or "")
    except (VoucherNotFound, WrongShop) as refusal:
        page = render_template("shop/not_yours.html", detail=translate(refusal.sentence, refusal.facts))
        return page, 404 if isinstance(refusal, NotFound) else 409
    is_over = found.order.expires_at <= now
    if found.order.person_id != who.person_id:
        reasons = [(code, translate(rules.END_REASONS[code])) for code in rules.KEEPERS_REASONS]
        return render_template(
            "shop/hand_over.html", placed=found, is_over=is_over, end_reasons=reasons, **_coded(found)
        )
    svg = Markup(qr.svg(voucher_url(found.order)))  # noqa: S704 -- drawn here from digits and letters
    return render_template("shop/voucher.html", placed=found, is_over=is_over, svg=svg, **_coded(found))


def _item_page(who: Actor, item_id: str, twin: Order | None = None, quantity: int = 1) -> str:
    found = listing.on_shelf(db.session(), who.community_id, item_id)
    balance = _mine(who)[found.item.unit]
    is_there = found.item.is_offered and found.item.stock != 0
    return render_template(
        "shop/item.html",
        item=found.item,
        shop=found.shop,
        balance=balance,
        twin=twin,
        turn=queueing.outlook(db.session(), who.person_id, found.item, clock.utc_now()),
        quantity=quantity,
        similar=[] if is_there else listing.similar(db.session(), found.item),
        goods_day=_goods_day(who) if found.item.kind == "goods" else None,
    )


def _goods_day(who: Actor) -> datetime | None:
    """Give the next day on which goods are handed over; None where that is every day."""
    now = clock.utc_now()
    place = db.session().get_one(Community, who.community_id)
    in_force = communities.rules_at(db.session(), place, now)
    if not in_force.redemption_weekday and not in_force.redemption_months:
        return None
    return clock.start_of_day(rules.redemption_day(now, in_force, place.time_zone), place.time_zone)


def balances_of(public_id: str, community_id: int) -> dict[str, Balance]:
    """Give what a member has, by unit."""
    account = chart.member(public_id)
    found = db.book(db.session(), community_id, clock.utc_now()).balances([account], session=db.session())
    return {unit: found.get((account, unit), Balance(0, 0, 0, 0)) for unit in chart.UNITS}


def _mine(who: Actor) -> dict[str, Balance]:
    return balances_of(who.public_id, who.community_id)


def _coded(found: listing.Placed) -> dict[str, str]:
    order = found.order
    return {"code": rules.show_code(order.voucher_code), "line": rules.bill_line(order.title, order.quantity)}
