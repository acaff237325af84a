"""Table of proposed rule versions."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base

STATES = ("open", "adopted", "refused", "withdrawn", "lapsed")


class RuleProposal(Base):
    """What somebody wants the rules to be from a day on, until another person decides."""

    __tablename__ = "rule_proposal"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'adopted', 'refused', 'withdrawn', 'lapsed')", name="state"),
        CheckConstraint(
            "state NOT IN ('adopted', 'refused') OR (decided_by IS NOT NULL AND decided_by <> proposed_by)",
            name="decided_by_another",
        ),
        CheckConstraint("(state = 'open') = (decided_at IS NULL)", name="decided"),
        CheckConstraint("(state = 'adopted') = (version_number IS NOT NULL)", name="version"),
        Index(
            "ux_rule_proposal_open",
            "community_id",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
        Index("ix_rule_proposal_community", "community_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"))
    based_on: Mapped[int]
    """The number of the newest version when it was written: another one in between makes it void."""
    settings: Mapped[dict[str, Any]]
    """As in a rule version: what differs from the defaults, by name."""
    effective_on: Mapped[date]
    note: Mapped[str]
    """Why, in words for everybody."""
    state: Mapped[str] = mapped_column(default="open")
    proposed_by: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    proposed_at: Mapped[datetime]
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    """Who adopted, refused or took it back; None where its day came first."""
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    version_number: Mapped[int | None]
