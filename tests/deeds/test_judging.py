"""The panel judges deeds before the desk: one verdict, whoever votes at once, and no deed waits for ever."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from bank import jobs
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.credits import desk, undoing
from bank.credits.models import CreditStep
from bank.credits.rules import AdminCannotCredit
from bank.credits.voting import AlreadyVoted, InConflict
from bank.deeds import judging
from bank.deeds import operations as deeds
from bank.deeds.judging import CaseClosed
from bank.deeds.models import Deed, DeedCase, DeedVote
from bank.errors import BankError, Invalid, NotAllowed
from bank.members import operations as members
from bank.members.models import Message, Person, Role
from tests.credits.builders import approve, balance
from tests.credits.races import together
from tests.credits.test_objections import refusal_of
from tests.credits.test_panel import JUDGES, seat
from tests.deeds.test_operations import credit_of, tell
from tests.world import World


def judged(world: World, who: str = "volunteer", **more: object) -> Deed:
    """Tell a deed worth the panel's look, before a panel of four."""
    if "judge1" not in world.people:
        seat(world, *JUDGES[1:])
    return tell(world, who, **{"category": "blood_donation", **more})


def vote(world: World, who: str, deed: Deed, *, is_for: bool = True, reason: str = "看过照片") -> str:
    actor = world.actor(who)
    with world.write() as session:
        return judging.vote(session, actor, deed.public_id, is_for=is_for, reason=reason, now=world.clock.now).state


def state(world: World, deed: Deed) -> tuple[str, str, str | None]:
    """Give the state of the case and of the credit, and whom this waits for."""
    credit = credit_of(world, deed)
    with world.write() as session:
        case = session.query(DeedCase).filter_by(deed_id=deed.id).one_or_none()
        return (case.state if case else "none", credit.state, credit.waits_for)


def pass_days(world: World, days: int) -> None:
    world.clock.advance(days=days)
    with world.app.app_context():
        jobs.run_due(world.clock.now)


def on_desk(world: World, who: str = "coordinator") -> int:
    actor = world.actor(who)
    with world.write() as session:
        return desk.numbers(session, actor, now=world.clock.now).waiting


def adopt(world: World, **settings: object) -> None:
    with world.write() as session:
        home = session.get_one(Community, world.community_id)
        communities.adopt_rules(
            session,
            home,
            {"notice_days": {"A": 0}, **settings},
            effective_on=world.clock.now.date(),
            now=world.clock.now,
        )


def test_what_the_panel_agrees_to_goes_to_the_desk_and_into_points(world: World) -> None:
    deed = judged(world, of="resident")
    assert (state(world, deed), on_desk(world)) == (("open", "submitted", "panel"), 0)
    assert approve(world, "coordinator", credit_of(world, deed).id)[1] == "waits_for_panel"
    assert [vote(world, who, deed) for who in JUDGES[:3]] == ["open", "open", "granted"]
    assert (state(world, deed), on_desk(world)) == (("granted", "submitted", None), 1)
    assert approve(world, "coordinator", credit_of(world, deed).id) == ("in_notice", None)
    pass_days(world, 4)
    assert balance(world, "resident", "PTS") == 30


def test_what_the_panel_refuses_costs_nothing_and_is_told_with_its_reasons(world: World) -> None:
    deed = judged(world)
    votes = zip(JUDGES, (False, True, False, False), strict=True)
    assert [vote(world, who, deed, is_for=is_for) for who, is_for in votes][-1] == "not_granted"
    assert state(world, deed) == ("not_granted", "refused", None)
    assert (balance(world, "volunteer", "PTS"), on_desk(world)) == (0, 0)
    with world.write() as session:
        told = session.query(Message).filter_by(person_id=world.people["volunteer"].id).all()
        assert any("没有通过评议" in message.sentence for message in told)
        assert session.query(CreditStep).filter_by(step="refused").one().role == "panel"


