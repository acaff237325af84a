"""What goes into the book and what comes out: plain frozen values, amounts always integers."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from ledger.errors import LedgerError
from ledger.notes import Signer, promise_text

SEALED_WITHIN = timedelta(hours=24)
"""How long after its recording a transaction may be missing from the log; longer is proof against the operator."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Move `amount` of `unit` from the debited account (its balance falls) to the credited one (it rises).

    `expires_on` is the last day on which the receiver can use it, None for ever; a shared account keeps no such days.
    """

    debit: str
    credit: str
    unit: str
    amount: int
    expires_on: date | None = None


@dataclass(frozen=True, slots=True)
class Txn:
    """Transfers that happen together. `memo` may be erased later; everything else stays for ever."""

    kind: str
    transfers: Sequence[Transfer]
    effective: date
    actor: str
    memo: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """An account as opened. `min_balance` and `max_balance` bound credits - debits; None is no bound."""

    id: uuid.UUID
    path: str
    unit: str
    kind: str
    mode: str
    is_shared: bool
    min_balance: int | None
    max_balance: int | None
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof of one posting. The nonce is for the parties only: with it they can recompute `leaf_hash`."""

    txn_id: uuid.UUID
    leaf_hash: bytes
    nonce: bytes
    recorded_at: datetime
    transfers: tuple[Transfer, ...]
    replayed: bool = False
    signer: Signer | None = field(default=None, repr=False, compare=False)

    @property
    def promise(self) -> str | None:
        """The signed note that this leaf will be in the log within 24 hours; None where the book has no signer.

        Made when it is asked for and the same each time, so that posting does not pay for it.
        """
        return None if self.signer is None else promise(self.signer, self.leaf_hash, self.recorded_at)


def promise(signer: Signer, leaf: bytes, recorded_at: datetime) -> str:
    """Sign that a leaf recorded at a moment will be in the log within 24 hours."""
    return signer.sign(promise_text(signer.origin, leaf, recorded_at + SEALED_WITHIN))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A size and root of the log that was signed; `note` is the text as published."""

    size: int
    root: bytes
    note: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """That an entry is under a signed root. Whoever has `canonical` can compute `leaf_hash` and walk up `hashes`.

    Until the entry is under a checkpoint, `index` and `checkpoint` are None and only the promise stands.
    """

    subject_id: uuid.UUID
    canonical: bytes
    leaf_hash: bytes
    promise: str | None
    index: int | None
    hashes: tuple[bytes, ...]
    checkpoint: Checkpoint | None


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """That the log of `second.size` leaves begins with the log of `first.size`."""

    first: Checkpoint
    second: Checkpoint
    hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Rejection:
    """The answer for one refused item of a batch; `error` is what `post` would have raised."""

    key: str
    error: LedgerError = field(compare=False)

    @property
    def code(self) -> str:
        return self.error.code

    @property
    def replayed(self) -> bool:
        return self.error.replayed


@dataclass(frozen=True, slots=True)
class Balance:
    """`available` can be spent, `held` is promised, `posted` is both; `seq` counts the account's entries."""

    posted: int
    held: int
    available: int
    seq: int


@dataclass(frozen=True, slots=True)
class Lot:
    """A part of what an account can spend, and the last day on which it can; None for what never ends."""

    expires_on: date | None
    amount: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an account's statement; `amount` is signed, `counterparties` are the other side's paths."""

    txn_id: uuid.UUID
    seq: int
    kind: str
    unit: str
    amount: int
    balance_after: int
    effective_date: date
    recorded_at: datetime
    actor: str
    memo: str | None
    counterparties: tuple[str, ...]
    reverses_id: uuid.UUID | None
    resolves_id: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class Page:
    """Newest first; `next` is the cursor of the following page, None at the end."""

    items: tuple[Entry, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction with its links in both directions; `memo` is None where none was or it was erased."""

    txn_id: uuid.UUID
    kind: str
    effective_date: date
    recorded_at: datetime
    actor: str
    memo: str | None
    transfers: tuple[Transfer, ...]
    reverses_id: uuid.UUID | None
    reversed_by: uuid.UUID | None
    resolves_id: uuid.UUID | None
    resolved_by: uuid.UUID | None
    relates_id: uuid.UUID | None
    expires_at: datetime | None
    nonce: bytes
    canonical: bytes
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class TrialRow:
    """What was moved from (debits) and to (credits) one account; `balance` is credits - debits."""

    path: str
    unit: str
    debits: int
    credits: int

    @property
    def balance(self) -> int:
        return self.credits - self.debits


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """Every account that ever moved, by path and unit; `digest` is SHA-256 over the day and the rows."""

    as_of: date | None
    known_at: datetime | None
    rows: tuple[TrialRow, ...]
    digest: bytes

    @property
    def totals(self) -> dict[str, tuple[int, int]]:
        """(debits, credits) by unit; they are equal, or the book is broken."""
        found: dict[str, tuple[int, int]] = {}
        for row in self.rows:
            debits, credits_ = found.get(row.unit, (0, 0))
            found[row.unit] = (debits + row.debits, credits_ + row.credits)
        return found


@dataclass(frozen=True, slots=True)
class Close:
    """A closed period: nothing will be posted on or before `through`. `accounts` counts its trial balance's rows."""

    id: uuid.UUID
    through: date
    digest: bytes
    accounts: int
    recorded_at: datetime
    actor: str
    canonical: bytes
    leaf_hash: bytes
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class LateTxn:
    """A transaction that the book heard of after the moment that was asked about."""

    txn_id: uuid.UUID
    kind: str
    effective_date: date
    recorded_at: datetime
    actor: str
    memo: str | None
    transfers: tuple[Transfer, ...]


@dataclass(frozen=True, slots=True)
class LatePage:
    """Newest first; `next` is the cursor of the following page, None at the end."""

    items: tuple[LateTxn, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where the book contradicts itself: the rule's name, where, and what was found there."""

    rule: str
    where: str
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """What `verify` looked at and found; `ok` means every projection follows from the facts."""

    txns: int
    accounts: int
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        return not self.findings
