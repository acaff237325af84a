"""Folding what moved on lazy accounts into their balances, daily sums and entries, a bounded piece at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ledger.wire import Id, Row, Wire, us_out
from ledger.writing import Change, fold

MOST_AT_ONCE = 500
"""Queue rows folded in one transaction: some 20 ms during which nobody waits, for nobody else locks these accounts."""

# Exact rows, never everything up to a mark: a row that commits late has a lower id and would be passed over for ever.
# A row that another projector has claimed is locked and skipped; one rolled back is there again.
_CLAIM = """
DELETE FROM unprojected WHERE (ledger_id, account_id, txn_id, ordinal) IN (
    SELECT ledger_id, account_id, txn_id, ordinal FROM unprojected
    WHERE ledger_id = ? AND account_id = ? LIMIT ?{lock})
RETURNING account_id, txn_id, ordinal, delta, effective_date, recorded_at"""
_NEXT = "SELECT account_id FROM unprojected WHERE ledger_id = ? AND account_id > ? ORDER BY account_id LIMIT 1"
_FIRST = "SELECT account_id FROM unprojected WHERE ledger_id = ? ORDER BY account_id LIMIT 1"
_LOCK = "SELECT seq, cr_posted - dr_posted, last_recorded_at FROM balance WHERE ledger_id = ? AND account_id = ?"


def next_account(wire: Wire, ledger_id: int, after: Id | None) -> Id | None:
    """Return the account after this one on which something waits to be folded; None after the last."""
    rows = wire.rows(_FIRST, (ledger_id,)) if after is None else wire.rows(_NEXT, (ledger_id, after))
    return rows[0][0] if rows else None


def fold_some(wire: Wire, ledger_id: int, account_id: Id, most: int = MOST_AT_ONCE) -> int:
    """Fold a bounded piece of one account's queue inside the open transaction; return how many movements.

    The balance row's lock comes first, so that two projectors number the account's entries one after the other.
    """
    lock = " FOR NO KEY UPDATE" if wire.is_postgres else ""
    seq, balance, last = wire.rows(_LOCK + lock, (ledger_id, account_id))[0]
    claim = _CLAIM.format(lock=" FOR UPDATE SKIP LOCKED" if wire.is_postgres else "")
    rows = sorted(wire.rows(claim, (ledger_id, account_id, most)), key=lambda row: (us_out(row[5]), row[1], row[2]))
    if rows:
        fold(wire, ledger_id, _change(account_id, rows, last), (seq, balance))
    return len(rows)


def _change(account_id: Id, rows: Sequence[Row], last: Any) -> Change:
    """Return what these movements do; the account's last moment never goes back, though one may commit late."""
    deltas = [row[3] for row in rows]
    change = Change(account_id, last_recorded_at=max(last, rows[-1][5]))
    change.credits = sum(delta for delta in deltas if delta > 0)
    change.debits = change.credits - sum(deltas)
    change.moves = [row[1:] for row in rows]
    return change
