"""`verify` is silent about an honest book and names what was changed in a forged one."""

from __future__ import annotations

import gc
import hashlib
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from ledger import Ledger, canonical, schema
from ledger.engine import make_engine
from ledger.history import records
from ledger.models import TABLES
from ledger.running import read
from tests.ledger.builders import BORIS, ISSUANCE, TODAY, Clock, live_a_little, open_chart, txn
from tests.ledger.logs import post_some, seal_all


def test_an_honest_book_is_clean(book: Ledger) -> None:
    live_a_little(book)
    report = book.verify()
    assert report.findings == ()
    assert (report.ok, report.txns) == (True, 11)
    assert report.accounts == 6


def test_an_empty_book_is_clean(book: Ledger) -> None:
    assert book.verify().ok


@pytest.fixture
def forger(tmp_path: Path) -> Iterator[Engine]:
    """A book whose guards somebody with the file in hand has removed."""
    engine = make_engine(f"sqlite:///{tmp_path}/book.db", for_migrations=True)
    with engine.begin() as connection:
        schema.create(connection)
    book = Ledger(engine, ledger_id=1, clock=Clock())
    open_chart(book)
    book.post(txn(ISSUANCE, BORIS, 7, effective=TODAY - timedelta(days=4)), key="old")
    for days in (3, 2):
        book.close_period(TODAY - timedelta(days=days), actor="p:auditor")
    live_a_little(book)
    with engine.begin() as connection:
        for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
    yield engine
    engine.dispose()


def forge(engine: Engine, *statements: str) -> set[str]:
    """Change the file as its owner can, and return the rules that verify finds broken."""
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        for pragma in ("foreign_keys = OFF", "ignore_check_constraints = ON"):
            driver.execute(f"PRAGMA {pragma}")
        for statement in statements:
            assert driver.execute(statement).rowcount > 0
    return {finding.rule for finding in Ledger(engine, ledger_id=1).verify().findings}


KIND = "(SELECT id FROM txn WHERE kind = '{}' ORDER BY id LIMIT 1)"
ANNA = "(SELECT id FROM account WHERE path = 'member:anna')"
MINE = f"account_id = {ANNA}"
SECOND = f"{MINE} AND seq = 2"
CLOSED = TODAY - timedelta(days=2)
OLD = "txn_id = (SELECT txn_id FROM idempotency WHERE key = 'old')"
FORGERIES = {
    "every account has its balance row": f"DELETE FROM balance WHERE {MINE}",
    "a balance is the sum of its transfers": f"UPDATE balance SET cr_posted = cr_posted + 1 WHERE {MINE}",
    "a balance keeps its bounds": f"UPDATE balance SET dr_posted = cr_posted + 1 WHERE {MINE}",
    "entries are numbered without gaps": f"UPDATE entry SET seq = seq + 100 WHERE {SECOND}",
    "a running balance is the sum so far": f"UPDATE entry SET balance_after = 1 WHERE {SECOND}",
    "a later line of an unshared account is not recorded earlier": (
        f"UPDATE entry SET recorded_at = recorded_at - 9 WHERE {SECOND}"
    ),
    "either side of a transfer is one entry or one queue row": f"DELETE FROM entry WHERE {SECOND}",
    "only lazy accounts have a queue": (
        "INSERT INTO unprojected SELECT ledger_id, account_id, txn_id, ordinal, delta, effective_date, recorded_at "
        f"FROM entry WHERE {SECOND}"
    ),
    "a transfer keeps to one unit": "UPDATE transfer SET unit = 'PTS' WHERE ordinal = 1",
    "a daily sum is the sum of its day": f"UPDATE daily SET dr = dr + 1 WHERE {MINE}",
    "what is held is what open holds hold": f"UPDATE balance SET held = held + 1 WHERE {MINE}",
    "a resolution moves exactly its hold, in time": (
        f"UPDATE transfer SET amount = amount + 1 WHERE txn_id = {KIND.format('capture')} AND ordinal = 1"
    ),
    "a reversal mirrors what it reverses": (
        "UPDATE transfer SET amount = amount + 1 WHERE ordinal = 1 "
        "AND txn_id = (SELECT txn_id FROM idempotency WHERE key = 'reversed')"
    ),
    "a key answered with a transaction has it": "UPDATE idempotency SET txn_id = x'00' WHERE key = 'given'",
    "every transaction answers one key": "DELETE FROM idempotency WHERE key = 'given'",
    "a transaction moves something": f"DELETE FROM transfer WHERE txn_id = {KIND.format('gift')}",
    "the leaf is the hash of the canonical bytes": "UPDATE txn SET leaf_hash = zeroblob(32)",
    "an id tells when it was recorded": "UPDATE txn SET recorded_at = recorded_at + 1",
    "nothing is recorded in a closed period": f"UPDATE txn SET effective_date = '{CLOSED}' WHERE kind = 'capture'",
    "a close publishes the trial balance of its day": f"UPDATE transfer SET amount = amount + 1 WHERE {OLD}",
    "a closing balance is the sum of its transfers": "UPDATE closing SET dr = dr + 1",
    "a close's bytes say what its row says": "UPDATE period_close SET actor = 'p:other'",
    "a close's leaf is the hash of its bytes": "UPDATE period_close SET leaf_hash = zeroblob(32)",
    "closes go forward": f"UPDATE period_close SET recorded_at = recorded_at + 9 WHERE closed_through < '{CLOSED}'",
    "the period ends with the last close": "UPDATE period SET closed_through = NULL",
    "a memo is the one that was posted": "UPDATE memo SET text = 'writing aloud'",
}


