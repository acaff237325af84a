"""Many at once, with real connections: one tells the truth and the others are told so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import select
from werkzeug.test import TestResponse

from bank import chart, db, jobs
from bank.shop.models import PointBudget, QueuePlace, Settlement, SettlementLine
from tests.racing import at_once
from tests.shop.market import Market, credit
from tests.shop.test_stock import share_a_door

Call = Callable[[], TestResponse]


def _codes(answers: Sequence[TestResponse]) -> Counter[str]:
    return Counter("ok" if one.status_code == 201 else one.get_json()["code"] for one in answers)


def _verify(market: Market) -> None:
    with market.world.app.app_context():
        assert db.book(db.session(), market.world.community_id, market.now).verify().findings == ()
        db.drop()


def test_the_last_one_goes_to_one_of_many_buyers(market: Market) -> None:
    buyers = [f"buyer{number}" for number in range(8)]
    for who in buyers:
        market.world.add_person(who, "买家")
        credit(market.world, who, chart.POINTS, 20)
        market.world.api(who, "GET", "/items")
    market.count(1)
    body = {"item_id": market.soap, "quantity": 1}
    answers = at_once(*[lambda who=who: market.world.api(who, "POST", "/orders", body) for who in buyers])
    assert _codes(answers) == {"ok": 1, "out_of_stock": 7}
    assert market.stock() == 0
    assert sorted(market.has(who).held for who in buyers) == [0] * 7 + [15]
    _verify(market)


def test_a_voucher_handed_over_by_sixteen_is_told_yes_once(market: Market) -> None:
    placed = market.order()
    market.world.api("shop", "GET", "/items")
    path = f"/vouchers/{placed.voucher_code}/redemptions"
    answers = at_once(*[lambda: market.world.api("shop", "POST", path, {})] * 16)
    assert _codes(answers) == {"ok": 1, "voucher_spent": 15}
    assert market.takings(market.goods_shop, "PTS") == 15
    assert market.handed_over() == 1
    _verify(market)


def test_cancelling_and_handing_over_end_one_way(market: Market) -> None:
    for who in ("shop", "volunteer"):
        market.world.api(who, "GET", "/items")
    for _ in range(4):
        placed = market.order()
        before = market.takings(market.goods_shop, "PTS"), market.stock()
        paths = {
            "shop": f"/vouchers/{placed.voucher_code}/redemptions",
            "volunteer": f"/orders/{placed.public_id}/cancellation",
        }
        answers = at_once(*[partial(market.world.api, who, "POST", path, {}) for who, path in paths.items()])
        assert _codes(answers) == {"ok": 1, "voucher_spent": 1}
        after = market.takings(market.goods_shop, "PTS"), market.stock()
        moved = (after[0] - before[0], after[1] - before[1])
        assert moved == ((15, 0) if market.state(placed) == "handed_over" else (0, 1))
    _verify(market)


def test_two_orders_of_one_balance_hold_it_once(market: Market) -> None:
    credit(market.world, "relative", chart.POINTS, 20)
    market.world.api("relative", "GET", "/items")
    body = {"item_id": market.soap, "quantity": 1}
    answers = at_once(*[lambda: market.world.api("relative", "POST", "/orders", body)] * 4)
    assert _codes(answers) == {"ok": 1, "insufficient_funds": 3}
    assert market.stock() == 4
    _verify(market)


def test_the_last_order_of_a_quota_is_placed_once(market: Market) -> None:
    market.adopt(goods_orders_per_month=1)
    market.world.api("volunteer", "GET", "/items")
    towel = market.add_item("毛巾", unit="MIN", price=10)
    bodies = [{"item_id": item, "quantity": 1} for item in (market.soap, towel) * 3]
    answers = at_once(*[lambda body=body: market.world.api("volunteer", "POST", "/orders", body) for body in bodies])
    assert _codes(answers) == {"ok": 1, "cap_exceeded": 5}


def test_the_job_and_a_cancellation_give_back_once(market: Market) -> None:
    placed = [market.order() for _ in range(4)]
    market.world.clock.now = placed[0].expires_at
    market.world.api("volunteer", "GET", "/items")

    def job() -> TestResponse:
        with market.world.app.app_context():
            jobs.run_due(market.now)
        return market.world.api("volunteer", "GET", "/items")

    paths = [f"/orders/{one.public_id}/cancellation" for one in placed]
    answers = at_once(
        *[job, job, *(lambda path=path: market.world.api("volunteer", "POST", path, {}) for path in paths)]
    )
    assert {one.status_code for one in answers} <= {200, 201, 409}
    assert market.has().available == 100
    assert market.stock() == 5
    _verify(market)


def _month(market: Market) -> str:
    """Freeze the barber's November; give the path of its statement."""
    market.hand_over(market.order(item=market.haircut), "barber")
    market.world.clock.now = datetime.fromisoformat("2026-12-01T01:00:00+08:00")
    with market.world.app.app_context():
        jobs.run_due(market.now)
    with market.world.write() as session:
        return f"/statements/{session.scalars(select(Settlement.public_id)).one()}"


