"""A request's whole way: asked, verified, answered, visited, confirmed, paid; and each way it ends otherwise."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from bank import chart, db
from bank.communities.rules import Rules
from bank.credits import operations as credits
from bank.credits.models import Credit
from bank.errors import Invalid, NotAllowed, NotFound
from bank.members import neighbours
from bank.members.models import Person
from bank.services import intake, rules
from bank.services import operations as help_
from bank.services.models import HelpStep
from bank.services.refusals import (
    AlreadyRepeated,
    Busy,
    GroupOnlyDonates,
    Involved,
    Moved,
    NotEnoughTime,
    NotOffered,
    NotTheirCard,
    NotYet,
    OwnHome,
    PoolIsEmpty,
    SecondPerson,
    Taken,
    TooLate,
    TooManyOpen,
    WrongCode,
    WrongMoment,
)
from bank.services.visiting import Proof
from tests.credits.builders import approve
from tests.services.homes import HOURS, Homes


def test_an_hour_of_company_goes_from_the_resident_to_the_volunteer_by_two_legs(homes: Homes) -> None:
    request = homes.done()
    assert (request.state, request.paid_minutes) == ("done", 60)
    assert homes.has("resident").posted == HOURS - 60
    assert homes.has("resident").held == 0
    assert homes.balance(chart.help_given()).posted == 60
    assert homes.has("volunteer").posted == 0
    credit = homes.credit_of(request)
    assert (credit.source, credit.evidence_class, credit.amount) == (f"visit:{request.public_id}", "A", 60)
    assert credit.leader_id == request.person_id
    approve(homes.world, "coordinator", credit.id)
    homes.run_jobs()
    assert homes.has("volunteer").posted == 60
    homes.verify()


def test_hours_are_held_from_the_yes_on_and_not_before(homes: Homes) -> None:
    request = homes.verified()
    assert homes.has().held == 0
    homes.do("volunteer", help_.accept, request.public_id)
    assert (homes.has().held, homes.has().available) == (60, HOURS - 60)


def test_who_has_too_little_is_told_when_asking_what_is_open_counts(homes: Homes) -> None:
    homes.ask(minutes=120)
    homes.ask(minutes=120)
    homes.ask(kind="escort_med", minutes=240)
    homes.ask(minutes=120)
    with pytest.raises(NotEnoughTime) as refused:
        homes.ask(minutes=30)
    assert refused.value.facts == {"missing_minutes": 30}


def test_nobody_has_more_than_five_requests_open(homes: Homes) -> None:
    for _ in range(5):
        homes.ask(minutes=30)
    with pytest.raises(TooManyOpen):
        homes.ask(minutes=30)


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"minutes": 29}, "minutes"),
        ({"minutes": 121}, "minutes"),
        ({"starts_at": None}, "day"),
    ],
)
def test_what_is_out_of_bounds_is_refused_at_its_field(homes: Homes, wish: dict[str, object], field: str) -> None:
    if "starts_at" in wish:
        wish = {"starts_at": homes.now}
    with pytest.raises(Invalid) as refused:
        homes.ask(**wish)
    assert list(refused.value.errors) == [field]


def test_a_home_service_is_never_longer_than_the_rules_say(homes: Homes) -> None:
    homes.adopt(home_service_minutes=100)
    with pytest.raises(Invalid):
        homes.ask(minutes=101)
    assert homes.ask(minutes=100).minutes == 100


def test_a_groups_hours_bring_nobody_help(homes: Homes) -> None:
    """They can only be donated, whoever asks, and however much the account has."""
    before = homes.done(starts_at=homes.now + timedelta(days=1))
    with homes.world.write() as session:
        session.get_one(Person, homes.world.people["resident"].id).is_group = True
    with pytest.raises(GroupOnlyDonates):
        homes.ask()
    with pytest.raises(GroupOnlyDonates):
        homes.do("resident", help_.repeat, before.public_id)
    with homes.world.write() as session:
        group = session.get_one(Person, homes.world.people["resident"].id)
    with pytest.raises(GroupOnlyDonates):
        homes.do("coordinator", help_.ask_for, group, homes.wish(is_hardship=True), via="phone")


def test_what_is_off_cannot_be_asked_for(homes: Homes) -> None:
    with pytest.raises(NotOffered):
        homes.ask(kind="bath")


def test_staff_write_what_to_mind_and_the_resident_is_told(homes: Homes) -> None:
    person = homes.world.people["resident"]
    with pytest.raises(Invalid):
        homes.do("coordinator", help_.ask_for, person, homes.wish(risk_note=""), via="phone")
    homes.do("coordinator", help_.ask_for, person, homes.wish(), via="phone")
    assert "替您提了一件请求" in homes.told("resident")[-1]


def test_a_captain_asks_for_people_of_their_building_and_nobody_else_does(homes: Homes) -> None:
    person = homes.world.people["resident"]
    with pytest.raises(NotFound):
        homes.do("volunteer", help_.ask_for, person, homes.wish(), via="captain")
    coordinator = homes.world.actor("coordinator")
    with homes.world.write() as session:
        captain = session.get_one(Person, homes.world.people["volunteer"].id)
        neighbours.name_captain(session, coordinator, captain, "wyh-3", now=homes.now)
    request = homes.do("volunteer", help_.ask_for, person, homes.wish(), via="captain")
    assert (request.via, request.person_id) == ("captain", person.id)
    with pytest.raises(NotAllowed):
        homes.do("volunteer", help_.ask_for, person, homes.wish(), via="phone")
    with pytest.raises(Invalid):
        homes.do("volunteer", help_.ask_for, person, homes.wish(is_hardship=True), via="captain")


def test_the_pool_pays_where_two_people_say_so(homes: Homes) -> None:
    homes.fill_pool(60)
    person = homes.world.people["resident"]
    request = homes.do("coordinator", help_.ask_for, person, homes.wish(is_hardship=True), via="counter")
    with pytest.raises(SecondPerson):
        homes.do("coordinator", help_.verify, request.public_id)
    homes.do("second", help_.verify, request.public_id)
    homes.do("volunteer", help_.accept, request.public_id)
    assert homes.balance(chart.pool()).held == 60
    assert homes.has().held == 0


def test_an_empty_pool_says_so(homes: Homes) -> None:
    person = homes.world.people["resident"]
    request = homes.do("coordinator", help_.ask_for, person, homes.wish(is_hardship=True), via="counter")
    homes.do("second", help_.verify, request.public_id)
    with pytest.raises(PoolIsEmpty):
        homes.do("volunteer", help_.accept, request.public_id)


def test_a_resident_cannot_ask_for_the_pools_hours(homes: Homes) -> None:
    with pytest.raises(Invalid):
        homes.ask(is_hardship=True)


def test_nobody_verifies_their_own_homes_request(homes: Homes) -> None:
    homes.fill_pool(60)
    relative = homes.world.people["relative"]
    request = homes.do("coordinator2", help_.ask_for, relative, homes.wish(is_hardship=True), via="phone")
    with pytest.raises(SecondPerson):
        homes.do("coordinator", help_.verify, request.public_id)
    with pytest.raises(NotAllowed):
        homes.do("volunteer", help_.verify, request.public_id)
    with pytest.raises(SecondPerson):
        homes.do("coordinator", help_.ask_for, relative, homes.wish(is_hardship=True), via="phone")


def test_a_visit_stays_out_of_ones_own_home(homes: Homes) -> None:
    request = homes.verified()
    with pytest.raises(OwnHome):
        homes.do("resident", help_.accept, request.public_id)


def test_the_second_yes_is_told_that_somebody_was_first(homes: Homes) -> None:
    request = homes.accepted()
    with pytest.raises(Taken):
        homes.do("panel", help_.accept, request.public_id)


def test_a_volunteer_promises_an_hour_once(homes: Homes) -> None:
    first = homes.accepted()
    other = homes.ask(starts_at=first.starts_at + timedelta(minutes=59), minutes=30)
    after = homes.ask(starts_at=first.starts_at + timedelta(minutes=60), minutes=30)
    for one in (other, after):
        homes.do("coordinator", help_.verify, one.public_id)
    with pytest.raises(Busy):
        homes.do("volunteer", help_.accept, other.public_id)
    homes.do("volunteer", help_.accept, after.public_id)


def test_invitations_are_declined_without_a_mark_and_the_desk_asks_again(homes: Homes) -> None:
    request = homes.verified()
    names = [homes.world.people[who].public_id for who in ("volunteer", "panel")]
    homes.do("coordinator", help_.invite, request.public_id, names)
    assert homes.get(request).state == "offered"
    homes.do("volunteer", help_.decline, request.public_id)
    assert homes.get(request).state == "offered"
    homes.do("panel", help_.decline, request.public_id)
    assert homes.get(request).state == "verified"
    with homes.world.write() as session:
        steps = set(session.scalars(select(HelpStep.step).where(HelpStep.request_id == request.id)))
    assert "declined" not in steps
    with pytest.raises(NotFound):
        homes.do("resident", help_.decline, request.public_id)


def test_who_said_no_or_nothing_is_asked_again_where_the_desk_chooses_so(homes: Homes) -> None:
    request = homes.verified()
    names = [homes.world.people[who].public_id for who in ("volunteer", "panel")]
    homes.do("coordinator", help_.invite, request.public_id, names)
    with pytest.raises(NotFound):
        homes.do("coordinator", help_.invite, request.public_id, names[:1])
    homes.do("volunteer", help_.decline, request.public_id)
    homes.world.clock.now = homes.get(request).due_at
    homes.run_jobs()
    with homes.world.write() as session:
        found = help_.suited(session, request, now=homes.now)
    assert {one.said for one in found} == {"declined", "passed"}
    assert homes.do("coordinator", help_.invite, request.public_id, names) == 2
    assert "想请您帮忙" in homes.told("volunteer")[-1]
    homes.do("volunteer", help_.accept, request.public_id)
    assert homes.get(request).state == "accepted"


def test_who_could_not_come_after_all_may_be_asked_again(homes: Homes) -> None:
    request = homes.accepted()
    homes.do("volunteer", help_.withdraw, request.public_id)
    homes.do("coordinator", help_.invite, request.public_id, [homes.world.people["volunteer"].public_id])
    homes.do("volunteer", help_.accept, request.public_id)
    assert homes.has().held == 60


def test_no_more_than_three_are_invited_at_once_and_only_who_suits(homes: Homes) -> None:
    request = homes.verified()
    with pytest.raises(Invalid):
        homes.do("coordinator", help_.invite, request.public_id, [])
    with pytest.raises(NotFound):
        homes.do("coordinator", help_.invite, request.public_id, [homes.world.people["resident"].public_id])
    with pytest.raises(NotFound):
        homes.do("coordinator", help_.invite, request.public_id, [homes.world.people["auditor"].public_id])


def test_an_unanswered_invitation_ends_after_its_hours(homes: Homes) -> None:
    request = homes.verified()
    homes.do("coordinator", help_.invite, request.public_id, [homes.world.people["volunteer"].public_id])
    homes.world.clock.advance(hours=24, minutes=-1)
    homes.run_jobs()
    assert homes.get(request).state == "offered"
    homes.world.clock.advance(minutes=1)
    homes.run_jobs()
    assert homes.get(request).state == "verified"


def test_who_is_near_speaks_alike_and_rested_comes_first() -> None:
    near = rules.reasons(rules.Helper(1, True, 0, True, 1, 0), 0)
    far = rules.reasons(rules.Helper(2, True, 5, False, 0, 2), 0)
    next_door = rules.reasons(rules.Helper(3, True, 2, True, 0, 1), 0)
    assert near == ["skill", "same_building", "speech", "pair", "rested"]
    assert next_door == ["skill", "near", "speech", "rested"]
    assert far == ["skill"]
    assert rules.score(near) > rules.score(next_door) > rules.score(far)


def test_a_volunteer_who_cannot_come_gives_the_hours_back_and_it_goes_first(homes: Homes) -> None:
    request = homes.accepted()
    homes.do("volunteer", help_.withdraw, request.public_id)
    again = homes.get(request)
    assert (again.state, again.is_first, again.volunteer_id, homes.has().held) == ("verified", True, None, 0)
    homes.do("panel", help_.accept, request.public_id)
    assert homes.has().held == 60


def test_nobody_found_by_the_hour_is_told_and_may_be_repeated(homes: Homes) -> None:
    request = homes.verified()
    homes.at_start(request, seconds=-1)
    homes.run_jobs()
    assert homes.get(request).state == "verified"
    homes.at_start(request)
    homes.run_jobs()
    assert homes.get(request).state == "nobody_found"
    assert "到时间还没找到人" in homes.told("resident")[-1]
    again = homes.do("resident", help_.repeat, request.public_id)
    assert again.starts_at == request.starts_at + timedelta(days=7)
    with pytest.raises(AlreadyRepeated):
        homes.do("resident", help_.repeat, request.public_id)


def test_a_day_ahead_a_visit_is_cancelled_for_nothing(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request, hours=-24)
    homes.do("resident", help_.cancel, request.public_id, reason=None)
    assert (homes.get(request).state, homes.has().available, homes.has().held) == ("cancelled", HOURS, 0)


def test_a_late_cancellation_is_half_an_hour_to_the_volunteer(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request, hours=-24, seconds=1)
    homes.do("resident", help_.cancel, request.public_id, reason="住院了")
    assert homes.has().available == HOURS - 30
    assert homes.credit_of(request).amount == 30
    assert homes.get(request).state == "cancelled"


def test_a_card_says_came_then_went_and_a_second_scan_at_once_is_the_same(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request)
    assert homes.scan(request) == "arrived"
    homes.world.clock.advance(minutes=9)
    assert homes.scan(request) == "again"
    homes.world.clock.advance(minutes=51)
    assert homes.scan(request) == "left"
    with pytest.raises(Moved):
        homes.scan(request)


def test_only_the_residents_own_card_counts(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request)
    with pytest.raises(NotTheirCard):
        homes.scan(request, proof=Proof("card", owner_id=homes.world.people["panel"].id))
    with pytest.raises(NotFound):
        homes.scan(request, "panel")


def test_a_coordinator_does_not_scan_for_a_helper_of_their_own_home(homes: Homes) -> None:
    homes.likes("relative", ["company"])
    request = homes.verified()
    homes.do("relative", help_.accept, request.public_id)
    homes.at_start(request)
    with pytest.raises(Involved):
        homes.scan(request, who="coordinator")
    assert homes.scan(request, who="coordinator2") == "arrived"


def test_coming_and_going_never_have_the_same_digits(homes: Homes, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter(["0000000A", "00000001", "00000001", "00000002"])
    monkeypatch.setattr(intake, "new_public_id", lambda: next(drawn))
    request = homes.ask()
    assert (request.code_in, request.code_out) == ("000001", "000002")


def test_digits_are_said_when_coming_and_others_when_going(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request)
    wrong = "000000" if request.code_in != "000000" else "000001"
    with pytest.raises(WrongCode):
        homes.scan(request, proof=Proof("digits", six=wrong))
    assert homes.scan(request, proof=Proof("digits", six=request.code_in)) == "arrived"
    homes.world.clock.advance(minutes=60)
    assert homes.scan(request, proof=Proof("digits", six=request.code_in)) == "again"
    assert homes.scan(request, proof=Proof("digits", six=request.code_out)) == "left"


def test_both_phones_will_do(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request)
    homes.scan(request, "resident", Proof("phone"))
    homes.world.clock.advance(minutes=60)
    homes.scan(request, "resident", Proof("phone"))
    assert homes.get(request).state == "to_confirm"
    homes.do("volunteer", help_.confirm, request.public_id)
    assert homes.get(request).state == "done"


def test_a_scan_may_come_later_with_its_own_moment_within_bounds(homes: Homes) -> None:
    request = homes.accepted()
    came, went = request.starts_at, request.starts_at + timedelta(minutes=60)
    homes.world.clock.now = went + timedelta(hours=23)
    with pytest.raises(WrongMoment):
        homes.scan(request, proof=Proof("card", request.person_id, happened_at=homes.now + timedelta(minutes=3)))
    homes.scan(request, proof=Proof("card", request.person_id, happened_at=came))
    homes.scan(request, proof=Proof("card", request.person_id, happened_at=went))
    kept = homes.get(request)
    assert (kept.arrived_at, kept.left_at, kept.is_late_upload) == (came, went, True)
    homes.do("resident", help_.confirm, request.public_id)
    assert [flag["code"] for flag in homes.credit_of(request).flags] == ["late_upload"]


def test_nobody_comes_before_the_doors_open_nor_when_it_should_be_over(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request, minutes=-30, seconds=-1)
    with pytest.raises(NotYet):
        homes.scan(request)
    homes.at_start(request, minutes=60, seconds=1)
    with pytest.raises(TooLate):
        homes.scan(request)


def test_a_visit_without_any_scan_ends_as_nobody_came_after_its_hours(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request, hours=25, seconds=-1)
    homes.run_jobs()
    assert homes.get(request).state == "accepted"
    homes.at_start(request, hours=25)
    homes.run_jobs()
    assert (homes.get(request).state, homes.has().available) == ("no_show", HOURS)


def test_the_smaller_of_agreed_and_scanned_counts(homes: Homes) -> None:
    assert homes.done(50).paid_minutes == 50
    homes.world.clock.advance(days=1)
    assert homes.done(70).paid_minutes == 60


@pytest.mark.parametrize(("minutes", "state"), [(45, "done"), (44, "disputed"), (75, "done"), (76, "disputed")])
def test_a_quarter_of_an_hour_is_the_border_of_an_hours_visit(homes: Homes, minutes: int, state: str) -> None:
    assert homes.done(minutes).state == state


def test_a_quarter_is_the_border_of_a_short_visit(homes: Homes) -> None:
    assert homes.done(24, minutes=32, kind="company").state == "done"
    homes.world.clock.advance(days=1)
    assert homes.done(23, minutes=32, kind="company").state == "disputed"


def test_a_card_and_pin_or_a_call_back_is_the_residents_word(homes: Homes) -> None:
    request = homes.visit()
    owner = homes.world.people["resident"]
    with pytest.raises(NotTheirCard):
        homes.do("volunteer", help_.confirm_by_card, request.public_id, homes.world.people["panel"])
    homes.do("volunteer", help_.confirm_by_card, request.public_id, owner)
    assert homes.get(request).state == "done"
    homes.world.clock.advance(days=1)
    other = homes.visit()
    homes.do("second", help_.call_back, other.public_id, is_right=True, words="")
    assert homes.get(other).state == "done"
    assert homes.credit_of(other).proposed_by == homes.world.people["second"].id


def test_no_side_calls_itself_back(homes: Homes) -> None:
    relative = homes.world.people["relative"]
    request = homes.visit()
    with pytest.raises(NotAllowed):
        homes.do("volunteer", help_.call_back, request.public_id, is_right=True, words="")
    with homes.world.write() as session:
        session.get_one(Person, homes.world.people["coordinator"].id).household_id = session.get_one(
            Person, request.person_id
        ).household_id
    with pytest.raises(Involved):
        homes.do("coordinator", help_.call_back, request.public_id, is_right=True, words="")
    assert relative.id != request.person_id


def test_confirming_twice_pays_once(homes: Homes) -> None:
    request = homes.done()
    with pytest.raises(Moved):
        homes.do("resident", help_.confirm, request.public_id)
    assert homes.balance(chart.help_given()).posted == 60


def test_silence_of_the_resident_brings_somebody_to_ask_and_then_gives_the_hours_back(homes: Homes) -> None:
    request = homes.visit()
    homes.world.clock.now = homes.get(request).due_at - timedelta(seconds=1)
    homes.run_jobs()
    assert homes.get(request).state == "to_confirm"
    homes.world.clock.advance(seconds=1)
    homes.run_jobs()
    waiting = homes.get(request)
    assert (waiting.state, waiting.doubt) == ("disputed", "unconfirmed")
    homes.world.clock.now = waiting.due_at
    homes.run_jobs()
    assert (homes.get(request).state, homes.has().available, homes.has().held) == ("resolved", HOURS, 0)


def test_the_residents_word_alone_counts_where_the_volunteer_forgot(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request)
    homes.scan(request, "resident", Proof("phone"))
    homes.world.clock.advance(minutes=60)
    homes.scan(request, "resident", Proof("phone"))
    homes.world.clock.now = homes.get(request).due_at
    homes.run_jobs()
    assert homes.get(request).state == "done"


def test_what_differs_is_decided_by_somebody_uninvolved(homes: Homes) -> None:
    person = homes.world.people["resident"]
    request = homes.do("coordinator", help_.ask_for, person, homes.wish(), via="phone")
    homes.do("coordinator", help_.verify, request.public_id)
    homes.do("volunteer", help_.accept, request.public_id)
    homes.at_start(homes.get(request))
    homes.scan(request)
    homes.world.clock.advance(minutes=40)
    homes.scan(request)
    homes.do("resident", help_.confirm, request.public_id)
    homes.do("resident", help_.say_words, request.public_id, "他早走了")
    homes.do("volunteer", help_.say_words, request.public_id, "老人要午睡")
    for who, refusal in (("coordinator", Involved), ("volunteer", NotAllowed)):
        with pytest.raises(refusal):
            homes.do(who, help_.decide, request.public_id, minutes=40, reason="两边都说好了")
    with pytest.raises(Invalid):
        homes.do("coordinator2", help_.decide, request.public_id, minutes=61, reason="多算")
    homes.do("coordinator2", help_.decide, request.public_id, minutes=40, reason="两边都说好了")
    assert (homes.get(request).state, homes.get(request).paid_minutes) == ("resolved", 40)
    assert homes.credit_of(request).proposed_by == homes.world.people["coordinator2"].id


def test_a_dispute_nobody_decides_pays_the_smaller_figure_both_agreed_to(homes: Homes) -> None:
    request = homes.done(40)
    homes.world.clock.now = request.due_at - timedelta(seconds=1)
    homes.run_jobs()
    assert homes.get(request).state == "disputed"
    homes.world.clock.advance(seconds=1)
    homes.run_jobs()
    assert (homes.get(request).state, homes.get(request).paid_minutes) == ("resolved", 40)


def test_a_closed_door_is_decided_and_worth_half_an_hour(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request, minutes=15, seconds=-1)
    with pytest.raises(NotYet):
        homes.do("volunteer", help_.closed_door, request.public_id, "敲了三遍")
    homes.at_start(request, minutes=15)
    homes.do("volunteer", help_.closed_door, request.public_id, "敲了三遍")
    homes.do("coordinator2", help_.decide, request.public_id, minutes=60, reason="打了电话，忘了")
    assert (homes.get(request).state, homes.get(request).paid_minutes) == ("not_home", 30)


def test_a_closed_door_nobody_confirms_costs_nothing(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request, minutes=15)
    homes.do("volunteer", help_.closed_door, request.public_id, "")
    homes.world.clock.now = homes.get(request).due_at
    homes.run_jobs()
    assert (homes.get(request).state, homes.has().available) == ("no_show", HOURS)


def test_when_nobody_comes_all_goes_back_and_the_next_day_goes_first(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request, minutes=14)
    with pytest.raises(NotYet):
        homes.do("resident", help_.nobody_came, request.public_id)
    homes.at_start(request, minutes=15)
    again = homes.do("resident", help_.nobody_came, request.public_id)
    assert (homes.get(request).state, homes.has().available) == ("no_show", HOURS)
    assert (again.state, again.is_first) == ("verified", True)
    assert again.starts_at == request.starts_at + timedelta(days=1)


def test_a_forgotten_way_out_is_looked_at_and_not_paid_by_itself(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request)
    homes.scan(request)
    homes.world.clock.now = homes.get(request).due_at
    homes.run_jobs()
    assert (homes.get(request).state, homes.get(request).doubt) == ("disputed", "no_check_out")
    homes.do("second", help_.decide, request.public_id, minutes=60, reason="两边都说一小时")
    assert homes.get(request).paid_minutes == 60


def test_what_was_refused_comes_back_after_the_days_in_which_it_may_be_reopened(homes: Homes) -> None:
    request = homes.done()
    actor = homes.world.actor("coordinator")
    with homes.world.write() as session:
        credits.decide(session, actor, [request.credit_id], "reject", reason="没有这回事", now=homes.now)
    homes.world.clock.advance(days=5, seconds=-1)
    homes.run_jobs()
    assert homes.has().posted == HOURS - 60
    homes.world.clock.advance(seconds=1)
    homes.run_jobs()
    homes.run_jobs()
    assert homes.has().posted == HOURS
    assert homes.balance(chart.help_given()).posted == 0
    assert homes.get(request).returned_txn_id is not None
    homes.verify()


def test_what_was_reversed_comes_back_at_once_but_not_while_a_correction_stands(homes: Homes) -> None:
    request = homes.done()
    credit = homes.credit_of(request)
    approve(homes.world, "coordinator", credit.id)
    homes.run_jobs()
    with homes.world.write() as session:
        credits.propose(
            session,
            community_id=credit.community_id,
            source=f"{credit.source}:correction:1",
            person_id=credit.person_id,
            proposed_by=credit.person_id,
            title=credit.title,
            happened_on=credit.happened_on,
            unit=credit.unit,
            amount=50,
            evidence_class="A",
            evidence={},
            flags=[],
            rules_number=1,
            now=homes.now,
        )
        credits.void(session, credit.id, reason="更正", by=None, now=homes.now)
    homes.run_jobs()
    assert homes.has().posted == HOURS - 60
    with homes.world.write() as session:
        other = session.scalars(select(Credit).where(Credit.source.like("%:correction:1"))).one()
        credits.void(session, other.id, reason="没有这回事", by=None, now=homes.now)
    homes.run_jobs()
    assert homes.has().posted == HOURS


def test_the_desk_is_told_once_of_a_broken_promise(homes: Homes) -> None:
    request = homes.ask(starts_at=homes.now + timedelta(days=9))
    homes.world.clock.now = request.promised_at - timedelta(seconds=1)
    homes.run_jobs()
    assert homes.get(request).warned_at is None
    homes.world.clock.advance(seconds=1)
    homes.run_jobs()
    homes.run_jobs()
    assert sum("还没办" in sentence for sentence in homes.told("second")) == 1


def test_promises_are_kept_in_working_days(homes: Homes) -> None:
    far = homes.now + timedelta(days=20)
    request = homes.ask(starts_at=far)
    assert request.promised_at - homes.now < timedelta(days=2)
    homes.adopt(help_verify_days=3, help_answer_days=4)
    other = homes.ask(starts_at=far)
    assert other.promised_at - request.promised_at == timedelta(days=2)
    homes.do("coordinator", help_.verify, other.public_id)
    answered = homes.get(other).promised_at
    assert answered - other.promised_at == timedelta(days=1)


def test_a_problem_is_answered_by_the_desk_or_goes_to_the_second_approver(homes: Homes) -> None:
    request = homes.done()
    told = homes.do("resident", help_.report, request.public_id, "碰坏了杯子")
    with pytest.raises(NotFound):
        homes.do("panel", help_.report, request.public_id, "不关我事")
    homes.world.clock.now = told.due_at - timedelta(seconds=1)
    homes.run_jobs()
    assert "过期没有答复" not in "".join(homes.told("second"))
    homes.world.clock.advance(seconds=1)
    homes.run_jobs()
    assert "过期没有答复" in homes.told("second")[-1]
    homes.do("second", help_.answer, told.id, "已经赔了")
    with pytest.raises(Moved):
        homes.do("coordinator", help_.answer, told.id, "再答一次")


def test_a_visit_in_vain_is_never_worth_more_than_was_agreed() -> None:
    in_force = Rules(1, date(2026, 1, 1))
    assert [rules.missed(in_force, agreed) for agreed in (29, 30, 31)] == [29, 30, 30]
    assert rules.missed(Rules(1, date(2026, 1, 1), help_missed_minutes=0), 60) == 0


def _freeze(homes: Homes, *, is_frozen: bool) -> None:
    path = chart.member(homes.world.people["resident"].public_id)
    with homes.world.write() as session:
        book = db.book(session, homes.world.community_id, homes.now)
        (book.freeze if is_frozen else book.thaw)(path, chart.MINUTES, session=session)


def test_a_frozen_account_holds_up_nobody_elses_request(homes: Homes) -> None:
    request, refused = homes.visit(), homes.done()
    actor = homes.world.actor("coordinator")
    with homes.world.write() as session:
        credits.decide(session, actor, [refused.credit_id], "reject", reason="没有这回事", now=homes.now)
    _freeze(homes, is_frozen=True)
    homes.do("volunteer", help_.confirm_by_card, request.public_id, homes.world.people["resident"])
    homes.world.clock.advance(days=30)
    homes.run_jobs()
    assert homes.get(request).state in rules.ENDS
    _freeze(homes, is_frozen=False)
    homes.world.clock.advance(days=1)
    homes.run_jobs()
    assert homes.get(refused).returned_txn_id is not None
