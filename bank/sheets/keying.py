"""Keying in a paper roster: its people and times, its photo, handing it in, throwing it away."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, time

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bank.activities import operations as activities
from bank.activities.models import Activity
from bank.checkin import bearers, codes
from bank.communities.models import Community
from bank.deeds import operations as deeds
from bank.deeds.models import Photo
from bank.deeds.photos import Picture
from bank.errors import Invalid, say
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person
from bank.members.rules import read_card_number
from bank.qr import new_public_id
from bank.sheets import rules
from bank.sheets.models import Sheet, SheetLine
from bank.sheets.operations import lines, locked, move, note, recorded, rules_of

MOST_FOUND = 8


def begin(session: Session, who: Actor, activity_public_id: str, *, now: datetime) -> Sheet:
    """Begin to key in a roster, or go on with the one that this person began. Raises NotOverYet."""
    who.require("coordinator")
    activity = activities.find(session, who, activity_public_id)
    if activity.state != "published" or activity.closed_at is None:
        raise rules.NotOverYet
    mine = select(Sheet).where(
        Sheet.activity_id == activity.id, Sheet.keyed_by == who.person_id, Sheet.state == "keying"
    )
    begun = session.scalars(mine.limit(1)).one_or_none()
    if begun is not None:
        return begun
    sheet = Sheet(
        public_id=new_public_id(),
        community_id=who.community_id,
        activity_id=activity.id,
        keyed_by=who.person_id,
        created_at=now,
        round=0,
    )
    session.add(sheet)
    session.flush()
    note(session, who, sheet, "begun", now=now)
    return sheet


def search(session: Session, who: Actor, text: str) -> list[Person]:
    """Find whom a few signs mean: a scanned card or its number, else as members are found everywhere."""
    public_id = _of_card(text)
    if public_id is not None:
        chosen = select(Person).where(Person.public_id == public_id, Person.community_id == who.community_id)
        return list(session.scalars(chosen))
    return members.search(session, who.community_id, text, limit=MOST_FOUND)


def _of_card(text: str) -> str | None:
    """Read a card; what it says is not proved, since a second person compares the name with the paper."""
    number = read_card_number(text)
    if number is not None:
        return number[0]
    try:
        card = codes.read(bearers.read_pass_text(text) or text)
    except codes.CodeInvalid:
        return None
    return card.person_id if isinstance(card, codes.Pass) else None


def add_line(
    session: Session,
    who: Actor,
    public_id: str,
    person_id: str,
    *,
    came: time | None = None,
    left: time | None = None,
    now: datetime,
) -> SheetLine:
    """Key in one person, with the sheet's times unless others are given.

    Raises Invalid, NotFound, AlreadyThere, NotYours, SheetMoved.
    """
    sheet, activity = _keying(session, who, public_id)
    person = members.in_community(session, who.community_id, person_id)
    if person.id in recorded(session, activity.id):
        raise rules.AlreadyThere(name=person.name)
    return _add(session, sheet, activity, person, came, left, now)


def add_lines(session: Session, who: Actor, public_id: str, person_ids: Collection[str], *, now: datetime) -> int:
    """Key in several people with the sheet's times; who is recorded already is passed over. Give how many were new."""
    sheet, activity = _keying(session, who, public_id)
    known, added = recorded(session, activity.id), 0
    for person_id in dict.fromkeys(person_ids):
        person = members.in_community(session, who.community_id, person_id)
        if person.id in known:
            continue
        try:
            _add(session, sheet, activity, person, None, None, now)
        except rules.AlreadyThere:
            continue
        added += 1
    return added


def _add(
    session: Session,
    sheet: Sheet,
    activity: Activity,
    person: Person,
    came: time | None,
    left: time | None,
    now: datetime,
) -> SheetLine:
    line = SheetLine(sheet_id=sheet.id, activity_id=activity.id, person_id=person.id, keyed_at=now)
    line.arrived_at, line.left_at, line.minutes = _span(session, sheet, activity, came, left)
    try:
        with session.begin_nested():
            session.add(line)
    except IntegrityError:
        raise rules.AlreadyThere(name=person.name) from None
    return line


