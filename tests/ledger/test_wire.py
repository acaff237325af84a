"""Several statements in one message: what is written into the text means the same as what the driver would send."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine

from ledger import Ledger, errors, schema
from ledger.engine import make_engine
from ledger.running import run
from ledger.wire import Wire, literal, written
from ledger.writing import _KEYS_OR_ERROR
from tests.ledger.builders import ANNA, BORIS, ISSUANCE, UNIT, Clock, earn, live_a_little, open_chart, txn

VALUES: list[Any] = [
    0,
    -(2**63),
    2**63 - 1,
    "",
    "it's",
    "back\\slash",
    "\\'; DROP TABLE txn; --",
    "$$ %s ? :x {}",
    "汉字\n\t",
    b"",
    b"\x00\xff'\\",
    True,
    False,
    uuid.UUID(int=7),
    date(2026, 2, 28),
    datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC),
    None,
]
TYPES = {int: "bigint", str: "text", bytes: "bytea", bool: "boolean", uuid.UUID: "uuid", date: "date"}


@pytest.fixture(scope="module")
def server(postgres_cluster: Any) -> Iterator[Engine]:
    url = postgres_cluster.database()
    engine = make_engine(url)
    yield engine
    engine.dispose()
    postgres_cluster.drop(url)


def told(connection: Connection, value: Any) -> Any:
    """Send a value inside the text of a statement and read it back."""
    kind = TYPES.get(type(value), "timestamptz")
    driver: Any = connection.connection.driver_connection
    return driver.execute(f"SELECT CAST({literal(value)} AS {kind})", prepare=False).fetchone()[0]


@pytest.mark.parametrize("escaping", ["on", "off"])
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_in_the_text_is_the_value_that_arrives(server: Engine, value: Any, escaping: str) -> None:
    with server.connect() as connection:
        connection.exec_driver_sql(f"SET LOCAL standard_conforming_strings = {escaping}")
        connection.exec_driver_sql("SET LOCAL escape_string_warning = off")
        assert told(connection, value) == value


@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), raw=st.binary())
@settings(max_examples=100, deadline=None)
def test_any_text_and_any_bytes_arrive_as_they_are(server: Engine, text: str, raw: bytes) -> None:
    with server.connect() as connection:
        assert told(connection, text) == text
        assert bytes(told(connection, raw)) == raw


def test_a_nul_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ValueError, match="NUL"):
        literal("a\0b")


def test_a_list_is_an_array(server: Engine) -> None:
    with server.connect() as connection:
        driver: Any = connection.connection.driver_connection
        sql = written("SELECT ?::text[], ?::bigint[], ?::uuid[]", [["a", "it's", None], [1, 2], []])
        assert driver.execute(sql, prepare=False).fetchone() == (["a", "it's", None], [1, 2], [])


def test_a_mark_too_many_is_an_error() -> None:
    with pytest.raises(ValueError):
        written("SELECT ?, ?", [1])


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every message to the server, in order."""
    messages: list[str] = []
    plain = psycopg.Cursor.execute

    def execute(self: Any, query: Any, *params: Any, **more: Any) -> Any:
        messages.append(str(query))
        return plain(self, query, *params, **more)

    monkeypatch.setattr(psycopg.Cursor, "execute", execute)
    return messages


on_postgresql = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)


@on_postgresql
def test_a_plain_posting_is_one_message(book: Ledger, clock: Clock, sent: list[str]) -> None:
    book.open_account("mint", UNIT, kind="issuance", mode="lazy", min_balance=None)
    book.post_many([("warm", txn("mint", ANNA, 1)), ("too", txn("mint", BORIS, 1))])
    clock.move(seconds=1)
    sent.clear()
    book.post(txn("mint", ANNA, 1), key="a")
    clock.move(seconds=1)
    book.post_many([("b", txn("mint", ANNA, 1)), ("c", txn("mint", BORIS, 1))])
    assert [message.partition("(")[0] for message in sent] == ["SELECT ledger_post_one", "SELECT ledger_post_many"]


