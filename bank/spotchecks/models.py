"""Tables of the monthly draw and of the checks it gave."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base


class SpotDraw(Base):
    """One month's draw of one community, made once; with `basis` and `seed` anybody can repeat it."""

    __tablename__ = "spot_draw"
    __table_args__ = (
        UniqueConstraint("community_id", "month"),
        CheckConstraint("length(seed) = 64", name="seed"),
        CheckConstraint("drawn BETWEEN 0 AND posted", name="drawn"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"))
    month: Mapped[date]
    """The first day of the month whose postings were drawn from."""
    percent: Mapped[int]
    basis: Mapped[str]
    """What nobody could choose: the root of the newest published checkpoint, or the digest of the trial balance."""
    seed: Mapped[str]
    posted: Mapped[int]
    drawn: Mapped[int]
    drawn_at: Mapped[datetime]


class SpotCheck(Base):
    """One posted credit that somebody uninvolved looks into, once."""

    __tablename__ = "spot_check"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'right', 'not_right', 'not_reached')", name="state"),
        CheckConstraint("(state = 'open') = (answered_at IS NULL)", name="answered"),
        CheckConstraint("state = 'open' OR assigned_to IS NOT NULL", name="answered_by_somebody"),
        CheckConstraint("state <> 'not_right' OR length(words) > 0", name="why"),
        Index("ix_spot_check_assigned", "assigned_to", "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    draw_id: Mapped[int] = mapped_column(ForeignKey("spot_draw.id", ondelete="RESTRICT"), index=True)
    credit_id: Mapped[int] = mapped_column(ForeignKey("credit.id", ondelete="RESTRICT"), unique=True)
    assigned_to: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    """None where nobody uninvolved was there on the day of the draw: whoever may, takes it."""
    state: Mapped[str] = mapped_column(default="open")
    answered_at: Mapped[datetime | None]
    words: Mapped[str | None]
    """What was found, in words that the person concerned may read."""
