"""The table of thank-you cards."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base


class Thanks(Base):
    """A card from who was helped to who helped, with a few words or none."""

    __tablename__ = "thanks"
    __table_args__ = (
        CheckConstraint("state IN ('kept', 'hidden', 'reported', 'removed')", name="state"),
        CheckConstraint("from_id <> to_id", name="to_another"),
        CheckConstraint("state <> 'reported' OR reported_at IS NOT NULL", name="reported_at"),
        CheckConstraint(
            "settled_by IS NULL OR (settled_by <> from_id AND settled_by <> to_id)", name="settled_by_another"
        ),
        Index("ix_thanks_to", "to_id", "id"),
        Index("ix_thanks_from", "from_id", "created_at"),
        Index("ix_thanks_waiting", "state", "reported_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"))
    from_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    to_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    card: Mapped[str]
    words: Mapped[str | None]
    state: Mapped[str] = mapped_column(default="kept")
    created_at: Mapped[datetime]
    reported_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    """Who looked at a reported card; None where nobody did in time."""
