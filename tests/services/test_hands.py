"""Nobody moves a resident's hours to a friend alone: who acted for a side had a hand, and steps back where near."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bank.activities.models import Activity
from bank.giving import bonds
from bank.members.models import Person
from bank.members.standing import Stopped
from bank.services import operations as help_
from bank.services.models import HelpRequest
from bank.services.refusals import Busy, Involved, OwnAsking
from tests.checkin.street import published, rfc
from tests.credits.builders import approve
from tests.giving.conftest import bind
from tests.giving.test_farewells import confirmed
from tests.services.homes import HOURS, Homes
from tests.shop.test_stock import share_a_door

DAY = timedelta(days=1)


def by_phone(homes: Homes, **more: Any) -> HelpRequest:
    """Let the coordinator take a call of the resident, and verify it."""
    person = homes.world.people["resident"]
    asked: HelpRequest = homes.do("coordinator", help_.ask_for, person, homes.wish(**more), via="phone")
    homes.do("coordinator", help_.verify, asked.public_id)
    return homes.get(asked)


def scanned_by_the_desk(homes: Homes) -> HelpRequest:
    """Let the coordinator do everything in the resident's stead."""
    asked = by_phone(homes)
    homes.do("volunteer", help_.accept, asked.public_id)
    homes.at_start(asked)
    homes.scan(asked, "coordinator")
    homes.world.clock.advance(minutes=60)
    homes.scan(asked, "coordinator")
    homes.do("volunteer", help_.confirm, asked.public_id)
    return homes.get(asked)


def key_the_pin(homes: Homes, asked: HelpRequest, who: str = "coordinator") -> HelpRequest:
    with homes.world.write() as session:
        owner = session.get_one(Person, asked.person_id)
    homes.do(who, help_.confirm_by_card, asked.public_id, owner)
    return homes.get(asked)


def suited(homes: Homes, asked: HelpRequest) -> set[str]:
    """Name who is proposed for a visit."""
    names = {person.id: name for name, person in homes.world.people.items()}
    with homes.world.write() as session:
        return {names[one.person.id] for one in help_.suited(session, asked, now=homes.now)}


def test_a_coordinator_who_does_it_all_for_a_resident_does_not_approve_it_alone(homes: Homes) -> None:
    credit = homes.credit_of(key_the_pin(homes, scanned_by_the_desk(homes)))
    assert credit.proposed_by == homes.world.people["coordinator"].id
    assert approve(homes.world, "coordinator", credit.id) == ("second_review", None)
    assert approve(homes.world, "coordinator", credit.id)[1] == "second_person_required"
    assert approve(homes.world, "second", credit.id)[1] is None


def test_the_resident_pin_keyed_at_the_desk_is_a_hand_and_on_the_helpers_phone_is_none(homes: Homes) -> None:
    for who, proposer in (("second", "second"), ("volunteer", "volunteer")):
        asked = homes.visit(starts_at=homes.now + 3 * DAY)
        homes.do("volunteer", help_.confirm, asked.public_id)
        credit = homes.credit_of(key_the_pin(homes, asked, who))
        assert credit.proposed_by == homes.world.people[proposer].id


def test_a_late_cancellation_by_the_desk_is_not_approved_by_it_alone_and_counts_as_no_scan(homes: Homes) -> None:
    asked = homes.accepted()
    homes.at_start(asked, hours=-1)
    homes.do("coordinator", help_.cancel, asked.public_id, reason="住院了")
    credit = homes.credit_of(asked)
    assert (credit.amount, credit.evidence_class) == (30, "B")
    assert approve(homes.world, "coordinator", credit.id) == ("second_review", None)


def test_who_helps_or_lives_with_who_does_steps_back_and_is_paid_nothing(homes: Homes) -> None:
    homes.likes("coordinator", ["company"])
    asked = by_phone(homes)
    homes.do("coordinator2", help_.accept, asked.public_id)
    share_a_door(homes, "coordinator", "coordinator2")
    homes.at_start(asked, hours=-1)
    for who in ("coordinator", "coordinator2"):
        with pytest.raises(Involved):
            homes.do(who, help_.cancel, asked.public_id, reason=None)
    homes.do("coordinator2", help_.withdraw, asked.public_id)
    assert (homes.get(asked).state, homes.has().available) == ("verified", HOURS)
    homes.do("coordinator", help_.cancel, asked.public_id, reason=None)
    assert homes.has().available == HOURS


def test_the_home_of_who_asked_for_somebody_does_not_go_there(homes: Homes) -> None:
    asked = by_phone(homes)
    homes.likes("relative", ["company"])
    with homes.world.write() as session:
        assert homes.world.people["relative"].id not in [
            one.person.id for one in help_.suited(session, asked, now=homes.now)
        ]
    with pytest.raises(OwnAsking):
        homes.do("relative", help_.accept, asked.public_id)


def test_who_signed_up_for_an_activity_promises_no_visit_at_that_time(homes: Homes) -> None:
    starts_at = homes.now + 3 * DAY
    name = published(homes.world, starts_at=rfc(starts_at), ends_at=rfc(starts_at + timedelta(hours=4)))
    assert homes.world.api("volunteer", "POST", f"/activities/{name}/sign-ups", {}).status_code == 201
    asked = homes.verified(starts_at=starts_at + timedelta(hours=1))
    with pytest.raises(Busy):
        homes.do("volunteer", help_.accept, asked.public_id)
    with homes.world.write() as session:
        session.scalars(select(Activity).where(Activity.public_id == name)).one().state = "cancelled"
    homes.do("volunteer", help_.accept, asked.public_id)


def test_who_is_said_to_move_away_is_asked_for_no_visit(homes: Homes) -> None:
    asked = homes.verified()
    confirmed(homes.world, "volunteer", "moved")
    assert suited(homes, asked) == {"panel"}
    with pytest.raises(Stopped):
        homes.do("volunteer", help_.accept, asked.public_id)


def test_a_typed_card_number_is_seen_by_whoever_approves_and_a_scanned_card_is_not(homes: Homes) -> None:
    asked = homes.accepted()
    homes.at_start(asked)
    page, path = homes.world.page("volunteer"), f"/help/{asked.public_id}/scan"
    assert page.post(path, data={"card": homes.world.people["resident"].public_id}).status_code == 303
    homes.world.clock.advance(minutes=60)
    homes.scan(asked)
    homes.do("resident", help_.confirm, asked.public_id)
    credit = homes.credit_of(asked)
    assert [flag["code"] for flag in credit.flags] == ["typed"]
    assert (credit.evidence["via_in"], credit.evidence["via_out"]) == ("card_number", "door_card")
    text = homes.world.page("coordinator").get(f"/desk/items/{credit.public_id}").get_data(as_text=True)
    assert "来或走是输入卡号记的" in text
    assert "输入居民家的卡号" in text
    assert homes.credit_of(homes.done(starts_at=homes.now + DAY)).flags == []


def test_a_visit_of_a_bound_relative_is_seen_by_whoever_approves(homes: Homes) -> None:
    bond = bind(homes.world)
    asked = homes.done()
    assert [flag["code"] for flag in homes.credit_of(asked).flags] == ["relatives"]
    homes.do("resident", bonds.end, bond)
    assert homes.credit_of(homes.done(starts_at=homes.now + DAY)).flags == []
