"""The tree of RFC 6962: our roots and proofs against its definition and against published cases."""

from __future__ import annotations

import hashlib

import pytest

from ledger import merkle
from ledger.merkle import Growing, Place, node_hash
from tests.vectors import Case, cases

LEAVES = [hashlib.sha256(b"\x00" + bytes([number])).digest() for number in range(70)]
EIGHT = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
"""The entries of the reference tree of the certificate-transparency project, in hex."""
EIGHT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def defined_root(leaves: list[bytes]) -> bytes:
    """The recursion of RFC 6962 section 2.1, word for word."""
    if len(leaves) == 1:
        return leaves[0]
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    return node_hash(defined_root(leaves[:middle]), defined_root(leaves[middle:]))


def hash_at(place: Place) -> bytes:
    level, index = place
    return defined_root(LEAVES[index << level : (index + 1) << level])


def test_the_reference_tree_has_its_eight_roots() -> None:
    tree, roots = Growing(), []
    for entry in EIGHT:
        list(tree.add(hashlib.sha256(b"\x00" + bytes.fromhex(entry)).digest()))
        roots.append(tree.root().hex())
    assert roots == EIGHT_ROOTS


@pytest.mark.parametrize("size", range(1, len(LEAVES) + 1))
def test_a_root_is_the_defined_one_however_it_is_made(size: int) -> None:
    tree = Growing()
    for leaf in LEAVES[:size]:
        for place, grown in tree.add(leaf):
            assert grown == hash_at(place)
    assert tree.root() == merkle.range_root(hash_at, 0, size) == defined_root(LEAVES[:size])


@pytest.mark.parametrize("number", [3, 6])
def test_a_subtree_over_no_power_of_two_has_no_hash(number: int) -> None:
    with pytest.raises(ValueError, match="shorter"):
        merkle.whole(LEAVES[:number])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 31, 33, 64, 70])
def test_every_leaf_is_proved_and_only_at_its_place(size: int) -> None:
    root = defined_root(LEAVES[:size])
    for index in range(size):
        proof = merkle.inclusion(hash_at, index, size)
        places = range(-1, size + 1)
        found = [place for place in places if merkle.check_inclusion(LEAVES[index], place, size, proof, root)]
        assert found == [index]
        assert not merkle.check_inclusion(LEAVES[index], index, size, [*proof, root], root)


@pytest.mark.parametrize("second", [1, 2, 3, 7, 8, 9, 31, 33, 64, 70])
def test_every_smaller_tree_is_proved_to_be_the_beginning(second: int) -> None:
    whole = defined_root(LEAVES[:second])
    for first in range(1, second + 1):
        proof = merkle.consistency(hash_at, first, second)
        part = defined_root(LEAVES[:first])
        assert merkle.check_consistency(first, second, proof, part, whole)
        assert not merkle.check_consistency(first, second, proof, LEAVES[69], whole)
        assert not merkle.check_consistency(first, second, [*proof, part], part, whole)
        assert first == second or not merkle.check_consistency(first, second, [], part, whole)


@pytest.mark.parametrize("case", cases("inclusion"))
def test_published_inclusion_proofs_are_judged_as_published(case: Case) -> None:
    said = case.said
    taken = merkle.check_inclusion(
        case.hash("leafHash"), said["leafIdx"], said["treeSize"], case.proof, case.hash("root")
    )
    assert taken is not case.is_refused


@pytest.mark.parametrize("case", cases("consistency"))
def test_published_consistency_proofs_are_judged_as_published(case: Case) -> None:
    said = case.said
    roots = case.hash("root1"), case.hash("root2")
    assert merkle.check_consistency(said["size1"], said["size2"], case.proof, *roots) is not case.is_refused


def test_nothing_follows_from_an_empty_tree() -> None:
    empty = hashlib.sha256(b"").digest()
    for sizes in ((0, 0), (0, 1), (-1, 1)):
        assert not merkle.check_consistency(*sizes, [], empty, empty)
    assert not merkle.check_inclusion(empty, 0, 0, [], empty)
    with pytest.raises(ValueError, match="does not begin"):
        merkle.consistency(hash_at, 0, 8)
    with pytest.raises(ValueError, match="no root"):
        Growing().root()


@pytest.mark.parametrize("wrong", [b"", b"short", bytes(33)])
def test_a_hash_has_32_bytes(wrong: bytes) -> None:
    assert not merkle.check_inclusion(wrong, 0, 1, [], wrong)
    assert not merkle.check_inclusion(LEAVES[0], 0, 2, [wrong], node_hash(LEAVES[0], wrong))
    assert not merkle.check_consistency(1, 2, [wrong], LEAVES[0], node_hash(LEAVES[0], wrong))
    assert not merkle.check_consistency(1, 1, [], b"", b"")


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (0, 0)])
def test_there_is_no_proof_of_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="has no leaf"):
        merkle.inclusion(hash_at, index, size)
