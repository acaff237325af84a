"""Races between real processes with real connections; each is lost where its guard is taken away."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger import Ledger, Transfer, Txn, plain_functions, schema
from ledger.engine import make_engine
from tests.ledger.builders import ANNA, BORIS, ISSUANCE, SHOP, TODAY, UNIT, available, earn, open_chart
from tests.ledger.racing import Contestants

Run = Callable[..., Counter[str]]

on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)


@pytest.fixture(scope="module")
def contestants() -> Iterator[Contestants]:
    waiting = Contestants(4)
    yield waiting
    waiting.stop()


@pytest.fixture
def run(contestants: Contestants) -> Run:
    """Race on a book and count the answers of all contestants."""

    def race(book: Ledger, engine: Engine, jobs: list[dict[str, Any]], broken: str = "") -> Counter[str]:
        where = {
            "url": engine.url.render_as_string(hide_password=False),
            "ledger_id": book._ledger_id,
        }
        return Counter(contestants.race([{**where, **job} for job in jobs], broken=broken))

    return race


def spenders(amount: int, times: int) -> list[dict[str, Any]]:
    """Four processes that pay from the same account."""
    return [
        {
            "verb": "post",
            "debit": ANNA,
            "credit": credit,
            "amount": amount,
            "times": times,
            "key": f"{who}:{{}}",
        }
        for who, credit in enumerate([BORIS, SHOP, BORIS, SHOP])
    ]


def test_nobody_spends_twice(run: Run, book: Ledger, engine: Engine) -> None:
    """Guards: the row lock (SQLite: BEGIN IMMEDIATE) and behind it the CHECK on the balance."""
    earn(book, ANNA, 100)
    answers = run(book, engine, spenders(10, 8))
    assert answers == {"posted": 10, "insufficient_funds": 22}
    assert available(book, ANNA) == 0
    assert book.verify().ok


def opposite(times: int) -> list[dict[str, Any]]:
    """Two processes pay to and fro between the same two accounts."""
    way = {"verb": "post", "amount": 1, "times": times}
    return [
        {**way, "debit": ANNA, "credit": BORIS, "key": "there:{}"},
        {**way, "debit": BORIS, "credit": ANNA, "key": "back:{}"},
    ]


def test_opposite_transfers_never_wait_for_each_other(run: Run, book: Ledger, engine: Engine) -> None:
    """Guard: locks are taken in the order of account ids. Retries are off, so one deadlock would show."""
    earn(book, ANNA, 1_000, key="a")
    earn(book, BORIS, 1_000, key="b")
    assert run(book, engine, opposite(40), broken="retry") == {"posted": 80}
    assert book.verify().ok


def twins(times: int) -> list[dict[str, Any]]:
    """Four processes send the same requests."""
    one = {"verb": "post", "debit": ISSUANCE, "credit": ANNA, "amount": 5, "times": times, "key": "twin:{}"}
    return [one] * 4


def test_twins_happen_once(run: Run, book: Ledger, engine: Engine) -> None:
    """Guard: the primary key of idempotency, inserted in the posting's own transaction."""
    assert run(book, engine, twins(10)) == {"posted": 40}
    assert (available(book, ANNA), book.balance(ANNA, UNIT).seq) == (50, 10)
    assert book.verify().ok


def reversers(txn_id: uuid.UUID) -> list[dict[str, Any]]:
    """Four processes reverse the same transaction, each with a key of its own."""
    return [{"verb": "reverse", "txn_id": str(txn_id), "times": 1, "key": f"r{n}"} for n in range(4)]


def test_a_transaction_is_reversed_by_one_of_many(run: Run, book: Ledger, engine: Engine) -> None:
    """Guards: the row lock (SQLite: BEGIN IMMEDIATE) and behind it UNIQUE(ledger_id, reverses_id)."""
    posted = earn(book, ANNA, 60)
    earn(book, ANNA, 600, key="plenty")
    assert run(book, engine, reversers(posted.txn_id)) == {"posted": 1, "already_reversed": 3}
    assert available(book, ANNA) == 600
    assert book.verify().ok


