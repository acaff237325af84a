"""What a batch is made of: requests ready to be decided, the accounts they touch, and what was decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, tzinfo
from typing import Any, NamedTuple

from ledger.accounts import AccountRef
from ledger.values import Receipt
from ledger.wire import Id, from_us

Lots = dict[date, int]


class Move(NamedTuple):
    """One transfer's effect on one lot: delta > 0 puts in, delta < 0 takes out."""

    ordinal: int
    account_id: Id
    day: date
    delta: int


@dataclass(slots=True)
class Origin:
    """What a transfer on record took from its payer's lots and put into its receiver's."""

    taken: Lots = field(default_factory=dict)
    put: Lots = field(default_factory=dict)

    def copy(self) -> Origin:
        return Origin(dict(self.taken), dict(self.put))


@dataclass(frozen=True, slots=True)
class Leg:
    """A transfer between two accounts that were found."""

    debit: AccountRef
    credit: AccountRef
    amount: int
    expires_on: date | None = None
    origin: int = 0
    """Which transfer of the transaction on record this one takes back; 0 where there is none."""


@dataclass(slots=True)
class Plan:
    """A request with its accounts found, ready to be decided under their locks."""

    key: str
    request_hash: bytes
    kind: str
    legs: Sequence[Leg]
    actor: str
    effective: date | None
    memo: str | None = None
    reverses: Id | None = None
    resolves: Id | None = None
    expires_us: int | None = None
    only_before_us: int | None = None
    """A capture is refused from this moment on."""
    holder: AccountRef | None = None
    """Whose `held` changes, and by how much; a freeze does not stop what was promised before."""
    held_change: int = 0
    debts: dict[Id, AccountRef] = field(default_factory=dict)
    """Where a reversal books what an account can no longer pay, by that account's id."""
    lot: date | None = None
    """The one lot that an expiry takes from."""

    @property
    def spends(self) -> bool:
        """True where what is over cannot be used: not when a hold, a mistake or the lot itself is resolved."""
        return self.reverses is None and self.resolves is None and self.lot is None


@dataclass(slots=True)
class Slot:
    """A locked balance row, and what the batch has decided to change in it so far."""

    account: AccountRef
    debits: int
    credits: int
    held: int
    floor: int | None
    ceiling: int | None
    is_frozen: bool
    seq: int
    last_us: int
    is_late: bool = False
    dated: int = 0
    lots: Lots = field(default_factory=dict)
    """What of the balance ends on which day; empty where `dated` is 0."""


@dataclass(slots=True)
class Books:
    """What one batch knows while it decides."""

    ledger_id: int
    zone: tzinfo
    now_us: int
    slots: dict[Id, Slot]
    resolved: set[Id]
    reversed: set[Id]
    closed_through: date | None = None
    """Known, and held still by a lock, where the batch holds a backdated plan."""
    origins: Mapping[Id, Mapping[int, Origin]] = field(default_factory=dict)
    """What the transactions that are reversed or resolved did to lots, by transfer."""

    def day(self, moment_us: int) -> date:
        """Return the day of a moment where the ledger is."""
        return from_us(moment_us).astimezone(self.zone).date()


@dataclass(frozen=True, slots=True)
class Posted:
    """A decided transaction, its values in the form the engine stores."""

    key: str
    txn_id: Id
    receipt: Receipt
    kind: str
    effective: Any
    recorded_at: Any
    actor: str
    reverses: Id | None
    resolves: Id | None
    expires_at: Any
    memo: tuple[bytes, str, bytes] | None
    canonical: bytes
    rows: Sequence[tuple[str, Id, Id, int, Any]]
    holder: Id | None
    held_change: int
    lot_moves: Sequence[tuple[int, Id, Any, int]] = ()
    """(ordinal, account, day, signed amount)"""
