"""A thousand seeds of failing connections, refused statements and a jumping clock end where a quiet life ends.

`FAULT_SEEDS=17 pytest tests/ledger/test_seeds.py` lives one of them again, `FAULT_SEEDS=0-5000` more of them.
"""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from ledger import Ledger, Transfer, Txn, errors, running, schema
from ledger.engine import make_engine
from tests.ledger.builders import TODAY
from tests.ledger.conftest import MakeUrl
from tests.ledger.faults import Faults, JumpingClock, make_faulty_engine
from tests.ledger.model import Leg, Model

CHUNKS = 5
COMMANDS = 12
MOST_TRIES = 60
PAIRS = [("issue", None, True), ("anna", 0, False), ("boris", 0, False), ("shop", 0, True)]
_ledger_ids = itertools.count(1_000_000)

Command = tuple[str, tuple[Any, ...]]
"""A verb and what it is told; a transaction is named by its place among those posted."""


def seeds_of(chunk: int) -> list[int]:
    """Return this chunk's share of the seeds: a thousand, half of them on each engine, or what FAULT_SEEDS names."""
    first, _, last = os.environ.get("FAULT_SEEDS", "0-999").partition("-")
    return list(range(int(first), int(last or first) + 1))[chunk::CHUNKS]


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def faulty_engine(make_url: MakeUrl, faults: Faults) -> Iterator[Engine]:
    url = make_url()
    plain = make_engine(url)
    with plain.begin() as connection:
        schema.create(connection)
    plain.dispose()
    engine = make_faulty_engine(url, faults)
    yield engine
    engine.dispose()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "LONGEST_WAIT_S", 0.0001)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_life_full_of_faults_ends_like_a_quiet_one(faulty_engine: Engine, faults: Faults, chunk: int) -> None:
    """Every answer is the model's, the balances are the model's, and the book verifies: nothing half, nothing twice."""
    own = 0 if faulty_engine.dialect.name == "sqlite" else 1
    happened = 0
    for seed in seeds_of(chunk):
        if seed // CHUNKS % 2 == own:
            live(faulty_engine, faults, seed)
            happened += len(faults.happened)
    assert happened or "FAULT_SEEDS" in os.environ


def live(engine: Engine, faults: Faults, seed: int) -> None:
    """Live one seed's life on a new book and on the model."""
    book = Ledger(engine, next(_ledger_ids), JumpingClock(faults))
    model, ids = Model(), []
    for path, floor, is_shared in PAIRS:
        model.open(path, "MIN", floor, None, is_shared=is_shared)
        book.open_account(path, "MIN", kind="test", min_balance=floor, is_shared=is_shared)
    dice = random.Random(seed)
    faults.arm(seed)
    for number in range(COMMANDS):
        verb, said = wish(dice, model, f"key {number}")
        wanted = getattr(model, verb)(*said)
        found = until_answered(engine, book, ids, (verb, said), is_inside=dice.random() < 0.3)
        assert found == without_replay(wanted), f"seed {seed}, command {number}: {verb}{said}, after {faults.happened}"
    faults.disarm()
    check(book, model, seed)


def wish(dice: random.Random, model: Model, key: str) -> Command:
    """Draw one command."""
    amount = dice.randint(1, 60)
    holds = [n for n, txn in enumerate(model.txns) if txn.kind == "hold"]
    verb = dice.choice(["earn", "earn", "post", "post_many", "hold", "hold", "capture", "release", "reverse"])
    if verb == "post_many":
        batch = [(f"{key}.{n}", "gift", leg(dice), 0) for n in range(3)]
        return "post_many", (batch,)
    if verb == "hold":
        return "hold", (key, dice.choice(["anna", "boris"]), "MIN", amount, None)
    if verb == "capture" and holds:
        return "capture", (key, dice.choice(holds), "shop", None)
    if verb == "release" and holds:
        return "release", (key, dice.choice(holds))
    if verb == "reverse" and model.txns:
        return "reverse", (key, dice.randrange(len(model.txns)), dice.choice(["reject", "debt"]))
    return "post", (key, "credit", leg(dice) if verb == "post" else (("issue", "anna", "MIN", amount, None),), 0)


