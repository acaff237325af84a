"""A double-entry book over SQLAlchemy, for SQLite and PostgreSQL; it knows accounts and nothing of people."""

from ledger import errors
from ledger.book import Ledger
from ledger.values import (
    Account,
    Balance,
    Close,
    Entry,
    Finding,
    LatePage,
    LateTxn,
    Page,
    Receipt,
    Rejection,
    Report,
    Transaction,
    Transfer,
    TrialBalance,
    TrialRow,
    Txn,
)

__all__ = [
    "Account",
    "Balance",
    "Close",
    "Entry",
    "Finding",
    "LatePage",
    "LateTxn",
    "Ledger",
    "Page",
    "Receipt",
    "Rejection",
    "Report",
    "Transaction",
    "Transfer",
    "TrialBalance",
    "TrialRow",
    "Txn",
    "errors",
]
