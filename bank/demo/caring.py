"""Help at home in a simulated community: who asks, who is found, how the visit goes."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from bank.demo.helping import LIKES, WISHES
from bank.demo.village import Village, Visit, attempt, moment, season
from bank.giving import pool
from bank.members.actor import Actor
from bank.members.models import Person
from bank.services import operations as help_
from bank.services.models import HelpRequest
from bank.services.rules import scanned_minutes
from bank.services.visiting import Proof

HELPS_FROM = 3.0
"""Who comes so readily also visits homes: about one in six."""
SHY, ASKED, YOUNG = 0.015, 0.12, 0.004
"""How likely somebody asks for help in a week: the old, the old whom somebody asked what they need, others."""
SAYS_YES = 0.55
INVITED = 3
HOURS = (9, 10, 14, 15, 16)
NOTE = "没有特别的"
ENDINGS = ("done",) * 14 + ("unconfirmed", "unconfirmed", "short", "cancelled", "absent", "door")


def learn_skills(session: Session, village: Village, who: Actor) -> None:
    """Let the readiest say what help they like to give."""
    if village.weight[who.person_id] >= HELPS_FROM:
        help_.set_skills(session, who, village.draw.sample(LIKES, 4), ["mandarin", "local"])


def ask_for_help(session: Session, village: Village, monday: date) -> None:
    """Take in what is needed at home: by one's own hours, or by the pool's where an old person has none."""
    has = village.town.saved(session, moment(monday, 1, 9))
    left = pool.balance(session, village.town.community.id, moment(monday, 1, 9))["MIN"]
    for number, who in enumerate(list(village.town.people)):
        usual = (ASKED if who.person_id in village.asked else SHY) if village.is_old(who) else YOUNG
        if village.draw.random() >= usual * season(monday):
            continue
        wish = _wish(village, monday)
        is_poor = village.is_old(who) and has.get(who.person_id, 0) < wish.minutes
        by_pool = is_poor and left >= wish.minutes
        if is_poor and not by_pool:
            village.refused["NobodyPays"] += 1
            continue
        left -= wish.minutes if by_pool else 0
        asked = attempt(session, village, partial(_ask, session, village, who, wish, monday, number, by_pool))
        if asked is not None:
            _find(session, village, asked, who, monday, number)


def _wish(village: Village, monday: date) -> help_.Wish:
    kind, minutes, words = village.draw.choice(WISHES)
    starts_at = moment(monday, village.draw.choice((4, 5, 6)), village.draw.choice(HOURS))
    return help_.Wish(kind, starts_at, minutes, words, NOTE, "打电话", "mandarin")


def _ask(
    session: Session, village: Village, who: Actor, wish: help_.Wish, monday: date, number: int, by_pool: bool
) -> HelpRequest:
    """Take it in, for the old by telephone, and let it be verified; where the pool pays, by a second person."""
    now, cast = moment(monday, 1, 10, number % 60), village.town.cast
    if village.is_old(who):
        person = session.get_one(Person, who.person_id)
        called = help_.Wish(
            wish.kind, wish.starts_at, wish.minutes, wish.words, NOTE, wish.reach, wish.speech, is_hardship=by_pool
        )
        request = help_.ask_for(session, cast["coordinator"], person, called, via="phone", now=now)
    else:
        request = help_.ask(session, who, wish, now=now)
    help_.verify(session, cast["second"], request.public_id, now=now + timedelta(minutes=30))
    return request


def _find(session: Session, village: Village, request: HelpRequest, resident: Actor, monday: date, number: int) -> None:
    """Invite up to three who suit; the first yes is theirs, and a no leaves no mark."""
    now = moment(monday, 1, 14, number % 60)
    suits = help_.suited(session, request, now=now)[:INVITED]
    if not suits:
        return
    chosen = [one.person for one in suits]
    coordinator = village.town.cast["coordinator"]
    help_.invite(session, coordinator, request.public_id, [one.public_id for one in chosen], now=now)
    people = {who.person_id: who for who in village.town.people}
    for person in chosen:
        helper = people.get(person.id)
        if helper is None or village.draw.random() >= SAYS_YES / season(monday) ** 0.5:
            continue
        at = now + timedelta(hours=village.draw.randint(1, 20))
        if attempt(session, village, partial(help_.accept, session, helper, request.public_id, now=at)) is not None:
            village.visits.append(Visit(monday, request.public_id, resident, helper))
            return


def visit(session: Session, village: Village, monday: date) -> None:
    """Make the week's visits; most go as they should."""
    visits, village.visits = village.visits, []
    for one in visits:
        attempt(session, village, partial(_visit, session, village, one))


def _visit(session: Session, village: Village, one: Visit) -> None:
    request = session.scalars(select(HelpRequest).where(HelpRequest.public_id == one.public_id)).one()
    ending, at = village.draw.choice(ENDINGS), request.starts_at
    if ending == "absent":
        return
    if ending == "cancelled":
        help_.cancel(session, one.resident, one.public_id, reason="孩子回来了", now=at - timedelta(hours=2))
        return
    if ending == "door":
        help_.closed_door(session, one.helper, one.public_id, "敲门没人应", now=at + timedelta(minutes=20))
        return
    door = Proof("card", owner_id=one.resident.person_id)
    help_.scan(session, one.helper, one.public_id, door, now=at)
    stays = request.minutes // 2 if ending == "short" else request.minutes + village.draw.randint(-5, 6)
    went = at + timedelta(minutes=stays)
    help_.scan(session, one.helper, one.public_id, door, now=went)
    if ending != "unconfirmed":
        help_.confirm(session, one.resident, one.public_id, now=went + timedelta(minutes=7))


def settle_doubts(session: Session, village: Village, monday: date) -> None:
    """Let the second approver decide what is disputed, by what was scanned."""
    home = village.town.community.id
    disputed = select(HelpRequest).where(HelpRequest.community_id == home, HelpRequest.state == "disputed")
    for number, one in enumerate(session.scalars(disputed.order_by(HelpRequest.id)).all()):
        minutes = 30 if one.doubt == "not_home" else 0
        if one.arrived_at and one.left_at:
            minutes = min(one.minutes, scanned_minutes(one.arrived_at, one.left_at))
        now = moment(monday, 7, 8, number % 60)
        second = village.town.cast["second"]
        decide = partial(help_.decide, session, second, one.public_id, minutes=minutes, reason="打电话问过", now=now)
        attempt(session, village, decide)