def _pages(market: Market, calls: Sequence[tuple[str, str, dict[str, str]]]) -> Counter[int]:
    """Post forms as these people, all at once; every one of them has opened a page before."""
    clients = [market.world.page(who) for who, _, _ in calls]
    for client in clients:
        client.get("/shop")
    made = [partial(client.post, path, data=form) for client, (_, path, form) in zip(clients, calls, strict=True)]
    return Counter(answer.status_code for answer in at_once(*made))


def test_both_sides_at_once_end_confirmed(market: Market) -> None:
    path = _month(market)
    calls = [(who, f"{path}/confirmation", {}) for who in ("barber", "coordinator") for _ in range(3)]
    assert _pages(market, calls) == {303: 2, 409: 4}
    with market.world.write() as session:
        one = session.scalars(select(Settlement)).one()
        assert (one.state, one.provider_by is None, one.community_by is None) == ("confirmed", False, False)


def test_one_side_confirms_once(market: Market) -> None:
    path = _month(market)
    assert _pages(market, [("barber", f"{path}/confirmation", {})] * 6) == {303: 1, 409: 5}


def test_a_confirmation_and_a_dispute_leave_no_confirmed_dispute(market: Market) -> None:
    path = _month(market)
    dispute = ("barber", f"{path}/dispute", {"words": "少了"})
    answers = _pages(market, [("coordinator", f"{path}/confirmation", {}), dispute, dispute])
    assert answers[303] >= 1
    with market.world.write() as session:
        one = session.scalars(select(Settlement)).one()
        assert (one.state, one.community_by) == ("disputed", None)


def test_settled_twice_at_once_empties_the_account_once(market: Market) -> None:
    path = _month(market)
    for who in ("barber", "coordinator"):
        market.world.page(who).post(f"{path}/confirmation")
    form = {"paid_on": "2026-12-01", "note": ""}
    calls = [(who, f"{path}/settlement", form) for who in ("coordinator", "second") for _ in range(3)]
    assert _pages(market, calls) == {303: 1, 409: 5}
    assert market.takings(market.barber_shop, chart.MINUTES) == 0
    _verify(market)


def test_two_jobs_freeze_a_month_once(market: Market) -> None:
    market.hand_over(market.order(item=market.haircut), "barber")
    market.hand_over(market.order())
    market.world.clock.now = datetime.fromisoformat("2026-12-01T01:00:00+08:00")
    market.world.api("barber", "GET", "/items")

    def job() -> TestResponse:
        with market.world.app.app_context():
            jobs.run_due(market.now)
        return market.world.api("barber", "GET", "/items")

    at_once(*[job] * 4)
    with market.world.write() as session:
        assert [one.vouchers for one in session.scalars(select(Settlement))] == [1, 1]
        assert len(session.scalars(select(SettlementLine)).all()) == 2


