"""The shop for programs: items, orders, hand-overs."""

from __future__ import annotations

from typing import Any

from bank import clock, db
from bank.members import login
from bank.shop import desk, listing, operations
from bank.shop.schemas import (
    CancelForm,
    EmptyForm,
    ItemPage,
    OrderForm,
    OrderPage,
    OrderSchema,
    RedemptionSchema,
    ShelfQuery,
    item_answer,
    order_answer,
)
from bank.web.api import PageQuery, blueprint
from bank.web.app import begin_write, reads_first

api = blueprint("shop", "Services and goods for hours and points")


@api.route("/items", methods=["GET"])
@api.arguments(ShelfQuery, location="query")
@api.response(200, ItemPage)
def items(asked: dict[str, Any]) -> dict[str, Any]:
    """List what the community's shops and providers offer."""
    found = listing.shelf(db.session(), login.actor().community_id, **asked)
    return {"items": [item_answer(item) for item in found.items], "next": found.next}


@api.route("/orders", methods=["GET"])
@api.arguments(PageQuery, location="query")
@api.response(200, OrderPage)
def orders(asked: dict[str, Any]) -> dict[str, Any]:
    """List one's own orders, newest first."""
    found = listing.orders_of(db.session(), login.actor().person_id, **asked)
    return {"items": [order_answer(placed) for placed in found.items], "next": found.next}


@api.route("/orders", methods=["POST"])
@api.arguments(OrderForm)
@api.response(201, OrderSchema)
def order(given: dict[str, Any]) -> dict[str, Any]:
    """Order an item: its stock is taken and its price held, or neither."""
    placed = operations.order(db.session(), login.actor(), now=clock.utc_now(), **given)
    return order_answer(listing.shown(db.session(), placed))


@api.route("/vouchers/<code>/redemptions", methods=["POST"])
@reads_first
@api.arguments(EmptyForm)
@api.response(201, RedemptionSchema)
def redeem(given: dict[str, Any], code: str) -> dict[str, Any]:
    """Hand over against a voucher of one's own shop; the price is paid."""
    who = login.actor()
    found = desk.read_voucher_code(who, code, now=clock.utc_now())
    begin_write()
    done = operations.hand_over(db.session(), who, found, now=clock.utc_now())
    shown = listing.shown(db.session(), done)
    return {"order": order_answer(shown), "receipt": {"txn_id": str(done.end_txn_id)}}


@api.route("/orders/<order_id>/cancellation", methods=["POST"])
@api.arguments(CancelForm)
@api.response(201, OrderSchema)
def cancel(given: dict[str, Any], order_id: str) -> dict[str, Any]:
    """Give an order back; for its owner and the keepers of its shop."""
    ended = operations.cancel(
        db.session(), login.actor(), order_id, now=clock.utc_now(), reason=given["reason"], code=given["why"]
    )
    return order_answer(listing.shown(db.session(), ended))
