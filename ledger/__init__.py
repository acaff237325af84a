"""A double-entry book over SQLAlchemy, for SQLite and PostgreSQL; it knows accounts and nothing of people."""

from ledger import errors
from ledger.book import Ledger
from ledger.notes import Signer
from ledger.values import (
    Account,
    Balance,
    Checkpoint,
    Close,
    ConsistencyProof,
    Entry,
    Finding,
    InclusionProof,
    LatePage,
    LateTxn,
    Lot,
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
    "Checkpoint",
    "Close",
    "ConsistencyProof",
    "Entry",
    "Finding",
    "InclusionProof",
    "LatePage",
    "LateTxn",
    "Ledger",
    "Lot",
    "Page",
    "Receipt",
    "Rejection",
    "Report",
    "Signer",
    "Transaction",
    "Transfer",
    "TrialBalance",
    "TrialRow",
    "Txn",
    "errors",
]
