"""What every step on an objection or a correction stands on: it is found and locked, by its day, by a stranger."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bank.communities import operations as communities
from bank.communities.calendar import calendar_of
from bank.communities.models import Community
from bank.credits import panel
from bank.credits.models import Credit, Objection
from bank.credits.rules import SameHousehold, SecondPersonRequired, SelfApproval
from bank.errors import Conflict, NotFound, say
from bank.members.actor import Actor
from bank.members.models import Person


class AlreadyAnswered(Conflict):
    """The objection is closed."""

    code = "already_decided"
    sentence = say("这条异议刚才已经有人答复过了，或已被撤回。")


def stage_end(session: Session, credit: Credit, stage: str, now: datetime) -> datetime:
    home = session.get_one(Community, credit.community_id)
    in_force = communities.rules_at(session, home, now)
    days = {"answer": in_force.answer_objection_days, "panel": in_force.panel_days, "last": in_force.last_days}
    return calendar_of(session, home, now).end_after(days[stage])


def move(session: Session, credit: Credit, before: str, after: str) -> None:
    moved = session.execute(
        update(Credit)
        .where(Credit.id == credit.id, Credit.state == before)
        .values(state=after)
        .returning(Credit.id)
        .execution_options(synchronize_session="fetch")
    )
    if moved.scalar_one_or_none() is None:
        raise AlreadyAnswered


def close(
    session: Session, objection: Objection, state: str, actor: Actor | None, words: str | None, now: datetime
) -> None:
    closed = session.execute(
        update(Objection)
        .where(Objection.id == objection.id, Objection.state == "open")
        .values(state=state, answered_by=actor.person_id if actor else None, answered_at=now, answer=words)
        .returning(Objection.id)
        .execution_options(synchronize_session="fetch")
    )
    if closed.scalar_one_or_none() is None:
        raise AlreadyAnswered


def locked(session: Session, actor: Actor, public_id: str) -> tuple[Objection, Credit]:
    """Find an objection and its credit, the credit locked, as everywhere, before anything else of it."""
    found = session.execute(
        select(Objection.id, Objection.credit_id)
        .join(Credit, Credit.id == Objection.credit_id)
        .where(Objection.public_id == public_id, Credit.community_id == actor.community_id)
    ).one_or_none()
    if found is None:
        raise NotFound
    fresh = {"populate_existing": True}
    credit = session.get_one(Credit, found.credit_id, with_for_update=True, execution_options=fresh)
    return session.get_one(Objection, found.id, execution_options=fresh), credit


def has_panel(session: Session, credit: Credit, objection: Objection, now: datetime, *, without: int = 0) -> bool:
    """Tell whether enough of the panel are free of conflict to give a verdict; on its own refusal it gives none."""
    if objection.is_appeal and objection.refused_by is None:
        return False
    quorum = communities.rules_now(session, credit.community_id, now).panel_quorum
    return 0 < quorum <= len(panel.judges(session, credit, objection) - {without})


def check_stranger(session: Session, actor: Actor, objection: Objection, credit: Credit) -> None:
    if credit.person_id == actor.person_id:
        raise SelfApproval
    household_id = session.get_one(Person, credit.person_id).household_id
    if household_id is not None and household_id == actor.household_id:
        raise SameHousehold
    sides = {objection.by_person_id, objection.keyed_by, objection.refused_by}
    hands = {credit.first_by, credit.second_by, credit.proposed_by, credit.leader_id} | sides
    if actor.person_id in hands or is_home_of_any(session, actor.household_id, hands):
        raise SecondPersonRequired


def is_home_of_any(session: Session, household_id: int | None, person_ids: Collection[int | None]) -> bool:
    """Tell whether somebody of these lives in a household; False for no household."""
    if household_id is None:
        return False
    lives = select(Person.id).where(
        Person.id.in_([id_ for id_ in person_ids if id_]), Person.household_id == household_id
    )
    return session.scalar(lives.limit(1)) is not None