def leg(dice: random.Random) -> tuple[Leg, ...]:
    debit, credit = dice.sample(["issue", "anna", "boris", "shop"], 2)
    return ((debit, credit, "MIN", dice.randint(1, 60), None),)


def until_answered(engine: Engine, book: Ledger, ids: list[Any], command: Command, *, is_inside: bool) -> Any:
    """Send a command as a client does that got no answer: the same once more, under the same key."""
    for _ in range(MOST_TRIES):
        try:
            return in_words(inside(engine, book, ids, command) if is_inside else ask(book, ids, command, None), ids)
        except (errors.Retryable, errors.StorageFailed):
            continue
        except errors.LedgerError as refusal:
            return (refusal.code,)
        except DBAPIError:
            continue
        except running_errors():
            continue
    raise AssertionError("no answer after many tries")


def running_errors() -> tuple[type[Exception], ...]:
    """The drivers' own errors, which come unwrapped from below SQLAlchemy."""
    import sqlite3

    import psycopg

    return sqlite3.OperationalError, psycopg.OperationalError


def inside(engine: Engine, book: Ledger, ids: list[Any], command: Command) -> Any:
    """Do it inside a unit of work of the caller's, a refusal included."""
    with Session(engine) as session:
        try:
            answer = ask(book, ids, command, session)
        except (errors.Retryable, errors.StorageFailed):
            raise
        except errors.LedgerError:
            session.commit()
            raise
        session.commit()
        return answer


def ask(book: Ledger, ids: list[Any], command: Command, session: Session | None) -> Any:
    verb, said = command
    verbs: dict[str, Callable[..., Any]] = {
        "post": lambda key, kind, legs, _day: book.post(as_txn(kind, legs), key=key, session=session),
        "post_many": lambda batch: book.post_many(
            [(k, as_txn(kind, legs)) for k, kind, legs, _day in batch], session=session
        ),
        "hold": lambda key, path, unit, amount, until: book.hold(
            path, unit, amount, expires_at=until, key=key, actor="p", session=session
        ),
        "capture": lambda key, number, to, amount: book.capture(
            ids[number], to, amount, key=key, actor="p", session=session
        ),
        "release": lambda key, number: book.release(ids[number], key=key, actor="p", session=session),
        "reverse": lambda key, number, shortfall: book.reverse(
            ids[number], key=key, actor="p", shortfall=shortfall, session=session
        ),
    }
    return verbs[verb](*said)


def as_txn(kind: str, legs: Any) -> Txn:
    return Txn(kind, [Transfer(*row) for row in legs], TODAY, "p:seed")


def in_words(answer: Any, ids: list[Any]) -> Any:
    """Return an answer in the model's words, without saying whether it is a repetition."""
    if isinstance(answer, list):
        return [in_words(one, ids) for one in answer]
    if not hasattr(answer, "txn_id"):
        return (answer.code,)
    if answer.txn_id not in ids:
        ids.append(answer.txn_id)
    return (
        "posted",
        ids.index(answer.txn_id),
        tuple((t.debit, t.credit, t.unit, t.amount, t.expires_on) for t in answer.transfers),
    )


def without_replay(answer: Any) -> Any:
    return [without_replay(one) for one in answer] if isinstance(answer, list) else answer[:-1]


def check(book: Ledger, model: Model, seed: int) -> None:
    """Compare what is left with the model, and have the book verify itself."""
    report = book.verify()
    assert report.ok, (seed, report.findings)
    assert report.txns == len(model.txns), seed
    found = book.balances([path for path, _ in model.accounts])
    for pair, account in model.accounts.items():
        balance = found.get(pair)
        kept = (balance.available, balance.held, balance.seq) if balance else (0, 0, 0)
        assert kept == (account.balance, account.held, len(account.entries)), (seed, pair)


def test_the_same_seed_fails_in_the_same_places(faulty_engine: Engine, faults: Faults) -> None:
    lives = []
    for _ in range(2):
        live(faulty_engine, faults, 7)
        lives.append(list(faults.happened))
    assert lives[0] == lives[1] != []
