"""The button and the form for coming: not long before, on the day with the moment they count from, then alone."""

from __future__ import annotations

import pytest

from tests.services.homes import Homes

PRESS = "data-next="
FROM = "起可以按“来了”"


@pytest.mark.parametrize(
    ("hours", "is_offered", "is_early"), [(-30, False, True), (-6, True, True), (0, True, False)], ids=str
)
def test_the_resident_is_told_from_when_on_they_may_press(
    homes: Homes, hours: int, is_offered: bool, is_early: bool
) -> None:
    request = homes.accepted()
    homes.at_start(request, hours=hours)
    page = homes.world.page("resident").get(f"/help/{request.public_id}").get_data(as_text=True)
    assert (PRESS in page, FROM in page) == (is_offered, is_early)


@pytest.mark.parametrize(
    ("hours", "is_offered", "is_early"), [(-30, False, False), (-6, True, True), (0, True, False)], ids=str
)
def test_the_helper_has_the_form_early_with_the_moment_it_counts_from(
    homes: Homes, hours: int, is_offered: bool, is_early: bool
) -> None:
    request = homes.accepted()
    homes.at_start(request, hours=hours)
    page = homes.world.page("volunteer").get(f"/help/{request.public_id}").get_data(as_text=True)
    assert ('name="six"' in page, "起才能记“到了”" in page) == (is_offered, is_early)
