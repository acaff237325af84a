"""Reading a passbook: what is there, and its lines in both units, newest first."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bank import chart, clock, db
from bank.credits.models import Credit, ServiceTotal
from bank.members.actor import Actor
from bank.shop import listing
from bank.shop.listing import Placed
from bank.web.paging import Listing, decode_ints, encode
from ledger import Balance, Entry, Lot

UNDERWAY = ("submitted", "second_review", "in_notice", "objected")
NOTHING = Balance(posted=0, held=0, available=0, seq=0)


@dataclass(frozen=True, slots=True)
class Service:
    """Minutes of service so far, by how well they are proved."""

    verified: int = 0
    witnessed: int = 0
    honour: int = 0

    @property
    def total(self) -> int:
        """All of them, in minutes."""
        return self.verified + self.witnessed + self.honour


@dataclass(frozen=True, slots=True)
class Underway:
    """How much waits in one state before it is in the book."""

    state: str
    unit: str
    amount: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line with what belongs to it; `twin` is the other half of a pair that cancels out."""

    entry: Entry
    order: Placed | None
    twin: str | None


def balances(session: Session, actor: Actor, now: datetime) -> dict[str, Balance]:
    """Give what the member has, by unit."""
    account = chart.member(actor.public_id)
    found = db.book(session, actor.community_id, now).balances([account], session=session)
    return {unit: found.get((account, unit), NOTHING) for unit in chart.UNITS}


def endings(session: Session, actor: Actor, now: datetime) -> list[Lot]:
    """Give the points that end on a day, the first to end first; none where the member has no points."""
    book = db.book(session, actor.community_id, now)
    found = book.lots(chart.member(actor.public_id), chart.POINTS, session=session)
    today = clock.local_day(now, db.BOOK_ZONE.key)
    return [lot for lot in found if lot.expires_on is not None and lot.expires_on >= today]


def service(session: Session, actor: Actor) -> Service:
    """Give the member's minutes of service so far."""
    rows = session.execute(
        select(ServiceTotal.evidence_class, ServiceTotal.minutes).where(ServiceTotal.person_id == actor.person_id)
    )
    by_class = {evidence_class: minutes for evidence_class, minutes in rows}  # noqa: C416 -- rows are typed this way
    return Service(by_class.get("A", 0), by_class.get("B", 0), by_class.get("C", 0))


def on_the_way(session: Session, actor: Actor) -> tuple[Sequence[Underway], bool]:
    """Give what was proposed for the member and is not in the book yet, summed by state and unit; and whether
    anything of theirs was refused."""
    amount = func.sum(func.coalesce(Credit.approved_amount, Credit.amount))
    rows = session.execute(
        select(Credit.state, Credit.unit, amount)
        .where(Credit.person_id == actor.person_id, Credit.state.in_((*UNDERWAY, "refused")))
        .group_by(Credit.state, Credit.unit)
    ).all()
    found = [Underway(state, unit, int(total)) for state, unit, total in rows if total and state != "refused"]
    is_refused = any(state == "refused" for state, _, _ in rows)
    return sorted(found, key=lambda one: (UNDERWAY.index(one.state), one.unit)), is_refused


def refusals(session: Session, actor: Actor, *, before: int | None = None, limit: int = 20) -> list[Credit]:
    """Give the member's refused items, newest first; `before` is the row id at which the page before ended."""
    chosen = select(Credit).where(Credit.person_id == actor.person_id, Credit.state == "refused")
    if before is not None:
        chosen = chosen.where(Credit.id < before)
    return list(session.scalars(chosen.order_by(Credit.id.desc()).limit(limit)))


def entries(
    session: Session,
    actor: Actor,
    now: datetime,
    *,
    units: Sequence[str] = chart.UNITS,
    limit: int = 50,
    cursor: str | None = None,
) -> Listing[Entry]:
    """Give a page of the member's entries in these units, newest first.

    Each unit is an account with its own numbering; the cursor holds where each of them goes on (0: at its newest), so
    a page reads `limit` rows of each however long the passbook is.
    """
    starts = dict(zip(chart.UNITS, decode_ints(cursor, len(chart.UNITS)) or [0] * len(chart.UNITS), strict=True))
    book = db.book(session, actor.community_id, now)
    found: list[Entry] = []
    is_more = False
    for unit in units:
        before = str(max(0, starts[unit])) if starts[unit] else None
        page = book.statement(chart.member(actor.public_id), unit, limit=limit, cursor=before, session=session)
        found += page.items
        is_more = is_more or page.next is not None
    found.sort(key=lambda entry: (entry.recorded_at, entry.unit, entry.seq), reverse=True)
    shown = found[:limit]
    for entry in shown:
        starts[entry.unit] = entry.seq
    return Listing(shown, encode(*starts.values()) if is_more or len(found) > limit else None)


def lines(session: Session, actor: Actor, now: datetime, found: Listing[Entry]) -> list[Line]:
    """Put beside each entry the order behind it and its twin, in three statements for the whole page."""
    txn_ids = [entry.txn_id for entry in found.items]
    orders = listing.orders_behind(session, txn_ids)
    followers = db.book(session, actor.community_id, now).followers(txn_ids, session=session)
    return [Line(entry, orders.get(entry.txn_id), _twin(entry, followers)) for entry in found.items]


def _twin(entry: Entry, followers: dict[uuid.UUID, tuple[uuid.UUID, str]]) -> str | None:
    if entry.kind in ("reversal", "release"):
        first = entry.reverses_id or entry.resolves_id
        return str(first) if first else None
    later, kind = followers.get(entry.txn_id, (None, ""))
    return str(later) if kind in ("reversal", "release") else None
