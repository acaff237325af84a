"""A driver that fails on purpose: from a seed it loses connections around any COMMIT, refuses any statement with a
lock or serialization error, and makes the clock jump. The same seed fails in the same places."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg import errors as pg
from sqlalchemy import Engine, event

from ledger.engine import BookConnection, make_engine
from tests.ledger.builders import Clock

STATEMENT_FAILS = 0.03
STATEMENT_LOSES = 0.01
COMMIT_LOSES = 0.15
CLOCK_JUMPS = 0.2
LONGEST_JUMP_S = 36 * 3600
POSTGRES_FAILURES = (pg.SerializationFailure, pg.DeadlockDetected, pg.LockNotAvailable)
SQLITE_FAILURES = ((sqlite3.SQLITE_BUSY, "database is locked"), (sqlite3.SQLITE_LOCKED, "database table is locked"))


class Faults:
    """What goes wrong, drawn from one seed; nothing does while it is not armed."""

    def __init__(self) -> None:
        self._dice = random.Random(0)
        self.is_armed = False
        self.happened: list[str] = []

    def arm(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self.happened = []
        self.is_armed = True

    def disarm(self) -> None:
        self.is_armed = False

    def strikes(self, chance: float, what: str) -> bool:
        """Draw once; note what happened where it did."""
        is_hit = self.is_armed and self._dice.random() < chance
        if is_hit:
            self.happened.append(what)
        return is_hit

    def pick(self, choices: Any) -> Any:
        return self._dice.choice(choices)

    def around(self, fail: Callable[[], Exception], lose: Callable[[], Exception], go: Callable[[], Any]) -> Any:
        """Run one statement, or refuse it before or after it ran, or lose its connection."""
        if self.strikes(STATEMENT_LOSES, "lost at a statement"):
            raise lose()
        is_late = self.is_armed and self.pick((True, False))
        if self.strikes(STATEMENT_FAILS, "refused a statement"):
            if is_late:
                go()
            raise fail()
        return go()

    def commit(self, lose: Callable[[], Exception], go: Callable[[], Any]) -> None:
        """Commit, or lose the connection just before or just after it."""
        if self.strikes(COMMIT_LOSES, "lost before the commit"):
            raise lose()
        go()
        if self.strikes(COMMIT_LOSES, "lost after the commit"):
            raise lose()


class JumpingClock(Clock):
    """A clock that goes on a second each time it is read, and sometimes hours to and fro."""

    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self._faults = faults

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        if self._faults.strikes(CLOCK_JUMPS, "the clock jumped"):
            self.now += timedelta(seconds=self._faults.pick(range(-LONGEST_JUMP_S, LONGEST_JUMP_S)))
        return self.now


def make_faulty_engine(url: str, faults: Faults) -> Engine:
    """Make an engine for the book whose driver suffers these faults."""
    engine = make_engine(url)
    connect = _sqlite_connect(faults) if engine.dialect.name == "sqlite" else _postgres_connect(faults)
    event.listen(engine, "do_connect", connect)
    return engine


def _sqlite_connect(faults: Faults) -> Callable[..., None]:
    class Cursor(sqlite3.Cursor):
        def execute(self, *said: Any) -> Any:
            return faults.around(_busy, self._lose, lambda: super(Cursor, self).execute(*said))

        def executemany(self, *said: Any) -> Any:
            return faults.around(_busy, self._lose, lambda: super(Cursor, self).executemany(*said))

        def _lose(self) -> Exception:
            return _torn(self.connection)

    class Connection(BookConnection):
        def cursor(self, *_factory: Any) -> Any:
            return super().cursor(Cursor)

        def begin(self, mode: str) -> None:
            if mode == "IMMEDIATE" and faults.strikes(STATEMENT_FAILS, "refused to begin"):
                raise _busy()
            super().begin(mode)

        def commit(self) -> None:
            faults.commit(lambda: _torn(self), super().commit)

    def _busy() -> Exception:
        code, message = faults.pick(SQLITE_FAILURES)
        error = sqlite3.OperationalError(message)
        error.sqlite_errorcode = code
        return error

    def connect(_dialect: Any, _record: Any, _args: Any, params: dict[str, Any]) -> None:
        params["factory"] = Connection

    return connect


def _torn(connection: sqlite3.Connection) -> Exception:
    """What is left where the disk under SQLite fails: nothing of the open transaction, and no answer."""
    if connection.in_transaction:
        connection.rollback()
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    return error


def _postgres_connect(faults: Faults) -> Callable[..., Any]:
    class Cursor(psycopg.Cursor[Any]):
        def execute(self, query: Any, *said: Any, **more: Any) -> Any:
            def go() -> Any:
                return super(Cursor, self).execute(query, *said, **more)

            # The pool's own question whether a connection still lives is no statement of ours.
            return go() if query == ";" else faults.around(_refusal, self._lose, go)

        def _lose(self) -> Exception:
            return _lost(self.connection)

    class Connection(psycopg.Connection[Any]):
        def commit(self) -> None:
            faults.commit(lambda: _lost(self), super().commit)

    def _refusal() -> Exception:
        made: Exception = faults.pick(POSTGRES_FAILURES)("could not go on, by the seed's will")
        return made

    def _lost(connection: Any) -> Exception:
        connection.close()
        return psycopg.OperationalError("the connection is lost")

    def connect(_dialect: Any, _record: Any, args: Any, params: dict[str, Any]) -> Any:
        return Connection.connect(*args, **{**params, "cursor_factory": Cursor})

    return connect
