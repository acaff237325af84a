"""A bigger book costs the same: the statements are the same, and what they touch hardly grows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench import growth
from ledger import schema
from ledger.engine import make_engine


def test_ten_times_the_entries_touch_less_than_one_and_a_half_times_as_much(make_url: Any) -> None:
    found = grown(make_url(), (2_000, 20_000), members=20)
    assert set(found) >= {"balance", "balances of 20", "as of 20 days ago", "page of 50", "post"}
    for name, (small, large) in found.items():
        assert_as_dear(name, small, large)


def test_ten_times_the_accounts_touch_the_same_where_the_planner_has_no_statistics(tmp_path: Path) -> None:
    few, many = (grown(f"sqlite:///{tmp_path}/{members}.db", (4_000,), members=members) for members in (400, 4_000))
    for name, (small,) in few.items():
        assert_as_dear(name, small, many[name][0])


def grown(url: str, sizes: tuple[int, ...], *, members: int) -> dict[str, list[growth.Cost]]:
    engine = make_engine(url)
    with engine.begin() as connection:
        schema.create(connection)
    found = growth.grow(engine, sizes, members=members)
    engine.dispose()
    return found


def assert_as_dear(name: str, small: growth.Cost, large: growth.Cost) -> None:
    assert small.statements == large.statements > 0, name
    # What looks up many rows reads a small table of PostgreSQL at once; in a large one it is a few pages a row.
    few_pages = 4 * growth.SOME if "of 20" in name or "known" in name else 0
    assert 0 < large.touched < growth.MOST * max(small.touched, few_pages), name


def test_a_cost_that_grows_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    steady, growing = [growth.Cost(1, 10, 0.1)] * 2, [growth.Cost(1, 10, 0.1), growth.Cost(1, 15, 0.1)]
    assert growth.show("x", (1, 2), {"balance": steady})
    assert not growth.show("x", (1, 2), {"balance": growing})
    assert not growth.show("x", (1, 2), {"balance": [growth.Cost(1, 10, 0.1), growth.Cost(2, 10, 0.1)]})
    assert "x1.50" in capsys.readouterr().out