def resolvers(txn_id: uuid.UUID) -> list[dict[str, Any]]:
    """Two shops capture the same hold while its owner takes it back."""
    one = {"txn_id": str(txn_id), "times": 1}
    return [
        {**one, "verb": "capture", "credit": SHOP, "key": "c1"},
        {**one, "verb": "capture", "credit": BORIS, "key": "c2"},
        {**one, "verb": "release", "key": "r1"},
        {**one, "verb": "release", "key": "r2"},
    ]


def test_a_hold_is_resolved_by_one_of_many(run: Run, book: Ledger, engine: Engine) -> None:
    """Guards: the row lock (SQLite: BEGIN IMMEDIATE) and behind it UNIQUE(ledger_id, resolves_id)."""
    earn(book, ANNA, 100)
    held = book.hold(ANNA, UNIT, 40, expires_at=None, key="h1", actor="p")
    book.hold(ANNA, UNIT, 60, expires_at=None, key="h2", actor="p")
    assert run(book, engine, resolvers(held.txn_id)) == {"posted": 1, "hold_resolved": 3}
    assert book.balance(ANNA, UNIT).held == 60
    assert book.verify().ok


def test_the_first_holds_of_an_account_open_one_sub_account(run: Run, book: Ledger, engine: Engine) -> None:
    """Guard: UNIQUE(ledger_id, path, unit), with ON CONFLICT DO NOTHING under the owner's lock."""
    earn(book, ANNA, 100)
    holds = [{"verb": "hold", "debit": ANNA, "amount": 5, "times": 4, "key": f"{who}:{{}}"} for who in range(4)]
    assert run(book, engine, holds) == {"posted": 16}
    assert book.balance(ANNA, UNIT).held == 80
    assert book.verify().ok


def latecomers(times: int) -> list[dict[str, Any]]:
    """Three processes post for three days ago while a fourth closes that day."""
    one = {"verb": "post", "debit": ISSUANCE, "amount": 1, "days_ago": 3, "times": times}
    posters = [{**one, "credit": path, "key": f"{path}:{{}}"} for path in (ANNA, BORIS, SHOP)]
    return [*posters, closer(3)]


def closer(days_ago: int, **more: Any) -> dict[str, Any]:
    return {"verb": "close", "days_ago": days_ago, "times": 1, "key": "", **more}


def test_a_backdated_posting_is_in_the_digest_or_refused(run: Run, book: Ledger, engine: Engine) -> None:
    """Guards: FOR SHARE against FOR UPDATE on the period's row (SQLite: BEGIN IMMEDIATE)."""
    answers = run(book, engine, latecomers(12))
    assert answers["posted"] + answers["period_closed"] == 37
    (close,) = book.closes()
    assert close.digest == book.trial_balance(close.through).digest
    assert available(book, ISSUANCE) == 1 - answers["posted"]
    assert book.verify().ok


def test_two_closes_of_one_day_are_one(run: Run, book: Ledger, engine: Engine) -> None:
    """Guards: FOR UPDATE on the period's row, and behind it the primary key of period_close."""
    assert run(book, engine, [closer(3)] * 4) == {"posted": 4}
    assert len(book.closes()) == 1
    assert book.verify().ok


def test_of_two_closes_at_once_the_later_day_stands(run: Run, book: Ledger, engine: Engine) -> None:
    """Guard: FOR UPDATE on the period's row (SQLite: BEGIN IMMEDIATE)."""
    answers = run(book, engine, [closer(3), closer(4)])
    assert answers["posted"] + answers["period_closed"] == 2
    assert run(book, engine, latecomers(1)[:1]) == {"period_closed": 1}
    assert book.verify().ok


