"""The community's pool: donations to it, and its statement in public."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bank import chart, clock, db
from bank.communities.models import Community
from bank.errors import say
from bank.giving import near, rules
from bank.giving.models import Donation, GrantPayment
from bank.giving.refusals import NotSoMuch
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person
from bank.qr import new_public_id
from ledger import Transfer, Txn
from ledger.errors import InsufficientFunds

MEMO = say("捐给公益池")
MONTHS = 6


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the pool in one unit: what came, what went, what it had at the end."""

    first: date
    unit: str
    came: int
    went: int
    balance: int


def donate(
    session: Session,
    person: Person,
    *,
    unit: str,
    amount: int,
    thanked_as: str | None,
    now: datetime,
    agent: Actor | None = None,
) -> Donation:
    """Give minutes or points to the pool for good; `thanked_as` is the name to thank in public, None for none.

    `agent` saw the donor's card and PIN. Raises NotSoMuch, GrantFirst.
    """
    if unit == chart.MINUTES:
        near.check_no_grant_left(session, person, now)
    name, place = new_public_id(), session.get_one(Community, person.community_id)
    book = db.book(session, person.community_id, now)
    book.open_account(chart.pool(), unit, kind="pool", is_shared=True, session=session)
    move = Transfer(debit=chart.member(person.public_id), credit=chart.pool(), unit=unit, amount=amount)
    by = agent.public_id if agent else person.public_id
    txn = Txn("donation", [move], clock.local_day(now, place.time_zone), by, MEMO)
    try:
        receipt = book.post(txn, key=f"donation:{name}", session=session)
    except InsufficientFunds as lacking:
        raise NotSoMuch from lacking
    donation = Donation(
        public_id=name,
        community_id=person.community_id,
        person_id=person.id,
        agent_id=agent.person_id if agent else None,
        unit=unit,
        amount=amount,
        thanked_as=thanked_as,
        created_at=now,
        txn_id=receipt.txn_id,
    )
    session.add(donation)
    session.flush()
    if agent is not None:
        sentence = say("%(agent)s 凭您的卡和 PIN 替您向公益池捐赠。不是您本人，请马上告诉社区。")
        members.tell(session, [person.id], sentence, facts={"agent": agent.name}, link="/passbook", now=now)
    return donation


def thanked(session: Session, community_id: int, *, limit: int = 50) -> Sequence[Donation]:
    """Give the newest donations whose donors wished to be thanked in public."""
    chosen = select(Donation).where(Donation.community_id == community_id, Donation.thanked_as.is_not(None))
    return session.scalars(chosen.order_by(Donation.id.desc()).limit(limit)).all()


def balance(session: Session, community_id: int, now: datetime) -> dict[str, int]:
    """Give what the pool has to spend, by unit."""
    found = db.book(session, community_id, now).balances([chart.pool()], session=session)
    return {unit: found[chart.pool(), unit].available if (chart.pool(), unit) in found else 0 for unit in chart.UNITS}


def months(session: Session, community_id: int, now: datetime) -> list[Month]:
    """Give the last six months of the pool, newest first, straight from the book."""
    place = session.get_one(Community, community_id)
    book = db.book(session, community_id, now)
    left = balance(session, community_id, now)
    first = rules.month_of(clock.local_day(now, place.time_zone))
    lines: list[Month] = []
    later = dict.fromkeys(chart.UNITS, (0, 0))
    for _ in range(MONTHS):
        found = book.turnovers([chart.pool()], first, session=session)
        for unit in chart.UNITS:
            debits, credits_ = found.get((chart.pool(), unit), (0, 0))
            went, came = debits - later[unit][0], credits_ - later[unit][1]
            lines.append(Month(first, unit, came, went, left[unit]))
            left[unit] += went - came
            later[unit] = (debits, credits_)
        first = rules.month_of(rules.day_before(first))
    return lines


def granted_people(session: Session, community_id: int, month: date) -> int:
    """Count the residents whom the pool gave something in a month (its first day)."""
    paid = select(func.count()).select_from(GrantPayment)
    return session.scalar(paid.where(GrantPayment.community_id == community_id, GrantPayment.month == month)) or 0
