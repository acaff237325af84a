"""Everything posted gets one place in the log, whoever seals and wherever the sealer dies."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger import Ledger, errors, lease, merkle, sealing
from ledger.ids import uuid7
from ledger.running import MAX_TRIES, read, run
from ledger.wire import Wire
from ledger.writing import _UNSEALED
from tests.ledger.builders import ANNA, BORIS, TODAY, earn, live_a_little, txn
from tests.ledger.logs import count, leaves, post_some, seal_all
from tests.ledger.racing import Contestants


def test_every_transaction_waits_until_it_has_its_place(book: Ledger, engine: Engine, ledger_id: int) -> None:
    receipts = live_a_little(book)
    txns = count(engine, ledger_id, "txn")
    assert count(engine, ledger_id, "unsealed") == txns
    assert seal_all(book) == txns
    assert count(engine, ledger_id, "unsealed") == 0
    found = leaves(engine, ledger_id)
    assert [place for place, _, _ in found] == list(range(txns))
    by_subject = {subject: leaf for _, subject, leaf in found}
    assert all(by_subject[receipt.txn_id.bytes] == receipt.leaf_hash for receipt in receipts.values())


def test_places_follow_the_order_of_recording(book: Ledger, engine: Engine, ledger_id: int) -> None:
    receipts = [earn(book, ANNA, 1, key=str(number)) for number in range(5)]
    seal_all(book, 2)
    assert [subject for _, subject, _ in leaves(engine, ledger_id)] == [one.txn_id.bytes for one in receipts]


def test_a_posting_that_shows_late_is_sealed_late_and_never_lost(book: Ledger, engine: Engine, ledger_id: int) -> None:
    """Claims are exact ids: an id below those that were sealed already still finds its place."""
    early = uuid7(1)
    earn(book, ANNA, 1)
    seal_all(book)
    run(engine, lambda wire, _: queue(wire, ledger_id, [(early.bytes, bytes(32))]), None)
    assert book.seal() == 1
    assert [subject for _, subject, _ in leaves(engine, ledger_id)][1] == early.bytes


def queue(wire: Wire, ledger_id: int, rows: list[tuple[bytes, bytes]]) -> None:
    """Let (subject, leaf hash) wait for the sealer, as a posting does."""
    wire.insert(_UNSEALED, [(ledger_id, wire.id_in(subject), leaf) for subject, leaf in rows])


def test_a_close_has_its_place_among_the_transactions(book: Ledger, engine: Engine, ledger_id: int) -> None:
    earned = earn(book, ANNA, 1)
    closed = book.close_period(TODAY - timedelta(days=2), actor="p")
    assert seal_all(book) == 2
    assert [leaf for _, _, leaf in leaves(engine, ledger_id)] == [earned.leaf_hash, closed.leaf_hash]
    assert book.verify().ok


def test_a_refused_posting_leaves_nothing_to_seal(book: Ledger, engine: Engine, ledger_id: int) -> None:
    with pytest.raises(errors.InsufficientFunds):
        book.post(txn(ANNA, BORIS, 5), key="too much")
    assert count(engine, ledger_id, "unsealed") == 0
    assert book.seal() == 0


@pytest.mark.parametrize("most", [0, 1001, 1.0, True])
def test_a_batch_has_its_limits(book: Ledger, most: Any) -> None:
    with pytest.raises(errors.InvalidTxn, match="1 to 1000 leaves"):
        book.seal(most)


def test_completed_tiles_are_kept_at_every_eighth_level(book: Ledger, engine: Engine, ledger_id: int) -> None:
    post_some(book, 600)
    seal_all(book, 170)
    hashes = [leaf for _, _, leaf in leaves(engine, ledger_id)]
    sql = "SELECT level, idx, hash FROM log_node WHERE ledger_id = ? ORDER BY level, idx"
    nodes = read(engine, lambda wire: wire.rows(sql, (ledger_id,)), None)
    assert [(level, index) for level, index, _ in nodes] == [(8, 0), (8, 1)]
    for _, index, node in nodes:
        assert bytes(node) == merkle.whole(hashes[index * 256 : (index + 1) * 256])


def test_two_tiles_up_a_node_is_made_of_256_nodes(engine: Engine, ledger_id: int) -> None:
    """65,536 leaves without 65,536 postings: the queue is filled by hand."""
    made = [merkle.node_hash(number.to_bytes(32, "big"), b"") for number in range(65_536 + 3)]
    rows = [(number.to_bytes(16, "big"), leaf) for number, leaf in enumerate(made)]
    book = Ledger(engine, ledger_id)
    for start in range(0, len(rows), 1000):
        part = rows[start : start + 1000]
        run(engine, lambda wire, _, part=part: queue(wire, ledger_id, part), None)
    seal_all(book)
    sql = "SELECT idx, hash FROM log_node WHERE ledger_id = ? AND level = 16"
    assert [(i, bytes(h)) for i, h in read(engine, lambda wire: wire.rows(sql, (ledger_id,)), None)] == [
        (0, merkle.whole(made[:65_536]))
    ]
    assert book.tile(2, 0, 1) == merkle.whole(made[:65_536])
    assert book.tile(0, 256, 3) == b"".join(made[-3:])


@pytest.mark.parametrize("statement", ["INSERT INTO log_leaf", "DELETE FROM unsealed", "INSERT INTO log_node"])
def test_a_sealer_that_dies_leaves_the_log_as_it_was(
    book: Ledger, engine: Engine, ledger_id: int, statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    post_some(book, 300)
    plain = Wire._send

    def die_after(self: Wire, sql: str, params: Any) -> None:
        plain(self, sql, params)
        if sql.startswith(statement):
            raise KeyboardInterrupt

    def die_after_many(self: Wire, sql: str, rows: Any) -> int:
        done = plain_many(self, sql, rows)
        if sql.startswith(statement):
            raise KeyboardInterrupt
        return done

    plain_many = Wire.run_many
    with monkeypatch.context() as patch:
        patch.setattr(Wire, "_send", die_after)
        patch.setattr(Wire, "run_many", die_after_many)
        with pytest.raises(KeyboardInterrupt):
            book.seal()
    assert [count(engine, ledger_id, table) for table in ("unsealed", "log_leaf", "log_node")] == [300, 0, 0]
    assert seal_all(book) == 300


def test_rows_that_somebody_else_took_undo_the_batch(
    book: Ledger, engine: Engine, ledger_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the lease and without the keys of log_leaf this is the last guard."""
    earn(book, ANNA, 1)
    plain = sealing._take_out
    seen: list[int] = []

    def already_gone(wire: Any, own_id: int, subjects: list[Any]) -> None:
        seen.append(1)
        if len(seen) < MAX_TRIES:
            wire.run("DELETE FROM unsealed WHERE ledger_id = ?", (own_id,))
        plain(wire, own_id, subjects)

    monkeypatch.setattr(sealing, "_take_out", already_gone)
    assert book.seal() == 1
    assert len(seen) == MAX_TRIES
    assert len(leaves(engine, ledger_id)) == 1


