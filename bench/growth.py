"""What a bigger book costs, counted: statements and rows or pages touched by balances, as-of, a page, a posting.

PostgreSQL: buffer pages the server asked for, of every table and index, from its own counters of the transaction.
SQLite: steps of its virtual machine, about ten to a row. Times stand beside, and are not what is compared.
`python -m bench growth [ENTRIES ...]`: the book grows to each size in turn (10,000, 100,000, 1,000,000).
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from bank.demo import book as big
from ledger import Ledger, Transfer, Txn, schema
from ledger.engine import begin_write, make_engine
from ledger.wire import Wire
from tests.postgres import DURABLE, Cluster, start

SIZES = (10_000, 100_000, 1_000_000)
MOST = 1.5
KNOWN = "the same as known now"
MOST_BY_HALVING = 2.0
"""For KNOWN, which halves the account's entries to find the last one known then: a step more for twice the entries."""
DAYS = 40
"""So few that the smallest book has entries on each: a daily sum costs by the day, not by the entry."""
SOME = 20
_PAGES = """
SELECT COALESCE(SUM(pg_stat_get_xact_blocks_fetched(oid)), 0) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one question or posting cost."""

    statements: int
    touched: int
    ms: float


def verbs(book: Ledger, size: int) -> dict[str, Callable[[Session], Any]]:
    """Return what is measured, all of it on the account with an eighth of all entries."""

    def post(session: Session) -> Any:
        transfer = Transfer(big.BUSY, "member:1", big.UNIT, 1)
        txn = Txn("gift", [transfer], big.today(), "p:growth")
        return book.post(txn, key=f"growth:{size}:{time.monotonic_ns()}", session=session)

    middle = big.today() - timedelta(days=DAYS // 2)
    some = [f"member:{number}" for number in range(SOME)]
    newest = [entry.txn_id for entry in book.statement(big.BUSY, big.UNIT, limit=SOME).items]
    return {
        "balance": lambda session: book.balance(big.BUSY, big.UNIT, session=session),
        f"balances of {SOME}": lambda session: book.balances(some, session=session),
        f"what came of {SOME}": lambda session: book.followers(newest, session=session),
        "as of 20 days ago": lambda session: book.balance(big.BUSY, big.UNIT, as_of=middle, session=session),
        KNOWN: lambda session: book.balance(
            big.BUSY, big.UNIT, as_of=middle, known_at=datetime.now(UTC), session=session
        ),
        "turnover of 20 days": lambda session: book.turnovers([big.BUSY], middle, session=session),
        "page of 50": lambda session: book.statement(big.BUSY, big.UNIT, limit=50, session=session),
        "post": post,
    }


@contextmanager
def counting(session: Session, found: dict[str, int]) -> Iterator[None]:
    """Count statements and pages or steps while the block runs."""
    driver: Any = session.connection().connection.driver_connection
    plain_send, plain_many, sent = Wire._send, Wire.run_many, [0]

    def send(self: Wire, sql: str, params: Any) -> None:
        sent[0] += 1
        plain_send(self, sql, params)

    def many(self: Wire, sql: str, rows: Any) -> int:
        sent[0] += len(rows) > 1
        return plain_many(self, sql, rows)

    plain_together = Wire._together

    def together(self: Wire, texts: Any, *, may_end: bool = False) -> Any:
        sent[0] += len(texts) + len(self._later)
        return plain_together(self, texts, may_end=may_end)

    Wire._send, Wire.run_many, Wire._together = send, many, together  # type: ignore[method-assign]
    steps = [0]
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    try:
        if is_sqlite:
            driver.set_progress_handler(lambda: steps.__setitem__(0, steps[0] + 1), 1)
        before = 0 if is_sqlite else driver.execute(_PAGES).fetchone()[0]
        yield
        found["touched"] = steps[0] if is_sqlite else int(driver.execute(_PAGES).fetchone()[0] - before)
        found["statements"] = sent[0]
    finally:
        if is_sqlite:
            driver.set_progress_handler(None, 0)
        Wire._send, Wire.run_many, Wire._together = plain_send, plain_many, plain_together  # type: ignore[method-assign]


def cost(engine: Engine, verb: Callable[[Session], Any]) -> Cost:
    """Count one run of a verb and time another; the first warms up."""
    took = 0.0
    found: dict[str, int] = {}
    for is_counted in (False, True, False):
        with Session(engine) as session:
            begin_write(session)
            session.connection().exec_driver_sql("SELECT 1")
            began = time.perf_counter()
            if is_counted:
                with counting(session, found):
                    verb(session)
            else:
                verb(session)
            took = (time.perf_counter() - began) * 1000
            session.commit()
    return Cost(found["statements"], found["touched"], took)


def grow(engine: Engine, sizes: tuple[int, ...], members: int = 1_000) -> dict[str, list[Cost]]:
    """Let one book grow to each size and measure every verb there; by verb, one cost a size."""
    found: dict[str, list[Cost]] = {}
    have = 0
    book = Ledger(engine, 1)
    for size in sizes:
        big.fill(engine, book, entries=size - have, members=members, transfers=2, days=DAYS, seed=size)
        have = size
        if engine.dialect.name == "postgresql":
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM ANALYZE")
        for name, verb in verbs(book, size).items():
            found.setdefault(name, []).append(cost(engine, verb))
    return found


def show(engine: str, sizes: tuple[int, ...], found: dict[str, list[Cost]]) -> bool:
    """Print each verb's line; False where something grew by more than it may."""
    is_fine = True
    for name, costs in found.items():
        growth = max(one.touched for one in costs) / max(1, costs[0].touched)
        same = len({one.statements for one in costs}) == 1
        is_fine = is_fine and same and growth < (MOST_BY_HALVING if name == KNOWN else MOST)
        cells = "  ".join(f"{one.statements:>3} {one.touched:>6} {one.ms:>8.2f} ms" for one in costs)
        print(f"{engine:<12}{name:<25}{cells}  touched x{growth:.2f}{'' if same else '  OTHER STATEMENTS'}", flush=True)
    return is_fine


def main(arguments: list[str] | None = None) -> None:
    """Measure both engines; exit 1 where a cost grows with the book."""
    sizes = tuple(int(size) for size in arguments or ()) or SIZES
    print(f"{'engine':<12}{'verb':<25}" + "  ".join(f"{f'{size:,} entries':>22}" for size in sizes))
    print(f"{'':<37}" + "  ".join(f"{'statements, touched':>22}" for _ in sizes))
    with tempfile.TemporaryDirectory() as folder:
        is_fine = show("sqlite", sizes, measured(f"sqlite:///{folder}/book.db", sizes))
    cluster = start(DURABLE)
    if isinstance(cluster, Cluster):
        is_fine = show("postgresql", sizes, measured(cluster.database(), sizes)) and is_fine
        cluster.stop()
    else:
        print(f"postgresql  not measured: {cluster}")
    if not is_fine:
        sys.exit(f"a cost grew by {MOST} times or more")


def measured(url: str, sizes: tuple[int, ...]) -> dict[str, list[Cost]]:
    """Make a book at this address and measure it at each size."""
    engine = make_engine(url)
    with engine.begin() as connection:
        schema.create(connection)
    found = grow(engine, sizes)
    engine.dispose()
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
