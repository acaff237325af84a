"""Pages of the counter: scan or type, hand over, serve a printed card, see what was handed over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bank import clock, db
from bank.checkin import bearers
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.errors import Conflict, Invalid, NotFound, TooMany
from bank.members import login
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person
from bank.members.rules import mask_name
from bank.qr import LONGEST_SCAN
from bank.shop import budget, desk, listing, operations, queueing, rules, undoing
from bank.shop.listing import Placed
from bank.shop.models import Order, Shop
from bank.shop.refusals import VoucherNotFound, WrongShop
from bank.shop.schemas import ChosenForm, PinForm, ScanForm
from bank.shop.views import balances_of, pages
from bank.web.app import begin_write, reads_first
from bank.web.fields import read_form
from bank.web.i18n import gettext, translate
from ledger import Balance

RECEIPT_SHOWS_BALANCE = timedelta(minutes=10)
"""The balance on a receipt is for the resident who stands there, not for whoever opens the page next week."""


@pages.get("/counter")
def counter() -> ResponseReturnValue:
    who = login.actor()
    shops = listing.shops_kept(db.session(), who)
    return _counter(who, shops, done=_just_done(who, request.args.get("done")))


@pages.post("/counter")
@reads_first
def look_up() -> ResponseReturnValue:
    who = login.actor()
    shops = listing.shops_kept(db.session(), who)
    typed = request.form.get("code", "")[:LONGEST_SCAN]
    try:
        given = read_form(ScanForm, request.form)
        onward = _where_to(who, given["code"])
    except (Conflict, NotFound, Invalid) as refusal:
        return _counter(who, shops, typed=typed, wrong=translate(refusal.sentence, refusal.facts)), 422
    begin_write()
    return redirect(onward, code=303)


@pages.post("/v/<code>/hand-over")
@reads_first
def hand_over(code: str) -> ResponseReturnValue:
    who = login.actor()
    found = desk.read_voucher_code(who, code, now=clock.utc_now())
    begin_write()
    done = operations.hand_over(db.session(), who, found, now=clock.utc_now())
    return _next_one(done)


@pages.get("/counter/receipts/<order_id>")
def receipt(order_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require("shopkeeper")
    done = listing.receipt(db.session(), who, order_id)
    return render_template(
        "shop/receipt.html",
        placed=done,
        line=rules.bill_line(done.order.title, done.order.quantity),
        balance=_balance(who, done),
        masked=mask_name(done.owner),
        paper_kind="a6" if request.args.get("paper") == "a6" else "slip",
    )


@pages.post("/counter/receipts/<order_id>/undo")
def take_back(order_id: str) -> ResponseReturnValue:
    undone = undoing.take_back(db.session(), login.actor(), order_id, now=clock.utc_now())
    line = rules.bill_line(undone.order.title, undone.order.quantity)
    flash(gettext("已撤销「%(line)s」，时长或积分已经退给居民。", line=line), "ok")
    if undone.turn is not None:
        flash(gettext("%(ticket)s 号还是轮到，没有让给下一位。", ticket=undone.turn.ticket), "ok")
    return redirect(url_for(".counter"), code=303)


@pages.get("/counter/cards/<public_id>")
def card(public_id: str) -> ResponseReturnValue:
    return _card_page(login.actor(), public_id, errors={})


@pages.get("/counter/cards/<public_id>/pin")
def ask_pin(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require("shopkeeper")
    try:
        given = read_form(ChosenForm, request.args)
    except Invalid as refusal:
        errors = {name: translate(texts[0]) for name, texts in refusal.errors.items()}
        return _card_page(who, public_id, errors=errors), 422
    return _pin_page(who, public_id, given["item_id"], given["quantity"])


@pages.post("/counter/cards/<public_id>/pin")
@reads_first
def serve(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require("shopkeeper")
    given = read_form(PinForm, request.form)
    owner = members.in_community(db.session(), who.community_id, public_id)
    try:
        bearers.check_spending_pin(who, owner, given["pin"], now=clock.utc_now())
    except (Conflict, TooMany) as refusal:
        wrong = translate(refusal.sentence, refusal.facts)
        is_over = isinstance(refusal, TooMany)
        page = _pin_page(who, public_id, given["item_id"], given["quantity"], wrong=wrong, is_over=is_over)
        if isinstance(refusal, TooMany):
            return page, 429, {"Retry-After": str(refusal.retry_after_s)}
        return page, 409
    begin_write()
    owner = members.in_community(db.session(), who.community_id, public_id)
    done = operations.serve(
        db.session(), who, owner, item_id=given["item_id"], quantity=given["quantity"], now=clock.utc_now()
    )
    return _next_one(done)


@pages.get("/counter/handed-over")
def handed_over() -> ResponseReturnValue:
    who = login.actor()
    shops = listing.shops_kept(db.session(), who)
    zone = db.session().get_one(Community, who.community_id).time_zone
    today = clock.local_day(clock.utc_now(), zone)
    month = listing.month_of(request.args.get("month"), today)
    since, until = rules.month_bounds(month, zone)
    ids = [shop.id for shop in shops]
    found = listing.handed_over(db.session(), ids, since=since, until=until, cursor=request.args.get("cursor"))
    totals = listing.totals(db.session(), ids, since=since, until=until)
    before = (month - timedelta(days=1)).replace(day=1)
    return render_template(
        "shop/handed_over.html",
        shops={shop.id: shop for shop in shops},
        found=found,
        totals=totals,
        month=month,
        before=before,
        after=clock.month_after(month) if month < today.replace(day=1) else None,
    )


def _next_one(done: Order) -> ResponseReturnValue:
    """Go back to the field, for the next in the queue, with what was just handed over beside it."""
    return redirect(url_for(".counter", done=done.public_id), code=303)


def _just_done(who: Actor, order_id: str | None) -> Placed | None:
    try:
        return listing.receipt(db.session(), who, order_id) if order_id else None
    except NotFound:  # taken back, or never theirs
        return None


def _balance(who: Actor, done: Placed) -> Balance | None:
    """Give what the owner of a card just served has left, while they stand there; else None."""
    at = done.order.handed_over_at
    is_fresh = at is not None and clock.utc_now() - at < RECEIPT_SHOWS_BALANCE
    if not is_fresh or not done.order.placed_by == who.person_id != done.order.person_id:
        return None
    owner = db.session().get_one(Person, done.order.person_id)
    return balances_of(owner.public_id, owner.community_id)[done.order.unit]


def _counter(
    who: Actor, shops: Sequence[Shop], *, typed: str = "", wrong: str | None = None, done: Placed | None = None
) -> str:
    now = clock.utc_now()
    place = db.session().get_one(Community, who.community_id)
    zone, minutes = place.time_zone, communities.rules_at(db.session(), place, now).counter_undo_minutes
    since = clock.start_of_day(clock.local_day(now, zone), zone)
    ids = [shop.id for shop in shops]
    today = listing.handed_over(db.session(), ids, since=since, until=now + timedelta(seconds=1), limit=5)
    return render_template(
        "shop/counter.html",
        shops=shops,
        today=today,
        typed=typed,
        wrong=wrong,
        done=done,
        balance=_balance(who, done) if done else None,
        turns=queueing.turns_of(db.session(), [one.order.id for one in today.items], now),
        may_undo=lambda order: rules.may_take_back(order.handed_over_at, now, minutes, zone),
    )


def _where_to(who: Actor, text: str) -> str:
    """Find the page of what was scanned: a voucher, or the card of a resident. Raises VoucherNotFound, TooMany."""
    desk.count_try(who, now=clock.utc_now())
    code = rules.read_code(text)
    if code is not None and desk.is_voucher(who, code):
        return url_for(".voucher", code=code)
    owner = bearers.whose_card(db.session(), who, text)
    if owner is not None:
        return url_for(".card", public_id=owner.public_id)
    raise VoucherNotFound


def _card_page(who: Actor, public_id: str, *, errors: dict[str, str]) -> str:
    now = clock.utc_now()
    shops = listing.shops_kept(db.session(), who)
    owner = members.in_community(db.session(), who.community_id, public_id)
    items = listing.items_of(db.session(), [shop.id for shop in shops], only_offered=True)
    room = queueing.free(db.session(), who.community_id, queueing.this_month(db.session(), who.community_id, now))
    return render_template(
        "shop/card.html",
        owner=owner,
        masked=mask_name(owner.name),
        items=items,
        shops=shops,
        errors=errors,
        lock=desk.lock_of(db.session(), owner, now=now),
        queued=queueing.own(db.session(), owner.id, now),
        room=room,
        is_short=room is not None and any(budget.counts(one.item) and one.item.price > room for one in items),
    )


def _pin_page(
    who: Actor, public_id: str, item_id: str, quantity: int, *, wrong: str | None = None, is_over: bool = False
) -> str:
    owner = members.in_community(db.session(), who.community_id, public_id)
    found = listing.on_shelf(db.session(), who.community_id, item_id)
    if not operations.keeps(db.session(), who, found.shop.id):
        raise WrongShop(shop=found.shop.name)
    return render_template(
        "shop/pin.html",
        owner=owner,
        masked=mask_name(owner.name),
        item=found.item,
        quantity=quantity,
        line=rules.bill_line(found.item.title, quantity),
        total=found.item.price * quantity,
        wrong=wrong,
        is_over=is_over,
    )
