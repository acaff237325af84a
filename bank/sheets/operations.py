"""Verbs on paper rosters: key in, attach the photo, hand in, confirm by another, send back, discard, forget."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bank import chart
from bank.activities import operations as activities
from bank.activities.models import Activity, SignUp
from bank.checkin.models import Attendance
from bank.clock import local_day
from bank.communities import operations as communities
from bank.communities.calendar import calendar_of
from bank.communities.models import Community
from bank.communities.rules import Rules
from bank.credits import cases
from bank.credits import operations as credits_
from bank.credits import rules as credit_rules
from bank.credits.models import Credit
from bank.deeds.models import Photo
from bank.deeds.photos import Picture
from bank.errors import Invalid, NotFound, say
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person
from bank.qr import new_public_id
from bank.sheets import rules
from bank.sheets.models import Sheet, SheetLine
from bank.web.fields import rfc3339

CONFIRMERS = ("coordinator", "second_approver")
NOT_COUNTED = ("no_show", "void")


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its person."""

    line: SheetLine
    person: Person


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
    )
    session.add(sheet)
    session.flush()
    return sheet


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


def lines(session: Session, sheet: Sheet) -> list[Line]:
    """Give the lines of a sheet as they were keyed in."""
    chosen = select(SheetLine, Person).join(Person, Person.id == SheetLine.person_id)
    rows = session.execute(chosen.where(SheetLine.sheet_id == sheet.id).order_by(SheetLine.id))
    return [Line(line, person) for line, person in rows]


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


def expected(session: Session, activity: Activity) -> list[Person]:
    """Give who signed up, for the printed sheet."""
    chosen = select(Person).join(SignUp, SignUp.person_id == Person.id)
    there = (SignUp.activity_id == activity.id) & (SignUp.state == "signed_up")
    return list(session.scalars(chosen.where(there).order_by(Person.name, Person.id).limit(500)))


def add_line(
    session: Session, who: Actor, public_id: str, person_id: str, *, arrived: datetime | None, left: datetime | None
) -> SheetLine:
    """Key in one person. Raises Invalid, NotFound, AlreadyThere, SheetMoved."""
    sheet, activity = _keying(session, who, public_id)
    person = members.in_community(session, who.community_id, person_id)
    arrived, left = arrived or activity.starts_at, left or activity.ends_at
    if left <= arrived:
        raise Invalid({"left_at": [say("离开时间要晚于到达时间。")]})
    in_force = rules_of(session, activity)
    line = SheetLine(
        sheet_id=sheet.id,
        activity_id=activity.id,
        person_id=person.id,
        arrived_at=arrived,
        left_at=left,
        minutes=rules.counted_minutes(arrived, left, activity.starts_at, activity.ends_at, in_force.rounding_minutes),
    )
    if line.minutes == 0:
        raise Invalid({"left_at": [say("这段时间不在活动时间里，记不了时长。")]})
    if _has_scanned(session, activity.id, person.id):
        raise rules.AlreadyThere(name=person.name)
    try:
        with session.begin_nested():
            session.add(line)
    except IntegrityError:
        raise rules.AlreadyThere(name=person.name) from None
    return line


def _has_scanned(session: Session, activity_id: int, person_id: int) -> bool:
    there = select(Attendance.id).where(
        Attendance.activity_id == activity_id,
        Attendance.person_id == person_id,
        Attendance.state.not_in(NOT_COUNTED),
    )
    return session.scalar(there.limit(1)) is not None


def remove_line(session: Session, who: Actor, public_id: str, line_id: int) -> None:
    """Take a line back while the sheet is keyed in; one that is gone already is no error."""
    sheet, _ = _keying(session, who, public_id)
    session.execute(delete(SheetLine).where(SheetLine.id == line_id, SheetLine.sheet_id == sheet.id))


def attach(session: Session, who: Actor, public_id: str, picture: Picture, *, now: datetime) -> None:
    """Attach the photo of the sheet, in place of an earlier one."""
    sheet, _ = _keying(session, who, public_id)
    old = sheet.photo_id
    photo = Photo(
        sha256=picture.sha256,
        jpeg=picture.jpeg,
        width=picture.width,
        height=picture.height,
        created_at=now,
        dhash=picture.dhash,
    )
    session.add(photo)
    session.flush()
    sheet.photo_id = photo.id
    session.flush()
    if old is not None:
        session.execute(delete(Photo).where(Photo.id == old))


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


