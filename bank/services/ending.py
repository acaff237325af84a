"""How a request ends otherwise: cancelled, decided after a dispute, by time."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from bank.communities import operations as communities
from bank.errors import Invalid, NotFound, say
from bank.members.actor import Actor
from bank.services import dispatch, moving, rules, visiting
from bank.services.models import HelpRequest
from bank.services.refusals import Involved, Moved

AT_ONCE = 50


def cancel(session: Session, actor: Actor, public_id: str, *, reason: str | None, now: datetime) -> HelpRequest:
    """Cancel a request: free before anybody accepted or early enough, else the volunteer is given a little.

    For the resident, who asked for them, and coordinators, but for whoever helps and their home: a helper steps back
    and is given nothing. Both sides are told. Raises NotFound, Involved, Moved.
    """
    request = moving.locked(session, actor.community_id, public_id)
    if actor.person_id not in (request.person_id, request.asked_by) and not actor.may("coordinator"):
        raise NotFound
    if request.state not in (*rules.OPEN, "accepted") or visiting.has_one_come(request):
        raise Moved
    if actor.person_id != request.person_id and moving.is_home_of(session, actor, moving.volunteers(request)):
        raise Involved
    if actor.person_id not in (request.person_id, request.asked_by):
        reason = reason or say("社区代为取消")
    in_force = communities.rules_now(session, request.community_id, now)
    worth = rules.missed(in_force, request.minutes)
    cost = rules.cost_of_cancelling(in_force, request.state, request.starts_at, request.minutes, request.helpers, now)
    dispatch.pass_invitations(session, request, now)
    moving.note(session, request, "cancelled", now=now, by=actor.person_id, words=reason)
    if cost == 0:
        before = (*rules.OPEN, "accepted")
        moving.end_unpaid(session, request, before, "cancelled", actor=actor, now=now, reason=reason)
        sentence = say("“%(kind)s”取消了，没有用掉时长。")
    else:
        second = worth if request.helpers > 1 else 0
        moving.end_paid(
            session, request, ("accepted",), "cancelled", worth, second=second, actor=actor, now=now, reason=reason
        )
        sentence = say("“%(kind)s”取消得晚，按规则给志愿者记 %(paid_minutes)s，其余退回。")
    people = {*moving.people(request)} - {actor.person_id}
    moving.tell(session, people, sentence, request, now, paid_minutes=worth)
    return request


def decide(session: Session, actor: Actor, public_id: str, *, minutes: int, reason: str, now: datetime) -> HelpRequest:
    """Decide a disputed visit with a reason; 0 minutes gives everything back. Where two came, each is given as many.

    For a coordinator or second approver who had no hand in it. A closed door is worth what the rule says, or nothing.
    Raises NotFound, NotAllowed, Involved, Moved, Invalid for more minutes than were agreed.
    """
    moving.require_staff(actor)
    request = moving.locked(session, actor.community_id, public_id)
    if moving.is_home_of(session, actor, moving.sides(request)):
        raise Involved
    if not 0 <= minutes <= request.minutes:
        raise Invalid({"minutes": [say("只能在 0 和约定的时长之间。")]})
    if request.state != "disputed":
        raise Moved
    if request.doubt in ("not_home", "one_came") and minutes:
        minutes = rules.missed(communities.rules_now(session, request.community_id, now), request.minutes)
    moving.note(session, request, "decided", now=now, by=actor.person_id, words=reason)
    _settle(session, request, minutes, actor=actor, reason=reason, now=now)
    return request


def _settle(
    session: Session, request: HelpRequest, minutes: int, *, actor: Actor | None, reason: str, now: datetime
) -> None:
    is_door = request.doubt == "not_home"
    request.decided_by = actor.person_id if actor else None
    session.flush()
    second = minutes if request.helpers > 1 and request.doubt != "one_came" else 0
    if minutes:
        after = "not_home" if is_door else "resolved"
        moving.end_paid(
            session, request, ("disputed",), after, minutes, second=second, actor=actor, now=now, reason=reason
        )
    else:
        after = "no_show" if is_door else "resolved"
        moving.end_unpaid(session, request, ("disputed",), after, actor=actor, now=now, reason=reason)
    sentence = say("“%(kind)s”核对好了：算 %(paid_minutes)s。理由：%(reason)s")
    paid = minutes + second
    moving.tell(session, moving.people(request), sentence, request, now, paid_minutes=paid, reason=reason)


def move_due(session: Session, *, now: datetime) -> int:
    """Move one request on whose wait is over, as the rule says; 0 when none is due. Safe to run by several at once."""
    chosen = (
        select(HelpRequest)
        .where(HelpRequest.state.in_(tuple(rules.BY_TIME)), HelpRequest.due_at <= now)
        .order_by(HelpRequest.due_at, HelpRequest.id)
        .limit(1)
        .with_for_update(skip_locked=True, key_share=True)
        .execution_options(populate_existing=True)
    )
    request = session.scalar(chosen)
    if request is None:
        return 0
    _by_time(session, request, now)
    return 1


def _by_time(session: Session, request: HelpRequest, now: datetime) -> None:
    if request.state in rules.OPEN:
        _unanswered(session, request, now)
    elif visiting.has_one_come(request):
        visiting.end_of_one(session, request, now)
    elif request.state == "accepted":
        moving.end_unpaid(session, request, ("accepted",), "no_show", actor=None, now=now)
        moving.note(session, request, "no_show", now=now)
        sentence = say("“%(kind)s”没有任何来和走的记录，按没有来算，时长全退。")
        moving.tell(session, moving.people(request), sentence, request, now)
    elif request.state == "in_service":
        visiting.dispute(session, request, ("in_service",), "no_check_out", now)
    elif request.state == "to_confirm":
        _unconfirmed(session, request, now)
    else:
        _undecided(session, request, now)


def _unanswered(session: Session, request: HelpRequest, now: datetime) -> None:
    dispatch.pass_invitations(session, request, now)
    if request.state == "offered" and now < request.starts_at:
        due_at = moving.until(session, request, "verified", now)
        moving.move(session, request, ("offered",), "verified", due_at=due_at)
        moving.note(session, request, "unanswered", now=now)
        moving.tell_desk(session, request, say("“%(kind)s”请的人没有答复，请再问几位。"), now)
        return
    waiting = dispatch.who_waits(session, request)
    moving.end_unpaid(session, request, rules.OPEN, "nobody_found", actor=None, now=now)
    moving.tell(session, waiting, say("“%(kind)s”没有找到第二位，这次不去了。谢谢您。"), request, now)
    moving.note(session, request, "nobody_found", now=now)
    sentence = say("很抱歉，“%(kind)s”到时间还没找到人，没有用掉时长。点开可以再约下星期。")
    moving.tell(session, [request.person_id], sentence, request, now)
    moving.tell_desk(session, request, say("“%(kind)s”到时间没找到人，请给这位居民打个电话。"), now)


def _unconfirmed(session: Session, request: HelpRequest, now: datetime) -> None:
    """Count the resident's word alone, for it is their hours; without it somebody has to ask them."""
    if request.resident_agreed_at is not None:
        visiting.conclude(session, request, actor=None, now=now)
    else:
        visiting.dispute(session, request, ("to_confirm",), "unconfirmed", now)


