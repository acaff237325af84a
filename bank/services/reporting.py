"""Problems told after a visit: the desk answers each in time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bank.communities import operations as communities
from bank.credits import cases
from bank.errors import NotFound, say
from bank.members import operations as members
from bank.members.actor import STAFF, Actor
from bank.members.models import Person
from bank.services import moving
from bank.services.models import HelpReport, HelpRequest
from bank.services.refusals import AlreadyReported, Involved, Moved

AT_ONCE = 50


def report(session: Session, actor: Actor, public_id: str, words: str, *, now: datetime) -> HelpReport:
    """Tell the desk of a problem; for both sides and who asked for the resident, once each.

    Staff write down what somebody without a phone tells them; another of them answers it.

    Raises NotFound, AlreadyReported.
    """
    request = session.scalar(
        select(HelpRequest).where(HelpRequest.public_id == public_id, HelpRequest.community_id == actor.community_id)
    )
    if request is None or not (actor.person_id in (*moving.people(request), request.asked_by) or actor.may(*STAFF)):
        raise NotFound
    days = communities.rules_now(session, request.community_id, now).help_report_days
    told = HelpReport(
        request_id=request.id,
        community_id=request.community_id,
        by_person_id=actor.person_id,
        words=words,
        state="open",
        at=now,
        due_at=moving.working_days(session, request.community_id, days, now),
    )
    try:
        with session.begin_nested():
            session.add(told)
    except IntegrityError:
        raise AlreadyReported from None
    moving.tell_desk(session, request, say("有人反映“%(kind)s”的问题，请在期限内答复。"), now)
    return told


def answer(session: Session, actor: Actor, report_id: int, words: str, *, now: datetime) -> HelpReport:
    """Answer a problem, for staff who are no side of the visit nor live with one; whoever told it is told.

    Raises NotAllowed, NotFound, Involved, Moved.
    """
    moving.require_staff(actor)
    row = session.execute(
        select(HelpReport, HelpRequest)
        .join(HelpRequest, HelpRequest.id == HelpReport.request_id)
        .where(HelpReport.id == report_id, HelpReport.community_id == actor.community_id)
    ).one_or_none()
    if row is None:
        raise NotFound
    told, request = row[0], row[1]
    if moving.is_home_of(session, actor, (*moving.people(request), told.by_person_id)):
        raise Involved
    moved = session.execute(
        update(HelpReport)
        .where(HelpReport.id == told.id, HelpReport.state.in_(("open", "late")))
        .values(state="answered", answer=words, answered_by=actor.person_id, answered_at=now)
        .returning(HelpReport.id)
        .execution_options(synchronize_session="fetch")
    )
    if moved.scalar_one_or_none() is None:
        raise Moved
    sentence = say("您反映的“%(kind)s”的问题有了答复：%(answer)s")
    moving.tell(session, [told.by_person_id], sentence, request, now, answer=words)
    return told


def escalate_due(session: Session, *, now: datetime) -> int:
    """Bring problems nobody answered in time before the second approvers; give how many. Safe to run twice."""
    due = (
        select(HelpReport.id)
        .where(HelpReport.state == "open", HelpReport.due_at <= now)
        .order_by(HelpReport.due_at)
        .limit(AT_ONCE)
    )
    late = session.execute(
        update(HelpReport)
        .where(HelpReport.id.in_(due), HelpReport.state == "open")
        .values(state="late")
        .returning(HelpReport.id, HelpReport.community_id)
        .execution_options(synchronize_session=False)
    ).all()
    for community_id in sorted({row.community_id for row in late}):
        people = sorted(cases.holders(session, community_id, "second_approver"))
        sentence = say("有居民反映的上门问题过期没有答复，请您来办。")
        members.tell(session, people, sentence, link="/desk/help", now=now)
    return len(late)


def of_request(session: Session, request_id: int) -> Sequence[tuple[HelpReport, str]]:
    """Give the problems told of a visit with who told them."""
    rows = session.execute(
        select(HelpReport, Person.name)
        .join(Person, Person.id == HelpReport.by_person_id)
        .where(HelpReport.request_id == request_id)
        .order_by(HelpReport.id)
    )
    return [(one, name) for one, name in rows]
