"""How work runs: in a transaction of its own with bounded retries, or inside a caller's session."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, scoped_session

from ledger.accounts import Directory, directory_of
from ledger.engine import begin_write
from ledger.errors import LedgerError, Retryable, StorageFailed
from ledger.posting import Redo
from ledger.wire import Wire, sends_together

MAX_TRIES = 8
FIRST_WAIT_S = 0.005
LONGEST_WAIT_S = 0.5

AnySession = Session | scoped_session[Any]
T = TypeVar("T")
Work = Callable[[Wire, bool], T]
"""Work gets the wire and whether it must take every lock first (after a Redo)."""

# serialization_failure, deadlock_detected, lock_not_available; 08 and 57P are lost connections
_TRANSIENT_STATES = ("40001", "40P01", "55P03")
_LOST_STATES = ("08", "57P")
_OUT_OF_RANGE = "22003"  # a shared account, not locked before, came to the end of its column
_SQLITE_BUSY = (5, 6)
# disk_full, read_only_sql_transaction, io_error; on SQLite READONLY, IOERR, FULL, CANTOPEN
_UNWRITABLE_STATES = ("53100", "25006", "58030")
_SQLITE_UNWRITABLE = (8, 10, 13, 14)

_writers: WeakKeyDictionary[Engine, Engine] = WeakKeyDictionary()


def writer(engine: Engine) -> Engine:
    """Return the engine whose transactions begin as writers on SQLite."""
    found = _writers.get(engine)
    if found is None:
        found = _writers[engine] = engine.execution_options(sqlite_begin="IMMEDIATE")
    return found


def run(engine: Engine, work: Work[T], session: AnySession | None, tries: int | None = None) -> T:
    """Do the work in its own transaction, tried at most 8 times (or `tries`), or inside the session without committing.

    Retryable where the last try failed, or the first one inside a session, which the caller has to roll back.
    """
    directory = directory_of(engine)
    if session is not None:
        return _inside(session, work, directory)
    locks_all = False
    most = tries or MAX_TRIES
    for attempt in range(most):
        try:
            with writer(engine).connect() as connection:
                return _own(connection, work, locks_all)
        except Exception as error:
            _refuse_where_unwritable(error)
            if isinstance(error, LedgerError) or not _may_retry(error):
                raise
            locks_all = True
            directory.forget()
            last = error
            if not isinstance(error, Redo):
                # Full jitter: those who collided come back at different times.
                time.sleep(random.random() * min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**attempt))  # noqa: S311
    raise Retryable(f"given up after {most} tries: {last}") from last


def _own(connection: Connection, work: Work[T], locks_all: bool) -> T:
    owns = connection.dialect.name == "postgresql" and sends_together(connection)
    with _unbegun(connection) if owns else nullcontext(), connection.begin():
        try:
            return work(Wire(connection, owns=owns), locks_all)
        except Exception as error:
            if is_lost(connection, error):
                connection.invalidate(error)
            raise


@contextmanager
def _unbegun(connection: Connection) -> Iterator[None]:
    """Keep the driver from sending BEGIN in a message of its own: the wire sends it with the first statements."""
    driver: Any = connection.connection.driver_connection
    driver.autocommit = True
    try:
        yield
    finally:
        if not driver.closed:
            driver.autocommit = False


def _inside(session: AnySession, work: Work[T], directory: Directory) -> T:
    own: Session = session() if isinstance(session, scoped_session) else session
    if not own.in_transaction():
        begin_write(own)
    wire = Wire(own.connection())
    for attempt in range(MAX_TRIES):
        try:
            wire.run("SAVEPOINT ledger")
            result = work(wire, attempt > 0)
            wire.run("RELEASE SAVEPOINT ledger")
            return result
        except Exception as error:
            if is_transient(error):
                raise Retryable(f"roll back and try the whole unit of work again: {error}") from error
            _refuse_where_unwritable(error)
            wire.drop()
            wire.run("ROLLBACK TO SAVEPOINT ledger")
            wire.run("RELEASE SAVEPOINT ledger")
            if not _may_retry(error):
                raise
            directory.forget()
            last = error
    raise Retryable(f"given up after {MAX_TRIES} tries: {last}") from last


def read(engine: Engine, work: Callable[[Wire], T], session: AnySession | None) -> T:
    """Do work that only reads, in its own transaction or inside the session."""
    if session is not None:
        return work(Wire(session.connection()))
    with engine.connect() as connection, connection.begin():
        return work(Wire(connection))


def read_snapshot(engine: Engine, work: Callable[[Wire], T]) -> T:
    """Do long work that only reads on one unchanging view of the book, without a time-out."""
    options = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    with engine.connect().execution_options(**options) as connection, connection.begin():
        wire = Wire(connection)
        if wire.is_postgres:
            wire.run("SET LOCAL statement_timeout = 0")
            wire.run("SET LOCAL idle_in_transaction_session_timeout = 0")
        return work(wire)


def _may_retry(error: Exception) -> bool:
    return isinstance(error, Redo) or is_transient(error) or is_constraint(error)


def _origin(error: BaseException) -> Any:
    return error.orig if isinstance(error, DBAPIError) else error


def is_transient(error: BaseException) -> bool:
    """True where trying again may help: a lock, a deadlock, a lost connection."""
    origin = _origin(error)
    state = getattr(origin, "sqlstate", None)
    if isinstance(state, str):
        return state in _TRANSIENT_STATES or state.startswith(_LOST_STATES)
    code = getattr(origin, "sqlite_errorcode", None)
    if isinstance(code, int):
        return code & 0xFF in _SQLITE_BUSY
    return type(origin).__name__ == "OperationalError"


def _refuse_where_unwritable(error: BaseException) -> None:
    origin = _origin(error)
    code = getattr(origin, "sqlite_errorcode", None)
    is_unwritable = isinstance(code, int) and code & 0xFF in _SQLITE_UNWRITABLE
    if is_unwritable or getattr(origin, "sqlstate", None) in _UNWRITABLE_STATES:
        raise StorageFailed(f"the database cannot write now: {origin}") from error


def is_constraint(error: BaseException) -> bool:
    """True where a constraint refused: what was decided no longer holds; decide again under all locks."""
    origin = _origin(error)
    if getattr(origin, "sqlstate", None) == _OUT_OF_RANGE:
        return True
    return any(kind.__name__ == "IntegrityError" for kind in type(origin).__mro__)


def is_lost(connection: Connection, error: BaseException) -> bool:
    """True where the connection itself is gone."""
    origin = _origin(error)
    if getattr(origin, "sqlite_errorcode", None) is not None:
        return False
    with suppress(Exception):
        return bool(connection.dialect.is_disconnect(origin, connection.connection.dbapi_connection, None))
    return True
