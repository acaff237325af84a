"""Deciding at the desk: who may, how much, what comes next, and many at once."""

from __future__ import annotations

from datetime import date

import pytest

from bank import chart, db
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.credits import operations as credits
from bank.credits.models import Credit
from bank.errors import Invalid, NotAllowed
from bank.members import operations as members
from bank.members.models import Message, Person
from tests.credits.builders import add_coordinator, approve, balance, credit, decide, propose, served
from tests.world import World


def test_an_approval_without_notice_days_posts_at_once(world: World) -> None:
    credit_id = propose(world)
    assert approve(world, "coordinator", credit_id) == ("posted", None)
    assert (balance(world, "volunteer"), served(world, "volunteer")) == (60, 60)
    posted = credit(world, credit_id)
    assert posted.txn_id is not None
    with world.write() as session:
        txn = db.book(session, world.community_id, world.clock.now).transaction(posted.txn_id, session=session)
    assert (txn.kind, txn.actor, txn.memo) == ("credit", world.people["coordinator"].public_id, "楼道清洁")
    assert txn.transfers[0].debit == "issuance:rules-1"


def test_a_class_with_notice_days_goes_on_notice_to_the_end_of_the_third_working_day(world: World) -> None:
    credit_id = propose(world, evidence_class="B")
    assert approve(world, "coordinator", credit_id) == ("in_notice", None)
    until = credit(world, credit_id).notice_until
    assert until is not None
    assert until.isoformat() == "2026-11-26T16:00:00+00:00"
    assert balance(world, "volunteer") == 0


def test_honour_hours_are_counted_and_never_spendable(world: World) -> None:
    with world.write() as session:
        communities.adopt_rules(
            session,
            session.get_one(Community, world.community_id),
            {"notice_days": {"A": 0, "B": 0, "C": 0}},
            effective_on=date(2026, 2, 1),
            now=world.clock.now,
        )
    credit_id = propose(world, evidence_class="C", rules_number=2)
    assert approve(world, "coordinator", credit_id) == ("posted", None)
    assert credit(world, credit_id).txn_id is None
    assert (balance(world, "volunteer"), served(world, "volunteer", "C")) == (0, 60)


def test_nobody_approves_their_own_work(world: World) -> None:
    assert approve(world, "coordinator", propose(world, "coordinator")) == ("submitted", "self_approval")


def test_nobody_approves_their_household(world: World) -> None:
    assert approve(world, "coordinator", propose(world, "relative")) == ("submitted", "same_household")


def test_nobody_refuses_their_own_work_or_household_either(world: World) -> None:
    ids = [propose(world, "coordinator"), propose(world, "relative")]
    codes = [outcome.code for outcome in decide(world, "coordinator", ids, "reject", reason="没有参加")]
    assert codes == ["self_approval", "same_household"]


def test_whoever_scanned_the_card_needs_a_second_person(world: World) -> None:
    credit_id = propose(world, by="coordinator")
    assert approve(world, "coordinator", credit_id) == ("second_review", None)
    assert balance(world, "volunteer") == 0
    assert approve(world, "coordinator", credit_id) == ("second_review", "second_person_required")
    assert approve(world, "second", credit_id) == ("posted", None)
    assert balance(world, "volunteer") == 60


def test_a_second_approver_decides_only_what_somebody_approved_first(world: World) -> None:
    assert approve(world, "second", propose(world)) == ("submitted", "forbidden")


def test_a_second_approver_decides_what_the_only_coordinator_may_not(world: World) -> None:
    own, relatives = propose(world, "coordinator"), propose(world, "relative", by="coordinator")
    assert approve(world, "second", own) == ("posted", None)
    assert approve(world, "second", relatives) == ("posted", None)
    assert (balance(world, "coordinator"), balance(world, "relative")) == (60, 60)
    (refused,) = decide(world, "second", [propose(world, "coordinator")], "reject", reason="没有参加")
    assert (refused.state, refused.code) == ("refused", None)


def test_another_coordinator_goes_before_the_second_approver_until_they_are_disabled(world: World) -> None:
    other = add_coordinator(world)
    credit_id = propose(world, "coordinator")
    assert approve(world, "second", credit_id) == ("submitted", "forbidden")
    with world.write() as session:
        members.disable(session, session.get_one(Person, other.id), now=world.clock.now)
    assert approve(world, "second", credit_id) == ("posted", None)


