"""Every way the book says no; each carries a stable code, and none of them is an HTTP status."""

from __future__ import annotations


class LedgerError(Exception):
    """The book refused; `code` is stable, `key` names the request where it had one."""

    code = "ledger_error"
    is_final = False
    """True where the refusal is remembered: the same key gets the same answer for ever."""

    def __init__(self, message: str, *, key: str | None = None, replayed: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.key = key
        self.replayed = replayed


class InvalidTxn(LedgerError):
    """The request is malformed; nothing was decided and nothing is remembered."""

    code = "invalid_txn"


class UnknownAccount(LedgerError):
    """No account has this path."""

    code = "unknown_account"


class UnknownTxn(LedgerError):
    """No transaction has this id."""

    code = "unknown_txn"


class UnitMismatch(LedgerError):
    """The path exists, but not in this unit."""

    code = "unit_mismatch"


class InsufficientFunds(LedgerError):
    """The account would fall below its floor."""

    code = "insufficient_funds"
    is_final = True


class LimitExceeded(LedgerError):
    """The account would rise above its ceiling, or beyond what an integer column holds."""

    code = "limit_exceeded"
    is_final = True


class AccountFrozen(LedgerError):
    """The account takes no movement now."""

    code = "account_frozen"
    is_final = True


class PeriodClosed(LedgerError):
    """The effective date lies in a closed period."""

    code = "period_closed"
    is_final = True


class HoldResolved(LedgerError):
    """The hold was captured or released before."""

    code = "hold_resolved"
    is_final = True


class HoldExpired(LedgerError):
    """The hold's time is over: it can be released, not captured."""

    code = "hold_expired"
    is_final = True


class AlreadyReversed(LedgerError):
    """The transaction has its reversal; reverse that one instead."""

    code = "already_reversed"
    is_final = True


class NotInLog(LedgerError):
    """It is posted, and not yet under a signed checkpoint; the promise says until when it must be."""

    code = "not_in_log"


class IdempotencyConflict(LedgerError):
    """The key was used before with another body."""

    code = "idempotency_conflict"


class Retryable(LedgerError):
    """Nothing was decided (a lock, a lost connection): roll back and do the whole unit of work again."""

    code = "retryable"


class StorageFailed(LedgerError):
    """The database cannot write (disk full, read-only, I/O error): nothing was; the same request may come again."""

    code = "storage_failed"


FINAL = {
    kind.code: kind
    for kind in (
        InsufficientFunds,
        LimitExceeded,
        AccountFrozen,
        PeriodClosed,
        HoldResolved,
        HoldExpired,
        AlreadyReversed,
    )
}
