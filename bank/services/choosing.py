"""Who suits a visit: what neighbours like to do, how near they live, how they speak, whether they are free."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, delete, func, or_, select
from sqlalchemy.orm import Session

from bank.activities.models import Activity, SignUp
from bank.communities import operations as communities
from bank.members import standing
from bank.members.actor import Actor
from bank.members.models import Household, Person
from bank.services import rules
from bank.services.models import HelpInvitation, HelpRequest, HelpSkill, HelpSpeech, HelpTraining

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
    """Give at most ten volunteers for a request, the best first, with the reasons; nobody of the home of
    whose visit it is, or of who asked for it, and nobody whose account is stopped.

    Only who said they like this kind of help is asked, and where it takes training, who was trained. Who did not
    come of an earlier invitation to it stands after the others; who has an open one, or said yes, is left out.
    """
    asked = session.execute(
        select(HelpInvitation.person_id, HelpInvitation.state).where(HelpInvitation.request_id == request.id)
    )
    before: dict[int, str] = {row.person_id: row.state for row in asked}
    rows = session.execute(
        _willing(request).where(
            Person.id.not_in(busy(session, request)),
            Person.id.not_in(_engaged(request)),
        )
    ).all()
    order = _building_order(session, request.community_id)
    here = order.get(session.scalar(_building_of(request.person_id)) or 0)
    away = standing.stopped(session, [person for person, _ in rows])
    rows = [row for row in rows if row[0].id not in away]
    ids = [person.id for person, _ in rows]
    speaks = _speakers(session, ids, request.speech)
    pairs, lately = _visits(session, ids, request.person_id, now)
    found = []
    for person, building_id in rows:
        helper = rules.Helper(
            person.id,
            has_skill=True,
            building=order.get(building_id or 0),
            speaks=person.id in speaks,
            pairs=pairs.get(person.id, 0),
            lately=lately.get(person.id, 0),
        )
        why = rules.reasons(helper, here)
        suits = Suited(person, rules.score(why), why, before.get(person.id, ""))
        found.append((suits, lately.get(person.id, 0)))
    found.sort(key=lambda pair: (pair[0].said != "", -pair[0].score, pair[1], pair[0].person.id))
    return [one for one, _ in found[:MOST_SHOWN]]


def is_anybody_willing(session: Session, request: HelpRequest) -> bool:
    """Tell whether somebody could be asked, free at that time or not."""
    people = [person for person, _ in session.execute(_willing(request))]
    return len(people) > len(standing.stopped(session, people))


def _willing(request: HelpRequest) -> Select[Person, int | None]:
    """Choose who likes this kind of help and may be asked, with their building."""
    invited = select(HelpInvitation.person_id).where(
        HelpInvitation.request_id == request.id, HelpInvitation.state.in_(("open", "accepted"))
    )
    askers = (request.person_id, request.asked_by)
    homes = select(Person.household_id).where(Person.id.in_(askers), Person.household_id.is_not(None))
    return (
        select(Person, Household.building_id)
        .join(HelpSkill, HelpSkill.person_id == Person.id)
        .outerjoin(Household, Household.id == Person.household_id)
        .where(
            HelpSkill.community_id == request.community_id,
            HelpSkill.kind == request.kind,
            Person.disabled_at.is_(None),
            Person.id.not_in(askers),
            Person.id.not_in(invited),
            or_(Person.household_id.is_(None), Person.household_id.not_in(homes)),
            *_trained(request),
        )
    )


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


def busy(session: Session, request: HelpRequest) -> set[int]:
    """Give who has promised somebody else a visit that would overlap, or is at one."""
    ends_at = request.starts_at + timedelta(minutes=request.minutes)
    around = session.execute(
        promises(HelpRequest.starts_at, HelpRequest.minutes)
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


def is_engaged(session: Session, person_id: int, request: HelpRequest) -> bool:
    """Tell whether somebody has signed up for an activity at that time."""
    return session.scalar(_engaged(request).where(SignUp.person_id == person_id).limit(1)) is not None


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


def promises(*columns: Any) -> Select[Any]:
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
