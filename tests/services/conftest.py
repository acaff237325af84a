"""The homes as a fixture."""

from __future__ import annotations

import pytest

from tests.services.homes import Homes, build_homes
from tests.world import World


@pytest.fixture
def homes(world: World) -> Homes:
    """A resident with ten hours and two volunteers who like to help."""
    return build_homes(world)