def test_a_refused_deed_can_be_reopened_and_then_needs_two_people_of_the_desk(world: World) -> None:
    deed = judged(world)
    for who in JUDGES[:3]:
        vote(world, who, deed, is_for=False)
    credit_id, actor = credit_of(world, deed).id, world.actor("coordinator")
    with world.write() as session:
        undoing.reopen(session, actor, credit_id, reason="补了照片", now=world.clock.now)
    assert state(world, deed) == ("not_granted", "submitted", None)
    assert approve(world, "coordinator", credit_id) == ("second_review", None)
    assert approve(world, "second", credit_id) == ("in_notice", None)


@pytest.mark.parametrize(("is_tie_granted", "found"), [(False, "not_granted"), (True, "granted")])
def test_a_tie_is_what_the_rule_says(world: World, is_tie_granted: bool, found: str) -> None:
    adopt(world, is_deed_tie_granted=is_tie_granted)
    deed = judged(world)
    votes = zip(JUDGES, (True, False, True, False), strict=True)
    assert [vote(world, who, deed, is_for=is_for) for who, is_for in votes][-1] == found


def test_without_a_quorum_at_the_deadline_the_desk_decides(world: World) -> None:
    deed = judged(world)
    for who in JUDGES[:2]:
        vote(world, who, deed, is_for=False)
    pass_days(world, 6)
    assert state(world, deed)[0] == "open"
    pass_days(world, 2)
    assert state(world, deed) == ("passed_on", "submitted", None)
    assert credit_of(world, deed).flags[-1] == {"code": "unjudged", "facts": {}}
    assert on_desk(world) == 1
    with pytest.raises(CaseClosed):
        vote(world, "judge2", deed)


def test_three_votes_at_the_deadline_decide_without_the_fourth(world: World) -> None:
    deed = judged(world)
    for who, is_for in zip(JUDGES[:3], (True, False, True), strict=True):
        assert vote(world, who, deed, is_for=is_for) == "open"
    pass_days(world, 8)
    assert state(world, deed)[0] == "granted"


@pytest.mark.parametrize(("category", "is_judged"), [("lost_property", True), ("errand", False)])
def test_ten_points_are_judged_and_five_are_not(world: World, category: str, is_judged: bool) -> None:
    deed = judged(world, of="resident", category=category)
    assert (state(world, deed)[0] == "open") is is_judged


def test_a_deed_with_a_flag_is_judged_however_few_its_points(world: World) -> None:
    assert state(world, judged(world, category="advice"))[0] == "open"


@pytest.mark.parametrize("quorum", [0, 5])
def test_with_no_panel_or_too_small_a_one_the_desk_decides_at_once(world: World, quorum: int) -> None:
    adopt(world, panel_quorum=quorum)
    assert state(world, judged(world)) == ("none", "submitted", None)
    assert on_desk(world) == 1


def test_a_panel_that_shrank_below_its_quorum_leaves_nothing_waiting(world: World) -> None:
    deed = judged(world)
    with world.write() as session:
        session.query(Role).filter_by(name="panel").delete()
    pass_days(world, 8)
    assert state(world, deed) == ("passed_on", "submitted", None)


def test_what_is_taken_back_closes_its_case(world: World) -> None:
    deed, actor = judged(world), world.actor("volunteer")
    with world.write() as session:
        deeds.decline(session, actor, deed.public_id, now=world.clock.now)
    assert state(world, deed) == ("withdrawn", "void", None)
    with pytest.raises(CaseClosed):
        vote(world, "judge1", deed)


@pytest.mark.parametrize("side", ["volunteer", "resident"])
def test_the_households_of_doer_and_teller_do_not_judge(world: World, side: str) -> None:
    deed = judged(world, of="resident")
    with world.write() as session:
        home = world.people[side].household_id
        session.execute(update(Person).where(Person.id == world.people["panel"].id).values(household_id=home))
    with pytest.raises(InConflict):
        vote(world, "panel", deed)
    actor = world.actor("panel")
    with world.write() as session:
        assert judging.waiting_for(session, actor) == []
    with pytest.raises(SQLAlchemyError), world.write() as session:
        add_vote(world, session, "panel", deed)


