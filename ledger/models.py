"""The book's tables: facts that are only ever inserted, projections that follow from them, and queues of work."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base

_IS_LIVE = text("credited > consumed + expired")
# Without a rowid there is no hidden second key through which INSERT OR REPLACE could delete a fact.
CLUSTERED = {"sqlite_with_rowid": False}


def _to_account(*columns: str) -> ForeignKeyConstraint:
    target = ["account.ledger_id", "account.id", "account.unit"][: len(columns) + 1]
    return ForeignKeyConstraint(["ledger_id", *columns], target, ondelete="RESTRICT")


def _to_txn(column: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["ledger_id", column], ["txn.ledger_id", "txn.id"], ondelete="RESTRICT")


def _followed_once(column: str) -> UniqueConstraint:
    """Say that a transaction is reversed and resolved once, the ledger second.

    With the ledger first it would be a second way to find a transaction, by its ledger alone; a PostgreSQL session
    without statistics took it for every foreign key, and kept to it (30 times slower at 3,000 transactions).
    """
    return UniqueConstraint(column, "ledger_id", name=f"uq_txn_ledger_id_{column}")


class AccountRow(Base):
    """Fact: an account was opened. Never deleted; freezing and limits live in its balance row."""

    __tablename__ = "account"
    ledger_id: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    path: Mapped[str]
    unit: Mapped[str]
    kind: Mapped[str]
    mode: Mapped[str]
    is_shared: Mapped[bool]
    opened_at: Mapped[datetime]
    __table_args__ = (
        UniqueConstraint("ledger_id", "path", "unit"),
        UniqueConstraint("ledger_id", "id", "unit"),
        CheckConstraint("mode IN ('strict', 'lazy')", name="mode"),
        CLUSTERED,
    )


class BalanceRow(Base):
    """Projection: what an account has, with its bounds; the CHECKs are the last guard against overdraft."""

    __tablename__ = "balance"
    ledger_id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    dr_posted: Mapped[int]
    cr_posted: Mapped[int]
    held: Mapped[int]
    min_balance: Mapped[int | None]
    max_balance: Mapped[int | None]
    frozen: Mapped[bool]
    seq: Mapped[int]
    last_recorded_at: Mapped[datetime]
    dated: Mapped[int] = mapped_column(default=0)
    """How much of the balance lies in lots with a day on which they end; the rest never ends."""
    __table_args__ = (
        _to_account("account_id"),
        CheckConstraint("dated >= 0 AND (dated = 0 OR dated <= cr_posted - dr_posted)", name="dated"),
        CheckConstraint("dr_posted >= 0 AND cr_posted >= 0 AND held >= 0 AND seq >= 0", name="not_negative"),
        CheckConstraint("min_balance IS NULL OR cr_posted - dr_posted >= min_balance", name="floor"),
        # What is held still counts towards the ceiling, so a release always finds room.
        CheckConstraint("max_balance IS NULL OR cr_posted - dr_posted + held <= max_balance", name="ceiling"),
        {**CLUSTERED, "postgresql_with": {"fillfactor": 70}},
    )


class IdempotencyRow(Base):
    """Fact: a request was answered once and for all. Its key row is what makes twins wait for each other."""

    __tablename__ = "idempotency"
    ledger_id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[bytes]
    outcome: Mapped[str]
    txn_id: Mapped[uuid.UUID | None]
    reason: Mapped[str | None]
    recorded_at: Mapped[datetime]
    __table_args__ = (
        CheckConstraint("length(key) BETWEEN 1 AND 200", name="key"),
        CheckConstraint("length(request_hash) = 32", name="request_hash"),
        CheckConstraint("outcome IN ('posted', 'rejected')", name="outcome"),
        CheckConstraint("(outcome = 'posted') = (txn_id IS NOT NULL)", name="posted_has_txn"),
        CheckConstraint("(outcome = 'rejected') = (reason IS NOT NULL)", name="rejected_has_reason"),
        CLUSTERED,
    )


class TxnRow(Base):
    """Fact: something happened. `effective_date` is when it counts, `recorded_at` when the book heard."""

    __tablename__ = "txn"
    ledger_id: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    effective_date: Mapped[date]
    recorded_at: Mapped[datetime]
    actor: Mapped[str]
    reverses_id: Mapped[uuid.UUID | None]
    resolves_id: Mapped[uuid.UUID | None]
    relates_id: Mapped[uuid.UUID | None]
    expires_at: Mapped[datetime | None]
    memo_digest: Mapped[bytes | None]
    nonce: Mapped[bytes]
    canonical: Mapped[bytes]
    leaf_hash: Mapped[bytes]
    __table_args__ = (
        _followed_once("reverses_id"),
        _followed_once("resolves_id"),
        _to_txn("reverses_id"),
        _to_txn("resolves_id"),
        _to_txn("relates_id"),
        CheckConstraint("length(nonce) = 16", name="nonce"),
        CheckConstraint("length(leaf_hash) = 32", name="leaf_hash"),
        CheckConstraint("memo_digest IS NULL OR length(memo_digest) = 32", name="memo_digest"),
        CLUSTERED,
    )


class TransferRow(Base):
    """Fact: an amount moved from one account to another; units and ledgers cannot mix (composite keys)."""

    __tablename__ = "transfer"
    ledger_id: Mapped[int] = mapped_column(primary_key=True)
    txn_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    unit: Mapped[str]
    debit_id: Mapped[uuid.UUID]
    credit_id: Mapped[uuid.UUID]
    amount: Mapped[int]
    expires_on: Mapped[date | None]
    __table_args__ = (
        _to_txn("txn_id"),
        _to_account("debit_id", "unit"),
        _to_account("credit_id", "unit"),
        CheckConstraint("debit_id <> credit_id", name="two_accounts"),
        CheckConstraint("amount BETWEEN 1 AND 1000000000000", name="amount"),
        Index(None, "ledger_id", "debit_id"),
        Index(None, "ledger_id", "credit_id"),
        CLUSTERED,
    )


class EntryRow(Base):
    """Fact: one line of one account, numbered without gaps from 1."""

    __tablename__ = "entry"
    ledger_id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    txn_id: Mapped[uuid.UUID]
    ordinal: Mapped[int]
    delta: Mapped[int]
    balance_after: Mapped[int]
    effective_date: Mapped[date]
    recorded_at: Mapped[datetime]
    __table_args__ = (
        _to_account("account_id"),
        ForeignKeyConstraint(
            ["ledger_id", "txn_id", "ordinal"],
            ["transfer.ledger_id", "transfer.txn_id", "transfer.ordinal"],
            ondelete="RESTRICT",
        ),
        CheckConstraint("seq >= 1", name="seq"),
        CheckConstraint("delta <> 0", name="delta"),
        Index(None, "ledger_id", "account_id", "effective_date"),
        CLUSTERED,
    )


class DailyRow(Base):
    """Projection: what moved on an account per effective day; with the closing before, it answers 'as of that day'."""

    __tablename__ = "daily"
    ledger_id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    effective_date: Mapped[date] = mapped_column(primary_key=True)
    dr: Mapped[int]
    cr: Mapped[int]
    __table_args__ = (
        _to_account("account_id"),
        CheckConstraint("dr >= 0 AND cr >= 0", name="not_negative"),
        CLUSTERED,
    )


class MemoRow(Base):
    """A free text that may be erased on request; the transaction keeps only SHA256(salt || text)."""

    __tablename__ = "memo"
    ledger_id: Mapped[int] = mapped_column(primary_key=True)
    txn_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    salt: Mapped[bytes]
    text: Mapped[str]
    __table_args__ = (_to_txn("txn_id"), CheckConstraint("length(salt) = 16", name="salt"), CLUSTERED)


class LotRow(Base):
    """Projection: what an account was credited with that ends on one day, and what became of it."""

    __tablename__ = "lot"
    ledger_id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    expires_on: Mapped[date] = mapped_column(primary_key=True)
    credited: Mapped[int]
    consumed: Mapped[int]
    expired: Mapped[int]
    __table_args__ = (
        _to_account("account_id"),
        CheckConstraint("consumed >= 0 AND expired >= 0 AND consumed + expired <= credited", name="never_below_zero"),
        # Only what still holds something, so that finding what is over does not grow with history.
        Index("ix_lot_live", "ledger_id", "expires_on", sqlite_where=_IS_LIVE, postgresql_where=_IS_LIVE),
        CLUSTERED,
    )


class LotMoveRow(Base):
    """Fact: a transfer put an amount into a lot (delta > 0) or took it out."""

    __tablename__ = "lot_move"
    ledger_id: Mapped[int] = mapped_column(primary_key=True)
    txn_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    expires_on: Mapped[date] = mapped_column(primary_key=True)
    delta: Mapped[int]
    __table_args__ = (
        _to_account("account_id"),
        ForeignKeyConstraint(
            ["ledger_id", "txn_id", "ordinal"],
            ["transfer.ledger_id", "transfer.txn_id", "transfer.ordinal"],
            ondelete="RESTRICT",
        ),
        CheckConstraint("delta <> 0", name="delta"),
        CLUSTERED,
    )


class PeriodRow(Base):
    """Projection: the one row of a ledger that a close and a backdated posting both lock."""

    __tablename__ = "period"
    ledger_id: Mapped[int] = mapped_column(primary_key=True)
    closed_through: Mapped[date | None]
    __table_args__ = (CLUSTERED,)


class PeriodCloseRow(Base):
    """Fact: nothing will be posted on or before this day any more. Its canonical bytes are a leaf of the log."""

    __tablename__ = "period_close"
    ledger_id: Mapped[int] = mapped_column(primary_key=True)
    closed_through: Mapped[date] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID]
    trial_balance_digest: Mapped[bytes]
    recorded_at: Mapped[datetime]
    actor: Mapped[str]
    canonical: Mapped[bytes]
    leaf_hash: Mapped[bytes]
    __table_args__ = (
        UniqueConstraint("ledger_id", "id"),
        CheckConstraint("length(trial_balance_digest) = 32", name="digest"),
        CheckConstraint("length(leaf_hash) = 32", name="leaf_hash"),
        CLUSTERED,
    )


class ClosingRow(Base):
    """Projection: what had moved on an account through a closed day; an account that never moved has none."""

    __tablename__ = "closing"
    ledger_id: Mapped[int] = mapped_column(primary_key=True)
    closed_through: Mapped[date] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    dr: Mapped[int]
    cr: Mapped[int]
    __table_args__ = (
        _to_account("account_id"),
        ForeignKeyConstraint(
            ["ledger_id", "closed_through"],
            ["period_close.ledger_id", "period_close.closed_through"],
            ondelete="RESTRICT",
        ),
        CheckConstraint("dr >= 0 AND cr >= 0", name="not_negative"),
        CLUSTERED,
    )


class UnprojectedRow(Base):
    """Queue: a movement on a lazy account that is not in its balance yet; deleted when it is."""

    __tablename__ = "unprojected"
    ledger_id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    txn_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    delta: Mapped[int]
    effective_date: Mapped[date]
    recorded_at: Mapped[datetime]
    __table_args__ = (
        _to_account("account_id"),
        ForeignKeyConstraint(
            ["ledger_id", "txn_id", "ordinal"],
            ["transfer.ledger_id", "transfer.txn_id", "transfer.ordinal"],
            ondelete="RESTRICT",
        ),
        CheckConstraint("delta <> 0", name="delta"),
        CLUSTERED,
    )


class UnsealedRow(Base):
    """Queue: a transaction or a close that is not in the log yet; deleted when it is."""

    __tablename__ = "unsealed"
    ledger_id: Mapped[int] = mapped_column(primary_key=True)
    subject_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    leaf_hash: Mapped[bytes]
    __table_args__ = (CheckConstraint("length(leaf_hash) = 32", name="leaf_hash"), CLUSTERED)


class LeaseRow(Base):
    """The one row of a ledger and a job (sealing, projecting) that its only worker locks."""

    __tablename__ = "lease"
    ledger_id: Mapped[int] = mapped_column(primary_key=True)
    job: Mapped[str] = mapped_column(primary_key=True)
    __table_args__ = (CLUSTERED,)


class LogLeafRow(Base):
    """Fact: the place of a transaction or a close in the published log (RFC 6962), counted from 0."""

    __tablename__ = "log_leaf"
    ledger_id: Mapped[int] = mapped_column(primary_key=True)
    idx: Mapped[int] = mapped_column(primary_key=True)
    subject_id: Mapped[uuid.UUID]
    leaf_hash: Mapped[bytes]
    __table_args__ = (
        UniqueConstraint("ledger_id", "subject_id"),
        CheckConstraint("idx >= 0", name="idx"),
        CheckConstraint("length(leaf_hash) = 32", name="leaf_hash"),
        CLUSTERED,
    )


class LogNodeRow(Base):
    """Projection: the hash over 2**level leaves beginning at idx * 2**level, kept for every eighth level."""

    __tablename__ = "log_node"
    ledger_id: Mapped[int] = mapped_column(primary_key=True)
    level: Mapped[int] = mapped_column(primary_key=True)
    idx: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[bytes]
    __table_args__ = (
        CheckConstraint("level > 0 AND level % 8 = 0 AND idx >= 0", name="place"),
        CheckConstraint("length(hash) = 32", name="hash"),
        CLUSTERED,
    )


class CheckpointRow(Base):
    """Fact: a size and root of the log that was signed; `note` is the text as published."""

    __tablename__ = "checkpoint"
    ledger_id: Mapped[int] = mapped_column(primary_key=True)
    size: Mapped[int] = mapped_column(primary_key=True)
    key_hash: Mapped[bytes] = mapped_column(primary_key=True)
    root: Mapped[bytes]
    note: Mapped[str]
    recorded_at: Mapped[datetime]
    __table_args__ = (
        CheckConstraint("size >= 1", name="size"),
        CheckConstraint("length(root) = 32", name="root"),
        CheckConstraint("length(key_hash) = 4", name="key_hash"),
        CLUSTERED,
    )


TABLES = tuple(
    row.metadata.tables[row.__tablename__]
    for row in (
        AccountRow,
        BalanceRow,
        IdempotencyRow,
        TxnRow,
        TransferRow,
        EntryRow,
        DailyRow,
        MemoRow,
        LotRow,
        LotMoveRow,
        PeriodRow,
        PeriodCloseRow,
        ClosingRow,
        UnprojectedRow,
        UnsealedRow,
        LeaseRow,
        LogLeafRow,
        LogNodeRow,
        CheckpointRow,
    )
)
FACTS = (
    "account",
    "idempotency",
    "txn",
    "transfer",
    "entry",
    "lot_move",
    "period_close",
    "log_leaf",
    "checkpoint",
)
