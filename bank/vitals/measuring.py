"""The nightly look at a community's bank, and what pages read of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from bank import chart, clock, db
from bank.activities.models import Activity
from bank.board import figures as board
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.credits.models import Credit, ServiceTotal
from bank.giving.models import Donation, Gift
from bank.members.models import Person
from bank.services import telling
from bank.services.models import HelpRequest
from bank.shop.models import Item, Order
from bank.vitals import rules
from bank.vitals.models import Vital
from bank.vitals.rules import Figures
from bank.vitals.sources import SOURCES, Wanted
from ledger.models import AccountRow, LotRow

VISITS = "home_service"
"""The kind of activity that help at home counts as."""
AT_ONCE = 500
"""How many balances are asked for in one statement."""


def take_due(session: Session, *, now: datetime) -> Community | None:
    """Take the figures of one community that has none of today yet, and give it; None where all have."""
    places = session.scalars(select(Community).where(Community.kind == "community").order_by(Community.id)).all()
    today = {place.id: clock.local_day(now, place.time_zone) for place in places}
    if not today:
        return None
    lately = select(Vital.community_id, Vital.day).where(Vital.day >= min(today.values()))
    taken = {(row.community_id, row.day) for row in session.execute(lately)}
    missing = [place for place in places if (place.id, today[place.id]) not in taken]
    return next((place for place in missing if take(session, place, now=now)), None)


def take(session: Session, place: Community, *, now: datetime) -> bool:
    """Keep today's figures of a community, once; False where another job was first."""
    day = clock.local_day(now, place.time_zone)
    flow = board.figures(session, place, now).ever[chart.MINUTES]
    balances = _balances(session, place, now)
    found = _measure(session, place, balances, day, now)
    before = on(session, place.id, day - timedelta(weeks=rules.WEEKS))
    saved, used = (flow.credited - before.credited, flow.spent - before.spent) if before else (0, 0)
    in_force = communities.rules_at(session, place, now)
    row = {
        "community_id": place.id,
        "day": day,
        "taken_at": now,
        "promised": sum(balances.values()),
        "credited": flow.credited,
        "spent": flow.spent,
        "figures": replace(found, concerns=rules.concerns(found, saved, used, in_force)).as_json(),
    }
    kept = db.insert(session, Vital).values(row).on_conflict_do_nothing().returning(Vital.community_id)
    return session.scalar(kept) is not None


def newest(session: Session, community_id: int) -> Vital | None:
    """Give the last figures of a community; None before its first night."""
    return session.scalar(select(Vital).where(Vital.community_id == community_id).order_by(Vital.day.desc()).limit(1))


def on(session: Session, community_id: int, day: date) -> Vital | None:
    """Give the figures of one day; None where none were taken."""
    return session.get(Vital, (community_id, day))


def read(vital: Vital) -> Figures:
    """Read what the table keeps."""
    return Figures(**vital.figures)


def course(session: Session, community_id: int, through: date, *, weeks: int) -> Sequence[tuple[date, int, int]]:
    """Give (day, credited, spent) of one day a week up to a day, the oldest first, whatever lies between."""
    days = [through - timedelta(weeks=ago) for ago in range(weeks, -1, -1)]
    found = select(Vital.day, Vital.credited, Vital.spent).where(
        Vital.community_id == community_id, Vital.day.in_(days)
    )
    return session.execute(found.order_by(Vital.day)).all()


def _balances(session: Session, place: Community, now: datetime) -> dict[int, int]:
    """Give every member's minutes by row id, with what is held of them."""
    people = session.execute(select(Person.id, Person.public_id).where(Person.community_id == place.id)).all()
    book = db.book(session, place.id, now)
    found: dict[int, int] = {}
    for first in range(0, len(people), AT_ONCE):
        some = people[first : first + AT_ONCE]
        told = book.balances([chart.member(public_id) for _, public_id in some], session=session)
        for id_, public_id in some:
            balance = told.get((chart.member(public_id), chart.MINUTES))
            found[id_] = balance.posted if balance else 0
    return found


