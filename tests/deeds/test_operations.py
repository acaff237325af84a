"""Good deeds: telling one's own and a neighbour's, the limits, declining, and their way to the account."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy.orm import Session

from bank import jobs
from bank.credits.models import Credit
from bank.deeds import operations as deeds
from bank.deeds import photos, rules
from bank.deeds.models import Deed, Photo
from bank.errors import Invalid, NotFound
from bank.members import neighbours
from bank.members.models import Message
from tests.credits.builders import approve, balance, served
from tests.credits.races import together
from tests.credits.test_objections import refusal_of
from tests.deeds.pictures import photo
from tests.world import World

TODAY = date(2026, 11, 23)


def tell(world: World, who: str = "volunteer", *, of: str | None = None, **more: Any) -> Deed:
    actor = world.actor(who)
    given = {"category": "mediation", "story": "劝好了楼上楼下", "happened_on": TODAY, "now": world.clock.now}
    with world.write() as session:
        neighbour = world.people[of] if of else None
        return deeds.tell(session, actor, neighbour=neighbour, **{**given, **more})


def credit_of(world: World, deed: Deed) -> Credit:
    with world.write() as session:
        assert deed.credit_id is not None
        return session.get_one(Credit, deed.credit_id)


def picture() -> photos.Picture:
    return photos.prepare(photo())


def test_a_deed_goes_the_whole_way_into_points(world: World) -> None:
    credit = credit_of(world, tell(world, picture=picture()))
    assert (credit.unit, credit.amount, credit.evidence_class, credit.title) == ("PTS", 5, "B", "调解邻里")
    assert approve(world, "coordinator", credit.id) == ("in_notice", None)
    with world.app.app_context():
        assert jobs.run_due(world.clock.advance(days=4))["post_credits"] == 1
    assert (balance(world, "volunteer", "PTS"), served(world, "volunteer", "B")) == (5, 0)


def test_ones_own_word_alone_is_class_c_and_looked_at(world: World) -> None:
    credit = credit_of(world, tell(world))
    assert (credit.evidence_class, [flag["code"] for flag in credit.flags]) == ("C", ["only_own_word"])
    approve(world, "coordinator", credit.id)
    with world.app.app_context():
        jobs.run_due(world.clock.advance(days=4))
    assert balance(world, "volunteer", "PTS") == 5


def test_a_neighbours_word_is_class_b(world: World) -> None:
    credit = credit_of(world, tell(world, of="resident"))
    assert (credit.evidence_class, credit.flags, credit.person_id) == ("B", [], world.people["resident"].id)
    assert credit.evidence["told_by"] == "neighbour"


def test_the_word_of_ones_own_household_is_no_neighbours_word(world: World) -> None:
    credit = credit_of(world, tell(world, "relative", of="coordinator"))
    assert (credit.evidence_class, [flag["code"] for flag in credit.flags]) == ("C", ["same_home"])


def test_a_nominator_who_approves_needs_a_second_person(world: World) -> None:
    credit = credit_of(world, tell(world, "coordinator", of="resident"))
    assert approve(world, "coordinator", credit.id) == ("second_review", None)


def test_a_photo_used_before_and_a_late_telling_are_flagged(world: World) -> None:
    tell(world, picture=picture())
    credit = credit_of(world, tell(world, "resident", picture=picture(), happened_on=date(2026, 11, 1)))
    assert credit.flags == [
        {"code": "photo_again", "facts": {}},
        {"code": "told_late", "facts": {"days": 22}},
    ]


def test_every_flag_has_its_sentence() -> None:
    made = rules.flags(is_by_self=True, same_home=True, has_photo=False, photo_again=True, is_alike=True, age_days=20)
    assert {flag["code"] for flag in made} | {"unjudged"} == set(rules.FLAG_SENTENCES)


def test_every_category_of_the_rules_has_its_name() -> None:
    from bank.communities.rules import DEED_POINTS

    assert set(rules.CATEGORIES) == set(DEED_POINTS)


@pytest.mark.parametrize("day", [date(2026, 11, 24), date(2026, 10, 23)])
def test_a_deed_is_told_within_thirty_days_and_not_ahead(world: World, day: date) -> None:
    with pytest.raises(Invalid):
        tell(world, happened_on=day)


def test_no_more_than_three_deeds_a_week_whoever_did_them(world: World) -> None:
    tell(world)
    tell(world, of="resident")
    tell(world, of="shop")
    with pytest.raises(rules.WeekIsFull):
        tell(world)
    world.clock.advance(days=7)
    tell(world)


def test_what_was_declined_leaves_room_again(world: World) -> None:
    for _ in range(3):
        last = tell(world)
    actor = world.actor("volunteer")
    with world.write() as session:
        deeds.decline(session, actor, last.public_id, now=world.clock.now)
    tell(world)


def test_no_more_than_sixty_points_a_month(world: World) -> None:
    for _ in range(2):
        tell(world, "resident", of="volunteer", category="blood_donation")
    with pytest.raises(rules.MonthIsFull):
        tell(world, "shop", of="volunteer", category="advice")
    world.clock.advance(days=8)
    tell(world, "shop", of="volunteer", category="advice", happened_on=date(2026, 12, 1))


def test_bravery_is_worth_more_than_a_month_and_does_not_count_towards_it(world: World) -> None:
    credit = credit_of(world, tell(world, "resident", of="volunteer", category="bravery"))
    assert credit.amount == 100
    tell(world, "resident", of="volunteer", category="blood_donation")


def test_a_neighbour_is_told_and_may_say_no_thanks(world: World) -> None:
    deed = tell(world, of="resident")
    with world.write() as session:
        (message,) = session.query(Message).filter_by(person_id=world.people["resident"].id)
    assert (message.facts, message.link) == ({"name": "王小明", "title": "调解邻里"}, f"/deeds/{deed.public_id}")
    actors = {who: world.actor(who) for who in ("resident", "volunteer")}
    with pytest.raises(NotFound), world.write() as session:
        deeds.decline(session, actors["volunteer"], deed.public_id, now=world.clock.now)
    with world.write() as session:
        deeds.decline(session, actors["resident"], deed.public_id, now=world.clock.now)
    assert credit_of(world, deed).state == "void"
    with pytest.raises(deeds.TooLateToDecline), world.write() as session:
        deeds.decline(session, actors["resident"], deed.public_id, now=world.clock.now)


def test_a_neighbour_is_found_by_card_or_by_name_and_building(world: World) -> None:
    actor = world.actor("volunteer")
    twin = {"name": "李秀英", "household": None}
    world.add_person("twin", **twin)
    with world.write() as session:

        def find(**more: str | None) -> str:
            given = {"card": None, "name": None, "building": None, **more}
            return neighbours.find(session, actor, **given).public_id

        wanted = world.people["resident"].public_id
        assert find(card=f"{wanted[:4].lower()} {wanted[4:]}") == wanted
        assert find(name="李秀英", building="wyh-3") == wanted
        for nobody in (
            {"name": "李秀英"},
            {"name": "李", "building": "wyh-3"},
            {"card": "ZZZZZZZZ"},
            {"card": world.people["stranger"].public_id},
            {"card": actor.public_id},
            {},
        ):
            with pytest.raises(Invalid):
                find(**nobody)


def test_only_the_persons_concerned_and_staff_see_a_deed(world: World) -> None:
    deed = tell(world, of="resident")
    seen = {}
    for who in ("volunteer", "resident", "coordinator", "second", "panel", "shop", "admin", "stranger_coordinator"):
        actor = world.actor(who)
        with world.write() as session:
            try:
                seen[who] = deeds.visible(session, actor, deed.public_id).doer
            except NotFound:
                seen[who] = None
    assert [who for who, name in seen.items() if name is None] == ["shop", "admin", "stranger_coordinator"]


def test_photos_are_forgotten_ninety_days_after_the_notice(world: World) -> None:
    told, undecided = tell(world, picture=picture()), tell(world, picture=picture())
    credit = credit_of(world, told)
    approve(world, "coordinator", credit.id)
    with world.app.app_context():
        jobs.run_due(world.clock.advance(days=4))
        assert jobs.run_due(world.clock.advance(days=89))["forget_photos"] == 0
        assert jobs.run_due(world.clock.advance(days=2))["forget_photos"] == 1
    with world.write() as session:
        assert session.get_one(Deed, told.id).photo_id is None
        assert session.get_one(Deed, undecided.id).photo_id is not None
        assert session.query(Photo).count() == 1


def test_four_tellings_at_once_leave_three(world: World) -> None:
    actor = world.actor("volunteer")

    def telling(session: Session) -> object:
        return deeds.tell(session, actor, category="advice", story="劝导停车", happened_on=TODAY, now=world.clock.now)

    works: list[Callable[[Session], str]] = [lambda session: refusal_of(telling, session)] * 4
    answers = together(world, works, held="SELECT id FROM person FOR NO KEY UPDATE")
    assert sorted(answers) == ["cap_exceeded", "done", "done", "done"]