def hand_in(session: Session, who: Actor, public_id: str, *, now: datetime) -> None:
    """Hand the sheet to whoever confirms. Raises SheetIncomplete, SheetMoved."""
    sheet, _ = _keying(session, who, public_id)
    if sheet.photo_id is None or not lines(session, sheet):
        raise rules.SheetIncomplete
    _move(session, sheet, "keying", state="handed_in", handed_in_at=now, reason=None)


def send_back(session: Session, who: Actor, public_id: str, *, reason: str, now: datetime) -> None:
    """Give the sheet back to who keyed it in, who is told why."""
    sheet, activity = find(session, who, public_id)
    _check_another(session, who, sheet)
    _move(session, sheet, "handed_in", state="keying", handed_in_at=None, reason=reason)
    sentence = say("“%(title)s”的纸质签到表被退回：%(reason)s 改好后请再交一次。")
    facts = {"title": activity.title, "reason": reason}
    members.tell(session, [sheet.keyed_by], sentence, facts=facts, link=f"/sheets/{sheet.public_id}", now=now)


def discard(session: Session, who: Actor, public_id: str, *, reason: str) -> None:
    """Throw a sheet away before it is confirmed; its lines are free to be keyed in anew."""
    sheet, _ = find(session, who, public_id)
    who.require("coordinator")
    _move(session, sheet, "keying", state="discarded", reason=reason)
    session.execute(update(SheetLine).where(SheetLine.sheet_id == sheet.id).values(struck_reason=reason))


def confirm(
    session: Session,
    who: Actor,
    public_id: str,
    *,
    struck: Collection[int],
    reason: str | None,
    now: datetime,
) -> list[int]:
    """Confirm a sheet against its photo, without the struck lines; give the ids of the credits that were proposed.

    A coordinator's confirmation is their approval as well, as far as one person's goes. Raises OwnSheet, OwnLine,
    AdminCannotCredit, SheetMoved, and Invalid for a strike without a reason.
    """
    sheet, activity = find(session, who, public_id)
    credit_rules.check_no_admin(who)
    _check_another(session, who, sheet)
    if struck and not reason:
        raise Invalid({"reason": [say("划掉的行请写一句为什么，好让本人知道。")]})
    everyone = lines(session, sheet)
    kept = [one for one in everyone if one.line.id not in struck]
    if any(_is_near(who, one.person) for one in kept):
        raise rules.OwnLine
    _move(session, sheet, "handed_in", state="confirmed", confirmed_by=who.person_id, confirmed_at=now, reason=None)
    for one in everyone:
        if one.line.id in struck:
            one.line.struck_reason = reason
    session.flush()
    ids = _propose(session, who, sheet, activity, kept, now)
    _tell_struck(session, activity, [one for one in everyone if one.line.id in struck], reason, now)
    if ids and who.may("coordinator"):
        credits_.decide(session, who, ids, "approve", now=now)
    return ids


def _propose(
    session: Session, who: Actor, sheet: Sheet, activity: Activity, kept: Sequence[Line], now: datetime
) -> list[int]:
    home = session.get_one(Community, activity.community_id)
    in_force = rules_of(session, activity)
    day = local_day(activity.starts_at, home.time_zone)
    until = calendar_of(session, home, activity.ends_at).end_after(in_force.paper_days)
    cases.lock_people(session, (one.person.id for one in kept))
    month = _month_minutes(session, [one.person.id for one in kept], day)
    keyer = session.get_one(Person, sheet.keyed_by)
    ids = []
    for one in kept:
        evidence_class, flags = rules.class_of(
            one.line.minutes,
            is_late=(sheet.handed_in_at or now) >= until,
            month_minutes=month.get(one.person.id, 0),
            rules=in_force,
        )
        credit = credits_.propose(
            session,
            community_id=activity.community_id,
            source=f"sheet_line:{one.line.id}",
            person_id=one.person.id,
            proposed_by=sheet.keyed_by,
            title=activity.title,
            happened_on=day,
            unit=chart.MINUTES,
            amount=one.line.minutes,
            evidence_class=evidence_class,
            evidence=_evidence(sheet, activity, one.line, keyer, who, in_force),
            flags=flags,
            rules_number=in_force.number,
            activity_id=activity.id,
            leader_id=activity.leader_id,
            began_at=activity.published_at,
            now=now,
        )
        one.line.credit_id = credit.id
        ids.append(credit.id)
    session.flush()
    return ids


