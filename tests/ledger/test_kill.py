"""Processes killed at any moment: what was acknowledged is there, nothing is there twice, and the book verifies."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from ledger import Ledger, schema
from ledger.engine import make_engine
from tests.ledger.builders import open_chart
from tests.ledger.conftest import MakeUrl
from tests.ledger.killing import LAZY, LEDGER_ID, Worker

LIVES = 4
WRITERS = 2
LONGEST_LIFE_S = 1.0


@pytest.fixture
def own_engine(make_url: MakeUrl) -> Iterator[Engine]:
    engine = make_engine(make_url())
    with engine.begin() as connection:
        schema.create(connection)
    yield engine
    engine.dispose()


def lives(url: str, dice: random.Random, life: int) -> list[str]:
    """Let writers, a sealer and a projector work side by side, kill each at a moment of its own; what writers said."""
    jobs = ["write"] * WRITERS + ["seal", "project"]
    workers = [Worker(job, url, f"life{life}.{number}") for number, job in enumerate(jobs)]
    for worker in workers[:WRITERS]:
        until = time.monotonic() + 60
        while len(worker.said) < 2 and time.monotonic() < until:
            time.sleep(0.01)
    said = []
    dice.shuffle(workers)
    for worker in workers:
        time.sleep(dice.random() * LONGEST_LIFE_S / len(workers))
        said += worker.kill()
    return [line for line in said if line != "ready"]


def test_killed_writers_sealers_and_projectors_lose_nothing_and_do_nothing_twice(own_engine: Engine) -> None:
    seed = uuid.uuid4().int % 10**6
    print(f"seed {seed}")  # noqa: T201 -- shown where the test fails
    book = Ledger(own_engine, LEDGER_ID)
    open_chart(book)
    book.open_account(LAZY, "MIN", kind="issuance", mode="lazy", min_balance=None)
    url, dice = own_engine.url.render_as_string(hide_password=False), random.Random(seed)
    said = [line for life in range(LIVES) for line in lives(url, dice, life)]
    with own_engine.connect() as connection:
        rows = connection.execute(text("SELECT key, txn_id FROM idempotency WHERE txn_id IS NOT NULL")).all()
    kept = {key: uuid.UUID(bytes=txn) if isinstance(txn, bytes) else txn for key, txn in rows}
    acknowledged = dict(line.split() for line in said)
    assert len(acknowledged) >= LIVES * WRITERS
    assert {key: str(kept.get(key)) for key in acknowledged} == acknowledged
    # At most one more per life than was said: the one whose answer the kill cut off.
    assert len(kept) <= len(acknowledged) + LIVES * WRITERS
    assert len(set(kept.values())) == len(kept)
    for is_finished in (False, True):
        report = book.verify()
        assert report.ok, (is_finished, report.findings)
        assert report.txns == len(kept)
        book.project()
        while book.seal():
            pass
    with own_engine.connect() as connection:
        left = "SELECT (SELECT COUNT(*) FROM unprojected), (SELECT COUNT(*) FROM unsealed), COUNT(*) FROM log_leaf"
        assert tuple(connection.execute(text(left)).one()) == (0, 0, len(kept))
