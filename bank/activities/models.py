"""Tables of activities and sign-ups."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base


class Activity(Base):
    """Something people do together at one time and place. Running and over are read from the clock, not stored."""

    __tablename__ = "activity"
    __table_args__ = (
        CheckConstraint("state IN ('draft', 'published', 'cancelled')", name="state"),
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        CheckConstraint("published_at IS NULL OR published_at < starts_at", name="published_before_start"),
        CheckConstraint("state <> 'published' OR published_at IS NOT NULL", name="published_at"),
        CheckConstraint("state <> 'published' OR length(risk_note) > 0", name="risk_is_told"),
        CheckConstraint("capacity BETWEEN 1 AND 10000", name="capacity"),
        CheckConstraint("taken BETWEEN 0 AND capacity", name="taken_within_capacity"),
        CheckConstraint("headcount IS NULL OR headcount >= 0", name="headcount"),
        Index("ix_activity_calendar", "community_id", "state", "starts_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    """Also names the activity in the rotating code."""
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"))
    created_by: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    title: Mapped[str]
    category: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    place: Mapped[str]
    risk_note: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    capacity: Mapped[int]
    taken: Mapped[int] = mapped_column(default=0)
    is_open_to_walk_ins: Mapped[bool] = mapped_column(default=True)
    state: Mapped[str] = mapped_column(default="draft")
    code_epoch: Mapped[int] = mapped_column(default=1)
    """Raised when a code leaked: every code shown before stops working."""
    created_at: Mapped[datetime]
    published_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    cancel_reason: Mapped[str | None]
    closed_at: Mapped[datetime | None] = mapped_column(index=True)
    """When the job closed forgotten attendances and no-shows."""
    leader_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """Who runs it on the day; None of activities from before this was asked."""
    declared_at: Mapped[datetime | None]
    """When it was said at publication that nothing on the list of what does not count applies."""
    declared_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    headcount: Mapped[int | None]
    """How many people the leader saw there, said once, afterwards."""
    headcount_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    headcount_at: Mapped[datetime | None]
    heads_missed_at: Mapped[datetime | None]
    """When the days for that had passed and nobody had said it."""


class SignUp(Base):
    """A person's place in an activity, or in its waiting list."""

    __tablename__ = "sign_up"
    __table_args__ = (
        UniqueConstraint("activity_id", "person_id"),
        CheckConstraint("state IN ('signed_up', 'waitlisted', 'cancelled')", name="state"),
        Index("ix_sign_up_queue", "activity_id", "state", "queued_at", "id"),
        Index("ix_sign_up_person", "person_id", "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    activity_id: Mapped[int] = mapped_column(ForeignKey("activity.id", ondelete="RESTRICT"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    state: Mapped[str]
    queued_at: Mapped[datetime]
    """When the person last joined; the waiting list moves up in this order."""
    changed_at: Mapped[datetime]
