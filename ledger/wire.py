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

    __slots__ = ("arrays", "head", "row", "suffix")

    def __init__(self, table: str, columns: Sequence[tuple[str, str]], suffix: str = "") -> None:
        """Take (column, PostgreSQL type) pairs and what follows the values."""
        into = f"INSERT INTO {table} ({', '.join(name for name, _ in columns)})"
        arrays = ", ".join(f"%s::{kind}[]" for _, kind in columns)
        self.row = f"{into} VALUES ({', '.join('?' * len(columns))}){suffix}"
        self.arrays = f"{into} SELECT * FROM unnest({arrays}){suffix}"  # noqa: S608
        self.head, self.suffix = f"{into} VALUES ", suffix

    def text(self, rows: Iterable[Row]) -> str:
        """Return the statement with its values written into it, for PostgreSQL."""
        return f"{self.head}{', '.join(row_text(row) for row in rows)}{self.suffix}"


def row_text(row: Iterable[Any]) -> str:
    """Write a row of values for PostgreSQL."""
    return f"({', '.join([literal(value) for value in row])})"


def literal(value: Any) -> str:
    """Write a value for PostgreSQL, whatever its settings; the column it goes into gives it its type."""
    kind = type(value)
    if kind is int:
        return str(value)
    if value is None:
        return "NULL"
    if kind is str:
        return _quoted(value)
    if kind is bytes:
        return f"E'\\\\x{value.hex()}'"
    if kind is list:
        return f"ARRAY[{', '.join([literal(one) for one in value])}]"
    if kind is bool:
        return "TRUE" if value else "FALSE"
    return _quoted(str(value))  # uuid, date, datetime


def written(sql: str, params: Iterable[Any]) -> str:
    """Return a statement with its values in the place of its `?` marks, for PostgreSQL."""
    first, *rest = sql.split("?")
    return first + "".join([literal(value) + part for value, part in zip(params, rest, strict=True)])


def _quoted(text: str) -> str:
    if "\0" in text:
        raise ValueError("PostgreSQL keeps no text with a NUL in it")
    safe = text.replace("'", "''")
    return f"'{safe}'" if "\\" not in safe else "E'" + safe.replace("\\", "\\\\") + "'"


@lru_cache(maxsize=512)
def _for_postgres(sql: str) -> str:
    return sql.replace("?", "%s")


BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"


def sends_together(connection: Connection) -> bool:
    """True where PostgreSQL gets several statements in one message; `ledger_portable` as an engine's option says no."""
    return not connection.get_execution_options().get("ledger_portable", False)


class Wire:
    """One driver cursor inside the connection's open transaction."""

    def __init__(self, connection: Connection, *, owns: bool = False) -> None:
        """Take whether the transaction is ours to begin (`owns`, on PostgreSQL, with the driver on autocommit)."""
        self.is_postgres = connection.dialect.name == "postgresql"
        self.is_quick = self.is_postgres and sends_together(connection)
        self._connection = connection
        self.may_end = False
        """True where nothing follows the next `flush`, which may then commit."""
        self._owns = owns
        self._is_begun = not owns
        self._ahead: dict[str, Any] = {}
        self._later: list[str] = []
        self._cursor: Any = connection.connection.cursor()

    def ask_ahead(self, questions: Sequence[tuple[str, Sequence[Any]]]) -> None:
        """Ask in one message what `rows` will be asked for next; it then answers from what came. Only where quick."""
        texts = [written(*question) for question in questions]
        self._ahead = dict(zip(texts, self._together(texts), strict=True))

    def put(self, insert: Insert, rows: Sequence[Row]) -> None:
        """Insert rows, or keep them for the next message where statements are sent together."""
        if self.is_quick:
            self._later.append(insert.text(rows))
        else:
            self.insert(insert, rows)

    def put_run(self, sql: str, params: Sequence[Any]) -> None:
        """Run a statement, or keep it for the next message where statements are sent together."""
        if self.is_quick:
            self._later.append(written(sql, params))
        else:
            self.run(sql, params)

    def flush(self) -> None:
        """Send what was kept, and the COMMIT with it where it is ours and nothing follows."""
        if self._later:
            self._together([], may_end=self.may_end)

    def drop(self) -> None:
        """Forget what was kept: the work it belonged to was undone."""
        self._later, self._ahead = [], {}

    def _together(self, texts: Sequence[str], *, may_end: bool = False) -> list[Any]:
        """Send what was kept and these statements as one message; return each one's rows, or how many it touched."""
        message = [*([] if self._is_begun else [BEGIN]), *self._later, *texts]
        first = len(message) - len(texts)
        if may_end and self._owns:
            message.append("COMMIT")
        self._is_begun, self._later = True, []
        self._cursor.execute(";\n".join(message), prepare=False)
        found = [self._result()]
        while self._cursor.nextset():
            found.append(self._result())
        return found[first : first + len(texts)]

    @property
    def is_open(self) -> bool:
        """True inside a transaction, which an error would spoil."""
        return self._is_begun

    def call(self, sql: str, params: Sequence[Any]) -> None:
        """Run one prepared statement; it is the whole transaction where that is ours and nothing is around it."""
        if self._later or not (self._is_begun or self.may_end):
            self._together([])
        self._cursor.execute(sql, params, prepare=True)

    def _result(self) -> list[Row] | int:
        return self._cursor.fetchall() if self._cursor.description else int(self._cursor.rowcount)

    def _send(self, sql: str, params: Sequence[Any]) -> None:
        self._catch_up()
        self._cursor.execute(_for_postgres(sql) if self.is_postgres else sql, params)

    def _catch_up(self) -> None:
        if self._later or not self._is_begun:
            self._together([])

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Run one statement with `?` marks and return its rows."""
        if self.is_quick and (self._ahead or self._later):
            text = written(sql, params)
            return self._ahead.pop(text) if text in self._ahead else list(self._together([text])[0])
        self._send(sql, params)
        found: list[Row] = self._cursor.fetchall()
        return found

    def look(self, sql: str, params: Sequence[Any]) -> list[Row]:
        """Read rows that never change; this begins no transaction where one is ours to begin."""
        if self._is_begun:
            return self.rows(sql, params)
        self._cursor.execute(_for_postgres(sql), params)
        return list(self._cursor.fetchall())

    def stream(self, sql: str, params: Sequence[Any] = ()) -> Iterator[Row]:
        """Run one statement on a cursor of its own and yield its rows without holding them all."""
        self._catch_up()
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
        self._catch_up()
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

    def listed(self, values: Iterable[Any], kind: str) -> tuple[str, list[Any]]:
        """Return the values as a table `w` of one column `one`, to be joined by CROSS JOIN and an equation.

        For what is not the table's key: SQLite without statistics would read the whole ledger for an IN.
        """
        wanted = list(values)
        if self.is_postgres:
            return f"unnest(?::{kind}[]) AS w (one)", [wanted]
        return f"(SELECT column1 AS one FROM (VALUES {', '.join(['(?)'] * len(wanted))})) w", wanted  # noqa: S608

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
