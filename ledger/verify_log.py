"""The log held against the facts it is made of, against its own signatures, and against what was published."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import Any

from ledger import canonical, notes
from ledger.errors import InvalidTxn
from ledger.merkle import Growing, Place
from ledger.notes import Signer
from ledger.tiles import HEIGHT
from ledger.values import Finding
from ledger.wire import Wire, raw_out

LOG_RULES = {
    "everything posted is in the log or waits for it": """
        SELECT x.id, x.what, l.idx FROM (
            SELECT ledger_id, id, kind AS what FROM txn WHERE ledger_id = ?
            UNION ALL SELECT ledger_id, id, 'close' FROM period_close WHERE ledger_id = ?) x
        LEFT JOIN log_leaf l ON l.ledger_id = x.ledger_id AND l.subject_id = x.id
        LEFT JOIN unsealed u ON u.ledger_id = x.ledger_id AND u.subject_id = x.id
        WHERE (l.idx IS NULL) = (u.subject_id IS NULL)""",
    "what waits for the log was posted": """
        SELECT u.subject_id, u.leaf_hash FROM unsealed u
        LEFT JOIN txn t ON t.ledger_id = u.ledger_id AND t.id = u.subject_id
        LEFT JOIN period_close c ON c.ledger_id = u.ledger_id AND c.id = u.subject_id
        WHERE u.ledger_id = ? AND (COALESCE(t.leaf_hash, c.leaf_hash) IS NULL
                                   OR COALESCE(t.leaf_hash, c.leaf_hash) <> u.leaf_hash)""",
}
"""Queries like those of `verify.RULES`."""

_LEAVES = """
SELECT l.idx, l.subject_id, l.leaf_hash, COALESCE(t.leaf_hash, c.leaf_hash), c.canonical FROM log_leaf l
LEFT JOIN txn t ON t.ledger_id = l.ledger_id AND t.id = l.subject_id
LEFT JOIN period_close c ON c.ledger_id = l.ledger_id AND c.id = l.subject_id
WHERE l.ledger_id = ? ORDER BY l.idx"""
_CHECKPOINTS = "SELECT size, root, note, key_hash FROM checkpoint WHERE ledger_id = ? ORDER BY size, key_hash"
# In the order in which a growing log completes them.
_NODES = """
SELECT level, idx, hash FROM log_node WHERE ledger_id = ?
ORDER BY (idx + 1) * (CAST(1 AS BIGINT) << CAST(level AS INTEGER)), level"""

NODE_RULE = "a tile node is the hash of its leaves"
Step = Callable[[], None]


@dataclass(frozen=True, slots=True, order=True)
class Signed:
    """A root that was signed for a size; `where` is `signed` on record or `published` outside."""

    size: int
    root: bytes
    where: str


def check(
    wire: Wire, ledger_id: int, *, signer: Signer | None, published: Sequence[str], step: Step
) -> Iterator[Finding]:
    """Read the log once, leaf by leaf, beside its nodes and checkpoints, and yield what does not follow."""
    outside: list[Signed] = []
    for note in published:
        yield from _outside(wire, ledger_id, note, signer, outside)
    wrong: list[Finding] = []
    roots = _Roots(merge(_inside(wire, ledger_id, signer, wrong), sorted(outside)))
    nodes = _Nodes(wire.stream(_NODES, (ledger_id,)))
    tree = Growing()
    for index, subject, leaf, own_leaf, closed in wire.stream(_LEAVES, (ledger_id,)):
        step()
        yield from _leaf(tree.size, index, subject, bytes(leaf), own_leaf, closed)
        for place, grown in tree.add(bytes(leaf)):
            if place[0] % HEIGHT == 0:
                yield from nodes.meet(place, grown)
        yield from roots.meet(tree)
    yield from nodes.rest()
    yield from roots.rest(tree.size)
    yield from wrong


class _Nodes:
    """The kept nodes, in the order in which a growing tree completes them."""

    def __init__(self, kept: Iterator[tuple[Any, ...]]) -> None:
        self._kept = kept
        self._next = next(kept, None)

    def meet(self, place: Place, grown: bytes) -> Iterator[Finding]:
        """Compare what the leaves make of a place with what is kept there."""
        while self._next is not None and _order(self._next) < _order(place):
            yield self._take()
        if self._next is None or self._next[:2] != place:
            yield Finding(NODE_RULE, f"level {place[0]} node {place[1]}", "it is not kept")
        elif bytes(self._next[2]) != grown:
            yield self._take()
        else:
            self._next = next(self._kept, None)

    def rest(self) -> Iterator[Finding]:
        """Name every node beyond the end of the log."""
        while self._next is not None:
            yield self._take()

    def _take(self) -> Finding:
        node, self._next = self._next, next(self._kept, None)
        assert node is not None  # noqa: S101 -- both callers looked
        return Finding(NODE_RULE, f"level {node[0]} node {node[1]}", bytes(node[2]).hex())


def _order(node: tuple[Any, ...]) -> tuple[int, int]:
    return (node[1] + 1) << node[0], node[0]


class _Roots:
    """The signed and the published roots, smallest size first."""

    def __init__(self, signed: Iterator[Signed]) -> None:
        self._signed = signed
        self._next = next(signed, None)

    def meet(self, tree: Growing) -> Iterator[Finding]:
        """Compare the tree with every root that was signed for its size."""
        while self._next is not None and self._next.size <= tree.size:
            due, self._next = self._next, next(self._signed, None)
            if due.root != tree.root():
                yield Finding(f"the log has every root that was {due.where}", f"size {due.size}", due.root.hex())

    def rest(self, size: int) -> Iterator[Finding]:
        """Name every signed size that the log does not reach."""
        while self._next is not None:
            due, self._next = self._next, next(self._signed, None)
            yield Finding(f"the log reaches every size that was {due.where}", f"size {due.size}", f"it has {size}")


def _leaf(
    expected: int, index: int, subject: Any, leaf: bytes, own_leaf: Any, closed: bytes | None
) -> Iterator[Finding]:
    where = str(uuid.UUID(bytes=raw_out(subject)))
    if index != expected:
        yield Finding("leaves are numbered without gaps", where, f"{index}, not {expected}")
    if own_leaf is None or bytes(own_leaf) != leaf:
        yield Finding("a leaf of the log is its transaction's", where, leaf.hex())
    if closed is not None and canonical.leaf_hash(bytes(closed)) != leaf:
        yield Finding("the leaf is the hash of the canonical bytes", where, leaf.hex())


def _inside(wire: Wire, ledger_id: int, signer: Signer | None, found: list[Finding]) -> Iterator[Signed]:
    for size, root, note, key_hash in wire.stream(_CHECKPOINTS, (ledger_id,)):
        if len(found) < 100 and not _says(note, size, bytes(root)):
            found.append(Finding("a checkpoint says what its row says", f"size {size}", bytes(root).hex()))
        elif len(found) < 100 and signer is not None and not signer.is_own(note):
            found.append(Finding("a checkpoint is signed with a key of the log", f"size {size}", bytes(key_hash).hex()))
        yield Signed(size, bytes(root), "signed")


def _says(note: str, size: int, root: bytes) -> bool:
    try:
        said = notes.read_checkpoint(note)
    except InvalidTxn:
        return False
    return (said.size, said.root) == (size, root)


def _outside(wire: Wire, ledger_id: int, note: str, signer: Signer | None, targets: list[Signed]) -> Iterator[Finding]:
    """Take a checkpoint that was kept elsewhere; it must be ours, and still on record."""
    said = notes.read_checkpoint(note)
    where = f"size {said.size}"
    if signer is not None and not signer.is_own(note):
        yield Finding("a published checkpoint is signed with a key of the log", where, said.origin)
        return
    sql = "SELECT 1 FROM checkpoint WHERE ledger_id = ? AND size = ? AND root = ?"
    if not wire.rows(sql, (ledger_id, said.size, said.root)):
        yield Finding("a published checkpoint is on record", where, said.root.hex())
    targets.append(Signed(said.size, said.root, "published"))
