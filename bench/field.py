"""The field on which all contestants run: how many accounts, and the one that everybody is paid from."""

from __future__ import annotations

import os

BATCH = 100
UNIT = "MIN"
HOT = "issuance:rules-1"
ACCOUNTS = int(os.environ.get("BENCH_ACCOUNTS") or 10_000)


def member(number: int) -> str:
    """Name an account."""
    return f"member:{number}"
