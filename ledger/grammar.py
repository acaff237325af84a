"""What a path, unit, kind, key, actor, memo and amount may look like; anything else is InvalidTxn."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime
from typing import Any

from ledger.errors import InvalidTxn

MAX_AMOUNT = 10**12
MAX_TRANSFERS = 200
MAX_BATCH = 1_000
MAX_PATH = 120
MAX_KEY = 200
MAX_ACTOR = 120
MAX_MEMO = 500
MAX_BALANCE = 2**63 - 1

HELD = ":held"
DEBT = ":debt"
RESERVED_KINDS = frozenset({"hold", "capture", "release", "reversal", "expiry"})

_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(:[A-Za-z0-9][A-Za-z0-9_.-]*)*")
_UNIT = re.compile(r"[A-Z]{2,12}")
_KIND = re.compile(r"[a-z][a-z0-9_.-]{0,39}")
# Controls, lone surrogates and line separators: a memo or an actor is one line wherever it is shown.
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})


def path(value: Any) -> str:
    """Return the account path: 1-120 characters, ASCII words joined by colons."""
    if not isinstance(value, str) or len(value) > MAX_PATH or not _PATH.fullmatch(value):
        raise InvalidTxn(f"not an account path: {value!r}")
    return value


def spendable_path(value: Any) -> str:
    """Return a path that a posting may name; what is held moves only by hold, capture and release."""
    if path(value).endswith(HELD):
        raise InvalidTxn(f"{value} moves only by hold, capture and release")
    return str(value)


def unit(value: Any) -> str:
    """Return the unit: 2-12 capital letters."""
    if not isinstance(value, str) or not _UNIT.fullmatch(value):
        raise InvalidTxn(f"not a unit: {value!r}")
    return value


def kind(value: Any) -> str:
    """Return the kind of a posting or an account: a lower-case word of at most 40 characters."""
    if not isinstance(value, str) or not _KIND.fullmatch(value):
        raise InvalidTxn(f"not a kind: {value!r}")
    return value


def amount(value: Any) -> int:
    """Return an amount: an int (bool, float and Decimal are refused) from 1 to 10**12."""
    if type(value) is not int or not 1 <= value <= MAX_AMOUNT:
        raise InvalidTxn(f"an amount is an integer from 1 to 10**12, not {value!r}")
    return value


def bound(value: Any) -> int | None:
    """Return a floor or ceiling: an int that fits a column, or None for no bound."""
    if value is not None and (type(value) is not int or abs(value) > MAX_BALANCE):
        raise InvalidTxn(f"a bound is an integer or None, not {value!r}")
    return value


def day(value: Any) -> date:
    """Return a calendar day from 1900 to 2999; a datetime is refused because its day depends on a zone."""
    if not isinstance(value, date) or isinstance(value, datetime) or not 1900 <= value.year <= 2999:
        raise InvalidTxn(f"an effective date is a date from 1900 to 2999, not {value!r}")
    return value


def moment(value: Any) -> datetime:
    """Return a moment that knows its time zone."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise InvalidTxn(f"a moment has a time zone, not {value!r}")
    return value


def line(value: Any, *, what: str, most: int) -> str:
    """Return one line of printable text in NFC, 1 to `most` characters."""
    if not isinstance(value, str):
        raise InvalidTxn(f"{what} is text, not {value!r}")
    if value.isascii():
        text, is_clean = value, value.isprintable()
    else:
        text = unicodedata.normalize("NFC", value)
        is_clean = not any(unicodedata.category(char) in _UNPRINTABLE for char in text)
    if not is_clean or not 1 <= len(text) <= most:
        raise InvalidTxn(f"{what} is one printable line of 1 to {most} characters")
    return text
