"""Every transaction of a book, one after another, in the order of its effective day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Any

from ledger.values import Transfer
from ledger.wire import Wire, day_out, maybe, raw_out, us_out

_SQL = """
SELECT t.id, t.kind, t.effective_date, t.recorded_at, t.actor, t.reverses_id, t.resolves_id, t.relates_id,
       t.expires_at, t.memo_digest, t.nonce, t.canonical, t.leaf_hash, m.salt, m.text,
       d.path, c.path, r.unit, r.amount, r.expires_on
FROM txn t
LEFT JOIN memo m ON m.ledger_id = t.ledger_id AND m.txn_id = t.id
LEFT JOIN transfer r ON r.ledger_id = t.ledger_id AND r.txn_id = t.id
LEFT JOIN account d ON d.ledger_id = r.ledger_id AND d.id = r.debit_id
LEFT JOIN account c ON c.ledger_id = r.ledger_id AND c.id = r.credit_id
WHERE t.ledger_id = ? AND t.effective_date <= ?
ORDER BY {order}t.id, r.ordinal"""
_BY_DAY = _SQL.format(order="t.effective_date, t.recorded_at, ")
_BY_ID = _SQL.format(order="")


@dataclass(slots=True)
class Record:
    """One transaction as stored; ids are 16 bytes, moments microseconds since 1970."""

    txn_id: bytes
    kind: str
    effective: date
    recorded_us: int
    actor: str
    reverses: bytes | None
    resolves: bytes | None
    relates: bytes | None
    expires_us: int | None
    memo_digest: bytes | None
    nonce: bytes
    canonical: bytes
    leaf_hash: bytes
    salt: bytes | None
    memo: str | None
    transfers: list[Transfer] = field(default_factory=list)


def records(wire: Wire, ledger_id: int, through: date | None = None, *, by_id: bool = False) -> Iterator[Record]:
    """Yield every transaction effective on or before `through` (None: all) by day, then moment, then id.

    By id alone nothing has to be sorted: the tables lie in that order.
    """
    rows = wire.stream(_BY_ID if by_id else _BY_DAY, (ledger_id, wire.day_in(through or date.max)))
    for _txn_id, group in groupby(rows, key=lambda row: row[0]):
        lines = list(group)
        record = _record(lines[0])
        record.transfers = [_transfer(line[15:]) for line in lines if line[18] is not None]
        yield record


def _transfer(row: tuple[Any, ...]) -> Transfer:
    debit, credit, unit, amount, expires_on = row
    return Transfer(debit, credit, unit, amount, maybe(day_out, expires_on))


def _record(row: tuple[Any, ...]) -> Record:
    txn_id, kind, effective, recorded, actor, reverses, resolves, relates, expires, digest, *rest = row[:15]
    nonce, canonical, leaf, salt, memo = rest
    return Record(
        raw_out(txn_id),
        kind,
        day_out(effective),
        us_out(recorded),
        actor,
        reverses=maybe(raw_out, reverses),
        resolves=maybe(raw_out, resolves),
        relates=maybe(raw_out, relates),
        expires_us=maybe(us_out, expires),
        memo_digest=maybe(bytes, digest),
        nonce=bytes(nonce),
        canonical=bytes(canonical),
        leaf_hash=bytes(leaf),
        salt=maybe(bytes, salt),
        memo=memo,
    )
