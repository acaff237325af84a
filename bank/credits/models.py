"""Tables of credits on their way into the book, every decision on them, and service totals."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base

STATES = ("submitted", "second_review", "in_notice", "objected", "posted", "refused", "reversed", "void")
STEPS = (
    "proposed",
    "approved",
    "second_approved",
    "refused",
    "undone",
    "objected",
    "upheld",
    "dismissed",
    "withdrawn",
    "answered",
    "escalated",
    "posted",
    "reversed",
    "voided",
    "reopened",
    "signalled",
    "witnessed",
    "granted",
    "passed_on",
    "appealed",
    "kept",
)

ONE_PRESENCE = (
    "activity_id IS NOT NULL AND state NOT IN ('refused', 'reversed', 'void') AND source NOT LIKE '%\\:rest%'"
)
"""What exceeds a cap is a second credit, of honour, with a source that ends in `:rest`."""


class Credit(Base):
    """A proposal of credit for one person with its evidence, from submission to posting.

    `source` names the fact behind it (`attendance:9`, `deed:4`), so one fact is credited once. `amount` is what is
    proposed; `approved_amount` what the deciders let stand, never more. The checks keep one pair of hands from
    doing it all, whatever the code above believes.
    """

    __tablename__ = "credit"
    __table_args__ = (
        CheckConstraint(
            "state IN ('submitted', 'second_review', 'in_notice', 'objected', 'posted', 'refused', 'reversed', 'void')",
            name="state",
        ),
        CheckConstraint("unit IN ('MIN', 'PTS')", name="unit"),
        CheckConstraint("evidence_class IN ('A', 'B', 'C')", name="evidence_class"),
        CheckConstraint("amount >= 0", name="amount"),
        CheckConstraint("approved_amount IS NULL OR approved_amount BETWEEN 0 AND amount", name="approved_amount"),
        CheckConstraint("first_by IS NULL OR first_by <> person_id", name="first_is_not_own"),
        CheckConstraint(
            "second_by IS NULL OR (second_by <> person_id AND second_by <> first_by AND second_by <> proposed_by)",
            name="second_is_another",
        ),
        CheckConstraint(
            "state NOT IN ('in_notice', 'objected', 'posted') "
            "OR (first_by IS NOT NULL AND approved_amount IS NOT NULL)",
            name="decided_by_somebody",
        ),
        CheckConstraint(
            "state NOT IN ('in_notice', 'objected', 'posted') OR first_by <> proposed_by OR second_by IS NOT NULL",
            name="nobody_mints_alone",
        ),
        CheckConstraint("txn_id IS NULL OR evidence_class <> 'C' OR unit = 'PTS'", name="honour_is_never_spendable"),
        CheckConstraint("waits_for IS NULL OR (waits_for = 'panel' AND state = 'submitted')", name="waits_for"),
        CheckConstraint("surplus IS NULL OR surplus BETWEEN 1 AND amount", name="surplus"),
        CheckConstraint(
            "(surplus IS NULL) = (surplus_to IS NULL) AND (surplus_to IS NULL OR surplus_to IN ('honour', 'pool'))",
            name="surplus_to",
        ),
        Index(
            "ux_credit_presence",
            "activity_id",
            "person_id",
            unique=True,
            sqlite_where=text(ONE_PRESENCE),
            postgresql_where=text(ONE_PRESENCE),
        ),
        Index("ix_credit_desk", "community_id", "state", "created_at"),
        Index("ix_credit_due", "state", "due_at"),
        Index("ix_credit_posted", "community_id", "state", "posted_at"),
        Index("ix_credit_person_day", "person_id", "happened_on"),
        Index("ix_credit_issued", "first_by", "first_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"))
    source: Mapped[str] = mapped_column(unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    proposed_by: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    """Who brought it in: the volunteer who scanned, whoever scanned their card, the neighbour who nominated."""
    title: Mapped[str]
    happened_on: Mapped[date]
    unit: Mapped[str]
    amount: Mapped[int]
    approved_amount: Mapped[int | None]
    evidence_class: Mapped[str]
    evidence: Mapped[dict[str, Any]]
    """What the passbook and the desk show: moments, places and ways, never a name other than the deciders'."""
    flags: Mapped[list[Any]]
    """`[{code, facts}]` for the desk; empty means clean."""
    rules_number: Mapped[int]
    state: Mapped[str] = mapped_column(default="submitted")
    created_at: Mapped[datetime]
    first_by: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    first_at: Mapped[datetime | None]
    second_by: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    second_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    """Why it was refused or lowered, in words for the member."""
    batch: Mapped[str | None]
    """Names the tap that decided last, for undo."""
    notice_from: Mapped[datetime | None]
    notice_until: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    """When the bank next tries to post it: the end of its notice, later where the book refused."""
    held_up: Mapped[str | None]
    """The code with which the book refused last, until it is posted."""
    posting_round: Mapped[int] = mapped_column(default=0)
    """Rises with every posting that was refused or undone, because the book answers a key only once."""
    posted_at: Mapped[datetime | None]
    txn_id: Mapped[uuid.UUID | None] = mapped_column(unique=True)
    leader_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    activity_id: Mapped[int | None] = mapped_column(ForeignKey("activity.id"))
    """Where it was earned: who was there is credited once, by a scan or by paper."""
    """Who ran the activity it was earned at; the triggers of migration 0007 compare all hands by household."""
    waits_for: Mapped[str | None]
    """Whose word comes before the desk's: `panel`, or None."""
    surplus: Mapped[int | None]
    """Minutes of a posted credit that the account had no room for."""
    surplus_to: Mapped[str | None]
    """Where these went, as the person chose: `pool`, or `honour`, where they count as service and are not spent."""


