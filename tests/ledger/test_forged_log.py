"""A superuser or the file's owner changes history with the triggers off; `verify` names what they did."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger import Ledger, canonical, merkle, schema, verify, verify_log
from ledger.engine import make_engine
from ledger.history import Record, records
from ledger.models import FACTS
from ledger.notes import Signer, checkpoint_text
from ledger.running import read
from ledger.wire import Wire
from tests.ledger.builders import ANNA, ISSUANCE, Clock, live_a_little, open_chart, txn
from tests.ledger.logs import SIGNER, leaves, post_some, seal_all

Change = Callable[[Wire], None]
LEDGER = 1


class Forger:
    """A book that was lived in, sealed and signed twice, in the hands of somebody who may do anything."""

    def __init__(self, url: str) -> None:
        self.engine: Engine = make_engine(url, for_migrations=True)
        with self.engine.begin() as connection:
            schema.create(connection)
        self.book = Ledger(self.engine, LEDGER, Clock(), signer=SIGNER)
        open_chart(self.book)
        live_a_little(self.book)
        self.published = [self._publish()]
        post_some(self.book, 290)
        self.published.append(self._publish())
        assert self.book.verify(published=self.published).findings == ()

    def _publish(self) -> str:
        seal_all(self.book)
        signed = self.book.sign()
        assert signed is not None
        return signed.note

    def forge(self, change: Change) -> None:
        """Change what is stored with every guard off."""
        with self.engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            if self.engine.dialect.name == "sqlite":
                for pragma in ("foreign_keys = OFF", "ignore_check_constraints = ON"):
                    driver.execute(f"PRAGMA {pragma}")
            with connection.begin():
                self._disarm(connection)
                change(Wire(connection))
            connection.invalidate()

    def _disarm(self, connection: Any) -> None:
        if self.engine.dialect.name == "postgresql":
            for table in (*FACTS, "unsealed", "memo"):
                connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
            return
        for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")

    def found(self, *published: str) -> set[str]:
        """Return the rules that verify finds broken."""
        return {finding.rule for finding in self.book.verify(published=published).findings}


@pytest.fixture
def forger(make_url: Callable[[], str]) -> Iterator[Forger]:
    made = Forger(make_url())
    yield made
    made.engine.dispose()


def one(wire: Wire, kind: str = "gift") -> Record:
    """Return the first transaction of a kind."""
    return next(record for record in records(wire, LEDGER, by_id=True) if record.kind == kind)


def edit_rows(wire: Wire, what: str) -> Record:
    """Change an amount, a date or a nonce where it is stored, and return the transaction as it is now."""
    record = one(wire)
    own_id = wire.id_in(record.txn_id)
    if what == "amount":
        transfer = replace(record.transfers[0], amount=record.transfers[0].amount + 1)
        record.transfers[0] = transfer
        wire.run("UPDATE transfer SET amount = amount + 1 WHERE txn_id = ? AND ordinal = 1", (own_id,))
    elif what == "date":
        record.effective -= timedelta(days=400)
        wire.run("UPDATE txn SET effective_date = ? WHERE id = ?", (wire.day_in(record.effective), own_id))
    else:
        record.nonce = bytes(16)
        wire.run("UPDATE txn SET nonce = ? WHERE id = ?", (record.nonce, own_id))
    return record


def edit_leaf(wire: Wire, what: str) -> tuple[Any, bytes]:
    """Do that, and make the canonical bytes and the leaf in `txn` fit."""
    record = edit_rows(wire, what)
    text = verify._canonical(LEDGER, record)
    leaf = canonical.leaf_hash(text)
    own_id = wire.id_in(record.txn_id)
    wire.run("UPDATE txn SET canonical = ?, leaf_hash = ? WHERE id = ?", (text, leaf, own_id))
    return own_id, leaf


def edit_log(wire: Wire, what: str) -> None:
    """Do that, and make the log and its nodes fit."""
    own_id, leaf = edit_leaf(wire, what)
    wire.run("UPDATE log_leaf SET leaf_hash = ? WHERE subject_id = ?", (leaf, own_id))
    redo_nodes(wire)


def redo_nodes(wire: Wire) -> list[bytes]:
    """Make the log's nodes fit its leaves, and return the leaves."""
    rows = wire.rows("SELECT leaf_hash FROM log_leaf WHERE ledger_id = ? ORDER BY idx", (LEDGER,))
    made = [bytes(row[0]) for row in rows]
    wire.run("DELETE FROM log_node WHERE ledger_id = ?", (LEDGER,))
    for index in range(len(made) // 256):
        node = merkle.whole(made[index * 256 : (index + 1) * 256])
        wire.run("INSERT INTO log_node (ledger_id, level, idx, hash) VALUES (?, 8, ?, ?)", (LEDGER, index, node))
    return made


def redo_checkpoints(wire: Wire, signer: Signer) -> None:
    """Sign the changed log anew at every size at which it was signed."""
    made = redo_nodes(wire)
    for (size,) in wire.rows("SELECT size FROM checkpoint WHERE ledger_id = ?", (LEDGER,)):
        tree = merkle.Growing()
        for leaf in made[:size]:
            list(tree.add(leaf))
        root = tree.root() if tree.size else bytes(32)
        note = signer.sign(checkpoint_text(signer.origin, size, root))
        wire.run("UPDATE checkpoint SET root = ?, note = ? WHERE size = ?", (root, note, size))


EDITS = ("amount", "date", "nonce")


@pytest.mark.parametrize("what", EDITS)
def test_an_edit_of_the_rows_contradicts_their_canonical_bytes(forger: Forger, what: str) -> None:
    forger.forge(lambda wire: edit_rows(wire, what) and None)
    assert "the canonical bytes say what the rows say" in forger.found()


@pytest.mark.parametrize("what", EDITS)
def test_an_edit_of_the_canonical_bytes_contradicts_the_log(forger: Forger, what: str) -> None:
    forger.forge(lambda wire: edit_leaf(wire, what) and None)
    assert "a leaf of the log is its transaction's" in forger.found()


@pytest.mark.parametrize("what", EDITS)
def test_an_edit_of_the_log_contradicts_what_was_signed(forger: Forger, what: str) -> None:
    forger.forge(lambda wire: edit_log(wire, what))
    assert "the log has every root that was signed" in forger.found()


@pytest.mark.parametrize("what", EDITS)
def test_an_edit_of_the_checkpoints_lacks_the_key(forger: Forger, what: str) -> None:
    thief = Signer(SIGNER.origin, b"another key of thirty-two bytes!")

    def change(wire: Wire) -> None:
        edit_log(wire, what)
        redo_checkpoints(wire, thief)

    forger.forge(change)
    assert "a checkpoint is signed with a key of the log" in forger.found()


@pytest.mark.parametrize("what", EDITS)
def test_with_the_stolen_key_only_what_was_published_tells(forger: Forger, what: str) -> None:
    def change(wire: Wire) -> None:
        edit_log(wire, what)
        redo_checkpoints(wire, SIGNER)

    forger.forge(change)
    if what == "nonce":  # nothing else depends on it, so that within the book all is well
        assert forger.found() == set()
    for note in forger.published:
        found = forger.found(note)
        assert {"the log has every root that was published", "a published checkpoint is on record"} <= found


def remove_leaves(wire: Wire, *, since: int, hide: bool) -> None:
    """Remove the leaves from `since` on; to hide it, let them wait again and forget the larger checkpoints."""
    if hide:
        wire.run(
            "INSERT INTO unsealed (ledger_id, subject_id, leaf_hash) "
            "SELECT ledger_id, subject_id, leaf_hash FROM log_leaf WHERE ledger_id = ? AND idx >= ?",
            (LEDGER, since),
        )
        wire.run("DELETE FROM checkpoint WHERE ledger_id = ? AND size > ?", (LEDGER, since))
    assert wire.run("DELETE FROM log_leaf WHERE ledger_id = ? AND idx >= ?", (LEDGER, since)) > 0
    redo_nodes(wire)


@pytest.mark.parametrize("since", [300, 0], ids=["the-last", "all"])
def test_removed_leaves_are_missed(forger: Forger, since: int) -> None:
    forger.forge(lambda wire: remove_leaves(wire, since=since, hide=False))
    assert {
        "everything posted is in the log or waits for it",
        "the log reaches every size that was signed",
    } <= forger.found()


@pytest.mark.parametrize("since", [300, 0], ids=["the-last", "all"])
def test_leaves_removed_with_their_checkpoints_are_missed_by_what_was_published(forger: Forger, since: int) -> None:
    forger.forge(lambda wire: remove_leaves(wire, since=since, hide=True))
    assert forger.found() == set()
    assert {
        "the log reaches every size that was published",
        "a published checkpoint is on record",
    } <= forger.found(forger.published[-1])


def remove_txn(wire: Wire, own_id: Any) -> None:
    for table, column in (("entry", "txn_id"), ("transfer", "txn_id"), ("idempotency", "txn_id"), ("txn", "id")):
        assert wire.run(f"DELETE FROM {table} WHERE {column} = ?", (own_id,)) > 0


def test_a_removed_last_transaction_leaves_its_leaf(forger: Forger) -> None:
    last = leaves(forger.engine, LEDGER)[-1][1]
    forger.forge(lambda wire: remove_txn(wire, wire.id_in(last)))
    assert "a leaf of the log is its transaction's" in forger.found()


def test_swapped_leaves_have_another_root(forger: Forger) -> None:
    """Each row by itself is right: only the root over them tells."""
    first, second = leaves(forger.engine, LEDGER)[3:5]

    def change(wire: Wire) -> None:
        for place, other in ((1_000_000, first), (first[0], second), (second[0], first)):
            subject = wire.id_in(other[1])
            sql = "UPDATE log_leaf SET idx = ? WHERE ledger_id = ? AND subject_id = ?"
            assert wire.run(sql, (place, LEDGER, subject)) == 1
        redo_nodes(wire)

    forger.forge(change)
    assert forger.found() == {"the log has every root that was signed"}


def test_swapped_transactions_contradict_their_leaves(forger: Forger) -> None:
    """Two transactions exchange everything but their places in the log."""
    first, second = leaves(forger.engine, LEDGER)[20:22]

    def change(wire: Wire) -> None:
        for own_id, other in ((first, second), (second, first)):
            sql = "UPDATE log_leaf SET leaf_hash = ? WHERE ledger_id = ? AND subject_id = ?"
            wire.run(sql, (other[2], LEDGER, wire.id_in(own_id[1])))
        redo_nodes(wire)

    forger.forge(change)
    assert "a leaf of the log is its transaction's" in forger.found()


def test_an_inserted_transaction_is_in_no_log(forger: Forger) -> None:
    forger.book.post(txn(ISSUANCE, ANNA, 5), key="secret")
    forger.forge(lambda wire: wire.run("DELETE FROM unsealed WHERE ledger_id = ?", (LEDGER,)) and None)
    assert forger.found() == {"everything posted is in the log or waits for it"}


def test_a_transaction_inserted_among_the_old_has_another_root(forger: Forger) -> None:
    receipt = forger.book.post(txn(ISSUANCE, ANNA, 5), key="secret")

    def change(wire: Wire) -> None:
        wire.run("DELETE FROM unsealed WHERE ledger_id = ?", (LEDGER,))
        wire.run("UPDATE log_leaf SET idx = idx + 1000000 WHERE ledger_id = ? AND idx >= 10", (LEDGER,))
        wire.run("UPDATE log_leaf SET idx = idx - 999999 WHERE ledger_id = ? AND idx >= 1000000", (LEDGER,))
        wire.run(
            "INSERT INTO log_leaf (ledger_id, idx, subject_id, leaf_hash) VALUES (?, 10, ?, ?)",
            (LEDGER, wire.uuid_in(receipt.txn_id), receipt.leaf_hash),
        )
        redo_nodes(wire)

    forger.forge(change)
    assert forger.found() == {"the log has every root that was signed"}


def test_a_gap_in_the_log_is_named(forger: Forger) -> None:
    forger.forge(lambda wire: wire.run("UPDATE log_leaf SET idx = idx + 1 WHERE idx = 300") and None)
    assert "leaves are numbered without gaps" in forger.found()


def test_a_queue_with_another_leaf_is_named(forger: Forger) -> None:
    forger.book.post(txn(ISSUANCE, ANNA, 5), key="waits")
    forger.forge(lambda wire: wire.run("UPDATE unsealed SET leaf_hash = ?", (bytes(32),)) and None)
    assert forger.found() == {"what waits for the log was posted"}


def test_nodes_are_met_in_the_order_in_which_a_growing_log_completes_them() -> None:
    places = [(8, 0), (8, 255), (16, 0), (8, 256), (8, 511), (16, 1), (8, 65535), (16, 255), (24, 0), (8, 65536)]
    assert all(verify_log._order(one) < verify_log._order(other) for one, other in pairwise(places))


def test_a_removed_checkpoint_is_missed_by_who_has_it(forger: Forger) -> None:
    forger.forge(lambda wire: wire.run("DELETE FROM checkpoint WHERE size < 100") and None)
    assert forger.found() == set()
    assert forger.found(*forger.published) == {"a published checkpoint is on record"}


def test_a_checkpoint_row_that_its_note_does_not_say_is_named(forger: Forger) -> None:
    forger.forge(lambda wire: wire.run("UPDATE checkpoint SET size = 12 WHERE size = 11") and None)
    assert "a checkpoint says what its row says" in forger.found()
    forger.forge(lambda wire: wire.run("UPDATE checkpoint SET note = 'x'") and None)
    assert "a checkpoint says what its row says" in forger.found()


def test_a_published_checkpoint_of_somebody_else_proves_nothing(forger: Forger) -> None:
    other = Signer(SIGNER.origin, b"another key of thirty-two bytes!")
    note = other.sign(checkpoint_text(other.origin, 11, bytes(32)))
    assert forger.found(note) == {"a published checkpoint is signed with a key of the log"}


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE log_node SET hash = {zero}",
        "DELETE FROM log_node",
        "INSERT INTO log_node SELECT ledger_id, level, idx + 7, hash FROM log_node",
        "INSERT INTO log_node SELECT ledger_id, level + 8, idx, hash FROM log_node",
    ],
)
def test_a_changed_node_is_named_and_made_anew(forger: Forger, sql: str) -> None:
    zero = "zeroblob(32)" if forger.engine.dialect.name == "sqlite" else f"decode('{'00' * 32}', 'hex')"
    forger.forge(lambda wire: wire.run(sql.format(zero=zero)) and None)
    assert forger.found() == {"a tile node is the hash of its leaves"}
    assert forger.book.rebuild()["log_node"] == 1
    assert forger.found(*forger.published) == set()