@on_postgresql
def test_a_hold_is_two_messages(book: Ledger, sent: list[str]) -> None:
    """One that begins, asks for an earlier answer and locks; one that writes everything and commits."""
    earn(book, ANNA, 10)
    book.hold(ANNA, UNIT, 1, key="warm", actor="p:a", expires_at=None)
    sent.clear()
    book.hold(ANNA, UNIT, 1, key="a", actor="p:a", expires_at=None)
    assert len(sent) == 2
    assert sent[0].startswith("BEGIN")
    assert sent[1].endswith("COMMIT")


@on_postgresql
def test_a_posting_with_a_shared_account_is_three_messages(book: Ledger, sent: list[str]) -> None:
    earn(book, ANNA, 1, key="warm")
    sent.clear()
    earn(book, ANNA, 1, key="a")
    assert len(sent) == 3
    assert sent[2].endswith("COMMIT")


@on_postgresql
def test_a_portable_posting_is_one_message_a_statement(book: Ledger, engine: Engine, sent: list[str]) -> None:
    portable = Ledger(engine.execution_options(ledger_portable=True), book._ledger_id, book._clock)
    earn(portable, ANNA, 1, key="warm")
    sent.clear()
    earn(portable, ANNA, 1, key="a")
    assert len(sent) == 10


@on_postgresql
def test_a_twin_met_at_the_commit_undoes_the_whole_message(book: Ledger, engine: Engine) -> None:
    """The key is the first thing in the message: an error there leaves nothing of it, and the answer is found then."""
    first = earn(book, ANNA, 1, key="twin")
    row = (book._ledger_id, "twin", bytes(32), "rejected", None, "insufficient_funds: no", first.recorded_at)

    def work(wire: Wire, _locks_all: bool) -> None:
        wire.may_end = True
        wire.put(_KEYS_OR_ERROR, [row])
        wire.put_run("UPDATE balance SET frozen = TRUE WHERE ledger_id = ?", [book._ledger_id])
        wire.flush()

    with pytest.raises(errors.Retryable, match="pk_idempotency"):
        run(engine, work, None, 1)
    again = earn(book, ANNA, 1, key="twin")
    assert (again.replayed, again.txn_id) == (True, first.txn_id)
    earn(book, ANNA, 1, key="not frozen")


def test_both_paths_write_the_same_book(postgres_cluster: Any) -> None:
    """Rows of every table, but for what is drawn by lot."""
    books = []
    for is_portable in (False, True):
        engine = make_engine(postgres_cluster.database()).execution_options(ledger_portable=is_portable)
        with engine.begin() as connection:
            schema.create(connection)
        book = Ledger(engine, 1, Clock())
        open_chart(book)
        live_a_little(book)
        book.post_many([(f"k{n}", txn(ISSUANCE, ANNA, n, memo="it's \\ a memo")) for n in range(1, 5)])
        books.append(rows_of(engine))
        engine.dispose()
    assert books[0] == books[1]
    assert len(books[0]["entry"]) > 20


def rows_of(engine: Engine) -> dict[str, list[Any]]:
    drawn = {"id", "txn_id", "nonce", "canonical", "leaf_hash", "salt", "memo_digest", "request_hash", "subject_id"}
    found: dict[str, list[Any]] = {}
    with engine.connect() as connection:
        paths = {row[0]: row[1] for row in connection.exec_driver_sql("SELECT id, path FROM account")}
        kinds = {row[0]: row[1] for row in connection.exec_driver_sql("SELECT id, recorded_at FROM txn")}
        for table in ("account", "balance", "idempotency", "txn", "transfer", "entry", "daily", "memo", "unprojected"):
            rows = []
            for row in connection.exec_driver_sql(f"SELECT * FROM {table}").mappings():
                kept = {name: value for name, value in row.items() if name not in drawn}
                rows.append(sorted((k, str(paths.get(v, kinds.get(v, v)))) for k, v in kept.items()))
            found[table] = sorted(rows)
    return found
