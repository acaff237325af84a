"""Finding who helps: what volunteers like to do, who suits, invitations, the open list, the first yes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, delete, func, or_, select, update
from sqlalchemy.orm import Session

from bank.activities.models import Activity, SignUp
from bank.communities import operations as communities
from bank.credits import cases
from bank.errors import Invalid, NotFound, say
from bank.members.actor import Actor
from bank.members.models import Household, Person
from bank.services import moving, rules
from bank.services.models import HelpInvitation, HelpRequest, HelpSkill, HelpSpeech, HelpTraining
from bank.services.refusals import (
    Busy,
    Moved,
    NotTrained,
    OnlyInvited,
    OwnAsking,
    OwnHome,
    Taken,
    TooLate,
    TooManyPromised,
)

LATELY = timedelta(days=30)
MOST_SHOWN = 10
A_DAY = timedelta(days=1)
"""No visit and no activity lasts longer, so that nothing older overlaps."""
PAID = ("done", "resolved")
VISITED = ("accepted", "in_service", "to_confirm", "disputed", "done", "resolved")


@dataclass(frozen=True, slots=True)
class Suited:
    """A volunteer who may be invited, with the reasons why they."""

    person: Person
    score: int
    reasons: list[str]
    said: str = ""
    """What became of an earlier invitation to the same: declined, passed, or nothing."""


def set_skills(session: Session, actor: Actor, kinds: Collection[str], speeches: Collection[str]) -> None:
    """Keep what somebody likes to do, and how they speak; nothing chosen means that nobody asks them."""
    session.execute(delete(HelpSkill).where(HelpSkill.person_id == actor.person_id))
    session.execute(delete(HelpSpeech).where(HelpSpeech.person_id == actor.person_id))
    known = [code for code in rules.CATALOGUE if code in kinds]
    session.add_all(HelpSkill(person_id=actor.person_id, kind=code, community_id=actor.community_id) for code in known)
    spoken = [code for code in rules.SPEECHES if code in speeches]
    session.add_all(HelpSpeech(person_id=actor.person_id, speech=code) for code in spoken)
    session.flush()


def skills_of(session: Session, person_id: int) -> tuple[set[str], set[str]]:
    """Give the kinds somebody likes and the ways they speak."""
    kinds = session.scalars(select(HelpSkill.kind).where(HelpSkill.person_id == person_id))
    speeches = session.scalars(select(HelpSpeech.speech).where(HelpSpeech.person_id == person_id))
    return set(kinds), set(speeches)


def suited(session: Session, request: HelpRequest, *, now: datetime) -> list[Suited]:
    """Give at most ten volunteers for a request, the best first, with the reasons; nobody of the same home.

    Only who said they like this kind of help is asked, and where it takes training, who was trained. Who did not
    come of an earlier invitation to it stands after the others; who has an open one, or said yes, is left out.
    """
    asked = session.execute(
        select(HelpInvitation.person_id, HelpInvitation.state).where(HelpInvitation.request_id == request.id)
    )
    before: dict[int, str] = {row.person_id: row.state for row in asked}
    invited = [id_ for id_, state in before.items() if state in ("open", "accepted")]
    home = select(Person.household_id).where(Person.id == request.person_id).scalar_subquery()
    rows = session.execute(
        select(Person, Household.building_id)
        .join(HelpSkill, HelpSkill.person_id == Person.id)
        .outerjoin(Household, Household.id == Person.household_id)
        .where(
            HelpSkill.community_id == request.community_id,
            HelpSkill.kind == request.kind,
            Person.disabled_at.is_(None),
            Person.id.not_in((request.person_id, request.asked_by)),
            Person.id.not_in(invited),
            Person.id.not_in(_busy(session, request)),
            Person.id.not_in(_engaged(request)),
            or_(Person.household_id.is_(None), home.is_(None), Person.household_id != home),
            *_trained(request),
        )
    ).all()
    order = _building_order(session, request.community_id)
    here = order.get(session.scalar(_building_of(request.person_id)) or 0)
    ids = [person.id for person, _ in rows]
    speaks = _speakers(session, ids, request.speech)
    pairs, lately = _visits(session, ids, request.person_id, now)
    found = []
    for person, building_id in rows:
        helper = rules.Helper(
            person.id,
            has_skill=True,
            building=order.get(building_id),
            speaks=person.id in speaks,
            pairs=pairs.get(person.id, 0),
            lately=lately.get(person.id, 0),
        )
        why = rules.reasons(helper, here)
        suits = Suited(person, rules.score(why), why, before.get(person.id, ""))
        found.append((suits, lately.get(person.id, 0)))
    found.sort(key=lambda pair: (pair[0].said != "", -pair[0].score, pair[1], pair[0].person.id))
    return [one for one, _ in found[:MOST_SHOWN]]


def _trained(request: HelpRequest) -> list[ColumnElement[bool]]:
    if not rules.CATALOGUE[request.kind].is_trained:
        return []
    return [Person.id.in_(select(HelpTraining.person_id).where(*_has_training(request.kind)))]


def _has_training(kind: str) -> tuple[ColumnElement[bool], ...]:
    return HelpTraining.kind == kind, HelpTraining.ended_at.is_(None)


def is_trained(session: Session, person_id: int, kind: str) -> bool:
    """Tell whether a coordinator has recorded somebody's training for a kind."""
    mine = select(HelpTraining.id).where(HelpTraining.person_id == person_id, *_has_training(kind))
    return session.scalar(mine) is not None


