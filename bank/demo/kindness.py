"""The demo's panel at work: deeds that wait for it, one it has judged, a witness, a captain and a few thanks."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from bank.deeds import judging, witnessing
from bank.deeds import operations as deeds
from bank.deeds.models import Deed
from bank.deeds.rules import MonthIsFull, WeekIsFull
from bank.demo.founding import Town
from bank.members import neighbours
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person
from bank.thanks import operations as thanks

JUDGES = 3
"""Residents who join the cast's one panel member, so that a quorum is there when somebody is involved."""
GRANTED = (True, True, False, True)


def show_kindness(session: Session, town: Town, now: datetime) -> None:
    """Leave two deeds at the panel, one that it has judged, a witness, a captain and three thank-you cards.

    Nothing where a tiny demo has too few households, or one of them has told enough deeds this week.
    """
    others = list({actor.household_id: actor for actor in reversed(town.people)}.values())
    if len(others) < JUDGES + 3:
        return
    with suppress(WeekIsFull, MonthIsFull), session.begin_nested():
        _show(session, town, others, now)


def _show(session: Session, town: Town, others: list[Actor], now: datetime) -> None:
    cast = town.cast
    judges = [cast["panel"], *_seat(session, town, others[:JUDGES], now)]
    doer, teller, shy = others[JUDGES : JUDGES + 3]
    for at, told in (
        (timedelta(days=2), ("blood_donation", "参加街道献血车义务献血")),
        (timedelta(hours=5), ("care_disabled", "照看对门卧床的老人一上午")),
        (timedelta(hours=3), ("lost_property", "捡到钱包交到物业")),
    ):
        deed = _tell(session, teller, doer if told[0] == "blood_donation" else shy, *told, now - at)
        if told[0] == "blood_donation":
            _judge(session, judges, deed, now - timedelta(days=1))
        elif told[0] == "lost_property":
            witnessing.witness_by_scan(session, cast["auditor"], str(deed.witness_code), now=now - timedelta(hours=2))
    building = f"{town.community.code}-0"
    captain = session.get_one(Person, cast["volunteer"].person_id)
    neighbours.name_captain(session, cast["coordinator"], captain, building, now=now - timedelta(days=3))
    for sender, to, card in (
        (cast["resident"], "volunteer", "warm"),
        (doer, "volunteer", "thanks"),
        (shy, "panel", "health"),
    ):
        receiver = session.get_one(Person, cast[to].person_id)
        thanks.send(session, sender, receiver, card=card, words=None, now=now - timedelta(hours=1))


def _seat(session: Session, town: Town, chosen: list[Actor], now: datetime) -> list[Actor]:
    seated = []
    for actor in chosen:
        person = session.get_one(Person, actor.person_id)
        members.grant_role(session, person, "panel", town.community, now=now - timedelta(days=3))
        seated.append(members.actor_of(session, person))
    return seated


def _tell(session: Session, teller: Actor, doer: Actor, category: str, story: str, now: datetime) -> Deed:
    return deeds.tell(
        session,
        teller,
        category=category,
        story=story,
        happened_on=now.date(),
        neighbour=session.get_one(Person, doer.person_id),
        now=now,
    )


def _judge(session: Session, judges: list[Actor], deed: Deed, now: datetime) -> None:
    for judge, is_for in zip(judges, GRANTED, strict=True):
        case = judging.case_of(session, deed.id)
        if case is not None and case.state == "open":
            reason = "有献血证" if is_for else "看不出是哪天"
            judging.vote(session, judge, deed.public_id, is_for=is_for, reason=reason, now=now)
