"""What the pages of help at home show: one's own, what is open, the desk with what is late first."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import Session, aliased

from bank.communities.models import Community
from bank.errors import NotFound
from bank.members.actor import Actor
from bank.members.models import Household, Person
from bank.services import dispatch, rules, wording
from bank.services.models import HelpInvitation, HelpRefund, HelpReport, HelpRequest, HelpStep

MOST_SHOWN = 50
HIGH = tuple(code for code, kind in rules.CATALOGUE.items() if kind.risk == "high")


@dataclass(frozen=True, slots=True)
class Row:
    """A request with the names a page needs; `building` and `door` are the resident's, empty where unknown."""

    request: HelpRequest
    resident: str
    building: str
    door: str
    volunteer: str
    asked_by: str
    second: str = ""
    """Who comes beside the volunteer, where two come."""

    @property
    def home(self) -> str:
        """Say where the resident lives."""
        return f"{self.building} {self.door}".strip()


def _rows(
    session: Session, *conditions: ColumnElement[bool], order: Sequence[Any], limit: int = MOST_SHOWN
) -> list[Row]:
    resident, helper, asker, other = aliased(Person), aliased(Person), aliased(Person), aliased(Person)
    found = session.execute(
        select(HelpRequest, resident.name, Community.name, Household.door, helper.name, asker.name, other.name)
        .join(resident, resident.id == HelpRequest.person_id)
        .join(asker, asker.id == HelpRequest.asked_by)
        .outerjoin(helper, helper.id == HelpRequest.volunteer_id)
        .outerjoin(other, other.id == HelpRequest.second_id)
        .outerjoin(Household, Household.id == resident.household_id)
        .outerjoin(Community, Community.id == Household.building_id)
        .where(*conditions)
        .order_by(*order)
        .limit(limit)
    )
    return [
        Row(one, name, place or "", door or "", by or "", asked, beside or "")
        for one, name, place, door, by, asked, beside in found
    ]


def one(session: Session, actor: Actor, public_id: str) -> Row:
    """Give a request that this person may see. Raises NotFound, for everybody else's too."""
    mine = [HelpRequest.public_id == public_id, HelpRequest.community_id == actor.community_id]
    found = _rows(session, *mine, order=[HelpRequest.id], limit=1)
    if not found or not dispatch.may_see(session, actor, found[0].request):
        raise NotFound
    return found[0]


def asked(session: Session, actor: Actor, *, limit: int = 30) -> list[Row]:
    """Give what somebody asked for, for themselves or for others, newest first."""
    mine = or_(HelpRequest.person_id == actor.person_id, HelpRequest.asked_by == actor.person_id)
    return _rows(session, mine, order=[HelpRequest.id.desc()], limit=limit)


def helped(session: Session, actor: Actor, *, limit: int = 30) -> list[Row]:
    """Give where somebody helps or helped, newest first."""
    waiting = select(HelpInvitation.request_id).where(
        HelpInvitation.person_id == actor.person_id, HelpInvitation.state == "accepted"
    )
    mine = or_(
        HelpRequest.volunteer_id == actor.person_id,
        HelpRequest.second_id == actor.person_id,
        and_(HelpRequest.id.in_(waiting), HelpRequest.state.in_(("verified", "offered"))),
    )
    return _rows(session, mine, order=[HelpRequest.id.desc()], limit=limit)


def invited(session: Session, actor: Actor) -> list[Row]:
    """Give the invitations somebody has not answered."""
    mine = select(HelpInvitation.request_id).where(
        HelpInvitation.person_id == actor.person_id, HelpInvitation.state == "open"
    )
    return _rows(session, HelpRequest.id.in_(mine), order=[HelpRequest.starts_at])


def open_to_all(session: Session, actor: Actor, now: datetime) -> list[Row]:
    """Give what any volunteer may pick, what was let down first; none of one's own home or one's own invitations."""
    home = Person.household_id == actor.household_id if actor.household_id is not None else Person.id == actor.person_id
    own = select(Person.id).where(or_(home, Person.id == actor.person_id))
    asked_already = select(HelpInvitation.request_id).where(
        HelpInvitation.person_id == actor.person_id, HelpInvitation.state == "open"
    )
    return _rows(
        session,
        HelpRequest.community_id == actor.community_id,
        HelpRequest.state.in_(("verified", "offered")),
        HelpRequest.starts_at > now,
        HelpRequest.kind.not_in(HIGH),
        HelpRequest.person_id.not_in(own),
        HelpRequest.id.not_in(asked_already),
        order=[HelpRequest.is_first.desc(), HelpRequest.starts_at, HelpRequest.id],
    )


