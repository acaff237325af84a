"""The whole house checked against its facts: the book's own verification, and the slices' promises about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from bank import chart
from bank.activities.models import Activity, SignUp
from bank.communities.models import Community
from bank.credits.models import Credit, ServiceTotal
from bank.log import operations as log
from bank.log.keys import Ring
from bank.shop.models import Item, StockMovement
from ledger.notes import read_checkpoint


@dataclass
class HouseReport:
    """What was looked at, and each finding in words."""

    checked: dict[str, Any] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)

    @property
    def is_ok(self) -> bool:
        """True where nothing was found."""
        return not self.findings

    def as_dict(self) -> dict[str, Any]:
        """Give the report for programs."""
        return {"ok": self.is_ok, "checked": self.checked, "findings": self.findings}

    def lines(self) -> list[str]:
        """Give the report for people."""
        seen = [f"{name}: {what}" for name, what in self.checked.items()]
        return [*seen, *(f"FINDING {finding}" for finding in self.findings), "ok" if self.is_ok else "NOT OK"]


def verify_all(
    session: Session,
    now: datetime,
    ring: Ring,
    *,
    published: Sequence[str] = (),
    progress: Callable[[str, int, int], None] | None = None,
) -> HouseReport:
    """Verify every community's book and log, and what the slices derive from them.

    `published` are checkpoints kept outside; `progress` is told (community, done, of how many). InvalidTxn.
    """
    report = HouseReport()
    kept: dict[str, list[str]] = {}
    for note in published:
        kept.setdefault(read_checkpoint(note).origin, []).append(note)
    for community in session.scalars(select(Community).where(Community.kind == "community").order_by(Community.code)):
        told = None if progress is None else partial(progress, community.code)
        own_notes = kept.pop(ring.signer(community.code).origin, [])
        books = log.book(session, community, ring, now).verify(published=own_notes, progress=told)
        report.checked[f"{community.code} {community.name}"] = f"{books.txns} transactions, {books.accounts} accounts"
        report.findings += [f"{community.code}: {finding}" for finding in books.findings]
    report.findings += [f"a published checkpoint is of a log that is not here: {origin}" for origin in kept]
    for name, check in (("service totals", _service_totals), ("places taken", _places_taken), ("stock", _stock)):
        found = check(session)
        report.checked[name] = "checked"
        report.findings += found
    return report


def _service_totals(session: Session) -> list[str]:
    """Lifetime minutes are the sum of what was posted and not reversed."""
    posted = (
        select(Credit.person_id, Credit.evidence_class, func.sum(Credit.approved_amount).label("minutes"))
        .where(Credit.state == "posted", Credit.unit == chart.MINUTES)
        .group_by(Credit.person_id, Credit.evidence_class)
    )
    right = {(row.person_id, row.evidence_class): int(row.minutes) for row in session.execute(posted)}
    kept = {
        (row.person_id, row.evidence_class): row.minutes
        for row in session.execute(select(ServiceTotal.person_id, ServiceTotal.evidence_class, ServiceTotal.minutes))
    }
    wrong = {key for key in right.keys() | kept.keys() if right.get(key, 0) != kept.get(key, 0)}
    return [
        f"service total of person {p} class {c}: {kept.get((p, c), 0)}, facts say {right.get((p, c), 0)}"
        for p, c in sorted(wrong)
    ]


def _places_taken(session: Session) -> list[str]:
    """An activity's taken places are its signed-up people."""
    signed_up = func.coalesce(func.sum(case((SignUp.state == "signed_up", 1), else_=0)), 0)
    rows = session.execute(
        select(Activity.public_id, Activity.taken, signed_up.label("people"))
        .outerjoin(SignUp, SignUp.activity_id == Activity.id)
        .group_by(Activity.id, Activity.public_id, Activity.taken)
        .having(Activity.taken != signed_up)
    )
    return [f"activity {row.public_id}: {row.taken} places taken, {row.people} people signed up" for row in rows]


def _stock(session: Session) -> list[str]:
    """What stands on a shelf is the sum of its movements."""
    moved = func.coalesce(func.sum(StockMovement.quantity), 0)
    rows = session.execute(
        select(Item.public_id, Item.stock, moved.label("moved"))
        .outerjoin(StockMovement, StockMovement.item_id == Item.id)
        .where(Item.stock.is_not(None))
        .group_by(Item.id, Item.public_id, Item.stock)
        .having(Item.stock != moved)
    )
    return [f"item {row.public_id}: {row.stock} on the shelf, movements say {int(row.moved)}" for row in rows]
