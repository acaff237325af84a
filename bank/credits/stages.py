"""How an objection or a correction moves: from stage to stage while open, each with a deadline, to an end."""

from __future__ import annotations

from collections.abc import Mapping

STAGES: Mapping[str, tuple[str, ...]] = {
    "answer": ("panel", "last", "upheld", "dismissed", "withdrawn"),
    "panel": ("last", "upheld", "dismissed", "withdrawn"),
    "last": ("upheld", "dismissed", "withdrawn"),
}
"""From each stage, where it may go; the code moves along this and nothing else."""
ENDS = ("upheld", "dismissed", "withdrawn")
BY_TIME: Mapping[str, tuple[str, ...]] = {
    "answer": ("panel", "last"),
    "panel": ("upheld", "dismissed", "last"),
    "last": ("upheld", "dismissed"),
}
"""Where each stage goes when its deadline passes and nobody does anything."""


def verdict(upheld: int, dismissed: int, *, still_to_vote: int, quorum: int, is_tie_upheld: bool) -> bool | None:
    """Give the panel's verdict, None while there is none: the quorum is missing or the rest could turn it.

    After the deadline the caller says that nobody is still to vote.
    """
    if upheld + dismissed < quorum:
        return None
    lead = abs(upheld - dismissed)
    if still_to_vote and lead <= still_to_vote:
        return None
    return is_tie_upheld if lead == 0 else upheld > dismissed