PROJECTIONS = {
    "credited": "UPDATE balance SET cr_posted = cr_posted + 1 WHERE {anna}",
    "both": "UPDATE balance SET cr_posted = cr_posted + 7, dr_posted = dr_posted + 7 WHERE {anna}",
    "held": "UPDATE balance SET held = held + 1 WHERE {anna}",
    "seq": "UPDATE balance SET seq = seq + 1 WHERE {anna}",
    "daily": "UPDATE daily SET dr = dr + 1 WHERE {anna}",
    "daily gone": "DELETE FROM daily WHERE {anna}",
    "daily more": "INSERT INTO daily SELECT ledger_id, account_id, '2020-01-01', 5, 5 FROM daily WHERE {anna}",
    "balance gone": "DELETE FROM balance WHERE {anna}",
}


@pytest.mark.parametrize("name", PROJECTIONS)
def test_a_changed_projection_is_named_and_made_anew_from_the_facts(forger: Forger, name: str) -> None:
    before = facts(forger)
    anna = "account_id = (SELECT id FROM account WHERE path = 'member:anna')"
    forger.forge(lambda wire: _some(wire.run(PROJECTIONS[name].format(anna=anna))))
    assert forger.found()
    assert sum(forger.book.rebuild().values()) == 1
    assert forger.found(*forger.published) == set()
    assert sum(forger.book.rebuild().values()) == 0
    assert facts(forger) == before