def _span(
    session: Session, sheet: Sheet, activity: Activity, came: time | None, left: time | None
) -> tuple[datetime, datetime, int]:
    """Give when somebody came and left, and what of it counts. Raises Invalid."""
    zone = session.get_one(Community, activity.community_id).time_zone
    usual = usual_times(sheet, activity)
    arrived = usual[0] if came is None else rules.moment_of(activity.starts_at, came, zone)
    gone = usual[1] if left is None else rules.moment_of(activity.starts_at, left, zone)
    if gone <= arrived:
        raise Invalid({"left": [say("离开时间要晚于到达时间。")]})
    step = rules_of(session, activity).rounding_minutes
    minutes = rules.counted_minutes(arrived, gone, activity.starts_at, activity.ends_at, step)
    if minutes == 0:
        raise Invalid({"left": [say("这段时间不在活动时间里，记不了时长。")]})
    return arrived, gone, minutes


def usual_times(sheet: Sheet, activity: Activity) -> tuple[datetime, datetime]:
    """Give when everybody came and left, unless their line says otherwise."""
    return sheet.arrived_at or activity.starts_at, sheet.left_at or activity.ends_at


def set_times(
    session: Session, who: Actor, public_id: str, *, came: time | None, left: time | None, line_id: int | None = None
) -> None:
    """Change the times of one line, or of the sheet with every line that has the sheet's. Raises Invalid."""
    sheet, activity = _keying(session, who, public_id)
    before = usual_times(sheet, activity)
    arrived, gone, minutes = _span(session, sheet, activity, came, left)
    changed = update(SheetLine).where(SheetLine.sheet_id == sheet.id)
    if line_id is None:
        sheet.arrived_at, sheet.left_at = arrived, gone
        changed = changed.where(SheetLine.arrived_at == before[0], SheetLine.left_at == before[1])
    else:
        changed = changed.where(SheetLine.id == line_id)
    session.execute(changed.values(arrived_at=arrived, left_at=gone, minutes=minutes))
    session.flush()


def remove_line(session: Session, who: Actor, public_id: str, line_id: int) -> None:
    """Take a line back while the sheet is keyed in; one that is gone already is no error."""
    sheet, _ = _keying(session, who, public_id)
    session.execute(delete(SheetLine).where(SheetLine.id == line_id, SheetLine.sheet_id == sheet.id))


def attach(session: Session, who: Actor, public_id: str, picture: Picture, *, now: datetime) -> None:
    """Attach the photo of the sheet, in place of an earlier one."""
    sheet, _ = _keying(session, who, public_id)
    old = sheet.photo_id
    sheet.photo_id = deeds.keep(session, picture, now=now)
    session.flush()
    if old is not None:
        session.execute(delete(Photo).where(Photo.id == old))
    note(session, who, sheet, "photo" if old is None else "photo_replaced", now=now)


def hand_in(session: Session, who: Actor, public_id: str, *, now: datetime) -> None:
    """Hand the sheet to whoever confirms. Raises SheetIncomplete, NotYours, SheetMoved."""
    sheet, _ = _keying(session, who, public_id)
    if sheet.photo_id is None or not lines(session, sheet):
        raise rules.SheetIncomplete
    first = sheet.first_handed_in_at or now
    number = sheet.round + 1
    move(session, who, sheet, "keying", "handed_in", now=now, handed_in_at=now, round=number, first_handed_in_at=first)


def discard(session: Session, who: Actor, public_id: str, *, reason: str, now: datetime) -> None:
    """Throw a sheet away before it is confirmed; its lines are free to be keyed in anew.

    Any coordinator may, so that nobody's absence leaves a sheet lying. Raises SheetMoved.
    """
    who.require("coordinator")
    sheet, _ = locked(session, who, public_id)
    if sheet.state not in ("keying", "handed_in"):
        raise rules.SheetMoved
    move(session, who, sheet, sheet.state, "discarded", now=now, reason=reason)
    session.execute(update(SheetLine).where(SheetLine.sheet_id == sheet.id).values(struck_reason=reason))


def _keying(session: Session, who: Actor, public_id: str) -> tuple[Sheet, Activity]:
    """Lock a sheet for its keyer alone: somebody else's lines on it would be confirmed by their own hand."""
    who.require("coordinator")
    sheet, activity = locked(session, who, public_id)
    if sheet.keyed_by != who.person_id:
        raise rules.NotYours
    if sheet.state != "keying":
        raise rules.SheetMoved
    return sheet, activity
