"""Tables of paper rosters that were keyed in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base

STATES = ("keying", "handed_in", "confirmed", "discarded")


class Sheet(Base):
    """One photographed roster of an activity. Who keyed it in never confirms it, whatever the code above believes."""

    __tablename__ = "sheet"
    __table_args__ = (
        CheckConstraint("state IN ('keying', 'handed_in', 'confirmed', 'discarded')", name="state"),
        CheckConstraint("confirmed_by IS NULL OR confirmed_by <> keyed_by", name="confirmed_by_another"),
        CheckConstraint("state <> 'confirmed' OR confirmed_by IS NOT NULL", name="confirmed_by_somebody"),
        CheckConstraint("state NOT IN ('handed_in', 'confirmed') OR handed_in_at IS NOT NULL", name="handed_in_at"),
        Index("ix_sheet_waiting", "community_id", "state", "handed_in_at"),
        Index("ix_sheet_activity", "activity_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"))
    activity_id: Mapped[int] = mapped_column(ForeignKey("activity.id", ondelete="RESTRICT"))
    state: Mapped[str] = mapped_column(default="keying")
    keyed_by: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    created_at: Mapped[datetime]
    handed_in_at: Mapped[datetime | None]
    confirmed_by: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    confirmed_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    """Why it was sent back or discarded, the latest."""
    photo_id: Mapped[int | None] = mapped_column(ForeignKey("photo.id", ondelete="RESTRICT"))
    arrived_at: Mapped[datetime | None]
    """When everybody came, unless their line says otherwise; None for the planned beginning."""
    left_at: Mapped[datetime | None]
    round: Mapped[int] = mapped_column(default=0)
    """Rises each time it is handed in, so that a confirmation is of what was looked at."""
    first_handed_in_at: Mapped[datetime | None]
    """Whether it came in time is judged by this, so that being sent back costs nobody anything."""


class SheetLine(Base):
    """One person on a sheet. A person stands once for an activity, on whichever sheet."""

    __tablename__ = "sheet_line"
    __table_args__ = (
        CheckConstraint("left_at > arrived_at", name="left_after_arrival"),
        CheckConstraint("minutes >= 0", name="minutes"),
        Index(
            "ux_sheet_line_once",
            "activity_id",
            "person_id",
            unique=True,
            sqlite_where=text("struck_reason IS NULL"),
            postgresql_where=text("struck_reason IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    sheet_id: Mapped[int] = mapped_column(ForeignKey("sheet.id", ondelete="RESTRICT"), index=True)
    activity_id: Mapped[int] = mapped_column(ForeignKey("activity.id", ondelete="RESTRICT"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    arrived_at: Mapped[datetime]
    left_at: Mapped[datetime]
    minutes: Mapped[int]
    keyed_at: Mapped[datetime | None]
    struck_reason: Mapped[str | None]
    credit_id: Mapped[int | None] = mapped_column(ForeignKey("credit.id", ondelete="RESTRICT"))


class SheetStep(Base):
    """What somebody did with a sheet; only ever added, the database refuses anything else."""

    __tablename__ = "sheet_step"

    id: Mapped[int] = mapped_column(primary_key=True)
    sheet_id: Mapped[int] = mapped_column(ForeignKey("sheet.id", ondelete="RESTRICT"), index=True)
    step: Mapped[str]
    at: Mapped[datetime]
    by_person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    reason: Mapped[str | None]
