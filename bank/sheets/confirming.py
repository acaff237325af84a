"""The second person and a paper roster: confirm it against the photo, strike lines, or send it back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bank import chart
from bank.activities.models import Activity
from bank.clock import local_day
from bank.communities.calendar import calendar_of
from bank.communities.models import Community
from bank.communities.rules import Rules
from bank.credits import cases
from bank.credits import operations as credits_
from bank.credits import rules as credit_rules
from bank.credits.models import Credit
from bank.errors import Invalid, say
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person
from bank.sheets import rules
from bank.sheets.models import Sheet, SheetLine
from bank.sheets.operations import Line, is_near, lines, locked, move, recorded, rules_of, seen_before
from bank.web.fields import rfc3339

LATE = say("“%(title)s”的签到表交得晚了（过了 %(days)s 个工作日），您的 %(minutes)s 分钟只记荣誉：时长照算，不能兑换。")
FULL = say("靠纸质表记的时长这个月满 %(hours)s 小时了，“%(title)s”多出的 %(minutes)s 分钟记为荣誉：照算，不能兑换。")


@dataclass(frozen=True, slots=True)
class _Case:
    """A sheet as it is confirmed, with what every line of it needs."""

    sheet: Sheet
    activity: Activity
    who: Actor
    keyer: Person
    in_force: Rules
    day: date
    until: datetime
    """From this moment on, what was keyed in or handed in is late."""
    seen: Sequence[rules.Flag]
    now: datetime


def send_back(session: Session, who: Actor, public_id: str, *, reason: str, now: datetime) -> None:
    """Give the sheet back to who keyed it in, who is told why."""
    sheet, activity = locked(session, who, public_id)
    _check_another(session, who, sheet)
    move(session, who, sheet, "handed_in", "keying", now=now, reason=reason, handed_in_at=None)
    sentence = say("“%(title)s”的纸质签到表被退回：%(reason)s 改好后请再交一次。")
    facts = {"title": activity.title, "reason": reason}
    members.tell(session, [sheet.keyed_by], sentence, facts=facts, link=f"/sheets/{sheet.public_id}", now=now)


def confirm(
    session: Session,
    who: Actor,
    public_id: str,
    *,
    struck: Collection[int],
    reason: str | None,
    now: datetime,
    seen_round: int | None = None,
) -> list[int]:
    """Confirm a sheet against its photo, without the struck lines; give the ids of the credits that were proposed.

    `seen_round` is the round this person looked at: what was handed in anew meanwhile, they have not seen. Who scanned
    meanwhile is credited by the scan, and their line is struck. A coordinator's confirmation is their approval as
    well, as far as one person's goes, unless the photo was seen before. Raises OwnSheet, OwnLine, AdminCannotCredit,
    SheetMoved, and Invalid for a strike without a reason.
    """
    sheet, activity = locked(session, who, public_id)
    credit_rules.check_no_admin(who)
    _check_another(session, who, sheet)
    if sheet.state != "handed_in" or (seen_round is not None and seen_round != sheet.round):
        raise rules.SheetMoved
    if struck and not reason:
        raise Invalid({"reason": [say("划掉的行请写一句为什么，好让本人知道。")]})
    everyone = lines(session, sheet)
    crossed = [one for one in everyone if one.line.id in struck]
    kept = [one for one in everyone if one.line.id not in struck]
    if any(is_near(who, one.person) for one in kept):
        raise rules.OwnLine
    move(session, who, sheet, "handed_in", "confirmed", now=now, confirmed_by=who.person_id, confirmed_at=now)
    for one in crossed:
        one.line.struck_reason = reason
    session.flush()
    case = _case(session, who, sheet, activity, now)
    ids = _propose_all(session, case, kept)
    _tell_struck(session, activity, crossed, reason, now)
    if ids and who.may("coordinator") and not case.seen:
        credits_.decide(session, who, ids, "approve", now=now)
    return ids


def _case(session: Session, who: Actor, sheet: Sheet, activity: Activity, now: datetime) -> _Case:
    home = session.get_one(Community, activity.community_id)
    in_force = rules_of(session, activity)
    before = seen_before(session, sheet, in_force)
    return _Case(
        sheet=sheet,
        activity=activity,
        who=who,
        keyer=session.get_one(Person, sheet.keyed_by),
        in_force=in_force,
        day=local_day(activity.starts_at, home.time_zone),
        until=calendar_of(session, home, activity.ends_at).end_after(in_force.paper_days),
        seen=[rules.photo_flag(before[0].title, local_day(before[0].at, home.time_zone))] if before else [],
        now=now,
    )


def _propose_all(session: Session, case: _Case, kept: Sequence[Line]) -> list[int]:
    people = [one.person.id for one in kept]
    cases.lock_people(session, people)
    month, known = _month_minutes(session, people, case.day), recorded(session, case.activity.id)
    ids: list[int] = []
    for one in kept:
        if one.person.id in known or not _propose_line(session, case, one, month.get(one.person.id, 0), ids):
            _strike_for_scan(session, case, one)
    session.flush()
    return ids


def _propose_line(session: Session, case: _Case, one: Line, month_minutes: int, ids: list[int]) -> bool:
    """Propose the parts of a line; False where a scan's credit came first."""
    keyed = max(one.line.keyed_at or case.now, case.sheet.first_handed_in_at or case.now)
    parts = rules.parts(one.line.minutes, is_late=keyed >= case.until, month_minutes=month_minutes, rules=case.in_force)
    made = []
    try:
        with session.begin_nested():
            made = [_propose(session, case, one.line, part, rest=":rest" if n else "") for n, part in enumerate(parts)]
    except IntegrityError:
        if one.person.id not in recorded(session, case.activity.id):
            raise
        return False
    one.line.credit_id = made[0]
    ids.extend(made)
    _tell_honour(session, case, one, parts)
    return True


