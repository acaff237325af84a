"""The shop for programs, as the interface promises it."""

from __future__ import annotations

import pytest

from bank import chart, db
from tests.shop.market import Market


def test_items_say_what_they_cost_and_where_they_are(market: Market) -> None:
    answer = market.world.api("volunteer", "GET", "/items").get_json()
    assert [(item["title"], item["unit"], item["price"], item["stock"]) for item in answer["items"]] == [
        ("理发", "MIN", 30, None),
        ("肥皂", "PTS", 15, 5),
    ]
    assert answer["next"] is None
    assert answer["items"][1]["shop"]["name"] == "惠民超市"
    with market.world.page(None).get(answer["items"][1]["picture"]) as picture:
        assert picture.mimetype == "image/svg+xml"


def test_items_page_through_both_kinds(market: Market) -> None:
    for number in range(3):
        market.add_item(f"毛巾{number}", unit="PTS", price=5)
    titles, cursor = [], ""
    for _ in range(5):
        answer = market.world.api("volunteer", "GET", f"/items?limit=1{cursor}").get_json()
        titles += [item["title"] for item in answer["items"]]
        cursor = f"&cursor={answer['next']}"
    assert titles == ["理发", "肥皂", "毛巾0", "毛巾1", "毛巾2"]
    assert answer["next"] is None


def test_an_order_becomes_a_voucher_and_the_voucher_a_hand_over(market: Market) -> None:
    ordered = market.world.api("volunteer", "POST", "/orders", {"item_id": market.soap, "quantity": 2})
    order = ordered.get_json()
    assert ordered.status_code == 201
    assert (order["state"], order["total"], order["unit"]) == ("held", 30, "PTS")
    assert order["voucher"]["expires_at"] == "2026-11-30T16:00:00Z"
    assert order["voucher"]["url"].endswith(f"/v/{order['voucher']['code']}")
    spoken = order["voucher"]["code"].lower()
    done = market.world.api("shop", "POST", f"/vouchers/{spoken}/redemptions", {})
    assert done.status_code == 201
    assert done.get_json()["order"]["state"] == "handed_over"
    assert done.get_json()["order"]["id"] == order["id"]
    assert len(done.get_json()["receipt"]["txn_id"]) == 36
    mine = market.world.api("volunteer", "GET", "/orders").get_json()
    assert [(one["id"], one["state"]) for one in mine["items"]] == [(order["id"], "handed_over")]


def test_the_same_order_sent_twice_is_one_order(market: Market) -> None:
    body = {"item_id": market.soap, "quantity": 1}
    first = market.world.api("volunteer", "POST", "/orders", body, key="once")
    second = market.world.api("volunteer", "POST", "/orders", body, key="once")
    assert second.get_json() == first.get_json()
    assert second.headers["Idempotent-Replay"] == "true"
    assert market.stock() == 4
    other = market.world.api("volunteer", "POST", "/orders", {**body, "quantity": 2}, key="once")
    assert (other.status_code, other.get_json()["code"]) == (422, "idempotency_conflict")


def test_the_same_hand_over_sent_twice_answers_the_same(market: Market) -> None:
    path = f"/vouchers/{market.order().voucher_code}/redemptions"
    first = market.world.api("shop", "POST", path, {}, key="once")
    second = market.world.api("shop", "POST", path, {}, key="once")
    assert (second.status_code, second.get_json()) == (201, first.get_json())


def test_a_cancelled_order_gives_back(market: Market) -> None:
    placed = market.order()
    answer = market.world.api("volunteer", "POST", f"/orders/{placed.public_id}/cancellation", {})
    assert (answer.status_code, answer.get_json()["state"]) == (201, "cancelled")
    assert market.has().available == 100


def _code(market: Market, who: str, path: str, body: object) -> tuple[int, str]:
    answer = market.world.api(who, "POST", path, body)
    return answer.status_code, answer.get_json()["code"]


def test_every_refusal_has_its_code(market: Market) -> None:
    soap = {"item_id": market.soap, "quantity": 1}
    assert _code(market, "coordinator", "/orders", soap) == (409, "insufficient_funds")
    assert _code(market, "volunteer", "/orders", {**soap, "quantity": 6}) == (409, "out_of_stock")
    assert _code(market, "volunteer", "/orders", {"item_id": "NOTTHERE"}) == (404, "not_found")
    assert _code(market, "volunteer", "/orders", {**soap, "quantity": True}) == (422, "invalid")
    assert _code(market, "volunteer", "/orders", {**soap, "price": 1}) == (422, "invalid")
    spent, expiring, cancelled = market.order(), market.order(), market.order()
    market.hand_over(spent)
    market.cancel(cancelled)
    for placed, code in ((spent, "voucher_spent"), (cancelled, "voucher_spent")):
        assert _code(market, "shop", f"/vouchers/{placed.voucher_code}/redemptions", {}) == (409, code)
    path = f"/vouchers/{expiring.voucher_code}/redemptions"
    assert _code(market, "barber", path, {}) == (409, "wrong_shop")
    assert _code(market, "volunteer", path, {}) == (403, "forbidden")
    assert _code(market, "shop", "/vouchers/ZZZZZZZZ/redemptions", {}) == (404, "not_found")
    assert _code(market, "shop", "/vouchers/.../redemptions", {}) == (404, "not_found")
    market.world.clock.now = expiring.expires_at
    assert _code(market, "shop", path, {}) == (409, "voucher_expired")


def test_a_frozen_account_is_told_so(market: Market) -> None:
    with market.world.write() as session:
        book = db.book(session, market.world.community_id, market.now)
        book.freeze(chart.member(market.world.people["volunteer"].public_id), "PTS", session=session)
    assert _code(market, "volunteer", "/orders", {"item_id": market.soap}) == (409, "account_frozen")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_trying_codes_comes_to_an_end(market: Market) -> None:
    codes = [_code(market, "shop", f"/vouchers/ZZZZZZ{n:02}/redemptions", {}) for n in range(100)]
    codes += [_code(market, "shop", f"/vouchers/ZZZZZY{n:02}/redemptions", {}) for n in range(21)]
    assert set(codes[:120]) == {(404, "not_found")}
    assert codes[120] == (429, "rate_limited")
    placed = market.order()
    assert _code(market, "shop", f"/vouchers/{placed.voucher_code}/redemptions", {})[1] == "rate_limited"
    assert market.state(placed) == "held"
    market.world.clock.now = market.now.replace(minute=59)
    assert market.world.api("shop", "POST", f"/vouchers/{placed.voucher_code}/redemptions", {}).status_code == 201
