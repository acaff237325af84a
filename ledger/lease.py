"""Who holds a ledger's lease for a job is its only worker, until the transaction ends."""

from __future__ import annotations

from ledger.wire import Wire


def hold(wire: Wire, ledger_id: int, job: str) -> None:
    """Wait for the lease of this ledger and job (`seal`, `project`) and hold it to the end of the transaction.

    A row and its lock instead of an advisory lock: those do not exist everywhere (ledger.md section 10).
    """
    wire.run("INSERT INTO lease (ledger_id, job) VALUES (?, ?) ON CONFLICT DO NOTHING", (ledger_id, job))
    if wire.is_postgres:  # on SQLite a writing transaction is alone anyway
        wire.rows("SELECT 1 FROM lease WHERE ledger_id = ? AND job = ? FOR UPDATE", (ledger_id, job))
