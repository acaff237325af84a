"""Paper rosters: keyed in within days, photographed, confirmed by a second person, credited once."""

from __future__ import annotations

from datetime import time

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from bank.activities.models import Activity
from bank.checkin.models import Attendance
from bank.credits.models import Credit, ServiceTotal
from bank.credits.undoing import CreditedElsewhere
from bank.deeds.models import Photo
from bank.errors import Invalid, NotAllowed, NotFound
from bank.members.models import Message
from bank.qr import new_public_id
from bank.sheets import confirming, keying, rules
from bank.sheets import operations as sheets
from bank.sheets.models import Sheet, SheetLine
from tests.credits.builders import add_coordinator, approve
from tests.sheets.rosters import WHY, begun, confirm, credits_of, handed_in, held
from tests.world import World


def state_of(world: World, sheet: str) -> str:
    with world.write() as session:
        return session.scalars(select(Sheet.state).where(Sheet.public_id == sheet)).one()


def test_a_confirmed_line_becomes_a_credit_of_class_b_and_goes_the_ordinary_road(world: World) -> None:
    sheet = handed_in(world, held(world), "volunteer", "resident")
    assert len(confirm(world, sheet)) == 2
    (credit,) = credits_of(world, "volunteer")
    assert (credit.evidence_class, credit.amount, credit.state) == ("B", 120, "submitted")
    assert credit.proposed_by == world.people["coordinator"].id
    assert credit.evidence["sheet_id"] == sheet
    assert credit.evidence["confirmed_by"] == world.people["second"].name
    assert approve(world, "coordinator", credit.id) == ("second_review", None)
    assert approve(world, "second", credit.id) == ("in_notice", None)


def test_another_coordinators_confirmation_is_the_first_approval(world: World) -> None:
    add_coordinator(world)
    sheet = handed_in(world, held(world), "volunteer")
    confirm(world, sheet, "other")
    assert credits_of(world, "volunteer")[0].state == "in_notice"


@pytest.mark.parametrize("by", ["coordinator", "relative"])
def test_who_keyed_it_in_or_lives_with_them_does_not_confirm(world: World, by: str) -> None:
    if by == "relative":
        world.api("admin", "GET", "/me")
        with world.write() as session:
            from bank.communities.models import Community
            from bank.members import operations as members

            home = session.get_one(Community, world.community_id)
            members.grant_role(session, world.people[by], "second_approver", home, now=world.clock.now)
    sheet = handed_in(world, held(world), "volunteer")
    with pytest.raises(rules.OwnSheet):
        confirm(world, sheet, by)
    assert state_of(world, sheet) == "handed_in"


def test_the_database_refuses_a_keyer_who_confirms(world: World) -> None:
    sheet = handed_in(world, held(world), "volunteer")
    mine = world.people["coordinator"].id
    change = update(Sheet).where(Sheet.public_id == sheet).values(state="confirmed", confirmed_by=mine)
    with pytest.raises(IntegrityError), world.write() as session:
        session.execute(change)


def test_nobody_confirms_a_line_about_themselves(world: World) -> None:
    sheet = handed_in(world, held(world), "second", "volunteer")
    with pytest.raises(rules.OwnLine):
        confirm(world, sheet)
    assert len(confirm(world, sheet, struck=("second",))) == 1
    assert credits_of(world, "second") == []


def test_an_administrator_confirms_nothing(world: World) -> None:
    sheet = handed_in(world, held(world), "volunteer")
    with pytest.raises(NotAllowed):
        confirm(world, sheet, "admin")


def test_a_struck_line_needs_a_reason_and_its_person_is_told(world: World) -> None:
    sheet = handed_in(world, held(world), "volunteer", "resident")
    actor = world.actor("second")
    with world.write() as session:
        found, _ = sheets.find(session, actor, sheet)
        first = sheets.lines(session, found)[0].line.id
    with pytest.raises(Invalid), world.write() as session:
        confirming.confirm(session, actor, sheet, struck=[first], reason=None, now=world.clock.now)
    confirm(world, sheet, struck=("volunteer",))
    with world.write() as session:
        told = session.scalars(select(Message).where(Message.person_id == world.people["volunteer"].id)).all()
    assert told[-1].facts["reason"] == WHY
    assert credits_of(world, "volunteer") == []


@pytest.mark.parametrize(("days", "expected"), [(3, "B"), (4, "C")])
def test_what_is_handed_in_after_three_working_days_is_honour_time(world: World, days: int, expected: str) -> None:
    activity = held(world)
    world.clock.advance(days=days)
    confirm(world, handed_in(world, activity, "volunteer"))
    (credit,) = credits_of(world, "volunteer")
    assert (credit.evidence_class, [flag["code"] for flag in credit.flags]) == (
        expected,
        [] if expected == "B" else ["paper_late"],
    )


def test_paper_gives_eight_hours_a_month_and_then_honour_time(world: World) -> None:
    for expected in ("B", "B", "B", "B", "C"):
        confirm(world, handed_in(world, held(world), "volunteer"))
        assert credits_of(world, "volunteer")[-1].evidence_class == expected
    assert credits_of(world, "volunteer")[-1].flags[0]["code"] == "paper_full"


