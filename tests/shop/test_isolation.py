"""A provider sees only their own: every route of the shop is tried with what belongs to another shop."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy import select
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from bank import jobs
from bank.shop.models import Item, Order, QueuePlace, Settlement, Strike
from tests.shop.market import PIN, Market

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ANSWERS = (200, 303, 404, 409)
"""Never a form that was not understood: what is refused is refused for whose it is."""
TYPED_ANEW = {"/queue", "/queue/cards/<public_id>", "/strikes"}
"""Pages that show a refusal beside what was typed, whatever it was for."""
NEVER = {
    "/shops",
    "/shops/<shop_id>",
    "/shops/<shop_id>/keepers",
    "/shops/<shop_id>/closing",
    "/shops/donors/<donation_id>",
}
"""A coordinator's."""


def routes(market: Market) -> Iterator[tuple[str, Rule]]:
    """Give every method and rule of the shop's pages and programs."""
    for rule in market.world.app.url_map.iter_rules():
        if rule.endpoint.startswith("shop.") or rule.rule.startswith(
            ("/api/v1/items", "/api/v1/orders", "/api/v1/vouchers")
        ):
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield method, rule


def test_a_barber_sees_and_moves_nothing_of_another_shop(market: Market) -> None:
    done = market.hand_over(market.order())
    market.world.clock.now = datetime.fromisoformat("2026-12-01T01:00:00+08:00")
    with market.world.app.app_context():
        jobs.run_due(market.now)
    held, recent = market.order(), market.hand_over(market.order())
    owner = market.world.people["volunteer"]
    with market.world.write() as session:
        statement = session.scalars(select(Settlement.public_id)).one()
        before = _all(session)
    secrets = [owner.name, owner.phone, statement, recent.voucher_code, _shown(recent), _shown(done), done.public_id]
    path = {"public_id": owner.public_id, "item_id": market.soap, "shop_id": market.goods_shop}
    tried = 0
    for order in (held, recent, done):
        path |= {"code": order.voucher_code, "order_id": order.public_id, "statement_id": statement}
        onward = (None, f"/counter/cards/{owner.public_id}", f"/v/{order.voucher_code}")  # pages tried here as well
        for method, rule in routes(market):
            asked = rule.rule.replace("<any(pdf, xlsx):kind>", "pdf")
            for name, value in path.items():
                asked = asked.replace(f"<{name}>", value)
            answer = _ask(market, method, asked, order)
            tried += 1
            where = (method, rule.rule, answer.status_code)
            # What was asked for is repeated, and the page above it, where the buttons for language and type lead.
            told = answer.get_data(as_text=True).replace(asked, "")
            told = told.replace(f'name="next" value="{asked.rpartition("/")[0]}"', "")
            if rule.rule in TYPED_ANEW and method == "POST":
                assert answer.status_code == 422, where
                told = told.replace(f'value="{order.voucher_code}"', "")
            else:
                assert answer.status_code in ((403,) if rule.rule in NEVER else ANSWERS), where
            if answer.status_code != 303:  # the address of a redirect repeats what was asked
                assert [secret for secret in secrets if secret and secret in told] == [], where
            if method == "POST":
                assert answer.location in onward, where
    assert tried > 60
    with market.world.write() as session:
        assert _all(session) == before


def _ask(market: Market, method: str, path: str, order: Order) -> TestResponse:
    """Call a route as the barber, with everything any form of the shop asks for."""
    if path.startswith("/api/"):
        wanted = {"item_id": market.soap, "quantity": 1} if path.endswith("/orders") else {}
        return market.world.api("barber", method, path, wanted if method == "POST" else None)
    form = {"code": order.voucher_code, "shop_id": market.goods_shop, "month": "2026-11", "item_id": market.soap}
    form |= {"quantity": "1", "pin": PIN, "words": "不对", "paid_on": "2026-12-01", "change": "1", "do": "add"}
    form |= {"kind": "service", "title": "染发", "unit": "MIN", "price": "30", "name": "又一家", "reason": "没有了"}
    form |= {"person_id": market.world.people["barber"].public_id, "is_offered": "0"}
    form |= {"number": "1", "note": "坏了", "donor": "一家店", "counted": "1"}
    if path == "/shops":
        form["kind"] = "provider"
    for start, do in (("/stocktakes/", "confirm"), ("/queue/cards/", "join"), ("/strikes/", "agree")):
        if path.startswith(start):
            form["do"] = do
    chosen = {"item_id": market.soap, "quantity": "1"} if path.endswith("/pin") else {}
    sent = {"data": form} if method == "POST" else {"query_string": chosen}
    return market.world.page("barber").open(path, method=method, **sent)


def _shown(order: Order) -> str:
    return f"{order.voucher_code[:4]} {order.voucher_code[4:]}"


def _all(session: object) -> list[object]:
    found = [
        session.execute(select(*columns)).all()
        for columns in (  # type: ignore[attr-defined]
            (Order.id, Order.state, Order.handed_over_at),
            (Item.id, Item.stock, Item.is_offered, Item.handed_over),
            (QueuePlace.id, QueuePlace.state, QueuePlace.told_by),
            (Strike.id, Strike.state),
            (Settlement.id, Settlement.state, Settlement.provider_by, Settlement.community_by),
        )
    ]
    return [sorted(map(tuple, rows)) for rows in found]


def test_a_barber_has_their_own_with_masked_names(market: Market) -> None:
    done = market.hand_over(market.order(item=market.haircut), "barber")
    market.hand_over(market.order())
    page = market.world.page("barber")
    for path in ("/counter", "/counter/handed-over", f"/counter/receipts/{done.public_id}", f"/v/{done.voucher_code}"):
        shown = page.get(path).text
        assert "王**" in shown or path.startswith("/v/")
        assert "王小明" not in shown
        assert "肥皂" not in shown
    assert "理发" in page.get("/counter").text


def test_a_keeper_dismissed_sees_no_statement_any_more(market: Market) -> None:
    market.hand_over(market.order(item=market.haircut), "barber")
    market.world.clock.now = datetime.fromisoformat("2026-12-01T01:00:00+08:00")
    with market.world.app.app_context():
        jobs.run_due(market.now)
    with market.world.write() as session:
        statement = session.scalars(select(Settlement.public_id)).one()
    path = f"/statements/{statement}"
    assert market.world.page("barber").get(path).status_code == 200
    form = {"person_id": market.world.people["barber"].public_id, "do": "remove"}
    market.world.page("coordinator").post(f"/shops/{market.barber_shop}/keepers", data=form)
    assert market.world.page("barber").get(path).status_code == 404
    assert market.world.page("barber").get(f"{path}/pdf").status_code == 404
    assert statement not in market.world.page("barber").get("/statements").text
    assert market.world.page("stranger_coordinator").get(path).status_code == 404


def test_a_provider_puts_services_only_on_its_shelf(market: Market) -> None:
    made = market.world.page("coordinator").post("/shops", data={"name": "社区诊所", "kind": "provider"})
    shop_id = made.location.rsplit("/", 1)[1]
    form = {"person_id": market.world.people["barber"].public_id, "do": "add"}
    market.world.page("coordinator").post(f"{made.location}/keepers", data=form)
    assert "服务商" in market.world.page("coordinator").get("/shops").text
    item = {"shop_id": shop_id, "title": "量血压", "unit": "MIN", "price": "10"}
    page = market.world.page("barber")
    refused = page.post("/counter/items", data={**item, "kind": "goods", "stock": "3"})
    assert (refused.status_code, "只上架服务" in refused.text) == (422, True)
    assert page.post("/counter/items", data={**item, "kind": "service"}).status_code == 303
