"""Who was trained for the kinds of help that take it: recorded by a coordinator who saw the paper."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bank.errors import NotFound
from bank.members.actor import Actor
from bank.members.models import Person
from bank.services import moving
from bank.services.models import HelpTraining
from bank.services.refusals import AlreadyTrained, Moved, SecondPerson
from bank.services.rules import CATALOGUE

MOST_SHOWN = 200


def record_training(
    session: Session, actor: Actor, person: Person, kind: str, paper: str, *, now: datetime
) -> HelpTraining:
    """Record that somebody was trained, and what paper shows it; for a coordinator who is not of their home.

    Raises NotAllowed, NotFound, SecondPerson, AlreadyTrained.
    """
    actor.require("coordinator")
    if person.community_id != actor.community_id or kind not in CATALOGUE or not CATALOGUE[kind].is_trained:
        raise NotFound
    if moving.is_home_of(session, actor, [person.id]):
        raise SecondPerson
    training = HelpTraining(
        community_id=actor.community_id,
        person_id=person.id,
        kind=kind,
        paper=paper,
        checked_by=actor.person_id,
        at=now,
    )
    try:
        with session.begin_nested():
            session.add(training)
    except IntegrityError:
        raise AlreadyTrained from None
    return training


def end_training(session: Session, actor: Actor, training_id: int, *, now: datetime) -> None:
    """Say that a training counts no longer; what was promised before goes on. Raises NotAllowed, NotFound, Moved."""
    actor.require("coordinator")
    mine = (HelpTraining.id == training_id, HelpTraining.community_id == actor.community_id)
    if session.scalar(select(HelpTraining.id).where(*mine)) is None:
        raise NotFound
    ended = session.execute(
        update(HelpTraining)
        .where(*mine, HelpTraining.ended_at.is_(None))
        .values(ended_at=now, ended_by=actor.person_id)
        .returning(HelpTraining.id)
        .execution_options(synchronize_session=False)
    )
    if ended.first() is None:
        raise Moved


def trained(session: Session, actor: Actor) -> Sequence[tuple[HelpTraining, str]]:
    """Give whose training counts now with their names, newest first."""
    rows = session.execute(
        select(HelpTraining, Person.name)
        .join(Person, Person.id == HelpTraining.person_id)
        .where(HelpTraining.community_id == actor.community_id, HelpTraining.ended_at.is_(None))
        .order_by(HelpTraining.id.desc())
        .limit(MOST_SHOWN)
    )
    return [(one, name) for one, name in rows]
