"""Finding who helps: what volunteers like to do, who suits, invitations, the open list, the first yes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, func, or_, select, update
from sqlalchemy.orm import Session

from bank.communities import operations as communities
from bank.errors import Invalid, NotFound, say
from bank.members.actor import Actor
from bank.members.models import Household, Person
from bank.services import moving, rules
from bank.services.models import HelpInvitation, HelpRequest, HelpSkill, HelpSpeech
from bank.services.refusals import Busy, Moved, OnlyInvited, OwnHome, Taken, TooLate

LATELY = timedelta(days=30)
MOST_SHOWN = 10
A_DAY = timedelta(days=1)
"""No visit lasts longer, so that nothing older overlaps."""
VISITED = ("accepted", "in_service", "to_confirm", "disputed", "done", "resolved")


@dataclass(frozen=True, slots=True)
class Suited:
    """A volunteer who may be invited, with the reasons why they."""

    person: Person
    score: int
    reasons: list[str]


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

    Only who said they like this kind of help is asked. Who was invited to it before is left out.
    """
    invited = select(HelpInvitation.person_id).where(HelpInvitation.request_id == request.id)
    home = select(Person.household_id).where(Person.id == request.person_id).scalar_subquery()
    rows = session.execute(
        select(Person, Household.building_id)
        .join(HelpSkill, HelpSkill.person_id == Person.id)
        .outerjoin(Household, Household.id == Person.household_id)
        .where(
            HelpSkill.community_id == request.community_id,
            HelpSkill.kind == request.kind,
            Person.disabled_at.is_(None),
            Person.id != request.person_id,
            Person.id.not_in(invited),
            Person.id.not_in(_busy(session, request)),
            or_(Person.household_id.is_(None), home.is_(None), Person.household_id != home),
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
        found.append((Suited(person, rules.score(why), why), lately.get(person.id, 0)))
    found.sort(key=lambda pair: (-pair[0].score, pair[1], pair[0].person.id))
    return [one for one, _ in found[:MOST_SHOWN]]


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
    pairs = session.execute(
        select(HelpRequest.volunteer_id, func.count())
        .where(
            HelpRequest.volunteer_id.in_(ids),
            HelpRequest.person_id == person_id,
            HelpRequest.state.in_(("done", "resolved")),
        )
        .group_by(HelpRequest.volunteer_id)
    )
    lately = session.execute(
        select(HelpRequest.volunteer_id, func.count())
        .where(
            HelpRequest.volunteer_id.in_(ids),
            HelpRequest.starts_at >= now - LATELY,
            HelpRequest.state.in_(VISITED),
        )
        .group_by(HelpRequest.volunteer_id)
    )
    return {int(id_ or 0): count for id_, count in pairs}, {int(id_ or 0): count for id_, count in lately}


def _busy(session: Session, request: HelpRequest) -> set[int]:
    """Give who has promised somebody else a visit that would overlap, or is at one."""
    ends_at = request.starts_at + timedelta(minutes=request.minutes)
    around = session.execute(
        select(HelpRequest.volunteer_id, HelpRequest.starts_at, HelpRequest.minutes).where(
            HelpRequest.community_id == request.community_id,
            HelpRequest.state.in_(("accepted", "in_service")),
            HelpRequest.starts_at < ends_at,
            HelpRequest.starts_at > request.starts_at - A_DAY,
        )
    )
    return {id_ for id_, begins, minutes in around if id_ and begins + timedelta(minutes=minutes) > request.starts_at}


def invite(session: Session, actor: Actor, public_id: str, people: Sequence[str], *, now: datetime) -> int:
    """Invite one to three volunteers by public id; give how many. They may say no without a mark.

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
        one = suits[public]
        session.add(
            HelpInvitation(
                request_id=request.id,
                person_id=one.person.id,
                invited_by=actor.person_id,
                state="open",
                reasons=one.reasons,
                at=now,
            )
        )
    due_at = moving.until(session, request, "offered", now)
    moving.move(session, request, ("verified", "offered"), "offered", due_at=due_at)
    moving.note(session, request, "invited", now=now, by=actor.person_id)
    sentence = say("有位邻居想请您帮忙：%(kind)s。去得了点“我来”，去不了也没关系。")
    moving.tell(session, [suits[one].person.id for one in wanted], sentence, request, now)
    return len(wanted)


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

    Raises NotFound, Taken, Moved, TooLate, OwnHome, Busy, OnlyInvited, NotEnoughTime, PoolIsEmpty.
    """
    request = moving.locked(session, actor.community_id, public_id)
    if request.state not in ("verified", "offered"):
        raise Taken if request.state in rules.HELD else Moved
    if request.starts_at <= now:
        raise TooLate
    if moving.is_home_of(session, actor, [request.person_id]):
        raise OwnHome
    is_invited = _answer(session, request, actor.person_id, "accepted", now)
    if rules.CATALOGUE[request.kind].risk == "high" and not is_invited:
        raise OnlyInvited
    if actor.person_id in _busy(session, request):
        raise Busy
    txn_id = moving.hold(session, request, actor.public_id, now)
    moving.move(
        session,
        request,
        ("verified", "offered"),
        "accepted",
        volunteer_id=actor.person_id,
        accepted_at=now,
        hold_txn_id=txn_id,
        holds=request.holds + 1,
        is_first=False,
        due_at=moving.until(session, request, "accepted", now),
    )
    pass_invitations(session, request, now)
    moving.note(session, request, "accepted", now=now, by=actor.person_id)
    sentence = say("%(name)s 答应来帮您：%(kind)s。到时候请报“来”的六位数字。")
    moving.tell(session, [request.person_id], sentence, request, now, name=actor.name)
    return request


def withdraw(session: Session, actor: Actor, public_id: str, *, now: datetime) -> None:
    """Say before the visit that one cannot come after all: hours go back, and it is answered first again.

    Raises NotFound, Moved, TooLate once it should have begun.
    """
    request = moving.locked(session, actor.community_id, public_id)
    if request.volunteer_id != actor.person_id:
        raise NotFound
    if request.state != "accepted":
        raise Moved
    if request.starts_at <= now:
        raise TooLate
    moving.release(session, request, actor.public_id, now)
    session.execute(
        update(HelpInvitation)
        .where(HelpInvitation.request_id == request.id, HelpInvitation.person_id == actor.person_id)
        .values(state="declined", answered_at=now)
        .execution_options(synchronize_session=False)
    )
    moving.move(
        session,
        request,
        ("accepted",),
        "verified",
        volunteer_id=None,
        accepted_at=None,
        hold_txn_id=None,
        is_first=True,
        due_at=moving.until(session, request, "verified", now),
    )
    moving.note(session, request, "withdrew", now=now, by=actor.person_id)
    sentence = say("答应来帮您的邻居临时来不了，留着的时长先退给您，我们优先再找人。")
    moving.tell(session, [request.person_id], sentence, request, now)
    moving.tell_desk(session, request, say("“%(kind)s”的志愿者来不了，请优先再找人。"), now)


def may_see(session: Session, actor: Actor, request: HelpRequest) -> bool:
    """Tell whether somebody may open a request: its sides, its captain, the desk, the invited, or what is open."""
    if actor.community_id != request.community_id:
        return False
    if actor.person_id in moving.sides(request) or actor.may("coordinator", "second_approver"):
        return True
    invited = select(HelpInvitation.id).where(
        HelpInvitation.request_id == request.id,
        HelpInvitation.person_id == actor.person_id,
        HelpInvitation.state == "open",
    )
    return is_open_to_all(request) or session.scalar(invited) is not None


def is_open_to_all(request: HelpRequest) -> bool:
    """Tell whether any volunteer may pick it from the list."""
    return request.state in ("verified", "offered") and rules.CATALOGUE[request.kind].risk != "high"
