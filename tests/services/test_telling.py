"""What help at home tells the bank's health."""

from __future__ import annotations

from datetime import timedelta

from bank.services import operations as help_
from bank.services import telling
from tests.services.homes import Homes


def test_it_tells_who_was_helped_first_when_what_was_wanted_and_what_was_met_in_time(homes: Homes) -> None:
    since = homes.now - timedelta(days=1)
    done = homes.done()
    late = homes.verified(kind="clean", minutes=90)
    homes.world.clock.advance(hours=49)
    homes.do("volunteer", help_.accept, late.public_id)
    own, community = homes.world.people["resident"].id, homes.world.community_id
    with homes.world.write() as session:
        assert telling.first_spent(session, community) == {own: done.starts_at}
        asked = {(kind, minutes, who) for kind, minutes, who, _ in telling.wanted(session, community, since)}
        assert asked == {("陪聊读报", 60, own), ("简单保洁、洗衣", 90, own)}
        assert telling.met(session, community, since, homes.now) == (2, 1)
        assert telling.met(session, community, homes.now, homes.now) == (0, 0)


def test_whose_two_days_are_not_over_is_not_counted_as_missed(homes: Homes) -> None:
    since = homes.now - timedelta(days=1)
    homes.verified()
    with homes.world.write() as session:
        community = homes.world.community_id
        for hours, counted in ((47, (0, 0)), (48, (1, 0))):
            then = homes.now + timedelta(hours=hours)
            assert telling.met(session, community, since, then) == counted


def test_it_tells_how_long_a_yes_took_what_was_asked_for_and_who_likes_to_help(homes: Homes) -> None:
    since = homes.now - timedelta(days=1)
    asked = homes.verified()
    homes.verified(kind="clean", minutes=90)
    homes.world.clock.advance(hours=5)
    homes.do("volunteer", help_.accept, asked.public_id)
    own, community = homes.world.people["resident"], homes.world.community_id
    with homes.world.write() as session:
        assert telling.waits(session, community, since) == [(own.id, timedelta(hours=5))]
        assert telling.waits(session, community, homes.now) == []
        assert telling.asked_for(session, community, since) == {"company": 1, "clean": 1}
        kinds = {kind for kind, _ in telling.helpers(session, community, but=own)}
        assert "company" in kinds
    homes.likes("resident", ["advice"])
    with homes.world.write() as session:
        assert "advice" not in {kind for kind, _ in telling.helpers(session, community, but=own)}
