"""Sealing: what was posted gets its place in the log, by exact ids and by one worker at a time."""

from __future__ import annotations

from collections.abc import Iterator

from ledger import lease, merkle, tiles
from ledger.posting import Redo
from ledger.tiles import HEIGHT
from ledger.wire import Id, Insert, Row, Wire

MAX_BATCH = 1_000
JOB = "seal"

_QUEUE = "SELECT subject_id, leaf_hash FROM unsealed WHERE ledger_id = ? ORDER BY subject_id LIMIT ?"
_LEAVES = Insert(
    "log_leaf",
    (("ledger_id", "bigint"), ("idx", "bigint"), ("subject_id", "uuid"), ("leaf_hash", "bytea")),
)
_NODES = Insert("log_node", (("ledger_id", "bigint"), ("level", "bigint"), ("idx", "bigint"), ("hash", "bytea")))


class LostClaim(Redo):
    """Somebody sealed the same rows without the lease: undo the batch and look again."""


def seal(wire: Wire, ledger_id: int, most: int) -> int:
    """Give up to `most` waiting leaves their places at the end of the log, and return how many.

    Who waits is claimed by exact id, never by a watermark: a posting may become visible after later ones.
    Ids sort by the moment of recording, so a batch keeps that order. All of it happens or nothing.
    """
    lease.hold(wire, ledger_id, JOB)
    waiting = wire.rows(_QUEUE, (ledger_id, most))
    if not waiting:
        return 0
    start = tiles.size(wire, ledger_id)
    leaves: list[Row] = [(ledger_id, start + place, *row) for place, row in enumerate(waiting)]
    wire.insert(_LEAVES, leaves)
    _take_out(wire, ledger_id, [row[0] for row in waiting])
    for level in range(HEIGHT, 64, HEIGHT):
        nodes = list(_completed(wire, ledger_id, level, start, start + len(leaves)))
        if not nodes:
            break
        wire.insert(_NODES, nodes)
    return len(leaves)


def _take_out(wire: Wire, ledger_id: int, subjects: list[Id]) -> None:
    condition, ids = wire.any_of("subject_id", subjects, "uuid")
    gone = wire.run(f"DELETE FROM unsealed WHERE ledger_id = ? AND {condition}", [ledger_id, *ids])  # noqa: S608
    if gone != len(subjects):
        raise LostClaim(f"{gone} of {len(subjects)} waiting rows were still there")


def _completed(wire: Wire, ledger_id: int, level: int, start: int, end: int) -> Iterator[Row]:
    """Yield the nodes of this level that the leaves from `start` to before `end` complete."""
    for index in range(start >> level, end >> level):
        below = tiles.tile(wire, ledger_id, level // HEIGHT - 1, index)
        yield ledger_id, level, index, merkle.whole(below)
