"""The desk: what lies on whose, in which order, and what it costs."""

from __future__ import annotations

from typing import Any

import pytest

from bank import chart, db
from bank.credits import cases, desk
from bank.credits import operations as credits
from bank.credits.desk import Filter
from bank.members.models import Person
from tests.credits.builders import TODAY, add_coordinator, approve, decide, propose
from tests.credits.counting import counted
from tests.credits.test_objections import object_to, on_notice
from tests.world import World

LATE = [{"code": "late", "facts": {"minutes": 22}}]
EVERYTHING = Filter()


def titles_of(world: World, who: str, which: str = "clean", **wanted: Any) -> list[str]:
    actor = world.actor(who)
    with world.write() as session:
        found = getattr(desk, which)(session, actor, Filter(**wanted), cursor=None)
        return [item.credit.title for item in found.items]


def many(world: World, count: int, *, prefix: str = "T", evidence_class: str = "A") -> list[int]:
    """Propose an hour each for `count` new residents."""
    with world.write() as session:
        people = [_resident(world, f"{prefix}{number:06}") for number in range(count)]
        session.add_all(people)
        session.flush()
        book = db.book(session, world.community_id, world.clock.now)
        for person in people:
            book.open_account(chart.member(person.public_id), "MIN", kind="member", session=session)
        given: dict[str, Any] = {
            "community_id": world.community_id,
            "title": "大扫除",
            "happened_on": TODAY,
            "unit": "MIN",
            "amount": 60,
            "evidence_class": evidence_class,
            "evidence": {},
            "flags": [],
            "rules_number": 1,
            "now": world.clock.now,
        }
        return [
            credits.propose(
                session, source=f"attendance:{one.public_id}", person_id=one.id, proposed_by=one.id, **given
            ).id
            for one in people
        ]


def _resident(world: World, public_id: str) -> Person:
    return Person(
        public_id=public_id, community_id=world.community_id, name="居民", pinyin="jm", created_at=world.clock.now
    )


def test_exceptions_come_apart_from_the_clean_rest(world: World) -> None:
    propose(world, title="干净")
    propose(world, title="迟到", flags=LATE)
    assert titles_of(world, "coordinator") == ["干净"]
    assert titles_of(world, "coordinator", "exceptions") == ["迟到"]


def test_nobody_finds_their_own_or_their_households_items_on_the_desk(world: World) -> None:
    for who in ("coordinator", "relative", "resident"):
        propose(world, who, title=who)
    assert titles_of(world, "coordinator") == ["resident"]


def test_a_second_approver_sees_only_what_another_person_approved_first(world: World) -> None:
    propose(world, title="无人看过")
    approve(world, "coordinator", propose(world, by="coordinator", title="已有人看过"))
    approve(world, "coordinator", propose(world, by="coordinator", title="迟到的", flags=LATE))
    assert titles_of(world, "second") == ["已有人看过"]
    assert titles_of(world, "second", "exceptions") == ["迟到的"]
    assert titles_of(world, "coordinator", "exceptions") == []


def test_what_no_coordinator_may_decide_lies_on_the_second_approvers_desk(world: World) -> None:
    for who in ("coordinator", "relative", "resident"):
        propose(world, who, title=who)
    propose(world, "coordinator", title="迟到的", flags=LATE)
    assert titles_of(world, "second") == ["coordinator", "relative"]
    assert titles_of(world, "second", "exceptions") == ["迟到的"]


def test_what_another_coordinator_may_decide_lies_on_theirs_alone(world: World) -> None:
    add_coordinator(world)
    propose(world, "coordinator")
    assert (titles_of(world, "second"), titles_of(world, "other")) == ([], ["楼道清洁"])


def test_the_desk_is_filtered_by_kind_title_and_name(world: World) -> None:
    propose(world, title="清洁")
    propose(world, "resident", title="调解", source="deed:7", unit="PTS")
    assert titles_of(world, "coordinator", kind="deed") == ["调解"]
    assert titles_of(world, "coordinator", kind="activity") == ["清洁"]
    assert titles_of(world, "coordinator", title="清洁") == ["清洁"]
    assert titles_of(world, "coordinator", name="李秀") == ["调解"]
    assert titles_of(world, "coordinator", name="wxm") == ["清洁"]
    assert titles_of(world, "coordinator", name="100%") == []


