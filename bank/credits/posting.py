"""Between a credit and the book: postings in sets, service totals, reversals."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, aliased

from bank import chart, clock, db
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.communities.rules import Rules
from bank.credits import steps
from bank.credits.models import Credit, ServiceTotal
from bank.credits.rules import BOOK_CODES, last_day, posting_key
from bank.credits.steps import Step
from bank.members.models import Person
from ledger import Ledger, Receipt, Rejection, Transfer, Txn

LONGEST_MEMO = 500


@dataclass(frozen=True, slots=True)
class Due:
    """A decided credit as the book needs it."""

    id: int
    source: str
    posting_round: int
    title: str
    community_id: int
    time_zone: str
    person_id: int
    public_id: str
    approver: str
    unit: str
    amount: int
    evidence_class: str
    rules_number: int
    is_elder: bool

    @property
    def is_for_the_book(self) -> bool:
        """Tell whether anything moves; honour hours and nothing at all are only counted."""
        return self.amount > 0 and (self.unit != chart.MINUTES or self.evidence_class != "C")


def post(session: Session, credit_ids: Collection[int], *, now: datetime) -> dict[int, str]:
    """Post credits that this transaction has just put into state `posted`; give the code of each the book refused.

    What was refused is left for the caller to put back, with the next `posting_round`.
    """
    dues = _dues(session, credit_ids)
    refused: dict[int, str] = {}
    txns: dict[int, uuid.UUID] = {}
    for community_id in sorted({due.community_id for due in dues}):
        mine = [due for due in dues if due.community_id == community_id and due.is_for_the_book]
        answers = _post_in_book(session, db.book(session, community_id, now), mine, now)
        for due, answer in zip(mine, answers, strict=True):
            if isinstance(answer, Receipt):
                txns[due.id] = answer.txn_id
            else:
                refused[due.id] = BOOK_CODES.get(answer.code, answer.code)
    done = [due for due in dues if due.id not in refused]
    if txns:
        session.execute(update(Credit), [{"id": id_, "txn_id": txn_id} for id_, txn_id in sorted(txns.items())])
    count_service(session, [(due.person_id, due.evidence_class, due.amount) for due in done if _is_service(due)])
    steps.write(session, (Step(due.id, "posted", now, amount=due.amount, txn_id=txns.get(due.id)) for due in done))
    return refused


def _post_in_book(session: Session, book: Ledger, dues: Sequence[Due], now: datetime) -> Sequence[Receipt | Rejection]:
    if not dues:
        return []
    for number, unit in sorted({(due.rules_number, due.unit) for due in dues}):
        _open_issuance(session, book, chart.issuance(number), unit)
    numbers = {(due.community_id, due.rules_number) for due in dues if due.unit == chart.POINTS}
    keep = {pair: communities.rules_numbered(session, *pair) for pair in numbers}
    batch = [
        (
            posting_key(due.source, due.posting_round),
            _txn(due, keep.get((due.community_id, due.rules_number)) if due.unit == chart.POINTS else None, now),
        )
        for due in dues
    ]
    return book.post_many(batch, session=session)


def _open_issuance(session: Session, book: Ledger, path: str, unit: str) -> None:
    """Open an account that everybody is credited from and nobody waits for; one opened strict by 0.1 stays strict."""
    if book.account(path, unit, session=session) is None:
        book.open_account(path, unit, kind="issuance", mode="lazy", min_balance=None, session=session)


def _txn(due: Due, keep: Rules | None, now: datetime) -> Txn:
    """Write a credit for the book; `keep` says how long points are kept, None for minutes, which never end."""
    effective = clock.local_day(now, due.time_zone)
    transfer = Transfer(
        debit=chart.issuance(due.rules_number),
        credit=chart.member(due.public_id),
        unit=due.unit,
        amount=due.amount,
        expires_on=None if keep is None else last_day(effective, keep.points_expire_months, is_elder=due.is_elder),
    )
    memo = " ".join(due.title.split())[:LONGEST_MEMO] or None
    return Txn(kind="credit", transfers=[transfer], effective=effective, actor=due.approver, memo=memo)


def _dues(session: Session, credit_ids: Collection[int]) -> list[Due]:
    approver = aliased(Person)
    chosen: Any = select(
        Credit.id,
        Credit.source,
        Credit.posting_round,
        Credit.title,
        Credit.community_id,
        Community.time_zone,
        Credit.person_id,
        Person.public_id,
        approver.public_id,
        Credit.unit,
        Credit.approved_amount,
        Credit.evidence_class,
        Credit.rules_number,
        Person.is_elder,
    )
    rows = session.execute(
        chosen.join(Person, Person.id == Credit.person_id)
        .join(Community, Community.id == Credit.community_id)
        .join(approver, approver.id == func.coalesce(Credit.second_by, Credit.first_by))
        .where(Credit.id.in_(credit_ids))
        .order_by(Credit.id)
    )
    return [Due(*row) for row in rows]


def _is_service(due: Due) -> bool:
    return due.unit == chart.MINUTES and due.amount > 0


def count_service(session: Session, served: Iterable[tuple[int, str, int]]) -> None:
    """Add (person, evidence class, minutes) to the lifetime totals; negative minutes after a reversal."""
    sums: dict[tuple[int, str], int] = {}
    for person_id, evidence_class, minutes in served:
        sums[person_id, evidence_class] = sums.get((person_id, evidence_class), 0) + minutes
    rows = [
        {"person_id": person_id, "evidence_class": evidence_class, "minutes": minutes}
        for (person_id, evidence_class), minutes in sorted(sums.items())
        if minutes
    ]
    if not rows:
        return
    if min(sums.values()) >= 0:
        added = db.insert(session, ServiceTotal).values(rows)
        session.execute(
            added.on_conflict_do_update(
                index_elements=["person_id", "evidence_class"],
                set_={"minutes": ServiceTotal.minutes + added.excluded.minutes},
            )
        )
        return
    for (person_id, evidence_class), minutes in sorted(sums.items()):
        session.execute(
            update(ServiceTotal)
            .where(ServiceTotal.person_id == person_id, ServiceTotal.evidence_class == evidence_class)
            .values(minutes=ServiceTotal.minutes + minutes)
        )


def reverse(
    session: Session, credit: Credit, *, actor: str, now: datetime, may_owe: bool, memo: str | None = None
) -> uuid.UUID | None:
    """Take a posted credit back by a linked transaction and lower the service total; None where none was posted.

    With `may_owe` what is spent already becomes a debt; without it InsufficientFunds is raised.
    """
    reversal = None
    if credit.txn_id is not None:
        receipt = db.book(session, credit.community_id, now).reverse(
            credit.txn_id,
            key=f"{posting_key(credit.source, credit.posting_round)}:{'reversal' if may_owe else 'undo'}",
            actor=actor,
            memo=memo,
            shortfall="debt" if may_owe else "reject",
            session=session,
        )
        reversal = receipt.txn_id
    if credit.unit == chart.MINUTES and credit.approved_amount:
        count_service(session, [(credit.person_id, credit.evidence_class, -credit.approved_amount)])
    return reversal
