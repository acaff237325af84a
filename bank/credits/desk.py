"""What lies on the desk of one person: exceptions first, the clean rest, objections, and the numbers on top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, false, func, or_, select
from sqlalchemy.orm import Session, aliased

from bank import chart
from bank.communities import operations as communities
from bank.credits.cases import has_coordinator, issued_alone
from bank.credits.deciding import MOST_AT_ONCE
from bank.credits.models import Credit, CreditStep, Objection, ObjectionVote
from bank.credits.rules import DECIDERS, UNDECIDED, UNDO_S
from bank.members import rules as card_rules
from bank.members.actor import Actor
from bank.members.models import Person
from bank.web import paging
from bank.web.paging import Listing

MOST_PER_PAGE = 50
SHARE_DAYS = 30
_Objector = aliased(Person)
KINDS = {"activity": "attendance:", "deed": "deed:", "visit": "visit:"}


@dataclass(frozen=True, slots=True)
class Filter:
    """What the person asked to see."""

    kind: str | None = None
    title: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """A credit on the desk with its beneficiary's name and public id."""

    credit: Credit
    name: str
    public_id: str


@dataclass(frozen=True, slots=True)
class Numbers:
    """What waits for this person, and how much of the last thirty days' minutes was scanned in and out."""

    clean: int
    flagged: int
    second: int
    oldest_at: datetime | None
    objections: int
    overdue: int
    held_up: int
    verified_percent: int | None

    @property
    def waiting(self) -> int:
        """Count everything that waits."""
        return self.clean + self.flagged + self.second + self.objections


def numbers(session: Session, actor: Actor, *, now: datetime) -> Numbers:
    """Count a person's desk in a constant number of statements."""
    mine, is_flagged = _mine(actor), Credit.flags != []
    is_first = Credit.state == "submitted"
    waiting = session.execute(
        _joined(
            _count(_is_clean()),
            _count(and_(is_first, is_flagged)),
            _count(and_(Credit.state == "second_review", ~_is_clean())),
            func.min(Credit.created_at),
        ).where(mine)
    ).one()
    objections = session.execute(
        _objections(actor, func.count(), _count(Objection.answer_due_at < now), func.min(Objection.created_at))
    ).one()
    on_notice = Credit.state == "in_notice"
    lately = and_(Credit.state == "posted", Credit.posted_at >= now - timedelta(days=SHARE_DAYS))
    rest = session.execute(
        select(
            _count(and_(on_notice, Credit.held_up.is_not(None))),
            _minutes(and_(lately, Credit.evidence_class == "A")),
            _minutes(lately),
        ).where(or_(*(and_(Credit.community_id == actor.community_id, one) for one in (on_notice, lately))))
    ).one()
    percent = round(100 * int(rest[1]) / int(rest[2])) if rest[2] else None
    oldest = min(filter(None, (waiting[3], objections[2])), default=None)
    return Numbers(waiting[0], waiting[1], waiting[2], oldest, objections[0], objections[1], rest[0], percent)


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _minutes(condition: ColumnElement[bool]) -> ColumnElement[int]:
    served = and_(condition, Credit.unit == chart.MINUTES)
    return func.coalesce(func.sum(case((served, Credit.approved_amount), else_=0)), 0)


def _joined(*columns: Any) -> Any:
    return select(*columns).select_from(Credit).join(Person, Person.id == Credit.person_id)


def _mine(actor: Actor) -> ColumnElement[bool]:
    """Choose what this person may decide: nobody's own, no household's, nothing they have had a hand in before.

    What no coordinator may decide lies on the second approver's desk from the beginning.
    """
    other = and_(
        Credit.community_id == actor.community_id,
        Credit.state.in_(UNDECIDED),
        Credit.waits_for.is_(None),
        Credit.person_id != actor.person_id,
        or_(Person.household_id.is_(None), Person.household_id != (actor.household_id or 0)),
    )
    hands = (Credit.first_by, Credit.proposed_by, Credit.leader_id)
    second = and_(Credit.state == "second_review", *_nobody_of(actor, *hands))
    if actor.may("admin"):
        return false()
    if actor.may("coordinator"):
        return and_(other, or_(Credit.state == "submitted", second))
    alone = and_(Credit.state == "submitted", ~has_coordinator())
    return and_(other, or_(alone, second)) if actor.may("second_approver") else false()


