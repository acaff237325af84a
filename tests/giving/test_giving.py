"""Bonds, gifts, donations and grants, with their borders; the book agrees to the minute."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select

from bank import chart, db, jobs
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.errors import BankError, NotAllowed
from bank.giving import bonds, farewells, gifts, grants, pool
from bank.giving.models import Bond, Donation, Gift, Grant, GrantPayment
from bank.giving.refusals import (
    AlreadyBound,
    AlreadyListed,
    GrantFirst,
    GroupGives,
    MonthIsGiven,
    NotBound,
    NotSoMuch,
    OnItsWay,
    ReceiverStopped,
    Settled,
    TooLate,
    TooNear,
)
from bank.members import operations as members
from bank.members import people
from bank.members.models import Message, Person
from bank.shop import operations as shop
from bank.shop.refusals import GroupOnlyDonates
from ledger import Balance
from tests.giving.conftest import bind
from tests.shop.market import credit
from tests.world import World


def has(world: World, who: str | None, unit: str = chart.MINUTES) -> Balance:
    path = chart.member(world.people[who].public_id) if who else chart.pool()
    with world.write() as session:
        return db.book(session, world.community_id, world.clock.now).balance(path, unit, session=session)


def give(world: World, amount: int, giver: str = "volunteer", receiver: str = "resident") -> str:
    with world.write() as session:
        one = session.get_one(Person, world.people[giver].id)
        other = session.get_one(Person, world.people[receiver].id)
        return gifts.give(session, one, other, amount=amount, now=world.clock.now).public_id


def donate(world: World, amount: int, who: str = "volunteer", unit: str = chart.MINUTES) -> None:
    with world.write() as session:
        person = session.get_one(Person, world.people[who].id)
        pool.donate(session, person, unit=unit, amount=amount, now=world.clock.now)


def grant(world: World, who: str = "resident") -> str:
    coordinator, second = world.actor("coordinator"), world.actor("second")
    with world.write() as session:
        person = session.get_one(Person, world.people[who].id)
        made = grants.propose(session, coordinator, person, reason="独居", now=world.clock.now)
        grants.confirm(session, second, made.public_id, agrees=True, now=world.clock.now)
        return made.public_id


def run_jobs(world: World) -> dict[str, int]:
    with world.app.app_context():
        return jobs.run_due(world.clock.now)


def adopt(world: World, **settings: int) -> None:
    with world.write() as session:
        place = session.get_one(Community, world.community_id)
        day = world.clock.now.date() - timedelta(days=1)
        communities.adopt_rules(session, place, settings, effective_on=day, now=world.clock.now)


def verify(world: World) -> None:
    with world.app.app_context():
        assert db.book(db.session(), world.community_id, world.clock.now).verify().findings == ()
        db.drop()


def test_a_gift_is_held_for_a_day_and_then_the_relatives(kin: World) -> None:
    name = give(kin, 120)
    assert (has(kin, "volunteer").available, has(kin, "volunteer").held) == (1_080, 120)
    kin.clock.advance(hours=23, minutes=59)  # type: ignore[attr-defined]
    assert run_jobs(kin)["deliver_gifts"] == 0
    kin.clock.advance(minutes=1)  # type: ignore[attr-defined]
    with pytest.raises(OnItsWay), kin.write() as session:
        gifts.take_back(session, session.get_one(Person, kin.people["volunteer"].id), name, now=kin.clock.now)
    assert run_jobs(kin)["deliver_gifts"] == 1
    with pytest.raises(TooLate, check=lambda refusal: type(refusal) is TooLate), kin.write() as session:
        gifts.take_back(session, kin.people["volunteer"], name, now=kin.clock.now)
    assert run_jobs(kin)["deliver_gifts"] == 0
    assert (has(kin, "volunteer").posted, has(kin, "resident").available) == (1_080, 120)
    verify(kin)


def test_a_gift_can_be_taken_back_within_the_day(kin: World) -> None:
    name = give(kin, 120)
    kin.clock.advance(hours=23, minutes=59)  # type: ignore[attr-defined]
    with kin.write() as session:
        giver = session.get_one(Person, kin.people["volunteer"].id)
        assert gifts.take_back(session, giver, name, now=kin.clock.now).state == "taken_back"
    assert (has(kin, "volunteer").available, has(kin, "resident").posted) == (1_200, 0)
    kin.clock.advance(minutes=2)  # type: ignore[attr-defined]
    page = kin.page("volunteer")
    assert "已经收回，时长还在您的存折里" in page.post(f"/gifts/{name}/taking-back", follow_redirects=True).text
    slip = page.get(f"/gifts/{name}").text
    assert ("收回时间" in slip, "到账时间" in slip) == (True, False)
    assert (has(kin, "volunteer").available, told_of_taking_back(kin)) == (1_200, 1)


def told_of_taking_back(world: World) -> int:
    """Count what tells the receiver that a gift was taken back."""
    with world.write() as session:
        mine = select(Message.id).where(Message.person_id == world.people["resident"].id)
        return len(session.scalars(mine.where(Message.sentence.contains("收回了给您的转赠"))).all())


def test_a_gift_that_went_back_is_not_taken_back_and_says_so(kin: World) -> None:
    name = give(kin, 60)
    stop(kin, "resident", "moved")
    page = kin.page("volunteer")
    refused = page.post(f"/gifts/{name}/taking-back")
    assert refused.status_code == 409
    assert "时长已经退回，不用再收回" in refused.text
    slip = page.get(f"/gifts/{name}").text
    assert ("退回时间" in slip, "到账时间" in slip) == (True, False)


def test_ten_hours_a_month_can_be_given_and_no_minute_more(kin: World) -> None:
    give(kin, 599)
    with pytest.raises(MonthIsGiven) as refused:
        give(kin, 2)
    assert refused.value.facts == {"left_minutes": 1}
    give(kin, 1)
    with pytest.raises(MonthIsGiven):
        give(kin, 1)


@pytest.mark.parametrize("first", ["2026-12-01", "2027-03-01", "2028-03-01"])
def test_the_month_of_gifts_ends_at_midnight_in_china(kin: World, first: str) -> None:
    """The last second counts for the old month, the next for the new one, where UTC still has the old."""
    midnight = datetime.fromisoformat(f"{first}T00:00:00+08:00")
    kin.clock.now = midnight - timedelta(seconds=1)
    give(kin, 600)
    with pytest.raises(MonthIsGiven):
        give(kin, 1)
    kin.clock.now = midnight
    give(kin, 600)
    with pytest.raises(MonthIsGiven) as refused:
        give(kin, 1)
    assert refused.value.facts == {"left_minutes": 0}


def test_only_bound_relatives_are_given_to(kin: World) -> None:
    with pytest.raises(NotBound):
        give(kin, 10, receiver="panel")
    with kin.write() as session:
        bond = session.scalars(select(Bond)).one().public_id
    resident = kin.actor("resident")
    with kin.write() as session:
        assert bonds.end(session, resident, bond, now=kin.clock.now).state == "ended"
    with pytest.raises(NotBound):
        give(kin, 10)
    bind(kin)
    give(kin, 10, giver="volunteer")


def test_what_was_refused_opens_its_own_form(kin: World) -> None:
    page, to = kin.page("volunteer"), kin.people["resident"].public_id
    refused = page.post("/gifts", data={"to": to, "amount": "601"})
    assert refused.status_code == 422
    assert 'value="601"' in refused.text
    assert '<details class="fold" open' not in refused.text
    asked = page.post("/relatives", data={"kind": "child", "neighbour": "", "building": "", "card_number": ""})
    assert asked.status_code == 422
    assert '<details class="fold" open' in asked.text


def test_what_nobody_has_is_not_given(kin: World) -> None:
    with pytest.raises(NotSoMuch):
        give(kin, 10, giver="resident", receiver="volunteer")


def test_a_gift_to_a_frozen_account_goes_back(kin: World) -> None:
    give(kin, 60)
    kin.clock.advance(hours=24)  # type: ignore[attr-defined]
    with kin.write() as session:
        book = db.book(session, kin.community_id, kin.clock.now)
        book.freeze(chart.member(kin.people["resident"].public_id), chart.MINUTES, session=session)
    assert run_jobs(kin)["deliver_gifts"] == 1
    assert has(kin, "volunteer").available == 1_200
    with kin.write() as session:
        assert session.scalars(select(Gift.state)).one() == "returned"
    verify(kin)


def test_a_gift_that_no_longer_fits_goes_back(kin: World) -> None:
    """The account filled up within the day: what would be over the limit is the giver's again, to the minute."""
    adopt(kin, balance_cap_minutes=600)
    credit(kin, "resident", chart.MINUTES, 500)
    name = give(kin, 100)
    credit(kin, "resident", chart.MINUTES, 1)
    kin.clock.advance(hours=24)  # type: ignore[attr-defined]
    run_jobs(kin)
    with kin.write() as session:
        assert session.scalars(select(Gift.state).where(Gift.public_id == name)).one() == "returned"
    assert [has(kin, who).available for who in ("volunteer", "resident")] == [1_200, 501]
    credit(kin, "panel", chart.MINUTES, 99)
    bind(kin, "panel", "resident", kind="child")
    give(kin, 99, "panel")
    kin.clock.advance(hours=24)  # type: ignore[attr-defined]
    run_jobs(kin)
    assert has(kin, "resident").posted == 600
    verify(kin)