@pytest.mark.parametrize("rule", FORGERIES, ids=[rule.replace(" ", "-") for rule in FORGERIES])
def test_a_forgery_is_named(forger: Engine, rule: str) -> None:
    assert rule in forge(forger, FORGERIES[rule])


@pytest.mark.parametrize(
    "change",
    [
        f"DELETE FROM entry WHERE {SECOND}",
        f"UPDATE entry SET ordinal = 9 WHERE {SECOND}",
        f"UPDATE entry SET delta = delta + 1 WHERE {SECOND}",
        "UPDATE entry SET effective_date = '2020-01-01' WHERE seq = 1",
        "UPDATE entry SET recorded_at = recorded_at + 1 WHERE seq = 1",
        f"UPDATE entry SET account_id = (SELECT id FROM account WHERE path = 'shop:1'), seq = 99 WHERE {SECOND}",
        "INSERT INTO entry SELECT ledger_id, account_id, seq + 100, txn_id, ordinal, delta, balance_after, "
        f"effective_date, recorded_at FROM entry WHERE {SECOND}",
        f"DELETE FROM transfer WHERE txn_id = {KIND.format('gift')}",
    ],
)
def test_an_entry_that_is_not_its_transfers_side_is_found(forger: Engine, change: str) -> None:
    assert "either side of a transfer is one entry or one queue row" in forge(forger, change)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("kind", "'present'"),
        ("effective_date", "'2020-01-01'"),
        ("recorded_at", "recorded_at + 1"),
        ("actor", "'p:other'"),
        ("reverses_id", "(SELECT MIN(id) FROM txn)"),
        ("resolves_id", "(SELECT MIN(id) FROM txn)"),
        ("relates_id", "(SELECT MIN(id) FROM txn)"),
        ("expires_at", "1"),
        ("memo_digest", "zeroblob(32)"),
        ("nonce", "zeroblob(16)"),
        ("canonical", "x'00'"),
    ],
)
def test_the_hash_covers_every_column_of_a_transaction(forger: Engine, column: str, value: str) -> None:
    broken = forge(forger, f"UPDATE txn SET {column} = {value} WHERE id = {KIND.format('gift')}")
    assert "the canonical bytes say what the rows say" in broken


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("id", "zeroblob(16)"),
        ("closed_through", "date(closed_through, '+1 day')"),
        ("trial_balance_digest", "zeroblob(32)"),
        ("recorded_at", "recorded_at + 1"),
        ("actor", "'p:other'"),
        ("canonical", "x'00'"),
    ],
)
def test_the_hash_covers_every_column_of_a_close(forger: Engine, column: str, value: str) -> None:
    broken = forge(forger, f"UPDATE period_close SET {column} = {value} WHERE closed_through = '{CLOSED}'")
    assert "a close's bytes say what its row says" in broken


def test_a_removed_close_is_named(forger: Engine) -> None:
    """Until its leaf is in the published log, this is all that tells."""
    broken = forge(forger, f"DELETE FROM period_close WHERE closed_through = '{CLOSED}'")
    assert "the period ends with the last close" in broken