def _nobody_of(actor: Actor, *hands: Any) -> list[ColumnElement[bool]]:
    """Choose credits where none of the hands is the actor's or of somebody they live with."""
    kin = select(Person.id).where(or_(Person.id == actor.person_id, Person.household_id == (actor.household_id or 0)))
    return [or_(hand.is_(None), hand.not_in(kin)) for hand in hands]


def exceptions(
    session: Session, actor: Actor, wanted: Filter, *, cursor: str | None, limit: int = MOST_PER_PAGE
) -> Listing[Item]:
    """Give what needs a look, oldest first: flagged items, and long days that wait for a second person."""
    return _page(session, actor, wanted, ~_is_clean(), cursor, limit)


def clean(
    session: Session, actor: Actor, wanted: Filter, *, cursor: str | None, limit: int = MOST_PER_PAGE
) -> Listing[Item]:
    """Give what nothing speaks against, oldest first."""
    return _page(session, actor, wanted, _is_clean(), cursor, limit)


def clean_ids(session: Session, actor: Actor, wanted: Filter) -> list[str]:
    """Give the public ids of the clean items that one tap may approve, at most 500, oldest first."""
    chosen = _joined(Credit.public_id).where(_mine(actor), _is_clean(), *_wanted(wanted))
    return list(session.scalars(chosen.order_by(Credit.id).limit(MOST_AT_ONCE)))


def _is_clean() -> ColumnElement[bool]:
    """Nothing speaks against it: that the first approver scanned the card, or ran the activity, asks for a second
    person, not for a look."""
    was_there = or_(Credit.first_by == Credit.proposed_by, Credit.first_by == Credit.leader_id)
    only_a_card = and_(Credit.state == "second_review", was_there)
    return and_(Credit.flags == [], or_(Credit.state == "submitted", only_a_card))


def _page(
    session: Session, actor: Actor, wanted: Filter, condition: ColumnElement[bool], cursor: str | None, limit: int
) -> Listing[Item]:
    after = paging.decode_ints(cursor, 1)
    chosen = _joined(Credit, Person.name, Person.public_id).where(_mine(actor), condition, *_wanted(wanted))
    if after:
        chosen = chosen.where(Credit.id > after[0])
    rows = [Item(*row) for row in session.execute(chosen.order_by(Credit.id).limit(limit + 1))]
    more = paging.encode(rows[limit - 1].credit.id) if len(rows) > limit else None
    return Listing(rows[:limit], more)


