"""Pure decisions about people: what a phone, a login and a PIN look like, and how a name is masked."""

from __future__ import annotations

import re

from pypinyin import Style, lazy_pinyin

from bank.qr import ALPHABET, fold

PHONE = re.compile(r"1[3-9][0-9]{9}\Z")
LOGIN = re.compile(r"[a-z][a-z0-9_.-]{2,30}\Z")
PIN = re.compile(r"[0-9]{4}\Z")
WEAK_PINS = frozenset({"0000", "1111", "1234", "4321", "8888", "6666", "2222", "3333", "4444", "5555", "7777", "9999"})

_CARD_NUMBER = re.compile(rf"([{ALPHABET}]{{8}})([1-9][0-9]{{0,3}})?\Z")
LONGEST_CARD_NUMBER = 40
_SHORT_HOME = re.compile(r"([0-9]{1,3})\s*[-－—–]\s*([0-9]{1,2})(?:\s*[-－—–]\s*([0-9]{1,4}))?\Z")


def read_phone(text: str) -> str | None:
    """Read a mainland mobile number typed with or without +86, spaces or dashes; None if it is none."""
    digits = re.sub(r"[\s-]", "", text).removeprefix("+86")
    return digits if PHONE.match(digits) else None


def mask_name(name: str) -> str:
    """Show a name as the public sees it: the first letter, the rest starred (`李*`)."""
    return f"{name[0]}{'*' * min(2, max(1, len(name) - 1))}" if name else "*"


def mask_phone(phone: str | None) -> str:
    """Show a phone as `138****5678`."""
    return f"{phone[:3]}****{phone[-4:]}" if phone else ""


def initials(name: str) -> str:
    """Give a name's pinyin initials in lower case, such as `lxy` for 李秀英."""
    return "".join(lazy_pinyin(name, style=Style.FIRST_LETTER)).lower()[:20]


def home_starts(text: str) -> tuple[str, ...]:
    """Read a building, unit and perhaps door in short, such as `3-2` or `3-2-501`, as homes are written; () if not."""
    found = _SHORT_HOME.match(text)
    if not found:
        return ()
    building, unit, door = found.groups()
    return tuple(f"{building}{word}{unit}单元{door or ''}" for word in ("栋", "号楼", "幢"))


def is_good_pin(pin: str) -> bool:
    """Tell whether a PIN has four digits and is none of the first that a thief tries."""
    return bool(PIN.match(pin)) and pin not in WEAK_PINS


def card_number(public_id: str, version: int) -> str:
    """Write the number of a pass or card as it is printed: `Q7X2 M4K9`, and `Q7X2 M4K9-2` once it was replaced."""
    first = f"{public_id[:4]} {public_id[4:]}"
    return first if version == 1 else f"{first}-{version}"


def read_card_number(text: str) -> tuple[str, int] | None:
    """Read a typed card number as a public id and a version; None if it is none. Spaces and dashes change nothing."""
    found = _CARD_NUMBER.match(fold(text)) if len(text) <= LONGEST_CARD_NUMBER else None
    return (found[1], int(found[2] or 1)) if found else None


def person_of_card(text: str) -> str | None:
    """Read whose card a typed number is, whichever version: enough to find somebody, never to be them."""
    read = read_card_number(text)
    return read[0] if read else None
