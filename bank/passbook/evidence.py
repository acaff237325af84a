"""What is behind one line: the scans, people, notice and rules of a credit, an order's shop and hands, or a visit."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bank import chart, db
from bank.credits import history
from bank.credits.history import Explanation
from bank.errors import NotFound
from bank.members.actor import Actor
from bank.services import listing as visits
from bank.services.models import HelpRequest
from bank.shop import listing
from bank.shop.listing import Placed
from ledger import Transaction
from ledger.errors import UnknownTxn


@dataclass(frozen=True, slots=True)
class Behind:
    """One transaction of the member's with whatever explains it; `amount` is signed, as the member sees it."""

    txn: Transaction
    unit: str
    amount: int
    credit: Explanation | None
    order: Placed | None
    visit: HelpRequest | None = None


def behind(session: Session, actor: Actor, txn_id: uuid.UUID, now: datetime) -> Behind:
    """Explain one transaction of the member's own; raises NotFound for everybody else's."""
    try:
        txn = db.book(session, actor.community_id, now).transaction(txn_id, session=session)
    except UnknownTxn as unknown:
        raise NotFound from unknown
    unit, amount = _own_part(txn, chart.member(actor.public_id))
    order = listing.orders_behind(session, [txn_id]).get(txn_id)
    visit = visits.behind(session, txn_id) if order is None else None
    credit = history.of_txn(session, txn_id) if order is None and visit is None else None
    return Behind(txn, unit, amount, history.explain(session, credit) if credit else None, order, visit)


def _own_part(txn: Transaction, account: str) -> tuple[str, int]:
    """Sum what the transaction moved on the member's account, or on what is held of it. Raises NotFound."""
    amount = 0
    unit = None
    for transfer in txn.transfers:
        for path, sign in ((transfer.debit, -1), (transfer.credit, 1)):
            if path == account:
                unit, amount = transfer.unit, amount + sign * transfer.amount
    if unit is None:
        held = [transfer for transfer in txn.transfers if transfer.debit == f"{account}:held"]
        if not held:
            raise NotFound
        return held[0].unit, -sum(transfer.amount for transfer in held)
    return unit, amount
