"""Answers given before: the same key with the same body gets the same answer for ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ledger.errors import FINAL, LedgerError
from ledger.values import Receipt, Transfer
from ledger.wire import Id, Wire, day_out, maybe, moment_out, uuid_out


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered to a key, and the hash of the body it was asked with."""

    key: str
    request_hash: bytes
    receipt: Receipt | None
    reason: str | None

    def outcome(self) -> Receipt | LedgerError:
        """Return the answer marked as replayed."""
        if self.receipt is not None:
            return self.receipt
        code, _, message = (self.reason or "").partition(": ")
        return FINAL[code](message, key=self.key, replayed=True)


def find(wire: Wire, ledger_id: int, keys: Sequence[str]) -> dict[str, Answer]:
    """Return the earlier answers to these keys."""
    rows = wire.rows(*question(wire, ledger_id, keys))
    if not rows:
        return {}
    receipts = _receipts(wire, ledger_id, [row[2] for row in rows if row[2] is not None])
    return {
        key: Answer(key, bytes(request_hash), receipts.get(txn_id), reason)
        for key, request_hash, txn_id, reason in rows
    }


def question(wire: Wire, ledger_id: int, keys: Sequence[str]) -> tuple[str, list[Any]]:
    """Return the statement and its values that ask for the earlier answers to these keys."""
    condition, params = wire.any_of("key", keys, "text")
    sql = f"SELECT key, request_hash, txn_id, reason FROM idempotency WHERE ledger_id = ? AND {condition}"  # noqa: S608
    return sql, [ledger_id, *params]


def _receipts(wire: Wire, ledger_id: int, ids: Sequence[Id]) -> dict[Id, Receipt]:
    if not ids:
        return {}
    condition, params = wire.any_of("t.id", ids, "uuid")
    txns = wire.rows(
        f"SELECT t.id, t.leaf_hash, t.nonce, t.recorded_at FROM txn t WHERE t.ledger_id = ? AND {condition}",  # noqa: S608
        [ledger_id, *params],
    )
    transfers = transfers_of(wire, ledger_id, ids)
    receipts = {}
    for txn_id, leaf, nonce, recorded in txns:
        rows = tuple(transfers[txn_id])
        proof = (bytes(leaf), bytes(nonce))
        receipts[txn_id] = Receipt(uuid_out(txn_id), *proof, moment_out(recorded), rows, replayed=True)
    return receipts


def transfers_of(wire: Wire, ledger_id: int, ids: Sequence[Id]) -> dict[Id, list[Transfer]]:
    """Return the transfers of these transactions, in their order."""
    condition, params = wire.any_of("r.txn_id", ids, "uuid")
    rows = wire.rows(
        "SELECT r.txn_id, d.path, c.path, r.unit, r.amount, r.expires_on FROM transfer r "  # noqa: S608
        "JOIN account d ON d.ledger_id = r.ledger_id AND d.id = r.debit_id "
        "JOIN account c ON c.ledger_id = r.ledger_id AND c.id = r.credit_id "
        f"WHERE r.ledger_id = ? AND {condition} ORDER BY r.txn_id, r.ordinal",
        [ledger_id, *params],
    )
    found: dict[Id, list[Transfer]] = {key: [] for key in ids}
    for txn_id, debit, credit, unit, amount, expires_on in rows:
        found[txn_id].append(Transfer(debit, credit, unit, amount, maybe(day_out, expires_on)))
    return found
