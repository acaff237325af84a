"""Finding who comes: invitations, saying yes and no, nobody found, cancelling."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from bank.errors import Invalid, NotFound
from bank.services import operations as help_
from bank.services import rules
from bank.services.models import HelpStep
from bank.services.refusals import (
    AlreadyRepeated,
    Busy,
    Taken,
)
from tests.services.homes import HOURS, Homes


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
