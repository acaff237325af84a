"""The rules in force are read once in a transaction, and never longer than they hold."""

from __future__ import annotations

from bank.clock import local_day
from bank.communities import operations as communities
from bank.communities.models import Community
from tests.credits.counting import counted
from tests.world import World


def test_rules_are_read_once_in_a_transaction(world: World) -> None:
    day = local_day(world.clock.now, "Asia/Shanghai")
    with world.write() as session, counted(session) as sent:
        first = communities.rules_on(session, world.community_id, day)
        assert communities.rules_on(session, world.community_id, day) == first
        assert communities.rules_on(session, world.other_community_id, day) != first
    assert sum("rule_version" in statement for statement in sent) == 2


def test_new_rules_hold_at_once_and_after_a_rollback_no_more(world: World) -> None:
    day = local_day(world.clock.now, "Asia/Shanghai")
    with world.write() as session:
        home = session.get_one(Community, world.community_id)
        before = communities.rules_on(session, home.id, day)
        adopted = communities.adopt_rules(
            session, home, {"notice_days": {"A": 5}}, effective_on=day, now=world.clock.now
        )
        assert communities.rules_on(session, home.id, day) == adopted != before
        session.rollback()
        assert communities.rules_on(session, home.id, day) == before