@pytest.mark.parametrize("how", ["died", "moved", "disabled", "group"])
def test_nothing_is_given_to_an_account_that_is_stopped(kin: World, how: str) -> None:
    """Neither to who died while the hours wait for something, nor on its way when it is stopped meanwhile."""
    give(kin, 10)
    stop(kin, "resident", how)
    with pytest.raises(GroupGives if how == "group" else ReceiverStopped):
        give(kin, 20)
    kin.clock.advance(hours=24)  # type: ignore[attr-defined]
    run_jobs(kin)
    with kin.write() as session:
        assert session.scalars(select(Gift.state)).all() == ["returned"]
    assert [has(kin, who).posted for who in ("volunteer", "resident")] == [1_200, 0]


def stop(world: World, who: str, how: str) -> None:
    """Let somebody die, move away, be disabled, or be a group's account."""
    coordinator, second = world.actor("coordinator"), world.actor("second")
    with world.write() as session:
        person = session.get_one(Person, world.people[who].id)
        if how == "disabled":
            members.disable(session, person, now=world.clock.now)
        elif how == "group":
            person.is_group = True
        else:
            case = farewells.open_case(session, coordinator, person, kind=how, now=world.clock.now)
            farewells.confirm(session, second, case.public_id, now=world.clock.now)


