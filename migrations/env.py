"""Run migrations on SQLite and PostgreSQL, each in a transaction of its own, without foreign keys firing on SQLite."""

from __future__ import annotations

from alembic import context
from flask import current_app
from sqlalchemy import Connection, pool, text

from bank.models import metadata
from ledger.engine import make_engine

MIGRATION_LOCK = 7_020_107


def run(connection: Connection) -> None:
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        # A batch migration drops and renames tables; with foreign keys on that would delete what refers to them.
        connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=is_sqlite,
        transaction_per_migration=True,
        transactional_ddl=True,
        compare_server_default=False,
        user_module_prefix="ledger.base.",
    )
    with context.begin_transaction():
        if not is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        context.run_migrations()
    if is_sqlite:
        driver = connection.connection.driver_connection
        broken = driver.execute("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise RuntimeError(f"the migration left rows that refer to nothing: {broken[:5]}")
        driver.execute("PRAGMA foreign_keys=ON")


engine = make_engine(current_app.config["DATABASE_URL"], for_migrations=True, poolclass=pool.NullPool)
with engine.connect() as opened:
    run(opened)
engine.dispose()