def _building_order(session: Session, community_id: int) -> dict[int, int]:
    return {id_: place for place, (id_, _) in enumerate(communities.buildings(session, community_id))}


def _building_of(person_id: int) -> Select[int]:
    return select(Household.building_id).join(Person, Person.household_id == Household.id).where(Person.id == person_id)


def _speakers(session: Session, ids: Collection[int], speech: str) -> set[int]:
    """Give who can be understood; who never said how they speak is taken to speak Mandarin."""
    chosen = session.execute(select(HelpSpeech.person_id, HelpSpeech.speech).where(HelpSpeech.person_id.in_(ids))).all()
    spoken = {id_ for id_, said in chosen if said == speech}
    silent = set(ids) - {id_ for id_, _ in chosen}
    return spoken | (silent if speech == "mandarin" else set())


def _visits(
    session: Session, ids: Collection[int], person_id: int, now: datetime
) -> tuple[dict[int, int], dict[int, int]]:
    """Count each volunteer's visits to this resident, and everybody's of the last thirty days."""
    pairs: dict[int, int] = {}
    recent: dict[int, int] = {}
    for helper in (HelpRequest.volunteer_id, HelpRequest.second_id):
        counted = session.execute(
            select(
                helper,
                func.sum(case((and_(HelpRequest.person_id == person_id, HelpRequest.state.in_(PAID)), 1), else_=0)),
                func.sum(
                    case((and_(HelpRequest.starts_at >= now - LATELY, HelpRequest.state.in_(VISITED)), 1), else_=0)
                ),
            )
            .where(helper.in_(ids))
            .group_by(helper)
        )
        for id_, theirs, lately in counted:
            pairs[id_] = pairs.get(id_, 0) + int(theirs)
            recent[id_] = recent.get(id_, 0) + int(lately)
    return pairs, recent


def _busy(session: Session, request: HelpRequest) -> set[int]:
    """Give who has promised somebody else a visit that would overlap, or is at one."""
    ends_at = request.starts_at + timedelta(minutes=request.minutes)
    around = session.execute(
        _promises(HelpRequest.starts_at, HelpRequest.minutes)
        .where(
            HelpRequest.community_id == request.community_id,
            HelpRequest.id != request.id,
            HelpRequest.starts_at < ends_at,
            HelpRequest.starts_at > request.starts_at - A_DAY,
        )
        .distinct()
    ).all()
    return {
        id_
        for *ids, begins, minutes in around
        if begins + timedelta(minutes=minutes) > request.starts_at
        for id_ in ids
        if id_ is not None
    }


