"""What one batch writes, in sets: keys, transactions, memos, transfers, balances, entries, daily sums."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from ledger.errors import LedgerError
from ledger.lot_rows import write_lots
from ledger.plans import Posted
from ledger.wire import Id, Insert, Row, Wire


@dataclass(slots=True)
class Change:
    """What a batch does to one account."""

    account_id: Id
    debits: int = 0
    credits: int = 0
    held: int = 0
    dated: int = 0
    last_recorded_at: Any = None
    moves: list[tuple[Id, int, int, Any, Any]] = field(default_factory=list)
    """(txn, ordinal, signed amount, effective, recorded) in the order of posting."""


class SharedRefusal(Exception):
    """A shared account, touched last and without a lock, is frozen or would leave its limits on the way."""


_KEY_COLUMNS = (
    ("ledger_id", "bigint"),
    ("key", "text"),
    ("request_hash", "bytea"),
    ("outcome", "text"),
    ("txn_id", "uuid"),
    ("reason", "text"),
    ("recorded_at", "timestamptz"),
)
_KEYS = Insert("idempotency", _KEY_COLUMNS, " ON CONFLICT DO NOTHING")
# In a message that may end with COMMIT a twin's key has to be an error: nothing behind it is done then.
_KEYS_OR_ERROR = Insert("idempotency", _KEY_COLUMNS)
_TXNS = Insert(
    "txn",
    (
        ("ledger_id", "bigint"),
        ("id", "uuid"),
        ("kind", "text"),
        ("effective_date", "date"),
        ("recorded_at", "timestamptz"),
        ("actor", "text"),
        ("reverses_id", "uuid"),
        ("resolves_id", "uuid"),
        ("expires_at", "timestamptz"),
        ("memo_digest", "bytea"),
        ("nonce", "bytea"),
        ("canonical", "bytea"),
        ("leaf_hash", "bytea"),
    ),
)
_MEMOS = Insert("memo", (("ledger_id", "bigint"), ("txn_id", "uuid"), ("salt", "bytea"), ("text", "text")))
_TRANSFERS = Insert(
    "transfer",
    (
        ("ledger_id", "bigint"),
        ("txn_id", "uuid"),
        ("ordinal", "bigint"),
        ("unit", "text"),
        ("debit_id", "uuid"),
        ("credit_id", "uuid"),
        ("amount", "bigint"),
        ("expires_on", "date"),
    ),
)
_UNSEALED = Insert("unsealed", (("ledger_id", "bigint"), ("subject_id", "uuid"), ("leaf_hash", "bytea")))
_ENTRIES = Insert(
    "entry",
    (
        ("ledger_id", "bigint"),
        ("account_id", "uuid"),
        ("seq", "bigint"),
        ("txn_id", "uuid"),
        ("ordinal", "bigint"),
        ("delta", "bigint"),
        ("balance_after", "bigint"),
        ("effective_date", "date"),
        ("recorded_at", "timestamptz"),
    ),
)
_DAILY = Insert(
    "daily",
    (
        ("ledger_id", "bigint"),
        ("account_id", "uuid"),
        ("effective_date", "date"),
        ("dr", "bigint"),
        ("cr", "bigint"),
    ),
    " ON CONFLICT (ledger_id, account_id, effective_date)"
    " DO UPDATE SET dr = daily.dr + excluded.dr, cr = daily.cr + excluded.cr",
)
_QUEUE = Insert(
    "unprojected",
    (
        ("ledger_id", "bigint"),
        ("account_id", "uuid"),
        ("txn_id", "uuid"),
        ("ordinal", "bigint"),
        ("delta", "bigint"),
        ("effective_date", "date"),
        ("recorded_at", "timestamptz"),
    ),
)
_SET = (
    "dr_posted = dr_posted + ?, cr_posted = cr_posted + ?, held = held + ?, dated = dated + ?, seq = seq + ?, "
    "last_recorded_at = "
)
_UPDATE = f"UPDATE balance SET {_SET}? WHERE ledger_id = ? AND account_id = ?"  # noqa: S608
_UPDATE_MANY = """
UPDATE balance SET dr_posted = dr_posted + n.dr, cr_posted = cr_posted + n.cr, held = balance.held + n.held,
       dated = balance.dated + n.dated, seq = seq + n.entries, last_recorded_at = n.last
