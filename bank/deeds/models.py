"""Tables of good deeds and their photos."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
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
