"""What other slices add to the figures: told once where the application is put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

Wanted = tuple[str, int, int, datetime]
"""A kind, minutes, the row id of whoever wanted it, and when."""


@dataclass
class Sources:
    """`first_spent` gives (session, community id) -> {person: moment}; `wanted` (session, community id, since) -> rows;
    `met` (session, community id, since, now) -> (asked, answered by a yes within 48 hours)."""

    first_spent: dict[str, Callable[[Session, int], Mapping[int, datetime]]] = field(default_factory=dict)
    wanted: dict[str, Callable[[Session, int, datetime], Iterable[Wanted]]] = field(default_factory=dict)
    met: dict[str, Callable[[Session, int, datetime, datetime], tuple[int, int]]] = field(default_factory=dict)


SOURCES = Sources()
"""By the name of the slice that gives them, so that to tell twice changes nothing."""
