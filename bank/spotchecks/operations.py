"""Verbs of random checks: draw a month, find what is to be checked, write down what was found."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from bank import clock, db
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.credits import objections
from bank.credits.models import Credit
from bank.credits.rules import check_no_admin
from bank.errors import Conflict, Invalid, NotFound, say
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Household, Person, Role
from bank.qr import new_public_id
from bank.spotchecks import rules
from bank.spotchecks.models import SpotCheck, SpotDraw
from ledger.models import CheckpointRow

ANYBODY_AFTER = timedelta(days=14)
"""How long a check is its assignee's alone; then whoever is uninvolved may take it, so that none lies for ever."""
MOST_SHOWN = 50
MOST_MONTHS = 12
"""How far back a month without a draw is made up for."""


class AlreadyChecked(Conflict):
    """The outcome is written down once."""

    code = "already_decided"
    sentence = say("这一条刚才已经核查过了，以先写下的为准。")


@dataclass(frozen=True, slots=True)
class Checked:
    """A check with its item, the person it is about, their door, and when it was drawn."""

    check: SpotCheck
    credit: Credit
    name: str
    door: str | None
    drawn_at: datetime


@dataclass(frozen=True, slots=True)
class Drawn:
    """A month's draw with how many of its checks ended how."""

    draw: SpotDraw
    outcomes: Mapping[str, int]


def draw_due(session: Session, *, now: datetime) -> int:
    """Draw the months that are over and have no draw yet, of every community; give how many. Safe to run at once.

    A month in which no job ran is made up for: what is drawn does not depend on when.
    """
    places = session.scalars(select(Community).where(Community.kind == "community").order_by(Community.id)).all()
    return sum(
        draw_month(session, place, month, now=now) for place in places for month in _undrawn(session, place, now)
    )


def _undrawn(session: Session, place: Community, now: datetime) -> list[date]:
    """Give the months without a draw, oldest first: a year back, and none before anything was posted."""
    months = rules.months_before(clock.local_day(now, place.time_zone), MOST_MONTHS)
    begins, _ = _span(place, months[0])
    drawn = set(
        session.scalars(select(SpotDraw.month).where(SpotDraw.community_id == place.id, SpotDraw.month >= months[0]))
    )
    first = session.scalar(
        select(func.min(Credit.posted_at)).where(
            Credit.community_id == place.id, Credit.state == "posted", Credit.posted_at >= begins
        )
    )
    if first is None:
        return []
    since = clock.local_day(first, place.time_zone).replace(day=1)
    return [month for month in months if month >= since and month not in drawn]


def draw_month(session: Session, place: Community, month: date, *, now: datetime) -> bool:
    """Draw a month, by the rules of the first day after it; False where that was done, or nothing was posted."""
    known = select(SpotDraw.id).where(SpotDraw.community_id == place.id, SpotDraw.month == month)
    if session.scalar(known) is not None:
        return False
    posted = {credit.public_id: credit for credit in _posted(session, place, month)}
    if not posted:
        return False
    percent = communities.rules_on(session, place.id, clock.month_after(month)).spot_check_percent
    basis = _basis(session, place, month, sorted(posted))
    seed = rules.seed_of(month, basis)
    names = rules.draw(seed, posted, percent)
    values = {"percent": percent, "basis": basis, "seed": seed, "posted": len(posted), "drawn": len(names)}
    draw_id = session.scalar(
        db.insert(session, SpotDraw)
        .values(community_id=place.id, month=month, drawn_at=now, **values)
        .on_conflict_do_nothing(index_elements=["community_id", "month"])
        .returning(SpotDraw.id)
    )
    if draw_id is None:
        return False
    _assign(session, place, draw_id, seed, [posted[name] for name in names], now)
    return True


def _posted(session: Session, place: Community, month: date) -> Sequence[Credit]:
    begins, ends = _span(place, month)
    return session.scalars(
        select(Credit).where(
            Credit.community_id == place.id,
            Credit.state == "posted",
            Credit.posted_at >= begins,
            Credit.posted_at < ends,
        )
    ).all()


def _span(place: Community, month: date) -> tuple[datetime, datetime]:
    return clock.start_of_day(month, place.time_zone), clock.start_of_day(clock.month_after(month), place.time_zone)


def _basis(session: Session, place: Community, month: date, names: Sequence[str]) -> str:
    """Give the last checkpoint of the log that was published in the month; a digest of the list where none was."""
    _, ends = _span(place, month)
    row = session.execute(
        select(CheckpointRow.size, CheckpointRow.root)
        .where(CheckpointRow.ledger_id == place.id, CheckpointRow.recorded_at < ends)
        .order_by(CheckpointRow.size.desc())
        .limit(1)
    ).one_or_none()
    if row is not None:
        return f"checkpoint {row.size} {row.root.hex()}"
    return f"list {len(names)} {hashlib.sha256(chr(10).join(names).encode()).hexdigest()}"


def _assign(
    session: Session, place: Community, draw_id: int, seed: str, drawn: Sequence[Credit], now: datetime
) -> None:
    checkers = _checkers(session, place)
    homes = _homes(session, drawn)
    for credit in drawn:
        free = [
            (one.public_id, one.id) for one in checkers if not _is_involved(one.id, one.household_id, credit, homes)
        ]
        chosen = rules.assignee(seed, credit.public_id, free)
        session.add(SpotCheck(public_id=new_public_id(), draw_id=draw_id, credit_id=credit.id, assigned_to=chosen))
        if chosen is not None:
            sentence = say("本月抽查抽到一条由您核查：“%(title)s”。请问一问本人和现场的人，再写下结果。")
            members.tell(session, [chosen], sentence, facts={"title": credit.title}, link="/spot-checks", now=now)
    session.flush()


