"""A big book to measure with: any number of entries through the book's own verbs, in a shape like a real one's."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from ledger import Ledger, Receipt, Transfer, Txn
from ledger.engine import begin_write

UNIT = "MIN"
SOURCE, BUSY = "issuance:rules-1", "member:busy"
BUSY_SHARE = 4
"""Every fourth transfer is with the one busy member, who so has an eighth of all entries."""
TRANSFERS_AT_ONCE = 5_000


def fill(
    engine: Engine,
    book: Ledger,
    *,
    entries: int,
    members: int = 10_000,
    transfers: int = 10,
    days: int = 365,
    seed: int = 1,
    step: Callable[[int], None] = lambda _entries: None,
) -> None:
    """Post until `entries` more entries are in the book, `transfers` of them to a transaction, over as many days.

    Transactions go in batches of some thousand transfers; `step` is told how many entries each batch was. The issuance
    side is lazy and is folded at the end of every batch.
    """
    draw, first_day = random.Random(seed), today() - timedelta(days=days)
    people = [BUSY, *(f"member:{number}" for number in range(members))]
    _open(engine, book, people)
    size = max(1, min(1_000, TRANSFERS_AT_ONCE // transfers))
    total = max(1, entries // (2 * transfers))
    for first in range(0, total, size):
        numbers = range(first, min(first + size, total))
        batch = [
            (f"big:{seed}:{n}", _txn(draw, people, transfers, first_day + timedelta(days=n * days // total)))
            for n in numbers
        ]
        refused = [answer for answer in book.post_many(batch) if not isinstance(answer, Receipt)]
        if refused:
            raise RuntimeError(f"the book refused {refused[0]}")
        book.project()
        step(2 * transfers * len(batch))


def _open(engine: Engine, book: Ledger, people: Sequence[str]) -> None:
    with Session(engine) as session:
        begin_write(session)
        book.open_account(SOURCE, UNIT, kind="issuance", mode="lazy", min_balance=None, session=session)
        for path in people:
            book.open_account(path, UNIT, kind="member", min_balance=None, session=session)
        session.commit()


def today() -> date:
    """Return the day on which the filled days end: what is filled lies in the past, as in a real book."""
    return datetime.now(UTC).date()


def _txn(draw: random.Random, people: list[str], transfers: int, day: date) -> Txn:
    moves = [_move(draw, people, number) for number in range(transfers)]
    return Txn("credit", moves, day, "p:demo")


def _move(draw: random.Random, people: list[str], number: int) -> Transfer:
    who = people[0] if number % BUSY_SHARE == 0 else draw.choice(people[1:])
    other = draw.choice(people[1:])
    source = SOURCE if number % 2 == 0 or other == who else other
    return Transfer(source, who, UNIT, draw.randint(1, 240))
