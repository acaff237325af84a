"""The database itself refuses to change a fact, whatever program asks."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, insert, select, text
from sqlalchemy.exc import DBAPIError

from ledger import Ledger
from ledger.base import Base
from ledger.ddl import ERASABLE, PROJECTIONS, QUEUES, grant_app_role
from ledger.engine import make_engine
from ledger.models import FACTS, TABLES
from tests.ledger.builders import ANNA, ISSUANCE, Clock, available, live_a_little, open_chart

COLUMNS = [(table.name, column.name) for table in TABLES if table.name in FACTS + ERASABLE for column in table.columns]
on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)


@pytest.fixture
def ledger_id() -> int:
    """One ledger for all these tests: what they try changes nothing."""
    return 5


@pytest.fixture
def lived(engine: Engine, ledger_id: int) -> Ledger:
    """A book with a row in every fact table."""
    book = Ledger(engine, ledger_id, Clock())
    with engine.connect() as connection:
        if connection.exec_driver_sql(f"SELECT 1 FROM period_close WHERE ledger_id = {ledger_id}").first():
            return book
    open_chart(book)
    live_a_little(book)
    with engine.begin() as connection:
        for table, row in later_facts(connection, ledger_id):
            connection.execute(insert(Base.metadata.tables[table]), {"ledger_id": ledger_id, **row})
    return book


def later_facts(connection: Connection, ledger_id: int) -> list[tuple[str, dict[str, Any]]]:
    """One row for each table of facts that living a little does not fill."""
    moment, own_id, digest = Clock().now, uuid.uuid4(), bytes(32)
    transfer = Base.metadata.tables["transfer"]
    moved = connection.execute(select(transfer).where(transfer.c.ledger_id == ledger_id)).first()
    assert moved is not None
    lot = {"txn_id": moved.txn_id, "ordinal": moved.ordinal, "account_id": moved.credit_id, "delta": 1}
    close = {"id": own_id, "trial_balance_digest": digest, "actor": "p", "canonical": b"c", "leaf_hash": digest}
    signed = {"size": 1, "key_hash": bytes(4), "root": digest, "note": "signed", "recorded_at": moment}
    return [
        ("lot_move", {**lot, "expires_on": date(2026, 12, 31)}),
        ("period_close", {**close, "closed_through": date(2026, 1, 31), "recorded_at": moment}),
        ("log_leaf", {"idx": 0, "subject_id": own_id, "leaf_hash": digest}),
        ("checkpoint", signed),
    ]


@pytest.fixture
def stranger(engine: Engine) -> Iterator[Connection]:
    """A connection that has none of the application's settings, as any tool would open it."""
    bare = create_engine(engine.url)
    with bare.connect() as connection:
        yield connection
    bare.dispose()


def refused(connection: Connection, sql: str, params: dict[str, Any] | None = None) -> str:
    """Run a statement that must fail, undo it, and return what was said."""
    with pytest.raises(DBAPIError) as failure:
        connection.execute(text(sql), params or {})
    connection.rollback()
    return str(failure.value.orig)


@pytest.mark.parametrize(("table", "column"), COLUMNS, ids=[".".join(pair) for pair in COLUMNS])
def test_no_column_of_a_fact_is_updated(
    lived: Ledger, stranger: Connection, ledger_id: int, table: str, column: str
) -> None:
    where = f"WHERE ledger_id = {ledger_id}"
    assert stranger.execute(text(f"SELECT COUNT(*) FROM {table} {where}")).scalar_one() > 0
    assert "the ledger refuses update" in refused(stranger, f"UPDATE {table} SET {column} = {column} {where}")
    assert "the ledger refuses update" in refused(stranger, f"UPDATE {table} SET {column} = NULL {where}")
    if stranger.dialect.name == "sqlite":
        said = refused(stranger, f"UPDATE OR REPLACE {table} SET {column} = {column} {where}")
        assert "the ledger refuses update" in said


@pytest.mark.parametrize("table", FACTS)
def test_no_fact_is_deleted(lived: Ledger, stranger: Connection, ledger_id: int, table: str) -> None:
    assert "the ledger refuses delete" in refused(stranger, f"DELETE FROM {table} WHERE ledger_id = {ledger_id}")
    assert "the ledger refuses delete" in refused(stranger, f"DELETE FROM {table}")


