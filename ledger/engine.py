"""Engines on which the book is safe: SQLite with real write transactions, PostgreSQL with time-outs."""

from __future__ import annotations

import math
import sqlite3
import threading
import time
from collections import deque
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import DisconnectionError, OperationalError
from sqlalchemy.orm import Session, scoped_session

BUSY_TIMEOUT_S = 10.0
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",  # NORMAL may lose the last commits when the power fails
    "foreign_keys=ON",
    "recursive_triggers=ON",
    "trusted_schema=OFF",
)
# reliability.md A2: with these a client behind a dead proxy recovers in seconds instead of never.
POSTGRES_CONNECT = {
    "options": "-c statement_timeout=30000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=10000 "
    "-c idle_session_timeout=60000 -c TimeZone=UTC",
    "connect_timeout": 3,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
ASKED_AFTER_S = 1.0
"""A PostgreSQL connection that lay idle this long is asked whether it is alive before it is used."""
_DENIED = {
    sqlite3.SQLITE_DROP_TRIGGER,
    sqlite3.SQLITE_DROP_TABLE,
    sqlite3.SQLITE_DROP_INDEX,
    sqlite3.SQLITE_ALTER_TABLE,
}
SECOND_WRITER = "this thread already writes on another connection: pass session="
_DENIED_PRAGMAS = {"writable_schema", "recursive_triggers", "foreign_keys", "ignore_check_constraints"}


class WriterLock:
    """One writer at a time inside this process, first come first served.

    SQLite's own busy handler sleeps and tries again, which lets late comers overtake for seconds.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._owner: int | None = None

    def acquire(self, timeout_s: float = BUSY_TIMEOUT_S) -> bool:
        """Wait for the turn; False after the time-out. A thread that already writes elsewhere is refused."""
        with self._guard:
            if self._owner is None:
                self._owner = threading.get_ident()
                return True
            if self._owner == threading.get_ident():
                raise RuntimeError(SECOND_WRITER)
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        if turn.acquire(timeout=timeout_s):
            self._owner = threading.get_ident()
            return True
        return self._give_up(turn)

    def is_mine(self) -> bool:
        """True where this thread has the turn."""
        return self._owner == threading.get_ident()

    def release(self) -> None:
        """Hand the turn to whoever waits longest; any thread may do this (the pool resets from anywhere)."""
        with self._guard:
            self._owner = -1 if self._waiting else None
            if self._waiting:
                self._waiting.popleft().release()

    def _give_up(self, turn: threading.Lock) -> bool:
        with self._guard:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return False
            self._owner = threading.get_ident()  # the turn came at the last moment
            return True


class BookConnection(sqlite3.Connection):
    """A SQLite connection that gives the writer lock back whenever its transaction ends, however it ends."""

    writer_lock: WriterLock | None = None
    holds_lock = False
    _changes_before = 0

    def begin(self, mode: str) -> None:
        """Begin a transaction; for IMMEDIATE wait for this process's turn first."""
        if mode == "IMMEDIATE" and self.writer_lock is not None and not self.holds_lock:
            if not self.writer_lock.acquire():
                raise sqlite3.OperationalError("database is locked")
            self.holds_lock = True
        try:
            self.execute(f"BEGIN {mode}")
            self._changes_before = self.total_changes
        except BaseException:
            self._let_go()
            raise

    def is_writing(self) -> bool:
        """True where the open transaction holds the write lock, by BEGIN IMMEDIATE or by a change it made."""
        return self.in_transaction and (self.holds_lock or self.total_changes != self._changes_before)

    def commit(self) -> None:
        super().commit()
        self._let_go()

    def rollback(self) -> None:
        try:
            super().rollback()
        finally:
            self._let_go()

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        if self.holds_lock and self.writer_lock is not None:
            self.holds_lock = False
            self.writer_lock.release()


def normalise_url(url: str | URL) -> URL:
    """Return the URL with psycopg 3 as the driver for `postgres://` and `postgresql://`."""
    text = url if isinstance(url, str) else url.render_as_string(hide_password=False)
    for plain in ("postgres://", "postgresql://"):
        if text.startswith(plain):
            text = "postgresql+psycopg://" + text.removeprefix(plain)
    return make_url(text)


def engine_options(url: str | URL) -> dict[str, Any]:
    """Return what `create_engine` should be told for this URL (for Flask-SQLAlchemy's own engine, too)."""
    if normalise_url(url).get_backend_name() == "sqlite":
        return {}
    return {"pool_recycle": 45, "isolation_level": "READ COMMITTED"}


def make_engine(url: str | URL, *, for_migrations: bool = False, **options: Any) -> Engine:
    """Make an engine for the book; `options` go to `create_engine` and win over the defaults."""
    engine = create_engine(normalise_url(url), **{**engine_options(url), **options})
    return prepare_engine(engine, for_migrations=for_migrations)


def prepare_engine(engine: Engine, *, for_migrations: bool = False) -> Engine:
    """Make an existing engine safe for the book, before its first connection, and return it.

    Migrations may drop and alter tables; every other SQLite connection is denied that.
    """
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, for_migrations=for_migrations)
    else:
        _prepare_postgresql(engine)
    return engine