def _wanted(wanted: Filter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.kind in KINDS:
        conditions.append(Credit.source.startswith(KINDS[wanted.kind]))
    if wanted.title:
        conditions.append(Credit.title == wanted.title)
    if wanted.name:
        text = wanted.name.strip()
        ways = [Person.name.startswith(text, autoescape=True), Person.public_id == card_rules.person_of_card(text)]
        if text.isascii() and text.isalpha():
            ways.append(Person.pinyin.startswith(text.lower(), autoescape=True))
        conditions.append(or_(*ways))
    return conditions


def titles(session: Session, actor: Actor, *, limit: int = 8) -> list[tuple[str, int]]:
    """Give the titles that wait most, with how many, for the filters."""
    chosen = _joined(Credit.title, func.count()).where(_mine(actor)).group_by(Credit.title)
    return [(title, count) for title, count in session.execute(chosen.order_by(func.count().desc()).limit(limit))]


@dataclass(frozen=True, slots=True)
class Doubt:
    """An open objection with the item it is about."""

    objection: Objection
    credit: Credit
    name: str
    by: str
    """Who raised it: for the panel's eyes only."""


def _objections(actor: Actor, *columns: Any) -> Any:
    chosen = _joined(*columns).join(Objection, Objection.credit_id == Credit.id)
    if actor.may("admin") or not actor.may("coordinator", "second_approver", "panel"):
        return chosen.where(false())
    return chosen.where(
        Objection.state == "open",
        # Few objections are open anywhere; "+ 0" keeps SQLite from walking all credits of the community instead.
        Credit.community_id + 0 == actor.community_id,
        Credit.person_id != actor.person_id,
        or_(Person.household_id.is_(None), Person.household_id != (actor.household_id or 0)),
        Objection.by_person_id != actor.person_id,
        *_nobody_of(actor, Credit.first_by, Credit.second_by, Credit.proposed_by, Credit.leader_id),
        _has_next_word(actor),
    )


def _has_next_word(actor: Actor) -> ColumnElement[bool]:
    """Choose objections at a stage where this person acts: the panel votes once, the last word is the staff's."""
    voted = exists().where(ObjectionVote.objection_id == Objection.id, ObjectionVote.person_id == actor.person_id)
    not_mine = or_(Objection.replied_by.is_(None), Objection.replied_by != actor.person_id)
    stages = [Objection.stage == "answer"]
    if actor.may("panel"):
        stages.append(and_(Objection.stage == "panel", not_mine, ~voted))
    if actor.may(*DECIDERS):
        stages.append(Objection.stage == "last")
    return or_(*stages)


def objections(session: Session, actor: Actor, *, limit: int = MOST_PER_PAGE) -> Sequence[Doubt]:
    """Give the open objections this person may answer, the most urgent first."""
    by = select(_Objector.name).where(_Objector.id == Objection.by_person_id).scalar_subquery()
    chosen = _objections(actor, Objection, Credit, Person.name, by)
    rows = session.execute(chosen.order_by(Objection.answer_due_at, Objection.id).limit(limit))
    return [Doubt(*row) for row in rows]


def held_up(session: Session, actor: Actor, *, limit: int = MOST_PER_PAGE) -> Sequence[Item]:
    """Give what is over its notice and the book refuses to post."""
    chosen = _joined(Credit, Person.name, Person.public_id).where(
        Credit.community_id == actor.community_id, Credit.state == "in_notice", Credit.held_up.is_not(None)
    )
    return [Item(*row) for row in session.execute(chosen.order_by(Credit.id).limit(limit))]


def refused(session: Session, actor: Actor, *, now: datetime, limit: int = MOST_PER_PAGE) -> Sequence[Item]:
    """Give what was refused of the last thirty days' proposals, newest first, for who may reopen it."""
    if not actor.may("coordinator"):
        return []
    chosen = _joined(Credit, Person.name, Person.public_id).where(
        Credit.community_id == actor.community_id,
        Credit.state == "refused",
        Credit.created_at >= now - timedelta(days=SHARE_DAYS),
        Credit.person_id != actor.person_id,
    )
    return [Item(*row) for row in session.execute(chosen.order_by(Credit.id.desc()).limit(limit))]


@dataclass(frozen=True, slots=True)
class Budget:
    """What a coordinator may still let through alone until Sunday, of how much."""

    minutes: int
    points: int
    minutes_per_week: int
    points_per_week: int


def budget(session: Session, actor: Actor, *, now: datetime) -> Budget | None:
    """Give what is left of a coordinator's week, None for who does not decide first."""
    if not actor.may("coordinator") or actor.may("admin"):
        return None
    in_force = communities.rules_now(session, actor.community_id, now)
    issued = issued_alone(session, actor, now=now)
    minutes, points = in_force.issue_minutes_per_week, in_force.issue_points_per_week
    return Budget(
        max(0, minutes - issued.get(chart.MINUTES, 0)), max(0, points - issued.get(chart.POINTS, 0)), minutes, points
    )


@dataclass(frozen=True, slots=True)
class LastTap:
    """What one tap did and how long it can still be taken back."""

    approved: int
    refused: int
    seconds_left: int


def last_tap(session: Session, actor: Actor, batch: str, *, now: datetime) -> LastTap | None:
    """Give what a batch of this person did, None once it can no longer be taken back."""
    row: Any = session.execute(
        select(
            _count(CreditStep.step.in_(("approved", "second_approved"))),
            _count(CreditStep.step == "refused"),
            func.max(CreditStep.at),
        )
        .join(Credit, Credit.id == CreditStep.credit_id)
        .where(CreditStep.batch == batch, CreditStep.by_person_id == actor.person_id, Credit.batch == batch)
    ).one()
    if row[2] is None:
        return None
    left = UNDO_S - int((now - row[2]).total_seconds())
    return LastTap(row[0], row[1], left) if left > 0 else None
