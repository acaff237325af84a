"""What the book costs: `post` and `post_many` against the same writes as raw SQL through the same driver.

Both sides write the same rows into the same tables with the same triggers, keys and durability (fsync on,
synchronous FULL), in interleaved rounds; a round counts only if `verify` is clean after it.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ledger import Ledger, Transfer, Txn, schema
from ledger.engine import make_engine
from ledger.wire import Wire
from ledger.writing import _DAILY, _ENTRIES, _KEYS, _TRANSFERS, _TXNS, _UPDATE, _UPDATE_MANY
from tests.postgres import DURABLE, Cluster, start

ROUNDS = 5
POSTS = 200
BATCH = 100
BATCHES = 3
MEMBERS = 200
TODAY = datetime.now(UTC).date()  # the ordinary path: a posting of an earlier day asks whether it is closed


class Raw:
    """The same writes by hand: no checks, no accounts looked up, no hashes, the texts prepared beforehand."""

    def __init__(self, engine: Engine) -> None:
        self.connection = engine.connect()
        self.driver: Any = self.connection.connection.driver_connection
        self.wire = Wire(self.connection)
        rows = self.wire.rows("SELECT account_id FROM balance WHERE ledger_id = 1 ORDER BY account_id")
        self.ids = [row[0] for row in rows]
        self.seqs = dict.fromkeys(self.ids, 0)
        self.driver.commit()

    def begin(self) -> None:
        if not self.wire.is_postgres:
            self.driver.execute("BEGIN IMMEDIATE")

    def post(self, number: int) -> None:
        """Write one transaction, one statement per table, two for the two balances."""
        self.begin()
        self.write([number])
        self.driver.commit()

    def write(self, numbers: range | list[int]) -> None:
        """Write transactions with as few statements as the driver allows."""
        wire = self.wire
        now = wire.us_in(time.time_ns() // 1000)
        day = wire.day_in(TODAY)
        keys, txns, transfers, entries = [], [], [], []
        moved: dict[Any, int] = {}
        noise = os.urandom(32)
        for number in numbers:
            txn_id = wire.id_in(uuid.uuid4().bytes)
            debit, credit = random.sample(self.ids, 2)
            keys.append((1, f"raw:{number}", noise, "posted", txn_id, None, now))
            proof = (noise[:16], noise * 7, noise)
            txns.append((1, txn_id, "credit", day, now, "p:bench", None, None, None, None, *proof))
            transfers.append((1, txn_id, 1, "MIN", debit, credit, 5))
            for account, delta in ((debit, -5), (credit, 5)):
                self.seqs[account] += 1
                entries.append((1, account, self.seqs[account], txn_id, 1, delta, 0, day, now))
                moved[account] = moved.get(account, 0) + 1
        wire.insert(_KEYS, keys)
        wire.insert(_TXNS, txns)
        wire.insert(_TRANSFERS, transfers)
        updates = [(5 * times, 0, 0, times, now, 1, account) for account, times in moved.items()]
        if wire.is_postgres:
            wire.run(_UPDATE_MANY, [list(column) for column in zip(*updates, strict=True)])
        else:
            wire.run_many(_UPDATE, updates)
        wire.insert(_ENTRIES, entries)
        wire.insert(_DAILY, [(1, account, day, 5 * times, 0) for account, times in moved.items()])

    def post_many(self, first: int) -> None:
        """Write a batch in one transaction."""
        self.begin()
        self.write(range(first, first + BATCH))
        self.driver.commit()


class Book:
    """The public API, nothing else."""

    def __init__(self, engine: Engine) -> None:
        self.ledger = Ledger(engine, ledger_id=2)
        self.paths = [f"member:{number}" for number in range(MEMBERS)]
        for path in self.paths:
            self.ledger.open_account(path, "MIN", kind="member", min_balance=None)

    def txn(self) -> Txn:
        debit, credit = random.sample(self.paths, 2)
        return Txn("credit", [Transfer(debit, credit, "MIN", 5)], TODAY, "p:bench")

    def post(self, number: int) -> None:
        self.ledger.post(self.txn(), key=f"book:{number}")

    def post_many(self, first: int) -> None:
        self.ledger.post_many([(f"book:{number}", self.txn()) for number in range(first, first + BATCH)])


def prepare(url: str) -> tuple[Raw, Book]:
    """Make a database with one ledger for either side, so that both share its size and its pages."""
    engine = make_engine(url)
    with engine.begin() as connection:
        schema.create(connection)
    other = Ledger(engine, ledger_id=1, clock=lambda: datetime.now(UTC))
    for number in range(MEMBERS):
        other.open_account(f"member:{number}", "MIN", kind="member", min_balance=None)
    return Raw(engine), Book(engine)


def timed(work: Callable[[int], None], numbers: range) -> float:
    """Return postings or batches per second."""
    begun = time.perf_counter()
    for number in numbers:
        work(number)
    return len(numbers) / (time.perf_counter() - begun)


def measure(url: str) -> dict[str, list[tuple[float, float]]]:
    """Return (book, raw) rates per round for single postings and for batches."""
    raw, book = prepare(url)
    found: dict[str, list[tuple[float, float]]] = {"post": [], f"post_many of {BATCH}": []}
    for round_number in range(ROUNDS + 1):
        base = round_number * 100_000
        single = range(base, base + POSTS)
        many = range(base + 50_000, base + 50_000 + BATCH * BATCHES, BATCH)
        order = [0, 1] if round_number % 2 else [1, 0]
        sides = [(book.post, book.post_many), (raw.post, raw.post_many)]
        rates = {side: (timed(sides[side][0], single), timed(sides[side][1], many) * BATCH) for side in order}
        report = book.ledger.verify()
        if not report.ok:
            raise SystemExit(f"the books do not balance, no figure: {report.findings[:3]}")
        if round_number:  # the first warms up
            for place, name in enumerate(found):
                found[name].append((rates[0][place], rates[1][place]))
    return found


def show(engine: str, found: dict[str, list[tuple[float, float]]]) -> None:
    """Print the medians and the ratio with its range."""
    for name, rounds in found.items():
        ratios = sorted(book / raw for book, raw in rounds)
        book = statistics.median(rate for rate, _ in rounds)
        raw = statistics.median(rate for _, rate in rounds)
        middle = statistics.median(ratios)
        line = f"{engine:<12}{name:<18}{book:>10.0f}{raw:>10.0f}{middle:>8.2f}"
        print(f"{line}  ({ratios[0]:.2f}-{ratios[-1]:.2f})")


def main() -> None:
    """Print one table: the book's rate, the raw rate, and the ratio (median, least and greatest)."""
    print(f"{'engine':<12}{'what':<18}{'book/s':>10}{'raw/s':>10}{'ratio':>8}")
    with tempfile.TemporaryDirectory() as folder:
        show("sqlite", measure(f"sqlite:///{folder}/bench.db"))
    cluster = start(DURABLE)
    if not isinstance(cluster, Cluster):
        print(f"postgresql  not measured: {cluster}")
        return
    show("postgresql", measure(cluster.database()))
    cluster.stop()


if __name__ == "__main__":
    main()
