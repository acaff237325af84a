"""Version 7 UUIDs."""

from __future__ import annotations

import uuid

from ledger.ids import uuid7


def test_an_id_has_version_seven_and_the_rfc_variant() -> None:
    made = uuid7()
    assert (made.version, made.variant) == (7, uuid.RFC_4122)


def test_an_id_carries_its_moment_to_the_microsecond() -> None:
    made = uuid7(1_772_442_000_123_456)
    assert made.int >> 80 == 1_772_442_000_123
    assert (made.int >> 66) & 0x3FF == 456


def test_ids_sort_by_their_moments() -> None:
    made = [uuid7(1_772_442_000_000_000 + step) for step in range(0, 5_000, 7)]
    assert made == sorted(made)
    assert [one.bytes for one in made] == sorted(one.bytes for one in made)


def test_ids_of_one_moment_differ() -> None:
    assert len({uuid7(1_772_442_000_000_000) for _ in range(10_000)}) == 10_000