def test_first_accounts_opened_at_once_share_one_period(run: Run, engine: Engine, ledger_id: int) -> None:
    """Guard: ON CONFLICT DO NOTHING before the account itself, or two sessions would wait for each other."""
    new = Ledger(engine, ledger_id + 1)
    opening = {"verb": "open", "times": 3, "key": "member:anna.{}"}
    assert run(new, engine, [opening] * 4) == {"posted": 12}
    new.close_period(date(2026, 1, 1), actor="p")
    assert new.verify().ok


def with_lots(book: Ledger) -> None:
    """Give Anna three lots of 10 that ended on days gone by, and 5 that never end."""
    book.open_account("pool", UNIT, kind="pool", is_shared=True)
    days = [*(date(2026, month, 28) for month in (1, 2, 3)), None]
    for amount, day in zip((10, 10, 10, 5), days, strict=True):
        book.post(Txn("credit", [Transfer(ISSUANCE, ANNA, UNIT, amount, day)], TODAY, "p"), key=f"lot {day}")


@pytest.mark.parametrize("broken", ["", "row lock"])
def test_many_who_expire_take_each_lot_once(run: Run, book: Ledger, engine: Engine, broken: str) -> None:
    """Guards: the row lock, behind it the key that names the lot, and the CHECKs on lot and balance.dated."""
    with_lots(book)
    answers = run(book, engine, [{"verb": "expire", "times": 3, "key": "x"}] * 4, broken=broken)
    assert set(answers) <= {"posted", "retryable"}
    assert (available(book, ANNA), available(book, "pool")) == (5, 30)
    assert [line.kind for line in book.statement(ANNA, UNIT).items].count("expiry") == 3
    assert book.verify().ok


def test_who_spends_while_lots_end_spends_what_is_left(run: Run, book: Ledger, engine: Engine) -> None:
    with_lots(book)
    way = {"verb": "post", "debit": ANNA, "credit": BORIS, "amount": 1, "times": 6}
    jobs = [{**way, "key": f"{who}:{{}}"} for who in "ab"] + [{"verb": "expire", "times": 3, "key": "x"}] * 2
    answers = run(book, engine, jobs)
    assert answers == {"posted": 5 + 6, "insufficient_funds": 7}
    assert (available(book, ANNA), available(book, BORIS), available(book, "pool")) == (0, 5, 30)
    assert book.verify().ok


@pytest.fixture
def unguarded(make_url: Any, request: pytest.FixtureRequest) -> Iterator[tuple[Ledger, Engine]]:
    """A book whose database has lost the constraints that the test names."""
    engine = make_engine(make_url())
    with engine.begin() as connection:
        schema.create(connection)
        for statement in request.param:
            connection.exec_driver_sql(statement)
    book = Ledger(engine, ledger_id=1)
    open_chart(book)
    yield book, engine
    engine.dispose()


postgresql_only = pytest.mark.parametrize("make_url", ["postgresql"], indirect=True)
NO_CHECK = [
    "ALTER TABLE balance DROP CONSTRAINT ck_balance_floor",
    "ALTER TABLE entry DROP CONSTRAINT pk_entry",
]
NO_KEY = ["ALTER TABLE idempotency DROP CONSTRAINT pk_idempotency"]
_BETWEEN = plain_functions.ONE.index("UPDATE balance b SET cr_posted")
NO_ORDER = [
    f"{plain_functions.ONE[:_BETWEEN]}PERFORM pg_sleep(0.1); {plain_functions.ONE[_BETWEEN:]}".replace(
        "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"
    ).replace("ORDER BY b.account_id FOR", "AND false FOR")
]
NO_LINK = [
    "ALTER TABLE txn DROP CONSTRAINT uq_txn_ledger_id_reverses_id",
    "ALTER TABLE txn DROP CONSTRAINT uq_txn_ledger_id_resolves_id",
    "ALTER TABLE entry DROP CONSTRAINT pk_entry",
]


@postgresql_only
@pytest.mark.parametrize("unguarded", [NO_CHECK], indirect=True)
def test_without_row_lock_and_check_somebody_spends_twice(run: Run, unguarded: tuple[Ledger, Engine]) -> None:
    book, engine = unguarded
    earn(book, ANNA, 100)
    assert run(book, engine, spenders(60, 1), broken="row lock")["posted"] > 1
    assert available(book, ANNA) < 0