def test_a_pair_is_bound_once_whoever_asks(kin: World) -> None:
    asker, other = kin.people["resident"], kin.people["volunteer"]
    with pytest.raises(AlreadyBound), kin.write() as session:
        bonds.ask(session, asker, other, kind="child", now=kin.clock.now)


@pytest.mark.parametrize("who", ["coordinator", "relative"])
def test_no_relative_and_no_household_checks_a_bond(world: World, who: str) -> None:
    """`relative` lives with `coordinator`, who may therefore not look at it either way."""
    other = "resident"
    with world.write() as session:
        asker = session.get_one(Person, world.people[who].id)
        relative = session.get_one(Person, world.people[other].id)
        bond = bonds.ask(session, asker, relative, kind="spouse", now=world.clock.now).public_id
        bonds.answer(session, relative, bond, agrees=True, now=world.clock.now)
    coordinator = world.actor("coordinator")
    with pytest.raises(TooNear), world.write() as session:
        bonds.check(session, coordinator, bond, is_right=True, now=world.clock.now)


@pytest.mark.parametrize("form", [{}, {"verdict": ""}, {"verdict": "maybe"}])
def test_who_says_neither_yes_nor_no_decides_nothing(kin: World, form: dict[str, str]) -> None:
    """Neither on a bond nor on a group's words of thanks."""
    with kin.write() as session:
        asker, other = (session.get_one(Person, kin.people[who].id) for who in ("panel", "resident"))
        bond = bonds.ask(session, asker, other, kind="parent", now=kin.clock.now).public_id
        bonds.answer(session, other, bond, agrees=True, now=kin.clock.now)
        group = session.get_one(Person, kin.people["volunteer"].id)
        group.is_group = True
        given = pool.donate(
            session, group, unit=chart.MINUTES, amount=1, thanks="words", words="合唱队", now=kin.clock.now
        )
        words = given.public_id
    page = kin.page("coordinator")
    for path in (f"/desk/giving/bonds/{bond}", f"/desk/giving/thanks/{words}"):
        answer = page.post(path, data=form)
        assert answer.status_code == 422
        assert "等着核对的亲属" in answer.text
        assert kin.page("resident").post(path, data=form).status_code == 403
    with kin.write() as session:
        assert session.scalars(select(Bond.state).where(Bond.public_id == bond)).one() == "agreed"
        assert session.scalars(select(Donation.thanked_as)).one() == "合唱队"