def _engaged(request: HelpRequest) -> Select[int]:
    """Choose who has signed up for an activity that would overlap."""
    ends_at = request.starts_at + timedelta(minutes=request.minutes)
    signed_up = select(SignUp.person_id).join(Activity, Activity.id == SignUp.activity_id)
    return signed_up.where(
        SignUp.state == "signed_up",
        Activity.community_id == request.community_id,
        Activity.state == "published",
        Activity.starts_at < ends_at,
        Activity.starts_at > request.starts_at - A_DAY,
        Activity.ends_at > request.starts_at,
    )


def _promises(*columns: Any) -> Select[Any]:
    """Choose whom each visit was promised by: its helpers, or who said yes and waits for another."""
    waiting = and_(
        HelpInvitation.request_id == HelpRequest.id,
        HelpInvitation.state == "accepted",
        HelpRequest.state.in_(("verified", "offered")),
    )
    return (
        select(HelpRequest.volunteer_id, HelpRequest.second_id, HelpInvitation.person_id, *columns)
        .outerjoin(HelpInvitation, waiting)
        .where(or_(HelpRequest.state.in_(("accepted", "in_service")), HelpInvitation.id.is_not(None)))
    )


def _check_free(session: Session, actor: Actor, request: HelpRequest, now: datetime) -> None:
    """Go on where somebody has not promised that time, nor more than the rules let one person promise; their promises
    come one after another."""
    cases.lock_people(session, [actor.person_id])
    if actor.person_id in _busy(session, request):
        raise Busy
    mine = _promises(HelpRequest.id).where(
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
    suits = {one.person.public_id: one for one in suited(session, request, now=now)}
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


def _open(session: Session, request: HelpRequest, one: Suited, actor: Actor, now: datetime) -> None:
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


def pass_invitations(session: Session, request: HelpRequest, now: datetime) -> None:
    """Put away the invitations nobody answered."""
    session.execute(
        update(HelpInvitation)
        .where(HelpInvitation.request_id == request.id, HelpInvitation.state == "open")
        .values(state="passed", answered_at=now)
        .execution_options(synchronize_session=False)
    )


def accept(session: Session, actor: Actor, public_id: str, *, now: datetime) -> HelpRequest:
    """Say "I will come": the first one does, and the agreed minutes are held in the same breath.

    Who said so before, in another window, has said so.

    Raises NotFound, Taken, Moved, TooLate, OwnHome, OwnAsking, Busy, OnlyInvited, NotEnoughTime, PoolIsEmpty.
    """
    request = moving.locked(session, actor.community_id, public_id)
    if request.state == "accepted" and actor.person_id in moving.volunteers(request):
        return request
    _check_welcome(session, actor, request, now)
    is_invited = _answer(session, request, actor.person_id, "accepted", now)
    kind = rules.CATALOGUE[request.kind]
    if kind.risk == "high" and not is_invited:
        raise OnlyInvited
    if kind.is_trained and not is_trained(session, actor.person_id, request.kind):
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
    if actor.person_id == request.asked_by:
        raise OwnAsking


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

    A coordinator says so for the `helper` who called or came. Raises NotFound, NotAllowed, Moved, TooLate once it
    should have begun.
    """
    if helper is not None:
        actor.require("coordinator")
    request = moving.locked(session, actor.community_id, public_id)
    who = helper.id if helper else actor.person_id
    is_alone = who in who_waits(session, request)
    if who not in moving.volunteers(request) and not is_alone:
        raise NotFound
    if request.state != "accepted" and not is_alone:
        raise Moved
    if request.starts_at <= now or (request.state == "accepted" and has_come(request)):
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


def has_come(request: HelpRequest) -> bool:
    """Tell whether somebody has come to a visit."""
    return any(place.arrived_at is not None for place in moving.places(request))


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