def test_a_coordinators_long_day_still_needs_two_people(world: World) -> None:
    credit_id = propose(world, "coordinator", amount=600)
    assert approve(world, "second", credit_id) == ("second_review", None)
    assert approve(world, "second", credit_id) == ("second_review", "second_person_required")
    add_coordinator(world)
    assert approve(world, "other", credit_id, reason="通宵值守") == ("posted", None)


def test_residents_decide_nothing(world: World) -> None:
    with pytest.raises(NotAllowed):
        approve(world, "resident", propose(world))


def test_another_communitys_credit_is_not_there(world: World) -> None:
    assert approve(world, "stranger_coordinator", propose(world)) == (None, "not_found")


def test_a_long_day_needs_a_second_person_and_a_longer_one_is_refused(world: World) -> None:
    morning, evening, night = propose(world, amount=480), propose(world, amount=240), propose(world, amount=1)
    assert approve(world, "coordinator", morning) == ("posted", None)
    assert approve(world, "coordinator", evening) == ("second_review", None)
    assert approve(world, "coordinator", night) == ("submitted", "cap_exceeded")
    assert approve(world, "second", evening) == ("second_review", "reason_required")
    assert approve(world, "second", evening, reason="防汛值守到晚上") == ("posted", None)
    assert balance(world, "volunteer") == 720


def test_credits_of_one_tap_count_towards_each_others_day(world: World) -> None:
    ids = [propose(world, amount=300) for _ in range(3)]
    outcomes = decide(world, "coordinator", ids)
    assert [(found.state, found.code) for found in outcomes] == [
        ("posted", None),
        ("second_review", None),
        ("submitted", "cap_exceeded"),
    ]


def test_what_is_chosen_and_counts_already_still_counts_towards_the_day(world: World) -> None:
    posted, waiting = propose(world, amount=480), propose(world, amount=240)
    decide(world, "coordinator", [posted, waiting])
    night = propose(world, amount=1)
    outcomes = decide(world, "coordinator", [posted, waiting, night])
    assert [found.code for found in outcomes] == ["already_decided", "second_person_required", "cap_exceeded"]
    assert approve(world, "second", waiting, reason="防汛值守") == ("posted", None)


def cap_balances(world: World, minutes: int) -> None:
    """Adopt rules, number 2, under which nobody holds more."""
    with world.write() as session:
        home = session.get_one(Community, world.community_id)
        settings = {"notice_days": {"A": 0}, "balance_cap_minutes": minutes}
        communities.adopt_rules(session, home, settings, effective_on=date(2026, 2, 1), now=world.clock.now)


def test_minutes_over_the_balance_cap_are_kept_as_honour(world: World) -> None:
    cap_balances(world, 100)
    exact, over, beyond = (propose(world, rules_number=2, amount=amount) for amount in (60, 60, 30))
    for credit_id in (exact, over, beyond):
        assert approve(world, "coordinator", credit_id) == ("posted", None)
    assert balance(world, "volunteer") == 100
    assert served(world, "volunteer") == 150
    kept = [(credit(world, id_).surplus, credit(world, id_).surplus_to) for id_ in (exact, over, beyond)]
    assert kept == [(None, None), (20, "honour"), (30, "honour")]
    assert credit(world, beyond).txn_id is None


def test_minutes_that_just_fit_under_the_cap_have_no_surplus(world: World) -> None:
    cap_balances(world, 60)
    credit_id = propose(world, rules_number=2)
    approve(world, "coordinator", credit_id)
    assert (balance(world, "volunteer"), credit(world, credit_id).surplus) == (60, None)


def test_minutes_over_the_balance_cap_go_to_the_pool_where_the_person_wished_so(world: World) -> None:
    cap_balances(world, 100)
    with world.write() as session:
        session.get_one(Person, world.people["volunteer"].id).surplus_to = "pool"
    ids = [propose(world, rules_number=2) for _ in range(3)]
    decide(world, "coordinator", ids)
    with world.write() as session:
        book = db.book(session, world.community_id, world.clock.now)
        assert book.balance(chart.pool(), chart.MINUTES, session=session).posted == 80
        told = {message.sentence for message in members.unread(session, world.people["volunteer"].id)}
    assert any("公益池" in sentence for sentence in told)
    assert (balance(world, "volunteer"), served(world, "volunteer")) == (100, 180)


def test_what_went_to_the_pool_comes_back_with_a_reversal(world: World) -> None:
    cap_balances(world, 30)
    with world.write() as session:
        session.get_one(Person, world.people["volunteer"].id).surplus_to = "pool"
    credit_id = propose(world, rules_number=2)
    approve(world, "coordinator", credit_id)
    with world.write() as session:
        credits.void(session, credit_id, reason="登记错了。", by=world.people["second"].id, now=world.clock.now)
        book = db.book(session, world.community_id, world.clock.now)
        assert book.balance(chart.pool(), chart.MINUTES, session=session).posted == 0
    assert (balance(world, "volunteer"), served(world, "volunteer")) == (0, 0)


