"""Checkpoints and proofs of a book's log, on both engines."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger import Ledger, errors, merkle, notes
from ledger.notes import Signer
from ledger.running import read
from ledger.tiles import Tree
from ledger.wire import Wire
from tests.ledger.builders import ANNA, ISSUANCE, Clock, earn, open_chart, txn
from tests.ledger.logs import SIGNER, count, leaves, post_some, seal_all


@pytest.fixture
def book(engine: Engine, ledger_id: int, clock: Clock) -> Ledger:
    """A book that signs."""
    made = Ledger(engine, ledger_id, clock, signer=SIGNER)
    open_chart(made)
    return made


def is_included(proof: Any) -> bool:
    return merkle.check_inclusion(
        proof.leaf_hash, proof.index, proof.checkpoint.size, proof.hashes, proof.checkpoint.root
    )


def test_the_log_is_signed_once_at_each_size(book: Ledger, engine: Engine, ledger_id: int) -> None:
    assert book.sign() is None
    assert book.checkpoint() is None
    post_some(book, 3)
    assert book.sign() is None
    seal_all(book)
    signed = book.sign()
    assert signed is not None
    assert signed == book.checkpoint()
    said = notes.read_checkpoint(signed.note)
    assert (said.origin, said.size, said.root) == (SIGNER.origin, 3, signed.root)
    assert notes.is_signed_by(signed.note, SIGNER.origin, SIGNER.public)
    assert book.sign() is None
    assert count(engine, ledger_id, "checkpoint") == 1


def test_a_busy_log_is_signed_now_and_then(book: Ledger, clock: Clock) -> None:
    minute = timedelta(minutes=1)
    sizes = []
    for number in range(4):
        earn(book, ANNA, 1, key=str(number))
        seal_all(book)
        signed = book.sign(not_within=minute)
        sizes.append(signed.size if signed else None)
        clock.move(seconds=25)
    assert sizes == [1, None, None, 4]


def test_the_root_is_the_one_over_all_leaves(book: Ledger, engine: Engine, ledger_id: int) -> None:
    for number in (1, 254, 1, 1, 255, 300):
        post_some(book, number, start=count(engine, ledger_id, "txn"))
        seal_all(book, 100)
        signed = book.sign()
        tree = merkle.Growing()
        for _, _, leaf in leaves(engine, ledger_id):
            list(tree.add(leaf))
        assert signed is not None
        assert (signed.size, signed.root) == (tree.size, tree.root())


def test_without_a_signer_nothing_is_signed(engine: Engine, ledger_id: int) -> None:
    with pytest.raises(errors.InvalidTxn, match="no signer"):
        Ledger(engine, ledger_id).sign()


def test_a_new_key_signs_the_same_size_again(book: Ledger, engine: Engine, ledger_id: int, clock: Clock) -> None:
    earn(book, ANNA, 1)
    seal_all(book)
    book.sign()
    new = Signer(SIGNER.origin, bytes(32), former=[SIGNER.public])
    clock.move(seconds=1)
    again = Ledger(engine, ledger_id, clock, signer=new)
    signed = again.sign(not_within=timedelta(days=1))
    assert signed is not None
    assert notes.is_signed_by(signed.note, new.origin, new.public)
    assert book.checkpoint() == signed
    assert again.verify().ok
    assert not book.verify().ok  # who does not know the new key cannot vouch for it


def test_every_transaction_is_proved_under_every_checkpoint(book: Ledger, engine: Engine, ledger_id: int) -> None:
    receipts, sizes = [], []
    for number in (1, 2, 300):
        start = len(receipts)
        batch = [(f"t{n}", txn(ISSUANCE, ANNA, 1)) for n in range(start, start + number)]
        receipts += book.post_many(batch)
        seal_all(book)
        signed = book.sign()
        assert signed is not None
        sizes.append(signed.size)
    for place in (0, 1, 2, 3, 255, 256, 302):
        for size in sizes:
            if place >= size:
                with pytest.raises(errors.NotInLog, match="not among the first"):
                    book.prove(receipts[place].txn_id, size)
                continue
            proof = book.prove(receipts[place].txn_id, size)
            assert (proof.index, proof.leaf_hash) == (place, receipts[place].leaf_hash)
            assert is_included(proof)
            assert proof.canonical == book.transaction(receipts[place].txn_id).canonical


def test_checkpoints_are_proved_to_follow_each_other(book: Ledger, engine: Engine, ledger_id: int) -> None:
    sizes = []
    for number in (1, 2, 5, 292):
        post_some(book, number, start=count(engine, ledger_id, "txn"))
        seal_all(book)
        signed = book.sign()
        assert signed is not None
        sizes.append(signed.size)
    for first in sizes:
        for second in sizes:
            if first > second:
                with pytest.raises(errors.InvalidTxn):
                    book.prove_consistency(first, second)
                continue
            proof = book.prove_consistency(first, second)
            assert merkle.check_consistency(first, second, proof.hashes, proof.first.root, proof.second.root)


@pytest.mark.parametrize("sizes", [(0, 1), (0, 0), (1.0, 1), (True, 1), (1, "1")])
def test_nothing_is_proved_from_sizes_that_are_none(book: Ledger, sizes: Any) -> None:
    earn(book, ANNA, 1)
    seal_all(book)
    book.sign()
    with pytest.raises(errors.InvalidTxn, match="sizes are integers"):
        book.prove_consistency(*sizes)


def test_a_size_that_was_not_signed_has_no_proof(book: Ledger) -> None:
    post_some(book, 2)
    seal_all(book)
    book.sign()
    with pytest.raises(errors.NotInLog, match="no checkpoint of 1"):
        book.prove_consistency(1, 2)


def test_until_it_is_in_the_log_there_is_the_promise(book: Ledger, clock: Clock) -> None:
    receipt = earn(book, ANNA, 5)
    waiting = book.prove(receipt.txn_id)
    assert (waiting.index, waiting.checkpoint, waiting.hashes) == (None, None, ())
    assert waiting.promise == receipt.promise
    assert receipt.promise is not None
    assert receipt.promise.startswith(f"{SIGNER.origin}\npromise\n")
    assert "\n2026-03-03T09:00:00Z\n" in receipt.promise
    assert notes.is_signed_by(receipt.promise, SIGNER.origin, SIGNER.public)
    seal_all(book)
    assert book.prove(receipt.txn_id).checkpoint is None
    book.sign()
    assert is_included(book.prove(receipt.txn_id))


def test_every_receipt_carries_its_promise(book: Ledger, engine: Engine, ledger_id: int) -> None:
    first = earn(book, ANNA, 5)
    again = earn(book, ANNA, 5)
    many = book.post_many([("many", txn(ISSUANCE, ANNA, 1))])
    held = book.hold(ANNA, "MIN", 2, expires_at=None, key="h", actor="p")
    assert first.promise == again.promise
    assert all(one.promise for one in (*many, held))
    unsigned = Ledger(engine, ledger_id)
    assert earn(unsigned, ANNA, 1, key="unsigned").promise is None


def test_what_was_never_posted_is_not_proved(book: Ledger) -> None:
    with pytest.raises(errors.UnknownTxn):
        book.prove(uuid.uuid4())
    with pytest.raises(errors.InvalidTxn):
        book.prove("abc")  # type: ignore[arg-type]


def test_erasing_a_memo_leaves_every_proof_valid(book: Ledger, engine: Engine, ledger_id: int) -> None:
    receipt = book.post(txn(ISSUANCE, ANNA, 5, memo="sat with her mother"), key="told")
    post_some(book, 4)
    seal_all(book)
    book.sign()
    before = book.prove(receipt.txn_id)
    assert book.erase_memo(receipt.txn_id)
    assert not book.erase_memo(receipt.txn_id)
    assert book.transaction(receipt.txn_id).memo is None
    assert count(engine, ledger_id, "memo") == 0
    assert book.prove(receipt.txn_id) == before
    assert is_included(before)
    assert b"mother" not in before.canonical
    assert book.verify().ok


@pytest.mark.parametrize("place", [(0, 3), (1, 1), (2, 0)])
def test_a_subtree_that_is_not_complete_has_no_hash(
    book: Ledger, engine: Engine, ledger_id: int, place: merkle.Place
) -> None:
    post_some(book, 3)
    seal_all(book)
    with pytest.raises(LookupError, match="no subtree"):
        read(engine, lambda wire: Tree(wire, ledger_id).hash_at(place), None)


def test_a_tile_is_served_as_wide_as_the_log_reaches(book: Ledger, engine: Engine, ledger_id: int) -> None:
    post_some(book, 258)
    seal_all(book)
    hashes = [leaf for _, _, leaf in leaves(engine, ledger_id)]
    assert book.tile(0, 0) == b"".join(hashes[:256])
    assert book.tile(0, 0, 3) == b"".join(hashes[:3])
    assert book.tile(0, 1, 2) == b"".join(hashes[256:])
    assert book.tile(1, 0, 1) == merkle.whole(hashes[:256])
    for absent in ((0, 1, 3), (0, 1), (1, 0, 2), (1, 1, 1), (2, 0, 1), (63, 10**15, 1)):
        assert book.tile(*absent) is None


def test_a_proof_costs_the_same_few_statements_however_long_the_log(
    book: Ledger, engine: Engine, ledger_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two to find it, and at most two tiles for every eighth level: one on the path, one at the right edge."""
    receipt = earn(book, ANNA, 1)
    sent: list[str] = []
    plain = Wire._send
    monkeypatch.setattr(Wire, "_send", lambda self, sql, params: (sent.append(sql), plain(self, sql, params))[1])
    costs = []
    for number in (300, 700):
        post_some(book, number, start=count(engine, ledger_id, "txn"))
        seal_all(book)
        book.sign()
        sent.clear()
        assert is_included(book.prove(receipt.txn_id))
        costs.append(len(sent))
    assert costs == [4, 5]
