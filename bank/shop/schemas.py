"""What the shop reads and answers, for forms and programs alike."""

from __future__ import annotations

from typing import Any

from flask import current_app, request
from marshmallow import Schema, fields

from bank import chart
from bank.shop import rules
from bank.shop.listing import OnShelf, Placed
from bank.shop.models import Order, Shop
from bank.shop.stock import MOST_STOCK, PICTURES
from bank.web.api import PageQuery, page_schema
from bank.web.fields import Choice, Day, Int, Moment, Month, StrictSchema, Words, YesNo
from bank.web.i18n import translate
from bank.web.pages import static_url

KINDS = ("service", "goods")
SHOP_KINDS = ("shop", "provider")
MOST_AT_ONCE = 1_000


class OrderForm(StrictSchema):
    """An item and how many of it."""

    item_id = Words(most=40, required=True)
    quantity = Int(least=1, most=MOST_AT_ONCE, load_default=1)


class CancelForm(StrictSchema):
    """Why, for the member to read: a reason from the list, or words."""

    why = Choice(rules.KEEPERS_REASONS, load_default=None, allow_none=True)
    reason = Words(most=200, load_default=None, allow_none=True)


class EmptyForm(StrictSchema):
    """Nothing."""


class ChosenForm(StrictSchema):
    """What the resident at the counter chose."""

    item_id = Words(most=40, required=True)
    quantity = Int(least=1, most=99, load_default=1)


class PinForm(ChosenForm):
    """What they chose, and their PIN."""

    pin = Words(most=4, least=4, required=True)


class QueueForm(StrictSchema):
    """What the owner of a card wishes of the queue, and their PIN; an item to join, else a place."""

    do = Choice(("join", "leave", "take"), required=True)
    item_id = Words(most=40, load_default=None, allow_none=True)
    place_id = Words(most=40, load_default=None, allow_none=True)
    quantity = Int(least=1, most=99, load_default=1)
    pin = Words(most=4, least=4, required=True)


class ScanForm(StrictSchema):
    """What was scanned or typed at the counter."""

    code = Words(most=200, required=True)


class ItemForm(StrictSchema):
    """A new item of a shop; `stock` for goods only."""

    kind = Choice(KINDS, required=True)
    title = Words(most=40, required=True)
    description = Words(most=300, load_default="")
    unit = Choice(chart.UNITS, required=True)
    price = Int(least=1, most=100_000, required=True)
    stock = Int(most=MOST_STOCK, load_default=None)
    picture = Choice(PICTURES, load_default=PICTURES[0])


class StockForm(StrictSchema):
    """How many were put on the shelf."""

    change = Int(least=1, most=MOST_STOCK, required=True)


class DamageForm(StrictSchema):
    """How many are no good, and why."""

    number = Int(least=1, most=MOST_STOCK, required=True)
    note = Words(most=200, required=True)


class DonationForm(StrictSchema):
    """How many somebody gave, and whether they are thanked by name."""

    number = Int(least=1, most=MOST_STOCK, required=True)
    donor = Words(most=40, required=True)
    is_named = YesNo(load_default=False)


class OfferForm(StrictSchema):
    """Whether an item is offered from now on."""

    is_offered = YesNo(load_default=False)


class DonorLookForm(StrictSchema):
    """Whether a donor's name may be public."""

    is_shown = YesNo(load_default=False)


class CountDecisionForm(StrictSchema):
    """What becomes of a count; a reason where it is sent back."""

    do = Choice(("confirm", "send_back", "withdraw"), required=True)
    reason = Words(most=200, load_default=None, allow_none=True)


class ShopForm(StrictSchema):
    """A new shop or provider."""

    kind = Choice(SHOP_KINDS, load_default=SHOP_KINDS[0])
    name = Words(most=40, required=True)
    place = Words(most=80, load_default="")
    hours = Words(most=80, load_default="")


class KeeperForm(StrictSchema):
    """A member to make a keeper of a shop, or no longer."""

    person_id = Words(most=20, required=True)
    do = Choice(("add", "remove"), required=True)


class StatementForm(StrictSchema):
    """A shop and a month that is over, `2026-10`."""

    shop_id = Words(most=40, required=True)
    month = Month(required=True)


class ReasonForm(StrictSchema):
    """Why a statement is wrong, or the answer to it."""

    words = Words(most=300, required=True)