@pytest.mark.parametrize(("over", "lapsed"), [(-1, 0), (0, 1)])
def test_what_nobody_answers_lapses_after_thirty_days(world: World, over: int, lapsed: int) -> None:
    with world.write() as session:
        asker = session.get_one(Person, world.people["volunteer"].id)
        other = session.get_one(Person, world.people["resident"].id)
        bonds.ask(session, asker, other, kind="parent", now=world.clock.now)
    world.clock.advance(days=30, seconds=over)  # type: ignore[attr-defined]
    assert run_jobs(world)["lapse_bonds"] == lapsed


def test_donations_reach_the_pool_and_its_statement(kin: World) -> None:
    donate(kin, 90)
    donate(kin, 20, unit=chart.POINTS)
    assert (has(kin, None).posted, has(kin, None, chart.POINTS).posted) == (90, 20)
    with kin.write() as session:
        lines = pool.months(session, kin.community_id, kin.clock.now)
    this = {line.unit: (line.came, line.went, line.balance) for line in lines[:2]}
    assert this == {chart.MINUTES: (90, 0, 90), chart.POINTS: (20, 0, 20)}
    assert all((line.came, line.went, line.balance) == (0, 0, 0) for line in lines[2:])


def test_a_donation_says_its_unit_asks_first_and_names_what_went(kin: World) -> None:
    page = kin.page("volunteer")
    asked = page.get("/donate").text
    assert 'data-confirm="捐出以后不能收回，确定吗？"' in asked
    assert "120 就是 2 小时" in asked
    for unit, said in ((chart.MINUTES, "捐出了 2 分钟，谢谢您。"), (chart.POINTS, "捐出了 2 积分，谢谢您。")):
        answer = page.post("/donate", data={"unit": unit, "amount": "2"}, follow_redirects=True)
        assert said in answer.text


def test_a_groups_hours_can_only_be_donated(kin: World) -> None:
    with kin.write() as session:
        session.get_one(Person, kin.people["volunteer"].id).is_group = True
    actor = kin.actor("volunteer")
    with pytest.raises(GroupGives):
        give(kin, 10)
    with pytest.raises(GroupOnlyDonates), kin.write() as session:
        shop.order(session, actor, item_id="XXXXXXXX", quantity=1, now=kin.clock.now)
    donate(kin, 10)
    assert has(kin, None).posted == 10


def test_a_coordinator_makes_a_groups_account_but_not_at_home(kin: World) -> None:
    who = kin.actor("coordinator")
    with kin.write() as session:
        people.set_group(session, who, kin.people["volunteer"].public_id, is_group=True)
    with pytest.raises(GroupGives):
        give(kin, 10)
    with kin.write() as session:
        people.set_group(session, who, kin.people["volunteer"].public_id, is_group=False)
    give(kin, 10)
    for near in ("coordinator", "relative"):
        with pytest.raises(NotAllowed), kin.write() as session:
            people.set_group(session, who, kin.people[near].public_id, is_group=True)


def test_a_grant_is_paid_once_a_month_and_ends_with_it(kin: World) -> None:
    donate(kin, 300)
    grant(kin)
    credit(kin, "resident", chart.MINUTES, 30)
    assert run_jobs(kin)["pay_grants"] == 1
    assert run_jobs(kin)["pay_grants"] == 0
    assert (has(kin, "resident").available, has(kin, None).posted) == (150, 180)
    with pytest.raises(GrantFirst):
        give(kin, 10, giver="resident", receiver="volunteer")
    with pytest.raises(GrantFirst):
        donate(kin, 10, "resident")
    adopt(kin, grant_minutes_per_month=0)
    kin.clock.advance(days=31)  # type: ignore[attr-defined]
    run_jobs(kin)
    assert (has(kin, "resident").available, has(kin, None).posted) == (30, 300)
    verify(kin)


