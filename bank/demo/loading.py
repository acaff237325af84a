"""Bring the made-up community to life, day by day, through the same verbs as real use."""

from __future__ import annotations

from typing import TextIO


def load(*, households: int, days: int, seed: int, show: TextIO) -> None:
    """Load `households` behind their doors and `days` of history up to today; progress goes to `show`."""
    raise NotImplementedError
