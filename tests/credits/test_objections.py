"""Objections: who may raise and answer them, and what becomes of the item."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bank.credits import objections
from bank.credits import operations as credits
from bank.credits.doubts import AlreadyAnswered
from bank.credits.models import CreditStep, Objection
from bank.credits.objections import AlreadyObjected, OwnItem
from bank.credits.rules import SameHousehold, SecondPersonRequired, SelfApproval
from bank.errors import BankError, Invalid, NotAllowed, NotFound
from bank.members.models import Message, Person
from tests.credits.builders import approve, balance, credit, propose, served
from tests.credits.races import together
from tests.world import World


def on_notice(world: World, who: str = "volunteer", **more: str) -> int:
    credit_id = propose(world, who, evidence_class="B", **more)
    approve(world, "coordinator", credit_id)
    return credit_id


def object_to(world: World, who: str, credit_id: int, reason: str = "那天没有看到他") -> str:
    actor, public_id = world.actor(who), credit(world, credit_id).public_id
    with world.write() as session:
        return objections.object_to(session, actor, public_id, reason=reason, now=world.clock.now).public_id


def answer(world: World, who: str, objection: str, *, is_upheld: bool = False, words: str = "已核实") -> str:
    actor = world.actor(who)
    with world.write() as session:
        found = objections.answer(session, actor, objection, is_upheld=is_upheld, words=words, now=world.clock.now)
        return found.state


def withdraw(world: World, who: str, objection: str) -> str:
    actor = world.actor(who)
    with world.write() as session:
        return objections.withdraw(session, actor, objection, now=world.clock.now).state


def post_due(world: World) -> int:
    with world.write() as session:
        return credits.post_due(session, now=world.clock.now)


def test_an_objection_freezes_the_item_beyond_its_notice(world: World) -> None:
    credit_id = on_notice(world)
    object_to(world, "resident", credit_id)
    world.clock.advance(days=30)
    assert post_due(world) == 0
    assert (credit(world, credit_id).state, balance(world, "volunteer")) == ("objected", 0)


def test_its_answer_is_due_within_five_working_days(world: World) -> None:
    object_to(world, "resident", on_notice(world))
    with world.write() as session:
        (objection,) = session.query(Objection)
        assert objection.answer_due_at.isoformat() == "2026-11-30T16:00:00+00:00"


def test_upheld_before_posting_the_item_is_refused_with_the_answer_as_reason(world: World) -> None:
    credit_id = on_notice(world)
    objection = object_to(world, "resident", credit_id)
    assert answer(world, "second", objection, is_upheld=True, words="现场名单上没有他") == "refused"
    assert credit(world, credit_id).reason == "现场名单上没有他"
    world.clock.advance(days=30)
    assert post_due(world) == 0


def test_dismissed_during_the_notice_it_is_posted_when_the_notice_ends(world: World) -> None:
    credit_id = on_notice(world)
    assert answer(world, "second", object_to(world, "resident", credit_id)) == "in_notice"
    assert balance(world, "volunteer") == 0
    world.clock.advance(days=4)
    assert post_due(world) == 1
    assert balance(world, "volunteer") == 60


def test_dismissed_after_the_notice_it_is_posted_at_once(world: World) -> None:
    credit_id = on_notice(world)
    objection = object_to(world, "resident", credit_id)
    world.clock.advance(days=6)
    assert answer(world, "second", objection) == "posted"
    assert (balance(world, "volunteer"), served(world, "volunteer", "B")) == (60, 60)


def test_taken_back_the_item_goes_on_where_it_stood(world: World) -> None:
    credit_id = on_notice(world)
    objection = object_to(world, "resident", credit_id)
    with pytest.raises(NotFound):
        withdraw(world, "panel", objection)
    assert withdraw(world, "resident", objection) == "in_notice"
    with pytest.raises(AlreadyAnswered):
        withdraw(world, "resident", objection)
    with pytest.raises(AlreadyObjected):
        object_to(world, "resident", credit_id)
    object_to(world, "shop", credit_id)


def test_who_reopens_against_an_upheld_objection_needs_a_second_person(world: World) -> None:
    credit_id = on_notice(world)
    answer(world, "panel", object_to(world, "resident", credit_id), is_upheld=True)
    actor = world.actor("coordinator")
    with world.write() as session:
        credits.reopen(session, actor, credit_id, reason="再看一次", now=world.clock.now)
    assert approve(world, "coordinator", credit_id) == ("second_review", None)
    assert approve(world, "coordinator", credit_id) == ("second_review", "second_person_required")
    assert approve(world, "second", credit_id) == ("in_notice", None)


def test_upheld_after_posting_the_item_is_reversed(world: World) -> None:
    credit_id = propose(world)
    approve(world, "coordinator", credit_id)
    objection = object_to(world, "resident", credit_id)
    assert credit(world, credit_id).state == "posted"
    assert answer(world, "panel", objection, is_upheld=True) == "reversed"
    assert (balance(world, "volunteer"), served(world, "volunteer")) == (0, 0)


def test_what_was_posted_long_ago_is_on_no_public_list(world: World) -> None:
    credit_id = propose(world)
    approve(world, "coordinator", credit_id)
    world.clock.advance(days=7, minutes=1)
    with pytest.raises(NotFound):
        object_to(world, "resident", credit_id)


def test_nobody_objects_to_their_own_item(world: World) -> None:
    with pytest.raises(OwnItem):
        object_to(world, "volunteer", on_notice(world))


def test_an_item_has_one_open_objection(world: World) -> None:
    credit_id = on_notice(world)
    object_to(world, "resident", credit_id)
    with pytest.raises(AlreadyObjected):
        object_to(world, "shop", credit_id)
    posted = propose(world)
    approve(world, "coordinator", posted)
    object_to(world, "resident", posted)
    with pytest.raises(AlreadyObjected):
        object_to(world, "shop", posted)


def test_another_communitys_items_are_not_there(world: World) -> None:
    with pytest.raises(NotFound):
        object_to(world, "stranger", on_notice(world))


def test_an_objection_and_an_answer_need_words(world: World) -> None:
    credit_id = on_notice(world)
    with pytest.raises(Invalid):
        object_to(world, "resident", credit_id, reason="  ")
    with pytest.raises(Invalid):
        answer(world, "second", object_to(world, "resident", credit_id), words=" ")


@pytest.mark.parametrize(
    ("beneficiary", "objector", "answerer", "refusal"),
    [
        ("volunteer", "resident", "coordinator", SecondPersonRequired),
        ("volunteer", "second", "second", SecondPersonRequired),
        ("panel", "resident", "panel", SelfApproval),
        ("volunteer", "resident", "shop", NotAllowed),
        ("volunteer", "resident", "stranger_coordinator", NotFound),
    ],
)
def test_who_may_not_answer(
    world: World, beneficiary: str, objector: str, answerer: str, refusal: type[BankError]
) -> None:
    objection = object_to(world, objector, on_notice(world, beneficiary))
    with pytest.raises(refusal):
        answer(world, answerer, objection, is_upheld=True)


def test_the_beneficiarys_household_does_not_answer(world: World) -> None:
    with world.write() as session:
        home = world.people["volunteer"].household_id
        session.execute(update(Person).where(Person.id == world.people["panel"].id).values(household_id=home))
    with pytest.raises(SameHousehold):
        answer(world, "panel", object_to(world, "resident", on_notice(world)))


def test_the_objector_stays_unnamed_and_both_sides_hear_the_answer(world: World) -> None:
    objection = object_to(world, "resident", on_notice(world))
    answer(world, "second", objection, words="名单核对过，他在场")
    with world.write() as session:
        told = {
            who: list(session.query(Message).filter_by(person_id=world.people[who].id))
            for who in ("resident", "volunteer")
        }
    assert ["名单核对过" in str(message.facts) for message in told["resident"]] == [True]
    assert len(told["volunteer"]) == 2
    assert "李秀英" not in str([message.facts for message in told["volunteer"]])


def test_the_database_refuses_an_answer_by_the_objector(world: World) -> None:
    object_to(world, "second", on_notice(world))
    with pytest.raises(IntegrityError), world.write() as session:
        session.execute(
            update(Objection).values(state="upheld", answered_at=world.clock.now, answered_by=Objection.by_person_id)
        )


def test_a_void_item_closes_its_objection(world: World) -> None:
    credit_id = on_notice(world)
    object_to(world, "resident", credit_id)
    with world.write() as session:
        credits.void(session, credit_id, reason="活动取消了。", by=None, now=world.clock.now)
        assert session.query(Objection).one().state == "upheld"


def refusal_of(work: Callable[[Session], object], session: Session) -> str:
    try:
        work(session)
    except BankError as refusal:
        session.rollback()
        return refusal.code
    return "done"


def test_two_objections_at_once_leave_one_open(world: World) -> None:
    credit_id = on_notice(world)
    public_id = credit(world, credit_id).public_id
    actors = [world.actor(who) for who in ("resident", "shop", "admin")]

    def objecting(number: int) -> Callable[[Session], str]:
        def work(session: Session) -> object:
            return objections.object_to(session, actors[number], public_id, reason="不对", now=world.clock.now)

        return lambda session: refusal_of(work, session)

    answers = together(world, [objecting(number) for number in range(3)], held="SELECT id FROM credit FOR UPDATE")
    assert sorted(answers) == ["already_objected", "already_objected", "done"]


def test_an_objection_and_the_end_of_the_notice_at_once_leave_one_truth(world: World) -> None:
    credit_id = on_notice(world)
    public_id, actor = credit(world, credit_id).public_id, world.actor("resident")
    world.clock.advance(days=4)

    def objecting(session: Session) -> str:
        return refusal_of(
            lambda own: objections.object_to(own, actor, public_id, reason="不对", now=world.clock.now), session
        )

    def posting(session: Session) -> str:
        return str(len(credits.post_now(session, [credit_id], now=world.clock.now)))

    answers = together(world, [objecting, posting], held="SELECT id FROM credit FOR UPDATE")
    state = credit(world, credit_id).state
    assert (*answers, state) in (("done", "0", "objected"), ("done", "1", "posted"))
    with world.write() as session:
        steps = [step.step for step in session.query(CreditStep).order_by(CreditStep.id)]
    assert steps[2:] == (["posted", "objected"] if state == "posted" else ["objected"])
    assert balance(world, "volunteer") == (60 if state == "posted" else 0)


def test_two_answers_at_once_count_once(world: World) -> None:
    credit_id = on_notice(world)
    objection = object_to(world, "resident", credit_id)
    actors = {"second": world.actor("second"), "panel": world.actor("panel")}
    world.clock.advance(days=4)

    def answering(who: str, is_upheld: bool) -> Callable[[Session], str]:
        def work(session: Session) -> object:
            return objections.answer(
                session, actors[who], objection, is_upheld=is_upheld, words="核实", now=world.clock.now
            )

        return lambda session: refusal_of(work, session)

    answers = together(
        world, [answering("second", True), answering("panel", False)], held="SELECT id FROM credit FOR UPDATE"
    )
    assert sorted(answers) == ["already_decided", "done"]
    assert credit(world, credit_id).state == ("refused" if answers[0] == "done" else "posted")
