"""What the desk must know before it decides: the credits, their people locked, rules, days and balances."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, bindparam, exists, func, or_, select, tuple_
from sqlalchemy.orm import Session, aliased

from bank import chart, clock, db
from bank.communities.models import Community, RuleVersion
from bank.communities.rules import Rules, read_rules
from bank.credits.models import Credit, CreditStep, Objection
from bank.credits.rules import DEEDS, Case, Month
from bank.members.actor import Actor
from bank.members.models import Person, Role

COUNTED = ("second_review", "in_notice", "objected", "posted")
"""States in which somebody has approved, so that the minutes count towards the day."""
Versions = Mapping[tuple[int, int], Rules]
ALONE = ("in_notice", "objected", "posted")


def cases(session: Session, credit_ids: Collection[int]) -> dict[int, Case]:
    """Read credits with their beneficiaries; ids that do not exist are left out."""
    rows = session.execute(_cases(), {"wanted": list(credit_ids)})
    return {row.id: Case(*(*row[:-1], row.created_at.astimezone(db.BOOK_ZONE).date())) for row in rows}


@cache  # to build these costs more than to run them
def _cases() -> Select[Any]:
    proposer, leader, first, voucher = aliased(Person), aliased(Person), aliased(Person), aliased(Person)
    chosen: Any = select(
        Credit.id,
        Credit.source,
        Credit.title,
        Credit.community_id,
        Credit.person_id,
        Person.name,
        Person.household_id,
        Credit.proposed_by,
        Credit.happened_on,
        Credit.unit,
        Credit.amount,
        Credit.approved_amount,
        Credit.evidence_class,
        Credit.rules_number,
        Credit.state,
        Credit.first_by,
        Credit.posting_round,
        _reopened_by(),
        has_coordinator(),
        Credit.leader_id,
        proposer.household_id,
        _home_of(_reopened_by()),
        leader.household_id,
        first.household_id,
        Credit.waits_for,
        _overruled(),
        _home_of(_overruled()),
        Person.vouched_by,
        voucher.household_id,
        Credit.created_at,
    )
    read: Select[Any] = (
        chosen.join(Person, Person.id == Credit.person_id)
        .join(proposer, proposer.id == Credit.proposed_by)
        .outerjoin(leader, leader.id == Credit.leader_id)
        .outerjoin(first, first.id == Credit.first_by)
        .outerjoin(voucher, voucher.id == Person.vouched_by)
        .where(Credit.id.in_(bindparam("wanted", expanding=True)))
    )
    return read


def _home_of(person_id: ScalarSelect[int | None]) -> ScalarSelect[int | None]:
    somebody = aliased(Person)
    return select(somebody.household_id).where(somebody.id == person_id).scalar_subquery()


@cache
def _reopened_by() -> ScalarSelect[int | None]:
    """Choose who last brought the credit back against somebody else's refusal, None for nobody."""
    no = aliased(CreditStep)
    overruled = exists().where(
        no.credit_id == CreditStep.credit_id,
        no.step.in_(("refused", "upheld")),
        no.by_person_id.is_distinct_from(CreditStep.by_person_id),  # the panel's verdict is by nobody
        no.id < CreditStep.id,
    )
    reopened = select(CreditStep.by_person_id).where(
        CreditStep.credit_id == Credit.id, CreditStep.step == "reopened", overruled
    )
    return reopened.order_by(CreditStep.id.desc()).limit(1).correlate(Credit).scalar_subquery()


@cache
def _overruled() -> ScalarSelect[int | None]:
    """Choose whose refusal an appeal set aside, None for nobody's."""
    chosen = select(Objection.refused_by).where(
        Objection.credit_id == Credit.id, Objection.is_appeal, Objection.state == "upheld"
    )
    return chosen.limit(1).correlate(Credit).scalar_subquery()


@cache
def has_coordinator() -> ColumnElement[bool]:
    """Choose credits, joined to their beneficiaries, on which some coordinator of the community may decide."""
    other, home, place = aliased(Person), aliased(Community), aliased(Community)
    admin, far = aliased(Role), aliased(Community)
    runs_the_platform = exists(select(admin.person_id).join(far, far.id == admin.community_id)).where(
        admin.person_id == other.id,
        admin.name == "admin",
        func.substr(home.path, 1, func.length(far.path)) == far.path,
    )
    coordinators = (
        select(other.id)
        .join(home, home.id == other.community_id)
        .join(Role, Role.person_id == other.id)
        .join(place, place.id == Role.community_id)
        .where(
            Role.name == "coordinator",
            func.substr(home.path, 1, func.length(place.path)) == place.path,
            other.community_id == Credit.community_id,
            other.disabled_at.is_(None),
            other.id != Credit.person_id,
            ~runs_the_platform,
            or_(
                other.household_id.is_(None),
                Person.household_id.is_(None),
                other.household_id != Person.household_id,
            ),
        )
    )
    return coordinators.correlate(Credit, Person).exists()


def holders(session: Session, community_id: int, role: str) -> set[int]:
    """Give who holds a role that counts in a community and may sign in."""
    home, place = aliased(Community), aliased(Community)
    chosen = (
        select(Person.id)
        .join(home, home.id == Person.community_id)
        .join(Role, Role.person_id == Person.id)
        .join(place, place.id == Role.community_id)
        .where(
            Role.name == role,
            func.substr(home.path, 1, func.length(place.path)) == place.path,
            Person.community_id == community_id,
            Person.disabled_at.is_(None),
        )
    )
    return set(session.scalars(chosen))