def test_few_residents_in_hardship_are_not_counted_in_public(kin: World) -> None:
    """Who sees that the one on the list was paid knows who it is; five and more are a number."""
    grant(kin)
    donate(kin, 1_200)
    run_jobs(kin)
    assert "不到 5" in kin.page(None).get("/pool").text
    for number in range(4):
        kin.add_person(f"poor{number}", f"赵{number}")
        grant(kin, f"poor{number}")
    run_jobs(kin)
    page = kin.page(None).get("/pool").text
    assert "不到 5" not in page
    assert '<span class="tile-number">5</span>' in page


def test_a_gift_on_its_way_is_not_the_receivers_to_take_back(kin: World) -> None:
    name = give(kin, 60)
    for path in ("/relatives", f"/gifts/{name}"):
        assert "还能收回" in kin.page("volunteer").get(path).text
        assert "还能收回" not in kin.page("resident").get(path).text
    kin.clock.advance(hours=24)  # type: ignore[attr-defined]
    for path in ("/relatives", f"/gifts/{name}"):
        assert "还能收回" not in kin.page("volunteer").get(path).text


def test_the_pool_pays_in_list_order_down_to_its_floor(kin: World) -> None:
    adopt(kin, pool_floor_minutes=100)
    donate(kin, 100 + 120 + 50)
    for who in ("resident", "panel", "auditor"):
        grant(kin, who)
    run_jobs(kin)
    assert [has(kin, who).available for who in ("resident", "panel", "auditor")] == [120, 50, 0]
    assert has(kin, None).posted == 100
    with kin.write() as session:
        assert sum(session.scalars(select(GrantPayment.amount))) == 170


def test_nobody_lists_alone_or_for_their_household(world: World) -> None:
    coordinator = world.actor("coordinator")
    with pytest.raises(TooNear), world.write() as session:
        grants.propose(session, coordinator, world.people["relative"], reason="近", now=world.clock.now)
    with world.write() as session:
        made = grants.propose(session, coordinator, world.people["resident"], reason="独居", now=world.clock.now)
    with pytest.raises(TooNear), world.write() as session:
        grants.confirm(session, coordinator, made.public_id, agrees=True, now=world.clock.now)
    with pytest.raises(AlreadyListed), world.write() as session:
        grants.propose(session, coordinator, world.people["resident"], reason="独居", now=world.clock.now)
    second = world.actor("second")
    with world.write() as session:
        assert grants.confirm(session, second, made.public_id, agrees=False, now=world.clock.now).state == "refused"
    with pytest.raises(Settled), world.write() as session:
        grants.confirm(session, second, made.public_id, agrees=True, now=world.clock.now)


def test_a_grant_without_review_pauses_and_then_ends(world: World) -> None:
    name, second = grant(world), world.actor("second")
    begun = world.clock.now
    for after in ("paused", "ended"):
        world.clock.now = begun.replace(year=begun.year + (1 if after == "paused" else 2))
        assert run_jobs(world)["move_grants"] == 1
        with world.write() as session:
            assert session.scalars(select(Grant.state)).one() == after
    with pytest.raises(Settled), world.write() as session:
        grants.review(session, second, name, goes_on=True, now=world.clock.now)


def test_a_paused_grant_goes_on_when_somebody_looks_at_it(world: World) -> None:
    name, second = grant(world), world.actor("second")
    world.clock.now = world.clock.now.replace(year=world.clock.now.year + 1)
    run_jobs(world)
    with world.write() as session:
        assert grants.review(session, second, name, goes_on=True, now=world.clock.now).state == "active"
    assert run_jobs(world)["move_grants"] == 0


def test_a_donation_refused_leaves_nothing(kin: World) -> None:
    with pytest.raises(BankError):
        donate(kin, 1_201)
    with kin.write() as session:
        assert session.scalar(select(Donation.id)) is None
    assert has(kin, "volunteer").available == 1_200


def test_months_of_rules_are_calendar_months() -> None:
    from bank.giving import rules

    assert rules.month_end(date(2028, 2, 3)) == date(2028, 2, 29)
    assert rules.may_pay(100, 90, 120) == 10
    assert rules.may_pay(80, 90, 120) == 0
