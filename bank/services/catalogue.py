"""The kinds of help as a community offers them, and what it rules of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from bank.errors import Invalid, NotFound, say
from bank.members.actor import Actor
from bank.members.models import Person
from bank.services.models import HelpKindRuling
from bank.services.refusals import ConditionsOpen
from bank.services.rules import CATALOGUE, Kind, unmet


def kinds(session: Session, community_id: int) -> dict[str, Kind]:
    """Give every kind as the community offers it, in the catalogue's order; one statement."""
    latest = (
        select(func.max(HelpKindRuling.id))
        .where(HelpKindRuling.community_id == community_id)
        .group_by(HelpKindRuling.kind)
    )
    ruled = {one.kind: one for one in session.scalars(select(HelpKindRuling).where(HelpKindRuling.id.in_(latest)))}
    return {code: _as_ruled(kind, ruled.get(code)) for code, kind in CATALOGUE.items()}


def _as_ruled(kind: Kind, ruling: HelpKindRuling | None) -> Kind:
    if ruling is None:
        return kind
    return replace(
        kind,
        is_on=ruling.is_on,
        least_minutes=ruling.least_minutes,
        usual_minutes=ruling.usual_minutes,
        most_minutes=ruling.most_minutes,
    )


def rule(
    session: Session,
    actor: Actor,
    code: str,
    *,
    is_on: bool,
    least_minutes: int,
    usual_minutes: int,
    most_minutes: int,
    conditions: Collection[str],
    now: datetime,
) -> HelpKindRuling:
    """Say how a kind is offered from now on; what is underway goes on. Who said so is the trace.

    Raises NotAllowed, NotFound, Invalid for minutes out of order, ConditionsOpen for a high-risk kind switched on
    without every condition declared.
    """
    actor.require("coordinator")
    kind = CATALOGUE.get(code)
    if kind is None:
        raise NotFound
    if not 1 <= least_minutes <= usual_minutes <= most_minutes:
        raise Invalid({"usual_minutes": [say("最少、一般、最多要从小到大。")]})
    declared = [one for one in kind.conditions if one in conditions]
    if is_on and unmet(kind, declared):
        raise ConditionsOpen
    ruling = HelpKindRuling(
        community_id=actor.community_id,
        kind=code,
        is_on=is_on,
        least_minutes=least_minutes,
        usual_minutes=usual_minutes,
        most_minutes=most_minutes,
        conditions=declared if is_on else [],
        by_person_id=actor.person_id,
        at=now,
    )
    session.add(ruling)
    session.flush()
    return ruling


def rulings(session: Session, community_id: int, *, limit: int = 30) -> Sequence[tuple[HelpKindRuling, str]]:
    """Give what was ruled with who ruled it, newest first."""
    by = aliased(Person)
    rows = session.execute(
        select(HelpKindRuling, by.name)
        .join(by, by.id == HelpKindRuling.by_person_id)
        .where(HelpKindRuling.community_id == community_id)
        .order_by(HelpKindRuling.id.desc())
        .limit(limit)
    )
    return [(one, name) for one, name in rows]
