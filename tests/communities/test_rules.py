"""Rule versions as data: what cannot be read is refused, so that nothing is dropped unseen when one is saved."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from bank.communities.rules import DEED_POINTS, read_rules

DAY = date(2026, 1, 1)


@pytest.mark.parametrize("settings", [{"voucher_weeks": 1}, {"deed_points": {**DEED_POINTS, "dancing": 3}}], ids=str)
def test_what_has_no_name_is_no_rule(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"no such rules: (voucher_weeks|dancing)"):
        read_rules(1, DAY, settings)


def test_a_kind_of_deed_that_is_left_out_gives_nothing() -> None:
    assert read_rules(1, DAY, {"deed_points": {"care": 12}}).deed_points == {"care": 12}
