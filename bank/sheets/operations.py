"""What every verb on paper rosters shares: finding a sheet, its lines, its trail and its photo, and moving it on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.orm import Session

from bank.activities.models import Activity, SignUp
from bank.checkin.models import Attendance
from bank.clock import local_day
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.communities.rules import Rules
from bank.credits.models import Credit
from bank.credits.operations import GONE
from bank.deeds import photos
from bank.deeds.models import Deed, Photo
from bank.errors import NotFound
from bank.members.actor import Actor
from bank.members.models import Person
from bank.sheets import rules
from bank.sheets.models import Sheet, SheetLine, SheetStep

CONFIRMERS = ("coordinator", "second_approver")
NOT_COUNTED = ("no_show", "void")


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its person."""

    line: SheetLine
    person: Person


@dataclass(frozen=True, slots=True)
class Told:
    """One step of a sheet's trail with who took it."""

    step: str
    at: datetime
    by: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Seen:
    """Where a photo like this one was given before: `title` is None for a good deed, which is nobody else's to read."""

    title: str | None
    at: datetime
    sheet_id: str | None


def find(session: Session, who: Actor, public_id: str) -> tuple[Sheet, Activity]:
    """Give a sheet of the actor's community with its activity. Raises NotAllowed, NotFound."""
    who.require(*CONFIRMERS)
    chosen = (
        select(Sheet, Activity)
        .join(Activity, Activity.id == Sheet.activity_id)
        .where(Sheet.public_id == public_id, Sheet.community_id == who.community_id)
    )
    found = session.execute(chosen).one_or_none()
    if found is None:
        raise NotFound
    return found[0], found[1]


def locked(session: Session, who: Actor, public_id: str) -> tuple[Sheet, Activity]:
    """Find a sheet and let nobody else change it, its lines or its photo until this transaction ends."""
    sheet, activity = find(session, who, public_id)
    session.refresh(sheet, with_for_update=True)
    return sheet, activity


def lines(session: Session, sheet: Sheet) -> list[Line]:
    """Give the lines of a sheet as they were keyed in."""
    chosen = select(SheetLine, Person).join(Person, Person.id == SheetLine.person_id)
    rows = session.execute(chosen.where(SheetLine.sheet_id == sheet.id).order_by(SheetLine.id))
    return [Line(line, person) for line, person in rows]


def trail(session: Session, sheet: Sheet) -> list[Told]:
    """Give what was done with a sheet, by whom and why, the oldest first."""
    chosen = select(SheetStep.step, SheetStep.at, Person.name, SheetStep.reason)
    rows = session.execute(
        chosen.join(Person, Person.id == SheetStep.by_person_id)
        .where(SheetStep.sheet_id == sheet.id)
        .order_by(SheetStep.id)
    )
    return [Told(*row) for row in rows]


def waiting(session: Session, who: Actor) -> list[tuple[Sheet, Activity]]:
    """Give the sheets that wait for a confirmation this person may give, oldest first."""
    keyer = select(Person.household_id).where(Person.id == Sheet.keyed_by).scalar_subquery()
    chosen = (
        select(Sheet, Activity)
        .join(Activity, Activity.id == Sheet.activity_id)
        .where(Sheet.community_id == who.community_id, Sheet.state == "handed_in", Sheet.keyed_by != who.person_id)
        .order_by(Sheet.handed_in_at, Sheet.id)
    )
    if who.household_id is not None:
        chosen = chosen.where(func.coalesce(keyer, 0) != who.household_id)
    return [(sheet, activity) for sheet, activity in session.execute(chosen.limit(50))]


def begun(session: Session, who: Actor) -> list[tuple[Sheet, Activity]]:
    """Give this person's own sheets that are not confirmed yet, the newest first."""
    chosen = select(Sheet, Activity).join(Activity, Activity.id == Sheet.activity_id)
    mine = chosen.where(Sheet.keyed_by == who.person_id, Sheet.state.in_(("keying", "handed_in")))
    return [(sheet, activity) for sheet, activity in session.execute(mine.order_by(Sheet.id.desc()).limit(50))]


def expected(session: Session, activity: Activity) -> list[Person]:
    """Give who signed up."""
    chosen = select(Person).join(SignUp, SignUp.person_id == Person.id)
    there = (SignUp.activity_id == activity.id) & (SignUp.state == "signed_up")
    return list(session.scalars(chosen.where(there).order_by(Person.name, Person.id).limit(500)))


def not_keyed(session: Session, activity: Activity) -> list[Person]:
    """Give who signed up and neither stands on a sheet nor scanned."""
    standing = select(SheetLine.person_id).where(
        SheetLine.activity_id == activity.id, SheetLine.struck_reason.is_(None)
    )
    known = set(session.scalars(standing)) | recorded(session, activity.id)
    return [person for person in expected(session, activity) if person.id not in known]


def recorded(session: Session, activity_id: int) -> set[int]:
    """Give who has scanned at an activity, or is credited for it already."""
    scanned = select(Attendance.person_id).where(
        Attendance.activity_id == activity_id, Attendance.state.not_in(NOT_COUNTED)
    )
    credited = select(Credit.person_id).where(Credit.activity_id == activity_id, Credit.state.not_in(GONE))
    return {*session.scalars(scanned), *session.scalars(credited)}