def _measure(session: Session, place: Community, balances: dict[int, int], day: date, now: datetime) -> Figures:
    since = now - timedelta(weeks=rules.WEEKS)
    elders = set(
        session.scalars(
            select(Person.id).where(Person.community_id == place.id, Person.is_elder, Person.disabled_at.is_(None))
        )
    )
    first_credit, first_spent = _first_credit(session, place), _first_spent(session, place)
    offered, wanted = _offered(session, place, since), _wanted(session, place, since)
    pool, pool_out = _pool(session, place, day, now)
    points, points_people = _expiring(session, place, day)
    gifts, gift_people = _gifts(session, place)
    donated, donors = _donated(session, place)
    return Figures(
        members=_members(session, place),
        elders=len(elders),
        promised_elders=sum(balances[id_] for id_ in elders),
        earned_elders=sum(minutes for _, minutes, person, _ in offered if person in elders),
        active=len({person for _, _, person, _ in offered}),
        savers=len(first_credit),
        spenders=len(first_spent),
        given=_given(session, place),
        median_days=rules.median_days(first_credit, first_spent),
        met=_met(session, place, since, now),
        supply=rules.grouped((kind, minutes, person) for kind, minutes, person, _ in offered),
        demand=rules.grouped((kind, minutes, person) for kind, minutes, person, _ in wanted),
        supply_times=rules.grouped((rules.slot(at, place.time_zone), m, person) for _, m, person, at in offered),
        demand_times=rules.grouped((rules.slot(at, place.time_zone), m, person) for _, m, person, at in wanted),
        pool=pool,
        pool_out=pool_out,
        holders=sum(balance > 0 for balance in balances.values()),
        top_share=rules.top_share(balances.values()),
        points=points,
        points_people=points_people,
        wait_hours=rules.wait_hours(telling.waits(session, place.id, since)),
        at_home=_net(session, place, now, chart.help_given()),
        donated=donated,
        gifts=gifts,
        gift_people=gift_people,
        donors=donors,
        helped=_helped(session, place),
        shoppers=_shoppers(session, place),
        savers_spent=len(first_credit.keys() & first_spent.keys()),
        days=rules.days_of(min(first_credit.values(), default=None), now),
    )


def _members(session: Session, place: Community) -> int:
    found = (
        select(func.count()).select_from(Person).where(Person.community_id == place.id, Person.disabled_at.is_(None))
    )
    return session.scalar(found) or 0


def _given(session: Session, place: Community) -> dict[str, int]:
    rows = session.execute(
        select(ServiceTotal.evidence_class, func.sum(ServiceTotal.minutes))
        .join(Person, Person.id == ServiceTotal.person_id)
        .where(Person.community_id == place.id)
        .group_by(ServiceTotal.evidence_class)
    )
    return {kind: int(minutes) for kind, minutes in rows}


def _first_credit(session: Session, place: Community) -> dict[int, datetime]:
    rows = session.execute(
        select(Credit.person_id, func.min(Credit.posted_at))
        .where(Credit.community_id == place.id, Credit.state == "posted", Credit.txn_id.is_not(None))
        .group_by(Credit.person_id)
    )
    return {person: at for person, at in rows if at is not None}


def _first_spent(session: Session, place: Community) -> dict[int, datetime]:
    rows = session.execute(
        select(Order.person_id, func.min(Order.handed_over_at))
        .where(Order.community_id == place.id, Order.state == "handed_over")
        .group_by(Order.person_id)
    )
    first = {person: at for person, at in rows if at is not None}
    for find in SOURCES.first_spent.values():
        for person, at in find(session, place.id).items():
            first[person] = min(at, first.get(person, at))
    return first


def _offered(session: Session, place: Community, since: datetime) -> list[Wanted]:
    """List what was served, at activities and in homes: kind, minutes, person, when it began."""
    rows = session.execute(
        select(Activity.category, Credit.approved_amount, Credit.person_id, Activity.starts_at)
        .join(Activity, Activity.id == Credit.activity_id)
        .where(
            Credit.community_id == place.id,
            Credit.state == "posted",
            Credit.posted_at >= since,
            Credit.unit == chart.MINUTES,
        )
    )
    together: list[Wanted] = [(kind, minutes or 0, person, at) for kind, minutes, person, at in rows]
    return together + _visits(session, place, since)


def _visits(session: Session, place: Community, since: datetime) -> list[Wanted]:
    """List the visits to homes that were credited, as one kind: who goes to homes does what is needed there."""
    rows = session.execute(
        select(Credit.approved_amount, Credit.person_id, HelpRequest.starts_at)
        .join(HelpRequest, or_(HelpRequest.credit_id == Credit.id, HelpRequest.second_credit_id == Credit.id))
        .where(Credit.community_id == place.id, Credit.state == "posted", Credit.posted_at >= since)
    )
    return [(VISITS, minutes or 0, person, at) for minutes, person, at in rows]