@on_postgresql
def test_without_row_lock_the_check_still_stands(run: Run, book: Ledger, engine: Engine) -> None:
    earn(book, ANNA, 100)
    run(book, engine, spenders(60, 1), broken="row lock")
    assert available(book, ANNA) >= 0
    assert book.verify().ok


@on_postgresql
def test_without_lock_order_opposite_transfers_deadlock(run: Run, book: Ledger, engine: Engine) -> None:
    earn(book, ANNA, 1_000, key="a")
    earn(book, BORIS, 1_000, key="b")
    assert run(book, engine, opposite(3), broken="retry, lock order")["retryable"] > 0


@postgresql_only
@pytest.mark.parametrize("unguarded", [NO_ORDER], indirect=True)
def test_without_lock_order_in_the_function_opposite_transfers_deadlock(
    run: Run, unguarded: tuple[Ledger, Engine]
) -> None:
    book, engine = unguarded
    earn(book, ANNA, 1_000, key="a")
    earn(book, BORIS, 1_000, key="b")
    assert run(book, engine, opposite(2), broken="retry")["retryable"] > 0


@postgresql_only
@pytest.mark.parametrize("unguarded", [NO_KEY], indirect=True)
def test_without_the_primary_key_of_idempotency_twins_happen_twice(run: Run, unguarded: tuple[Ledger, Engine]) -> None:
    book, engine = unguarded
    run(book, engine, twins(5), broken="unique key")
    assert available(book, ANNA) > 25


@postgresql_only
@pytest.mark.parametrize("unguarded", [NO_LINK], indirect=True)
def test_without_row_lock_and_unique_link_a_transaction_is_reversed_twice(
    run: Run, unguarded: tuple[Ledger, Engine]
) -> None:
    book, engine = unguarded
    posted = earn(book, ANNA, 60)
    earn(book, ANNA, 600, key="plenty")
    assert run(book, engine, reversers(posted.txn_id), broken="row lock")["posted"] > 1


@postgresql_only
@pytest.mark.parametrize("unguarded", [NO_LINK], indirect=True)
def test_without_row_lock_and_unique_link_a_hold_is_resolved_twice(run: Run, unguarded: tuple[Ledger, Engine]) -> None:
    book, engine = unguarded
    earn(book, ANNA, 100)
    held = book.hold(ANNA, UNIT, 40, expires_at=None, key="h1", actor="p")
    book.hold(ANNA, UNIT, 60, expires_at=None, key="h2", actor="p")
    assert run(book, engine, resolvers(held.txn_id), broken="row lock")["posted"] > 1


@on_postgresql
def test_without_the_period_lock_a_posting_slips_into_a_closed_day(run: Run, book: Ledger, engine: Engine) -> None:
    answers = run(book, engine, [latecomers(1)[0], closer(3)], broken="period lock")
    assert answers == {"posted": 2}
    (close,) = book.closes()
    assert close.accounts == 0
    assert available(book, ISSUANCE) == -1
    assert {finding.rule for finding in book.verify().findings} >= {"a closing balance is the sum of its transfers"}


@on_postgresql
def test_without_the_close_lock_a_period_opens_again(run: Run, book: Ledger, engine: Engine) -> None:
    answers = run(book, engine, [closer(3), closer(4, is_last=True)], broken="close lock")
    assert answers == {"posted": 2}
    assert {finding.rule for finding in book.verify().findings} >= {"the period ends with the last close"}


@on_sqlite
def test_without_begin_immediate_writers_are_turned_away(run: Run, book: Ledger, engine: Engine) -> None:
    earn(book, ANNA, 100)
    answers = run(book, engine, spenders(10, 8), broken="immediate, retry")
    assert answers["retryable"] > 0
    assert available(book, ANNA) >= 0