def _propose(session: Session, case: _Case, line: SheetLine, part: rules.Part, *, rest: str) -> int:
    activity = case.activity
    credit = credits_.propose(
        session,
        community_id=activity.community_id,
        source=f"sheet_line:{line.id}{rest}",
        person_id=line.person_id,
        proposed_by=case.sheet.keyed_by,
        title=activity.title,
        happened_on=case.day,
        unit=chart.MINUTES,
        amount=part.minutes,
        evidence_class=part.evidence_class,
        evidence=_evidence(case, line),
        flags=[*part.flags, *case.seen],
        rules_number=case.in_force.number,
        activity_id=activity.id,
        leader_id=activity.leader_id,
        began_at=activity.published_at,
        now=case.now,
    )
    return credit.id


def _evidence(case: _Case, line: SheetLine) -> dict[str, Any]:
    activity = case.activity
    return {
        "activity_id": activity.public_id,
        "sheet_id": case.sheet.public_id,
        "title": activity.title,
        "place": activity.place,
        "starts_at": rfc3339(activity.starts_at),
        "ends_at": rfc3339(activity.ends_at),
        "checked_in_at": rfc3339(line.arrived_at),
        "checked_out_at": rfc3339(line.left_at),
        "via_in": "paper",
        "via_out": "paper",
        "keyed_by": case.keyer.name,
        "confirmed_by": case.who.name,
        "rounding_minutes": case.in_force.rounding_minutes,
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


def _tell_honour(session: Session, case: _Case, one: Line, parts: Sequence[rules.Part]) -> None:
    honour = next((part for part in parts if part.evidence_class == "C"), None)
    if honour is None:
        return
    facts = {"title": case.activity.title, "minutes": honour.minutes, **honour.flags[0]["facts"]}
    sentence = LATE if honour.flags[0]["code"] == "paper_late" else FULL
    members.tell(session, [one.person.id], sentence, facts=facts, now=case.now)


def _strike_for_scan(session: Session, case: _Case, one: Line) -> None:
    one.line.struck_reason = rules.SCANNED
    sentence = say("“%(title)s”您已经有签到记录，时长按那一条记；纸质签到表上的一行不再重复记。")
    members.tell(session, [one.person.id], sentence, facts={"title": case.activity.title}, now=case.now)


def _tell_struck(
    session: Session, activity: Activity, struck: Sequence[Line], reason: str | None, now: datetime
) -> None:
    sentence = say("“%(title)s”的纸质签到表上，您那一行核对时划掉了：%(reason)s 如果不对，请到社区服务台说明。")
    facts = {"title": activity.title, "reason": reason}
    members.tell_each(session, [(one.person.id, facts) for one in struck], sentence, now=now)


def _check_another(session: Session, who: Actor, sheet: Sheet) -> None:
    if is_near(who, session.get_one(Person, sheet.keyed_by)):
        raise rules.OwnSheet