FROM unnest(?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::timestamptz[], ?::bigint[], ?::uuid[])
     AS n (dr, cr, held, dated, entries, last, ledger_id, id)
WHERE balance.ledger_id = n.ledger_id AND balance.account_id = n.id"""
_UPDATE_LATE = (
    f"UPDATE balance SET {_SET}GREATEST(last_recorded_at, ?) WHERE ledger_id = ? AND account_id = ? "  # noqa: S608
    "AND NOT frozen RETURNING seq, cr_posted - dr_posted, min_balance, max_balance"
)


def write(
    wire: Wire,
    ledger_id: int,
    posted: Sequence[Posted],
    refused: Sequence[LedgerError],
    *,
    hashes: Mapping[str, bytes],
    starts: Mapping[Id, tuple[int, int]],
    lazy: Collection[Id],
    recorded_at: Any,
) -> bool:
    """Write the batch; False where a twin took one of its keys meanwhile and everything must be undone.

    `starts` gives (seq, balance) of each locked account; an account that is not in it is updated last, by id.
    What moves on the `lazy` ones is queued for the projector and touches no balance row.
    Raises SharedRefusal where such an account is frozen or would leave its limits on the way.
    """
    keys: list[Row] = [(ledger_id, p.key, hashes[p.key], "posted", p.txn_id, None, recorded_at) for p in posted]
    keys += [
        (ledger_id, str(e.key), hashes[str(e.key)], "rejected", None, f"{e.code}: {e.message}", recorded_at)
        for e in refused
    ]
    # Sorted, so that two batches with the same keys wait for each other instead of in a circle.
    if keys and wire.is_quick:
        wire.put(_KEYS_OR_ERROR, sorted(keys))
    elif keys and wire.insert(_KEYS, sorted(keys)) < len(keys):
        return False
    if not posted:
        return True
    _write_txns(wire, ledger_id, posted)
    changes = _changes(posted)
    early = [change for key, change in changes.items() if key in starts]
    queued = [change for key, change in changes.items() if key in lazy]
    rest = (change for key, change in changes.items() if key not in starts and key not in lazy)
    late = sorted(rest, key=lambda change: change.account_id)
    _update(wire, ledger_id, early)
    if queued:
        wire.put(_QUEUE, [(ledger_id, change.account_id, *move) for change in queued for move in change.moves])
    known = dict(starts) | {change.account_id: _update_late(wire, ledger_id, change) for change in late}
    _write_lines(wire, ledger_id, [*early, *late], known)
    if any(p.lot_moves for p in posted):
        write_lots(wire, ledger_id, posted)
    return True


def _write_txns(wire: Wire, ledger_id: int, posted: Sequence[Posted]) -> None:
    txns: list[Row] = []
    memos: list[Row] = []
    transfers: list[Row] = []
    for p in posted:
        digest = None
        if p.memo is not None:
            salt, text, digest = p.memo
            memos.append((ledger_id, p.txn_id, salt, text))
        receipt = p.receipt
        links = (p.reverses, p.resolves, p.expires_at, digest)
        proof = (receipt.nonce, p.canonical, receipt.leaf_hash)
        txns.append((ledger_id, p.txn_id, p.kind, p.effective, p.recorded_at, p.actor, *links, *proof))
        transfers += [(ledger_id, p.txn_id, number, *row) for number, row in enumerate(p.rows, 1)]
    wire.put(_TXNS, txns)
    if memos:
        wire.put(_MEMOS, memos)
    wire.put(_TRANSFERS, transfers)
    wire.put(_UNSEALED, [(ledger_id, p.txn_id, p.receipt.leaf_hash) for p in posted])


def _changes(posted: Iterable[Posted]) -> dict[Id, Change]:
    changes: dict[Id, Change] = {}
    for p in posted:
        for number, (_unit, debit, credit, amount, _expires_on) in enumerate(p.rows, 1):
            for account_id, delta in ((debit, -amount), (credit, amount)):
                change = changes.get(account_id)
                if change is None:
                    change = changes[account_id] = Change(account_id)
                if delta < 0:
                    change.debits -= delta
                else:
                    change.credits += delta
                change.last_recorded_at = p.recorded_at
                change.moves.append((p.txn_id, number, delta, p.effective, p.recorded_at))
        for _number, account_id, _day, delta in p.lot_moves:
            changes[account_id].dated += delta
        if p.holder is not None:
            change = changes.setdefault(p.holder, Change(p.holder))
            change.held += p.held_change
            change.last_recorded_at = p.recorded_at
    return changes


def _update(wire: Wire, ledger_id: int, changes: Sequence[Change]) -> None:
    rows = [_update_row(ledger_id, change) for change in changes]
    if wire.is_postgres and len(rows) > 1:
        wire.put_run(_UPDATE_MANY, [list(column) for column in zip(*rows, strict=True)])
    elif wire.is_postgres and rows:
        wire.put_run(_UPDATE, rows[0])
    elif rows:
        wire.run_many(_UPDATE, rows)


def _update_row(ledger_id: int, change: Change) -> Row:
    moved = (change.debits, change.credits, change.held, change.dated, len(change.moves))
    return (*moved, change.last_recorded_at, ledger_id, change.account_id)


def _update_late(wire: Wire, ledger_id: int, change: Change) -> tuple[int, int]:
    """Update an account that was not locked before; return its (seq, balance) from before the batch."""
    found = wire.rows(_UPDATE_LATE, _update_row(ledger_id, change))
    if not found:
        raise SharedRefusal
    seq, balance, floor, ceiling = found[0]
    start = balance - change.credits + change.debits
    if any(_is_outside(at, floor, ceiling) for at in _after_each_txn(start, change)):
        raise SharedRefusal
    return seq - len(change.moves), start


def _after_each_txn(balance: int, change: Change) -> Iterator[int]:
    """Yield what the account holds after each of the batch's transactions: a later one may not pay for an earlier."""
    for _, moves in groupby(change.moves, key=lambda move: move[0]):
        balance += sum(move[2] for move in moves)
        yield balance


