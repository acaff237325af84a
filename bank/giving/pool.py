"""The community's pool: donations to it, and its statement in public."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from bank import chart, clock, db
from bank.communities.models import Community
from bank.credits import cases
from bank.errors import Invalid, NotFound, say
from bank.giving import near, rules
from bank.giving.models import Donation, GrantPayment
from bank.giving.refusals import NotSoMuch, OwnStopped, Settled
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person
from bank.qr import new_public_id
from ledger import Transfer, Txn
from ledger.errors import AccountFrozen, InsufficientFunds

DESK = "/desk/giving"
MEMO = say("捐给公益池")
_UNSEEN = (Donation.thanks == "words") & Donation.words_by.is_(None)
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
    now: datetime,
    thanks: str | None = None,
    words: str | None = None,
    agent: Actor | None = None,
) -> Donation:
    """Give minutes or points to the pool for good.

    `thanks` is the form in which to thank in public, None for none; a group may give `words` of its own, which are
    shown once a coordinator has looked at them. `agent` saw the donor's card and PIN.
    Raises NotSoMuch, OwnStopped, GrantFirst, Invalid, TooNear for an agent.
    """
    near.check_agent(session, agent, [person.id])
    thanked_as = _thanked_as(person, thanks, words)
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
    except AccountFrozen as frozen:
        raise OwnStopped from frozen
    donation = Donation(
        public_id=name,
        community_id=person.community_id,
        person_id=person.id,
        agent_id=agent.person_id if agent else None,
        unit=unit,
        amount=amount,
        thanks=thanks,
        thanked_as=thanked_as,
        created_at=now,
        txn_id=receipt.txn_id,
    )
    session.add(donation)
    session.flush()
    if thanks == "words":
        told = cases.holders(session, person.community_id, "coordinator")
        members.tell(session, sorted(told), say("有一个集体的感谢称呼等着确认。"), link=DESK, now=now)
    if agent is not None:
        _tell_by_agent(session, donation, agent, now)
    return donation


def _thanked_as(person: Person, thanks: str | None, words: str | None) -> str | None:
    if thanks is None:
        return None
    if thanks not in (rules.OF_A_GROUP if person.is_group else rules.OF_A_PERSON):
        raise Invalid
    if thanks == "words":
        if not words:
            raise Invalid({"words": [say("请写上想怎么称呼。")]})
        return words
    return person.name if thanks == "full" else rules.family_name(person.name)


def _tell_by_agent(session: Session, donation: Donation, agent: Actor, now: datetime) -> None:
    facts: dict[str, Any] = {"agent": agent.name}
    if donation.unit == chart.MINUTES:
        facts["sum_minutes"] = donation.amount
        said = say("%(agent)s 凭您的卡和 PIN 替您向公益池捐了 %(sum_minutes)s。不是您本人，请马上告诉社区。")
    else:
        facts["n"] = donation.amount
        said = say("%(agent)s 凭您的卡和 PIN 替您向公益池捐了 %(n)s 积分。不是您本人，请马上告诉社区。")
    members.tell(session, [donation.person_id], said, facts=facts, link="/passbook", now=now, agent=agent)


def words_to_confirm(session: Session, actor: Actor, *, limit: int = 50) -> Sequence[tuple[Donation, Person]]:
    """Give groups' own words of thanks that nobody looked at, oldest first; nothing for who may not decide."""
    if not actor.may("coordinator"):
        return []
    chosen = select(Donation, Person).join(Person, Person.id == Donation.person_id)
    here = chosen.where(Donation.community_id == actor.community_id, _UNSEEN).order_by(Donation.id)
    return [(one, person) for one, person in session.execute(here.limit(limit))]


def confirm_words(session: Session, actor: Actor, public_id: str, *, is_right: bool, now: datetime) -> None:
    """Let a group's own words of thanks be shown, or thank without a name, which the donor is told.

    Raises NotAllowed, NotFound, TooNear, Settled.
    """
    actor.require("coordinator")
    mine = (Donation.public_id == public_id, Donation.community_id == actor.community_id)
    donor_id = session.scalar(select(Donation.person_id).where(*mine))
    if donor_id is None:
        raise NotFound
    near.check_uninvolved(session, actor, [donor_id])
    values: dict[str, Any] = {"words_by": actor.person_id} if is_right else {"thanks": None, "thanked_as": None}
    if not _change(session, [*mine, _UNSEEN], values):
        raise Settled
    if not is_right:
        said = say("社区觉得您写的感谢称呼不合适，这次捐赠就不公开称呼了，捐赠照样有效。")
        members.tell(session, [donor_id], said, link="/donate", now=now)


def hide_thanks(session: Session, person: Person, public_id: str, *, now: datetime, agent: Actor | None = None) -> None:
    """Let a donor's thanks be public no more. `agent` saw the card and PIN. Raises NotFound, TooNear for an agent."""
    near.check_agent(session, agent, [person.id])
    mine = [Donation.public_id == public_id, Donation.person_id == person.id]
    if not _change(session, mine, {"thanks": None, "thanked_as": None, "words_by": None}):
        raise NotFound
    if agent is not None:
        said = say("%(agent)s 凭您的卡和 PIN 替您取消了捐赠的公开感谢。不是您本人，请马上告诉社区。")
        facts = {"agent": agent.name}
        members.tell(session, [person.id], said, facts=facts, link="/donate", now=now, agent=agent)


def _change(session: Session, which: list[ColumnElement[bool]], values: dict[str, Any]) -> bool:
    changed = update(Donation).where(*which).values(values).returning(Donation.id)
    return session.execute(changed.execution_options(synchronize_session=False)).first() is not None


def of_person(session: Session, person_id: int, *, limit: int = 20) -> Sequence[Donation]:
    """Give a member's newest donations."""
    chosen = select(Donation).where(Donation.person_id == person_id)
    return session.scalars(chosen.order_by(Donation.id.desc()).limit(limit)).all()


def thanked(session: Session, community_id: int, *, limit: int = 50) -> Sequence[Donation]:
    """Give the newest donations whose donors wished to be thanked in public, in words that may be shown."""
    chosen = select(Donation).where(Donation.community_id == community_id, Donation.thanks.is_not(None), ~_UNSEEN)
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