def test_the_lease_is_of_one_ledger_and_one_job(engine: Engine, ledger_id: int) -> None:
    for _ in range(2):
        run(engine, lambda wire, _: lease.hold(wire, ledger_id, "seal"), None)
        run(engine, lambda wire, _: lease.hold(wire, ledger_id, "project"), None)
    assert count(engine, ledger_id, "lease") == 2


@pytest.fixture(scope="module")
def contestants() -> Iterator[Contestants]:
    waiting = Contestants(4)
    yield waiting
    waiting.stop()


def sealers(engine: Engine, ledger_id: int, number: int, **more: Any) -> list[dict[str, Any]]:
    url = engine.url.render_as_string(hide_password=False)
    one = {"url": url, "ledger_id": ledger_id, "verb": "seal", "amount": 7, "times": 20, "key": "", **more}
    return [one] * number


def test_two_sealers_never_give_two_leaves_one_place(
    contestants: Contestants, book: Ledger, engine: Engine, ledger_id: int
) -> None:
    """Guard: the lease (SQLite: BEGIN IMMEDIATE). Retries are off, so a collision would show."""
    post_some(book, 300)
    answers = contestants.race(sealers(engine, ledger_id, 4), broken="retry")
    assert set(answers) == {"posted"}
    found = leaves(engine, ledger_id)
    assert [place for place, _, _ in found] == list(range(300))
    assert len({subject for _, subject, _ in found}) == 300
    assert book.verify().ok


def test_without_the_lease_one_of_two_sealers_loses(
    contestants: Contestants, book: Ledger, engine: Engine, ledger_id: int
) -> None:
    """Behind the lease the keys of log_leaf still refuse a second leaf at one place."""
    post_some(book, 30)
    answers = contestants.race(sealers(engine, ledger_id, 2, times=1), broken="lease, immediate, retry")
    assert sorted(answers) == ["posted", "retryable"]
    assert [place for place, _, _ in leaves(engine, ledger_id)] == list(range(7))


def test_writers_and_sealers_together_lose_nothing(
    contestants: Contestants, book: Ledger, engine: Engine, ledger_id: int
) -> None:
    writer = {"verb": "post", "debit": "issuance:hall", "credit": ANNA, "amount": 1, "times": 40}
    jobs = sealers(engine, ledger_id, 4)
    jobs[2] = {**jobs[2], **writer, "key": "first:{}"}
    jobs[3] = {**jobs[3], **writer, "key": "second:{}"}
    assert set(contestants.race(jobs)) == {"posted"}
    seal_all(book)
    assert [place for place, _, _ in leaves(engine, ledger_id)] == list(range(80))


def test_a_rebuild_beside_postings_and_sealing_counts_each_once(
    contestants: Contestants, book: Ledger, engine: Engine, ledger_id: int
) -> None:
    """Guard: the lock on the projections' tables (SQLite: BEGIN IMMEDIATE)."""
    post_some(book, 300)
    jobs = sealers(engine, ledger_id, 4, times=15)
    jobs[1] = {**jobs[1], "verb": "rebuild"}
    pay = {"verb": "post", "debit": ANNA, "credit": BORIS, "amount": 1, "times": 30}
    jobs[2] = {**jobs[2], **pay, "key": "there:{}"}
    jobs[3] = {**jobs[3], **pay, "key": "also:{}"}
    assert set(contestants.race(jobs)) == {"posted"}
    assert book.balance(BORIS, "MIN").available == 60
    assert book.verify().ok