class CreditStep(Base):
    """One decision on a credit; only ever added, the database refuses anything else."""

    __tablename__ = "credit_step"
    __table_args__ = (
        Index(
            "ix_credit_step_batch",
            "batch",
            sqlite_where=text("batch IS NOT NULL"),
            postgresql_where=text("batch IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    credit_id: Mapped[int] = mapped_column(ForeignKey("credit.id", ondelete="RESTRICT"), index=True)
    step: Mapped[str]
    at: Mapped[datetime]
    by_person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    """None when the bank itself acted, as when a notice ends."""
    role: Mapped[str | None]
    """In which capacity they decided: coordinator, second_approver or panel."""
    amount: Mapped[int | None]
    reason: Mapped[str | None]
    batch: Mapped[str | None]
    txn_id: Mapped[uuid.UUID | None]
    """The posting or reversal in the book that belongs to this step."""


class Objection(Base):
    """A resident's doubt about an item on notice, or the person's own correction; it freezes that item only.

    While it is open it goes from stage to stage: somebody uninvolved answers, the panel votes, and what is still
    without a verdict lies with the second approver until the rule closes it.
    """

    __tablename__ = "objection"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'upheld', 'dismissed', 'withdrawn')", name="state"),
        CheckConstraint("(state = 'open') = (answered_at IS NULL)", name="answered"),
        CheckConstraint("answered_by IS NULL OR answered_by <> by_person_id", name="answered_by_another"),
        CheckConstraint("kind IN ('objection', 'correction')", name="kind"),
        CheckConstraint("stage IN ('answer', 'panel', 'last')", name="stage"),
        CheckConstraint("wanted_amount IS NULL OR (wanted_amount >= 1 AND kind = 'correction')", name="wanted_amount"),
        CheckConstraint("replied_by IS NULL OR replied_by <> by_person_id", name="replied_by_another"),
        CheckConstraint("keyed_by IS NULL OR keyed_by <> by_person_id", name="keyed_by_another"),
        CheckConstraint("NOT is_appeal OR kind = 'correction'", name="is_appeal"),
        CheckConstraint("wanted_title IS NULL OR kind = 'correction'", name="wanted_title"),
        UniqueConstraint("credit_id", "by_person_id"),
        Index("ix_objection_due", "state", "answer_due_at"),
        Index(
            "uq_objection_open",
            "credit_id",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    credit_id: Mapped[int] = mapped_column(ForeignKey("credit.id", ondelete="RESTRICT"))
    by_person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    reason: Mapped[str]
    state: Mapped[str] = mapped_column(default="open")
    created_at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(default="objection")
    stage: Mapped[str] = mapped_column(default="answer")
    """Who has the next word while it is open; afterwards, who had the last."""
    answer_due_at: Mapped[datetime]
    """When the present stage ends."""
    wanted_amount: Mapped[int | None]
    """What the person says is right, for a correction; None where the amount is not in question."""
    own_words: Mapped[str | None]
    """What the person concerned says to an objection."""
    reply: Mapped[str | None]
    """What somebody uninvolved found, for the panel to judge."""
    replied_by: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    keyed_by: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    """Who keyed it in for a resident who came with paper or by word of mouth."""
    answered_by: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    answered_at: Mapped[datetime | None]
    answer: Mapped[str | None]
    """In words for both sides; None where the objection was taken back."""
    is_appeal: Mapped[bool] = mapped_column(default=False)
    """A correction of a refusal: the person asks that somebody else look again. The item stays refused meanwhile."""
    refused_by: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """Who refused what is appealed against, who has no word in it; None where the panel did."""
    wanted_title: Mapped[str | None]
    """What it should be called, for a correction; None where its name is not in question."""


class ObjectionVote(Base):
    """One panel member's vote with its reason; only ever added."""

    __tablename__ = "objection_vote"
    __table_args__ = (UniqueConstraint("objection_id", "person_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    objection_id: Mapped[int] = mapped_column(ForeignKey("objection.id", ondelete="RESTRICT"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    is_upheld: Mapped[bool]
    reason: Mapped[str]
    at: Mapped[datetime]


class ServiceTotal(Base):
    """Lifetime minutes of verified, witnessed or honour service: a statistic that is never spent."""

    __tablename__ = "service_total"
    __table_args__ = (
        CheckConstraint("evidence_class IN ('A', 'B', 'C')", name="evidence_class"),
        CheckConstraint("minutes >= 0", name="minutes"),
    )

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"), primary_key=True)
    evidence_class: Mapped[str] = mapped_column(primary_key=True)
    minutes: Mapped[int]