def test_a_page_ends_at_its_limit_and_the_next_goes_on(world: World) -> None:
    for number in range(5):
        propose(world, title=str(number))
    actor = world.actor("coordinator")
    with world.write() as session:
        first = desk.clean(session, actor, EVERYTHING, cursor=None, limit=3)
        rest = desk.clean(session, actor, EVERYTHING, cursor=first.next, limit=3)
    assert [item.credit.title for item in [*first.items, *rest.items]] == list("01234")
    assert rest.next is None


def test_the_numbers_count_what_waits_for_this_person(world: World) -> None:
    propose(world)
    propose(world, flags=LATE)
    propose(world, "coordinator")
    approve(world, "coordinator", propose(world, by="coordinator"))
    approve(world, "coordinator", propose(world, "resident"))
    object_to(world, "shop", on_notice(world, "resident"))
    people = {who: world.actor(who) for who in ("coordinator", "second", "panel")}
    world.clock.advance(days=10)
    with world.write() as session:
        seen = {who: desk.numbers(session, actor, now=world.clock.now) for who, actor in people.items()}
    first = seen["coordinator"]
    assert (first.clean, first.flagged, first.second, first.objections, first.verified_percent) == (1, 1, 0, 0, 100)
    second = seen["second"]
    assert (second.clean, second.flagged, second.second, second.objections, second.overdue) == (2, 0, 0, 1, 1)
    assert (seen["panel"].waiting, seen["panel"].objections) == (1, 1)
    assert first.oldest_at is not None


def test_the_desk_costs_the_same_with_few_and_many_items(world: World) -> None:
    actor = world.actor("coordinator")

    def look() -> int:
        with world.write() as session, counted(session) as sent:
            desk.numbers(session, actor, now=world.clock.now)
            desk.exceptions(session, actor, EVERYTHING, cursor=None)
            desk.clean(session, actor, EVERYTHING, cursor=None)
            desk.clean_ids(session, actor, EVERYTHING)
            desk.titles(session, actor)
            desk.objections(session, actor)
        return len(sent)

    propose(world)
    few = look()
    many(world, 120)
    assert look() == few <= 12


def test_five_hundred_approvals_are_a_constant_number_of_statements(world: World) -> None:
    few, lots = many(world, 5), many(world, 500, prefix="U")
    counts = []
    for ids in (few, lots):
        actor = world.actor("coordinator")
        with world.write() as session, counted(session) as sent:
            outcomes = credits.decide(session, actor, ids, "approve", now=world.clock.now)
        assert {outcome.state for outcome in outcomes} == {"posted"}
        counts.append(len(sent))
    assert counts[1] <= counts[0] + 2


def test_five_hundred_refusals_are_a_constant_number_of_statements(world: World) -> None:
    counts = []
    for ids in (many(world, 5), many(world, 100, prefix="U")):
        actor = world.actor("coordinator")
        with world.write() as session, counted(session) as sent:
            outcomes = credits.decide(session, actor, ids, "reject", reason="没有来", now=world.clock.now)
        assert {outcome.state for outcome in outcomes} == {"refused"}
        counts.append(len(sent))
    assert counts[0] == counts[1]


def test_posting_what_is_due_is_a_constant_number_of_statements(world: World) -> None:
    counts = []
    for ids in (many(world, 5, evidence_class="B"), many(world, 100, prefix="U", evidence_class="B")):
        decide(world, "coordinator", ids)
        world.clock.advance(days=7)
        with world.write() as session, counted(session) as sent:
            assert credits.post_due(session, now=world.clock.now) == len(ids)
        counts.append(len(sent))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_may_decide_is_found_without_looking_at_everybody_who_lives_there(world: World) -> None:
    """Nobody may: the search goes to its end. What it costs is counted in steps of the database's own machine."""

    def steps(ids: list[int]) -> int:
        made: list[int] = []
        with world.write() as session:
            driver: Any = session.connection().connection.driver_connection
            driver.set_progress_handler(lambda: made.append(1), 10)
            found = cases.cases(session, ids)
            driver.set_progress_handler(None, 0)
        assert [case.has_coordinator for case in found.values()] == [False]
        return len(made)

    own = propose(world, "coordinator")
    with_few = steps([own])
    many(world, 500)
    assert 0 < steps([own]) < 1.5 * with_few
