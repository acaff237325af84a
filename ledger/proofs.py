"""Checkpoints and proofs of one ledger's log: signing its root, and showing what is under it."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from ledger import lease, merkle, tiles
from ledger.errors import InvalidTxn, NotInLog, UnknownTxn
from ledger.notes import Signer, checkpoint_text
from ledger.sealing import JOB
from ledger.tiles import Tree
from ledger.values import Checkpoint, ConsistencyProof, InclusionProof, promise
from ledger.wire import Insert, Wire, moment_out, to_us

_CHECKPOINT = "SELECT size, root, note, recorded_at FROM checkpoint WHERE ledger_id = ? "
_NEWEST = "ORDER BY size DESC, recorded_at DESC LIMIT 1"
_CHECKPOINTS = Insert(
    "checkpoint",
    (
        ("ledger_id", "bigint"),
        ("size", "bigint"),
        ("key_hash", "bytea"),
        ("root", "bytea"),
        ("note", "text"),
        ("recorded_at", "timestamptz"),
    ),
)
_SUBJECT = """
SELECT s.canonical, s.leaf_hash, s.recorded_at, l.idx FROM {table} s
LEFT JOIN log_leaf l ON l.ledger_id = s.ledger_id AND l.subject_id = s.id
WHERE s.ledger_id = ? AND s.id = ?"""


def newest(wire: Wire, ledger_id: int) -> Checkpoint | None:
    """Return the newest signed checkpoint of the largest size, None before the first."""
    return _one(wire.rows(_CHECKPOINT + _NEWEST, (ledger_id,)))


def at_size(wire: Wire, ledger_id: int, size: int) -> Checkpoint:
    """Return the newest checkpoint of this size; NotInLog where none was signed."""
    found = _one(wire.rows(f"{_CHECKPOINT} AND size = ? {_NEWEST}", (ledger_id, size)))
    if found is None:
        raise NotInLog(f"no checkpoint of {size} leaves was signed")
    return found


def _one(rows: list[tuple[Any, ...]]) -> Checkpoint | None:
    return Checkpoint(int(rows[0][0]), bytes(rows[0][1]), rows[0][2], moment_out(rows[0][3])) if rows else None


def sign(wire: Wire, ledger_id: int, signer: Signer, now: datetime, not_within: timedelta) -> Checkpoint | None:
    """Sign the log as it is, unless that was done, or a smaller one was signed within the last `not_within`.

    Under the sealer's lease, so that nobody signs a root twice. None where nothing was signed.
    """
    lease.hold(wire, ledger_id, JOB)
    size = tiles.size(wire, ledger_id)
    if size == 0 or _is_signed(wire, ledger_id, signer, size):
        return None
    last = newest(wire, ledger_id)
    if last is not None and last.size < size and now - last.recorded_at < not_within:
        return None
    root = Tree(wire, ledger_id).root(size)
    note = signer.sign(checkpoint_text(signer.origin, size, root))
    wire.insert(_CHECKPOINTS, [(ledger_id, size, signer.key_hash, root, note, wire.us_in(to_us(now)))])
    return Checkpoint(size, root, note, now)


def _is_signed(wire: Wire, ledger_id: int, signer: Signer, size: int) -> bool:
    sql = "SELECT 1 FROM checkpoint WHERE ledger_id = ? AND size = ? AND key_hash = ?"
    return bool(wire.rows(sql, (ledger_id, size, signer.key_hash)))


def prove(wire: Wire, ledger_id: int, subject_id: uuid.UUID, size: int | None, signer: Signer | None) -> InclusionProof:
    """Prove an entry under the checkpoint of `size` leaves (None: the newest); UnknownTxn, NotInLog.

    Without a `size`, what no checkpoint covers yet is answered with the promise alone.
    """
    canonical, leaf, recorded_at, index = _subject(wire, ledger_id, subject_id)
    promised = None if signer is None else promise(signer, leaf, recorded_at)
    checkpoint = newest(wire, ledger_id) if size is None else at_size(wire, ledger_id, size)
    if index is None or checkpoint is None or index >= checkpoint.size:
        if size is not None:
            raise NotInLog(f"{subject_id} is not among the first {size} leaves")
        return InclusionProof(subject_id, canonical, leaf, promised, None, (), None)
    path = merkle.inclusion(Tree(wire, ledger_id).hash_at, index, checkpoint.size)
    return InclusionProof(subject_id, canonical, leaf, promised, index, tuple(path), checkpoint)


def _subject(wire: Wire, ledger_id: int, subject_id: uuid.UUID) -> tuple[bytes, bytes, datetime, int | None]:
    if not isinstance(subject_id, uuid.UUID):
        raise InvalidTxn(f"a transaction's id is a UUID, not {subject_id!r}")
    for table in ("txn", "period_close"):
        rows = wire.rows(_SUBJECT.format(table=table), (ledger_id, wire.uuid_in(subject_id)))
        if rows:
            canonical, leaf, recorded_at, index = rows[0]
            return bytes(canonical), bytes(leaf), moment_out(recorded_at), index
    raise UnknownTxn(f"there is no transaction {subject_id}")


def prove_consistency(wire: Wire, ledger_id: int, first: int, second: int) -> ConsistencyProof:
    """Prove that the log of `second` leaves begins with that of `first`; InvalidTxn, NotInLog."""
    if type(first) is not int or type(second) is not int or not 1 <= first <= second:
        raise InvalidTxn(f"sizes are integers with 1 <= first <= second, not {first!r} and {second!r}")
    ends = at_size(wire, ledger_id, first), at_size(wire, ledger_id, second)
    return ConsistencyProof(*ends, tuple(merkle.consistency(Tree(wire, ledger_id).hash_at, first, second)))
