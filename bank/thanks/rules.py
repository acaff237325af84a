"""Pure decisions about thanks: the cards there are, and how one moves."""

from __future__ import annotations

from collections.abc import Mapping

from bank.errors import say

CARDS: Mapping[str, str] = {
    "thanks": say("谢谢您"),
    "warm": say("您帮了大忙，心里暖暖的"),
    "neighbour": say("有您这样的邻居真好"),
    "health": say("祝您身体健康、平安"),
}
ICONS: Mapping[str, str] = {"thanks": "heart", "warm": "star", "neighbour": "people", "health": "leaf"}
MOVES: Mapping[str, tuple[str, ...]] = {
    "kept": ("hidden", "reported"),
    "hidden": ("kept", "reported"),
    "reported": ("kept", "removed"),
}
"""The receiver hides and reports; what was reported a coordinator puts back or removes, or time does."""