def _wanted(session: Session, place: Community, since: datetime) -> list[Wanted]:
    """List what was ordered for time and not called off, and what other slices know was asked for."""
    rows = session.execute(
        select(Item.title, Order.total, Order.person_id, Order.created_at)
        .join(Item, Item.id == Order.item_id)
        .where(
            Order.community_id == place.id,
            Order.unit == chart.MINUTES,
            Order.created_at >= since,
            Order.state != "cancelled",
        )
    )
    found: list[Wanted] = [(title, total, person, at) for title, total, person, at in rows]
    for find in SOURCES.wanted.values():
        found += find(session, place.id, since)
    return found


def _met(session: Session, place: Community, since: datetime, now: datetime) -> list[int] | None:
    if not SOURCES.met:
        return None
    found = [find(session, place.id, since, now) for find in SOURCES.met.values()]
    return [sum(asked for asked, _ in found), sum(met for _, met in found)]


def _pool(session: Session, place: Community, day: date, now: datetime) -> tuple[int, int]:
    """Give the pool's minutes and what left it in the last ninety days."""
    book, key = db.book(session, place.id, now), (chart.pool(), chart.MINUTES)
    balance = book.balances([chart.pool()], session=session).get(key)
    since = day - timedelta(days=rules.POOL_DAYS)
    debits, _ = book.turnovers([chart.pool()], since, session=session).get(key, (0, 0))
    return (balance.posted if balance else 0), debits


def _net(session: Session, place: Community, now: datetime, path: str) -> int:
    """Give the minutes that came to an account, net of what went back."""
    debits, credits_ = (
        db.book(session, place.id, now).turnovers([path], session=session).get((path, chart.MINUTES), (0, 0))
    )
    return credits_ - debits


def _donated(session: Session, place: Community) -> tuple[int, int]:
    """Give the minutes that members ever gave to the pool, and how many gave them."""
    found = select(func.sum(Donation.amount), func.count(func.distinct(Donation.person_id))).where(
        Donation.community_id == place.id, Donation.unit == chart.MINUTES
    )
    amount, people = session.execute(found).one()
    return int(amount or 0), int(people)


def _helped(session: Session, place: Community) -> int:
    """Count who ever had help at home that was paid for, whoever paid."""
    found = select(func.count(func.distinct(HelpRequest.person_id))).where(
        HelpRequest.community_id == place.id,
        HelpRequest.capture_txn_id.is_not(None),
        HelpRequest.returned_txn_id.is_(None),
    )
    return session.scalar(found) or 0


def _shoppers(session: Session, place: Community) -> int:
    """Count who ever fetched something for minutes."""
    found = select(func.count(func.distinct(Order.person_id))).where(
        Order.community_id == place.id, Order.unit == chart.MINUTES, Order.state == "handed_over"
    )
    return session.scalar(found) or 0


def _gifts(session: Session, place: Community) -> tuple[int, int]:
    """Give the minutes that ever reached relatives, and how many gave them."""
    found = select(func.sum(Gift.amount), func.count(func.distinct(Gift.giver_id))).where(
        Gift.community_id == place.id, Gift.state == "given"
    )
    amount, people = session.execute(found).one()
    return int(amount or 0), int(people)


def _expiring(session: Session, place: Community, day: date) -> tuple[int, int]:
    """Give the points whose last day comes within sixty days, and how many people's they are."""
    left = LotRow.credited - LotRow.consumed - LotRow.expired
    row = session.execute(
        select(func.coalesce(func.sum(left), 0), func.count(func.distinct(LotRow.account_id)))
        .join(AccountRow, (AccountRow.ledger_id == LotRow.ledger_id) & (AccountRow.id == LotRow.account_id))
        .where(
            LotRow.ledger_id == place.id,
            LotRow.credited > LotRow.consumed + LotRow.expired,
            LotRow.expires_on >= day,
            LotRow.expires_on <= day + timedelta(days=rules.EXPIRING_DAYS),
            AccountRow.unit == chart.POINTS,
            AccountRow.path.startswith("member:"),
        )
    ).one()
    return int(row[0]), int(row[1])
