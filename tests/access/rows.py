"""How a row of the access matrix is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.world import World

VISITOR = "visitor"
ROLES = ("volunteer", "resident", "coordinator", "second", "shop", "panel", "auditor", "admin", "stranger")
"""Everyone a route is tried as; `stranger` is a resident of another community."""
MEMBERS = ROLES
EVERYONE = (VISITOR, *ROLES)


@dataclass(frozen=True)
class Call:
    """What a prepared world asks for: the path's values, and a JSON body or a form."""

    path: Mapping[str, str]
    body: Any = None


@dataclass(frozen=True)
class Row:
    """A route, its exact answer to each role, and how the world is prepared for one call.

    `allow` get `answer`; everybody else signed in gets `refuse`, or what `also` names for them; a visitor who is not
    allowed gets 401 from the API and is sent to the sign-in page (302) elsewhere.
    """

    method: str
    rule: str
    allow: tuple[str, ...]
    answer: int = 200
    refuse: int = 403
    also: Mapping[str, int] | None = None
    prepare: Callable[[World, str], Call] | None = None

    def expected(self, who: str) -> int:
        """Give the one right status for `who`."""
        if self.also and who in self.also:
            return self.also[who]
        if who in self.allow:
            return self.answer
        if who == VISITOR:
            return 401 if self.rule.startswith("/api/") else 302
        return self.refuse
