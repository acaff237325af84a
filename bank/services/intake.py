"""Asking for help: for oneself, or for somebody who calls or comes; verifying it; asking once more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bank import chart
from bank.checkin import codes
from bank.communities import operations as communities
from bank.errors import Invalid, NotFound, say
from bank.members import neighbours
from bank.members.actor import STAFF, Actor
from bank.members.models import Person
from bank.members.standing import check_open
from bank.qr import new_public_id
from bank.services import catalogue, moving, rules
from bank.services.models import HelpRequest
from bank.services.refusals import (
    AlreadyRepeated,
    GroupOnlyDonates,
    NotEnoughTime,
    NotOffered,
    SecondPerson,
    TooManyOpen,
)

MOST_OPEN = 5
"""Requests of one resident that nobody has answered yet."""
FARTHEST = timedelta(days=60)
A_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for, as a form says it; `minutes` of the visit."""

    kind: str
    starts_at: datetime
    minutes: int
    words: str = ""
    risk_note: str = ""
    reach: str = ""
    speech: str = "mandarin"
    is_hardship: bool = False


def room(session: Session, person: Person, now: datetime) -> int:
    """Give the minutes a resident can still ask for: what they can spend, less what open requests will need."""
    path = chart.member(person.public_id)
    promised = session.scalar(
        select(func.coalesce(func.sum(HelpRequest.minutes * HelpRequest.helpers), 0)).where(
            HelpRequest.person_id == person.id, HelpRequest.pays == "own", HelpRequest.state.in_(rules.OPEN)
        )
    )
    return moving.available(session, person.community_id, path, now) - int(promised or 0)


def ask(session: Session, actor: Actor, wish: Wish, *, now: datetime) -> HelpRequest:
    """Ask for help for oneself. Raises Invalid, NotOffered, NotEnoughTime, TooManyOpen, GroupOnlyDonates."""
    person = session.get_one(Person, actor.person_id)
    if wish.is_hardship:
        raise Invalid({"is_hardship": [say("由公益池出要工作人员来提，请打电话或到服务台。")]})
    return _ask(session, actor, person, wish, via="app", now=now)


def ask_for(session: Session, actor: Actor, person: Person, wish: Wish, *, via: str, now: datetime) -> HelpRequest:
    """Write a request down for a resident who calls, comes, or told their captain; they are told.

    `via` is counter or phone for a coordinator, captain for the captain of the resident's building, who cannot ask
    for the pool's hours. A risk note is mandatory. Raises NotFound, NotAllowed, Invalid and what `ask` raises.
    """
    if person.community_id != actor.community_id or person.disabled_at is not None:
        raise NotFound
    if via == "captain":
        if person.id not in {one.id for one, _ in neighbours.of_captain(session, actor)}:
            raise NotFound
        if wish.is_hardship:
            raise Invalid({"is_hardship": [say("由公益池出要工作人员来提，请打电话或到服务台。")]})
    else:
        actor.require("coordinator")
    if not wish.risk_note:
        raise Invalid({"risk_note": [say("请写一句上门要注意什么；没有就写“没有”。")]})
    if wish.is_hardship and moving.is_home_of(session, actor, [person.id]):
        raise SecondPerson
    request = _ask(session, actor, person, wish, via=via, now=now)
    if person.id != actor.person_id:
        sentence = say("%(name)s 替您提了一件请求：%(kind)s。不是您要的，点开就可以取消。")
        moving.tell(session, [person.id], sentence, request, now, name=actor.name)
    return request


def _ask(session: Session, actor: Actor, person: Person, wish: Wish, *, via: str, now: datetime) -> HelpRequest:
    in_force = communities.rules_now(session, person.community_id, now)
    kind = catalogue.kinds(session, person.community_id).get(wish.kind)
    if kind is None or not kind.is_on:
        raise NotOffered
    _check_length(rules.within(kind, in_force.home_service_minutes), wish.minutes)
    if not now < wish.starts_at <= now + FARTHEST:
        raise Invalid({"day": [say("请选今天以后、两个月以内的时间。")]})
    _check_open(session, person)
    if not wish.is_hardship:
        missing = rules.held_minutes(wish.minutes, kind.helpers) - room(session, person, now)
        if missing > 0:
            raise NotEnoughTime(missing_minutes=missing)
    return _write(session, actor, person, wish, via=via, now=now)


def _check_length(kind: rules.Kind, minutes: int) -> None:
    least, most = kind.least_minutes, kind.most_minutes
    if not least <= minutes <= most:
        sentence = say("%(kind)s一次 %(least_minutes)s到 %(most_minutes)s，请选这中间的时长。")
        raise Invalid({"minutes": [sentence]}, kind=kind.title, least_minutes=least, most_minutes=most)


def _check_open(session: Session, person: Person) -> None:
    if person.is_group:
        raise GroupOnlyDonates
    check_open(session, person)
    mine = select(func.count()).select_from(HelpRequest)
    waiting = session.scalar(mine.where(HelpRequest.person_id == person.id, HelpRequest.state.in_(rules.OPEN)))
    if (waiting or 0) >= MOST_OPEN:
        raise TooManyOpen(most=MOST_OPEN)


