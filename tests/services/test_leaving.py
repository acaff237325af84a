"""Who died or moves away is visited no more, and nobody waits for them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bank.services import operations as help_
from tests.giving.test_farewells import confirmed, undo
from tests.services.homes import HOURS, Homes


@pytest.mark.parametrize("kind", ["died", "moved"])
def test_what_who_is_gone_asked_for_ends_for_nothing_and_its_helper_hears_of_it(homes: Homes, kind: str) -> None:
    soon = homes.accepted(starts_at=homes.now + timedelta(hours=3))
    later = homes.verified(starts_at=homes.now + timedelta(days=9))
    homes.do("coordinator", help_.invite, later.public_id, [homes.world.people["panel"].public_id])
    name = confirmed(homes.world, "resident", kind)
    assert [homes.get(one).state for one in (soon, later)] == ["cancelled", "cancelled"]
    assert (homes.has().available, homes.has().held) == (HOURS, 0)
    assert any("不用去了" in sentence for sentence in homes.told("volunteer"))
    assert not homes.world.page("panel").get("/help/open").get_data(as_text=True).count(later.public_id)
    undo(homes.world, name)
    homes.verify()


def test_a_visit_that_has_begun_goes_on(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request)
    homes.scan(request)
    confirmed(homes.world, "resident", "died")
    homes.world.clock.advance(minutes=60)
    homes.scan(request)
    assert homes.get(request).state == "to_confirm"


def test_nobody_waits_for_a_helper_who_died(homes: Homes) -> None:
    request = homes.accepted()
    asked = homes.verified(starts_at=homes.now + timedelta(days=5))
    homes.do("coordinator", help_.invite, asked.public_id, [homes.world.people["volunteer"].public_id])
    confirmed(homes.world, "volunteer", "died")
    left = homes.get(request)
    assert (left.state, left.volunteer_id, left.is_first) == ("verified", None, True)
    assert homes.has().held == 0
    homes.do("panel", help_.accept, request.public_id)
    assert homes.get(request).state == "accepted"
    homes.verify()
