"""`docs/fraud.md` names every row of the fraud table, and only tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.named import is_there

PAGE = Path(__file__).parents[1] / "docs" / "fraud.md"
FRAUDS = 16
"""Rows of the table of frauds that the bank was built against; what we found ourselves follows them."""
ROWS = [
    [cell.strip() for cell in line.strip("|\n").split("|")]
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if re.match(r"\| \d+ \|", line)
]


def test_no_row_is_missing() -> None:
    assert [int(row[0]) for row in ROWS] == list(range(1, len(ROWS) + 1))
    assert len(ROWS) >= FRAUDS


@pytest.mark.parametrize("row", ROWS, ids=[row[1] for row in ROWS])
def test_every_row_is_shown_or_excused(row: list[str]) -> None:
    _, fraud, done, shown, cannot = row
    tests = re.findall(r"`([^`]+)`", shown)
    assert fraud
    assert done
    assert tests or cannot
    assert [name for name in tests if not is_there(name)] == []


def test_a_name_that_is_none_is_noticed() -> None:
    assert is_there("test_fraud_page.py::test_no_row_is_missing")
    assert not is_there("test_fraud_page.py::test_of_something_else")
    assert not is_there("nowhere/test_none.py::test_no_row_is_missing")