def _some(rows: int) -> None:
    assert rows == 1


def facts(forger: Forger) -> list[Sequence[Any]]:
    """Everything that may never change."""
    return [
        read(forger.engine, lambda wire, table=table: sorted(wire.rows(f"SELECT * FROM {table}"), key=repr), None)
        for table in FACTS
    ]


def test_a_lost_balance_comes_back_frozen(forger: Forger) -> None:
    before = forger.book.balance(ANNA, "MIN")
    forger.forge(
        lambda wire: _some(
            wire.run("DELETE FROM balance WHERE account_id = (SELECT id FROM account WHERE path = ?)", (ANNA,))
        )
    )
    forger.book.rebuild()
    assert forger.book.balance(ANNA, "MIN") == before
    with pytest.raises(Exception, match="frozen"):
        forger.book.post(txn(ISSUANCE, ANNA, 5), key="after")


def test_a_forged_fact_stays_and_stays_named(forger: Forger) -> None:
    forger.forge(lambda wire: edit_rows(wire, "amount") and None)
    named = forger.found()
    forger.book.rebuild()
    assert "the canonical bytes say what the rows say" in forger.found() & named


def test_verify_tells_how_far_it_is(forger: Forger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "STEPS_TOLD", 250)
    told: list[tuple[int, int]] = []
    forger.book.verify(progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (len(verify.RULES) + 2 * 301, len(verify.RULES) + 2 * 301)
    rules = len(verify.RULES)
    assert [done for done, _ in told] == [*range(1, rules + 1), 250, 500, rules + 2 * 301]
