"""Saying in words what an account is; members stay the numbers of their cards."""

from __future__ import annotations

from collections.abc import Mapping

from bank.web.i18n import gettext


def account_name(path: str, shops: Mapping[str, str]) -> str:
    """Say an account: `居民 7K2M9Q`, `居民 7K2M9Q · 留出`, `店家 好邻居超市`."""
    first, *rest = path.split(":")
    owner = rest[0] if rest else ""
    names = {
        "member": gettext("居民 %(number)s", number=owner),
        "shop": gettext("店家 %(name)s", name=shops.get(owner, owner)),
        "issuance": gettext("按第 %(n)s 版规则发放", n=owner.removeprefix("rules-")),
        "pool": gettext("公共池"),
        "help": gettext("上门帮忙用掉的"),
    }
    parts = {"held": gettext("留出"), "debt": gettext("欠账")}
    words = [names.get(first, path if len(rest) < 2 else f"{first} {owner}")]
    words += [parts.get(word, word) for word in (rest if first == "pool" else rest[1:])]
    return " · ".join(words)


def kind_name(kind: str) -> str:
    """Say a kind of account."""
    names = {
        "member": gettext("居民"),
        "held": gettext("居民留出、还没用掉"),
        "debt": gettext("居民欠账"),
        "shop": gettext("店家"),
        "issuance": gettext("发放"),
        "pool": gettext("公共池"),
        "help": gettext("上门帮忙用掉的"),
    }
    return names.get(kind, kind)


def digest_text(digest: bytes) -> str:
    """Write a digest in eight groups of eight, as eyes compare it."""
    text = digest.hex()
    return " ".join(text[start : start + 8] for start in range(0, len(text), 8))


def txn_name(kind: str) -> str:
    """Say what kind of transaction it is."""
    names = {
        "credit": gettext("记入"),
        "hold": gettext("留出"),
        "capture": gettext("支付"),
        "release": gettext("退回"),
        "reversal": gettext("冲正"),
    }
    return names.get(kind, kind)