_writer_locks: WeakKeyDictionary[Engine, WriterLock] = WeakKeyDictionary()


def refuse_second_writer(engine: Engine) -> None:
    """Raise RuntimeError where this thread already writes on another SQLite connection and would wait for itself."""
    lock = _writer_locks.get(engine)
    if lock is not None and lock.is_mine():
        raise RuntimeError(SECOND_WRITER)


def _prepare_sqlite(engine: Engine, *, for_migrations: bool) -> None:
    lock = _writer_locks[engine] = WriterLock()

    @event.listens_for(engine, "do_connect")
    def use_book_connection(_dialect: Any, _record: Any, _args: Any, params: dict[str, Any]) -> None:
        params["factory"] = BookConnection
        params.setdefault("timeout", BUSY_TIMEOUT_S)

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        connection.writer_lock = lock
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").close()
        if not for_migrations:
            connection.set_authorizer(_authorize)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
        driver: Any = connection.connection.driver_connection
        try:
            driver.begin(mode)
        except sqlite3.OperationalError as error:
            raise OperationalError(f"BEGIN {mode}", None, error) from error


def _authorize(action: int, first: str | None, second: str | None, _db: str | None, _inner: str | None) -> int:
    if action in _DENIED or (action == sqlite3.SQLITE_PRAGMA and first in _DENIED_PRAGMAS and second):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _prepare_postgresql(engine: Engine) -> None:
    @event.listens_for(engine, "checkin")
    def note_time(_connection: Any, record: Any) -> None:
        record.info["idle_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ask_whether_alive(connection: Any, record: Any, _proxy: Any) -> None:
        # A question each time would be a third of what a posting costs; one just used is alive, or is tried again.
        if time.monotonic() - record.info.get("idle_since", math.inf) > ASKED_AFTER_S:
            try:
                connection.autocommit = True
                connection.execute("")
                connection.autocommit = False
            except Exception as error:  # whatever it is called, the pool makes a new connection
                raise DisconnectionError(str(error)) from error

    @event.listens_for(engine, "do_connect")
    def set_time_outs(_dialect: Any, _record: Any, _args: Any, params: dict[str, Any]) -> None:
        given = params.get("options")
        params.update({name: value for name, value in POSTGRES_CONNECT.items() if name not in params})
        if given:
            params["options"] = f"{POSTGRES_CONNECT['options']} {given}"


def begin_write(session: Session | scoped_session[Any]) -> None:
    """Make the session's transaction a writing one, before its first change.

    On SQLite a read transaction cannot safely become a writing one (stack.md P1), so an open one is ended and
    what was loaded is read again. RuntimeError where changes wait in it unflushed. On PostgreSQL just begin.
    """
    own: Session = session() if isinstance(session, scoped_session) else session
    if own.get_bind().dialect.name != "sqlite":
        own.connection()
        return
    if own.in_transaction():
        driver: Any = own.connection().connection.driver_connection
        if driver.is_writing():
            return
        if own.new or own.dirty or own.deleted:
            raise RuntimeError("begin_write comes before the first change of a unit of work")
        own.rollback()
    own.connection(execution_options={"sqlite_begin": "IMMEDIATE"})