@on_sqlite
@pytest.mark.parametrize("table", FACTS + ERASABLE)
def test_no_fact_is_replaced_by_the_same_key(lived: Ledger, stranger: Connection, ledger_id: int, table: str) -> None:
    before = stranger.execute(text(f"SELECT * FROM {table} WHERE ledger_id = {ledger_id}")).all()
    stranger.rollback()
    sql = f"INSERT OR REPLACE INTO {table} SELECT * FROM {table} WHERE ledger_id = {ledger_id}"
    if table == "idempotency":  # ignored instead, so that ON CONFLICT DO NOTHING keeps working
        assert stranger.execute(text(sql)).rowcount == 0
    else:
        assert "the ledger refuses replace" in refused(stranger, sql)
    assert stranger.execute(text(f"SELECT * FROM {table} WHERE ledger_id = {ledger_id}")).all() == before


@on_sqlite
@pytest.mark.parametrize(
    ("table", "own", "kept"),
    [
        ("account", "id", "path"),
        ("txn", "id", "reverses_id"),
        ("txn", "id", "resolves_id"),
    ],
)
def test_no_fact_is_replaced_through_another_unique_key(
    lived: Ledger, stranger: Connection, ledger_id: int, table: str, own: str, kept: str
) -> None:
    columns = [column.name for column in next(t for t in TABLES if t.name == table).columns]
    picked = ", ".join(":new" if name == own else name for name in columns)
    sql = (
        f"INSERT OR REPLACE INTO {table} SELECT {picked} FROM {table} "
        f"WHERE ledger_id = {ledger_id} AND {kept} IS NOT NULL LIMIT 1"
    )
    assert "the ledger refuses replace" in refused(stranger, sql, {"new": uuid.uuid4().bytes})


@on_sqlite
@pytest.mark.parametrize("table", FACTS + PROJECTIONS + ERASABLE + QUEUES)
def test_no_table_has_a_rowid_through_which_replace_could_delete(
    lived: Ledger, stranger: Connection, table: str
) -> None:
    assert "no such column" in refused(stranger, f"SELECT rowid FROM {table}")


@on_postgresql
@pytest.mark.parametrize("table", FACTS + ERASABLE)
def test_no_table_of_facts_is_truncated(lived: Ledger, stranger: Connection, table: str) -> None:
    assert "the ledger refuses truncate" in refused(stranger, f"TRUNCATE {table} CASCADE")


@on_postgresql
@pytest.mark.parametrize("table", FACTS)
def test_a_replica_role_does_not_switch_the_triggers_off(
    lived: Ledger, stranger: Connection, ledger_id: int, table: str
) -> None:
    stranger.execute(text("SET session_replication_role = replica"))
    assert "the ledger refuses delete" in refused(stranger, f"DELETE FROM {table} WHERE ledger_id = {ledger_id}")


def test_a_float_a_text_and_an_overflow_are_no_amounts(lived: Ledger, stranger: Connection, ledger_id: int) -> None:
    row = "INSERT INTO transfer SELECT ledger_id, txn_id, 99, unit, debit_id, credit_id, {}, NULL FROM transfer"
    where = f"WHERE ledger_id = {ledger_id} LIMIT 1"
    # PostgreSQL rounds what it assigns to an integer column; STRICT tables refuse it.
    floats = ("1.5",) if stranger.dialect.name == "sqlite" else ()
    for amount in (*floats, "'one'", "0", "-1", "1000000000001", "9223372036854775808"):
        refused(stranger, f"{row.format(amount)} {where}")
    stranger.execute(text(f"{row.format(1_000_000_000_000)} {where}"))
    stranger.rollback()


def test_units_and_ledgers_do_not_mix_in_the_database(lived: Ledger, engine: Engine, ledger_id: int) -> None:
    with engine.connect() as connection:
        row = "ledger_id, txn_id, 99, 'PTS', debit_id, credit_id, 1 FROM transfer"
        refused(connection, f"INSERT INTO transfer SELECT {row} WHERE ledger_id = {ledger_id} LIMIT 1")
        row = f"{ledger_id + 1}, txn_id, 99, unit, debit_id, credit_id, 1, NULL FROM transfer"
        refused(connection, f"INSERT INTO transfer SELECT {row} WHERE ledger_id = {ledger_id} LIMIT 1")


