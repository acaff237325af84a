"""Verbs on places and their rules."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from bank import clock
from bank.communities.models import Community, RuleVersion
from bank.communities.rules import Rules, read_rules
from bank.errors import NotFound

_KNOWN = "bank.communities.rules"
"""Where a session keeps the rules it has read, with the transaction that read them."""
_IN_FORCE = (
    select(RuleVersion.number, RuleVersion.effective_on, RuleVersion.settings)
    .where(RuleVersion.community_id == bindparam("community_id"), RuleVersion.effective_on <= bindparam("day"))
    .order_by(RuleVersion.effective_on.desc())
    .limit(1)
)


def add(
    session: Session,
    *,
    kind: str,
    code: str,
    name: str,
    parent: Community | None = None,
    is_demo: bool = False,
) -> Community:
    """Add a place below `parent` (None only for a district)."""
    path = f"{parent.path if parent else ''}{code}/"
    place = Community(
        kind=kind, code=code, name=name, path=path, parent_id=parent.id if parent else None, is_demo=is_demo
    )
    session.add(place)
    session.flush()
    return place


def adopt_rules(
    session: Session,
    community: Community,
    settings: Mapping[str, Any],
    *,
    effective_on: date,
    now: datetime,
    note: str = "",
) -> Rules:
    """Add the next rule version, valid from `effective_on`. Raises ValueError for an unknown setting."""
    latest = session.scalar(select(func.max(RuleVersion.number)).where(RuleVersion.community_id == community.id))
    rules = read_rules((latest or 0) + 1, effective_on, settings)
    version = RuleVersion(
        community_id=community.id,
        number=rules.number,
        effective_on=effective_on,
        settings=dict(settings),
        note=note,
        created_at=now,
    )
    session.add(version)
    session.flush()
    session.info.pop(_KNOWN, None)
    return rules


def rules_on(session: Session, community_id: int, day: date) -> Rules:
    """Give the rules in force on `day`, read once in a transaction. Raises NotFound where a community has none yet."""
    read_in, known = _known(session)
    if read_in is not session.get_transaction():
        known = {}
    if (community_id, day) not in known:
        row = session.execute(_IN_FORCE, {"community_id": community_id, "day": day}).one_or_none()
        if row is None:
            raise NotFound
        known[community_id, day] = read_rules(row.number, row.effective_on, row.settings)
        session.info[_KNOWN] = (session.get_transaction(), known)
    return known[community_id, day]


def _known(session: Session) -> tuple[object, dict[tuple[int, date], Rules]]:
    kept: tuple[object, dict[tuple[int, date], Rules]] = session.info.get(_KNOWN, (None, {}))
    return kept


def rules_numbered(session: Session, community_id: int, number: int) -> Rules:
    """Give one version of a community's rules. Raises NotFound."""
    chosen = select(RuleVersion).where(RuleVersion.community_id == community_id, RuleVersion.number == number)
    version = session.scalar(chosen)
    if version is None:
        raise NotFound
    return read_rules(version.number, version.effective_on, version.settings)


def rules_at(session: Session, community: Community, moment: datetime) -> Rules:
    """Give the rules in force at a moment, by the community's own calendar."""
    return rules_on(session, community.id, clock.local_day(moment, community.time_zone))


def rules_now(session: Session, community_id: int, now: datetime) -> Rules:
    """Give the rules in force now in the community with this row id."""
    return rules_at(session, session.get_one(Community, community_id), now)


def with_code(session: Session, code: str) -> Community:
    """Find a place by its code. Raises NotFound."""
    place = session.scalar(select(Community).where(Community.code == code))
    if place is None:
        raise NotFound
    return place


def buildings(session: Session, community_id: int) -> list[tuple[int, str]]:
    """Give a community's buildings by row id and name in the order of their numbers, the tenth after the ninth."""
    chosen = select(Community.id, Community.name).where(
        Community.parent_id == community_id, Community.kind == "building"
    )
    rows = session.execute(chosen.order_by(func.length(Community.code), Community.code))
    return [(id_, name) for id_, name in rows]