def on_desk(session: Session, actor: Actor, now: datetime) -> list[Row]:
    """Give what waits for an answer: broken promises first, then who was let down, then the next to be late."""
    late = case((HelpRequest.promised_at <= now, 0), else_=1)
    return _rows(
        session,
        HelpRequest.community_id == actor.community_id,
        HelpRequest.state.in_(rules.OPEN),
        order=[late, HelpRequest.is_first.desc(), HelpRequest.promised_at, HelpRequest.id],
    )


def to_settle(session: Session, actor: Actor) -> list[Row]:
    """Give the disputed visits, the next deadline first."""
    return _rows(
        session,
        HelpRequest.community_id == actor.community_id,
        HelpRequest.state == "disputed",
        order=[HelpRequest.due_at, HelpRequest.id],
    )


def underway(session: Session, actor: Actor, now: datetime) -> list[Row]:
    """Give the visits that were promised, are going on, or wait for a word; the overdue ones first."""
    may_be_late = and_(HelpRequest.state.in_(("accepted", "in_service")), HelpRequest.starts_at < now)
    found = _rows(
        session,
        HelpRequest.community_id == actor.community_id,
        HelpRequest.state.in_(("accepted", "in_service", "to_confirm")),
        # No other visit may push an overdue one off the list.
        order=[case((may_be_late, 0), else_=1), HelpRequest.starts_at, HelpRequest.id],
    )
    return sorted(found, key=lambda row: (not wording.overdue(row.request, now), row.request.starts_at, row.request.id))


def reports(session: Session, actor: Actor) -> list[tuple[HelpReport, HelpRequest, str]]:
    """Give the problems nobody answered, the oldest deadline first."""
    rows = session.execute(
        select(HelpReport, HelpRequest, Person.name)
        .join(HelpRequest, HelpRequest.id == HelpReport.request_id)
        .join(Person, Person.id == HelpReport.by_person_id)
        .where(HelpReport.community_id == actor.community_id, HelpReport.state.in_(("open", "late")))
        .order_by(HelpReport.due_at, HelpReport.id)
        .limit(MOST_SHOWN)
    )
    return [(told, request, name) for told, request, name in rows]


def trail(session: Session, request_id: int) -> list[tuple[HelpStep, str]]:
    """Give what happened to a request, first to last, with who did it; empty for the bank itself."""
    rows = session.execute(
        select(HelpStep, Person.name)
        .outerjoin(Person, Person.id == HelpStep.by_person_id)
        .where(HelpStep.request_id == request_id)
        .order_by(HelpStep.id)
    )
    return [(step, name or "") for step, name in rows]


def invitations(session: Session, request_id: int) -> list[tuple[HelpInvitation, str]]:
    """Give who was invited, with their names."""
    rows = session.execute(
        select(HelpInvitation, Person.name)
        .join(Person, Person.id == HelpInvitation.person_id)
        .where(HelpInvitation.request_id == request_id)
        .order_by(HelpInvitation.id)
    )
    return [(one_, name) for one_, name in rows]


def has_invitation(session: Session, actor: Actor, request_id: int) -> bool:
    """Tell whether somebody's invitation is open."""
    mine = select(HelpInvitation.id).where(
        HelpInvitation.request_id == request_id,
        HelpInvitation.person_id == actor.person_id,
        HelpInvitation.state == "open",
    )
    return session.scalar(mine) is not None


def was_repeated(session: Session, request_id: int) -> bool:
    """Tell whether a request was asked for once more."""
    return session.scalar(select(HelpRequest.id).where(HelpRequest.repeats == request_id)) is not None


def behind(session: Session, txn_id: uuid.UUID) -> HelpRequest | None:
    """Find the request that held, paid, released or gave back by this transaction."""
    ways = (
        HelpRequest.hold_txn_id,
        HelpRequest.capture_txn_id,
        HelpRequest.release_txn_id,
        HelpRequest.returned_txn_id,
    )
    for way in ways:
        found = session.scalar(select(HelpRequest).where(way == txn_id))
        if found is not None:
            return found
    refund = select(HelpRefund.request_id).where(HelpRefund.txn_id == txn_id).scalar_subquery()
    return session.scalar(select(HelpRequest).where(HelpRequest.id == refund))


def count_waiting(session: Session, actor: Actor, now: datetime) -> int:
    """Count what waits for the desk: requests nobody verified or answered, who did not come, disputes, and problems."""
    nobody_came = and_(HelpRequest.state == "accepted", HelpRequest.starts_at < now - rules.LATE_TO_COME)
    requests = session.scalar(
        select(func.count())
        .select_from(HelpRequest)
        .where(
            HelpRequest.community_id == actor.community_id,
            or_(HelpRequest.state.in_(("requested", "verified", "disputed")), nobody_came),
        )
    )
    told = session.scalar(
        select(func.count())
        .select_from(HelpReport)
        .where(HelpReport.community_id == actor.community_id, HelpReport.state.in_(("open", "late")))
    )
    return (requests or 0) + (told or 0)
