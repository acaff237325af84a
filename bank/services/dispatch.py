"""Finding who helps: invitations, the open list, the first yes, and who cannot come after all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from bank.communities import operations as communities
from bank.credits import cases
from bank.errors import Invalid, NotFound, say
from bank.members import standing
from bank.members.actor import Actor
from bank.members.models import Person
from bank.services import choosing, moving, rules
from bank.services.models import HelpInvitation, HelpRequest
from bank.services.refusals import (
    Busy,
    Involved,
    Moved,
    NotTrained,
    OnlyInvited,
    OwnAsking,
    OwnHome,
    Taken,
    TooLate,
    TooManyPromised,
)


def _check_free(session: Session, actor: Actor, request: HelpRequest, now: datetime) -> None:
    """Go on where somebody has not promised that time, to a visit or an activity, nor more than the rules let one
    person promise; their promises come one after another."""
    cases.lock_people(session, [actor.person_id])
    if actor.person_id in choosing.busy(session, request) or choosing.is_engaged(session, actor.person_id, request):
        raise Busy
    mine = choosing.promises(HelpRequest.id).where(
        or_(
            HelpRequest.volunteer_id == actor.person_id,
            HelpRequest.second_id == actor.person_id,
            HelpInvitation.person_id == actor.person_id,
        )
    )
    promised = {row.id for row in session.execute(mine)} - {request.id}
    most = communities.rules_now(session, request.community_id, now).help_promised_most
    if most and len(promised) >= most:
        raise TooManyPromised(most=most)


def invite(session: Session, actor: Actor, public_id: str, people: Sequence[str], *, now: datetime) -> int:
    """Invite one to three volunteers by public id; give how many. They may say no without a mark.

    Who said no to the same before, or nothing, is asked once more where they are chosen again.

    Raises NotFound, NotAllowed, Invalid for none or too many at once, OwnHome, Moved, TooLate.
    """
    moving.require_staff(actor)
    request = moving.locked(session, actor.community_id, public_id)
    if request.state not in ("verified", "offered"):
        raise Moved
    if request.starts_at <= now:
        raise TooLate
    suits = {one.person.public_id: one for one in choosing.suited(session, request, now=now)}
    wanted = list(dict.fromkeys(people))
    open_now = session.scalar(
        select(func.count())
        .select_from(HelpInvitation)
        .where(HelpInvitation.request_id == request.id, HelpInvitation.state == "open")
    )
    if not 1 <= len(wanted) <= rules.MOST_INVITED - (open_now or 0):
        raise Invalid({"people": [say("一次请一到三位，等他们答复了再请别人。")]})
    if any(one not in suits for one in wanted):
        raise NotFound
    for public in wanted:
        _open(session, request, suits[public], actor, now)
    due_at = moving.until(session, request, "offered", now)
    moving.move(session, request, ("verified", "offered"), "offered", due_at=due_at)
    moving.note(session, request, "invited", now=now, by=actor.person_id)
    sentence = say("有位邻居想请您帮忙：%(kind)s。去得了点“我来”，去不了也没关系。")
    moving.tell(session, [suits[one].person.id for one in wanted], sentence, request, now)
    return len(wanted)


def _open(session: Session, request: HelpRequest, one: choosing.Suited, actor: Actor, now: datetime) -> None:
    """Open an invitation, or the one of before once more. Raises Moved where somebody was quicker."""
    values = {"state": "open", "invited_by": actor.person_id, "reasons": one.reasons, "at": now, "answered_at": None}
    if not one.said:
        session.add(HelpInvitation(request_id=request.id, person_id=one.person.id, **values))
        session.flush()
        return
    opened = session.execute(
        update(HelpInvitation)
        .where(
            HelpInvitation.request_id == request.id,
            HelpInvitation.person_id == one.person.id,
            HelpInvitation.state.in_(("declined", "passed")),
        )
        .values(values)
        .returning(HelpInvitation.id)
        .execution_options(synchronize_session=False)
    )
    if opened.first() is None:
        raise Moved


def decline(session: Session, actor: Actor, public_id: str, *, now: datetime) -> None:
    """Say no to an invitation, without a reason and without a mark. Raises NotFound, Moved."""
    request = moving.locked(session, actor.community_id, public_id)
    if not _answer(session, request, actor.person_id, "declined", now):
        invited = select(HelpInvitation.id).where(
            HelpInvitation.request_id == request.id, HelpInvitation.person_id == actor.person_id
        )
        raise NotFound if session.scalar(invited) is None else Moved
    if request.state == "offered" and not _open_invitations(session, request):
        moving.move(session, request, ("offered",), "verified", due_at=moving.until(session, request, "verified", now))
        sentence = say("“%(kind)s”请的人这次都不方便，请再问几位。")
        moving.tell_desk(session, request, sentence, now)


def _answer(session: Session, request: HelpRequest, person_id: int, state: str, now: datetime) -> bool:
    answered = session.execute(
        update(HelpInvitation)
        .where(
            HelpInvitation.request_id == request.id,
            HelpInvitation.person_id == person_id,
            HelpInvitation.state == "open",
        )
        .values(state=state, answered_at=now)
        .returning(HelpInvitation.id)
        .execution_options(synchronize_session=False)
    )
    return answered.first() is not None


def _open_invitations(session: Session, request: HelpRequest) -> bool:
    chosen = select(HelpInvitation.id).where(HelpInvitation.request_id == request.id, HelpInvitation.state == "open")
    return session.scalar(chosen.limit(1)) is not None


def pass_invitations(session: Session, request: HelpRequest, now: datetime, *, of: int | None = None) -> None:
    """Put away the invitations nobody answered, or only that `of` one person; the job then asks on in its time."""
    whose = () if of is None else (HelpInvitation.person_id == of,)
    session.execute(
        update(HelpInvitation)
        .where(HelpInvitation.request_id == request.id, HelpInvitation.state == "open", *whose)
        .values(state="passed", answered_at=now)
        .execution_options(synchronize_session=False)
    )


def accept(session: Session, actor: Actor, public_id: str, *, now: datetime) -> HelpRequest:
    """Say "I will come": the first one does, and the agreed minutes are held in the same breath.

    Who said so before, in another window, has said so.

    Raises NotFound, Taken, Moved, TooLate, OwnHome, OwnAsking, Stopped, Busy, OnlyInvited, NotEnoughTime, PoolIsEmpty.
    """
    request = moving.locked(session, actor.community_id, public_id)
    promised = moving.volunteers(request) if request.state == "accepted" else who_waits(session, request)
    if actor.person_id in promised:
        return request
    _check_welcome(session, actor, request, now)
    is_invited = _answer(session, request, actor.person_id, "accepted", now)
    kind = rules.CATALOGUE[request.kind]
    if kind.risk == "high" and not is_invited:
        raise OnlyInvited
    if kind.is_trained and not choosing.is_trained(session, actor.person_id, request.kind):
        raise NotTrained
    _check_free(session, actor, request, now)
    first = _first_of_two(session, actor, request) if request.helpers > 1 else None
    if request.helpers > 1 and first is None:
        return _wait_for_another(session, actor, request, now)
    txn_id = moving.hold(session, request, actor.public_id, now)
    own = {"volunteer_id": actor.person_id, "accepted_at": now}
    if first is not None:
        own = {
            "volunteer_id": first.person_id,
            "accepted_at": first.answered_at,
            "second_id": actor.person_id,
            "second_accepted_at": now,
        }
    moving.move(
        session,
        request,
        ("verified", "offered"),
        "accepted",
        hold_txn_id=txn_id,
        holds=request.holds + 1,
        is_first=False,
        due_at=moving.until(session, request, "accepted", now),
        **own,
    )
    pass_invitations(session, request, now)
    moving.note(session, request, "accepted", now=now, by=actor.person_id)
    sentence = say("%(name)s 答应来帮您：%(kind)s。到时候请报“来”的六位数字。")
    moving.tell(session, [request.person_id], sentence, request, now, name=actor.name)
    if first is not None:
        both = say("“%(kind)s”另一位也答应了，两位一起去。两个人都到了才能开始。")
        moving.tell(session, [first.person_id], both, request, now)
    return request


def _check_welcome(session: Session, actor: Actor, request: HelpRequest, now: datetime) -> None:
    """Go on where a request still looks for somebody, and this neighbour may be the one."""
    if request.state not in ("verified", "offered"):
        raise Taken if request.state in rules.HELD else Moved
    if request.starts_at <= now:
        raise TooLate
    if moving.is_home_of(session, actor, [request.person_id]):
        raise OwnHome
    if moving.is_home_of(session, actor, [request.asked_by]):
        raise OwnAsking
    standing.check_open(session, session.get_one(Person, actor.person_id))


def _first_of_two(session: Session, actor: Actor, request: HelpRequest) -> HelpInvitation | None:
    chosen = select(HelpInvitation).where(
        HelpInvitation.request_id == request.id,
        HelpInvitation.state == "accepted",
        HelpInvitation.person_id != actor.person_id,
    )
    return session.scalars(chosen.order_by(HelpInvitation.answered_at, HelpInvitation.id).limit(1)).first()


def _wait_for_another(session: Session, actor: Actor, request: HelpRequest, now: datetime) -> HelpRequest:
    """Keep the first yes of two; nothing is held yet, and where nobody else is asked the desk asks on."""
    moving.note(session, request, "one_accepted", now=now, by=actor.person_id)
    if not _open_invitations(session, request):
        due_at = moving.until(session, request, "verified", now)
        moving.move(session, request, (request.state,), "verified", due_at=due_at)
    sentence = say("“%(kind)s”有一位答应了，还差一位，请再问几位。")
    moving.tell_desk(session, request, sentence, now)
    return request


def who_waits(session: Session, request: HelpRequest) -> list[int]:
    """Give who said yes to a visit of two and waits for the other, the first to say so first."""
    if request.helpers < 2 or request.state not in ("verified", "offered"):
        return []
    chosen = select(HelpInvitation.person_id).where(
        HelpInvitation.request_id == request.id, HelpInvitation.state == "accepted"
    )
    return list(session.scalars(chosen.order_by(HelpInvitation.answered_at, HelpInvitation.id)))


def withdraw(session: Session, actor: Actor, public_id: str, *, now: datetime, helper: Person | None = None) -> None:
    """Say before the visit that one cannot come after all: hours go back, and it is answered first again.

    A coordinator who does not live with the resident says so for the `helper` who called or came. Raises NotFound,
    NotAllowed, Involved, Moved, TooLate once it should have begun.
    """
    if helper is not None:
        actor.require("coordinator")
    request = moving.locked(session, actor.community_id, public_id)
    if helper is not None and moving.is_home_of(session, actor, [request.person_id]):
        raise Involved
    who = helper.id if helper else actor.person_id
    is_alone = who in who_waits(session, request)
    if who not in moving.volunteers(request) and not is_alone:
        raise NotFound
    if request.state != "accepted" and not is_alone:
        raise Moved
    if request.starts_at <= now or (request.state == "accepted" and moving.has_come(request)):
        raise TooLate
    free(session, request, who, actor=actor, now=now)
    if who != actor.person_id:
        sentence = say("%(name)s 替您记下了：“%(kind)s”您去不了。不是这样，请告诉社区。")
        moving.tell(session, [who], sentence, request, now, name=actor.name)


def free(session: Session, request: HelpRequest, person_id: int, *, actor: Actor, now: datetime) -> None:
    """Take a helper's promise off a visit nobody came to; `actor` says so. The request is locked."""
    is_promised = person_id in moving.volunteers(request)
    others = [one for one in moving.volunteers(request) if one not in (None, person_id)]
    session.execute(
        update(HelpInvitation)
        .where(HelpInvitation.request_id == request.id, HelpInvitation.person_id == person_id)
        .values(state="declined", answered_at=now)
        .execution_options(synchronize_session=False)
    )
    moving.note(session, request, "withdrew", now=now, by=actor.person_id)
    desk = say("“%(kind)s”的志愿者来不了，请优先再找人。")
    if not is_promised:
        moving.tell_desk(session, request, desk, now)
        return
    moving.release(session, request, actor.public_id, now)
    moving.move(
        session,
        request,
        ("accepted",),
        "verified",
        volunteer_id=None,
        accepted_at=None,
        second_id=None,
        second_accepted_at=None,
        hold_txn_id=None,
        is_first=True,
        due_at=moving.until(session, request, "verified", now),
    )
    sentence = say("答应来帮您的邻居临时来不了，留着的时长先退给您，我们优先再找人。")
    moving.tell(session, [request.person_id], sentence, request, now)
    moving.tell(session, others, say("“%(kind)s”另一位来不了，社区再找人，您先留着这个时间。"), request, now)
    moving.tell_desk(session, request, desk, now)


def may_see(session: Session, actor: Actor, request: HelpRequest) -> bool:
    """Tell whether somebody may open a request: its sides, its captain, the desk, the invited, or what is open."""
    if actor.community_id != request.community_id:
        return False
    if actor.person_id in moving.sides(request) or actor.may("coordinator", "second_approver"):
        return True
    invited = select(HelpInvitation.id).where(
        HelpInvitation.request_id == request.id,
        HelpInvitation.person_id == actor.person_id,
        or_(
            HelpInvitation.state == "open",
            and_(HelpInvitation.state == "accepted", HelpRequest.state.in_(("verified", "offered"))),
        ),
    )
    invited = invited.join(HelpRequest, HelpRequest.id == HelpInvitation.request_id)
    return is_open_to_all(request) or session.scalar(invited) is not None


def is_open_to_all(request: HelpRequest) -> bool:
    """Tell whether any volunteer may pick it from the list."""
    return request.state in ("verified", "offered") and rules.CATALOGUE[request.kind].risk != "high"