def _checkers(session: Session, place: Community) -> Sequence[Any]:
    """Give who may check: staff and panel of the community, but nobody who runs the platform."""
    there = aliased(Community)

    def holds(*names: str) -> ColumnElement[bool]:
        covering = select(Role.person_id).join(there, there.id == Role.community_id)
        is_above = func.substr(place.path, 1, func.length(there.path)) == there.path
        return Person.id.in_(covering.where(Role.name.in_(names), is_above))

    found = select(Person.id, Person.public_id, Person.household_id).where(
        Person.community_id == place.id, Person.disabled_at.is_(None), holds(*rules.CHECKERS), ~holds("admin")
    )
    return session.execute(found.order_by(Person.id)).all()


def _hands(credit: Credit) -> set[int]:
    hands = (credit.person_id, credit.proposed_by, credit.leader_id, credit.first_by, credit.second_by)
    return {id_ for id_ in hands if id_ is not None}


def _homes(session: Session, credits_: Sequence[Credit]) -> dict[int, int | None]:
    everybody = {id_ for credit in credits_ for id_ in _hands(credit)}
    rows = session.execute(select(Person.id, Person.household_id).where(Person.id.in_(everybody)))
    return {id_: home for id_, home in rows}  # noqa: C416 -- a Row is no pair to dict()


def _is_involved(person_id: int, household_id: int | None, credit: Credit, homes: Mapping[int, int | None]) -> bool:
    hands = _hands(credit)
    return person_id in hands or (household_id is not None and household_id in {homes.get(id_) for id_ in hands})


def open_for(session: Session, actor: Actor, *, now: datetime) -> list[Checked]:
    """Give what this person is to check: theirs first, then what nobody has and what lay too long."""
    if actor.may("admin") or not actor.may(*rules.CHECKERS):
        return []
    waits = or_(
        SpotCheck.assigned_to == actor.person_id,
        SpotCheck.assigned_to.is_(None),
        SpotDraw.drawn_at < now - ANYBODY_AFTER,
    )
    found = _found(session, SpotDraw.community_id == actor.community_id, SpotCheck.state == "open", waits)
    homes = _homes(session, [one.credit for one in found])
    mine = [one for one in found if not _is_involved(actor.person_id, actor.household_id, one.credit, homes)]
    return sorted(mine, key=lambda one: one.check.assigned_to != actor.person_id)


def find(session: Session, actor: Actor, public_id: str, *, now: datetime) -> Checked:
    """Find a check that this person is to do, or has done. Raises NotFound."""
    for one in open_for(session, actor, now=now):
        if one.check.public_id == public_id:
            return one
    done = _found(session, SpotCheck.public_id == public_id, SpotCheck.assigned_to == actor.person_id)
    if not done or done[0].check.state == "open":
        raise NotFound
    return done[0]


def _found(session: Session, *conditions: ColumnElement[bool]) -> list[Checked]:
    rows = session.execute(
        select(SpotCheck, Credit, Person.name, Household.door, SpotDraw.drawn_at)
        .join(SpotDraw, SpotDraw.id == SpotCheck.draw_id)
        .join(Credit, Credit.id == SpotCheck.credit_id)
        .join(Person, Person.id == Credit.person_id)
        .outerjoin(Household, Household.id == Person.household_id)
        .where(*conditions)
        .order_by(SpotCheck.id)
        .limit(MOST_SHOWN)
    )
    return [Checked(*row) for row in rows]


def answer(session: Session, actor: Actor, public_id: str, outcome: str, words: str, *, now: datetime) -> Checked:
    """Write down once what was found. Not right becomes an objection, which somebody else then answers.

    Raises AdminCannotCredit, NotFound, AlreadyChecked, and Invalid where what is not right is not said.
    """
    check_no_admin(actor)
    assert outcome in rules.TRANSITIONS["open"]  # noqa: S101 -- the form offers nothing else
    found = find(session, actor, public_id, now=now)
    if outcome == "not_right" and not words.strip():
        raise Invalid({"words": [say("请写一句哪里与事实不符，本人会看到。")]})
    moved = session.scalar(
        update(SpotCheck)
        .where(SpotCheck.id == found.check.id, SpotCheck.state == "open")
        .values(state=outcome, assigned_to=actor.person_id, answered_at=now, words=words.strip() or None)
        .returning(SpotCheck)
        .execution_options(populate_existing=True)
    )
    if moved is None:
        raise AlreadyChecked
    if outcome == "not_right":
        objections.object_after_check(session, actor, found.credit.id, reason=words.strip(), now=now)
    return found


def draws(session: Session, place: Community, *, limit: int = 12) -> list[Drawn]:
    """Give a community's draws, newest first, with how their checks ended: nothing of anybody."""
    found = session.scalars(
        select(SpotDraw).where(SpotDraw.community_id == place.id).order_by(SpotDraw.month.desc()).limit(limit)
    ).all()
    rows = session.execute(
        select(SpotCheck.draw_id, SpotCheck.state, func.count())
        .where(SpotCheck.draw_id.in_([draw.id for draw in found]))
        .group_by(SpotCheck.draw_id, SpotCheck.state)
    )
    ended: dict[int, dict[str, int]] = {}
    for draw_id, state, count in rows:
        ended.setdefault(draw_id, {})[state] = count
    return [Drawn(draw, ended.get(draw.id, {})) for draw in found]
