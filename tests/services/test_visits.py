"""A visit: coming and going, both say so, what is paid, and each way it ends otherwise."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from bank import chart
from bank.communities.rules import Rules
from bank.errors import Invalid, NotAllowed, NotFound
from bank.members.models import Person
from bank.services import intake, rules
from bank.services import operations as help_
from bank.services.refusals import (
    Involved,
    Moved,
    NotTheirCard,
    NotYet,
    TooLate,
    WrongCode,
    WrongMoment,
)
from bank.services.visiting import Proof
from tests.services.homes import HOURS, Homes


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


def test_a_visit_in_vain_is_never_worth_more_than_was_agreed() -> None:
    in_force = Rules(1, date(2026, 1, 1))
    assert [rules.missed(in_force, agreed) for agreed in (29, 30, 31)] == [29, 30, 30]
    assert rules.missed(Rules(1, date(2026, 1, 1), help_missed_minutes=0), 60) == 0
