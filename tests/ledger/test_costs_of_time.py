"""What backdating and looking back cost, counted and not timed: the same, however long the history is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from ledger import Ledger, schema
from ledger.engine import make_engine
from ledger.wire import Wire
from tests.ledger.builders import ANNA, ISSUANCE, TODAY, UNIT, Clock, open_chart, txn

DAY = timedelta(days=1)
SHORT, LONG = 200, 4_000
"""Entries of the account: twenty times as many must cost less than half as much again."""
MOST = 1.5


def live(book: Ledger, entries: int) -> None:
    """Post that many entries over a hundred days, and close each ten of them."""
    open_chart(book)
    posted = [
        (f"k{number}", txn(ISSUANCE, ANNA, 1, effective=TODAY - DAY * (100 - number * 100 // entries)))
        for number in range(entries)
    ]
    for start in range(0, entries, 1_000):
        book.post_many(posted[start : start + 1_000])
    for days in range(100, 4, -10):
        book.close_period(TODAY - days * DAY, actor="p")


@pytest.fixture(scope="module")
def lived() -> Iterator[dict[str, tuple[Engine, list[Ledger]]]]:
    """What was built for each engine, for all these tests."""
    built: dict[str, tuple[Engine, list[Ledger]]] = {}
    yield built
    for engine, _ in built.values():
        engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def books(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, lived: Any) -> Any:
    """One account with a short and one with a long history, in ledgers of their own."""
    if request.param not in lived:
        url = f"sqlite:///{tmp_path_factory.mktemp('time')}/book.db"
        if request.param == "postgresql":
            url = request.getfixturevalue("postgres_cluster").database()
        engine = make_engine(url)
        with engine.begin() as connection:
            schema.create(connection)
        made = [Ledger(engine, number, Clock()) for number in (1, 2)]
        for book, entries in zip(made, (SHORT, LONG), strict=True):
            live(book, entries)
        if request.param == "postgresql":
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("VACUUM ANALYZE"))
        # Counted statement by statement, as the portable path sends them; PostgreSQL else gets two messages.
        portable = engine.execution_options(ledger_portable=True)
        lived[request.param] = engine, [Ledger(portable, number, Clock()) for number in (1, 2)]
    return lived[request.param]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any, int]]:
    """Every statement that goes over the wire: its text, its values, the rows it touched."""
    seen: list[tuple[str, Any, int]] = []
    plain, plain_many = Wire.__dict__["_send"], Wire.run_many

    def send(self: Wire, sql: str, params: Any) -> None:
        plain(self, sql, params)
        seen.append((sql, params, self._cursor.rowcount))

    def run_many(self: Wire, sql: str, rows: Any) -> int:
        touched = plain_many(self, sql, rows)
        if len(rows) > 1:
            seen.append((sql, rows, touched))
        return touched

    monkeypatch.setattr(Wire, "_send", send)
    monkeypatch.setattr(Wire, "run_many", run_many)
    return seen


def written(sent: list[tuple[str, Any, int]]) -> int:
    verbs = ("INSERT", "UPDATE", "DELETE")
    return sum(touched for sql, _, touched in sent if sql.lstrip().startswith(verbs))


def test_a_backdated_posting_writes_as_many_rows_as_one_of_today(books: Any, sent: list[Any]) -> None:
    """One key, transaction, transfer and leaf; two balances, entries, daily sums: no later row is written again."""
    _, made = books
    counts = []
    for book in made:
        for key, day in (("today", TODAY), ("back", TODAY - 5 * DAY)):
            sent.clear()
            book.post(txn(ISSUANCE, ANNA, 1, effective=day), key=key)
            counts.append(written(sent))
    assert counts == [10, 10, 10, 10]


def test_only_a_backdated_posting_reads_the_period(books: Any, sent: list[Any]) -> None:
    _, (book, _long) = books
    book.post(txn(ISSUANCE, ANNA, 1), key="warm")
    statements = {}
    for days in (-1, 0, 1, 5):
        sent.clear()
        book.post(txn(ISSUANCE, ANNA, 1, effective=TODAY - days * DAY), key=f"{days}")
        assert any(" period " in sql for sql, *_ in sent) == (days > 0)
        statements[days] = len(sent)
    assert statements[0] == statements[-1] == statements[1] - 1 == statements[5] - 1


def steps(engine: Engine, sent: list[Any], ask: Callable[[], object]) -> int:
    """Count what the engine does: virtual-machine steps on SQLite, rows of every node of the plan on PostgreSQL."""
    sent.clear()
    ask()
    asked = list(sent)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            return sum(_steps_on_sqlite(connection, sql, params) for sql, params, _ in asked)
        cursor = connection.connection.cursor()
        total = 0
        for sql, params, _ in asked:
            cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + sql.replace("?", "%s"), params)
            total += _touched(cursor.fetchone()[0][0]["Plan"])
        return total


def _steps_on_sqlite(connection: Any, sql: str, params: Any) -> int:
    driver, count = connection.connection.driver_connection, [0]

    def tick() -> int:
        count[0] += 1
        return 0

    driver.set_progress_handler(tick, 1)
    driver.execute(sql, params).fetchall()
    driver.set_progress_handler(None, 0)
    return count[0]


def _touched(plan: dict[str, Any]) -> int:
    rows = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return int(rows) + sum(_touched(child) for child in plan.get("Plans", ()))


QUESTIONS: dict[str, Callable[[Ledger, date], object]] = {
    "a day": lambda book, day: book.balance(ANNA, UNIT, as_of=day),
    "a day of the shared account": lambda book, day: book.balance(ISSUANCE, UNIT, as_of=day),
    "the trial balance of a day": lambda book, day: book.trial_balance(day),
    "a moment": lambda book, _day: book.balance(ANNA, UNIT, known_at=Clock().now),
}


@pytest.mark.parametrize("days", [93, 50, 9, 0])
@pytest.mark.parametrize("question", QUESTIONS)
def test_looking_back_touches_as_much_in_a_long_history_as_in_a_short_one(
    books: Any, sent: list[Any], question: str, days: int
) -> None:
    engine, made = books
    costs = []
    for book in made:
        counted = steps(engine, sent, lambda book=book: QUESTIONS[question](book, TODAY - days * DAY))
        costs.append((len(sent), counted))
    (short_statements, short), (long_statements, long) = costs
    assert short_statements == long_statements <= 3
    assert long < short * MOST, costs
