"""What every verb on a request shares: finding and locking it, moving it on, its trail, its hours in the book."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bank import chart, clock, db
from bank.communities import operations as communities
from bank.communities.calendar import calendar_of
from bank.communities.models import Community
from bank.communities.rules import Rules
from bank.credits import cases
from bank.credits import operations as credits
from bank.errors import NotFound, say
from bank.members import operations as members
from bank.members.actor import STAFF, Actor
from bank.members.models import Person
from bank.services import rules, signs
from bank.services.models import HelpRequest, HelpStep
from bank.services.refusals import Moved, NotEnoughTime, PoolIsEmpty
from ledger import Ledger, Transfer, Txn
from ledger.errors import InsufficientFunds, UnknownAccount

BANK = "bank"
"""Who acts in the book where no person does."""
ACTS_FOR_A_SIDE = ("arrived", "left", "agreed", "called_back", "decided", "cancelled")
"""What somebody else may do in a side's stead, and what a volunteer is given rests on."""


@dataclass(frozen=True, slots=True)
class Place:
    """One helper's part of a visit. `prefix` begins its columns; `suffix` ends the source of its credit."""

    request: HelpRequest
    prefix: str
    suffix: str

    @property
    def person_id(self) -> int | None:
        """Whose part it is; None where nobody promised yet."""
        return self.request.second_id if self.prefix else self.request.volunteer_id

    @property
    def arrived_at(self) -> datetime | None:
        """When they came."""
        return self.request.second_arrived_at if self.prefix else self.request.arrived_at

    @property
    def arrived_via(self) -> str | None:
        """How that was proved."""
        return self.request.second_arrived_via if self.prefix else self.request.arrived_via

    @property
    def left_at(self) -> datetime | None:
        """When they went."""
        return self.request.second_left_at if self.prefix else self.request.left_at

    @property
    def left_via(self) -> str | None:
        """How that was proved."""
        return self.request.second_left_via if self.prefix else self.request.left_via

    @property
    def agreed(self) -> str:
        """The column of their word on the time."""
        return "second_agreed_at" if self.prefix else "volunteer_agreed_at"

    @property
    def paid_minutes(self) -> int | None:
        """What they were given for it; None where nothing was."""
        return self.request.second_paid_minutes if self.prefix else self.request.paid_minutes

    @property
    def scanned(self) -> int:
        """The whole minutes between coming and going; 0 where a moment is missing."""
        if self.arrived_at is None or self.left_at is None:
            return 0
        return rules.scanned_minutes(self.arrived_at, self.left_at)


def places(request: HelpRequest) -> tuple[Place, ...]:
    """Give the parts of a visit, one for each who helps."""
    first = Place(request, "", "")
    return (first,) if request.helpers == 1 else (first, Place(request, "second_", ":second"))


def has_come(request: HelpRequest) -> bool:
    """Tell whether somebody has come to a visit."""
    return any(place.arrived_at is not None for place in places(request))


def agreed_by_all(request: HelpRequest) -> bool:
    """Tell whether everybody who helped said that the time is right."""
    return all(getattr(request, place.agreed) is not None for place in places(request))


def is_far_apart(request: HelpRequest, in_force: Rules) -> bool:
    """Tell whether what was scanned is so far from what was agreed, or so short, that somebody has to look."""
    scanned = [place.scanned for place in places(request)]
    is_short = any(rules.counted(in_force, request.minutes, one) < 1 for one in scanned)
    return is_short or any(rules.differs(in_force, request.minutes, one) for one in scanned)


