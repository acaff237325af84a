"""Make the book's tables and triggers without Alembic, for tests and tools."""

from __future__ import annotations

from sqlalchemy import Connection

from ledger.base import Base
from ledger.ddl import triggers
from ledger.models import TABLES


def create(connection: Connection) -> None:
    """Create the tables and triggers in the connection's transaction; the database has none of them yet."""
    Base.metadata.create_all(connection, tables=list(TABLES), checkfirst=False)
    for statement in triggers(connection.dialect.name):
        connection.exec_driver_sql(statement)