def _undecided(session: Session, request: HelpRequest, now: datetime) -> None:
    in_force = communities.rules_now(session, request.community_id, now)
    is_over = all(place.left_at is not None for place in moving.places(request))
    scanned = min(place.scanned for place in moving.places(request)) if is_over else None
    is_agreed = request.resident_agreed_at is not None and moving.agreed_by_all(request)
    minutes = rules.by_rule(in_force, str(request.doubt), request.minutes, scanned, is_agreed=is_agreed)
    reason = say("到期没有人来定，按规则办：两边都确认过的按少的算，否则退回。")
    _settle(session, request, minutes, actor=None, reason=reason, now=now)


def warn_late(session: Session, *, now: datetime) -> int:
    """Tell the desk once of each request whose promised time is over; give how many. Safe to run twice."""
    late = session.scalars(
        update(HelpRequest)
        .where(
            HelpRequest.id.in_(_late(now)),
            HelpRequest.state.in_(rules.OPEN),
            HelpRequest.warned_at.is_(None),
        )
        .values(warned_at=now)
        .returning(HelpRequest)
        .execution_options(populate_existing=True)
    ).all()
    for request in late:
        moving.note(session, request, "late", now=now)
        sentence = say("“%(kind)s”过了答应居民的时间还没办，请马上看一看。")
        moving.tell_desk(session, request, sentence, now, "coordinator", "second_approver")
    return len(late)


def _late(now: datetime) -> Select[int]:
    chosen = select(HelpRequest.id).where(
        HelpRequest.state.in_(rules.OPEN), HelpRequest.promised_at <= now, HelpRequest.warned_at.is_(None)
    )
    return chosen.order_by(HelpRequest.promised_at).limit(AT_ONCE)
