"""Tables of the nightly figures and of nudges."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base


class Vital(Base):
    """What a community's bank was like on one day, in minutes, taken once by a job so that no page sums a history."""

    __tablename__ = "vital"
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    taken_at: Mapped[datetime]
    promised: Mapped[int]
    """What all members could spend, with what is held of it; below zero where debts are more."""
    credited: Mapped[int]
    """What was ever credited to members, net of what was taken back."""
    spent: Mapped[int]
    """What members ever used, net of what was taken back."""
    figures: Mapped[dict[str, Any]]
    """The rest, as `vitals.rules.Figures` names it."""


class Nudge(Base):
    """That a person was offered something to do with their hours at a threshold: once, whoever runs the job."""

    __tablename__ = "nudge"
    __table_args__ = (CheckConstraint("threshold >= 1", name="threshold"),)

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"), primary_key=True)
    threshold: Mapped[int] = mapped_column(primary_key=True)
    """In minutes saved."""
    at: Mapped[datetime]


class NoNudges(Base):
    """That a person wants no such offers; deleting the row allows them again."""

    __tablename__ = "no_nudges"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"), primary_key=True)
    since_at: Mapped[datetime]