def _is_outside(balance: int, floor: int | None, ceiling: int | None) -> bool:
    return (floor is not None and balance < floor) or (ceiling is not None and balance > ceiling)


def fold(wire: Wire, ledger_id: int, change: Change, start: tuple[int, int]) -> None:
    """Write what was queued for one lazy account, whose row is locked and stands at `start` (seq, balance)."""
    _update(wire, ledger_id, [change])
    _write_lines(wire, ledger_id, [change], {change.account_id: start})
    wire.flush()


def _write_lines(wire: Wire, ledger_id: int, changes: Sequence[Change], starts: Mapping[Id, tuple[int, int]]) -> None:
    entries: list[Row] = []
    daily: dict[tuple[Id, Any], list[int]] = {}
    for change in changes:
        key = change.account_id
        seq, balance = starts[key]
        for txn_id, number, delta, effective, recorded_at in change.moves:
            seq += 1
            balance += delta
            entries.append((ledger_id, key, seq, txn_id, number, delta, balance, effective, recorded_at))
            day = daily.setdefault((key, effective), [0, 0])
            day[0 if delta < 0 else 1] += abs(delta)
    if entries:
        wire.put(_ENTRIES, entries)
        wire.put(_DAILY, [(ledger_id, *key, *sums) for key, sums in daily.items()])
