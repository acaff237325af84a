"""Tables of bound relatives, gifts, donations, and grants from the pool."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base

_PERSON = "person.id"
_LIVING_BOND = text("state IN ('asked', 'agreed', 'bound')")
_LIVING_FAREWELL = text("state IN ('opened', 'confirmed', 'chosen')")
_LIVING_GRANT = text("state IN ('proposed', 'active', 'paused')")


def _person() -> Mapped[int]:
    return mapped_column(ForeignKey(_PERSON, ondelete="RESTRICT"))


def _added() -> Mapped[int | None]:
    """Somebody or nobody, in a column that a table was given later: SQLite reads no ondelete from such a one."""
    return mapped_column(ForeignKey(_PERSON))


def _nobody() -> Mapped[int | None]:
    return mapped_column(ForeignKey(_PERSON, ondelete="RESTRICT"))


class Bond(Base):
    """Two members who say they are relatives: asked, agreed by the other, looked at once by somebody uninvolved."""

    __tablename__ = "bond"
    __table_args__ = (
        CheckConstraint(
            "state IN ('asked', 'agreed', 'bound', 'declined', 'withdrawn', 'refused', 'ended', 'lapsed')",
            name="state",
        ),
        CheckConstraint("kind IN ('spouse', 'parent', 'child', 'grandparent', 'grandchild')", name="kind"),
        CheckConstraint("asker_id <> other_id", name="two_people"),
        CheckConstraint("low_id < high_id", name="one_pair"),
        CheckConstraint(
            "checked_by IS NULL OR (checked_by <> asker_id AND checked_by <> other_id)", name="checked_by_another"
        ),
        CheckConstraint("checked_by IS NULL OR agent_id IS NULL OR checked_by <> agent_id", name="not_by_the_agent"),
        CheckConstraint(
            "checked_by IS NULL OR answer_agent_id IS NULL OR checked_by <> answer_agent_id", name="not_by_who_answered"
        ),
        Index(
            "ux_bond_living",
            "low_id",
            "high_id",
            unique=True,
            sqlite_where=_LIVING_BOND,
            postgresql_where=_LIVING_BOND,
        ),
        Index("ix_bond_asker", "asker_id", "id"),
        Index("ix_bond_other", "other_id", "id"),
        Index("ix_bond_waiting", "state", "due_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"), index=True)
    asker_id: Mapped[int] = _person()
    other_id: Mapped[int] = _person()
    low_id: Mapped[int] = _person()
    high_id: Mapped[int] = _person()
    """The same two in the order of their ids, so that no pair is bound twice, whoever asked."""
    kind: Mapped[str]
    """What the other is to the one who asked."""
    agent_id: Mapped[int | None] = _nobody()
    """Who stood at the desk when a card and PIN asked."""
    answer_agent_id: Mapped[int | None] = _added()
    """Who stood at the desk when a card and PIN agreed."""
    checked_by: Mapped[int | None] = _nobody()
    state: Mapped[str] = mapped_column(default="asked")
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    """When it lapses unless somebody goes on; of no meaning once bound."""
    ended_at: Mapped[datetime | None]


class Gift(Base):
    """Minutes to a bound relative: held for a day, in which the giver can take them back, then given."""

    __tablename__ = "gift"
    __table_args__ = (
        CheckConstraint("state IN ('held', 'given', 'taken_back', 'returned')", name="state"),
        CheckConstraint("amount >= 1", name="amount"),
        CheckConstraint("giver_id <> receiver_id", name="to_another"),
        CheckConstraint("(state = 'held') = (ended_at IS NULL)", name="ended"),
        CheckConstraint("(state = 'held') = (end_txn_id IS NULL)", name="end_in_the_book"),
        Index("ix_gift_giver", "giver_id", "created_at"),
        Index("ix_gift_receiver", "receiver_id", "id"),
        Index("ix_gift_due", "state", "due_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"))
    bond_id: Mapped[int] = mapped_column(ForeignKey("bond.id", ondelete="RESTRICT"), index=True)
    giver_id: Mapped[int] = _person()
    receiver_id: Mapped[int] = _person()
    agent_id: Mapped[int | None] = _nobody()
    amount: Mapped[int]
    state: Mapped[str] = mapped_column(default="held")
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    hold_txn_id: Mapped[uuid.UUID] = mapped_column(unique=True)
    end_txn_id: Mapped[uuid.UUID | None] = mapped_column(unique=True)


class Donation(Base):
    """Minutes or points to the community's pool; thanked in public by the name the donor agreed to, or by none."""

    __tablename__ = "donation"
    __table_args__ = (
        CheckConstraint("unit IN ('MIN', 'PTS')", name="unit"),
        CheckConstraint("amount >= 1", name="amount"),
        CheckConstraint("thanks IN ('full', 'teacher', 'mr', 'ms', 'words')", name="thanks"),
        CheckConstraint("(thanks IS NULL) = (thanked_as IS NULL)", name="thanked"),
        CheckConstraint(
            "words_by IS NULL OR (thanks IS NOT NULL AND thanks = 'words' AND words_by <> person_id)", name="words_by"
        ),
        Index("ix_donation_thanks", "community_id", "id"),
        Index("ix_donation_person", "person_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"))
    person_id: Mapped[int] = _person()
    agent_id: Mapped[int | None] = _nobody()
    unit: Mapped[str]
    amount: Mapped[int]
    thanks: Mapped[str | None]
    """In which form the donor wished to be thanked in public, none for no thanks."""
    thanked_as: Mapped[str | None]
    """The full name, the family's name, or a group's own words, which nobody sees before `words_by` looked at them."""
    words_by: Mapped[int | None] = _added()
    created_at: Mapped[datetime]
    txn_id: Mapped[uuid.UUID] = mapped_column(unique=True)


