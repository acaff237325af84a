"""The panel judges objections; what nobody judges in time moves on; the person's own corrections go the same way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from bank import chart, db
from bank.communities.models import Community
from bank.credits import objections, voting
from bank.credits.doubts import AlreadyAnswered
from bank.credits.models import Credit, CreditStep, Objection, ObjectionVote
from bank.credits.rules import SecondPersonRequired
from bank.credits.voting import AlreadyVoted, InConflict
from bank.errors import BankError, Invalid, NotAllowed, NotFound
from bank.jobs import run_due
from bank.members import operations as members
from bank.members.models import Message, Person
from ledger.errors import AccountFrozen
from tests.credits.builders import add_coordinator, approve, balance, credit, propose
from tests.credits.races import together
from tests.credits.test_objections import answer, object_to, on_notice, post_due, withdraw
from tests.world import World

JUDGES = ("panel", "judge1", "judge2", "judge3")


def seat(world: World, *names: str) -> None:
    """Give the panel more members; each lives alone."""
    with world.write() as session:
        home = session.get_one(Community, world.community_id)
        for who in names:
            person = members.register(session, home, name="评议", now=world.clock.now)
            members.grant_role(session, person, "panel", home, now=world.clock.now)
            world.people[who] = person


def vote(world: World, who: str, objection: str, *, is_upheld: bool, reason: str = "看过名单") -> str:
    actor = world.actor(who)
    with world.write() as session:
        return voting.vote(session, actor, objection, is_upheld=is_upheld, reason=reason, now=world.clock.now).state


def before_panel(world: World) -> tuple[int, str]:
    """Give an item and its objection, answered and before a panel of four."""
    seat(world, *JUDGES[1:])
    credit_id = on_notice(world)
    objection = object_to(world, "resident", credit_id)
    assert answer(world, "second", objection, words="名单上有他") == "objected"
    return credit_id, objection


def stage(world: World, objection: str) -> tuple[str, str]:
    with world.write() as session:
        found = session.query(Objection).filter_by(public_id=objection).one()
        return found.state, found.stage


def move_on(world: World, **span: float) -> None:
    world.clock.advance(**span)
    with world.app.app_context():
        run_due(world.clock.now)


def test_an_answer_goes_to_the_panel_and_three_against_one_decide(world: World) -> None:
    credit_id, objection = before_panel(world)
    assert stage(world, objection) == ("open", "panel")
    assert vote(world, "panel", objection, is_upheld=True) == "open"
    assert vote(world, "judge1", objection, is_upheld=False) == "open"
    assert vote(world, "judge2", objection, is_upheld=True) == "open"
    assert vote(world, "judge3", objection, is_upheld=True) == "upheld"
    assert credit(world, credit_id).state == "refused"
    with world.write() as session:
        assert Counter(one.is_upheld for one in session.query(ObjectionVote)) == {True: 3, False: 1}
        assert [step.role for step in session.query(CreditStep).filter_by(step="upheld")] == ["panel"]


def test_three_of_one_mind_need_not_wait_for_the_fourth_and_the_item_is_posted(world: World) -> None:
    credit_id, objection = before_panel(world)
    world.clock.advance(days=4)
    for who in ("panel", "judge1"):
        assert vote(world, who, objection, is_upheld=False) == "open"
    assert vote(world, "judge2", objection, is_upheld=False) == "dismissed"
    assert (credit(world, credit_id).state, balance(world, "volunteer")) == ("posted", 60)
    with pytest.raises(AlreadyAnswered):
        vote(world, "judge3", objection, is_upheld=True)


def test_a_posted_item_is_reversed_by_a_linked_transaction(world: World) -> None:
    seat(world, *JUDGES[1:])
    credit_id = propose(world)
    approve(world, "coordinator", credit_id)
    objection = object_to(world, "resident", credit_id)
    answer(world, "second", objection)
    for who in JUDGES[:3]:
        vote(world, who, objection, is_upheld=True)
    assert (credit(world, credit_id).state, balance(world, "volunteer")) == ("reversed", 0)
    with world.write() as session:
        assert session.query(CreditStep).filter_by(step="reversed").one().txn_id is not None


def test_a_tie_at_the_deadline_is_dismissed(world: World) -> None:
    credit_id, objection = before_panel(world)
    for who, is_upheld in zip(JUDGES, (True, False, True, False), strict=True):
        vote(world, who, objection, is_upheld=is_upheld)
    assert stage(world, objection) == ("dismissed", "panel")
    assert credit(world, credit_id).state == "in_notice"


def test_two_votes_are_no_quorum_and_the_second_approver_has_the_last_word(world: World) -> None:
    credit_id, objection = before_panel(world)
    for who in JUDGES[:2]:
        vote(world, who, objection, is_upheld=True)
    move_on(world, days=8)
    assert stage(world, objection) == ("open", "last")
    with pytest.raises(NotAllowed):
        answer(world, "panel", objection)
    assert answer(world, "second", objection) == "posted"
    assert stage(world, objection) == ("dismissed", "last")
    assert credit(world, credit_id).state == "posted"


def test_three_votes_at_the_deadline_decide_without_the_fourth(world: World) -> None:
    _, objection = before_panel(world)
    for who, is_upheld in zip(JUDGES[:3], (True, False, True), strict=True):
        vote(world, who, objection, is_upheld=is_upheld)
    move_on(world, days=6)
    assert stage(world, objection) == ("open", "panel")
    move_on(world, days=2)
    assert stage(world, objection) == ("upheld", "panel")


@pytest.mark.parametrize(("has_panel", "walk"), [(True, ["panel", "last"]), (False, ["last"])])
def test_left_alone_every_objection_ends(world: World, has_panel: bool, walk: list[str]) -> None:
    if has_panel:
        seat(world, *JUDGES[1:])
    credit_id = on_notice(world)
    objection = object_to(world, "resident", credit_id)
    for wanted in walk:
        move_on(world, days=8)
        assert stage(world, objection) == ("open", wanted)
    move_on(world, days=8)
    assert stage(world, objection) == ("upheld", "last")
    assert (credit(world, credit_id).state, balance(world, "volunteer")) == ("refused", 0)
    with world.write() as session:
        told = session.query(Message).filter_by(person_id=world.people["second"].id).count()
    assert told >= 1


def test_a_day_before_its_deadline_nothing_moves(world: World) -> None:
    objection = object_to(world, "resident", on_notice(world))
    move_on(world, days=7)
    assert stage(world, objection) == ("open", "answer")


def test_it_can_be_taken_back_before_the_panel(world: World) -> None:
    _, objection = before_panel(world)
    assert withdraw(world, "resident", objection) == "in_notice"
    with pytest.raises(AlreadyAnswered):
        vote(world, "panel", objection, is_upheld=True)


def test_each_has_one_vote_with_a_reason(world: World) -> None:
    _, objection = before_panel(world)
    with pytest.raises(Invalid):
        vote(world, "panel", objection, is_upheld=True, reason=" ")
    vote(world, "panel", objection, is_upheld=True)
    with pytest.raises(AlreadyVoted):
        vote(world, "panel", objection, is_upheld=False)
    with pytest.raises(NotAllowed):
        vote(world, "second", objection, is_upheld=False)


@pytest.mark.parametrize("relation", ["volunteer", "resident", "coordinator", "second"])
def test_the_household_of_everybody_involved_does_not_vote(world: World, relation: str) -> None:
    _, objection = before_panel(world)
    with world.write() as session:
        home = world.people[relation].household_id
        session.execute(update(Person).where(Person.id == world.people["panel"].id).values(household_id=home))
    with pytest.raises(InConflict):
        vote(world, "panel", objection, is_upheld=False)
    vote(world, "judge1", objection, is_upheld=False)


def test_the_database_keeps_votes_as_they_were_cast(world: World) -> None:
    _, objection = before_panel(world)
    vote(world, "panel", objection, is_upheld=True)
    with pytest.raises(SQLAlchemyError), world.write() as session:
        session.execute(text("UPDATE objection_vote SET reason = 'x'"))


def test_the_person_says_their_side(world: World) -> None:
    _, objection = before_panel(world)
    volunteer, resident = world.actor("volunteer"), world.actor("resident")
    with world.write() as session:
        objections.explain_oneself(session, volunteer, objection, words="我擦了三层", now=world.clock.now)
    with world.write() as session, pytest.raises(NotFound):
        objections.explain_oneself(session, resident, objection, words="不对", now=world.clock.now)
    with world.write() as session:
        assert session.query(Objection).one().own_words == "我擦了三层"


def test_paper_is_keyed_by_somebody_who_did_not_approve(world: World) -> None:
    public_id = credit(world, on_notice(world)).public_id
    resident = world.people["resident"].public_id
    approver, second = world.actor("coordinator"), world.actor("second")
    with world.write() as session, pytest.raises(SecondPersonRequired):
        objections.key_in(session, approver, public_id, resident, reason="没来", now=world.clock.now)
    with world.write() as session:
        found = objections.key_in(session, second, public_id, resident, reason="没来", now=world.clock.now)
        assert (found.by_person_id, found.keyed_by) == (world.people["resident"].id, world.people["second"].id)


def correct(world: World, who: str, credit_id: int, wanted_amount: int | None) -> str:
    actor, public_id = world.actor(who), credit(world, credit_id).public_id
    with world.write() as session:
        found = objections.correct(
            session, actor, public_id, reason="少算了半小时", wanted_amount=wanted_amount, now=world.clock.now
        )
        return found.public_id


def test_an_accepted_correction_reverses_and_proposes_anew_for_two_other_people_to_judge(world: World) -> None:
    credit_id = propose(world)
    approve(world, "coordinator", credit_id)
    objection = correct(world, "volunteer", credit_id, 90)
    with pytest.raises(SecondPersonRequired):
        answer(world, "coordinator", objection, is_upheld=True)
    assert answer(world, "second", objection, is_upheld=True) == "reversed"
    corrected = credit(world, credit_id).public_id
    with world.write() as session:
        scanned, more = session.query(Credit).filter_by(state="submitted").order_by(Credit.id).all()
        assert (scanned.amount, scanned.evidence_class, scanned.evidence["corrects"]) == (60, "A", corrected)
        assert (more.amount, more.evidence_class, more.evidence["corrects"]) == (30, "B", corrected)
    assert approve(world, "coordinator", scanned.id) == ("posted", None)
    assert approve(world, "coordinator", more.id) == ("in_notice", None)
    world.clock.advance(days=7)
    assert post_due(world) == 1
    assert balance(world, "volunteer") == 90


def test_not_mine_leaves_nothing_and_a_refused_correction_leaves_all(world: World) -> None:
    first, second = propose(world), propose(world)
    for credit_id in (first, second):
        approve(world, "coordinator", credit_id)
    answer(world, "second", correct(world, "volunteer", first, None), is_upheld=True)
    answer(world, "second", correct(world, "volunteer", second, 90), is_upheld=False)
    assert (balance(world, "volunteer"), credit(world, second).state) == (60, "posted")
    with world.write() as session:
        assert session.query(Credit).count() == 2


def test_only_ones_own_item_can_be_corrected_and_only_for_so_long(world: World) -> None:
    credit_id = propose(world)
    approve(world, "coordinator", credit_id)
    with pytest.raises(NotFound):
        correct(world, "resident", credit_id, 90)
    world.clock.advance(days=30, minutes=1)
    with pytest.raises(NotFound):
        correct(world, "volunteer", credit_id, 90)


def before_a_frozen_account(world: World) -> tuple[int, str, str]:
    """Let the panel uphold an objection to what a frozen account holds; give credit, objection and account."""
    seat(world, "judge1", "judge2")
    credit_id = propose(world)
    approve(world, "coordinator", credit_id)
    objection = object_to(world, "resident", credit_id)
    answer(world, "second", objection)
    path = chart.member(world.people["volunteer"].public_id)
    with world.write() as session:
        db.book(session, world.community_id, world.clock.now).freeze(path, "MIN", session=session)
    states = [vote(world, who, objection, is_upheld=True) for who in ("panel", "judge1", "judge2")]
    assert states == ["open", "open", "open"]
    return credit_id, objection, path


def test_what_the_book_refuses_is_settled_when_it_no_longer_does(world: World) -> None:
    credit_id, objection, path = before_a_frozen_account(world)
    for days in (1, 1, 4):
        move_on(world, days=days)
        assert stage(world, objection) == ("open", "panel")
        with world.write() as session:
            assert session.query(Message).filter(Message.sentence.contains("先解冻")).count() == 2
    with world.write() as session:
        db.book(session, world.community_id, world.clock.now).thaw(path, "MIN", session=session)
    move_on(world, days=1)
    assert stage(world, objection) == ("upheld", "panel")
    assert (credit(world, credit_id).state, balance(world, "volunteer")) == ("reversed", 0)


def test_a_verdict_on_a_frozen_account_is_carried_out_after_a_week_and_the_account_stays_frozen(world: World) -> None:
    credit_id, objection, path = before_a_frozen_account(world)
    for days, found in ((6, "open"), (1, "upheld")):
        move_on(world, days=days)
        assert stage(world, objection)[0] == found
    assert (credit(world, credit_id).state, balance(world, "volunteer")) == ("reversed", 0)
    with pytest.raises(AccountFrozen):
        spend(world, path)


def spend(world: World, path: str) -> None:
    with world.write() as session:
        book = db.book(session, world.community_id, world.clock.now)
        book.hold(path, "MIN", 1, expires_at=None, key="k", actor="p", effective=date(2026, 12, 1), session=session)


def test_ten_answers_at_once_give_the_panel_one(world: World) -> None:
    seat(world, *JUDGES[1:], "judge4")
    objection = object_to(world, "resident", on_notice(world))
    actors = [world.actor(who) for who in ("second", *JUDGES)] * 2

    def answering(number: int) -> Callable[[Session], str]:
        def work(session: Session) -> str:
            try:
                objections.answer(
                    session, actors[number], objection, is_upheld=None, words=f"第{number}", now=world.clock.now
                )
            except BankError as refusal:
                session.rollback()
                return refusal.code
            return "done"

        return work

    answers = together(world, [answering(number) for number in range(10)], held="SELECT id FROM credit FOR UPDATE")
    assert Counter(answers) == {"done": 1, "already_decided": 9}
    with world.write() as session:
        assert session.query(Objection).one().reply == f"第{answers.index('done')}"


def test_fifty_votes_at_once_give_one_verdict_and_everybody_the_truth(world: World) -> None:
    seat(world, *(f"judge{number}" for number in range(49)))
    credit_id = on_notice(world)
    objection = object_to(world, "resident", credit_id)
    answer(world, "second", objection)
    actors = [world.actor(who) for who in ("panel", *(f"judge{number}" for number in range(49)))]

    def voting_as(number: int) -> Callable[[Session], str]:
        def work(session: Session) -> str:
            try:
                found = voting.vote(
                    session, actors[number], objection, is_upheld=True, reason="核实", now=world.clock.now
                )
                return found.state
            except BankError as refusal:
                session.rollback()
                return refusal.code

        return work

    answers: Counter[str] = Counter()
    for start in range(0, 50, 10):
        works = [voting_as(number) for number in range(start, start + 10)]
        answers += Counter(together(world, works, held="SELECT id FROM credit FOR UPDATE"))
    assert answers == {"open": 25, "upheld": 1, "already_decided": 24}
    assert credit(world, credit_id).state == "refused"
    with world.write() as session:
        assert session.query(CreditStep).filter_by(step="upheld").count() == 1
        assert session.query(ObjectionVote).count() == 26


def test_who_grants_a_correction_does_not_approve_it_alone(world: World) -> None:
    credit_id = propose(world)
    approve(world, "coordinator", credit_id)
    add_coordinator(world)
    objection = correct(world, "volunteer", credit_id, 50)
    assert answer(world, "other", objection, is_upheld=True) == "reversed"
    with world.write() as session:
        anew = session.query(Credit).filter(Credit.source.contains(":correction:")).one().id
    assert approve(world, "other", anew) == ("second_review", None)
    assert approve(world, "other", anew)[1] == "second_person_required"
    assert approve(world, "second", anew)[0] in {"in_notice", "posted"}


def test_a_correction_of_points_asks_for_no_more_than_a_deed_of_a_month_gives(world: World) -> None:
    credit_id = propose(world, unit=chart.POINTS, amount=2, evidence_class="C")
    assert approve(world, "coordinator", credit_id)[0] == "in_notice"
    with pytest.raises(Invalid):
        correct(world, "volunteer", credit_id, 31)
    assert correct(world, "volunteer", credit_id, 30)
