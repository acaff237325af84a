"""Nudges: off until a community wants them, once at the threshold, only with something to offer, and easily refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from bank.communities.models import Community
from bank.credits.models import ServiceTotal
from bank.members.models import Message
from bank.vitals import nudging
from tests.shop.market import Market


def _served(market: Market, minutes: int, kind: str = "A") -> None:
    with market.world.write() as session:
        session.merge(ServiceTotal(person_id=market.world.people["volunteer"].id, evidence_class=kind, minutes=minutes))


def _nudge(market: Market) -> int:
    with market.world.write() as session:
        place = session.get_one(Community, market.world.community_id)
        return nudging.nudge_place(session, place, now=market.now)


def _links(market: Market) -> list[str | None]:
    with market.world.write() as session:
        mine = select(Message.link).where(Message.person_id == market.world.people["volunteer"].id)
        return list(session.scalars(mine.where(Message.link == "/offers")))


def test_nobody_is_told_until_the_community_switches_it_on(market: Market) -> None:
    _served(market, 6000)
    assert _nudge(market) == 0


def test_the_tenth_hour_is_the_border(market: Market) -> None:
    market.adopt(nudge_after_minutes=600)
    _served(market, 599)
    assert _nudge(market) == 0
    _served(market, 600)
    assert _nudge(market) == 1
    assert _nudge(market) == 0
    assert _links(market) == ["/offers"]


def test_honour_hours_do_not_count_and_who_has_spent_is_left_alone(market: Market) -> None:
    market.adopt(nudge_after_minutes=600)
    _served(market, 900, "C")
    assert _nudge(market) == 0
    _served(market, 900)
    market.order(item=market.haircut)
    assert _nudge(market) == 0


def test_two_jobs_tell_once(market: Market) -> None:
    market.adopt(nudge_after_minutes=600)
    _served(market, 600)
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _n: _nudge(market), range(4))) == 1
    assert _links(market) == ["/offers"]


def test_a_person_turns_it_off_and_on_again(market: Market) -> None:
    market.adopt(nudge_after_minutes=600)
    _served(market, 600)
    page = market.world.page("volunteer")
    for wanted, told in (("0", 0), ("0", 0), ("1", 1)):
        assert page.post("/offers/reminders", data={"wanted": wanted}).status_code == 303
        assert _nudge(market) == told


@pytest.mark.parametrize(("who", "has"), [("volunteer", True), ("resident", False)])
def test_only_what_one_can_pay_is_offered(market: Market, who: str, has: bool) -> None:
    text = market.world.page(who).get("/offers").get_data(as_text=True)
    assert ("理发" in text) is has
    assert "肥皂" not in text
