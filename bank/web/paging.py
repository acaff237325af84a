"""Pages of a list: a cursor names where the next page begins, so no page costs more than the first."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from bank.errors import Invalid, say

T = TypeVar("T")
_NUMBER = re.compile(r"-?[0-9]{1,18}\Z")
MOST_PER_PAGE = 100


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """Some rows and the cursor of the next page, None at the end."""

    items: Sequence[T]
    next: str | None


def encode(*parts: int | str) -> str:
    """Make a cursor of the sort keys of a page's last row."""
    return base64.urlsafe_b64encode("|".join(map(str, parts)).encode()).decode().rstrip("=")


def decode(cursor: str | None, parts: int) -> list[str] | None:
    """Read a cursor made by `encode`; None stays None. Raises Invalid for anything else."""
    if not cursor:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (ValueError, binascii.Error) as wrong:
        raise Invalid({"cursor": [say("页码不对，请从第一页重新看。")]}) from wrong
    found = text.split("|")
    if len(found) != parts:
        raise Invalid({"cursor": [say("页码不对，请从第一页重新看。")]})
    return found


def decode_ints(cursor: str | None, parts: int) -> list[int] | None:
    """Read a cursor of whole numbers. Raises Invalid."""
    found = decode(cursor, parts)
    if found is None:
        return None
    if not all(_NUMBER.match(part) for part in found):
        raise Invalid({"cursor": [say("页码不对，请从第一页重新看。")]})
    return [int(part) for part in found]
