"""The versions of a community's rules as a page shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from bank.communities.models import RuleVersion
from bank.communities.rules import Rules, read_rules
from bank.errors import NotFound
from bank.members.models import Person
from bank.rulebook.models import RuleProposal
from bank.rulebook.wording import Change, changes


@dataclass(frozen=True, slots=True)
class Version:
    """One version with what it changed; `is_coming` until its day."""

    rules: Rules
    note: str
    is_coming: bool
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class Book:
    """All versions, the first to hold first; `shown` is the one asked for, `current` the one in force, if any."""

    versions: Sequence[Version]
    current: Version | None
    shown: Version

    @property
    def coming(self) -> Sequence[Version]:
        """Give those that do not hold yet."""
        return [version for version in self.versions if version.is_coming]


def book(session: Session, community_id: int, today: date, *, number: int | None = None) -> Book:
    """Read every version in one statement. Raises NotFound where there is none, or not that one."""
    chosen = select(RuleVersion).where(RuleVersion.community_id == community_id)
    versions: list[Version] = []
    before: Rules | None = None
    for row in session.scalars(chosen.order_by(RuleVersion.effective_on)):
        found = read_rules(row.number, row.effective_on, row.settings)
        differs = changes(before, found) if before else []
        versions.append(Version(found, row.note, row.effective_on > today, differs))
        before = found
    current = next((version for version in reversed(versions) if not version.is_coming), None)
    asked = [version for version in versions if version.rules.number == number]
    shown = asked[0] if asked else (current or next(iter(versions), None)) if number is None else None
    if shown is None:
        raise NotFound
    return Book(versions, current, shown)


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal with the names of those who acted."""

    proposal: RuleProposal
    by: str
    decided_by: str | None


def proposals(session: Session, community_id: int, *, limit: int = 30) -> list[Proposed]:
    """Give a community's proposals, newest first."""
    decider = aliased(Person)
    rows = session.execute(
        select(RuleProposal, Person.name, decider.name)
        .join(Person, Person.id == RuleProposal.proposed_by)
        .outerjoin(decider, decider.id == RuleProposal.decided_by)
        .where(RuleProposal.community_id == community_id)
        .order_by(RuleProposal.id.desc())
        .limit(limit)
    )
    return [Proposed(*row) for row in rows]
