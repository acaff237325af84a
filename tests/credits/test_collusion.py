"""Stories of fraud that happened (domain.md section 8): each ends in a refusal, or before somebody else's eyes."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from bank.activities.models import Activity
from bank.checkin import operations as checkin
from bank.checkin.recording import Sighting
from bank.credits import operations as credits
from bank.credits import voting
from bank.credits.models import Credit, Objection, ObjectionVote
from bank.credits.rules import AdminCannotCredit
from bank.members.models import Person
from tests.checkin.street import code, published
from tests.conftest import SetClock
from tests.credits.builders import approve, balance, credit, decide, propose
from tests.credits.test_hands import give, move_in
from tests.credits.test_objections import object_to, on_notice
from tests.deeds.test_operations import credit_of, tell
from tests.world import World


def enter(world: World, activity: str, who: str, direction: str) -> int | None:
    """Key somebody in or out by hand, as the coordinator; give the credit that comes of it."""
    coordinator = world.actor("coordinator")
    seen = Sighting(uuid.uuid4().hex, "manual", world.clock.now, direction)
    with world.write() as session:
        done = checkin.enter(session, coordinator, activity, world.people[who].public_id, seen, now=world.clock.now)
        return done.attendance.credit_id


def flags_of(world: World, credit_id: int) -> set[str]:
    with world.write() as session:
        return {flag["code"] for flag in session.get_one(Credit, credit_id).flags}


def waiting(world: World, title: str) -> list[Credit]:
    with world.write() as session:
        return list(session.scalars(select(Credit).where(Credit.title == title).order_by(Credit.id)))


def led_by_the_coordinator(world: World, *, lasts: float) -> str:
    return published(world, starts_in=1, lasts=lasts, leader=world.people["coordinator"].public_id)


def test_a_seller_of_hours_keys_in_what_nobody_can_spend_and_cannot_pass_it_alone(world: World, now: SetClock) -> None:
    """Five hours "elderly care" for 40 yuan, keyed in within minutes by the office (S30)."""
    name = led_by_the_coordinator(world, lasts=300)
    now.advance(minutes=1)
    enter(world, name, "volunteer", "in")
    now.advance(minutes=1)
    credit_id = enter(world, name, "volunteer", "out")
    assert credit_id is not None
    assert {"fresh", "manual", "too_short"} <= flags_of(world, credit_id)
    assert approve(world, "coordinator", credit_id) == ("second_review", None)
    assert approve(world, "coordinator", credit_id)[1] == "second_person_required"
    approve(world, "second", credit_id)
    assert balance(world, "volunteer") == 0


def test_a_phantom_activity_of_fifty_people_is_stopped_by_the_count_of_heads(world: World, now: SetClock) -> None:
    """Activities that only the quota has seen, with dozens of accounts (S32)."""
    name = led_by_the_coordinator(world, lasts=60)
    people = [f"phantom{number}" for number in range(6)]
    for who in people:
        world.add_person(who, f"影子{who}")
    now.advance(minutes=1)
    token = code(world, name)
    for who in people:
        assert world.api(who, "POST", "/check-ins", {"code": token, "device_id": "one-phone"}).status_code == 201
    now.advance(minutes=60)
    token = code(world, name)
    for who in people:
        assert world.api(who, "POST", "/check-ins", {"code": token, "device_id": "one-phone"}).status_code == 201
    items = waiting(world, "清洁湖边")
    assert len(items) == 6
    assert all("shared_device" in flags_of(world, item.id) for item in items[1:])
    assert all("many_accounts" in flags_of(world, item.id) for item in items)
    assert {outcome.state for outcome in decide(world, "coordinator", [item.id for item in items])} == {"second_review"}
    assert world.page("coordinator").post(f"/activities/{name}/headcount", data={"headcount": "1"}).status_code == 303
    assert all("headcount" in flags_of(world, item.id) for item in items)
    assert {outcome.code for outcome in decide(world, "coordinator", [item.id for item in items])} == {
        "second_person_required"
    }
    assert "签到的却有 6 人" in world.page("second").get("/desk").text


def test_one_resident_with_two_accounts_on_one_phone_is_seen(world: World, now: SetClock) -> None:
    name = published(world, starts_in=1, lasts=60)
    now.advance(minutes=1)
    for minutes in (60, 0):
        token = code(world, name)
        for who in ("volunteer", "resident"):
            answer = world.api(who, "POST", "/check-ins", {"code": token, "device_id": "one-phone"})
            assert answer.status_code == 201
        now.advance(minutes=minutes)
    own, double = waiting(world, "清洁湖边")
    assert "shared_device" in flags_of(world, double.id)
    page = world.page("coordinator").get("/desk").text
    assert "同一部手机还给别人签过到" in page
    assert {own.state, double.state} == {"submitted"}


def test_a_friendly_pair_that_tells_deeds_of_each_other_meets_somebody_who_reads_it(world: World) -> None:
    tell(world, "volunteer", of="resident")
    back = credit_of(world, tell(world, "resident", of="volunteer"))
    assert [flag["code"] for flag in back.flags] == ["reciprocal"]
    assert "互相替对方说好事" in world.page("coordinator").get("/desk").text


def test_a_friendly_pair_at_the_desk_passes_nothing_of_their_own_home(world: World) -> None:
    """The coordinator's relative told it, the coordinator approves: the household counts once."""
    credit_id = credit_of(world, tell(world, "relative", of="resident")).id
    assert approve(world, "coordinator", credit_id) == ("second_review", None)
    own = credit_of(world, tell(world, "resident", of="relative")).id
    assert approve(world, "coordinator", own)[1] == "same_household"


