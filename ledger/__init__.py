"""A double-entry book over SQLAlchemy, for SQLite and PostgreSQL; it knows accounts and nothing of people."""

from ledger import errors
from ledger.book import Ledger
from ledger.notes import Signer
from ledger.values import (
    Account,
    Balance,
    Checkpoint,
    ConsistencyProof,
    Entry,
    Finding,
    InclusionProof,
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
    "Checkpoint",
    "ConsistencyProof",
    "Entry",
    "Finding",
    "InclusionProof",
    "Ledger",
    "Page",
    "Receipt",
    "Rejection",
    "Report",
    "Signer",
    "Transaction",
    "Transfer",
    "Txn",
    "errors",
]
