"""Who acts: a signed-in person with their roles, as operations are told of them."""

from __future__ import annotations

from dataclasses import dataclass

from bank.errors import NotAllowed

STAFF = ("coordinator", "second_approver")


@dataclass(frozen=True, slots=True)
class Actor:
    """A person who does something. `roles` are those that count in their home community."""

    person_id: int
    public_id: str
    name: str
    community_id: int
    household_id: int | None
    roles: frozenset[str] = frozenset()

    def may(self, *roles: str) -> bool:
        """Tell whether they hold any of the roles."""
        return not self.roles.isdisjoint(roles)

    def require(self, *roles: str) -> None:
        """Go on only if they hold any of the roles. Raises NotAllowed."""
        if not self.may(*roles):
            raise NotAllowed
