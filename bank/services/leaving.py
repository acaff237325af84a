"""What becomes of visits when somebody dies or moves away: nobody goes to them, and nobody waits for them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from bank.errors import say
from bank.members.actor import Actor
from bank.services import dispatch, moving, rules, visiting
from bank.services.models import HelpInvitation, HelpRequest

ENDABLE = (*rules.OPEN, "accepted")


def leave_all(session: Session, actor: Actor, person_id: int, *, now: datetime) -> int:
    """End a person's requests that have not begun, for nothing, and let them go where they promised; give how many.

    What has begun goes on: both sides' word, or the rule, ends it. `actor` is who confirmed that the person is gone.
    """
    ids = select(HelpInvitation.request_id).where(
        HelpInvitation.person_id == person_id, HelpInvitation.state.in_(("open", "accepted"))
    )
    theirs = or_(
        HelpRequest.person_id == person_id,
        HelpRequest.volunteer_id == person_id,
        HelpRequest.second_id == person_id,
        HelpRequest.id.in_(ids),
    )
    chosen = select(HelpRequest).where(theirs, HelpRequest.state.in_(ENDABLE)).order_by(HelpRequest.id)
    found = session.scalars(chosen.with_for_update(key_share=True).execution_options(populate_existing=True)).all()
    return sum(_leave(session, actor, request, person_id, now) for request in found)


def _leave(session: Session, actor: Actor, request: HelpRequest, person_id: int, now: datetime) -> int:
    if visiting.has_one_come(request) or request.starts_at <= now:
        return 0
    if request.person_id == person_id:
        _end(session, actor, request, now)
    elif person_id in (*moving.volunteers(request), *dispatch.who_waits(session, request)):
        dispatch.let_go(session, request, person_id, actor=actor, now=now)
    else:
        _pass(session, request, person_id, now)
    return 1


def _end(session: Session, actor: Actor, request: HelpRequest, now: datetime) -> None:
    helpers = {*moving.volunteers(request), *dispatch.who_waits(session, request)}
    dispatch.pass_invitations(session, request, now)
    moving.note(session, request, "cancelled", now=now, by=actor.person_id)
    moving.end_unpaid(session, request, ENDABLE, "cancelled", actor=actor, now=now)
    moving.tell(session, helpers, say("“%(kind)s”不用去了，社区已经取消。谢谢您。"), request, now)


def _pass(session: Session, request: HelpRequest, person_id: int, now: datetime) -> None:
    """Put away one invitation; where nobody else is asked, the job asks on when its hours are over."""
    session.execute(
        update(HelpInvitation)
        .where(
            HelpInvitation.request_id == request.id,
            HelpInvitation.person_id == person_id,
            HelpInvitation.state == "open",
        )
        .values(state="passed", answered_at=now)
        .execution_options(synchronize_session=False)
    )
