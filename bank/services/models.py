"""Tables of help at home: requests with their trail, invitations, what helpers like to do, the catalogue, reports."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base


class HelpRequest(Base):
    """Somebody asks for help at home: from the asking to the last minute of the visit.

    `state` says who has the next word and `due_at` until when; afterwards a job decides by rule. While `hold_txn_id`
    is set and neither `capture_txn_id` nor `release_txn_id` is, the agreed minutes are held in the book.
    """

    __tablename__ = "help_request"
    __table_args__ = (
        CheckConstraint(
            "state IN ('requested', 'verified', 'offered', 'accepted', 'in_service', 'to_confirm', 'done', "
            "'cancelled', 'no_show', 'not_home', 'nobody_found', 'disputed', 'resolved')",
            name="state",
        ),
        CheckConstraint("minutes BETWEEN 1 AND 1440", name="minutes"),
        CheckConstraint("via IN ('app', 'counter', 'phone', 'captain', 'repeat')", name="via"),
        CheckConstraint("pays IN ('own', 'pool')", name="pays"),
        CheckConstraint("(pays = 'pool') = (hardship_by IS NOT NULL)", name="hardship_by"),
        CheckConstraint("hardship_by IS NULL OR hardship_by <> person_id", name="hardship_is_not_own"),
        CheckConstraint("verified_by IS NULL OR verified_by <> person_id", name="verified_by_another"),
        CheckConstraint("pays = 'own' OR verified_by IS NULL OR verified_by <> hardship_by", name="pool_needs_two"),
        CheckConstraint("volunteer_id IS NULL OR volunteer_id <> person_id", name="helped_by_another"),
        CheckConstraint(
            "state NOT IN ('accepted', 'in_service', 'to_confirm', 'disputed') "
            "OR (volunteer_id IS NOT NULL AND hold_txn_id IS NOT NULL)",
            name="held_while_open",
        ),
        CheckConstraint(
            "state IN ('accepted', 'in_service', 'to_confirm', 'disputed') OR hold_txn_id IS NULL "
            "OR capture_txn_id IS NOT NULL OR release_txn_id IS NOT NULL",
            name="nothing_stays_held",
        ),
        CheckConstraint("capture_txn_id IS NULL OR release_txn_id IS NULL", name="one_way_out"),
        CheckConstraint("(capture_txn_id IS NULL) = (paid_minutes IS NULL)", name="paid"),
        CheckConstraint("paid_minutes IS NULL OR paid_minutes BETWEEN 1 AND minutes", name="paid_minutes"),
        CheckConstraint(
            "(due_at IS NOT NULL) = "
            "(state IN ('requested', 'verified', 'offered', 'accepted', 'in_service', 'to_confirm', 'disputed'))",
            name="every_wait_ends",
        ),
        CheckConstraint("helpers IN (1, 2)", name="helpers"),
        CheckConstraint(
            "second_id IS NULL OR (helpers = 2 AND second_id <> person_id AND second_id <> volunteer_id)",
            name="second_is_another",
        ),
        CheckConstraint(
            "helpers = 1 OR state NOT IN ('accepted', 'in_service', 'to_confirm', 'disputed') "
            "OR (second_id IS NOT NULL AND second_accepted_at IS NOT NULL)",
            name="two_promise",
        ),
        CheckConstraint(
            "helpers = 1 OR state NOT IN ('in_service', 'to_confirm') "
            "OR (arrived_at IS NOT NULL AND second_arrived_at IS NOT NULL)",
            name="two_begin",
        ),
        CheckConstraint(
            "helpers = 1 OR state <> 'to_confirm' OR (left_at IS NOT NULL AND second_left_at IS NOT NULL)",
            name="two_leave",
        ),
        CheckConstraint(
            "second_paid_minutes IS NULL "
            "OR (paid_minutes IS NOT NULL AND helpers = 2 AND second_paid_minutes BETWEEN 1 AND minutes)",
            name="second_paid_minutes",
        ),
        CheckConstraint(
            "refunded_minutes BETWEEN 0 AND COALESCE(paid_minutes, 0) + COALESCE(second_paid_minutes, 0)",
            name="refunded_minutes",
        ),
        Index("ix_help_request_second", "second_id", "id"),
        Index("ux_help_request_second_credit", "second_credit_id", unique=True),
        Index("ix_help_request_desk", "community_id", "state", "promised_at"),
        Index("ix_help_request_due", "state", "due_at"),
        Index("ix_help_request_person", "person_id", "id"),
        Index("ix_help_request_volunteer", "volunteer_id", "id"),
        Index("ix_help_request_returned", "state", "returned_txn_id", "credit_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(unique=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    asked_by: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    """The resident, or the coordinator or captain who wrote it down for them."""
    via: Mapped[str]
    kind: Mapped[str]
    starts_at: Mapped[datetime]
    minutes: Mapped[int]
    words: Mapped[str]
    """What the resident wants, in their own words."""
    risk_note: Mapped[str]
    """What whoever comes should know; staff must write it."""
    reach: Mapped[str]
    """How they can be reached."""
    speech: Mapped[str]
    pays: Mapped[str] = mapped_column(default="own")
    hardship_by: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    state: Mapped[str] = mapped_column(default="requested")
    is_first: Mapped[bool] = mapped_column(default=False)
    """Goes before the others, because a volunteer let them down."""
    created_at: Mapped[datetime]
    promised_at: Mapped[datetime]
    """By when it is verified, or answered, as promised; the desk puts what is late first."""
    warned_at: Mapped[datetime | None]
    """When the desk was told that this promise is broken."""
    due_at: Mapped[datetime | None]
    verified_by: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    verified_at: Mapped[datetime | None]
    volunteer_id: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    accepted_at: Mapped[datetime | None]
    holds: Mapped[int] = mapped_column(default=0)
    """How often minutes were held for it: the book answers a key only once."""
    hold_txn_id: Mapped[uuid.UUID | None] = mapped_column(unique=True)
    capture_txn_id: Mapped[uuid.UUID | None] = mapped_column(unique=True)
    release_txn_id: Mapped[uuid.UUID | None] = mapped_column(unique=True)
    returned_txn_id: Mapped[uuid.UUID | None] = mapped_column(unique=True)
    """The reversal of the capture, where the volunteer's credit fell away."""
    code_in: Mapped[str]
    code_out: Mapped[str]
    """Six digits each, which the resident says when the volunteer comes and when they go."""
    arrived_at: Mapped[datetime | None]
    arrived_via: Mapped[str | None]
    left_at: Mapped[datetime | None]
    left_via: Mapped[str | None]
    is_late_upload: Mapped[bool] = mapped_column(default=False)
    """A moment was told afterwards, by a phone that had no network."""
    volunteer_agreed_at: Mapped[datetime | None]
    resident_agreed_at: Mapped[datetime | None]
    resident_agreed_via: Mapped[str | None]
    resident_agreed_by: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    """Whose phone it was, or who called back."""
    doubt: Mapped[str | None]
    """Why it is disputed: differs, not_right, unconfirmed, no_check_out or not_home."""
    resident_words: Mapped[str | None]
    volunteer_words: Mapped[str | None]
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    paid_minutes: Mapped[int | None]
    credit_id: Mapped[int | None] = mapped_column(ForeignKey("credit.id", ondelete="RESTRICT"), unique=True)
    ended_by: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    """None where time or the rule ended it."""
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None]
    helpers: Mapped[int] = mapped_column(default=1)
    """How many come. Where two do, both are trained, and the minutes of both are held and paid."""
    second_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    second_accepted_at: Mapped[datetime | None]
    second_arrived_at: Mapped[datetime | None]
    second_arrived_via: Mapped[str | None]
    second_left_at: Mapped[datetime | None]
    second_left_via: Mapped[str | None]
    second_agreed_at: Mapped[datetime | None]
    second_words: Mapped[str | None]
    second_paid_minutes: Mapped[int | None]
    """What the second was given; `paid_minutes` is the first's, and both together are captured."""
    second_credit_id: Mapped[int | None] = mapped_column(ForeignKey("credit.id"))
    refunded_minutes: Mapped[int] = mapped_column(default=0)
    """What came back of what was paid, because less was credited."""
    repeats: Mapped[int | None] = mapped_column(ForeignKey("help_request.id", ondelete="RESTRICT"), unique=True)
    """The request that this one asks for once more; each only once."""

    @property
    def paid_by_all(self) -> int:
        """What was paid for everybody who came."""
        return (self.paid_minutes or 0) + (self.second_paid_minutes or 0)


