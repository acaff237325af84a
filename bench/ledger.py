"""What the book costs: ours against the limit of the database and against django-hordak, in one run.

All write to the same disk with the same durability (synchronous FULL, fsync on) over 10,000 accounts, in interleaved
rounds; a round counts only if the books balance after it. Who the clients are:
the limit      PostgreSQL: up to 8 processes, the rest threads in them, a psycopg connection each.
               SQLite: threads of one process, a sqlite3 connection each.
hordak         up to 8 processes, the rest threads in them, a Django connection each.
ours           threads of one process on one Ledger, as the requests of a web server are.
Kinds of work: `post` one posting between two members; `batch` a hundred in one call; `hot` one posting from the one
issuance account, which is lazy with us: folding its queue is done in the same time. hordak has no verb for a batch, so
it does both that there are: its own verb a hundred times in one transaction, and `bulk`, which is Django's bulk_create
past that verb; each round counts the faster one.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from bench import limit, ours
from bench.field import ACCOUNTS, HOT, UNIT, member
from ledger import Ledger, schema
from ledger.engine import begin_write, make_engine
from tests.postgres import DURABLE, Cluster, start

ROUNDS = int(os.environ.get("BENCH_ROUNDS") or 3)
SECONDS = float(os.environ.get("BENCH_SECONDS") or 1.5)
WORK = (("post", 1), ("post", 8), ("post", 32), ("batch", 1), ("batch", 8), ("hot", 1), ("hot", 8), ("hot", 32))
FORMS = {("hordak", "batch"): ("batch", "bulk")}
"""Who does a kind of work in more ways than one."""
PROCESSES = 8
ROOT = Path(__file__).resolve().parents[1]


class Contestant:
    """One side and its client processes, which wait between the rounds."""

    def __init__(self, name: str, url: str, processes: int) -> None:
        self.name = name
        command = [sys.executable, "-m", "bench.worker", name, url]
        self._workers = [
            subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
            for _ in range(processes)
        ]
        for worker in self._workers:
            assert self._hear(worker) == "up"

    def rate(self, kind: str, clients: int) -> float:
        """Return postings a second by this many clients doing this kind of work."""
        used = self._workers[:clients]
        shares = [clients // len(used) + (n < clients % len(used)) for n in range(len(used))]
        for place, worker in enumerate(used):
            job = {"kind": kind, "clients": shares[place], "first": place * 100, "seconds": SECONDS}
            self._say(worker, json.dumps(job))
        for worker in used:
            assert self._hear(worker) == "ready"
        for worker in used:
            self._say(worker, "go")
        answers = [json.loads(self._hear(worker)) for worker in used]
        wrong = [error for answer in answers for error in answer["wrong"]]
        if wrong:
            raise SystemExit(f"{self.name} {kind} by {clients}: {wrong[0]}")
        took = max(answer["ended"] for answer in answers) - min(answer["began"] for answer in answers)
        return float(sum(answer["posted"] for answer in answers) / took)

    def stop(self) -> None:
        """Let the client processes end."""
        for worker in self._workers:
            assert worker.stdin is not None
            worker.stdin.close()
            worker.wait(30)

    def _say(self, worker: subprocess.Popen[str], line: str) -> None:
        assert worker.stdin is not None
        worker.stdin.write(line + "\n")
        worker.stdin.flush()

    def _hear(self, worker: subprocess.Popen[str]) -> str:
        assert worker.stdout is not None
        return worker.stdout.readline().strip()


@dataclass
class Arena:
    """An engine's contestants and what they reached, by contestant, kind and number of clients."""

    name: str
    contestants: list[Contestant]
    book: Ledger
    rates: dict[tuple[str, str, int], list[float]] = field(default_factory=dict)
    verified: int = 0

    def play(self, round_number: int) -> None:
        """Let everybody do every kind of work once, beginning with another one each round, and verify."""
        for place, (kind, clients) in enumerate(WORK):
            turn = (round_number + place) % len(self.contestants)
            for contestant in self.contestants[turn:] + self.contestants[:turn]:
                for form in FORMS.get((contestant.name, kind), (kind,)):
                    rate = contestant.rate(form, clients)
                    self.rates.setdefault((contestant.name, form, clients), []).append(rate)
        report = self.book.verify()
        if not report.ok:
            raise SystemExit(f"the books do not balance, no figure: {report.findings[:3]}")
        self.verified = report.txns

    def show(self) -> None:
        """Print medians, and the ratios to the limit and to the rival with their range."""
        for kind, clients in WORK:
            mine, most, rival = (self._best(who, kind, clients) for who in ("ours", "limit", "hordak"))
            cells = f"{self.name:<12}{kind:<7}{clients:>8}{_middle(mine):>10.0f}{_middle(most):>10.0f}"
            cells += f"{_middle(rival):>9.0f}" if rival else f"{'-':>9}"
            print(f"{cells}  {_ratio(mine, most):<20}{_ratio(mine, rival):<20}", flush=True)
        for (who, form, clients), rates in self.rates.items():
            if form in FORMS.get((who, "batch"), ()):
                print(f"{self.name:<12}{who}'s {form} with {clients}: {_middle(rates):.0f}")

    def _best(self, who: str, kind: str, clients: int) -> list[float]:
        forms = [self.rates.get((who, form, clients), []) for form in FORMS.get((who, kind), (kind,))]
        return [max(rates) for rates in zip(*forms, strict=True)]