def test_the_leaders_own_count_cannot_be_mended_afterwards(world: World, now: SetClock) -> None:
    name = published(world, starts_in=1, lasts=60)
    now.advance(minutes=61)
    page = world.page("coordinator")
    assert page.post(f"/activities/{name}/headcount", data={"headcount": "3"}).status_code == 303
    assert page.post(f"/activities/{name}/headcount", data={"headcount": "30"}).status_code == 409
    with world.write() as session:
        found = session.scalars(select(Activity).where(Activity.public_id == name)).one()
        assert (found.headcount, found.headcount_by) == (3, world.people["coordinator"].id)
        assert session.get_one(Person, found.leader_id).name == "吴桂兰"


@pytest.mark.parametrize(("told", "is_seen"), [(1, True), (2, False), (3, False)])
def test_only_fewer_heads_than_scans_are_seen(world: World, now: SetClock, told: int, is_seen: bool) -> None:
    name = published(world, starts_in=1, lasts=60)
    now.advance(minutes=1)
    for minutes in (60, 0):
        token = code(world, name)
        for who in ("volunteer", "resident"):
            world.api(who, "POST", "/check-ins", {"code": token})
        now.advance(minutes=minutes)
    page = world.page("panel")
    assert page.post(f"/activities/{name}/headcount", data={"headcount": str(told)}).status_code == 303
    found = ["headcount" in flags_of(world, item.id) for item in waiting(world, "清洁湖边")]
    assert found == [is_seen, is_seen]


def test_an_activity_called_off_is_never_revived_and_gives_nothing(world: World, now: SetClock) -> None:
    name = published(world, starts_in=1, lasts=60)
    now.advance(minutes=1)
    for minutes in (60, 0):
        world.api("volunteer", "POST", "/check-ins", {"code": code(world, name)})
        now.advance(minutes=minutes)
    (item,) = waiting(world, "清洁湖边")
    page = world.page("coordinator")
    assert page.post(f"/activities/{name}/cancellation", data={"reason": "下雨"}).status_code == 303
    assert page.post(f"/activities/{name}/publication", data={"none_of_these": "1"}).status_code == 409
    assert world.api("volunteer", "POST", "/check-ins", {"code": "1"}).status_code in (409, 422)
    assert approve(world, "coordinator", item.id) == ("void", "already_decided")
    assert balance(world, "volunteer") == 0


def under_doubt(world: World) -> tuple[int, int]:
    """Give an item on notice, led by `leader`, and the objection to it."""
    world.add_person("leader", "领队")
    credit_id = on_notice(world)
    with world.write() as session:
        led = update(Credit).where(Credit.id == credit_id).values(leader_id=world.people["leader"].id)
        session.execute(led)
    object_to(world, "resident", credit_id)
    with world.write() as session:
        return credit_id, session.scalars(select(Objection.id)).one()


@pytest.mark.parametrize("with_", ["volunteer", "resident", "coordinator", "leader", None])
def test_the_database_takes_no_vote_of_who_has_a_part_in_it(world: World, with_: str | None) -> None:
    """The doer, who objects, who approved and who led: they, or somebody behind their door."""
    _, doubt = under_doubt(world)
    if with_ is None:
        voters = ["panel"]
    elif world.people[with_].household_id is None:
        voters = [with_]
    else:
        move_in(world, "kin", with_=with_, role="panel")
        voters = [with_, "kin"]
    for who in voters:
        vote = {"objection_id": doubt, "is_upheld": False, "reason": "x", "at": world.clock.now}
        row = insert(ObjectionVote).values(person_id=world.people[who].id, **vote)
        if with_ is None:
            with world.write() as session:
                session.execute(row)
            continue
        with pytest.raises(SQLAlchemyError), world.write() as session:
            session.execute(row)


def test_who_runs_the_platform_votes_on_nothing(world: World) -> None:
    give(world, world.people["admin"], "panel")
    _, doubt = under_doubt(world)
    admin = world.actor("admin")
    with pytest.raises(AdminCannotCredit), world.write() as session:
        voting.vote(session, admin, "x", is_upheld=False, reason="x", now=world.clock.now)
    vote = {"objection_id": doubt, "is_upheld": False, "reason": "x", "at": world.clock.now}
    with pytest.raises(SQLAlchemyError), world.write() as session:
        session.execute(insert(ObjectionVote).values(person_id=admin.person_id, **vote))


@pytest.mark.parametrize("second", [None, "coordinator", "kin", "second"])
def test_the_database_knows_who_reopened_it(world: World, second: str | None) -> None:
    """The coordinator brings back what somebody else had refused; whatever the code believes, another must follow."""
    move_in(world, "kin", with_="coordinator", role="second_approver")
    world.add_person("other", "赵敏")
    give(world, world.people["other"], "coordinator")
    credit_id = propose(world)
    decide(world, "other", [credit_id], "reject", reason="没来")
    actor = world.actor("coordinator")
    with world.write() as session:
        credits.reopen(session, actor, credit_id, reason="来了", now=world.clock.now)
    first = "coordinator" if second in (None, "second") else "other"
    made = {"state": "in_notice", "approved_amount": 60, "first_by": world.people[first].id}
    if second is not None:
        made["second_by"] = world.people[second].id
    change = update(Credit).where(Credit.id == credit_id).values(**made)
    if second == "second":
        with world.write() as session:
            session.execute(change)
        assert credit(world, credit_id).state == "in_notice"
        return
    with pytest.raises(SQLAlchemyError), world.write() as session:
        session.execute(change)