def _evidence(
    sheet: Sheet, activity: Activity, line: SheetLine, keyer: Person, who: Actor, in_force: Rules
) -> dict[str, Any]:
    return {
        "activity_id": activity.public_id,
        "sheet_id": sheet.public_id,
        "title": activity.title,
        "place": activity.place,
        "starts_at": rfc3339(activity.starts_at),
        "ends_at": rfc3339(activity.ends_at),
        "checked_in_at": rfc3339(line.arrived_at),
        "checked_out_at": rfc3339(line.left_at),
        "via_in": "paper",
        "via_out": "paper",
        "keyed_by": keyer.name,
        "confirmed_by": who.name,
        "rounding_minutes": in_force.rounding_minutes,
    }


def _month_minutes(session: Session, people: Sequence[int], day: date) -> Mapping[int, int]:
    """Sum what paper gave each person in the month of a day."""
    first = day.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    rows = session.execute(
        select(Credit.person_id, func.sum(func.coalesce(Credit.approved_amount, Credit.amount)))
        .where(
            Credit.person_id.in_(people),
            Credit.unit == chart.MINUTES,
            Credit.evidence_class == "B",
            Credit.state.not_in(credits_.GONE),
            Credit.happened_on >= first,
            Credit.happened_on < following,
        )
        .group_by(Credit.person_id)
    )
    return {person_id: int(total) for person_id, total in rows}


def _tell_struck(
    session: Session, activity: Activity, struck: Sequence[Line], reason: str | None, now: datetime
) -> None:
    sentence = say("“%(title)s”的纸质签到表上，您那一行核对时划掉了：%(reason)s 如果不对，请到社区服务台说明。")
    facts = {"title": activity.title, "reason": reason}
    members.tell_each(session, [(one.person.id, facts) for one in struck], sentence, now=now)


def rules_of(session: Session, activity: Activity) -> Rules:
    """Give the rules of the day of an activity."""
    home = session.get_one(Community, activity.community_id)
    return communities.rules_on(session, home.id, local_day(activity.starts_at, home.time_zone))


def _keying(session: Session, who: Actor, public_id: str) -> tuple[Sheet, Activity]:
    who.require("coordinator")
    sheet, activity = find(session, who, public_id)
    if sheet.state != "keying":
        raise rules.SheetMoved
    return sheet, activity


def _check_another(session: Session, who: Actor, sheet: Sheet) -> None:
    if _is_near(who, session.get_one(Person, sheet.keyed_by)):
        raise rules.OwnSheet


def _is_near(who: Actor, person: Person) -> bool:
    return person.id == who.person_id or (who.household_id is not None and person.household_id == who.household_id)


def _move(session: Session, sheet: Sheet, before: str, **values: Any) -> None:
    """Change a sheet that is still in a state. Raises SheetMoved."""
    moved = session.execute(
        update(Sheet)
        .where(Sheet.id == sheet.id, Sheet.state == before)
        .values(**values)
        .returning(Sheet.id)
        .execution_options(synchronize_session="fetch")
    )
    if moved.scalar_one_or_none() is None:
        raise rules.SheetMoved


def forget_photos(session: Session, *, now: datetime, limit: int = 200) -> int:
    """Delete photos of sheets that were confirmed or discarded long ago, as the rules say; give how many."""
    rows = session.execute(
        select(Sheet.id, Sheet.photo_id, Sheet.community_id, Sheet.confirmed_at, Sheet.created_at)
        .where(Sheet.photo_id.is_not(None), Sheet.state.in_(("confirmed", "discarded")))
        .order_by(Sheet.id)
        .limit(limit)
    ).all()
    over = []
    for row in rows:
        home = session.get_one(Community, row.community_id)
        kept = timedelta(days=communities.rules_at(session, home, now).sheet_photo_days)
        if (row.confirmed_at or row.created_at) + kept < now:
            over.append(row)
    if over:
        session.execute(update(Sheet).where(Sheet.id.in_([row.id for row in over])).values(photo_id=None))
        session.execute(delete(Photo).where(Photo.id.in_([row.photo_id for row in over])))
    return len(over)
