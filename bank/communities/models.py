"""Tables of places and rule versions."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base

KINDS = ("district", "street", "community", "building")


class Community(Base):
    """A place in the tree: district, street, community (which keeps a ledger) or building."""

    __tablename__ = "community"
    __table_args__ = (
        CheckConstraint("kind IN ('district', 'street', 'community', 'building')", name="kind"),
        CheckConstraint("(kind = 'district') = (parent_id IS NULL)", name="has_parent"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"), index=True)
    kind: Mapped[str]
    code: Mapped[str] = mapped_column(unique=True)
    path: Mapped[str] = mapped_column(unique=True)
    """Codes from the district down, each followed by a slash: a place lies in another if its path starts with it."""
    name: Mapped[str]
    time_zone: Mapped[str] = mapped_column(default="Asia/Shanghai")
    is_demo: Mapped[bool] = mapped_column(default=False)


class RuleVersion(Base):
    """One version of a community's rules, valid from a day on; never edited, only followed by the next."""

    __tablename__ = "rule_version"
    __table_args__ = (
        UniqueConstraint("community_id", "number"),
        UniqueConstraint("community_id", "effective_on"),
        CheckConstraint("number >= 1", name="number"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"))
    number: Mapped[int]
    effective_on: Mapped[date]
    settings: Mapped[dict[str, Any]]
    """What differs from the defaults of `communities/rules.py`, by name."""
    note: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]


class DayRuling(Base):
    """What a community says of one day against the national calendar; the latest counts, the rest is the trace."""

    __tablename__ = "day_ruling"
    __table_args__ = (Index("ix_day_ruling_day", "community_id", "day", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"))
    day: Mapped[date]
    is_working: Mapped[bool | None]
    """None takes an earlier ruling back: the calendar counts again."""
    note: Mapped[str]
    by_person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    at: Mapped[datetime]
