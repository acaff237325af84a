"""The posting path's way to the database: the driver's own cursor, and values as each engine stores them.

One posting is about ten statements of a few microseconds each; below SQLAlchemy's execute it costs half.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import count
from typing import Any, TypeVar

from sqlalchemy import Connection

Row = tuple[Any, ...]
T = TypeVar("T")
Id = Any
"""An id as the driver stores it: 16 bytes on SQLite, uuid.UUID on PostgreSQL; both sort alike."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def to_us(moment: datetime) -> int:
    """Return a moment as microseconds since 1970."""
    return (moment - EPOCH) // MICROSECOND


def from_us(micros: int) -> datetime:
    """Return microseconds since 1970 as a moment in UTC."""
    return EPOCH + micros * MICROSECOND


ROWS_AT_ONCE = 400
"""How many rows of a stream travel together."""
_streams = count()
"""Names two streams that are read side by side apart."""


class Insert:
    """A multi-row INSERT, its texts written once: `row` for one row, `arrays` for many on PostgreSQL."""

    __slots__ = ("arrays", "row")

    def __init__(self, table: str, columns: Sequence[tuple[str, str]], suffix: str = "") -> None:
        """Take (column, PostgreSQL type) pairs and what follows the values."""
        into = f"INSERT INTO {table} ({', '.join(name for name, _ in columns)})"
        arrays = ", ".join(f"%s::{kind}[]" for _, kind in columns)
        self.row = f"{into} VALUES ({', '.join('?' * len(columns))}){suffix}"
        self.arrays = f"{into} SELECT * FROM unnest({arrays}){suffix}"  # noqa: S608


@lru_cache(maxsize=512)
def _for_postgres(sql: str) -> str:
    return sql.replace("?", "%s")


class Wire:
    """One driver cursor inside the connection's open transaction."""

    def __init__(self, connection: Connection) -> None:
        self.is_postgres = connection.dialect.name == "postgresql"
        self._connection = connection
        self._cursor: Any = connection.connection.cursor()

    def _send(self, sql: str, params: Sequence[Any]) -> None:
        self._cursor.execute(_for_postgres(sql) if self.is_postgres else sql, params)

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Run one statement with `?` marks and return its rows."""
        self._send(sql, params)
        found: list[Row] = self._cursor.fetchall()
        return found

    def stream(self, sql: str, params: Sequence[Any] = ()) -> Iterator[Row]:
        """Run one statement on a cursor of its own and yield its rows without holding them all."""
        driver: Any = self._connection.connection
        # A named cursor stays on the server; a plain one would bring the whole book into memory.
        cursor = driver.cursor(name=f"ledger_stream_{next(_streams)}") if self.is_postgres else driver.cursor()
        if self.is_postgres:
            cursor.itersize = ROWS_AT_ONCE
        try:
            cursor.execute(_for_postgres(sql) if self.is_postgres else sql, params)
            yield from cursor
        finally:
            cursor.close()

    def run(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Run one statement and return how many rows it touched."""
        self._send(sql, params)
        return int(self._cursor.rowcount)

    def run_many(self, sql: str, rows: Sequence[Row]) -> int:
        """Run one statement for each row of values and return how many rows it touched."""
        if len(rows) == 1:
            return self.run(sql, rows[0])
        self._cursor.executemany(_for_postgres(sql) if self.is_postgres else sql, rows)
        return int(self._cursor.rowcount)

    def insert(self, insert: Insert, rows: Sequence[Row]) -> int:
        """Insert rows in as few statements as the engine allows and return how many arrived."""
        if not self.is_postgres or len(rows) == 1:
            return self.run_many(insert.row, rows)
        columns = [list(column) for column in zip(*rows, strict=True)]
        self._send(insert.arrays, columns)
        return int(self._cursor.rowcount)

    def any_of(self, column: str, values: Iterable[Any], kind: str) -> tuple[str, list[Any]]:
        """Return the condition `column is one of values` and its values; `kind` is the PostgreSQL type."""
        wanted = list(values)
        if self.is_postgres:
            return f"{column} = ANY(?::{kind}[])", [wanted]
        return f"{column} IN ({', '.join('?' * len(wanted))})", wanted

    def id_in(self, raw: bytes) -> Id:
        """Return 16 bytes as the id this engine stores."""
        return uuid.UUID(bytes=raw) if self.is_postgres else raw

    def uuid_in(self, value: uuid.UUID) -> Id:
        """Return a UUID as the id this engine stores."""
        return value if self.is_postgres else value.bytes

    def us_in(self, micros: int | None) -> Any:
        """Return microseconds since 1970 as this engine stores a moment."""
        return micros if micros is None or not self.is_postgres else from_us(micros)

    def day_in(self, value: date) -> Any:
        """Return a day as this engine stores it."""
        return value if self.is_postgres else value.isoformat()

    def flag_in(self, value: bool) -> Any:
        """Return yes or no as this engine stores it."""
        return value if self.is_postgres else int(value)


def raw_out(value: Any) -> bytes:
    """Return a stored id as 16 bytes."""
    return value.bytes if isinstance(value, uuid.UUID) else bytes(value)


def uuid_out(value: Any) -> uuid.UUID:
    """Return a stored id as a UUID."""
    return value if isinstance(value, uuid.UUID) else uuid.UUID(bytes=value)


def us_out(value: Any) -> int:
    """Return a stored moment as microseconds since 1970."""
    return to_us(value) if isinstance(value, datetime) else int(value)


def moment_out(value: Any) -> datetime:
    """Return a stored moment in UTC."""
    return value.astimezone(UTC) if isinstance(value, datetime) else from_us(value)


def day_out(value: Any) -> date:
    """Return a stored day."""
    return date.fromisoformat(value) if isinstance(value, str) else value


def maybe(convert: Callable[[Any], T], value: Any) -> T | None:
    """Return a stored value converted, NULL as None."""
    return None if value is None else convert(value)
