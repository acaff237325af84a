"""Asking for help: who, what, for whose hours, verified and answered in the promised time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bank import chart
from bank.errors import Invalid, NotAllowed, NotFound
from bank.members import neighbours
from bank.members.models import Person
from bank.services import operations as help_
from bank.services.refusals import (
    GroupOnlyDonates,
    Moved,
    NotEnoughTime,
    NotOffered,
    OwnHome,
    PoolIsEmpty,
    SecondPerson,
    TooManyOpen,
)
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
