"""Tables of scans, which are only ever added, and attendance, which is read from them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base


class Attendance(Base):
    """One person at one activity: a projection of the scan events, plus the credit that came of it."""

    __tablename__ = "attendance"
    __table_args__ = (
        UniqueConstraint("activity_id", "person_id"),
        CheckConstraint("state IN ('checked_in', 'checked_out', 'auto_closed', 'no_show', 'void')", name="state"),
        CheckConstraint("minutes >= 0", name="minutes"),
        CheckConstraint("evidence_class IN ('A', 'C')", name="evidence_class"),
        Index("ix_attendance_person", "person_id", "checked_in_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    activity_id: Mapped[int] = mapped_column(ForeignKey("activity.id", ondelete="RESTRICT"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    state: Mapped[str]
    checked_in_at: Mapped[datetime | None]
    checked_out_at: Mapped[datetime | None]
    minutes: Mapped[int] = mapped_column(default=0)
    evidence_class: Mapped[str] = mapped_column(default="A")
    flags: Mapped[list[Any]]
    """`[{code, reason}]` in the house's language."""
    credit_id: Mapped[int | None] = mapped_column(ForeignKey("credit.id", ondelete="RESTRICT"), unique=True)
    changed_at: Mapped[datetime]


class ScanEvent(Base):
    """One scan or its refusal, whatever the verdict; the database refuses to change or delete it."""

    __tablename__ = "scan_event"
    __table_args__ = (
        CheckConstraint("direction IN ('in', 'out')", name="direction"),
        CheckConstraint("via IN ('screen', 'digits', 'card', 'manual')", name="via"),
        Index("ix_scan_event_attendance", "activity_id", "person_id", "happened_at"),
        Index("ix_scan_event_device", "activity_id", "device"),
        Index(
            "ix_scan_event_phone",
            "device",
            "happened_at",
            sqlite_where=text("device <> ''"),
            postgresql_where=text("device <> ''"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(unique=True)
    """Minted on the device, once for each physical scan, before the first try."""
    body_hash: Mapped[bytes]
    activity_id: Mapped[int | None] = mapped_column(ForeignKey("activity.id", ondelete="RESTRICT"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    actor_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    direction: Mapped[str | None]
    via: Mapped[str]
    happened_at: Mapped[datetime]
    received_at: Mapped[datetime]
    device: Mapped[str] = mapped_column(default="")
    """A keyed hash of the device's own random name."""
    verdict: Mapped[str]
    """`ok`, or the code of the refusal."""
    answer: Mapped[dict[str, Any]]
    voids_id: Mapped[int | None] = mapped_column(ForeignKey("scan_event.id", ondelete="RESTRICT"), unique=True)