def test_fifty_orders_of_the_last_piece_move_stock_and_points_together(market: Market) -> None:
    buyers = [f"buyer{number}" for number in range(50)]
    for who in buyers:
        market.world.add_person(who, "买家")
        credit(market.world, who, chart.POINTS, 20)
        market.world.api(who, "GET", "/items")
    market.count(1)
    body = {"item_id": market.soap, "quantity": 1}
    answers = at_once(*[lambda who=who: market.world.api(who, "POST", "/orders", body) for who in buyers])
    assert _codes(answers) == {"ok": 1, "out_of_stock": 49}
    assert sorted(market.has(who).held for who in buyers) == [0] * 49 + [15]
    assert market.movements() == [("in", 5, 5), ("damage", -4, 1), ("out", -1, 0)]
    assert market.stock() == 0
    _verify(market)


def test_a_household_places_the_last_order_of_its_quota_once(market: Market) -> None:
    market.adopt(household_orders_per_month=1)
    share_a_door(market, "volunteer", "resident")
    for who in ("volunteer", "resident"):
        market.world.api(who, "GET", "/items")
    body = {"item_id": market.soap, "quantity": 1}
    towel = {"item_id": market.add_item("毛巾", unit="PTS", price=10), "quantity": 1}
    calls = [("volunteer", body), ("resident", towel)] * 3
    answers = at_once(*[partial(market.world.api, who, "POST", "/orders", what) for who, what in calls])
    assert _codes(answers) == {"ok": 1, "cap_exceeded": 5}


def test_a_count_confirmed_by_many_changes_the_stock_once(market: Market) -> None:
    path = f"/stocktakes/{market.count_shelf(3).public_id}/decision"
    pages = [market.world.page(who) for who in ("coordinator", "second") * 4]
    answers = at_once(*[lambda page=page: page.post(path, data={"do": "confirm"}) for page in pages])
    assert Counter(one.status_code for one in answers) == {303: 1, 409: 7}
    assert market.movements() == [("in", 5, 5), ("count", -2, 3)]
    assert market.stock() == 3


def test_a_months_budget_is_never_overspent_by_many_at_once(market: Market) -> None:
    """Each orders something else, so that nothing but the budget lets one wait for another."""
    market.adopt(shop_budget_fen_per_month=600, point_reference_fen=10)
    buyers = [f"buyer{number}" for number in range(12)]
    for who in buyers:
        market.world.add_person(who, "买家")
        credit(market.world, who, chart.POINTS, 20)
        market.world.api(who, "GET", "/items")
    bodies = [{"item_id": market.add_item(f"毛巾{who}", unit="PTS", price=15), "quantity": 1} for who in buyers]
    calls = [partial(market.world.api, who, "POST", "/orders", body) for who, body in zip(buyers, bodies, strict=True)]
    answers = at_once(*calls)
    assert _codes(answers) == {"ok": 4, "budget_spent": 8}
    with market.world.write() as session:
        assert session.scalars(select(PointBudget.points)).all() == [60]
    assert sorted(market.has(who).held for who in buyers) == [0] * 8 + [15] * 4
    _verify(market)


def test_one_turn_is_called_and_taken_once(market: Market) -> None:
    market.adopt(shop_budget_fen_per_month=300, point_reference_fen=10)
    market.order("resident", quantity=2)
    place = market.queue()
    market.world.clock.advance(days=31)  # type: ignore[attr-defined]
    page = market.world.page("volunteer")

    def job() -> None:
        with market.world.app.app_context():
            jobs.run_due(market.now)

    at_once(*[job] * 4)
    with market.world.write() as session:
        assert session.scalars(select(QueuePlace.state)).all() == ["called"]
        assert sorted(session.scalars(select(PointBudget.points))) == [0, 15]
    answers = at_once(*[lambda: page.post(f"/shop/queue/{place.public_id}/order")] * 4)
    assert Counter(one.status_code for one in answers) == {303: 1, 409: 3}
    assert market.has().held == 15
    _verify(market)
