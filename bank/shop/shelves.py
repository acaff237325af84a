"""Pages of a shopkeeper's own shelves, and of a coordinator who opens shops and names their keepers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bank import clock, db
from bank.errors import BankError, Invalid
from bank.members import login
from bank.members.actor import Actor
from bank.shop import closing, donors, listing, stock, stocktaking
from bank.shop.operations import keeps
from bank.shop.refusals import WrongShop
from bank.shop.schemas import (
    DamageForm,
    DonationForm,
    DonorLookForm,
    ItemForm,
    KeeperForm,
    OfferForm,
    ShopForm,
    StockForm,
)
from bank.shop.views import pages
from bank.web.fields import read_form
from bank.web.i18n import gettext, translate


@pages.get("/counter/stock")
def shelves() -> ResponseReturnValue:
    who = login.actor()
    shops = listing.shops_kept(db.session(), who)
    items = listing.items_of(db.session(), [shop.id for shop in shops])
    counts = {shop.id: taken for taken, shop, _ in stocktaking.waiting_in(db.session(), who.community_id)}
    return render_template("shop/stock.html", shops=shops, items=items, counts=counts)


@pages.get("/counter/items/new")
def new_item() -> ResponseReturnValue:
    return _item_form(request.args, {})


@pages.post("/counter/items")
def add_item() -> ResponseReturnValue:
    who = login.actor()
    try:
        given = read_form(ItemForm, request.form)
        stock.add_item(db.session(), who, request.form.get("shop_id", ""), given, now=clock.utc_now())
    except Invalid as refusal:
        return _item_form(request.form, refusal.errors), 422
    flash(gettext("已经上架。"), "ok")
    return redirect(url_for(".shelves"), code=303)


@pages.post("/counter/items/<item_id>/stock")
def change_stock(item_id: str) -> ResponseReturnValue:
    who = login.actor()
    try:
        given = read_form(StockForm, request.form)
        stock.add_stock(db.session(), who, item_id, given["change"], now=clock.utc_now())
    except (Invalid, stock.ShelfFull) as refusal:
        return _refused(who, item_id, "in", "change", refusal)
    flash(gettext("库存已更新。"), "ok")
    return redirect(url_for(".shelves", _anchor=item_id), code=303)


@pages.post("/counter/items/<item_id>/damage")
def write_off(item_id: str) -> ResponseReturnValue:
    who = login.actor()
    try:
        given = read_form(DamageForm, request.form)
        stock.write_off(db.session(), who, item_id, given["number"], note=given["note"], now=clock.utc_now())
    except (Invalid, stock.StockTooLow) as refusal:
        return _refused(who, item_id, "damage", "number", refusal)
    flash(gettext("已经写下，库存已更新。"), "ok")
    return redirect(url_for(".movements", item_id=item_id), code=303)


@pages.post("/counter/items/<item_id>/donations")
def receive(item_id: str) -> ResponseReturnValue:
    who = login.actor()
    try:
        given = read_form(DonationForm, request.form)
        is_named, donor = given["is_named"], given["donor"]
        stock.receive(db.session(), who, item_id, given["number"], donor=donor, is_named=is_named, now=clock.utc_now())
    except (Invalid, stock.ShelfFull) as refusal:
        return _refused(who, item_id, "donation", "number", refusal)
    thanks = gettext("收下了，已经上架。谢谢捐赠的人。")
    flash(thanks + gettext("名字要请社区工作人员看过才公开。") if is_named else thanks, "ok")
    return redirect(url_for(".movements", item_id=item_id), code=303)


@pages.get("/counter/items/<item_id>/movements")
def movements(item_id: str) -> ResponseReturnValue:
    return _movements_page(login.actor(), item_id)


def _refused(who: Actor, item_id: str, form: str, field: str, refusal: BankError) -> ResponseReturnValue:
    """Show a form again with what was typed and why it was refused; a rule's sentence stands at the number."""
    db.drop()
    if isinstance(refusal, Invalid):
        errors = {name: translate(texts[0]) for name, texts in refusal.errors.items()}
        return _movements_page(who, item_id, form=form, errors=errors), 422
    return _movements_page(who, item_id, form=form, errors={field: translate(refusal.sentence, refusal.facts)}), 409


def _movements_page(who: Actor, item_id: str, *, form: str = "", errors: Mapping[str, str] | None = None) -> str:
    who.require("shopkeeper")
    shelf = listing.on_shelf(db.session(), who.community_id, item_id)
    if not keeps(db.session(), who, shelf.shop.id):
        raise WrongShop(shop=shelf.shop.name)
    found = listing.movements_of(db.session(), shelf.item, cursor=request.args.get("cursor"))
    return render_template(
        "shop/movements.html",
        item=shelf.item,
        found=found,
        kinds=_kinds(),
        form=form,
        given=request.form,
        errors=errors or {},
        room=max(1, stock.MOST_STOCK - (shelf.item.stock or 0)),
    )