class Grant(Base):
    """A named resident in hardship whom the pool gives minutes every month, put on the list by two people."""

    __tablename__ = "pool_grant"
    __table_args__ = (
        CheckConstraint("state IN ('proposed', 'active', 'paused', 'ended', 'refused', 'lapsed')", name="state"),
        CheckConstraint("listed_by <> person_id", name="listed_by_another"),
        CheckConstraint(
            "confirmed_by IS NULL OR (confirmed_by <> listed_by AND confirmed_by <> person_id)", name="two_people"
        ),
        Index(
            "ux_pool_grant_living",
            "person_id",
            unique=True,
            sqlite_where=_LIVING_GRANT,
            postgresql_where=_LIVING_GRANT,
        ),
        Index("ix_pool_grant_list", "community_id", "state", "id"),
        Index("ix_pool_grant_due", "state", "due_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"))
    person_id: Mapped[int] = _person()
    reason: Mapped[str]
    """For the two who decide; shown to nobody else."""
    listed_by: Mapped[int] = _person()
    confirmed_by: Mapped[int | None] = _nobody()
    state: Mapped[str] = mapped_column(default="proposed")
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    """Until when somebody has to confirm it, look at it again, or take it up after a pause."""
    ended_at: Mapped[datetime | None]


class GrantPayment(Base):
    """One month of one grant, paid once."""

    __tablename__ = "grant_payment"
    __table_args__ = (
        CheckConstraint("amount >= 1", name="amount"),
        UniqueConstraint("grant_id", "month"),
        Index("ix_grant_payment_month", "community_id", "month"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"))
    grant_id: Mapped[int] = mapped_column(ForeignKey("pool_grant.id", ondelete="RESTRICT"))
    month: Mapped[date]
    """Its first day."""
    amount: Mapped[int]
    txn_id: Mapped[uuid.UUID] = mapped_column(unique=True)


class Farewell(Base):
    """That a member died or moves away: opened by one, confirmed by another, and what becomes of the hours."""

    __tablename__ = "farewell"
    __table_args__ = (
        CheckConstraint("kind IN ('died', 'moved')", name="kind"),
        CheckConstraint(
            "state IN ('opened', 'confirmed', 'chosen', 'inherited', 'pooled', 'kept', 'undone', 'lapsed')",
            name="state",
        ),
        CheckConstraint("choice IN ('heir', 'pool', 'keep')", name="choice"),
        CheckConstraint("(choice IS NOT NULL AND choice = 'heir') = (heir_id IS NOT NULL)", name="heir"),
        CheckConstraint("state <> 'chosen' OR choice IS NOT NULL", name="chosen"),
        CheckConstraint("opened_by <> person_id AND (heir_id IS NULL OR heir_id <> person_id)", name="another"),
        CheckConstraint(
            "confirmed_by IS NULL OR (confirmed_by <> opened_by AND confirmed_by <> person_id)", name="two_people"
        ),
        CheckConstraint(
            "seconded_by IS NULL OR (choice IS NOT NULL AND chosen_by IS NOT NULL AND seconded_by <> chosen_by "
            "AND seconded_by <> person_id AND (heir_id IS NULL OR seconded_by <> heir_id))",
            name="seconded",
        ),
        CheckConstraint("(state IN ('opened', 'confirmed', 'chosen')) = (ended_at IS NULL)", name="ended"),
        Index(
            "ux_farewell_living",
            "person_id",
            unique=True,
            sqlite_where=_LIVING_FAREWELL,
            postgresql_where=_LIVING_FAREWELL,
        ),
        Index("ix_farewell_list", "community_id", "state", "id"),
        Index("ix_farewell_due", "state", "due_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"))
    person_id: Mapped[int] = _person()
    kind: Mapped[str]
    opened_by: Mapped[int] = _person()
    confirmed_by: Mapped[int | None] = _nobody()
    confirmed_at: Mapped[datetime | None]
    choice: Mapped[str | None]
    heir_id: Mapped[int | None] = _nobody()
    chosen_by: Mapped[int | None] = _nobody()
    """Who wrote a family's choice down; who moves chooses for themselves."""
    seconded_by: Mapped[int | None] = _added()
    """Who else saw the family's choice; without a second it is not carried out."""
    state: Mapped[str] = mapped_column(default="opened")
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    """Until when somebody confirms or chooses; once chosen, when it is carried out."""
    waits_until: Mapped[datetime | None]
    """How long the end waits for what is on its way; set when it first waits."""
    reminded_at: Mapped[datetime | None]
    """When a family that has not chosen was reminded; none again where it must choose anew."""
    ended_at: Mapped[datetime | None]
    txn_id: Mapped[uuid.UUID | None] = mapped_column(unique=True)
    """What moved the hours; none where nothing was there or they stay."""


class Dormancy(Base):
    """When a member was last looked at for movements, and what they answered when asked about their hours."""

    __tablename__ = "dormancy"
    __table_args__ = (
        CheckConstraint("answer IN ('keep', 'use', 'give', 'donate')", name="answer"),
        CheckConstraint("(answer IS NULL) = (answered_at IS NULL)", name="answered"),
        CheckConstraint("answer IS NULL OR asked_at IS NOT NULL", name="asked_first"),
        Index("ix_dormancy_look", "look_at"),
    )

    person_id: Mapped[int] = mapped_column(ForeignKey(_PERSON, ondelete="RESTRICT"), primary_key=True)
    look_at: Mapped[datetime]
    """When to look again: a month later where hours moved, the rule's months later where the member was asked."""
    asked_at: Mapped[datetime | None]
    answer: Mapped[str | None]
    answered_at: Mapped[datetime | None]


class PoolShort(Base):
    """That the desk was told of a month in which the pool cannot pay every grant."""

    __tablename__ = "pool_short"

    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"), primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    at: Mapped[datetime]