def _middle(rates: Sequence[float]) -> float:
    return statistics.median(rates) if rates else 0.0


def _ratio(mine: Sequence[float], theirs: Sequence[float]) -> str:
    if not theirs:
        return "-"
    ratios = sorted(one / other for one, other in zip(mine, theirs, strict=True))
    return f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"


def open_books(engine: Engine) -> Ledger:
    """Make the tables, and the same accounts for the limit (a strict hot one) and for us (a lazy one)."""
    with engine.begin() as connection:
        schema.create(connection)
        if engine.dialect.name == "postgresql":
            limit.install(connection)
    for ledger_id, mode in ((limit.LEDGER_ID, "strict"), (ours.LEDGER_ID, "lazy")):
        book = Ledger(engine, ledger_id, clock=lambda: datetime.now(UTC))
        with Session(engine) as session:
            begin_write(session)
            book.open_account(HOT, UNIT, kind="issuance", mode=mode, min_balance=None, session=session)
            for number in range(ACCOUNTS):
                book.open_account(member(number), UNIT, kind="member", min_balance=None, session=session)
            session.commit()
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # Not the empty tables: a session would then plan its foreign keys as if they stayed empty.
            connection.execute(text("VACUUM ANALYZE account, balance"))
    return Ledger(engine, ours.LEDGER_ID)


@contextmanager
def on_sqlite() -> Iterator[Arena]:
    """Set SQLite's contestants up."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        url = f"sqlite:///{folder}/bench.db"
        book = open_books(make_engine(url))
        sides = [Contestant("ours", url, 1), Contestant("limit", url, 1)]
        for side in sides:
            stack.callback(side.stop)
        yield Arena("sqlite", sides, book)


@contextmanager
def on_postgresql(cluster: Cluster) -> Iterator[Arena]:
    """Set PostgreSQL's contestants up."""
    url, rival_url = cluster.database(), cluster.database()
    with ExitStack() as stack:
        book = open_books(make_engine(url))
        rival = [sys.executable, "-m", "bench.rival", rival_url]
        subprocess.run([*rival, "install"], check=True, cwd=ROOT)
        sides = [
            Contestant("ours", url, 1),
            Contestant("limit", url, PROCESSES),
            Contestant("hordak", rival_url, PROCESSES),
        ]
        for side in sides:
            stack.callback(side.stop)
        yield Arena("postgresql", sides, book)
        subprocess.run([*rival, "check"], check=True, cwd=ROOT)


def main() -> None:
    """Measure both engines and print one table."""
    began = time.monotonic()
    print(f"{ACCOUNTS} accounts, {ROUNDS} rounds of {SECONDS:g} s; postings a second, medians; ratios median (min-max)")
    print(f"{'engine':<12}{'work':<7}{'clients':>8}{'ours':>10}{'limit':>10}{'hordak':>9}", end="")
    print(f"  {'ours to the limit':<20}{'ours to hordak':<20}")
    with ExitStack() as stack:
        arenas = [stack.enter_context(on_sqlite())]
        cluster = start(DURABLE)
        if isinstance(cluster, Cluster):
            stack.callback(cluster.stop)
            arenas.append(stack.enter_context(on_postgresql(cluster)))
        else:
            print(f"postgresql  not measured: {cluster}")
        for round_number in range(ROUNDS):
            for arena in arenas:
                arena.play(round_number)
        for arena in arenas:
            arena.show()
        for arena in arenas:
            print(f"{arena.name}: verify was clean after every round, {arena.verified} transactions of ours at the end")
    print(f"{time.monotonic() - began:.0f} seconds in all")


if __name__ == "__main__":
    main()
