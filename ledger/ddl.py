"""The triggers and rights by which the database itself refuses to change or delete a fact."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, PrimaryKeyConstraint, Table, UniqueConstraint

from ledger import plain_functions
from ledger.models import FACTS, TABLES

ERASABLE = ("memo",)
"""Tables whose rows may be deleted (a person asks for it) and never edited."""

PROJECTIONS = ("balance", "daily", "lot", "period", "closing", "log_node", "lease")
QUEUES = ("unprojected", "unsealed")
"""Tables whose rows are deleted when their work is done."""

_PG_FUNCTION = """
CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = '23514',
    MESSAGE = 'the ledger refuses ' || lower(TG_OP) || ' on ' || TG_TABLE_NAME;
END $$"""


def triggers(dialect: str) -> Iterable[str]:
    """Yield the statements that protect facts and memos on `sqlite` or `postgresql`."""
    protected = [table for table in TABLES if table.name in FACTS + ERASABLE]
    if dialect == "postgresql":
        yield _PG_FUNCTION
        yield from plain_functions.ALL
    for table in protected:
        yield from _on_postgresql(table) if dialect == "postgresql" else _on_sqlite(table)


def _on_postgresql(table: Table) -> Iterable[str]:
    name = table.name
    row = "UPDATE" if name in ERASABLE else "UPDATE OR DELETE"
    for suffix, event in (
        ("row", f"BEFORE {row} ON {name} FOR EACH ROW"),
        ("all", f"BEFORE TRUNCATE ON {name}"),
    ):
        trigger = f"{name}_refuse_{suffix}"
        yield f"CREATE TRIGGER {trigger} {event} EXECUTE FUNCTION ledger_refuse()"
        # ALWAYS: session_replication_role = replica does not switch it off.
        yield f"ALTER TABLE {name} ENABLE ALWAYS TRIGGER {trigger}"


def _on_sqlite(table: Table) -> Iterable[str]:
    name = table.name
    for event in ("UPDATE",) if name in ERASABLE else ("UPDATE", "DELETE"):
        yield (
            f"CREATE TRIGGER {name}_refuse_{event.lower()} BEFORE {event} ON {name} "
            f"BEGIN SELECT RAISE(ABORT, 'the ledger refuses {event.lower()} on {name}'); END"
        )
    # INSERT OR REPLACE deletes the older row without firing delete triggers where recursive_triggers is off.
    # IGNORE on idempotency keeps INSERT ... ON CONFLICT DO NOTHING RETURNING working there.
    answer = "RAISE(IGNORE)" if name == "idempotency" else f"RAISE(ABORT, 'the ledger refuses replace on {name}')"
    taken = " OR ".join(
        f"EXISTS (SELECT 1 FROM {name} WHERE {' AND '.join(f'{c} = NEW.{c}' for c in columns)})"  # noqa: S608
        for columns in _keys(table)
    )
    yield (f"CREATE TRIGGER {name}_refuse_replace BEFORE INSERT ON {name} WHEN {taken} BEGIN SELECT {answer}; END")


def _keys(table: Table) -> list[tuple[str, ...]]:
    keys = [c for c in table.constraints if isinstance(c, PrimaryKeyConstraint | UniqueConstraint)]
    return sorted(tuple(column.name for column in key.columns) for key in keys)


def grant_app_role(connection: Connection, role: str) -> None:
    """Give a PostgreSQL role what posting needs and no more: SELECT and INSERT on facts."""
    quoted = connection.dialect.identifier_preparer.quote(role)
    rights = dict.fromkeys(FACTS, "SELECT, INSERT")
    rights |= dict.fromkeys(PROJECTIONS, "SELECT, INSERT, UPDATE")
    rights |= dict.fromkeys(ERASABLE, "SELECT, INSERT, DELETE")
    rights |= dict.fromkeys(QUEUES, "SELECT, INSERT, UPDATE, DELETE")
    for table, right in rights.items():
        connection.exec_driver_sql(f"REVOKE ALL ON {table} FROM {quoted}")
        connection.exec_driver_sql(f"GRANT {right} ON {table} TO {quoted}")