def ids_of(session: Session, community_id: int, public_ids: Collection[str]) -> list[int]:
    """Give the ids of credits of a community, in the order named; what does not exist there is left out."""
    rows = session.execute(
        select(Credit.public_id, Credit.id).where(Credit.community_id == community_id, Credit.public_id.in_(public_ids))
    )
    found = {public_id: id_ for public_id, id_ in rows}  # noqa: C416 -- a Row is no pair to dict()
    return [found[public_id] for public_id in public_ids if public_id in found]


def public_ids(session: Session, ids: Collection[int]) -> dict[int, str]:
    """Give the public ids of credits by id."""
    rows = session.execute(select(Credit.id, Credit.public_id).where(Credit.id.in_(ids)))
    return {id_: public_id for id_, public_id in rows}  # noqa: C416 -- a Row is no pair to dict()


def flagged(session: Session, ids: Collection[int]) -> set[int]:
    """Choose of some credits those with something to look at."""
    return set(session.scalars(select(Credit.id).where(Credit.id.in_(ids), Credit.flags != [])))


def lock_people(session: Session, person_ids: Iterable[int]) -> None:
    """Let one decision at a time count a person's day and balance; on SQLite the write lock does that already."""
    if session.get_bind().dialect.name == "postgresql":
        chosen = select(Person.id).where(Person.id.in_(sorted(set(person_ids)))).order_by(Person.id)
        session.execute(chosen.with_for_update(key_share=True))


def rules_of(session: Session, wanted: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Rules]:
    """Read the rule versions named by (community, number)."""
    pairs = sorted(set(wanted))
    rows = session.execute(
        select(RuleVersion).where(tuple_(RuleVersion.community_id, RuleVersion.number).in_(pairs))
    ).scalars()
    return {(row.community_id, row.number): read_rules(row.number, row.effective_on, row.settings) for row in rows}


def day_minutes(session: Session, chosen: Collection[Case]) -> dict[tuple[int, date], int]:
    """Sum what each person of the chosen credits was approved for each day, those credits among it."""
    people = {case.person_id for case in chosen if case.unit == chart.MINUTES}
    days = {case.happened_on for case in chosen if case.unit == chart.MINUTES}
    if not people:
        return {}
    rows = session.execute(
        select(Credit.person_id, Credit.happened_on, func.sum(Credit.approved_amount))
        .where(
            Credit.person_id.in_(people),
            Credit.happened_on.in_(days),
            Credit.unit == chart.MINUTES,
            Credit.state.in_(COUNTED),
        )
        .group_by(Credit.person_id, Credit.happened_on)
    )
    return {(person_id, day): int(total or 0) for person_id, day, total in rows}


def month_sums(session: Session, chosen: Collection[Case], versions: Versions) -> dict[Month, int]:
    """Sum what of each limited month of the chosen credits (`Case.month`) is approved, those credits among it."""
    sums: dict[Month, int] = {}
    for unit in chart.UNITS:
        mine = [case for case in chosen if case.unit == unit and case.month is not None]
        if not mine:
            continue
        most = max(versions[case.community_id, case.rules_number].deed_points_per_month for case in mine)
        rows = session.execute(_in_months(unit, mine, most))
        for person_id, at, total in rows:
            day = at.astimezone(db.BOOK_ZONE).date() if isinstance(at, datetime) else at
            month = person_id, unit, day.year, day.month
            sums[month] = sums.get(month, 0) + int(total or 0)
    return sums


def _in_months(unit: str, mine: Sequence[Case], most: int) -> Select[Any]:
    """Choose (person, day or moment, amount) of what was approved about the months of these credits."""
    of_time = unit == chart.MINUTES
    days = [(case.happened_on if of_time else case.told_on) or case.happened_on for case in mine]
    first, last = min(days).replace(day=1), max(days).replace(day=1) + timedelta(days=31)
    chosen = (
        Credit.person_id.in_({case.person_id for case in mine}),
        Credit.unit == unit,
        Credit.state.in_(COUNTED),
    )
    rows: Any
    if of_time:
        rows = select(Credit.person_id, Credit.happened_on, func.sum(Credit.approved_amount))
        of_word = Credit.evidence_class == "B"
        rows = rows.where(*chosen, of_word, Credit.happened_on.between(first, last))
        grouped: Select[Any] = rows.group_by(Credit.person_id, Credit.happened_on)
        return grouped
    rows = select(Credit.person_id, Credit.created_at, Credit.approved_amount)
    begins, ends = (clock.start_of_day(day, db.BOOK_ZONE.key) for day in (first, last))
    limited = Credit.source.startswith(DEEDS) & (Credit.amount <= most)
    found: Select[Any] = rows.where(*chosen, limited, Credit.created_at >= begins, Credit.created_at < ends)
    return found


def issued_alone(session: Session, actor: Actor, *, now: datetime) -> dict[str, int]:
    """Sum by unit what one person has let through this week without a second; lock them first (`lock_people`)."""
    zone = session.get_one(Community, actor.community_id).time_zone
    today = clock.local_day(now, zone)
    week = clock.start_of_day(today - timedelta(days=today.weekday()), zone)
    rows = session.execute(
        select(Credit.unit, func.sum(Credit.approved_amount))
        .where(
            Credit.first_by == actor.person_id,
            Credit.first_at >= week,
            Credit.second_by.is_(None),
            Credit.state.in_(ALONE),
        )
        .group_by(Credit.unit)
    )
    return {unit: int(total or 0) for unit, total in rows}
