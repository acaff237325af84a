"""Tables of people, households, roles, sign-ins and messages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base

ROLES = ("coordinator", "second_approver", "shopkeeper", "panel", "auditor", "admin")
"""What a person may be besides a resident; resident and volunteer are two hats of everyone."""


class Household(Base):
    """People who live behind one door; nobody decides on their own household's hours."""

    __tablename__ = "household"

    id: Mapped[int] = mapped_column(primary_key=True)
    building_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"), index=True)
    door: Mapped[str]
    """Unit and door, such as 2单元501."""


class Person(Base):
    """A member. The ledger knows only the public id; a phone may be a whole family's."""

    __tablename__ = "person"
    __table_args__ = (
        CheckConstraint("card_version BETWEEN 1 AND 1023", name="card_version"),
        CheckConstraint("surplus_to IN ('honour', 'pool')", name="surplus_to"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"), index=True)
    household_id: Mapped[int | None] = mapped_column(ForeignKey("household.id", ondelete="RESTRICT"), index=True)
    name: Mapped[str]
    pinyin: Mapped[str] = mapped_column(default="", index=True)
    """Pinyin initials in lower case, for finding a person quickly."""
    login: Mapped[str | None] = mapped_column(unique=True)
    phone: Mapped[str | None] = mapped_column(index=True)
    password_hash: Mapped[str | None]
    pin_hash: Mapped[str | None]
    card_version: Mapped[int] = mapped_column(default=1)
    language: Mapped[str] = mapped_column(default="zh")
    is_elder: Mapped[bool] = mapped_column(default=False)
    """Large type and large targets."""
    is_named: Mapped[bool] = mapped_column(default=False)
    """Agreed to be named in public notices."""
    surplus_to: Mapped[str] = mapped_column(default="honour")
    """Where minutes go that the account has no room for: kept as `honour`, or given to the `pool`."""
    is_group: Mapped[bool] = mapped_column(default=False)
    """A unit's or a group's account, whose hours can only be donated."""
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    vouched_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """Who of the staff registered them, while they are new: until then that person credits them nothing alone."""
    pin_set_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """Who of the staff set the PIN and may know it: that person spends and gives nothing with it."""


class NamingConsent(Base):
    """That a person agreed to be named in public notices, or took it back: which words they read, and when."""

    __tablename__ = "naming_consent"
    __table_args__ = (Index("ix_naming_consent_person", "person_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    version: Mapped[int]
    is_given: Mapped[bool]
    at: Mapped[datetime]


class Role(Base):
    """What a person may do in a place and everything below it."""

    __tablename__ = "role"
    __table_args__ = (
        CheckConstraint(
            "name IN ('coordinator', 'second_approver', 'shopkeeper', 'panel', 'auditor', 'admin')",
            name="name",
        ),
        Index("ix_role_name", "name", "community_id"),
    )

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"), primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    granted_at: Mapped[datetime]
    granted_by: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))


class BuildingCaptain(Base):
    """Who looks after a building (楼门长) and may see its people first when telling a good deed of theirs."""

    __tablename__ = "building_captain"

    building_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"), primary_key=True, index=True)
    named_by: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    since_at: Mapped[datetime]


class SignIn(Base):
    """One open sign-in of a page or an API token; deleting the row ends it at once."""

    __tablename__ = "sign_in"
    __table_args__ = (CheckConstraint("kind IN ('page', 'api')", name="kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"), index=True)
    kind: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    device: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Message(Base):
    """Something a member must be told, shown on their home page until read."""

    __tablename__ = "message"
    __table_args__ = (
        Index(
            "ix_message_unread",
            "person_id",
            sqlite_where=text("read_at IS NULL"),
            postgresql_where=text("read_at IS NULL"),
        ),
        Index(
            "ix_message_agent",
            "person_id",
            "id",
            sqlite_where=text("agent_id IS NOT NULL"),
            postgresql_where=text("agent_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    agent_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """Who did in the person's name what the sentence tells of."""
    sentence: Mapped[str]
    """A marked sentence with placeholders, put in the person's language when shown."""
    facts: Mapped[dict[str, Any]]
    link: Mapped[str | None]
    created_at: Mapped[datetime]
    read_at: Mapped[datetime | None]
