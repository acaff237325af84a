"""What becomes of the visits of a member whose account is closed or frozen: nobody goes to a door for nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from bank.errors import say
from bank.members.actor import Actor
from bank.services import dispatch, moving, rules
from bank.services.models import HelpInvitation, HelpRequest

BEFORE = (*rules.OPEN, "accepted")
_OFF = say("居民的账户停用了，这次不用去了。")


def underway(session: Session, person_id: int) -> Sequence[HelpRequest]:
    """Give and lock what somebody asked for, promised or was invited to, and nobody has begun.

    Call it before anything is locked in the book: requests are locked before balances, as by whoever answers one.
    """
    invited = select(HelpInvitation.request_id).where(
        HelpInvitation.person_id == person_id, HelpInvitation.state.in_(("open", "accepted"))
    )
    chosen = select(HelpRequest).where(
        HelpRequest.state.in_(BEFORE),
        or_(
            HelpRequest.person_id == person_id,
            HelpRequest.volunteer_id == person_id,
            HelpRequest.second_id == person_id,
            HelpRequest.id.in_(invited),
        ),
    )
    locked = chosen.order_by(HelpRequest.id).with_for_update(of=HelpRequest, key_share=True)
    return session.scalars(locked.execution_options(populate_existing=True)).all()


def leave_all(
    session: Session, actor: Actor, requests: Sequence[HelpRequest], person_id: int, *, now: datetime
) -> None:
    """End without paying what the person asked for, and free them of the rest; whoever waits for a visit is told.

    `requests` are those of `underway`. A visit that somebody came to goes its own way.
    """
    for request in requests:
        if moving.has_come(request):
            continue
        if request.person_id == person_id:
            _call_off(session, actor, request, now)
        elif person_id in (*moving.volunteers(request), *dispatch.who_waits(session, request)):
            if request.starts_at > now:
                dispatch.free(session, request, person_id, actor=actor, now=now)
        else:
            dispatch.pass_invitations(session, request, now, of=person_id)


def _call_off(session: Session, actor: Actor, request: HelpRequest, now: datetime) -> None:
    waiting = {*moving.volunteers(request), *dispatch.who_waits(session, request)}
    dispatch.pass_invitations(session, request, now)
    moving.note(session, request, "cancelled", now=now, by=actor.person_id, words=_OFF)
    moving.end_unpaid(session, request, BEFORE, "cancelled", actor=actor, now=now, reason=_OFF)
    moving.tell(session, waiting, say("社区取消了“%(kind)s”，您不用去了，谢谢您。"), request, now)
