"""Two people change the rules, never backwards, and residents see it before it holds."""

from __future__ import annotations

import threading
from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select

from bank.clock import local_day
from bank.communities import operations as communities
from bank.communities.models import Community, RuleVersion
from bank.errors import BankError, Invalid, NotAllowed, NotFound
from bank.rulebook import operations as rulebook
from bank.rulebook import rules
from bank.rulebook.models import STATES, RuleProposal
from tests.access.rulebook import form, values
from tests.conftest import SetClock
from tests.world import World

SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
JANUARY = date(2027, 1, 1)


def propose(world: World, who: str = "coordinator", *, day: date = JANUARY, based_on: int = 1, **changed: Any) -> str:
    wanted, actor = values(world, **(changed or {"voucher_days": 10})), world.actor(who)
    with world.write() as session:
        return rulebook.propose(
            session, actor, wanted, effective_on=day, note="多留几天", based_on=based_on, now=world.clock.now
        ).public_id


def adopt(world: World, who: str, public_id: str) -> None:
    actor = world.actor(who)
    with world.write() as session:
        rulebook.adopt(session, actor, public_id, now=world.clock.now)


def state(world: World, public_id: str) -> str:
    with world.write() as session:
        return session.scalars(select(RuleProposal.state).where(RuleProposal.public_id == public_id)).one()


def voucher_days(world: World, day: date) -> int:
    with world.write() as session:
        return communities.rules_on(session, world.community_id, day).voucher_days


def test_what_a_second_person_adopts_holds_from_its_day_on(world: World) -> None:
    made = propose(world)
    assert voucher_days(world, JANUARY) == 7
    adopt(world, "second", made)
    assert (voucher_days(world, date(2026, 12, 31)), voucher_days(world, JANUARY)) == (7, 10)
    with world.write() as session:
        held = session.scalars(select(RuleVersion).where(RuleVersion.number == 2)).one()
        assert (held.note, held.settings["voucher_days"], held.settings["notice_days"]["A"]) == ("多留几天", 10, 0)


@pytest.mark.parametrize(
    ("who", "refusal"),
    [
        ("coordinator", rules.AnotherPerson),
        ("admin", NotAllowed),
        ("volunteer", NotAllowed),
        ("stranger_coordinator", NotFound),
    ],
)
@SQLITE_ONLY
def test_nobody_adopts_their_own_or_another_communitys(world: World, who: str, refusal: type[BankError]) -> None:
    made = propose(world)
    with pytest.raises(refusal):
        adopt(world, who, made)
    assert state(world, made) == "open"


@SQLITE_ONLY
def test_the_household_of_the_proposer_does_not_adopt_either(world: World) -> None:
    with world.write() as session:
        from bank.members import operations as members
        from bank.members.models import Person

        relative = session.get_one(Person, world.people["relative"].id)
        members.grant_role(
            session, relative, "panel", session.get_one(Community, world.community_id), now=world.clock.now
        )
    made = propose(world)
    with pytest.raises(rules.AnotherPerson):
        adopt(world, "relative", made)
    adopt(world, "panel", made)


@SQLITE_ONLY
def test_nothing_is_backdated(world: World, now: SetClock) -> None:
    today = local_day(now.now, "Asia/Shanghai")
    for day in (date(2026, 1, 2), today, date(2026, 11, 29)):
        with pytest.raises(Invalid) as refused:
            propose(world, day=day)
        assert list(refused.value.errors) == ["effective_on"]
    made = propose(world, day=date(2026, 11, 30))
    now.advance(days=1)
    with pytest.raises(rules.TooSoon):
        adopt(world, "second", made)
    assert voucher_days(world, date(2026, 11, 30)) == 7


@SQLITE_ONLY
def test_what_nobody_adopted_in_time_makes_room_for_the_next(world: World, now: SetClock) -> None:
    first = propose(world, day=date(2026, 11, 30))
    with pytest.raises(rules.OneIsOpen):
        propose(world, "second")
    now.advance(days=8)
    second = propose(world, "second")
    assert (state(world, first), state(world, second)) == ("lapsed", "open")


@SQLITE_ONLY
def test_a_proposal_is_void_once_the_rules_have_changed(world: World) -> None:
    made = propose(world)
    with world.write() as session:
        home = session.get_one(Community, world.community_id)
        communities.adopt_rules(session, home, {}, effective_on=date(2026, 12, 1), now=world.clock.now)
    with pytest.raises(rules.Overtaken):
        adopt(world, "second", made)
    actor = world.actor("coordinator")
    with world.write() as session:
        rulebook.withdraw(session, actor, made, now=world.clock.now)
    with pytest.raises(rules.Overtaken):
        propose(world)
    assert state(world, propose(world, based_on=2)) == "open"


@SQLITE_ONLY
def test_every_state_has_its_way_in_and_only_decided_ones_are_final(world: World) -> None:
    assert set(STATES) == set(rules.STATES)
    reached = {"open"} | {after for ways in rules.TRANSITIONS.values() for after in ways}
    assert reached == set(STATES)
    actor = world.actor("second")
    made = propose(world)
    with world.write() as session:
        rulebook.refuse(session, actor, made, reason="没有必要", now=world.clock.now)
    assert state(world, made) == "refused"
    for verb in (adopt, lambda *_: propose(world, voucher_days=7)):
        with pytest.raises((rules.Decided, Invalid)):
            verb(world, "second", made)


def test_of_two_who_adopt_at_once_one_does(world: World) -> None:
    made = propose(world)
    said: list[str] = []
    ready = threading.Barrier(2)

    def tap(who: str) -> None:
        page = world.page(who)
        ready.wait()
        said.append(str(page.post(f"/desk/rules/{made}/adoption").status_code))

    taps = [threading.Thread(target=tap, args=(who,)) for who in ("second", "panel")]
    for one in taps:
        one.start()
    for one in taps:
        one.join()
    assert sorted(said) == ["303", "409"]
    with world.write() as session:
        assert session.scalar(select(func.count()).where(RuleVersion.community_id == world.community_id)) == 2


@SQLITE_ONLY
def test_the_form_keeps_what_was_typed_and_says_the_bounds(world: World) -> None:
    page = world.page("coordinator")
    answer = page.post("/desk/rules", data=form(world, panel_days="99", voucher_days="12", note="想一想"))
    assert answer.status_code == 422
    assert "请填 1 到 30 之间的整数" in answer.text
    assert all(kept in answer.text for kept in ('value="99"', 'value="12"', "想一想"))
    for wrong in ({"effective_on": "soon"}, {"voucher_days": "ten"}, {"voucher_days": ""}, {"note": ""}):
        assert page.post("/desk/rules", data=form(world, **wrong)).status_code == 422
    assert page.post("/desk/rules", data=form(world, based_on="x")).status_code == 409


@SQLITE_ONLY
def test_residents_see_what_comes_and_what_was(world: World, now: SetClock) -> None:
    page = world.page("resident")
    assert "起有改动" not in page.get("/rules").text
    adopt(world, "second", propose(world))
    today = page.get("/rules").text
    assert "2027年1月1日起有改动" in today.replace(" ", "")
    assert "兑换券 10 天内去领" in today
    assert "（原来：兑换券 7 天内去领" in today
    coming = page.get("/rules?version=2").text
    assert "才开始用" in coming
    now.advance(days=60)
    assert "这是以前的一版，现在用的是第 2 版" in page.get("/rules?version=1").text
    assert [page.get(f"/rules?version={wrong}").status_code for wrong in ("9", "x", "99999999999")] == [404] * 3
