"""Short words for the tests of the log."""

from __future__ import annotations

from sqlalchemy import Engine

from ledger import Ledger
from ledger.notes import Signer
from ledger.running import read
from tests.ledger.builders import ANNA, ISSUANCE, txn

SIGNER = Signer("bank.example/log/1", bytes(range(32)))


def post_some(book: Ledger, number: int, *, start: int = 0) -> None:
    """Post that many small credits, numbered from `start`."""
    for first in range(start, start + number, 1000):
        numbers = range(first, min(first + 1000, start + number))
        book.post_many([(f"some:{n}", txn(ISSUANCE, ANNA, 1)) for n in numbers])


def seal_all(book: Ledger, most: int = 1000) -> int:
    """Seal until nothing waits, and return how many leaves there were."""
    sealed = 0
    while found := book.seal(most):
        sealed += found
    return sealed


def leaves(engine: Engine, ledger_id: int) -> list[tuple[int, bytes, bytes]]:
    """Return (index, subject, hash) of every leaf in order."""
    sql = "SELECT idx, subject_id, leaf_hash FROM log_leaf WHERE ledger_id = ? ORDER BY idx"
    found = read(engine, lambda wire: wire.rows(sql, (ledger_id,)), None)
    return [(row[0], getattr(row[1], "bytes", row[1]), bytes(row[2])) for row in found]


def count(engine: Engine, ledger_id: int, table: str) -> int:
    """Count a table's rows of this ledger."""
    sql = f"SELECT COUNT(*) FROM {table} WHERE ledger_id = ?"
    return int(read(engine, lambda wire: wire.rows(sql, (ledger_id,)), None)[0][0])
