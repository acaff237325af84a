"""The market as a fixture."""

from __future__ import annotations

import pytest

from tests.shop.market import Market, build_market
from tests.world import World


@pytest.fixture
def market(world: World) -> Market:
    """Two shops and a volunteer with 3 hours and 100 points."""
    return build_market(world)
