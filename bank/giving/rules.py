"""Pure decisions about giving: which states follow, who is near whom, months."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from bank.errors import say

KINDS: Mapping[str, str] = {
    "spouse": say("配偶"),
    "parent": say("父亲或母亲"),
    "child": say("儿女"),
    "grandparent": say("祖辈"),
    "grandchild": say("孙辈"),
}
MIRROR: Mapping[str, str] = {
    "spouse": "spouse",
    "parent": "child",
    "child": "parent",
    "grandparent": "grandchild",
    "grandchild": "grandparent",
}
"""What the one who asked is to the other."""
MOST: Mapping[str, int] = {"spouse": 1, "parent": 4, "child": 8, "grandparent": 4, "grandchild": 16}
"""How many of a kind one person is bound to at most; both families' parents count."""
THANKS: Mapping[str, str] = {
    "teacher": say("%(name)s老师"),
    "mr": say("%(name)s先生"),
    "ms": say("%(name)s女士"),
}
"""How a donor is thanked in public by the family's name."""
FLAG_SENTENCES: Mapping[str, str] = {"relatives": say("帮手和这位居民是登记过的亲属，请核对是不是家里人本来就做的事")}
"""What a flag of a visit between relatives says at the desk."""
OF_A_PERSON, OF_A_GROUP = ("full", *THANKS), ("full", "words")
"""`words` are a group's own."""
COMPOUND = "欧阳 司马 上官 诸葛 东方 皇甫 尉迟 公孙 慕容 令狐 司徒 夏侯 端木 南宫 长孙 独孤"
"""Family names of two characters."""
BOND_MOVES: Mapping[str, tuple[str, ...]] = {
    "asked": ("agreed", "declined", "withdrawn", "lapsed"),
    "agreed": ("bound", "refused", "withdrawn", "lapsed"),
    "bound": ("ended",),
}
GIFT_MOVES: Mapping[str, tuple[str, ...]] = {"held": ("given", "taken_back", "returned")}
GRANT_MOVES: Mapping[str, tuple[str, ...]] = {
    "proposed": ("active", "refused", "lapsed"),
    "active": ("paused", "ended"),
    "paused": ("active", "ended"),
}

FAREWELL_MOVES: Mapping[str, tuple[str, ...]] = {
    "opened": ("confirmed", "undone", "lapsed"),
    "confirmed": ("chosen", "pooled", "kept", "undone"),
    "chosen": ("confirmed", "chosen", "inherited", "pooled", "kept", "undone"),
}
FEW = 5
"""Fewer residents in hardship than this are not counted in public: a neighbour would know who they are."""
HEIRS = ("spouse", "parent", "child")
"""What an heir is to who died."""
CHOICES: Mapping[str, tuple[str, ...]] = {"died": ("heir", "pool"), "moved": ("keep", "pool")}
DEFAULTS: Mapping[str, str] = {"died": "pool", "moved": "keep"}
ENDS: Mapping[str, str] = {"heir": "inherited", "pool": "pooled", "keep": "kept"}


def is_old_enough(born_on: date, today: date, years: int) -> bool:
    """Tell whether somebody has had so many birthdays; who was born on a leap day has theirs on 1 March."""
    had = today.year - born_on.year - ((today.month, today.day) < (born_on.month, born_on.day))
    return had >= years


def family_name(name: str) -> str:
    """Give the family's part of a name: first in Chinese, last where words are parted, before the dot otherwise."""
    if "·" in name:
        return name.split("·")[0]
    if " " in name.strip() and name.isascii():
        return name.split()[-1]
    return name[:2] if name[:2] in COMPOUND.split() else name[:1]


def kind_for(kind: str, *, is_asker: bool) -> str:
    """Say what the other one is, seen from the asker's side or from the other's."""
    return kind if is_asker else MIRROR[kind]


def month_of(day: date) -> date:
    """Give the first day of a day's month."""
    return day.replace(day=1)


def month_end(day: date) -> date:
    """Give the last day of a day's month."""
    return day.replace(day=monthrange(day.year, day.month)[1])


def months_later(moment: datetime, months: int) -> datetime:
    """Give the moment so many months later, on the month's last day where the day does not exist."""
    at = moment.year * 12 + moment.month - 1 + months
    year, month = divmod(at, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))


def days_later(moment: datetime, days: int) -> datetime:
    """Give the moment so many days later."""
    return moment + timedelta(days=days)


def may_pay(pool: int, floor: int, wanted: int) -> int:
    """Give how much of `wanted` the pool can pay without going below its floor; amounts in minutes."""
    return max(0, min(wanted, pool - floor))


def day_before(day: date) -> date:
    """Give the day before."""
    return day - timedelta(days=1)
