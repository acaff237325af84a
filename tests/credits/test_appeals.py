"""Appeals against a refusal: by whom, until when, judged by whom, and what they end in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from bank.activities import operations as activities
from bank.credits import appeals, undoing
from bank.credits.appeals import AlreadyAppealed
from bank.credits.models import Credit, CreditStep, Objection, ObjectionVote
from bank.credits.rules import RefusedBefore, SameHousehold, SecondPersonRequired, SelfApproval
from bank.credits.undoing import AppealOpen
from bank.errors import BankError, Invalid, NotFound
from bank.members.models import Message, Person
from tests.credits.builders import add_coordinator, approve, credit, decide, propose
from tests.credits.races import together
from tests.credits.test_objections import answer, withdraw
from tests.credits.test_panel import JUDGES, move_on, seat, stage, vote
from tests.world import World


def refused(world: World, who: str = "volunteer", *, by: str = "coordinator") -> int:
    """Propose an hour and refuse it."""
    credit_id = propose(world, who)
    assert decide(world, by, [credit_id], "reject", reason="没有看到您参加。")[0].state == "refused"
    return credit_id


def appeal(world: World, who: str, credit_id: int, reason: str = "我在厨房，组长知道") -> str:
    actor, name = world.actor(who), credit(world, credit_id).public_id
    with world.write() as session:
        return appeals.appeal(session, actor, name, reason=reason, now=world.clock.now).public_id


def test_granted_it_is_judged_anew_and_the_person_is_told(world: World) -> None:
    credit_id = refused(world)
    asked = appeal(world, "volunteer", credit_id)
    assert credit(world, credit_id).state == "refused"
    assert answer(world, "second", asked, is_upheld=True, words="组长说他在") == "submitted"
    with world.write() as session:
        told = session.query(Message).filter_by(person_id=world.people["volunteer"].id).order_by(Message.id.desc())
        assert (told.first().sentence[:7], told.first().facts["answer"]) == ("您请求重新审核", "组长说他在")
        steps = [step.step for step in session.query(CreditStep).filter_by(credit_id=credit_id).order_by(CreditStep.id)]
    assert steps == ["proposed", "refused", "appealed", "reopened"]
    assert approve(world, "coordinator", credit_id) == ("posted", None)


def test_kept_it_stays_refused_and_can_still_be_brought_to_the_desk(world: World) -> None:
    credit_id = refused(world)
    answer(world, "second", appeal(world, "volunteer", credit_id), is_upheld=False, words="名单上没有")
    assert credit(world, credit_id).state == "refused"
    with pytest.raises(AlreadyAppealed):
        appeal(world, "volunteer", credit_id)
    actor = world.actor("coordinator")
    with world.write() as session:
        undoing.reopen(session, actor, credit_id, reason="带来了照片", now=world.clock.now)
    assert credit(world, credit_id).state == "submitted"


def test_only_ones_own_refusal_with_a_word_and_once(world: World) -> None:
    credit_id, waiting = refused(world), propose(world)
    for who, which in (("resident", credit_id), ("volunteer", waiting)):
        with pytest.raises(NotFound):
            appeal(world, who, which)
    with pytest.raises(Invalid):
        appeal(world, "volunteer", credit_id, "  ")
    appeal(world, "volunteer", credit_id)
    with pytest.raises(AlreadyAppealed):
        appeal(world, "volunteer", credit_id)


@pytest.mark.parametrize("over", [0, 1])
def test_an_appeal_is_in_time_to_the_last_day(world: World, over: int) -> None:
    credit_id = refused(world)
    world.clock.advance(days=30, seconds=over)  # type: ignore[attr-defined]
    if over:
        with pytest.raises(NotFound):
            appeal(world, "volunteer", credit_id)
    else:
        assert appeal(world, "volunteer", credit_id)


def test_whoever_refused_it_and_their_household_have_no_word_in_it(world: World) -> None:
    add_coordinator(world)
    asked = appeal(world, "volunteer", refused(world, by="other"))
    with world.write() as session:
        home = session.get_one(Person, world.people["panel"].id).household_id
        session.get_one(Person, world.people["other"].id).household_id = home
    for who in ("other", "panel"):
        with pytest.raises(SecondPersonRequired):
            answer(world, who, asked, is_upheld=False)
    assert answer(world, "second", asked, is_upheld=False) == "refused"


def test_the_person_and_their_household_do_not_answer(world: World) -> None:
    own = appeal(world, "coordinator", refused_of_coordinator(world))
    with pytest.raises(SelfApproval):
        answer(world, "coordinator", own, is_upheld=True)
    relative = appeal(world, "relative", refused(world, "relative", by="other"))
    with pytest.raises(SameHousehold):
        answer(world, "coordinator", relative, is_upheld=True)


def refused_of_coordinator(world: World) -> int:
    add_coordinator(world)
    return refused(world, "coordinator", by="other")


@pytest.mark.parametrize("verdict", ["upheld", "dismissed"])
def test_the_database_refuses_an_answer_and_a_vote_by_whoever_refused_it(world: World, verdict: str) -> None:
    asked = appeal(world, "volunteer", refused(world))
    values = {"state": verdict, "answered_by": world.people["coordinator"].id, "answered_at": world.clock.now}
    answering = update(Objection).where(Objection.public_id == asked).values(**values)
    with pytest.raises(SQLAlchemyError, match="who refused it answers"), world.write() as session:
        session.execute(answering)
    with pytest.raises(SQLAlchemyError, match="who refused it votes"):
        cast_directly(world, "coordinator", asked)


def cast_directly(world: World, who: str, asked: str) -> None:
    with world.write() as session:
        found = session.query(Objection).filter_by(public_id=asked).one()
        own = {"person_id": world.people[who].id, "is_upheld": True, "reason": "看过", "at": world.clock.now}
        session.add(ObjectionVote(objection_id=found.id, **own))
        session.flush()


def test_the_panel_judges_what_staff_refused(world: World) -> None:
    seat(world, *JUDGES[1:])
    credit_id = refused(world)
    asked = appeal(world, "volunteer", credit_id)
    answer(world, "second", asked, words="组长没有印象")
    assert stage(world, asked) == ("open", "panel")
    for who in JUDGES[:3]:
        vote(world, who, asked, is_upheld=True)
    assert (stage(world, asked)[0], credit(world, credit_id).state) == ("upheld", "submitted")


def test_whoever_was_overruled_may_approve_it_and_not_refuse_it_again(world: World) -> None:
    credit_id = refused(world)
    answer(world, "second", appeal(world, "volunteer", credit_id), is_upheld=True)
    again = decide(world, "coordinator", [credit_id], "reject", reason="还是没有看到。")[0]
    assert (again.state, again.code) == ("submitted", RefusedBefore.code)
    add_coordinator(world)
    assert decide(world, "other", [credit_id], "reject", reason="名单上没有。")[0].state == "refused"


def test_nobody_decides_and_the_rule_does(world: World) -> None:
    credit_id = refused(world)
    asked = appeal(world, "volunteer", credit_id)
    for _ in range(2):
        move_on(world, days=8)
    assert (stage(world, asked), credit(world, credit_id).state) == (("upheld", "last"), "submitted")


def test_taken_back_it_leaves_the_refusal(world: World) -> None:
    credit_id = refused(world)
    asked = appeal(world, "volunteer", credit_id)
    withdraw(world, "volunteer", asked)
    assert (stage(world, asked)[0], credit(world, credit_id).state) == ("withdrawn", "refused")


def test_while_it_is_open_nobody_reopens_past_it(world: World) -> None:
    credit_id = refused(world)
    appeal(world, "volunteer", credit_id)
    actor = world.actor("coordinator")
    with pytest.raises(AppealOpen), world.write() as session:
        undoing.reopen(session, actor, credit_id, reason="看了照片", now=world.clock.now)


def test_what_another_record_counts_already_stays_refused(world: World) -> None:
    activity_id = an_activity(world)
    first = propose(world, activity_id=activity_id)
    decide(world, "coordinator", [first], "reject", reason="没有看到您参加。")
    propose(world, activity_id=activity_id)
    asked = appeal(world, "volunteer", first)
    answer(world, "second", asked, is_upheld=True, words="在场")
    with world.write() as session:
        found = session.query(Objection).filter_by(public_id=asked).one()
        assert (found.state, found.answer) == ("dismissed", appeals.TWICE)
    assert credit(world, first).state == "refused"


def an_activity(world: World) -> int:
    """Give an activity to have been at."""
    plan = {
        "title": "楼道清洁",
        "category": "environment",
        "place": "3栋",
        "starts_at": world.clock.now + timedelta(days=1),
        "ends_at": world.clock.now + timedelta(days=1, hours=2),
        "capacity": 9,
        "risk_note": "小心地滑。",
    }
    actor = world.actor("coordinator")
    with world.write() as session:
        return activities.plan(session, actor, plan, now=world.clock.now).id


def test_ten_appeals_at_once_are_one(world: World) -> None:
    credit_id = refused(world)
    actor, name = world.actor("volunteer"), credit(world, credit_id).public_id

    def appealing(_number: int) -> Callable[[Session], str]:
        def work(session: Session) -> str:
            try:
                appeals.appeal(session, actor, name, reason="我在", now=world.clock.now)
            except BankError as refusal:
                session.rollback()
                return refusal.code
            return "asked"

        return work

    answers = together(world, [appealing(number) for number in range(10)], held="SELECT id FROM credit FOR UPDATE")
    assert sorted(answers) == ["already_objected"] * 9 + ["asked"]
    with world.write() as session:
        assert session.query(Objection).count() == 1
        assert session.get_one(Credit, credit_id).state == "refused"
