"""Closing a period: what may be closed, what is refused from then on, and what is published about it."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from ledger import Ledger, errors
from tests.ledger.builders import ANNA, ISSUANCE, SHOP, TODAY, UNIT, Clock, available, earn, live_a_little, txn

DAY = timedelta(days=1)
LAST = TODAY - 2 * DAY
"""The last day that can be closed."""


def close(book: Ledger, through: date = LAST, actor: str = "p:auditor"):
    return book.close_period(through, actor=actor)


def backdate(book: Ledger, amount: int, day: date, *, key: str):
    return book.post(txn(ISSUANCE, ANNA, amount, effective=day), key=key)


def test_a_close_publishes_the_trial_balance_of_its_day(book: Ledger) -> None:
    backdate(book, 60, LAST, key="in")
    backdate(book, 5, LAST + DAY, key="out")
    done = close(book)
    then = book.trial_balance(LAST)
    assert (done.through, done.digest, done.accounts, done.actor) == (LAST, then.digest, 2, "p:auditor")
    assert then.digest == book.trial_balance(LAST, done.recorded_at).digest
    assert book.closes() == [done]


def test_a_closes_leaf_covers_what_it_says_and_waits_to_be_sealed(book: Ledger, engine: Engine, ledger_id: int) -> None:
    done = close(book)
    micros = int(done.recorded_at.timestamp()) * 1_000_000 + done.recorded_at.microsecond
    fields = [b"1", b"close", str(ledger_id).encode(), done.id.bytes, LAST.isoformat().encode(), done.digest, b"0"]
    fields += [str(micros).encode(), b"p:auditor"]
    assert done.canonical == b"".join(len(field).to_bytes(4, "big") + field for field in fields)
    assert done.leaf_hash == hashlib.sha256(b"\x00" + done.canonical).digest()
    with engine.connect() as connection:
        sql = f"SELECT subject_id, leaf_hash FROM unsealed WHERE ledger_id = {ledger_id}"
        rows = [(bytes(getattr(own, "bytes", own)), bytes(leaf)) for own, leaf in connection.execute(text(sql))]
    assert (done.id.bytes, done.leaf_hash) in rows


def test_a_posting_into_a_closed_day_is_refused_for_ever(book: Ledger) -> None:
    close(book)
    for day in (LAST, LAST - 30 * DAY):
        for replayed in (False, True):
            with pytest.raises(errors.PeriodClosed) as refusal:
                backdate(book, 5, day, key=f"late {day}")
            assert refusal.value.replayed is replayed
    backdate(book, 5, LAST + DAY, key="still open")
    assert available(book, ANNA) == 5
    assert book.verify().ok


def test_every_verb_keeps_out_of_a_closed_day(book: Ledger) -> None:
    earned = earn(book, ANNA, 90)
    held = book.hold(ANNA, UNIT, 10, expires_at=None, key="h", actor="p")
    close(book)
    verbs = {
        "hold": lambda key: book.hold(ANNA, UNIT, 1, expires_at=None, key=key, actor="p", effective=LAST),
        "capture": lambda key: book.capture(held.txn_id, SHOP, key=key, actor="p", effective=LAST),
        "release": lambda key: book.release(held.txn_id, key=key, actor="p", effective=LAST),
        "reverse": lambda key: book.reverse(earned.txn_id, key=key, actor="p", effective=LAST),
    }
    for name, verb in verbs.items():
        with pytest.raises(errors.PeriodClosed):
            verb(name)
    assert book.balance(ANNA, UNIT).held == 10


def test_in_a_batch_only_the_closed_day_is_refused(book: Ledger) -> None:
    close(book)
    batch = [("a", txn(ISSUANCE, ANNA, 1, effective=LAST)), ("b", txn(ISSUANCE, ANNA, 2))]
    assert [type(answer).__name__ for answer in book.post_many(batch)] == ["Rejection", "Receipt"]
    with pytest.raises(errors.PeriodClosed):
        book.post_many([("c", batch[1][1]), ("d", batch[0][1])], atomic=True)
    assert available(book, ANNA) == 2


@pytest.mark.parametrize("day", [TODAY - DAY, TODAY, TODAY + DAY])
def test_today_and_yesterday_cannot_be_closed(book: Ledger, day: date) -> None:
    with pytest.raises(errors.InvalidTxn):
        close(book, day)
    assert book.closes() == []


def test_yesterday_is_what_the_ledgers_zone_calls_it(
    book: Ledger, engine: Engine, ledger_id: int, clock: Clock
) -> None:
    clock.move(hours=12)  # tomorrow in Shanghai
    with pytest.raises(errors.InvalidTxn):
        close(book, LAST + DAY)
    close(Ledger(engine, ledger_id, clock, zone=ZoneInfo("Asia/Shanghai")), LAST + DAY)


def test_the_same_close_again_is_the_same_answer(book: Ledger) -> None:
    first = close(book)
    again = close(book)
    assert (again.id, again.digest, again.recorded_at) == (first.id, first.digest, first.recorded_at)
    assert (first.replayed, again.replayed) == (False, True)
    with pytest.raises(errors.PeriodClosed):
        close(book, actor="p:other")
    assert len(book.closes()) == 1


def test_closes_never_go_backwards(book: Ledger) -> None:
    older = close(book, LAST - 9 * DAY)
    newer = close(book, LAST)
    with pytest.raises(errors.PeriodClosed):
        close(book, LAST - DAY)
    assert close(book, LAST - 9 * DAY).id == older.id
    assert [one.id for one in book.closes()] == [newer.id, older.id]
    assert [one.id for one in book.closes(1)] == [newer.id]
    assert book.verify().ok


def test_a_close_inside_a_session_ends_with_it(book: Ledger, engine: Engine) -> None:
    with Session(engine) as session:
        book.close_period(LAST, actor="p", session=session)
        session.rollback()
    assert book.closes() == []
    backdate(book, 5, LAST, key="k")


def test_a_book_without_accounts_can_be_closed(engine: Engine, ledger_id: int, clock: Clock) -> None:
    new = Ledger(engine, ledger_id + 1, clock)
    assert close(new).accounts == 0
    assert new.verify().ok


def test_another_ledgers_close_is_its_own(book: Ledger, engine: Engine, ledger_id: int, clock: Clock) -> None:
    close(Ledger(engine, ledger_id + 1, clock))
    backdate(book, 5, LAST, key="k")
    assert book.closes() == []


@pytest.mark.parametrize("wrong", [{"through": "2026-02-01"}, {"actor": ""}, {"actor": None}])
def test_a_malformed_close_is_refused(book: Ledger, wrong) -> None:
    with pytest.raises(errors.InvalidTxn):
        book.close_period(**{"through": LAST, "actor": "p", **wrong})


@pytest.mark.parametrize("limit", [0, 501, True, "1"])
def test_a_list_of_closes_has_a_sensible_length(book: Ledger, limit) -> None:
    with pytest.raises(errors.InvalidTxn):
        book.closes(limit)


def test_a_close_comes_after_all_it_counts_even_if_its_clock_lags(
    book: Ledger, engine: Engine, ledger_id: int, clock: Clock
) -> None:
    posted = backdate(book, 5, LAST - DAY, key="k")
    behind = Clock()
    behind.move(hours=-3)
    done = close(Ledger(engine, ledger_id, behind), LAST - DAY)
    assert done.recorded_at > posted.recorded_at
    assert book.verify().ok


def test_the_past_is_the_same_with_and_without_closes(book: Ledger, clock: Clock) -> None:
    live_a_little(book)
    days = [TODAY + number * DAY for number in range(-1, 6)]
    for number, day in enumerate(days):
        backdate(book, 1 + number, day, key=f"k{number}")
    clock.move(days=9)
    before = [book.trial_balance(day) for day in days]
    known = [book.balance(ANNA, UNIT, as_of=day, known_at=clock.now) for day in days]
    for day in days[1::2]:
        clock.move(seconds=1)
        close(book, day)
    clock.move(seconds=1)
    assert [book.trial_balance(day) for day in days] == before
    assert [book.balance(ANNA, UNIT, as_of=day, known_at=clock.now) for day in days] == known
    assert book.verify().ok


@pytest.mark.parametrize(
    "wrong",
    [
        "UPDATE closing SET cr = cr + 1 WHERE ledger_id = {ledger_id}",
        "DELETE FROM closing WHERE ledger_id = {ledger_id}",
        "UPDATE period SET closed_through = '2020-01-01' WHERE ledger_id = {ledger_id}",
        "UPDATE period SET closed_through = NULL WHERE ledger_id = {ledger_id}",
    ],
)
def test_wrong_closings_are_named_and_made_anew(book: Ledger, engine: Engine, ledger_id: int, wrong: str) -> None:
    backdate(book, 60, LAST, key="in")
    close(book)
    with engine.begin() as connection:
        assert connection.execute(text(wrong.format(ledger_id=ledger_id))).rowcount > 0
    assert not book.verify().ok
    assert book.rebuild()["closing"] > 0
    assert book.verify().ok
    assert book.rebuild() == dict.fromkeys(book.rebuild(), 0)
