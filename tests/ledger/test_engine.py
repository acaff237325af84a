"""Engines: real write transactions on SQLite, a fair writer lock that cannot leak, PostgreSQL time-outs."""

from __future__ import annotations

import gc
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from ledger import schema
from ledger.engine import WriterLock, begin_write, make_engine, normalise_url, prepare_engine
from ledger.running import writer


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{tmp_path}/book.db")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE note (id INTEGER PRIMARY KEY, said TEXT)")
    yield engine
    engine.dispose()


def is_free(engine: Engine) -> bool:
    """True where another connection can begin to write at once."""
    with writer(engine).connect() as connection:
        driver: Any = connection.connection.driver_connection
        lock: WriterLock = driver.writer_lock
        if not lock.acquire(timeout_s=0.05):
            return False
        lock.release()
        return True


def write(connection: Connection) -> None:
    connection.exec_driver_sql("INSERT INTO note (said) VALUES ('x')")


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("recursive_triggers", 1),
     ("trusted_schema", 0), ("busy_timeout", 10_000)],
)  # fmt: skip
def test_every_connection_is_durable_and_strict(sqlite_engine: Engine, pragma: str, value: Any) -> None:
    with sqlite_engine.connect() as connection:
        assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == value


def test_an_engine_made_by_somebody_else_is_prepared_the_same(tmp_path: Path) -> None:
    engine = prepare_engine(create_engine(f"sqlite:///{tmp_path}/book.db"))
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
    engine.dispose()


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("postgres://u:p%40ss@h:5/d", "postgresql+psycopg"),
        ("postgresql://u:p%40ss@h:5/d", "postgresql+psycopg"),
        ("postgresql+psycopg://u:p%40ss@h:5/d", "postgresql+psycopg"),
        ("sqlite:///book.db", "sqlite"),
    ],
)
def test_an_address_names_the_driver_we_have(given: str, driver: str) -> None:
    url = normalise_url(given)
    assert url.drivername == driver
    assert url.password == (None if driver == "sqlite" else "p@ss")


def test_a_postgresql_connection_gives_up_in_time(postgres_url: str) -> None:
    engine = make_engine(postgres_url, connect_args={"options": "-c work_mem=5MB"})
    with engine.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"SHOW {name}").scalar_one()
            for name in (
                "statement_timeout",
                "lock_timeout",
                "idle_in_transaction_session_timeout",
                "idle_session_timeout",
                "TimeZone",
                "transaction_isolation",
                "work_mem",
            )
        }
    engine.dispose()
    assert list(settings.values()) == ["30s", "5s", "10s", "1min", "UTC", "read committed", "5MB"]


