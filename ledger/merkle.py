"""The log's tree (RFC 6962 section 2.1): roots and proofs put together from complete subtrees, and their checks.

Nothing here reads a database: whoever has the hash of a complete subtree, a file of tiles too, can make proofs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

NODE_PREFIX = b"\x01"
HASH_BYTES = 32

Place = tuple[int, int]
"""(level, index) of the complete subtree over the 2**level leaves from index * 2**level on."""
HashAt = Callable[[Place], bytes]


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into the one above them: 32 bytes."""
    return hashlib.sha256(NODE_PREFIX + left + right).digest()


def subtrees(start: int, end: int) -> list[Place]:
    """Return the fewest complete subtrees that cover the leaves from `start` to before `end`, left to right.

    `start` is where a subtree at least as large as the range may begin, as in every range of RFC 6962.
    """
    places = []
    while start < end:
        level = (end - start).bit_length() - 1
        places.append((level, start >> level))
        start += 1 << level
    return places


def fold(hashes: Sequence[bytes]) -> bytes:
    """Return the root over subtrees that stand side by side, the larger ones left; ValueError for none."""
    if not hashes:
        raise ValueError("an empty tree has no root here")
    folded = hashes[-1]
    for left in reversed(hashes[:-1]):
        folded = node_hash(left, folded)
    return folded


def whole(hashes: Sequence[bytes]) -> bytes:
    """Return the hash of the complete subtree over a power of two of subtrees of one level."""
    level = list(hashes)
    while len(level) > 1:
        level = [node_hash(left, right) for left, right in zip(level[::2], level[1::2], strict=True)]
    return level[0]


def range_root(hash_at: HashAt, start: int, end: int) -> bytes:
    """Return the hash over the leaves from `start` to before `end`; see `subtrees`."""
    return fold([hash_at(place) for place in subtrees(start, end)])


def inclusion(hash_at: HashAt, index: int, size: int) -> list[bytes]:
    """Return the path from leaf `index` (from 0) to the root of the first `size` leaves; ValueError."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} has no leaf {index}")
    return [range_root(hash_at, *part) for part in _path(index, 0, size)]


def consistency(hash_at: HashAt, first: int, second: int) -> list[bytes]:
    """Return the proof that the first `second` leaves begin with the first `first`; ValueError for an empty tree."""
    if not 1 <= first <= second:
        raise ValueError(f"a tree of {second} does not begin with one of {first}")
    return [range_root(hash_at, *part) for part in _common(first, 0, second, True)]


def _split(start: int, end: int) -> int:
    """Return where the right subtree begins: after the largest power of two smaller than the range."""
    return start + (1 << ((end - start - 1).bit_length() - 1))


def _path(index: int, start: int, end: int) -> list[tuple[int, int]]:
    if end - start == 1:
        return []
    middle = _split(start, end)
    if index < middle:
        return [*_path(index, start, middle), (middle, end)]
    return [*_path(index, middle, end), (start, middle)]


def _common(first: int, start: int, end: int, is_whole: bool) -> list[tuple[int, int]]:
    if first == end:
        return [] if is_whole else [(start, end)]
    middle = _split(start, end)
    if first <= middle:
        return [*_common(first, start, middle, is_whole), (middle, end)]
    return [*_common(first, middle, end, False), (start, middle)]


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Tell whether the proof leads from the leaf at `index` to the root of `size` leaves (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size or not _are_hashes([leaf, root, *proof]):
        return False
    place, last, reached = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            reached = node_hash(sibling, reached)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            reached = node_hash(reached, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and reached == root


def check_consistency(first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes) -> bool:
    """Tell whether the proof leads from the smaller root to the larger (RFC 9162 section 2.1.4.2).

    An empty tree says nothing about what follows it, so from 0 nothing is proved.
    """
    if first == second and first >= 1:
        # Nothing is hashed here; a published vector takes any equal roots, and an empty one is none.
        return not proof and first_root == second_root != b""
    if not 1 <= first < second or not _are_hashes([first_root, second_root, *proof]):
        return False
    hashes = list(proof) if first & (first - 1) else [first_root, *proof]
    if not hashes:
        return False
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root


def _are_hashes(values: Iterable[bytes]) -> bool:
    return all(len(value) == HASH_BYTES for value in values)


class Growing:
    """A tree that takes leaf after leaf and keeps only its largest complete subtrees (at most one a level)."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[tuple[int, bytes]] = []

    def add(self, leaf: bytes) -> Iterator[tuple[Place, bytes]]:
        """Take one more leaf, and yield every subtree above it that it completes, lowest first."""
        level, index, grown = 0, self.size, leaf
        while self._peaks and self._peaks[-1][0] == level:
            grown = node_hash(self._peaks.pop()[1], grown)
            level, index = level + 1, index >> 1
            yield (level, index), grown
        self._peaks.append((level, grown))
        self.size += 1

    def root(self) -> bytes:
        """Return the root over all leaves so far; ValueError where there is none."""
        return fold([peak for _, peak in self._peaks])
