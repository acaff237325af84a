"""Routes of the auditor."""

from tests.access.rows import Row

ROWS = (Row("GET", "/audit", ("auditor",)),)