def test_minutes_are_only_lowered_and_only_with_a_reason(world: World) -> None:
    credit_id = propose(world, amount=90)
    with pytest.raises(Invalid):
        approve(world, "coordinator", credit_id, amount=60)
    assert approve(world, "coordinator", credit_id, amount=91, reason="手误") == ("submitted", "invalid")
    assert approve(world, "coordinator", credit_id, amount=0, reason="手误") == ("submitted", "invalid")
    assert approve(world, "coordinator", credit_id, amount=60, reason="中途离开半小时") == ("posted", None)
    posted = credit(world, credit_id)
    assert (posted.amount, posted.approved_amount, posted.reason) == (90, 60, "中途离开半小时")
    assert balance(world, "volunteer") == 60


def test_a_refusal_needs_a_reason_and_is_told_with_the_next_step(world: World) -> None:
    credit_id = propose(world)
    with pytest.raises(Invalid):
        decide(world, "coordinator", [credit_id], "reject")
    assert decide(world, "coordinator", [credit_id], "reject", reason="没有看到您参加")[0].state == "refused"
    with world.write() as session:
        (message,) = session.query(Message).filter_by(person_id=world.people["volunteer"].id)
        assert message.facts == {"title": "楼道清洁", "reason": "没有看到您参加"}
        assert "社区服务台" in message.sentence


def test_what_is_decided_is_not_decided_again(world: World) -> None:
    credit_id = propose(world)
    approve(world, "coordinator", credit_id)
    assert approve(world, "coordinator", credit_id) == ("posted", "already_decided")
    assert decide(world, "coordinator", [credit_id], "reject", reason="晚了")[0].code == "already_decided"
    assert balance(world, "volunteer") == 60


def test_a_frozen_account_holds_up_its_own_item_only(world: World) -> None:
    frozen, fine = propose(world), propose(world, "resident")
    with world.write() as session:
        book = db.book(session, world.community_id, world.clock.now)
        book.freeze(chart.member(world.people["volunteer"].public_id), "MIN", session=session)
    outcomes = decide(world, "coordinator", [frozen, fine])
    assert [(found.state, found.code) for found in outcomes] == [("submitted", "account_frozen"), ("posted", None)]
    unchanged = credit(world, frozen)
    assert (unchanged.first_by, unchanged.approved_amount, unchanged.txn_id) == (None, None, None)
    assert served(world, "volunteer") == 0
    with world.write() as session:
        book = db.book(session, world.community_id, world.clock.now)
        book.thaw(chart.member(world.people["volunteer"].public_id), "MIN", session=session)
    assert approve(world, "coordinator", frozen) == ("posted", None)
    assert balance(world, "volunteer") == 60


def test_no_more_than_five_hundred_at_once(world: World) -> None:
    with pytest.raises(Invalid):
        decide(world, "coordinator", list(range(501)))


def test_nothing_of_zero_minutes_is_posted(world: World) -> None:
    credit_id = propose(world, amount=0)
    assert approve(world, "coordinator", credit_id) == ("posted", None)
    assert credit(world, credit_id).txn_id is None
    assert served(world, "volunteer") == 0


def test_whoever_lengthened_a_stay_with_a_card_is_no_longer_a_second_person(world: World) -> None:
    credit_id = propose(world)
    more = {"amount": 90, "evidence_class": "A", "evidence": {}, "flags": []}
    with world.write() as session:
        by = world.people["coordinator"].id
        assert credits.revise(session, credit_id, proposed_by=by, now=world.clock.now, **more)
    assert approve(world, "coordinator", credit_id) == ("second_review", None)


def test_a_proposal_is_revised_until_somebody_decides(world: World) -> None:
    credit_id = propose(world)
    more = {"amount": 75, "evidence_class": "A", "evidence": {"in": 1}, "flags": []}
    more["proposed_by"] = world.people["volunteer"].id
    with world.write() as session:
        assert credits.revise(session, credit_id, now=world.clock.now, **more)
    assert credit(world, credit_id).amount == 75
    approve(world, "coordinator", credit_id)
    with world.write() as session:
        assert not credits.revise(session, credit_id, now=world.clock.now, **{**more, "amount": 600})
        assert session.get_one(Credit, credit_id).approved_amount == 75
