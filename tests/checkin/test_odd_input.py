"""Nothing that can be written in an address is a fault of ours."""

from __future__ import annotations

import pytest

from tests.checkin.street import published
from tests.conftest import SetClock
from tests.world import World

ODD = "%00%FF%F0%9F"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/activities?category={ODD}&when={ODD}"),
        ("GET", "/activities?cursor=OTk5OTk5OTk5OTk5OTk5OTk5fDE"),
        ("GET", f"/activities/{ODD}"),
        ("GET", f"/activities/{ODD}/roster"),
        ("GET", f"/activities/NAME/roster?q={ODD}"),
        ("GET", "/activities/NAME/codes?n=99999999999999999999"),
        ("GET", f"/attendances/{ODD}"),
        ("GET", f"/people/{ODD}/card"),
        ("GET", f"/people/cards?building={ODD}"),
        ("GET", f"/s/{ODD}"),
        ("POST", f"/activities/{ODD}/entries"),
        ("POST", f"/activities/NAME/scans/{ODD}/void"),
    ],
)
def test_odd_addresses_are_answered_below_500(world: World, now: SetClock, method: str, path: str) -> None:
    path = path.replace("NAME", published(world))
    data = {"person": "x", "reason": "x"} if method == "POST" else None
    assert world.page("coordinator").open(path, method=method, data=data).status_code < 500


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_odd_addresses_of_the_api_are_answered_below_500(world: World, method: str) -> None:
    paths = {
        "GET": [f"/activities/{ODD}", f"/activities/{ODD}/code", f"/attendances/{ODD}", "/attendances?cursor=x"],
        "POST": [f"/scans/{ODD}:void", f"/activities/{ODD}/card-scans", f"/activities/{ODD}/publication"],
    }
    for path in paths[method]:
        body = {"reason": "x"} if ":void" in path else {"card": "x"} if "card" in path else {}
        assert world.api("coordinator", method, path, body if method == "POST" else None).status_code < 500
