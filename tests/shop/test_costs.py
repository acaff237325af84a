"""The shop's lists cost the same for one line and for many."""

from __future__ import annotations

import pytest

from bank import chart
from tests.counting import counted
from tests.shop.market import Market, credit

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
PATHS = {
    "/counter": "shop",
    "/counter/handed-over": "shop",
    "/counter/stock": "shop",
    "/counter/cards/{resident}": "shop",
    "/queue/cards/{resident}": "shop",
    "/queue/sheet": "shop",
    "/shop": "volunteer",
    "/shop/orders": "volunteer",
    "/shops": "coordinator",
    "/statements": "coordinator",
}


@pytest.mark.parametrize("path", PATHS)
def test_a_list_costs_the_same_for_many(market: Market, path: str) -> None:
    credit(market.world, "volunteer", chart.POINTS, 2000)
    page = market.world.page(PATHS[path])
    asked = path.format(resident=market.world.people["resident"].public_id)
    _fill(market, 1)
    page.get(asked)
    with counted(market.world.app) as few:
        assert page.get(asked).status_code == 200
    _fill(market, 6)
    with counted(market.world.app) as many:
        assert page.get(asked).status_code == 200
    assert len(many) == len(few)


def _fill(market: Market, number: int) -> None:
    for _ in range(number):
        market.count(9)
        market.add_item("毛巾", unit=chart.POINTS, price=10)
        market.hand_over(market.order())
        market.order()
