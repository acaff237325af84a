"""The log as stored: 256 hashes side by side at every eighth level, as others read it, too (C2SP tlog-tiles)."""

from __future__ import annotations

from ledger import merkle
from ledger.merkle import Place
from ledger.wire import Wire

HEIGHT = 8
WIDTH = 1 << HEIGHT

_LEAVES = "SELECT leaf_hash FROM log_leaf WHERE ledger_id = ? AND idx >= ? AND idx < ? ORDER BY idx"
_NODES = "SELECT hash FROM log_node WHERE ledger_id = ? AND level = ? AND idx >= ? AND idx < ? ORDER BY idx"


def size(wire: Wire, ledger_id: int) -> int:
    """Return how many leaves the log has."""
    rows = wire.rows("SELECT MAX(idx) FROM log_leaf WHERE ledger_id = ?", (ledger_id,))
    return 0 if rows[0][0] is None else int(rows[0][0]) + 1


def tile(wire: Wire, ledger_id: int, level: int, index: int) -> list[bytes]:
    """Return the up to 256 hashes of tile `index` at tile level `level` (0: the leaves); empty where there is none."""
    first = index * WIDTH
    if level == 0:
        rows = wire.rows(_LEAVES, (ledger_id, first, first + WIDTH))
    else:
        rows = wire.rows(_NODES, (ledger_id, level * HEIGHT, first, first + WIDTH))
    return [bytes(row[0]) for row in rows]


class Tree:
    """One ledger's tree, read tile by tile; a tile is read once however often it is needed."""

    def __init__(self, wire: Wire, ledger_id: int) -> None:
        self._wire = wire
        self._ledger_id = ledger_id
        self._tiles: dict[Place, list[bytes]] = {}

    def hash_at(self, place: Place) -> bytes:
        """Return the hash of a complete subtree; LookupError where the log does not reach so far."""
        level, index = place
        tile_level, above = divmod(level, HEIGHT)
        first = index << above
        hashes = self._tile((tile_level, first // WIDTH))[first % WIDTH : first % WIDTH + (1 << above)]
        if len(hashes) < 1 << above:
            raise LookupError(f"the log has no subtree {index} of level {level}")
        return merkle.whole(hashes)

    def root(self, leaves: int) -> bytes:
        """Return the root over the first `leaves` leaves, of which there must be one."""
        return merkle.range_root(self.hash_at, 0, leaves)

    def _tile(self, place: Place) -> list[bytes]:
        if place not in self._tiles:
            self._tiles[place] = tile(self._wire, self._ledger_id, *place)
        return self._tiles[place]
