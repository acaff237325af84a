"""Pages of the queue for who serves residents without a phone: whom to call, a card's place, the slip, the sheet."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bank import chart, clock, db
from bank.checkin import bearers
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.errors import BankError, TooMany
from bank.members import login
from bank.members import operations as members
from bank.members.actor import STAFF, Actor
from bank.members.models import Person
from bank.members.rules import mask_name
from bank.qr import LONGEST_SCAN
from bank.shop import budget, desk, line, listing, operations, queueing, rules
from bank.shop.models import Item, Order
from bank.shop.refusals import NoNeedToQueue, WrongShop
from bank.shop.schemas import QueueForm
from bank.shop.views import balances_of, pages
from bank.web.app import begin_write, reads_first
from bank.web.fields import read_form
from bank.web.i18n import gettext, translate


@pages.get("/queue")
def queue() -> ResponseReturnValue:
    return _queue_page(login.actor())


@pages.post("/queue")
@reads_first
def queue_card_of() -> ResponseReturnValue:
    who = login.actor()
    who.require("shopkeeper", *STAFF)
    typed = request.form.get("code", "")[:LONGEST_SCAN]
    try:
        desk.count_try(who, now=clock.utc_now())
        owner = bearers.whose_card(db.session(), who, typed)
        if owner is None:
            raise bearers.CardInvalid
    except BankError as refusal:
        return _queue_page(who, typed=typed, wrong=translate(refusal.sentence, refusal.facts)), 422
    return redirect(url_for(".queue_card", public_id=owner.public_id), code=303)


@pages.get("/queue/sheet")
def queue_sheet() -> ResponseReturnValue:
    who, now = login.actor(), clock.utc_now()
    return render_template("shop/queue_sheet.html", called=line.called(db.session(), who, now), today=now)


@pages.get("/queue/cards/<public_id>")
def queue_card(public_id: str) -> ResponseReturnValue:
    return _card_page(login.actor(), public_id)


@pages.post("/queue/cards/<public_id>")
@reads_first
def serve_queue_card(public_id: str) -> ResponseReturnValue:
    who, now = login.actor(), clock.utc_now()
    who.require("shopkeeper", *STAFF)
    try:
        given = read_form(QueueForm, request.form)
        owner = members.in_community(db.session(), who.community_id, public_id)
        bearers.check_spending_pin(who, owner, given["pin"], now=now)
        begin_write()
        owner = members.in_community(db.session(), who.community_id, public_id)
        onward = _serve(who, owner, given)
    except BankError as refusal:
        db.drop()
        is_resting = isinstance(refusal, TooMany)
        page = _card_page(who, public_id, wrong=translate(refusal.sentence, refusal.facts), is_over=is_resting)
        return page, 429 if is_resting else 422
    return redirect(onward, code=303)


@pages.get("/queue/slips/<place_id>")
def queue_slip(place_id: str) -> ResponseReturnValue:
    who = login.actor()
    found = line.find(db.session(), who, place_id)
    order = line.order_of(db.session(), found.place)
    own = queueing.own(db.session(), found.person.id, clock.utc_now())
    is_this = own is not None and own.place.id == found.place.id
    return render_template(
        "shop/queue_slip.html",
        one=found,
        masked=mask_name(found.person.name),
        standing=own.standing if own is not None and is_this else None,
        order=order,
        goods_day=_goods_day(who, order),
        paper_kind="a6" if request.args.get("paper") == "a6" else "slip",
    )


@pages.post("/queue/<place_id>/told")
def note_told(place_id: str) -> ResponseReturnValue:
    who = login.actor()
    found = line.find(db.session(), who, place_id)
    queueing.note_told(db.session(), who, found.place, now=clock.utc_now())
    flash(gettext("记下了：%(ticket)s 号已经告诉本人。", ticket=found.place.ticket), "ok")
    return redirect(url_for(".queue"), code=303)


def _serve(who: Actor, owner: Person, given: dict[str, Any]) -> str:
    """Do what the owner of a card whose PIN was right wishes; give the page to go on to."""
    session, now = db.session(), clock.utc_now()
    if given["do"] == "join":
        _check_shelf(who, given["item_id"] or "")
        made = queueing.join(
            session, who, item_id=given["item_id"] or "", quantity=given["quantity"], now=now, owner=owner
        )
        return url_for(".queue_slip", place_id=made.public_id)
    place_id = given["place_id"] or ""
    line.find(session, who, place_id)
    if given["do"] == "leave":
        queueing.leave(session, who, place_id, now=now, owner=owner)
        flash(gettext("已经退出排队。什么也没有扣。"), "ok")
        return url_for(".queue_card", public_id=owner.public_id)
    placed = queueing.take(session, who, place_id, now=now, owner=owner)
    if operations.keeps(session, who, placed.shop_id) and _is_today(who):
        done = operations.hand_over(session, who, placed.voucher_code, now=now)
        return url_for(".counter", done=done.public_id)
    return url_for(".queue_slip", place_id=place_id)


def _check_shelf(who: Actor, item_id: str) -> None:
    shelf = listing.on_shelf(db.session(), who.community_id, item_id)
    if not who.may(*STAFF) and not operations.keeps(db.session(), who, shelf.shop.id):
        raise WrongShop(shop=shelf.shop.name)


def _is_today(who: Actor) -> bool:
    place, now = db.session().get_one(Community, who.community_id), clock.utc_now()
    in_force = communities.rules_at(db.session(), place, now)
    return rules.is_redemption_day(clock.local_day(now, place.time_zone), in_force)


def _goods_day(who: Actor, order: Order | None) -> Any:
    """Give the next day on which goods are handed over, for a voucher that waits; None where that is today."""
    if order is None or order.state != operations.OPEN or _is_today(who):
        return None
    place, now = db.session().get_one(Community, who.community_id), clock.utc_now()
    day = rules.redemption_day(now, communities.rules_at(db.session(), place, now), place.time_zone)
    return clock.start_of_day(day, place.time_zone)


def _queue_page(who: Actor, *, typed: str = "", wrong: str | None = None) -> str:
    now = clock.utc_now()
    called = line.called(db.session(), who, now)
    found = line.waiting(db.session(), who, cursor=request.args.get("cursor"))
    return render_template(
        "shop/queue.html",
        called=called,
        found=found,
        typed=typed,
        wrong=wrong,
        shows_phones=who.may(*STAFF),
        back="shop.counter" if who.may("shopkeeper") else "shop.shops" if who.may("coordinator") else "members.home",
    )


def _card_page(who: Actor, public_id: str, *, wrong: str | None = None, is_over: bool = False) -> str:
    session, now = db.session(), clock.utc_now()
    who.require("shopkeeper", *STAFF)
    owner = members.in_community(session, who.community_id, public_id)
    lock = desk.lock_of(session, owner, now=now)
    own = queueing.own(session, owner.id, now)
    month = queueing.this_month(session, who.community_id, now)
    room = queueing.free(session, who.community_id, month)
    return render_template(
        "shop/queue_card.html",
        owner=owner,
        masked=mask_name(owner.name),
        own=own,
        is_mine=own is not None and _serves(who, own.item),
        balance=balances_of(owner.public_id, owner.community_id)[chart.POINTS],
        items=[] if own is not None or room is None else _beyond(who, room, month.most or 0),
        wrong=wrong or lock,
        is_over=is_over or lock is not None,
        given=request.form,
        not_needed=translate(NoNeedToQueue.sentence),
        is_today=_is_today(who),
        is_keeper=who.may("shopkeeper"),
    )


def _serves(who: Actor, item: Item) -> bool:
    return who.may(*STAFF) or operations.keeps(db.session(), who, item.shop_id)


def _beyond(who: Actor, room: int, most: int) -> list[Item]:
    """Give the goods one has to queue for: dearer than what can be ordered at once, and within a month's budget."""
    return [item for item in line.goods(db.session(), who) if budget.counts(item) and room < item.price <= most]
