"""Between a credit and the book: postings in sets, service totals, reversals."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, aliased

from bank import chart, clock, db
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.communities.rules import Rules
from bank.credits import cases, steps
from bank.credits.models import Credit, ServiceTotal
from bank.credits.rules import BOOK_CODES, last_day, posting_key
from bank.credits.steps import Step
from bank.errors import say
from bank.members import operations as members
from bank.members.models import Person
from ledger import Ledger, Receipt, Rejection, Transfer, Txn

LONGEST_MEMO = 500
POOL, HONOUR = "pool", "honour"
"""Where a person lets go what their account has no room for."""


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
    surplus_to: str

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
    surplus: dict[int, int] = {}
    txns: dict[int, uuid.UUID] = {}
    for community_id in sorted({due.community_id for due in dues}):
        mine = [due for due in dues if due.community_id == community_id and due.is_for_the_book]
        book = db.book(session, community_id, now)
        over = _surpluses(session, book, mine)
        surplus |= over
        moving = [due for due in mine if over.get(due.id, 0) < due.amount or due.surplus_to == POOL]
        answers = _post_in_book(session, book, moving, over, now)
        for due, answer in zip(moving, answers, strict=True):
            if isinstance(answer, Receipt):
                txns[due.id] = answer.txn_id
            else:
                refused[due.id] = BOOK_CODES.get(answer.code, answer.code)
    done = [due for due in dues if due.id not in refused]
    _note_surpluses(session, [due for due in done if due.id in surplus], surplus, now)
    if txns:
        session.execute(update(Credit), [{"id": id_, "txn_id": txn_id} for id_, txn_id in sorted(txns.items())])
    count_service(session, [(due.person_id, due.evidence_class, due.amount) for due in done if _is_service(due)])
    steps.write(session, (Step(due.id, "posted", now, amount=due.amount, txn_id=txns.get(due.id)) for due in done))
    return refused


def _surpluses(session: Session, book: Ledger, dues: Sequence[Due]) -> dict[int, int]:
    """Give what the accounts have no room for, by credit; the people are locked, so that none is filled twice."""
    timed = [due for due in dues if due.unit == chart.MINUTES]
    if not timed:
        return {}
    cases.lock_people(session, (due.person_id for due in timed))
    caps = {
        pair: communities.rules_numbered(session, *pair).balance_cap_minutes
        for pair in {(due.community_id, due.rules_number) for due in timed}
    }
    held = book.balances(sorted({chart.member(due.public_id) for due in timed}), session=session)
    filled = {path: balance.posted for (path, unit), balance in held.items() if unit == chart.MINUTES}
    over = {}
    for due in timed:
        path = chart.member(due.public_id)
        room = max(0, caps[due.community_id, due.rules_number] - filled.get(path, 0))
        filled[path] = filled.get(path, 0) + min(due.amount, room)
        if due.amount > room:
            over[due.id] = due.amount - room
    return over


def _note_surpluses(session: Session, dues: Sequence[Due], surplus: Mapping[int, int], now: datetime) -> None:
    """Keep what went beside the account, and tell the person: nothing served ever vanishes."""
    if not dues:
        return
    session.execute(
        update(Credit), [{"id": due.id, "surplus": surplus[due.id], "surplus_to": due.surplus_to} for due in dues]
    )
    given = say("您的可兑时长已到上限，“%(title)s”多出的 %(minutes)s 分钟按您的选择捐给了公益池，谢谢您。")
    kept = say("您的可兑时长已到上限，“%(title)s”多出的 %(minutes)s 分钟记为荣誉：服务时长照算，只是不能兑换。")
    for to, sentence in ((POOL, given), (HONOUR, kept)):
        told = [
            (due.person_id, {"title": due.title, "minutes": surplus[due.id]}) for due in dues if due.surplus_to == to
        ]
        members.tell_each(session, told, sentence, now=now)


def _post_in_book(
    session: Session, book: Ledger, dues: Sequence[Due], over: Mapping[int, int], now: datetime
) -> Sequence[Receipt | Rejection]:
    if not dues:
        return []
    if any(due.id in over and due.surplus_to == POOL for due in dues):
        book.open_account(chart.pool(), chart.MINUTES, kind="pool", is_shared=True, session=session)
    for number, unit in sorted({(due.rules_number, due.unit) for due in dues}):
        _open_issuance(session, book, chart.issuance(number), unit)
    numbers = {(due.community_id, due.rules_number) for due in dues if due.unit == chart.POINTS}
    keep = {pair: communities.rules_numbered(session, *pair) for pair in numbers}
    batch = [
        (
            posting_key(due.source, due.posting_round),
            _txn(
                due,
                keep.get((due.community_id, due.rules_number)) if due.unit == chart.POINTS else None,
                over.get(due.id, 0),
                now,
            ),
        )
        for due in dues
    ]
    return book.post_many(batch, session=session)


def _open_issuance(session: Session, book: Ledger, path: str, unit: str) -> None:
    """Open an account that everybody is credited from and nobody waits for; one opened strict by 0.1 stays strict."""
    if book.account(path, unit, session=session) is None:
        book.open_account(path, unit, kind="issuance", mode="lazy", min_balance=None, session=session)


def _txn(due: Due, keep: Rules | None, surplus: int, now: datetime) -> Txn:
    """Write a credit for the book; `keep` says how long points are kept, None for minutes, which never end.

    `surplus` does not reach the account: it goes to the pool where the person chose that, and else nowhere.
    """
    effective = clock.local_day(now, due.time_zone)
    source = chart.issuance(due.rules_number)
    transfers = []
    if due.amount > surplus:
        until = None if keep is None else last_day(effective, keep.points_expire_months, is_elder=due.is_elder)
        own = chart.member(due.public_id)
        transfers.append(
            Transfer(debit=source, credit=own, unit=due.unit, amount=due.amount - surplus, expires_on=until)
        )
    if surplus and due.surplus_to == POOL:
        transfers.append(Transfer(debit=source, credit=chart.pool(), unit=due.unit, amount=surplus))
    memo = " ".join(due.title.split())[:LONGEST_MEMO] or None
    return Txn(kind="credit", transfers=transfers, effective=effective, actor=due.approver, memo=memo)


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
        Person.surplus_to,
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
    """Take a posted credit back by a linked transaction; None where none was posted. `uncount` follows.

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
    return reversal


def uncount(session: Session, served: Iterable[tuple[int, str, str, int | None]]) -> None:
    """Lower the lifetime totals by (person, evidence class, unit, amount) of credits that were reversed.

    The database refuses a total below what is posted, so the credits' states have changed before.
    """
    minutes = ((person, name, -amount) for person, name, unit, amount in served if unit == chart.MINUTES and amount)
    count_service(session, minutes)


def as_served(credit: Credit) -> tuple[int, str, str, int | None]:
    """Give what `uncount` needs of a credit, before its amount is forgotten."""
    return credit.person_id, credit.evidence_class, credit.unit, credit.approved_amount
