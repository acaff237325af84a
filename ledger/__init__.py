"""A double-entry book over SQLAlchemy, for SQLite and PostgreSQL; it knows accounts and nothing of people."""

from ledger import errors
from ledger.book import Ledger
from ledger.values import (
    Account,
    Balance,
    Entry,
    Finding,
    Page,
    Receipt,
    Rejection,
    Report,
    Transaction,
    Transfer,
    Txn,
)

__all__ = [
    "Account",
    "Balance",
    "Entry",
    "Finding",
    "Ledger",
    "Page",
    "Receipt",
    "Rejection",
    "Report",
    "Transaction",
    "Transfer",
    "Txn",
    "errors",
]