class HelpStep(Base):
    """One thing that happened to a request; only ever added."""

    __tablename__ = "help_step"

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("help_request.id", ondelete="RESTRICT"), index=True)
    step: Mapped[str]
    at: Mapped[datetime]
    by_person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    note: Mapped[str | None]


class HelpInvitation(Base):
    """A volunteer asked to help, with the reasons why they; no answer and "no" leave no mark on anybody."""

    __tablename__ = "help_invitation"
    __table_args__ = (
        UniqueConstraint("request_id", "person_id"),
        CheckConstraint("state IN ('open', 'accepted', 'declined', 'passed')", name="state"),
        Index("ix_help_invitation_person", "person_id", "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("help_request.id", ondelete="RESTRICT"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    invited_by: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    state: Mapped[str] = mapped_column(default="open")
    reasons: Mapped[list[Any]]
    """Codes of `rules.REASONS`, as they were when the invitation was sent."""
    at: Mapped[datetime]
    answered_at: Mapped[datetime | None]


class HelpSkill(Base):
    """A kind of help somebody likes to give."""

    __tablename__ = "help_skill"
    __table_args__ = (Index("ix_help_skill_kind", "community_id", "kind"),)

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"))


class HelpSpeech(Base):
    """A way of speaking that a volunteer can be understood in."""

    __tablename__ = "help_speech"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"), primary_key=True)
    speech: Mapped[str] = mapped_column(primary_key=True)


class HelpKindRuling(Base):
    """What a community says of one kind of help against the catalogue; the latest counts, the rest is the trace."""

    __tablename__ = "help_kind_ruling"
    __table_args__ = (
        CheckConstraint("least_minutes BETWEEN 1 AND usual_minutes", name="least_minutes"),
        CheckConstraint("most_minutes >= usual_minutes", name="most_minutes"),
        Index("ix_help_kind_ruling_kind", "community_id", "kind", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"))
    kind: Mapped[str]
    is_on: Mapped[bool]
    least_minutes: Mapped[int]
    usual_minutes: Mapped[int]
    most_minutes: Mapped[int]
    conditions: Mapped[list[Any]]
    """Codes of the conditions that the coordinator declared to be met."""
    by_person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    at: Mapped[datetime]


class HelpTraining(Base):
    """Somebody was trained for a kind of help that takes it; a coordinator has seen the paper."""

    __tablename__ = "help_training"
    __table_args__ = (
        CheckConstraint("checked_by <> person_id", name="checked_by_another"),
        CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="ended"),
        Index(
            "ux_help_training_now",
            "person_id",
            "kind",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_help_training_kind", "community_id", "kind"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    kind: Mapped[str]
    paper: Mapped[str]
    """What was seen: which course, which certificate."""
    checked_by: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    at: Mapped[datetime]
    ended_by: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    ended_at: Mapped[datetime | None]


class HelpRefund(Base):
    """Minutes of a visit that came back to who paid, by one transaction; only ever added."""

    __tablename__ = "help_refund"
    __table_args__ = (CheckConstraint("minutes >= 1", name="minutes"),)

    request_id: Mapped[int] = mapped_column(ForeignKey("help_request.id", ondelete="RESTRICT"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    minutes: Mapped[int]
    txn_id: Mapped[uuid.UUID] = mapped_column(unique=True)
    at: Mapped[datetime]


class HelpReport(Base):
    """A problem with a visit, told by either side and answered by the desk."""

    __tablename__ = "help_report"
    __table_args__ = (
        UniqueConstraint("request_id", "by_person_id"),
        CheckConstraint("state IN ('open', 'late', 'answered')", name="state"),
        CheckConstraint("(state = 'answered') = (answered_at IS NOT NULL)", name="answered"),
        CheckConstraint("answered_by IS NULL OR answered_by <> by_person_id", name="answered_by_another"),
        Index("ix_help_report_desk", "community_id", "state", "due_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("help_request.id", ondelete="RESTRICT"))
    community_id: Mapped[int] = mapped_column(ForeignKey("community.id", ondelete="RESTRICT"))
    by_person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    words: Mapped[str]
    state: Mapped[str] = mapped_column(default="open")
    at: Mapped[datetime]
    due_at: Mapped[datetime]
    answer: Mapped[str | None]
    answered_by: Mapped[int | None] = mapped_column(ForeignKey("person.id", ondelete="RESTRICT"))
    answered_at: Mapped[datetime | None]