def photo_of(session: Session, who: Actor, public_id: str) -> Photo:
    """Give the photo to who keys in or confirms, and to whoever stands on the sheet. Raises NotFound."""
    chosen = select(Sheet).where(Sheet.public_id == public_id, Sheet.community_id == who.community_id)
    sheet = session.scalar(chosen)
    if sheet is None or sheet.photo_id is None or not (who.may(*CONFIRMERS) or _stands_on(session, sheet, who)):
        raise NotFound
    return session.get_one(Photo, sheet.photo_id)


def _stands_on(session: Session, sheet: Sheet, who: Actor) -> bool:
    mine = select(SheetLine.id).where(SheetLine.sheet_id == sheet.id, SheetLine.person_id == who.person_id)
    return session.scalar(mine.limit(1)) is not None


def seen_before(session: Session, sheet: Sheet, in_force: Rules) -> list[Seen]:
    """Give where photos like this sheet's were given before in the community, the newest first.

    A discarded sheet of the same activity is no wonder: the paper is the same.
    """
    own = session.get(Photo, sheet.photo_id) if sheet.photo_id else None
    if own is None:
        return []
    others = session.execute(select(Photo.id, Photo.sha256, Photo.dhash).where(Photo.id != own.id)).all()
    alike = [row.id for row in others if _is_alike(own, row, in_force.photo_distance_bits)]
    rows = session.execute(
        select(Activity.title, Sheet.created_at, Sheet.public_id)
        .join(Sheet, Sheet.activity_id == Activity.id)
        .where(Sheet.photo_id.in_(alike), Sheet.community_id == sheet.community_id)
        .where((Sheet.state != "discarded") | (Sheet.activity_id != sheet.activity_id))
    )
    deeds = session.scalars(
        select(Deed.created_at).where(Deed.photo_id.in_(alike), Deed.community_id == sheet.community_id)
    )
    found = [*(Seen(*row) for row in rows), *(Seen(None, at, None) for at in deeds)]
    return sorted(found, key=lambda seen: seen.at, reverse=True)


def _is_alike(own: Photo, other: Any, most_bits: int) -> bool:
    if own.sha256 == other.sha256:
        return True
    return bool(own.dhash and other.dhash) and photos.distance(str(own.dhash), other.dhash) <= most_bits


def rules_of(session: Session, activity: Activity) -> Rules:
    """Give the rules of the day of an activity."""
    home = session.get_one(Community, activity.community_id)
    return communities.rules_on(session, home.id, local_day(activity.starts_at, home.time_zone))


def is_near(who: Actor, person: Person) -> bool:
    """Tell whether somebody is the actor or lives with them."""
    return person.id == who.person_id or (who.household_id is not None and person.household_id == who.household_id)


def move(
    session: Session,
    who: Actor,
    sheet: Sheet,
    before: str,
    after: str,
    *,
    now: datetime,
    reason: str | None = None,
    **values: Any,
) -> None:
    """Change the state of a sheet that is still in another, and write it on the trail. Raises SheetMoved."""
    assert after in rules.TRANSITIONS[before]  # noqa: S101 -- a slip in this slice, not a refusal
    moved = session.execute(
        update(Sheet)
        .where(Sheet.id == sheet.id, Sheet.state == before)
        .values(state=after, reason=reason, **values)
        .returning(Sheet.id)
        .execution_options(synchronize_session="fetch")
    )
    if moved.scalar_one_or_none() is None:
        raise rules.SheetMoved
    note(session, who, sheet, "sent_back" if after == "keying" else after, now=now, reason=reason)


def note(session: Session, who: Actor, sheet: Sheet, step: str, *, now: datetime, reason: str | None = None) -> None:
    """Write a step on the trail of a sheet."""
    session.add(SheetStep(sheet_id=sheet.id, step=step, at=now, by_person_id=who.person_id, reason=reason))
    session.flush()


def forget_photos(session: Session, *, now: datetime, limit: int = 200) -> int:
    """Delete photos of sheets confirmed or discarded long ago; give how many."""
    over: list[int] = []
    for photo_id, community_id, since in _decided(session, limit):
        home = session.get_one(Community, community_id)
        kept = timedelta(days=communities.rules_at(session, home, now).sheet_photo_days)
        if photo_id is not None and since + kept < now:
            over.append(photo_id)
    if over:
        session.execute(update(Sheet).where(Sheet.photo_id.in_(over)).values(photo_id=None))
        session.execute(delete(Photo).where(Photo.id.in_(over)))
    return len(over)


def _decided(session: Session, limit: int) -> Sequence[Row[int | None, int, datetime]]:
    """Give (photo, community, since when it is of no more use)."""
    chosen = (
        select(Sheet.photo_id, Sheet.community_id, func.coalesce(Sheet.confirmed_at, Sheet.created_at))
        .where(Sheet.photo_id.is_not(None), Sheet.state.in_(("confirmed", "discarded")))
        .order_by(Sheet.id)
    )
    return session.execute(chosen.limit(limit)).all()
