"""Posting, single and in batches."""

from __future__ import annotations

from ledger import Ledger
from tests.ledger.builders import ANNA, ISSUANCE, available, earn


def test_a_posting_moves_the_amount_once(book: Ledger) -> None:
    receipt = earn(book, ANNA, 90)
    assert (available(book, ANNA), available(book, ISSUANCE)) == (90, -90)
    assert book.transaction(receipt.txn_id).leaf_hash == receipt.leaf_hash