def _kinds() -> dict[str, str]:
    return {
        "in": gettext("进货"),
        "out": gettext("下单"),
        "back": gettext("退单放回"),
        "count": gettext("盘点"),
        "damage": gettext("损坏"),
        "donation": gettext("捐赠"),
    }


@pages.post("/counter/items/<item_id>/offer")
def change_offer(item_id: str) -> ResponseReturnValue:
    is_offered = read_form(OfferForm, request.form)["is_offered"]
    stock.offer(db.session(), login.actor(), item_id, is_offered=is_offered)
    flash(gettext("已恢复供应。") if is_offered else gettext("已暂停供应，发出去的券照常能用。"), "ok")
    return redirect(url_for(".shelves", _anchor=item_id), code=303)


@pages.get("/shops")
def shops() -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator")
    counts = stocktaking.waiting_in(db.session(), who.community_id)
    found = listing.shops_in(db.session(), who.community_id)
    names = donors.waiting(db.session(), who)
    return render_template("shop/shops.html", shops=found, counts=counts, names=names)


@pages.post("/shops/donors/<donation_id>")
def look_at_donor(donation_id: str) -> ResponseReturnValue:
    is_shown = read_form(DonorLookForm, request.form)["is_shown"]
    donors.look(db.session(), login.actor(), donation_id, is_shown=is_shown, now=clock.utc_now())
    flash(gettext("名字可以公开了。") if is_shown else gettext("名字不公开，捐的东西照样在架上。"), "ok")
    return redirect(url_for(".shops"), code=303)


@pages.post("/shops")
def found_shop() -> ResponseReturnValue:
    given = read_form(ShopForm, request.form)
    made = stock.found_shop(db.session(), login.actor(), now=clock.utc_now(), **given)
    return redirect(url_for(".shop", shop_id=made.public_id), code=303)


@pages.get("/shops/<shop_id>")
def shop(shop_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator")
    found = stock.shop_in(db.session(), who.community_id, shop_id)
    is_over = closing.is_over(db.session(), found.id)
    keepers = stock.keepers_of(db.session(), found)
    return render_template("shop/shop.html", shop=found, keepers=keepers, is_over=is_over)


@pages.post("/shops/<shop_id>/keepers")
def change_keeper(shop_id: str) -> ResponseReturnValue:
    who = login.actor()
    given = read_form(KeeperForm, request.form)
    if given["do"] == "add":
        stock.appoint(db.session(), who, shop_id, given["person_id"].upper(), now=clock.utc_now())
    else:
        stock.dismiss(db.session(), who, shop_id, given["person_id"].upper())
    flash(gettext("已更改。"), "ok")
    return redirect(url_for(".shop", shop_id=shop_id), code=303)


@pages.post("/shops/<shop_id>/closing")
def close_shop(shop_id: str) -> ResponseReturnValue:
    number = closing.close(db.session(), login.actor(), shop_id, now=clock.utc_now())
    flash(gettext("全部下架了，退回了 %(n)s 张没领的券。", n=number), "ok")
    return redirect(url_for(".shop", shop_id=shop_id), code=303)


def _item_form(given: Any, errors: dict[str, list[str]]) -> str:
    who = login.actor()
    kept = listing.shops_kept(db.session(), who)
    texts = {name: [translate(text) for text in found] for name, found in errors.items()}
    return render_template(
        "shop/new_item.html",
        shops=kept,
        shop_options=[(shop.public_id, shop.name) for shop in kept],
        given=given,
        errors=texts,
        pictures=picture_names(),
    )


def picture_names() -> list[tuple[str, str]]:
    """Give the drawings an item may show with what they are called, in the person's language."""
    names = {
        "gift": gettext("礼物（其他）"),
        "soap": gettext("肥皂"),
        "tissue": gettext("纸巾"),
        "towel": gettext("毛巾"),
        "detergent": gettext("洗衣液"),
        "rice": gettext("大米"),
        "oil": gettext("食用油"),
        "haircut": gettext("理发"),
        "cleaning": gettext("保洁"),
        "phone-help": gettext("教用手机"),
        "company": gettext("陪伴"),
        "escort": gettext("陪诊"),
        "repair": gettext("小修小补"),
        "meal": gettext("做饭送餐"),
    }
    return [(name, names[name]) for name in stock.PICTURES]
