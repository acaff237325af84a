"""What a keeper types as a donor's name is public only once somebody else looked at it."""

from __future__ import annotations

from collections import Counter

import pytest
from sqlalchemy import select

from bank.communities.models import Community
from bank.errors import NotAllowed, NotFound
from bank.members import operations as members
from bank.members.models import Person
from bank.shop import donors, listing, stock
from bank.shop.models import Donation, DonorLook
from tests.racing import at_once
from tests.shop.market import Market
from tests.shop.test_stock import share_a_door

RUDE = "某某某的欠债人老李"


def receive(market: Market, donor: str = RUDE, *, is_named: bool = True) -> Donation:
    actor = market.world.actor("shop")
    with market.world.write() as session:
        return stock.receive(session, actor, market.soap, 1, donor=donor, is_named=is_named, now=market.now)


def look(market: Market, gift: Donation, who: str = "coordinator", *, is_shown: bool = True) -> None:
    actor = market.world.actor(who)
    with market.world.write() as session:
        donors.look(session, actor, gift.public_id, is_shown=is_shown, now=market.now)


def shown(market: Market) -> list[str]:
    with market.world.write() as session:
        return [gift.donor for gift, _ in listing.thanked(session, market.world.community_id)]


def test_no_name_is_public_before_a_second_person_looked(market: Market) -> None:
    rude, kind = receive(market), receive(market, "便民超市")
    assert shown(market) == []
    assert RUDE not in market.world.page("volunteer").get("/shop").text
    assert RUDE in market.world.page("coordinator").get("/shops").text
    look(market, kind)
    look(market, rude, is_shown=False)
    assert shown(market) == ["便民超市"]
    with pytest.raises(donors.LookedAt):
        look(market, rude)
    assert RUDE not in market.world.page("coordinator").get("/shops").text
    assert market.stock() == 7


def test_nobody_looks_at_what_they_or_their_family_received(market: Market) -> None:
    share_a_door(market, "shop", "coordinator")
    gift = receive(market)
    with pytest.raises(donors.OwnDonation):
        look(market, gift)
    with market.world.write() as session:
        home = session.get_one(Community, market.world.community_id)
        keeper = session.get_one(Person, market.world.people["shop"].id)
        members.grant_role(session, keeper, "coordinator", home, now=market.now)
    with pytest.raises(donors.OwnDonation):
        look(market, gift, "shop")
    with pytest.raises(NotAllowed):
        look(market, gift, "volunteer")


def test_what_is_to_stay_unnamed_is_not_there_to_look_at(market: Market) -> None:
    with pytest.raises(NotFound):
        look(market, receive(market, is_named=False))


def test_the_first_look_counts(market: Market) -> None:
    path = f"/shops/donors/{receive(market).public_id}"
    page = market.world.page("coordinator")
    answers = at_once(*[lambda shown=shown: page.post(path, data={"is_shown": shown}) for shown in "0101"])
    assert Counter(one.status_code for one in answers) == {303: 1, 409: 3}
    with market.world.write() as session:
        assert len(session.scalars(select(DonorLook)).all()) == 1


def test_an_odd_answer_about_a_name_is_refused_in_words(market: Market) -> None:
    gift = receive(market)
    page = market.world.page("coordinator")
    for path, name in (
        (f"/shops/donors/{gift.public_id}", "is_shown"),
        (f"/counter/items/{market.soap}/offer", "is_offered"),
    ):
        answer = page.post(path, data={name: "😀"})
        assert answer.status_code == 422
        assert "需要改一改" in answer.get_data(as_text=True)
    assert shown(market) == []
