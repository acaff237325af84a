"""Two people on one sheet at the same moment, on real connections."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from bank.deeds import photos
from bank.deeds.models import Photo
from bank.sheets import confirming, keying, rules
from bank.sheets.models import Sheet, SheetLine
from tests.credits.builders import add_coordinator
from tests.credits.races import together
from tests.deeds.pictures import photo
from tests.sheets.rosters import begun, credits_of, handed_in, held
from tests.world import World

HELD = "SELECT id FROM sheet FOR UPDATE"


def trying(work: Callable[[Session], object]) -> Callable[[Session], str]:
    def run(session: Session) -> str:
        try:
            with session.begin_nested():
                work(session)
        except rules.SheetMoved:
            return "moved"
        return "done"

    return run


def test_two_second_persons_confirm_once(world: World) -> None:
    add_coordinator(world)
    sheet = handed_in(world, held(world), "volunteer", "resident")

    def confirming_as(who: str) -> Callable[[Session], str]:
        actor = world.actor(who)
        return trying(
            lambda session: confirming.confirm(session, actor, sheet, struck=(), reason=None, now=world.clock.now)
        )

    answers = together(world, [confirming_as("second"), confirming_as("other")], held=HELD)
    assert sorted(answers) == ["done", "moved"]
    assert len(credits_of(world, "volunteer")) == 1


def test_a_line_keyed_in_as_the_sheet_is_handed_in_is_on_it_or_refused(world: World) -> None:
    sheet, keyer = begun(world, held(world), "volunteer"), world.actor("coordinator")
    number = world.people["resident"].public_id
    with world.write() as session:
        keying.attach(session, keyer, sheet, photos.prepare(photo()), now=world.clock.now)
    adding = trying(lambda session: keying.add_line(session, keyer, sheet, number, now=world.clock.now))
    handing = trying(lambda session: keying.hand_in(session, keyer, sheet, now=world.clock.now))
    added, handed = together(world, [adding, handing], held=HELD)
    with world.write() as session:
        people = session.scalars(select(SheetLine.person_id)).all()
    assert handed == "done"
    assert len(people) == (2 if added == "done" else 1)


def test_a_photo_is_not_replaced_under_the_eyes_of_who_confirms(world: World) -> None:
    sheet, keyer, second = handed_in(world, held(world), "volunteer"), world.actor("coordinator"), world.actor("second")
    with world.write() as session:
        before = session.scalars(select(Sheet.photo_id)).one()
    other = photos.prepare(photo(color="blue"))
    works = [
        trying(lambda session: keying.attach(session, keyer, sheet, other, now=world.clock.now)),
        trying(lambda session: confirming.confirm(session, second, sheet, struck=(), reason=None, now=world.clock.now)),
    ]
    assert together(world, works, held=HELD) == ["moved", "done"]
    with world.write() as session:
        assert session.scalars(select(Sheet.photo_id)).one() == before
        assert session.scalars(select(Photo.id)).all() == [before]


def test_sent_back_or_confirmed_but_not_both(world: World) -> None:
    sheet, second, actor = handed_in(world, held(world), "volunteer"), world.actor("second"), world.actor("second")
    works = [
        trying(lambda session: confirming.send_back(session, second, sheet, reason="不清", now=world.clock.now)),
        trying(lambda session: confirming.confirm(session, actor, sheet, struck=(), reason=None, now=world.clock.now)),
    ]
    assert sorted(together(world, works, held=HELD)) == ["done", "moved"]
    with world.write() as session:
        state = session.scalars(select(Sheet.state)).one()
    assert len(credits_of(world, "volunteer")) == (1 if state == "confirmed" else 0)