def test_the_hash_covers_every_column_there_is() -> None:
    """A new column of txn has to join the canonical bytes, or be listed here with a reason."""
    covered = {
        "ledger_id",
        "id",
        "kind",
        "effective_date",
        "recorded_at",
        "actor",
        "reverses_id",
        "resolves_id",
    }
    covered |= {"relates_id", "expires_at", "memo_digest", "nonce", "canonical", "leaf_hash"}
    assert {column.name for column in next(table for table in TABLES if table.name == "txn").columns} == covered


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE transfer SET amount = amount + 1 WHERE txn_id = {gift}",
        "UPDATE transfer SET debit_id = credit_id, credit_id = debit_id WHERE txn_id = {gift}",
        "UPDATE account SET path = 'member:anne' WHERE path = 'member:anna'",
        "DELETE FROM transfer WHERE txn_id = {gift}",
    ],
)
def test_the_hash_covers_the_transfers(forger: Engine, change: str) -> None:
    broken = forge(forger, change.format(gift=KIND.format("gift")))
    assert "the canonical bytes say what the rows say" in broken


def test_a_receipt_lets_its_holder_recompute_the_leaf(book: Ledger, engine: Engine, ledger_id: int) -> None:
    receipt = live_a_little(book)["earned"]
    found = book.transaction(receipt.txn_id)
    assert found.canonical.endswith(receipt.nonce)
    assert hashlib.sha256(b"\x00" + found.canonical).digest() == receipt.leaf_hash
    nonces = read(engine, lambda wire: [record.nonce for record in records(wire, ledger_id)], None)
    assert len(set(nonces)) == len(nonces)


def test_two_lists_of_fields_never_give_the_same_bytes() -> None:
    lists: list[list[Any]] = [
        ["a|b", "c"],
        ["a", "b|c"],
        ["ab", "c"],
        ["a", "bc"],
        ["abc"],
        ["abc", ""],
        ["", "abc"],
    ]
    lists += [["abc", None], [None, "abc"], [], [None], [""], ["1"], ["1", "2"], ["12"]]
    assert len({canonical.pack(fields) for fields in lists}) == len(lists)
    assert canonical.pack([12]) == canonical.pack(["12"])


def test_the_canonical_bytes_of_version_one_never_change() -> None:
    """Published leaves depend on it: a change needs a new version beside this one."""
    written = canonical.transaction(
        ledger_id=7,
        txn_id=bytes(16),
        kind="credit",
        effective="2026-03-02",
        recorded_us=1_772_442_000_000_000,
        actor="p:1",
        reverses=None,
        resolves=None,
        relates=None,
        expires_us=None,
        digest=None,
        transfers=[("issuance:hall", "member:anna", "MIN", 90, None)],
        nonce=bytes(16),
    )
    assert canonical.leaf_hash(written).hex() == "379a0009a56b286a5042e3a2635fbe8e7e56e2b31494fc6db9c54c2881a008bb"


def test_a_finding_says_where_and_what_was_found(forger: Engine) -> None:
    forge(forger, "UPDATE balance SET held = held + 1 WHERE held = 5")
    found = {finding.rule: finding for finding in Ledger(forger, ledger_id=1).verify().findings}
    held = found["what is held is what open holds hold"]
    assert (held.where, held.detail) == ("member:anna", "MIN, 6, 5, 5")


def test_findings_are_limited_per_rule(forger: Engine) -> None:
    report = Ledger(forger, ledger_id=1).verify()
    assert report.ok
    with forger.begin() as connection:
        _duplicate_accounts(connection)
    assert len(Ledger(forger, ledger_id=1).verify().findings) == 100


def _duplicate_accounts(connection: Connection) -> None:
    connection.exec_driver_sql(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150) INSERT INTO account "
        "SELECT 1, randomblob(16), 'member:' || i, 'MIN', 'member', 'strict', 0, 0 FROM n"
    )


def _peak_of_verifying(book: Ledger) -> int:
    gc.collect()
    tracemalloc.start()
    assert book.verify().ok
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_book(book: Ledger) -> None:
    """A book five times as long is verified in no more memory, but for a stream's own rows."""
    peaks = []
    for start, number in ((0, 1_000), (1_000, 4_000)):
        post_some(book, number, start=start)
        seal_all(book)
        peaks.append(min(_peak_of_verifying(book) for _ in range(2)))  # the first may pay for what others left behind
    assert peaks[1] < peaks[0] * 1.5 + 200_000