class StrikeForm(StrictSchema):
    """Which hand-over was wrong, by the code of its voucher, and why."""

    code = Words(most=200, required=True)
    reason = Words(most=200, required=True)


class StrikeDecisionForm(StrictSchema):
    """What becomes of a hand-over that the other side says was wrong."""

    do = Choice(("agree", "refuse", "withdraw", "repaid"), required=True)


class PaidForm(StrictSchema):
    """When a month was paid outside the bank, and a note without account numbers."""

    paid_on = Day(required=True)
    note = Words(most=200, least=0, load_default="")


class ShelfQuery(PageQuery):
    """A page of the shelf, of one kind or both."""

    kind = Choice(KINDS, load_default=None)


class ShopSchema(Schema):
    """Where to go."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    place = fields.String(required=True)
    hours = fields.String(required=True)


class ItemSchema(Schema):
    """Something to be had for hours (`MIN`, price in minutes) or points (`PTS`); `stock` null is without limit."""

    id = fields.String(required=True)
    kind = fields.String(required=True)
    title = fields.String(required=True)
    description = fields.String(required=True)
    unit = fields.String(required=True)
    price = fields.Integer(required=True)
    stock = fields.Integer(required=True, allow_none=True)
    picture = fields.String(required=True)
    shop = fields.Nested(ShopSchema, required=True)


class VoucherSchema(Schema):
    """The code to show at the shop, also as a QR of `url`."""

    code = fields.String(required=True)
    url = fields.String(required=True)
    expires_at = Moment(required=True)


class OrderSchema(Schema):
    """An order: `held`, then `handed_over`, `cancelled` or `lapsed`; a hand-over just made may be taken back."""

    id = fields.String(required=True)
    state = fields.String(required=True)
    item_id = fields.String(required=True)
    title = fields.String(required=True)
    quantity = fields.Integer(required=True)
    unit = fields.String(required=True)
    total = fields.Integer(required=True)
    shop = fields.Nested(ShopSchema, required=True)
    voucher = fields.Nested(VoucherSchema, required=True)
    created_at = Moment(required=True)
    handed_over_at = Moment(required=True, allow_none=True)
    ended_at = Moment(required=True, allow_none=True)
    end_reason = fields.String(required=True, allow_none=True)


class ReceiptSchema(Schema):
    """Where the hand-over stands in the book."""

    txn_id = fields.String(required=True)


class RedemptionSchema(Schema):
    """A voucher that was handed over."""

    order = fields.Nested(OrderSchema, required=True)
    receipt = fields.Nested(ReceiptSchema, required=True)


ItemPage = page_schema(ItemSchema)
OrderPage = page_schema(OrderSchema)


def item_answer(found: OnShelf) -> dict[str, Any]:
    """Lay an item out as `ItemSchema` does."""
    item = found.item
    return {
        "id": item.public_id,
        "kind": item.kind,
        "title": item.title,
        "description": item.description,
        "unit": item.unit,
        "price": item.price,
        "stock": item.stock,
        "picture": static_url(f"pictures/{item.picture or PICTURES[0]}.svg"),
        "shop": _shop_answer(found.shop),
    }


def order_answer(found: Placed) -> dict[str, Any]:
    """Lay an order out as `OrderSchema` does."""
    order = found.order
    return {
        "id": order.public_id,
        "state": order.state,
        "item_id": found.item_id,
        "title": order.title,
        "quantity": order.quantity,
        "unit": order.unit,
        "total": order.total,
        "shop": _shop_answer(found.shop),
        "voucher": {"code": order.voucher_code, "url": voucher_url(order), "expires_at": order.expires_at},
        "created_at": order.created_at,
        "handed_over_at": order.handed_over_at,
        "ended_at": order.ended_at,
        "end_reason": translate(rules.why_ended(order.end_code, order.end_reason)) or None,
    }


def voucher_url(order: Order) -> str:
    """Give the address in a voucher's QR: the bank's public name where it is known, else the one it was asked under."""
    root = current_app.config["PUBLIC_URL"] or request.url_root.rstrip("/")
    return f"{root}/v/{order.voucher_code}"


def _shop_answer(shop: Shop) -> dict[str, str]:
    return {"id": shop.public_id, "name": shop.name, "place": shop.place, "hours": shop.hours}
