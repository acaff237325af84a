"""Nudges: off until a community wants them, once at the threshold, only with something to offer, and easily refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from bank.communities import operations as communities
from bank.communities.models import Community
from bank.credits.models import ServiceTotal
from bank.members import operations as members
from bank.members.models import Message, Person
from bank.services import operations as help_
from bank.shop.models import Shop
from bank.vitals import nudging
from bank.vitals.nudging import Offer
from tests.services.homes import Homes
from tests.shop.market import Market, credit


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


def _offer(title: str, *, apart: int | None = None, asked: int = 0, minutes: int = 30) -> Offer:
    return Offer(title, "", minutes, apart, asked)


def test_the_nearest_the_most_wanted_and_the_dearest_are_offered_each_once() -> None:
    near, wanted, dear = _offer("near", apart=1), _offer("wanted", asked=9), _offer("dear", minutes=600)
    assert nudging.choose([_offer("other", apart=2), dear, wanted, near]) == [near, wanted, dear]
    everything = _offer("all", apart=0, asked=99, minutes=999)
    assert nudging.choose([dear, everything, wanted]) == [everything, wanted, dear]
    assert nudging.choose([near]) == [near]
    assert nudging.choose([]) == []
    assert nudging.choose([_offer("where"), _offer("far", apart=40)])[0].title == "far"


def _offers(market: Market, who: str = "volunteer") -> dict[str, Offer]:
    with market.world.write() as session:
        found = nudging.offers(session, market.world.people[who].id, now=market.now)
    return {one.title: one for one in found}


def _live_in(market: Market, who: str, number: int) -> None:
    """Let somebody live in a building of that number, the ones before it being there as well."""
    with market.world.write() as session:
        place = session.get_one(Community, market.world.community_id)
        for one in range(1, 13):
            code = f"{place.code}-{one}"
            known = session.scalar(select(Community).where(Community.code == code))
            building = known or communities.add(session, kind="building", code=code, name=f"{one}栋", parent=place)
            if one == number:
                home = members.settle(session, building, f"{who}101")
                session.get_one(Person, market.world.people[who].id).household_id = home.id


def test_a_shop_is_as_far_as_its_building_and_the_twelfth_is_not_the_first(market: Market) -> None:
    _live_in(market, "volunteer", 12)
    far = _offers(market)["理发"].apart
    with market.world.write() as session:
        session.execute(update(Shop).where(Shop.public_id == market.barber_shop).values(place="12栋一楼"))
    assert _offers(market)["理发"].apart == 0
    with market.world.write() as session:
        session.execute(update(Shop).where(Shop.public_id == market.barber_shop).values(place="门口"))
    assert _offers(market)["理发"].apart is None
    assert far is not None
    assert far > 2
    assert "就在您这栋楼" not in market.world.page("volunteer").get("/offers").get_data(as_text=True)


def test_help_is_offered_where_somebody_likes_to_give_it_by_what_is_really_asked_for(market: Market) -> None:
    homes = Homes(market.world)
    assert "陪聊读报" not in _offers(market)
    homes.likes("volunteer", ["company"])
    assert "陪聊读报" not in _offers(market), "nobody is offered their own help"
    homes.likes("panel", ["company", "phone_help"])
    _live_in(market, "volunteer", 10)
    _live_in(market, "panel", 9)
    found = _offers(market)["陪聊读报"]
    assert (found.apart, found.asked, found.minutes) == (1, 0, 60)
    credit(market.world, "resident", "MIN", 300)
    homes.ask(kind="phone_help")
    assert _offers(market)["教用手机、防诈骗"].asked == 1
    text = market.world.page("volunteer").get("/offers").get_data(as_text=True)
    assert "/help/new?kind=phone_help" in text
    assert "离您近" in text


def test_who_was_helped_at_home_has_spent_and_is_left_alone(market: Market) -> None:
    market.adopt(nudge_after_minutes=600)
    _served(market, 600)
    homes = Homes(market.world)
    homes.likes("panel", ["company"])
    request = homes.ask("volunteer")
    homes.do("coordinator", help_.verify, request.public_id)
    homes.do("panel", help_.accept, request.public_id)
    homes.at_start(request)
    homes.scan(request, "panel")
    market.world.clock.advance(minutes=60)
    homes.scan(request, "panel")
    homes.do("volunteer", help_.confirm, request.public_id)
    assert _nudge(market) == 0
