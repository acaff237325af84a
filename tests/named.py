"""Which tests there are, by file and name, read from their source: for pages and tables that name tests."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent


@cache
def names_in(path: str) -> frozenset[str]:
    """Give the tests of a file below `tests/`; none where there is no such file."""
    file = TESTS / path
    if not file.is_file():
        return frozenset()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name[:5] == "test_")


def is_there(name: str) -> bool:
    """Tell whether `folder/test_file.py::test_name` exists."""
    path, _, test = name.partition("::")
    return test in names_in(path)
