"""Checking the closes against the facts, in the same walk through the book in which verify checks the hashes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from ledger import canonical, past
from ledger.history import Record
from ledger.ids import first_at
from ledger.values import Finding, TrialRow
from ledger.wire import Wire, day_out, raw_out, us_out

Pair = tuple[str, str]
_CLOSES = """
SELECT id, closed_through, trial_balance_digest, recorded_at, actor, canonical, leaf_hash FROM period_close
WHERE ledger_id = ? ORDER BY closed_through"""
_CLOSING = """
SELECT a.path, a.unit, k.dr, k.cr FROM closing k JOIN account a ON a.ledger_id = k.ledger_id AND a.id = k.account_id
WHERE k.ledger_id = ? AND k.closed_through = ?"""


@dataclass(frozen=True, slots=True)
class _Stored:
    """A close as stored."""

    close_id: bytes
    through: date
    digest: bytes
    recorded_us: int
    actor: str
    canonical: bytes
    leaf_hash: bytes


class ClosingChecks:
    """Is shown every transaction, by its effective day where there are closes, and keeps one sum for each account."""

    def __init__(self, wire: Wire, ledger_id: int) -> None:
        self._wire = wire
        self._ledger_id = ledger_id
        self._ahead = [_stored(row) for row in reversed(wire.rows(_CLOSES, (ledger_id,)))]
        self.has_closes = bool(self._ahead)
        self._sums: dict[Pair, list[int]] = {}
        self._late: list[Record] = []
        self._last_us: int | None = None

    def see(self, record: Record) -> Iterator[Finding]:
        """Check each close that lies before this transaction's day, then count the transaction."""
        if not first_at(record.recorded_us) <= record.txn_id < first_at(record.recorded_us + 1):
            yield Finding("an id tells when it was recorded", _text(record.txn_id), str(record.recorded_us))
        while self._ahead and self._ahead[-1].through < record.effective:
            yield from self._check(self._ahead.pop())
        if self._ahead and record.recorded_us > self._ahead[-1].recorded_us:
            # A later close may have known it: it is counted from there on.
            self._late.append(record)
            through = self._ahead[-1].through.isoformat()
            yield Finding("nothing is recorded in a closed period", _text(record.txn_id), through)
        elif self.has_closes:
            _count(self._sums, record)

    def finish(self) -> Iterator[Finding]:
        """Check the closes after the last transaction, and that the last close is the one postings are held to."""
        while self._ahead:
            yield from self._check(self._ahead.pop())
        sql = "SELECT closed_through, (SELECT MAX(closed_through) FROM period_close c WHERE c.ledger_id = p.ledger_id)"
        for kept, wanted in self._wire.rows(f"{sql} FROM period p WHERE p.ledger_id = ?", (self._ledger_id,)):
            if kept != wanted:
                yield Finding("the period ends with the last close", str(kept), str(wanted))

    def _check(self, close: _Stored) -> Iterator[Finding]:
        where = _text(close.close_id)
        known = [record for record in self._late if record.recorded_us <= close.recorded_us]
        self._late = [record for record in self._late if record.recorded_us > close.recorded_us]
        for record in known:
            _count(self._sums, record)
        rows = [TrialRow(*pair, *sums) for pair, sums in self._sums.items()]
        if past.digest(self._ledger_id, close.through, rows) != close.digest:
            yield Finding("a close publishes the trial balance of its day", where, close.digest.hex())
        if close.canonical != self._canonical(close, len(rows)):
            yield Finding("a close's bytes say what its row says", where, close.through.isoformat())
        if close.leaf_hash != canonical.leaf_hash(close.canonical):
            yield Finding("a close's leaf is the hash of its bytes", where, close.leaf_hash.hex())
        if self._last_us is not None and close.recorded_us <= self._last_us:
            yield Finding("closes go forward", where, close.through.isoformat())
        self._last_us = close.recorded_us
        yield from self._check_closing(close)

    def _check_closing(self, close: _Stored) -> Iterator[Finding]:
        """Compare the closing balances, which as-of answers begin with, with the facts of all these days."""
        wanted = {pair: list(sums) for pair, sums in self._sums.items()}
        for record in self._late:
            _count(wanted, record)
        stored = self._wire.rows(_CLOSING, (self._ledger_id, self._wire.day_in(close.through)))
        found = {(path, unit): [debits, credits_] for path, unit, debits, credits_ in stored}
        for pair in sorted(wanted.keys() | found.keys()):
            if wanted.get(pair) != found.get(pair):
                detail = f"{pair[0]} {pair[1]}: {found.get(pair)}, {wanted.get(pair)}"
                yield Finding("a closing balance is the sum of its transfers", close.through.isoformat(), detail)

    def _canonical(self, close: _Stored, accounts: int) -> bytes:
        return canonical.close(
            ledger_id=self._ledger_id,
            close_id=close.close_id,
            through=close.through.isoformat(),
            digest=close.digest,
            accounts=accounts,
            recorded_us=close.recorded_us,
            actor=close.actor,
        )


def _count(sums: dict[Pair, list[int]], record: Record) -> None:
    for t in record.transfers:
        sums.setdefault((t.debit, t.unit), [0, 0])[0] += t.amount
        sums.setdefault((t.credit, t.unit), [0, 0])[1] += t.amount


def _stored(row: tuple[Any, ...]) -> _Stored:
    own_id, through, digest, recorded_at, actor, text, leaf = row
    return _Stored(
        raw_out(own_id), day_out(through), bytes(digest), us_out(recorded_at), str(actor), bytes(text), bytes(leaf)
    )


def _text(raw: bytes) -> str:
    return str(uuid.UUID(bytes=raw)) if len(raw) == 16 else raw.hex()
