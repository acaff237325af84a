"""Turnovers and followers: what went through an account, and what came of a transaction."""

from __future__ import annotations

from datetime import timedelta

from ledger import Ledger
from tests.ledger.builders import ANNA, BORIS, SHOP, TODAY, UNIT, earn, pay


def test_turnovers_count_both_directions_ever_and_since_a_day(book: Ledger) -> None:
    earn(book, ANNA, 60)
    pay(book, ANNA, BORIS, 25, key="b")
    assert book.turnovers([ANNA]) == {(ANNA, UNIT): (25, 60)}
    assert book.turnovers([ANNA], TODAY) == {(ANNA, UNIT): (25, 60)}
    assert book.turnovers([ANNA], TODAY + timedelta(days=1)) == {}
    assert book.turnovers([]) == {}


def test_followers_name_what_reversed_or_resolved_a_transaction(book: Ledger) -> None:
    earned = earn(book, ANNA, 60)
    held = book.hold(ANNA, UNIT, 20, expires_at=None, key="h", actor="p")
    captured = book.capture(held.txn_id, SHOP, key="c", actor="p")
    given = pay(book, ANNA, BORIS, 5, key="g")
    undone = book.reverse(given.txn_id, key="r", actor="p")
    asked = [one.txn_id for one in (earned, held, captured, given)]
    assert book.followers(asked) == {
        held.txn_id: (captured.txn_id, "capture"),
        given.txn_id: (undone.txn_id, "reversal"),
    }
    assert book.followers([]) == {}
