"""Tables of good deeds and their photos."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base


class Photo(Base):
    """A picture given as evidence, made small and freed of its location before it is kept."""

    __tablename__ = "photo"
    __table_args__ = (CheckConstraint("width BETWEEN 1 AND 1600 AND height BETWEEN 1 AND 1600", name="size"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[bytes] = mapped_column(index=True)
    jpeg: Mapped[bytes]
    width: Mapped[int]
    height: Mapped[int]
    created_at: Mapped[datetime]
    dhash: Mapped[str | None]
    """Sixteen hex digits that are nearly alike for pictures that look alike; None for one that shows nothing."""


class Deed(Base):
    """A good deed as it was told; its way into the book is the credit with source `deed:ID`."""

    __tablename__ = "deed"
    __table_args__ = (
        CheckConstraint("points >= 1", name="points"),
        Index("ix_deed_person", "person_id", "happened_on"),
        Index("ix_deed_told_by", "told_by", "created_at"),
        Index("ux_deed_witness_code", "witness_code", unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    told_by: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    """The doer, or the neighbour who nominated them."""
    category: Mapped[str]
    points: Mapped[int]
    story: Mapped[str]
    happened_on: Mapped[date]
    photo_id: Mapped[int | None] = mapped_column(ForeignKey("photo.id", ondelete="RESTRICT"))
    credit_id: Mapped[int | None] = mapped_column(ForeignKey("credit.id", ondelete="RESTRICT"), unique=True)
    created_at: Mapped[datetime]
    witness_code: Mapped[str | None]
    """What the QR that a witness scans says; None for a deed from before there were witnesses."""


class DeedCase(Base):
    """A deed before the review panel: open until a verdict, its deadline, or until it is taken back."""

    __tablename__ = "deed_case"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'granted', 'not_granted', 'passed_on', 'withdrawn')", name="state"),
        CheckConstraint("(state = 'open') = (closed_at IS NULL)", name="closed"),
        Index("ix_deed_case_waiting", "community_id", "state", "due_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    deed_id: Mapped[int] = mapped_column(ForeignKey("deed.id", ondelete="RESTRICT"), unique=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"))
    state: Mapped[str] = mapped_column(default="open")
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class DeedVote(Base):
    """One panel member's vote on a deed with its reason; only ever added."""

    __tablename__ = "deed_vote"
    __table_args__ = (
        UniqueConstraint("deed_id", "person_id"),
        CheckConstraint("length(reason) > 0", name="reason"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    deed_id: Mapped[int] = mapped_column(ForeignKey("deed.id", ondelete="RESTRICT"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    is_for: Mapped[bool]
    reason: Mapped[str]
    at: Mapped[datetime]


class DeedWitness(Base):
    """Somebody of another household who saw it, and how they said so; only ever added."""

    __tablename__ = "deed_witness"
    __table_args__ = (
        UniqueConstraint("deed_id", "person_id"),
        CheckConstraint("via IN ('scan', 'card', 'pin')", name="via"),
        CheckConstraint("(via = 'scan') = (keyed_by IS NULL)", name="keyed_by"),
        CheckConstraint("keyed_by IS NULL OR keyed_by <> person_id", name="keyed_by_another"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    deed_id: Mapped[int] = mapped_column(ForeignKey("deed.id", ondelete="RESTRICT"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    via: Mapped[str]
    """`scan`: on their own phone; `pin`: their card and PIN on another's; `card`: their card at the desk."""
    keyed_by: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    at: Mapped[datetime]