def _write(
    session: Session,
    actor: Actor,
    person: Person,
    wish: Wish,
    *,
    via: str,
    now: datetime,
    repeats: HelpRequest | None = None,
) -> HelpRequest:
    in_force = communities.rules_now(session, person.community_id, now)
    promised = moving.working_days(session, person.community_id, in_force.help_verify_days, now)
    public_id, code_in = new_public_id(), _six()
    request = HelpRequest(
        public_id=public_id,
        community_id=person.community_id,
        person_id=person.id,
        asked_by=actor.person_id,
        via=via,
        kind=wish.kind,
        starts_at=wish.starts_at,
        minutes=wish.minutes,
        helpers=rules.CATALOGUE[wish.kind].helpers,
        words=wish.words,
        risk_note=wish.risk_note,
        reach=wish.reach or person.phone or "",
        speech=wish.speech,
        pays="pool" if wish.is_hardship else "own",
        hardship_by=actor.person_id if wish.is_hardship else None,
        state="requested",
        is_first=False,
        created_at=now,
        promised_at=min(promised, wish.starts_at),
        due_at=wish.starts_at,
        holds=0,
        code_in=code_in,
        code_out=_six(but=code_in),
        is_late_upload=False,
        refunded_minutes=0,
        repeats=repeats.id if repeats else None,
    )
    session.add(request)
    session.flush()
    moving.note(session, request, "asked", now=now, by=actor.person_id)
    return request


def _six(but: str = "") -> str:
    """Draw six digits, others than `but`, from the source of public names: a demo of one seed is the same each time."""
    while True:
        six = f"{codes.decode(new_public_id()) % 1_000_000:06}"
        if six != but:
            return six


def verify(session: Session, actor: Actor, public_id: str, *, now: datetime, risk_note: str | None = None) -> None:
    """Say that a request is as it was told, and what to mind; from now on it can be answered.

    Where the pool pays, this is the second person's yes. Raises NotFound, NotAllowed, Invalid, SecondPerson, Moved.
    """
    moving.require_staff(actor)
    request = moving.locked(session, actor.community_id, public_id)
    hands = [request.person_id] + ([request.hardship_by] if request.pays == "pool" else [])
    if moving.is_home_of(session, actor, hands):
        raise SecondPerson
    text = risk_note or request.risk_note
    if not text:
        raise Invalid({"risk_note": [say("请写一句上门要注意什么；没有就写“没有”。")]})
    in_force = communities.rules_now(session, request.community_id, now)
    promised = moving.working_days(session, request.community_id, in_force.help_answer_days, now)
    moving.move(
        session,
        request,
        ("requested",),
        "verified",
        verified_by=actor.person_id,
        verified_at=now,
        risk_note=text,
        promised_at=min(promised, request.starts_at),
        warned_at=None,
        due_at=moving.until(session, request, "verified", now),
    )
    moving.note(session, request, "verified", now=now, by=actor.person_id)
    sentence = say("您的请求“%(kind)s”已经核实，正在找人。")
    moving.tell(session, {request.person_id} - {actor.person_id}, sentence, request, now)


def repeat(session: Session, actor: Actor, public_id: str, *, now: datetime) -> HelpRequest:
    """Ask for the same again a week later, or in the first week whose day is still to come.

    For the resident and who may ask for them. Raises NotFound, AlreadyRepeated and what `ask` raises.
    """
    before = moving.locked(session, actor.community_id, public_id)
    person = session.get_one(Person, before.person_id)
    if actor.person_id not in (before.person_id, before.asked_by) and not actor.may(*STAFF):
        raise NotFound
    again = select(HelpRequest.id).where(HelpRequest.repeats == before.id)
    if session.scalar(again) is not None:
        raise AlreadyRepeated
    wish = as_wish(before, next_time(before.starts_at, A_WEEK, now))
    kind = catalogue.kinds(session, person.community_id)[before.kind]
    if not kind.is_on:
        raise NotOffered
    _check_open(session, person)
    needed = rules.held_minutes(wish.minutes, kind.helpers)
    missing = 0 if wish.is_hardship else needed - room(session, person, now)
    if missing > 0:
        raise NotEnoughTime(missing_minutes=missing)
    return repeat_as(session, actor, before, wish, now=now)


def repeat_as(session: Session, actor: Actor, before: HelpRequest, wish: Wish, *, now: datetime) -> HelpRequest:
    """Write the next request after another. Raises AlreadyRepeated."""
    person = session.get_one(Person, before.person_id)
    try:
        with session.begin_nested():
            request = _write(session, actor, person, wish, via="repeat", now=now, repeats=before)
    except IntegrityError:
        raise AlreadyRepeated from None
    return request


def as_wish(before: HelpRequest, starts_at: datetime) -> Wish:
    """Give what was asked for, at another time; the pool's yes is not carried along."""
    return Wish(before.kind, starts_at, before.minutes, before.words, before.risk_note, before.reach, before.speech)


def next_time(was: datetime, every: timedelta, now: datetime) -> datetime:
    """Give the first moment after now that lies whole spans after another."""
    ahead = was + every
    while ahead <= now:
        ahead += every
    return ahead
