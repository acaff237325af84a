"""What help at home tells the bank's health: who was helped first when, what was asked for, what was met in time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from bank.members.models import Household, Person
from bank.services.models import HelpRequest, HelpSkill
from bank.services.rules import CATALOGUE

IN_TIME = timedelta(hours=48)


def first_spent(session: Session, community_id: int) -> Mapping[int, datetime]:
    """Give when each resident first paid for help with hours of their own."""
    rows = session.execute(
        select(HelpRequest.person_id, func.min(HelpRequest.starts_at))
        .where(
            HelpRequest.community_id == community_id,
            HelpRequest.pays == "own",
            HelpRequest.capture_txn_id.is_not(None),
            HelpRequest.returned_txn_id.is_(None),
        )
        .group_by(HelpRequest.person_id)
    )
    return {person_id: at for person_id, at in rows}  # noqa: C416 -- a Row is no pair to dict()


def wanted(session: Session, community_id: int, since: datetime) -> Iterable[tuple[str, int, int, datetime]]:
    """Give what was asked for since a moment: its kind in words, minutes, whose it was, and for when."""
    rows = session.execute(
        select(HelpRequest.kind, HelpRequest.minutes, HelpRequest.person_id, HelpRequest.starts_at).where(
            HelpRequest.community_id == community_id, HelpRequest.created_at >= since
        )
    )
    return [(CATALOGUE[kind].title, minutes, person_id, at) for kind, minutes, person_id, at in rows]


def met(session: Session, community_id: int, since: datetime, now: datetime) -> tuple[int, int]:
    """Give how many requests since a moment had 48 hours to find somebody or found them, and how many found in time."""
    rows = session.execute(
        select(HelpRequest.created_at, HelpRequest.accepted_at).where(
            HelpRequest.community_id == community_id, HelpRequest.created_at >= since, HelpRequest.state != "cancelled"
        )
    ).all()
    in_time = sum(accepted is not None and accepted - asked <= IN_TIME for asked, accepted in rows)
    running = sum(accepted is None and now - asked < IN_TIME for asked, accepted in rows)
    return len(rows) - running, in_time


def waits(session: Session, community_id: int, since: datetime) -> list[tuple[int, timedelta]]:
    """Give whose request of since then was answered by a yes, and how long it took."""
    rows = session.execute(
        select(HelpRequest.person_id, HelpRequest.created_at, HelpRequest.accepted_at).where(
            HelpRequest.community_id == community_id,
            HelpRequest.created_at >= since,
            HelpRequest.accepted_at.is_not(None),
        )
    )
    return [(person_id, accepted - asked) for person_id, asked, accepted in rows if accepted is not None]


def asked_for(session: Session, community_id: int, since: datetime) -> dict[str, int]:
    """Count what was asked for since then, by the code of its kind."""
    rows = session.execute(
        select(HelpRequest.kind, func.count())
        .where(HelpRequest.community_id == community_id, HelpRequest.created_at >= since)
        .group_by(HelpRequest.kind)
    )
    return {kind: count for kind, count in rows}  # noqa: C416 -- a Row is no pair to dict()


def helpers(session: Session, community_id: int, *, but: Person) -> list[tuple[str, int | None]]:
    """Give the kinds that somebody of another home likes to help with, each with the row id of a building of theirs."""
    chosen = (
        select(HelpSkill.kind, Household.building_id)
        .join(Person, Person.id == HelpSkill.person_id)
        .outerjoin(Household, Household.id == Person.household_id)
        .where(
            HelpSkill.community_id == community_id,
            Person.disabled_at.is_(None),
            Person.id != but.id,
            or_(Person.household_id.is_(None), Person.household_id != (but.household_id or 0)),
        )
        .distinct()
    )
    return [(kind, building) for kind, building in session.execute(chosen)]