def add_vote(world: World, session: Session, who: str, deed: Deed) -> None:
    session.add(DeedVote(deed_id=deed.id, person_id=world.people[who].id, is_for=True, reason="好", at=world.clock.now))
    session.flush()


def test_the_database_refuses_an_administrators_vote_a_late_one_and_a_changed_one(world: World) -> None:
    deed = judged(world)
    with pytest.raises(SQLAlchemyError), world.write() as session:
        add_vote(world, session, "admin", deed)
    for who in JUDGES[:3]:
        vote(world, who, deed)
    with pytest.raises(SQLAlchemyError), world.write() as session:
        add_vote(world, session, "judge3", deed)
    for statement in ("UPDATE deed_vote SET is_for = NOT is_for", "UPDATE deed_case SET state = 'not_granted'"):
        with pytest.raises(SQLAlchemyError), world.write() as session:
            session.execute(text(statement))


def test_the_database_lets_nobody_approve_what_the_panel_has_not_judged(world: World) -> None:
    deed = judged(world, of="resident")
    first = world.people["coordinator"].id
    with pytest.raises(SQLAlchemyError), world.write() as session:
        session.execute(
            text("UPDATE credit SET state = 'in_notice', first_by = :who, approved_amount = 1 WHERE id = :id"),
            {"who": first, "id": deed.credit_id},
        )


def test_each_has_one_vote_with_a_reason_and_who_runs_the_platform_has_none(world: World) -> None:
    deed = judged(world)
    with pytest.raises(Invalid):
        vote(world, "panel", deed, reason=" ")
    vote(world, "panel", deed)
    with pytest.raises(AlreadyVoted):
        vote(world, "panel", deed)
    with pytest.raises(NotAllowed):
        vote(world, "coordinator", deed)
    with world.write() as session:
        home = session.get_one(Community, world.community_id)
        judge = session.get_one(Person, world.people["judge1"].id)
        members.grant_role(session, judge, "admin", home, now=world.clock.now)
    with pytest.raises(AdminCannotCredit):
        vote(world, "judge1", deed)


@pytest.mark.slow
def test_fifty_votes_at_once_give_one_verdict_and_everyone_is_told_the_truth(world: World) -> None:
    names = [f"one{number}" for number in range(49)]
    seat(world, *names)
    deed = judged(world)
    actors = [world.actor(who) for who in ("panel", *names)]

    def voting(who: int, session: Session) -> str:
        is_for = who % 10 != 0  # 45 for, 5 against: the verdict stands before the last have voted
        return refusal_of(
            lambda session: judging.vote(
                session, actors[who], deed.public_id, is_for=is_for, reason="看过", now=world.clock.now
            ),
            session,
        )

    answers: list[str] = []
    for start in range(0, 50, 10):
        works: list[Callable[[Session], str]] = [partial(voting, who) for who in range(start, start + 10)]
        answers += together(world, works, held=f"SELECT id FROM credit WHERE id = {deed.credit_id} FOR UPDATE")
    told = Counter(answers)
    assert set(told) == {"done", "already_decided"}
    assert state(world, deed) == ("granted", "submitted", None)
    with world.write() as session:
        assert session.query(DeedVote).count() == told["done"]
        assert session.query(CreditStep).filter_by(step="granted").count() == 1
        results = [one for one in session.query(Message) if one.sentence == judging._RESULTS["granted"]]
        assert [one.person_id for one in results] == [world.people["volunteer"].id]


def test_two_last_votes_at_once_are_both_counted(world: World) -> None:
    deed = judged(world)
    vote(world, "panel", deed)
    actors = [world.actor(who) for who in JUDGES[1:3]]

    def voting(who: int, session: Session) -> str:
        try:
            return judging.vote(
                session, actors[who], deed.public_id, is_for=True, reason="看过", now=world.clock.now
            ).state
        except BankError as refusal:
            return refusal.code

    held = f"SELECT id FROM credit WHERE id = {deed.credit_id} FOR UPDATE"
    states = together(world, [partial(voting, 0), partial(voting, 1)], held=held)
    assert sorted(states) == ["granted", "open"]
