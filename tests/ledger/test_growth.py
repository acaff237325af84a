"""A bigger book costs the same: the statements are the same, and what they touch hardly grows."""

from __future__ import annotations

from typing import Any

import pytest

from bench import growth
from ledger import schema
from ledger.engine import make_engine


def test_ten_times_the_entries_touch_less_than_one_and_a_half_times_as_much(make_url: Any) -> None:
    engine = make_engine(make_url())
    with engine.begin() as connection:
        schema.create(connection)
    found = growth.grow(engine, (2_000, 20_000), members=20)
    engine.dispose()
    assert set(found) >= {"balance", "page of 50", "post"}
    for name, (small, large) in found.items():
        assert small.statements == large.statements > 0, name
        assert 0 < large.touched < growth.MOST * small.touched, name


def test_a_cost_that_grows_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    steady, growing = [growth.Cost(1, 10, 0.1)] * 2, [growth.Cost(1, 10, 0.1), growth.Cost(1, 15, 0.1)]
    assert growth.show("x", (1, 2), {"balance": steady})
    assert not growth.show("x", (1, 2), {"balance": growing})
    assert not growth.show("x", (1, 2), {"balance": [growth.Cost(1, 10, 0.1), growth.Cost(2, 10, 0.1)]})
    assert "x1.50" in capsys.readouterr().out
