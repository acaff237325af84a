"""The migration makes exactly the tables, keys, indexes and triggers of the models."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Engine, text

from ledger import schema
from ledger.engine import make_engine
from ledger.wire import Wire
from tests.ledger.conftest import MakeUrl

VERSIONS = Path(__file__).resolve().parents[2] / "migrations" / "versions"
MIGRATIONS = ("0001_ledger", "0003_time_expiry_proof", "0005_plain_posting")
CATALOGUE = {
    "sqlite": "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'",
    "postgresql": """
        SELECT 'column', table_name, column_name,
               concat_ws(' ', data_type, is_nullable, column_default, ordinal_position)
        FROM information_schema.columns WHERE table_schema = 'public'
        UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) || tgenabled::text
        FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT 'table', relname, '', array_to_string(reloptions, ',') FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
        UNION ALL SELECT 'function', proname, '', prosrc FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace""",
}


def migration(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"ledger_{name}", VERSIONS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def migrate(engine: Engine, names: Sequence[str] = MIGRATIONS) -> None:
    with engine.begin() as connection:
        context = MigrationContext.configure(connection)
        with Operations.context(context):
            for name in names:
                migration(name).upgrade()


def catalogue(engine: Engine) -> set[Any]:
    with engine.connect() as connection:
        rows = connection.execute(text(CATALOGUE[engine.dialect.name]))
        return {tuple(_folded(value) for value in row) for row in rows}


def _folded(value: Any) -> Any:
    """Ignore white space and the order in which one CREATE TABLE lists its constraints."""
    if not isinstance(value, str):
        return value
    return tuple(sorted(value.replace("(", " ").replace(")", " ").replace(",", " ").split()))


def test_the_migration_makes_what_the_models_say(make_url: MakeUrl) -> None:
    by_models, by_migration = make_engine(make_url()), make_engine(make_url(), for_migrations=True)
    with by_models.begin() as connection:
        schema.create(connection)
    migrate(by_migration)
    wanted, made = catalogue(by_models), catalogue(by_migration)
    by_models.dispose()
    by_migration.dispose()
    assert made - wanted == set()
    assert wanted - made == set()
    assert len(wanted) > 30


@pytest.mark.parametrize("name", MIGRATIONS)
def test_the_book_cannot_be_downgraded(name: str) -> None:
    with pytest.raises(RuntimeError, match="backup"):
        migration(name).downgrade()


def test_a_book_from_before_0003_keeps_its_balances_and_waits_to_be_sealed(make_url: MakeUrl) -> None:
    engine = make_engine(make_url(), for_migrations=True)
    migrate(engine, MIGRATIONS[:1])
    with engine.begin() as connection:
        wire = Wire(connection)
        account, moment = wire.id_in(b"a" * 16), wire.us_in(0)
        row = (1, account, "member:a", "MIN", "member", "strict", wire.flag_in(False), moment)
        wire.run("INSERT INTO account VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        balance = (1, account, 5, 12, 2, 0, 30, wire.flag_in(True), 3, moment)
        wire.run("INSERT INTO balance VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", balance)
        txn = (1, account, "gift", wire.day_in(date(2026, 1, 1)), moment, "p", b"n" * 16, b"c", b"h" * 32)
        columns = "ledger_id, id, kind, effective_date, recorded_at, actor, nonce, canonical, leaf_hash"
        wire.run(f"INSERT INTO txn ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", txn)
    migrate(engine, MIGRATIONS[1:])
    with engine.connect() as connection:
        wire = Wire(connection)
        assert wire.rows("SELECT * FROM balance") == [(*balance, 0)]
        assert wire.rows("SELECT * FROM period") == [(1, None)]
        assert wire.rows("SELECT * FROM unsealed") == [(1, account, b"h" * 32)]
    engine.dispose()