def test_honour_time_of_paper_is_counted_apart(world: World) -> None:
    activity = held(world)
    world.clock.advance(days=7)
    confirm(world, handed_in(world, activity, "volunteer"))
    (credit,) = credits_of(world, "volunteer")
    approve(world, "coordinator", credit.id)
    approve(world, "second", credit.id)
    world.clock.advance(days=7)
    from bank.credits import operations as credits_

    with world.write() as session:
        credits_.post_due(session, now=world.clock.now)
        totals = session.execute(select(ServiceTotal.evidence_class, ServiceTotal.minutes)).all()
    assert [tuple(row) for row in totals] == [("C", 120)]


def test_paper_waits_until_the_activity_was_closed(world: World) -> None:
    activity = held(world)
    with world.write() as session:
        session.execute(update(Activity).values(closed_at=None))
    with pytest.raises(rules.NotOverYet):
        begun(world, activity)


def test_one_person_stands_once_for_an_activity(world: World) -> None:
    activity = held(world)
    sheet = begun(world, activity, "volunteer")
    with pytest.raises(rules.AlreadyThere):
        begun(world, activity, "volunteer")
    actor = world.actor("coordinator")
    with world.write() as session:
        line = session.scalars(select(SheetLine)).one().id
        keying.remove_line(session, actor, sheet, line)
    assert begun(world, activity, "volunteer") == sheet


def test_who_scanned_cannot_be_keyed_in(world: World) -> None:
    activity = held(world)
    with world.write() as session:
        found = session.scalars(select(Activity).where(Activity.public_id == activity)).one()
        session.add(
            Attendance(
                public_id=new_public_id(),
                activity_id=found.id,
                person_id=world.people["volunteer"].id,
                state="checked_out",
                checked_in_at=found.starts_at,
                checked_out_at=found.ends_at,
                minutes=120,
                flags=[],
                changed_at=world.clock.now,
            )
        )
    with pytest.raises(rules.AlreadyThere):
        begun(world, activity, "volunteer")


def test_a_presence_is_credited_once_whatever_the_road(world: World) -> None:
    confirm(world, handed_in(world, held(world), "volunteer"))
    (credit,) = credits_of(world, "volunteer")
    copied = {column.name: getattr(credit, column.name) for column in Credit.__table__.columns}
    copied |= {"id": None, "public_id": new_public_id(), "source": "attendance:1"}
    with pytest.raises(IntegrityError), world.write() as session:
        session.execute(Credit.__table__.insert().values({k: v for k, v in copied.items() if k != "id"}))


def test_a_refused_presence_is_not_reopened_beside_another(world: World) -> None:
    from bank.credits import operations as credits_

    activity = held(world)
    confirm(world, handed_in(world, activity, "volunteer"))
    (first,) = credits_of(world, "volunteer")
    actor = world.actor("coordinator")
    with world.write() as session:
        credits_.decide(session, actor, [first.id], "reject", reason="不对", now=world.clock.now)
        session.execute(update(SheetLine).values(struck_reason="不对"))
    confirm(world, handed_in(world, activity, "volunteer"))
    with pytest.raises(CreditedElsewhere), world.write() as session:
        credits_.reopen(session, actor, first.id, reason="再看", now=world.clock.now)


def test_a_sheet_needs_a_line_and_a_photo(world: World) -> None:
    sheet, actor = begun(world, held(world), "volunteer"), world.actor("coordinator")
    with pytest.raises(rules.SheetIncomplete), world.write() as session:
        keying.hand_in(session, actor, sheet, now=world.clock.now)


@pytest.mark.parametrize("left", [time(9, 30), time(10)])
def test_times_outside_the_activity_count_nothing_and_are_refused(world: World, left: time) -> None:
    activity, actor = held(world), world.actor("coordinator")
    sheet = begun(world, activity)
    number = world.people["volunteer"].public_id
    with pytest.raises(Invalid), world.write() as session:
        keying.add_line(session, actor, sheet, number, came=time(9), left=left, now=world.clock.now)


def test_every_state_can_be_left(world: World) -> None:
    activity, keyer, second = held(world), world.actor("coordinator"), world.actor("second")
    sheet = handed_in(world, activity, "volunteer")
    with world.write() as session:
        confirming.send_back(session, second, sheet, reason="看不清", now=world.clock.now)
    assert state_of(world, sheet) == "keying"
    with world.write() as session:
        keying.discard(session, keyer, sheet, reason="重新拍", now=world.clock.now)
    assert state_of(world, sheet) == "discarded"
    again = handed_in(world, activity, "volunteer")
    assert again != sheet
    confirm(world, again)
    assert state_of(world, again) == "confirmed"
    with pytest.raises(rules.SheetMoved):
        confirm(world, again)


def test_a_stranger_finds_no_sheet(world: World) -> None:
    sheet, actor = begun(world, held(world)), world.actor("stranger_coordinator")
    with pytest.raises(NotFound), world.write() as session:
        sheets.find(session, actor, sheet)


def test_photos_are_kept_ninety_days(world: World) -> None:
    sheet = handed_in(world, held(world), "volunteer")
    confirm(world, sheet)
    for days, left in ((89, 1), (2, 0)):
        world.clock.advance(days=days)
        with world.write() as session:
            sheets.forget_photos(session, now=world.clock.now)
            assert len(session.scalars(select(Photo)).all()) == left
