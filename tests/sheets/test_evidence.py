"""What paper is worth: the monthly cap splits a line, lateness, a photo seen before, scans, and totals that stay."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image, ImageDraw
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError

from bank.checkin.codes import Keys
from bank.checkin.models import Attendance
from bank.communities.rules import Rules
from bank.credits import operations as credits_
from bank.credits.models import Credit, ServiceTotal
from bank.deeds import photos
from bank.members.models import Message
from bank.qr import new_public_id
from bank.sheets import confirming, keying, rules
from bank.sheets import operations as sheets
from bank.sheets.models import Sheet, SheetLine, SheetStep
from tests.credits.builders import add_coordinator, approve
from tests.sheets.rosters import begun, confirm, credits_of, handed_in, held
from tests.world import World

RULES = Rules(1, None)  # type: ignore[arg-type]  # its day does not matter here


@pytest.mark.parametrize(
    ("minutes", "month", "expected"),
    [
        (120, 360, [("B", 120)]),
        (120, 361, [("B", 119), ("C", 1)]),
        (120, 479, [("B", 1), ("C", 119)]),
        (120, 480, [("C", 120)]),
        (120, 900, [("C", 120)]),
    ],
)
def test_what_exceeds_the_month_becomes_honour(minutes: int, month: int, expected: list[tuple[str, int]]) -> None:
    found = rules.parts(minutes, is_late=False, month_minutes=month, rules=RULES)
    assert [(part.evidence_class, part.minutes) for part in found] == expected


def test_a_line_over_the_cap_is_two_credits_and_the_person_is_told(world: World) -> None:
    for lasts in (200, 200):
        confirm(world, handed_in(world, held(world, lasts=lasts), "volunteer"))
    confirm(world, handed_in(world, held(world), "volunteer"))
    parts = [(one.evidence_class, one.amount) for one in credits_of(world, "volunteer")]
    assert parts == [("B", 200), ("B", 200), ("B", 80), ("C", 40)]
    with world.write() as session:
        told = session.scalars(select(Message).where(Message.person_id == world.people["volunteer"].id)).all()
    assert told[-1].facts == {"title": "清洁湖边", "minutes": 40, "hours": 8}


@pytest.mark.parametrize(("seconds", "expected"), [(-1, "B"), (0, "C")])
def test_the_third_working_day_ends_at_midnight(world: World, seconds: int, expected: str) -> None:
    activity = held(world)
    world.clock.now = world.clock.now.replace(hour=16, minute=0) + timedelta(days=3, seconds=seconds)
    confirm(world, handed_in(world, activity, "volunteer"))
    assert credits_of(world, "volunteer")[0].evidence_class == expected


def test_being_sent_back_makes_nobody_late_but_a_new_line_is(world: World) -> None:
    sheet, second, keyer = handed_in(world, held(world), "volunteer"), world.actor("second"), world.actor("coordinator")
    with world.write() as session:
        confirming.send_back(session, second, sheet, reason="看不清", now=world.clock.now)
    world.clock.advance(days=6)  # type: ignore[attr-defined]
    with world.write() as session:
        keying.add_line(session, keyer, sheet, world.people["resident"].public_id, now=world.clock.now)
        keying.hand_in(session, keyer, sheet, now=world.clock.now)
    confirm(world, sheet)
    assert [credits_of(world, who)[0].evidence_class for who in ("volunteer", "resident")] == ["B", "C"]


def drawing(offset: int = 0) -> bytes:
    """Draw something that can be recognised."""
    picture = Image.new("RGB", (240, 240), "white")
    for number in range(0, 240, 40):
        ImageDraw.Draw(picture).rectangle((number, number + offset, number + 30, 239), fill=(number, 90, 30))
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=70 + offset)
    return written.getvalue()


def with_photo(world: World, content: bytes, who: str) -> str:
    sheet, keyer = begun(world, held(world), who), world.actor("coordinator")
    with world.write() as session:
        keying.attach(session, keyer, sheet, photos.prepare(content), now=world.clock.now)
        keying.hand_in(session, keyer, sheet, now=world.clock.now)
    return sheet


def test_a_photo_seen_before_is_shown_to_the_second_person_and_goes_to_the_desk(world: World) -> None:
    add_coordinator(world)
    confirm(world, with_photo(world, drawing(), "volunteer"), "other")
    assert credits_of(world, "volunteer")[0].state == "in_notice"
    again = with_photo(world, drawing(2), "resident")
    assert "照片以前见过" in world.page("second").get(f"/sheets/{again}").text
    confirm(world, again, "other")
    (credit,) = credits_of(world, "resident")
    assert (credit.state, [flag["code"] for flag in credit.flags]) == ("submitted", ["paper_photo"])


def test_the_photo_of_a_discarded_sheet_of_the_same_activity_is_no_wonder(world: World) -> None:
    activity, keyer = held(world), world.actor("coordinator")
    for _ in range(2):
        sheet = begun(world, activity, "volunteer")
        with world.write() as session:
            keying.attach(session, keyer, sheet, photos.prepare(drawing()), now=world.clock.now)
            found, of = sheets.find(session, keyer, sheet)
            assert sheets.seen_before(session, found, sheets.rules_of(session, of)) == []
            keying.discard(session, keyer, sheet, reason="重录", now=world.clock.now)


def scanned(world: World, activity_id: int, who: str) -> None:
    with world.write() as session:
        made: dict[str, Any] = {"flags": [], "changed_at": world.clock.now, "minutes": 120, "state": "checked_out"}
        session.add(
            Attendance(
                public_id=new_public_id(),
                activity_id=activity_id,
                person_id=world.people[who].id,
                checked_in_at=world.clock.now - timedelta(hours=3),
                checked_out_at=world.clock.now - timedelta(hours=1),
                **made,
            )
        )


def test_who_scanned_meanwhile_is_struck_by_itself_and_told(world: World) -> None:
    sheet = handed_in(world, held(world), "volunteer", "resident")
    with world.write() as session:
        activity_id = session.scalars(select(Sheet.activity_id)).one()
    scanned(world, activity_id, "volunteer")
    assert "不重复记" in world.page("second").get(f"/sheets/{sheet}").text
    assert len(confirm(world, sheet)) == 1
    assert credits_of(world, "volunteer") == []
    with world.write() as session:
        struck = session.scalars(select(SheetLine.struck_reason).order_by(SheetLine.id)).all()
    assert struck == [rules.SCANNED, None]


def test_only_who_began_a_sheet_keys_in_on_it(world: World) -> None:
    add_coordinator(world)
    sheet, other = begun(world, held(world), "volunteer"), world.actor("other")
    number = world.people["resident"].public_id
    with pytest.raises(rules.NotYours), world.write() as session:
        keying.add_line(session, other, sheet, number, now=world.clock.now)
    with world.write() as session:
        keying.discard(session, other, sheet, reason="录的人休假了", now=world.clock.now)
        steps = session.execute(select(SheetStep.step, SheetStep.by_person_id, SheetStep.reason)).all()
    assert steps[-1] == ("discarded", world.people["other"].id, "录的人休假了")


def test_a_step_of_the_trail_is_never_changed(world: World) -> None:
    begun(world, held(world))
    with pytest.raises(IntegrityError), world.write() as session:
        session.execute(update(SheetStep).values(reason="别的"))


def test_a_confirmation_is_of_what_was_looked_at(world: World) -> None:
    sheet, second, keyer = handed_in(world, held(world), "volunteer"), world.actor("second"), world.actor("coordinator")
    with world.write() as session:
        confirming.send_back(session, second, sheet, reason="少一行", now=world.clock.now)
        keying.add_line(session, keyer, sheet, world.people["resident"].public_id, now=world.clock.now)
        keying.hand_in(session, keyer, sheet, now=world.clock.now)
    with pytest.raises(rules.SheetMoved), world.write() as session:
        confirming.confirm(session, second, sheet, struck=(), reason=None, seen_round=1, now=world.clock.now)


def posted(world: World) -> int:
    confirm(world, handed_in(world, held(world), "volunteer"))
    (credit,) = credits_of(world, "volunteer")
    approve(world, "coordinator", credit.id)
    approve(world, "second", credit.id)
    world.clock.advance(days=7)  # type: ignore[attr-defined]
    with world.write() as session:
        credits_.post_due(session, now=world.clock.now)
    return credit.id


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE service_total SET minutes = minutes - 1",
        "UPDATE service_total SET evidence_class = 'C'",
        "DELETE FROM service_total",
    ],
)
def test_the_database_refuses_service_minutes_that_fall(world: World, statement: str) -> None:
    posted(world)
    with pytest.raises(IntegrityError), world.write() as session:
        session.execute(text(statement))


def test_only_a_reversal_lowers_them_and_by_no_more(world: World) -> None:
    credit_id = posted(world)
    with world.write() as session:
        credits_.void(session, credit_id, reason="没有来", by=None, now=world.clock.now)
        assert session.get_one(Credit, credit_id).state == "reversed"
        assert session.scalars(select(ServiceTotal.minutes)).all() == [0]


def test_times_of_all_and_of_one(world: World) -> None:
    sheet = begun(world, held(world), "volunteer", "resident")
    keyer = world.page("coordinator")
    with world.write() as session:
        first = session.scalars(select(SheetLine.id).order_by(SheetLine.id)).all()[0]
    assert keyer.post(f"/sheets/{sheet}/lines/{first}/times", data={"came": "10:30"}).status_code == 303
    assert keyer.post(f"/sheets/{sheet}/times", data={"came": "10:15", "left": "12:00"}).status_code == 303
    with world.write() as session:
        minutes = session.scalars(select(SheetLine.minutes).order_by(SheetLine.id)).all()
    assert minutes == [90, 105]


def test_who_signed_up_is_keyed_in_with_one_tap(world: World) -> None:
    activity = held(world)
    sheet, keyer = begun(world, activity), world.page("coordinator")
    numbers = [world.people[who].public_id for who in ("volunteer", "resident")]
    assert keyer.post(f"/sheets/{sheet}/lines", data={"person": [*numbers, numbers[0]]}).status_code == 303
    page = keyer.get(f"/sheets/{sheet}").text
    assert "记上了 2 个人" in page
    assert "表上的人（2）" in page


@pytest.mark.parametrize("short", ["3-1", "3-1-101", "3－1"])
def test_building_and_unit_in_short_find_whoever_lives_there(world: World, short: str) -> None:
    keyer = world.actor("coordinator")
    with world.write() as session:
        found = keying.search(session, keyer, short)
        assert world.people["volunteer"].id in {person.id for person in found}
        assert keying.search(session, keyer, "3-2") == []


def test_a_card_is_found_by_its_number_as_it_is_printed(world: World) -> None:
    number, keyer = world.people["volunteer"].public_id, world.actor("coordinator")
    with world.write() as session:
        found = keying.search(session, keyer, f"{number[:4]} {number[4:]}")
    assert [person.id for person in found] == [world.people["volunteer"].id]


@pytest.mark.parametrize("shape", ["https://tb.example.org/s/{}", "{}", " {} "])
def test_a_scanned_card_is_found_by_its_link_or_its_code_alone(world: World, shape: str) -> None:
    keyer = world.actor("coordinator")
    card = shape.format(Keys(bytes(range(32))).member_pass(world.people["volunteer"].public_id, 1))
    with world.write() as session:
        found = keying.search(session, keyer, card)
    assert [person.id for person in found] == [world.people["volunteer"].id]