def test_the_database_refuses_an_overdraft_that_the_program_missed(
    lived: Ledger, engine: Engine, ledger_id: int
) -> None:
    with engine.connect() as connection:
        for change in ("dr_posted = cr_posted + 1", "held = -1", "seq = -1", "dr_posted = -1"):
            refused(connection, f"UPDATE balance SET {change} WHERE ledger_id = {ledger_id} AND min_balance = 0")


@on_sqlite
@pytest.mark.parametrize(
    "sql",
    [
        "DROP TRIGGER txn_refuse_update",
        "DROP TABLE entry",
        "DROP INDEX ix_transfer_ledger_id_debit_id",
        "ALTER TABLE entry ADD COLUMN note TEXT",
        "ALTER TABLE entry RENAME TO line",
        "PRAGMA writable_schema = ON",
        "PRAGMA recursive_triggers = OFF",
        "PRAGMA foreign_keys = OFF",
        "PRAGMA ignore_check_constraints = ON",
    ],
)
def test_an_application_connection_cannot_remove_the_guards(
    lived: Ledger, engine: Engine, ledger_id: int, sql: str
) -> None:
    with engine.connect() as connection:
        assert "not authorized" in refused(connection, sql)


def test_a_migration_may_change_tables(make_url: Any) -> None:
    engine = make_engine(make_url(), for_migrations=True)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE old (id INTEGER)")
        connection.exec_driver_sql("ALTER TABLE old ADD COLUMN note TEXT")
        connection.exec_driver_sql("DROP TABLE old")
    engine.dispose()


@pytest.fixture
def app_engine(engine: Engine) -> Iterator[Engine]:
    """An engine that signs in with the rights of the application alone."""
    role = f"app_{uuid.uuid4().hex[:8]}"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
        grant_app_role(connection, role)
    made = make_engine(engine.url.set(username=role, password="x"))
    yield made
    made.dispose()
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP OWNED BY {role}")
        connection.exec_driver_sql(f"DROP ROLE {role}")


@on_postgresql
def test_the_application_role_can_do_everything_the_book_does(app_engine: Engine, lived: Ledger) -> None:
    own = Ledger(app_engine, ledger_id=6)
    open_chart(own)
    live_a_little(own)
    own.freeze(ANNA, "MIN")
    assert available(own, ISSUANCE) == available(lived, ISSUANCE)
    assert own.verify().ok
    with app_engine.begin() as connection:
        connection.execute(text("DELETE FROM memo WHERE ledger_id = 6"))


@on_postgresql
@pytest.mark.parametrize("table", FACTS)
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE {} SET ledger_id = ledger_id",
        "DELETE FROM {}",
        "TRUNCATE {}",
        "ALTER TABLE {} DISABLE TRIGGER ALL",
        "DROP TRIGGER {}_refuse_row ON {}",
        "CREATE TRIGGER mine BEFORE INSERT ON {} EXECUTE FUNCTION ledger_refuse()",
    ],
)
def test_the_application_role_has_no_right_to_change_a_fact(
    app_engine: Engine, lived: Ledger, table: str, sql: str
) -> None:
    with app_engine.connect() as connection:
        said = refused(connection, sql.format(table, table))
        assert "permission denied" in said or "must be owner" in said


@on_postgresql
def test_the_application_role_cannot_delete_or_edit_beside_the_facts(app_engine: Engine, lived: Ledger) -> None:
    with app_engine.connect() as connection:
        for sql in (
            "DELETE FROM balance",
            "DELETE FROM daily",
            "UPDATE memo SET text = 'x'",
            "TRUNCATE memo",
        ):
            assert "permission denied" in refused(connection, sql)


def test_a_file_opened_with_bare_sqlite_still_refuses(tmp_path: Any) -> None:
    from ledger import schema

    engine = make_engine(f"sqlite:///{tmp_path}/book.db")
    with engine.begin() as connection:
        schema.create(connection)
    engine.dispose()
    bare = sqlite3.connect(f"{tmp_path}/book.db")
    bare.execute("PRAGMA foreign_keys = OFF")
    row = (1, b"i" * 16, "member:a", "MIN", "member", "strict", 0, 0)
    bare.execute("INSERT INTO account VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    with pytest.raises(sqlite3.IntegrityError, match="refuses replace"):
        bare.execute("REPLACE INTO account VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    bare.close()