def locked(session: Session, community_id: int, public_id: str) -> HelpRequest:
    """Take a request for this transaction: everybody else waits for what becomes of it. Raises NotFound."""
    chosen = (
        select(HelpRequest)
        .where(HelpRequest.public_id == public_id, HelpRequest.community_id == community_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    request = session.scalar(chosen)
    if request is None:
        raise NotFound
    return request


def move(session: Session, request: HelpRequest, before: Collection[str], after: str, **values: Any) -> None:
    """Move a request from one of some states to the next in one conditional update. Raises Moved."""
    moved = session.execute(
        update(HelpRequest)
        .where(HelpRequest.id == request.id, HelpRequest.state.in_(before))
        .values(state=after, **values)
        .returning(HelpRequest.id)
        .execution_options(synchronize_session="fetch")
    )
    if moved.scalar_one_or_none() is None:
        raise Moved
    session.refresh(request)


def note(
    session: Session, request: HelpRequest, step: str, *, now: datetime, by: int | None = None, words: str | None = None
) -> None:
    """Add one line to a request's trail; `by` None is the bank itself."""
    session.add(HelpStep(request_id=request.id, step=step, at=now, by_person_id=by, note=words))
    session.flush()


def tell(
    session: Session, whom: Collection[int | None], sentence: str, request: HelpRequest, now: datetime, **facts: Any
) -> None:
    """Tell people something about a request, with a link to it."""
    told = sorted({one for one in whom if one is not None})
    facts = {"kind": rules.CATALOGUE[request.kind].title, **facts}
    members.tell(session, told, sentence, facts=facts, link=f"/help/{request.public_id}", now=now)


def tell_desk(session: Session, request: HelpRequest, sentence: str, now: datetime, *roles: str, **facts: Any) -> None:
    """Tell the community's staff, none of whom is a side of it."""
    sides_ = {*people(request)}
    staff: set[int] = set()
    for role in roles or ("coordinator",):
        staff |= cases.holders(session, request.community_id, role)
    facts = {"kind": rules.CATALOGUE[request.kind].title, **facts}
    link = f"/desk/help/{request.public_id}"
    members.tell(session, sorted(staff - sides_), sentence, facts=facts, link=link, now=now)


def until(session: Session, request: HelpRequest, state: str, now: datetime) -> datetime:
    """Give when the wait of a state ends that begins now."""
    in_force = communities.rules_now(session, request.community_id, now)
    planned = timedelta(minutes=request.minutes)
    late = timedelta(hours=in_force.help_scan_hours)
    if state in ("requested", "verified"):
        return request.starts_at
    if state == "offered":
        return min(now + timedelta(hours=in_force.help_invite_hours), request.starts_at)
    if state == "accepted":
        return request.starts_at + planned + late
    if state == "in_service":
        return (request.arrived_at or now) + planned + late
    days = in_force.help_confirm_days if state == "to_confirm" else in_force.help_decide_days
    return working_days(session, request.community_id, days, now)


def working_days(session: Session, community_id: int, days: int, now: datetime) -> datetime:
    """Give the end of the working day that lies so many working days ahead."""
    return calendar_of(session, session.get_one(Community, community_id), now).end_after(days)


def purse(session: Session, request: HelpRequest) -> str:
    """Name the account that pays."""
    if request.pays == "pool":
        return chart.pool()
    return chart.member(session.get_one(Person, request.person_id).public_id)


def available(session: Session, community_id: int, path: str, now: datetime) -> int:
    """Give the minutes an account can spend; none where it was never opened."""
    try:
        return _book(session, community_id, now).balance(path, chart.MINUTES, session=session).available
    except UnknownAccount:
        return 0


def hold(session: Session, request: HelpRequest, actor: str, now: datetime) -> uuid.UUID:
    """Hold the minutes of everybody who comes. Raises NotEnoughTime, PoolIsEmpty, and the book's AccountFrozen."""
    path = purse(session, request)
    amount = rules.held_minutes(request.minutes, request.helpers)
    missing = amount - available(session, request.community_id, path, now)
    refusal = PoolIsEmpty if request.pays == "pool" else NotEnoughTime
    if missing > 0:
        raise refusal(missing_minutes=missing)
    try:
        receipt = _book(session, request.community_id, now).hold(
            path,
            chart.MINUTES,
            amount,
            expires_at=None,
            key=f"help:{request.public_id}:hold:{request.holds + 1}",
            actor=actor,
            memo=rules.CATALOGUE[request.kind].title,
            effective=_today(session, request, now),
            session=session,
        )
    except InsufficientFunds as short:
        raise refusal(missing_minutes=amount) from short
    return receipt.txn_id


def release(session: Session, request: HelpRequest, actor: str, now: datetime) -> uuid.UUID:
    """Give back all that is held."""
    assert request.hold_txn_id is not None  # noqa: S101 -- only ever asked for what is held
    receipt = _book(session, request.community_id, now).release(
        request.hold_txn_id,
        key=f"help:{request.public_id}:release:{request.holds}",
        actor=actor,
        memo=rules.CATALOGUE[request.kind].title,
        effective=_today(session, request, now),
        session=session,
    )
    return receipt.txn_id


def capture(session: Session, request: HelpRequest, minutes: int, actor: str, now: datetime) -> uuid.UUID:
    """Pay so many minutes of what is held to what was given as help; the rest goes back at once."""
    assert request.hold_txn_id is not None  # noqa: S101 -- only ever asked for what is held
    book = _book(session, request.community_id, now)
    book.open_account(chart.help_given(), chart.MINUTES, kind="help", is_shared=True, session=session)
    receipt = book.capture(
        request.hold_txn_id,
        chart.help_given(),
        minutes,
        key=f"help:{request.public_id}:capture",
        actor=actor,
        memo=rules.CATALOGUE[request.kind].title,
        effective=_today(session, request, now),
        session=session,
    )
    return receipt.txn_id


def give_back(session: Session, request: HelpRequest, now: datetime) -> uuid.UUID:
    """Reverse what was paid, by a linked transaction."""
    assert request.capture_txn_id is not None  # noqa: S101 -- only ever asked for what was paid
    receipt = _book(session, request.community_id, now).reverse(
        request.capture_txn_id,
        key=f"help:{request.public_id}:return",
        actor=BANK,
        memo=rules.CATALOGUE[request.kind].title,
        effective=_today(session, request, now),
        session=session,
    )
    return receipt.txn_id


def give_back_part(session: Session, request: HelpRequest, minutes: int, number: int, now: datetime) -> uuid.UUID:
    """Give back so many minutes of what was paid; `help_refund` links the transaction to the visit."""
    book = _book(session, request.community_id, now)
    move_back = Transfer(debit=chart.help_given(), credit=purse(session, request), unit=chart.MINUTES, amount=minutes)
    back = Txn(
        kind="refund",
        transfers=[move_back],
        effective=_today(session, request, now),
        actor=BANK,
        memo=rules.CATALOGUE[request.kind].title,
    )
    receipt = book.post(back, key=f"help:{request.public_id}:refund:{number}", session=session)
    return receipt.txn_id


def end_unpaid(
    session: Session,
    request: HelpRequest,
    before: Collection[str],
    after: str,
    *,
    actor: Actor | None,
    now: datetime,
    reason: str | None = None,
    **values: Any,
) -> None:
    """End a request without paying: what is held goes back whole. Raises Moved."""
    if request.state not in before:
        raise Moved
    txn_id = release(session, request, _name(actor), now) if request.state in rules.HELD else request.release_txn_id
    by = actor.person_id if actor else None
    ended = {"due_at": None, "ended_at": now, "ended_by": by, "end_reason": reason, "release_txn_id": txn_id}
    was_held = request.state in rules.HELD
    move(session, request, before, after, **ended, **values)
    if was_held:
        note(session, request, "released", now=now, by=by)


def end_paid(
    session: Session,
    request: HelpRequest,
    before: Collection[str],
    after: str,
    minutes: int,
    *,
    second: int = 0,
    actor: Actor | None,
    now: datetime,
    reason: str | None = None,
    **values: Any,
) -> None:
    """End a request by paying so many minutes, and put the volunteer's credit on the desk. Raises Moved.

    Where two came, `second` is what the other one is given beside.
    """
    if request.state not in before:
        raise Moved
    by = actor.person_id if actor else None
    txn_id = capture(session, request, minutes + second, _name(actor), now)
    ended = {"due_at": None, "ended_at": now, "ended_by": by, "end_reason": reason}
    paid = {"capture_txn_id": txn_id, "paid_minutes": minutes, "second_paid_minutes": second or None}
    move(session, request, before, after, **paid, **ended, **values)
    first, other = places(request)[0], places(request)[-1]
    request.credit_id = _propose(session, request, first, minutes, now)
    if second:
        request.second_credit_id = _propose(session, request, other, second, now)
    note(session, request, "paid", now=now, by=by)


def _propose(session: Session, request: HelpRequest, place: Place, minutes: int, now: datetime) -> int:
    """Propose what the volunteer gave, on the road of every hour; who acted for the resident had a hand in it."""
    community = session.get_one(Community, request.community_id)
    credit = credits.propose(
        session,
        community_id=request.community_id,
        source=f"visit:{request.public_id}{place.suffix}",
        person_id=_person(place),
        proposed_by=_hand_of(session, request) or _person(place),
        title=rules.CATALOGUE[request.kind].title,
        happened_on=clock.local_day(place.arrived_at or min(request.starts_at, now), community.time_zone),
        unit=chart.MINUTES,
        amount=minutes,
        # Nobody was there for what is given for a way in vain or a day kept free: it counts on people's word.
        evidence_class="A" if place.left_at is not None else "B",
        evidence=_evidence(request, place, minutes),
        flags=flags(session, request, place),
        rules_number=communities.rules_at(session, community, now).number,
        leader_id=request.person_id,
        began_at=request.created_at,
        now=now,
    )
    return credit.id


def flags(session: Session, request: HelpRequest, place: Place) -> list[signs.Flag]:
    """Give what is worth a second look at one helper's part, which somebody promised."""
    vias = place.arrived_via, place.left_via
    return signs.of_visit(session, request, _person(place), place.arrived_at, place.left_at, vias)


def _hand_of(session: Session, request: HelpRequest) -> int | None:
    """Give who, being neither side, last did one of `ACTS_FOR_A_SIDE`; None where nobody did."""
    acts = select(HelpStep.by_person_id).where(HelpStep.request_id == request.id, HelpStep.step.in_(ACTS_FOR_A_SIDE))
    others = acts.where(HelpStep.by_person_id.not_in([one for one in people(request) if one is not None]))
    return session.scalar(others.order_by(HelpStep.id.desc()).limit(1))


def _evidence(request: HelpRequest, place: Place, minutes: int) -> dict[str, Any]:
    told: dict[str, Any] = {"place": say("居民家里"), "planned_minutes": request.minutes}
    if place.arrived_at is not None:
        told |= {"checked_in_at": place.arrived_at.isoformat(), "via_in": _via(place.arrived_via)}
    if place.left_at is not None and place.arrived_at is not None:
        told |= {"checked_out_at": place.left_at.isoformat(), "via_out": _via(place.left_via)}
        told["scanned_minutes"] = rules.scanned_minutes(place.arrived_at, place.left_at)
    else:
        told["missed_minutes"] = minutes
    return told


def _via(way: str | None) -> str:
    return {"card": "door_card", "number": "card_number", "digits": "spoken", "phone": "resident"}.get(
        way or "", str(way)
    )


def _person(place: Place) -> int:
    assert place.person_id is not None  # noqa: S101 -- the database refuses a visit without
    return place.person_id


def is_home_of(session: Session, actor: Actor, person_ids: Collection[int | None]) -> bool:
    """Tell whether the actor is one of these people or lives with one of them."""
    ids = {one for one in person_ids if one is not None}
    if actor.person_id in ids:
        return True
    if actor.household_id is None or not ids:
        return False
    same = select(Person.id).where(Person.id.in_(ids), Person.household_id == actor.household_id)
    return session.scalar(same.limit(1)) is not None


def sides(request: HelpRequest) -> tuple[int | None, ...]:
    """Give whose visit it is and who had a hand in it on the resident's side."""
    callback = request.resident_agreed_by if request.resident_agreed_via == "callback" else None
    return *people(request), request.asked_by, callback


def people(request: HelpRequest) -> tuple[int | None, ...]:
    """Give the resident and who helps them; None where nobody promised yet."""
    return request.person_id, *volunteers(request)


def volunteers(request: HelpRequest) -> tuple[int | None, ...]:
    """Give who helps: one, or two where the kind takes two."""
    return tuple(place.person_id for place in places(request))


def require_staff(actor: Actor) -> None:
    """Go on only for a coordinator or second approver. Raises NotAllowed."""
    actor.require(*STAFF)


def _name(actor: Actor | None) -> str:
    return actor.public_id if actor else BANK


def _book(session: Session, community_id: int, now: datetime) -> Ledger:
    return db.book(session, community_id, now)


def _today(session: Session, request: HelpRequest, now: datetime) -> Any:
    return clock.local_day(now, session.get_one(Community, request.community_id).time_zone)
