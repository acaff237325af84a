"""Ours: the public API with every guarantee on; callers in one process, as the threads of a web server are."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from bench.field import ACCOUNTS, BATCH, HOT, UNIT, member
from ledger import Ledger, Transfer, Txn
from ledger.engine import make_engine

LEDGER_ID = 2
TODAY = datetime.now(UTC).date()  # the ordinary path: a posting of an earlier day asks whether it is closed


def prepare(url: str) -> Callable[[str, int], Callable[[], int]]:
    """Return what makes one client's work on one book that all clients share."""
    options = {} if url.startswith("sqlite") else {"pool_size": 40}
    book = Ledger(make_engine(url, **options), LEDGER_ID)

    def txn(is_hot: bool) -> Txn:
        debit, credit = random.sample(range(ACCOUNTS), 2)
        transfer = Transfer(HOT if is_hot else member(debit), member(credit), UNIT, 5)
        return Txn("credit", [transfer], TODAY, "p:bench")

    def make(kind: str, _number: int) -> Callable[[], int]:
        def many() -> int:
            answers = book.post_many([(str(uuid.uuid4()), txn(False)) for _ in range(BATCH)])
            assert len(answers) == BATCH
            return BATCH

        def one() -> int:
            book.post(txn(kind == "hot"), key=str(uuid.uuid4()))
            return 1

        return many if kind == "batch" else one

    make.fold = book.project  # type: ignore[attr-defined]
    return make
