"""Verbs on hours that lie still: look once a month, ask the owner once a year, keep the answer. Nothing is closed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from bank import chart, clock, db
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.errors import say
from bank.giving import near, rules
from bank.giving.models import Dormancy
from bank.giving.refusals import NotAsked
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person

ANSWERS = ("keep", "use", "give", "donate")
PAGE = "/my-hours"
AT_ONCE = 200
"""People looked at in one go of the job."""


def ask_due(session: Session, *, now: datetime) -> int:
    """Look at some members nobody looked at for a month, and ask those whose hours lie still; give how many were
    looked at."""
    for community_id in session.scalars(
        select(Community.id).where(Community.kind == "community").order_by(Community.id)
    ).all():
        found = _to_look_at(session, community_id, now)
        if found:
            _look(session, community_id, found, now)
            return len(found)
    return 0


def _to_look_at(session: Session, community_id: int, now: datetime) -> Sequence[Person]:
    place = session.get_one(Community, community_id)
    since = rules.months_later(now, -communities.rules_at(session, place, now).dormant_months)
    chosen = (
        select(Person)
        .outerjoin(Dormancy, Dormancy.person_id == Person.id)
        .where(
            Person.community_id == community_id,
            Person.created_at <= since,
            Person.disabled_at.is_(None),
            or_(Dormancy.look_at.is_(None), Dormancy.look_at <= now),
        )
    )
    return session.scalars(chosen.order_by(Person.id).limit(AT_ONCE)).all()


def _look(session: Session, community_id: int, people: Sequence[Person], now: datetime) -> None:
    place = session.get_one(Community, community_id)
    months = communities.rules_at(session, place, now).dormant_months
    since = clock.local_day(rules.months_later(now, -months), place.time_zone)
    paths = {person.id: chart.member(person.public_id) for person in people}
    book = db.book(session, community_id, now)
    has = book.balances(list(paths.values()), session=session)
    moved = book.turnovers(list(paths.values()), since, session=session)
    still = {
        person_id
        for person_id, path in paths.items()
        if any((path, unit) in has and has[path, unit].posted > 0 for unit in chart.UNITS)
        and not any(any(moved.get((path, unit), (0, 0))) for unit in chart.UNITS)
    }
    asked = _write(session, paths, still, months, now)
    sentence = say("您的时长和积分有一阵没动了，都好好地在账上。想怎么用？点一下告诉我们就行。")
    members.tell(session, asked, sentence, link=PAGE, now=now)


def _write(session: Session, people: dict[int, str], still: set[int], months: int, now: datetime) -> list[int]:
    """Write down the next look, each person once however many look at the same time; give who is to be asked."""
    asked: list[int] = []
    for person_id in sorted(people):
        is_still = person_id in still
        values: dict[str, object] = {"look_at": rules.months_later(now, months if is_still else 1)}
        if is_still:
            values |= {"asked_at": now, "answer": None, "answered_at": None}
        row = db.insert(session, Dormancy).values(person_id=person_id, **values)
        first = row.on_conflict_do_update(
            index_elements=["person_id"], set_=values, where=Dormancy.look_at <= now
        ).returning(Dormancy.person_id)
        if session.execute(first).first() is not None and is_still:
            asked.append(person_id)
    return asked


def asked(session: Session, person_id: int) -> Dormancy | None:
    """Give what a member was asked and said, None where nobody ever asked."""
    return session.scalar(select(Dormancy).where(Dormancy.person_id == person_id, Dormancy.asked_at.is_not(None)))


SAID = {"keep": say("先留着"), "use": say("我想用"), "give": say("转给亲属"), "donate": say("捐给公益池")}


def answer(session: Session, person_id: int, what: str, *, now: datetime, agent: Actor | None = None) -> None:
    """Keep an answer; it may be changed until the next asking. It moves nothing by itself.

    `agent` saw the owner's card and PIN. Raises NotAsked, TooNear for an agent.
    """
    near.check_agent(session, agent, [person_id])
    changed = session.execute(
        update(Dormancy)
        .where(Dormancy.person_id == person_id, Dormancy.asked_at.is_not(None))
        .values(answer=what, answered_at=now)
        .returning(Dormancy.person_id)
        .execution_options(synchronize_session=False)
    ).first()
    if changed is None:
        raise NotAsked
    if agent is not None:
        said = say("%(agent)s 凭您的卡和 PIN 替您答了时长怎么用：%(what)s。不是您本人，请马上告诉社区。")
        facts = {"agent": agent.name, "what": SAID[what]}
        members.tell(session, [person_id], said, facts=facts, link=PAGE, now=now, agent=agent)