def test_a_connection_that_died_while_it_lay_idle_is_not_used(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.engine.ASKED_AFTER_S", 0.0)
    made = make_engine(postgres_url, pool_size=1)
    with made.connect() as connection:
        first = connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
    other = make_engine(postgres_url)
    with other.connect() as killer:
        killer.exec_driver_sql(f"SELECT pg_terminate_backend({first})")
    with made.connect() as connection:
        assert connection.exec_driver_sql("SELECT pg_backend_pid()").scalar() != first
    made.dispose()
    other.dispose()


@pytest.mark.parametrize("end", ["commit", "rollback", "close", "invalidate", "error", "forgotten"])
def test_the_writer_lock_comes_back_however_a_transaction_ends(sqlite_engine: Engine, end: str) -> None:
    connection = writer(sqlite_engine).connect()
    transaction = connection.begin()
    write(connection)
    busy = threading.Thread(target=lambda: outcomes.append(is_free(sqlite_engine)))
    outcomes: list[bool] = []
    busy.start()
    busy.join()
    assert outcomes == [False]
    if end == "error":
        with pytest.raises(DBAPIError):
            connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")
        connection.close()
    elif end == "forgotten":
        del transaction, connection
        gc.collect()
    else:
        getattr(transaction if end in ("commit", "rollback") else connection, end)()
    assert is_free(sqlite_engine)
    if end != "forgotten":
        connection.close()


def test_a_failed_begin_gives_the_lock_back(sqlite_engine: Engine, tmp_path: Path) -> None:
    stranger = sqlite3.connect(f"{tmp_path}/book.db", isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    hasty = make_engine(f"sqlite:///{tmp_path}/book.db", connect_args={"timeout": 0.05})
    with writer(hasty).connect() as connection, pytest.raises(OperationalError):
        write(connection)
    stranger.execute("ROLLBACK")
    stranger.close()
    assert is_free(hasty)
    hasty.dispose()


def test_a_thread_that_already_writes_is_told_so_instead_of_waiting_for_itself(sqlite_engine: Engine) -> None:
    with writer(sqlite_engine).begin(), pytest.raises(RuntimeError, match="session"):
        writer(sqlite_engine).connect().begin()
    assert is_free(sqlite_engine)


def test_writers_take_turns_in_the_order_they_came() -> None:
    lock, order = WriterLock(), []
    assert lock.acquire()

    def wait(number: int) -> None:
        assert lock.acquire()
        order.append(number)
        lock.release()

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
        time.sleep(0.02)
    lock.release()
    for thread in threads:
        thread.join()
    assert order == list(range(8))


def test_who_stops_waiting_is_not_handed_the_turn() -> None:
    lock, got = WriterLock(), []
    assert lock.acquire()
    impatient = threading.Thread(target=lambda: got.append(lock.acquire(timeout_s=0.01)))
    impatient.start()
    impatient.join()
    lock.release()
    assert got == [False]
    assert lock.acquire(timeout_s=0.01)


def test_many_threads_write_without_one_being_refused(sqlite_engine: Engine) -> None:
    def work() -> None:
        for _ in range(20):
            with writer(sqlite_engine).begin() as connection:
                count = connection.exec_driver_sql("SELECT COUNT(*) FROM note").scalar_one()
                connection.exec_driver_sql(f"INSERT INTO note (id) VALUES ({count + 1})")

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with sqlite_engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*), MAX(id) FROM note").one() == (120, 120)


def is_writing(session: Session) -> bool:
    driver: Any = session.connection().connection.driver_connection
    return bool(driver.is_writing())


def test_begin_write_turns_a_fresh_session_into_a_writer(sqlite_engine: Engine) -> None:
    with Session(sqlite_engine) as session:
        begin_write(session)
        assert is_writing(session)
        begin_write(session)
        session.commit()
        session.execute(text("SELECT 1"))
        assert not is_writing(session)
    assert is_free(sqlite_engine)


def test_begin_write_ends_a_read_transaction_and_sees_what_came_meanwhile(sqlite_engine: Engine) -> None:
    count = text("SELECT COUNT(*) FROM note")
    with Session(sqlite_engine) as session:
        assert session.execute(count).scalar_one() == 0
        with writer(sqlite_engine).begin() as connection:
            write(connection)
        assert session.execute(count).scalar_one() == 0
        begin_write(session)
        assert session.execute(count).scalar_one() == 1


def test_begin_write_never_throws_away_what_was_written(sqlite_engine: Engine) -> None:
    with Session(sqlite_engine) as session:
        session.execute(text("INSERT INTO note (said) VALUES ('kept')"))
        begin_write(session)
        session.commit()
        assert session.execute(text("SELECT said FROM note")).scalar_one() == "kept"


def test_begin_write_refuses_where_changes_wait_in_a_read_transaction(engine: Engine) -> None:
    from ledger.models import DailyRow

    with Session(engine) as session:
        session.add(DailyRow())
        if engine.dialect.name == "sqlite":
            with pytest.raises(RuntimeError, match="before the first change"):
                begin_write(session)
        else:
            begin_write(session)
        session.rollback()


def test_begin_write_takes_a_scoped_session(engine: Engine) -> None:
    scoped = scoped_session(sessionmaker(engine))
    begin_write(scoped)
    assert scoped.connection().in_transaction()
    scoped.remove()


def test_the_schema_is_made_in_one_transaction(make_url: Any) -> None:
    engine = make_engine(make_url())
    with engine.connect() as connection:
        schema.create(connection)
        connection.rollback()
    with engine.begin() as connection:
        schema.create(connection)
    engine.dispose()
