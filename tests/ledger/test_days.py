"""What an account had on a day, and what the book knew of it at a moment."""

from __future__ import annotations

import io
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from ledger import Ledger, Transfer, Txn, errors
from ledger.past import digest
from ledger.running import writer
from ledger.wire import Wire
from tests.ledger.builders import ANNA, BORIS, ISSUANCE, SHOP, TODAY, UNIT, Clock, earn, live_a_little, pay, txn

DAY = timedelta(days=1)


def at(book: Ledger, path: str, as_of: date | None = None, known_at: datetime | None = None) -> int:
    return book.balance(path, UNIT, as_of=as_of, known_at=known_at).available


def backdate(book: Ledger, path: str, amount: int, days: int, *, key: str) -> Any:
    return book.post(txn(ISSUANCE, path, amount, effective=TODAY - days * DAY), key=key)


@pytest.fixture
def told(book: Ledger, clock: Clock) -> tuple[Ledger, dict[str, datetime]]:
    """Anna earned 100 five days ago and was told of 20 more, two days later, for four days ago."""
    first = backdate(book, ANNA, 100, 5, key="a")
    clock.move(days=1)
    second = backdate(book, ANNA, 20, 4, key="b")
    clock.move(days=1)
    third = backdate(book, ANNA, 3, 5, key="c")
    return book, {"a": first.recorded_at, "b": second.recorded_at, "c": third.recorded_at}


@pytest.mark.parametrize("path", [ANNA, ISSUANCE])
def test_a_past_day_counts_what_is_effective_by_then_whenever_it_was_recorded(told: Any, path: str) -> None:
    book, _ = told
    sign = 1 if path == ANNA else -1
    found = [at(book, path, TODAY - days * DAY) for days in (6, 5, 4, 0, -40)]
    assert found == [0, sign * 103, sign * 123, sign * 123, sign * 123]


@pytest.mark.parametrize("path", [ANNA, ISSUANCE])
def test_a_past_moment_counts_what_was_recorded_by_then_whatever_its_day(told: Any, path: str) -> None:
    book, moments = told
    sign = 1 if path == ANNA else -1
    instant = timedelta(microseconds=1)
    found = [at(book, path, None, moments[key]) for key in "abc"]
    assert found == [sign * 100, sign * 120, sign * 123]
    before = [at(book, path, None, moments[key] - instant) for key in "abc"]
    assert before == [0, sign * 100, sign * 120]


@pytest.mark.parametrize("path", [ANNA, ISSUANCE])
def test_both_axes_count_what_was_known_by_then_of_that_day(told: Any, path: str) -> None:
    book, moments = told
    sign = 1 if path == ANNA else -1
    day = TODAY - 5 * DAY
    assert [at(book, path, day, moments[key]) for key in "abc"] == [sign * 100, sign * 100, sign * 103]
    assert [at(book, path, day + DAY, moments[key]) for key in "abc"] == [sign * 100, sign * 120, sign * 123]


@pytest.mark.parametrize("path", [ANNA, ISSUANCE])
def test_seq_counts_the_entries_known_at_the_moment(told: Any, path: str) -> None:
    book, moments = told
    assert [book.balance(path, UNIT, known_at=moments[key]).seq for key in "abc"] == [1, 2, 3]
    assert book.balance(path, UNIT, as_of=TODAY - 9 * DAY).seq == 3


def test_what_is_held_is_what_the_sub_account_had_then(book: Ledger, clock: Clock) -> None:
    earn(book, ANNA, 100)
    start = clock.move(days=1)
    held = book.hold(ANNA, UNIT, 40, expires_at=None, key="h", actor="p")
    clock.move(days=1)
    book.capture(held.txn_id, SHOP, 30, key="c", actor="p")
    for which in ("as_of", "known_at"):
        found = []
        for days in range(3):
            when = {"as_of": TODAY + days * DAY, "known_at": start + (days - 1) * DAY + timedelta(hours=1)}
            one = book.balance(ANNA, UNIT, **{which: when[which]})
            found.append((one.available, one.held, one.posted))
        assert found == [(100, 0, 100), (60, 40, 100), (70, 0, 70)]


def test_many_transfers_between_two_accounts_are_known_together(book: Ledger) -> None:
    moves = [Transfer(ISSUANCE, ANNA, UNIT, amount) for amount in (1, 2, 4)]
    posted = book.post(Txn("credit", moves, TODAY, "p"), key="k")
    assert book.balance(ANNA, UNIT, known_at=posted.recorded_at).available == 7
    assert book.balance(ANNA, UNIT, known_at=posted.recorded_at - timedelta(microseconds=1)).available == 0


def test_a_shared_account_is_known_by_moments_not_by_the_order_of_its_commits(
    book: Ledger, engine: Engine, ledger_id: int, clock: Clock
) -> None:
    """On PostgreSQL a writer whose clock lags is numbered after, and recorded before, one that went first."""
    behind = Clock()
    lagging = Ledger(engine, ledger_id, behind)
    clock.move(seconds=10)
    posted = [earn(book, ANNA, 1, key="a"), earn(lagging, BORIS, 2, key="b")]
    behind.move(seconds=5)
    posted.append(earn(lagging, BORIS, 4, key="c"))
    for moment in (posted[1].recorded_at, behind.now, clock.now, posted[2].recorded_at):
        known = [one for one in posted if one.recorded_at <= moment]
        found = book.balance(ISSUANCE, UNIT, known_at=moment)
        assert (-found.available, found.seq) == (sum(one.transfers[0].amount for one in known), len(known))
        assert book.balance(ISSUANCE, UNIT, as_of=TODAY, known_at=moment).available == found.available


def test_a_session_sees_its_own_past(book: Ledger, engine: Engine) -> None:
    with Session(engine) as session:
        book.post(txn(ISSUANCE, ANNA, 9, effective=TODAY - 3 * DAY), key="k", session=session)
        assert book.balance(ANNA, UNIT, as_of=TODAY - 3 * DAY, session=session).available == 9
        assert len(book.trial_balance(TODAY, session=session).rows) == 2
    assert at(book, ANNA, TODAY) == 0


@pytest.mark.parametrize(
    ("as_of", "known_at"),
    [
        (datetime(2026, 3, 2, tzinfo=UTC), None),
        ("2026-03-02", None),
        (date(1, 1, 1), None),
        (None, datetime(2026, 3, 2)),  # noqa: DTZ001 -- what is refused
    ],
)
def test_a_day_that_is_no_day_and_a_moment_without_a_zone_are_refused(book: Ledger, as_of: Any, known_at: Any) -> None:
    with pytest.raises(errors.InvalidTxn):
        book.balance(ANNA, UNIT, as_of=as_of, known_at=known_at)
    with pytest.raises(errors.InvalidTxn):
        book.trial_balance(as_of, known_at)


def test_an_unknown_account_has_no_past(book: Ledger) -> None:
    with pytest.raises(errors.UnknownAccount):
        book.balance("member:ghost", UNIT, as_of=TODAY)
    with pytest.raises(errors.UnitMismatch):
        book.balance(ANNA, "PTS", as_of=TODAY)


def test_a_day_more_than_a_month_ahead_is_taken_for_a_slip(book: Ledger) -> None:
    book.post(txn(ISSUANCE, ANNA, 1, effective=TODAY + 31 * DAY), key="far")
    slip = txn(ISSUANCE, ANNA, 1, effective=TODAY + 32 * DAY)
    with pytest.raises(errors.InvalidTxn, match="31 days ahead"):
        book.post(slip, key="slip")
    with pytest.raises(errors.InvalidTxn):
        book.hold(ANNA, UNIT, 1, expires_at=None, key="hold", actor="p", effective=slip.effective)
    answers = book.post_many([("slip", slip), ("next", txn(ISSUANCE, ANNA, 1))])
    assert [type(answer).__name__ for answer in answers] == ["Rejection", "Receipt"]
    with pytest.raises(errors.InvalidTxn):
        book.post_many([("all", txn(ISSUANCE, ANNA, 1)), ("slip", slip)], atomic=True)
    earn(book, ANNA, 1, key="slip")  # nothing was remembered


def test_today_is_what_the_ledgers_zone_calls_it(engine: Engine, ledger_id: int, book: Ledger, clock: Clock) -> None:
    clock.move(hours=12)  # 21:00 in UTC, tomorrow in Shanghai
    there = Ledger(engine, ledger_id, clock, zone=ZoneInfo("Asia/Shanghai"))
    edge = txn(ISSUANCE, ANNA, 1, effective=TODAY + 32 * DAY)
    there.post(edge, key="k")
    with pytest.raises(errors.InvalidTxn):
        book.post(edge, key="other")


def test_a_trial_balance_lists_every_account_that_moved(book: Ledger) -> None:
    earn(book, ANNA, 120)
    pay(book, ANNA, SHOP, 30, key="p")
    found = book.trial_balance()
    assert [(row.path, row.unit, row.debits, row.credits, row.balance) for row in found.rows] == [
        (ISSUANCE, UNIT, 120, 0, -120),
        (ANNA, UNIT, 30, 120, 90),
        (SHOP, UNIT, 0, 30, 30),
    ]
    assert found.totals == {UNIT: (150, 150)}
    assert book.trial_balance(TODAY - DAY).rows == ()


def test_the_digest_of_a_trial_balance_is_written_down(engine: Engine) -> None:
    """The layout is published (docs/decisions/ledger-time.md): another program must come to the same bytes."""
    import hashlib

    fields = ["1", "trial", "7", "2026-03-02", "1", ANNA, UNIT, "30", "120"]
    raw = b"".join(len(field).to_bytes(4, "big") + field.encode() for field in fields)
    from ledger import TrialRow

    assert digest(7, TODAY, [TrialRow(ANNA, UNIT, 30, 120)]) == hashlib.sha256(raw).digest()


def test_a_trial_balance_known_then_leaves_out_what_came_later(told: Any) -> None:
    book, moments = told
    day = TODAY - 4 * DAY
    known = {key: book.trial_balance(day, moments[key]) for key in "abc"}
    assert [known[key].rows[1].balance for key in "abc"] == [100, 120, 123]
    assert known["c"].digest == book.trial_balance(day).digest
    assert known["a"].digest != known["b"].digest
    assert all(debits == credits for one in known.values() for debits, credits in one.totals.values())


def test_late_transactions_are_the_difference_between_then_and_now(told: Any) -> None:
    book, moments = told
    day = TODAY - 4 * DAY
    found = book.late(day, moments["a"]).items
    assert [(one.transfers[0].amount, one.effective_date, one.kind) for one in found] == [
        (3, TODAY - 5 * DAY, "credit"),
        (20, day, "credit"),
    ]
    assert [one.transfers[0].amount for one in book.late(day - DAY, moments["a"]).items] == [3]
    assert book.late(day, moments["c"]).items == ()


def test_late_transactions_come_in_pages(told: Any) -> None:
    book, moments = told
    first = book.late(TODAY, moments["a"], limit=1)
    second = book.late(TODAY, moments["a"], limit=1, cursor=first.next)
    assert [page.items[0].transfers[0].amount for page in (first, second)] == [3, 20]
    assert second.next is None
    for wrong in ({"limit": 0}, {"limit": 201}, {"cursor": "x"}):
        with pytest.raises(errors.InvalidTxn):
            book.late(TODAY, moments["a"], **wrong)


def test_what_waits_in_the_queue_of_a_lazy_account_counts_for_its_day(
    book: Ledger, engine: Engine, ledger_id: int
) -> None:
    posted = backdate(book, ANNA, 50, 3, key="k")
    with writer(engine).begin() as connection:
        wire = Wire(connection)
        own_id = wire.rows("SELECT id FROM account WHERE ledger_id = ? AND path = ?", (ledger_id, ISSUANCE))[0][0]
        row = (ledger_id, own_id, wire.uuid_in(posted.txn_id), 1, -7, wire.day_in(TODAY - 2 * DAY), wire.us_in(0))
        wire.run("INSERT INTO unprojected VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    assert [at(book, ISSUANCE, TODAY - days * DAY) for days in (4, 3, 2)] == [0, -50, -57]


def test_the_trial_balance_agrees_with_the_exported_days(book: Ledger, clock: Clock) -> None:
    live_a_little(book)
    for days in (9, 4, 2):
        backdate(book, ANNA, days, days, key=f"k{days}")
        backdate(book, BORIS, days + 1, days, key=f"b{days}")
    out = io.StringIO()
    book.export("hledger", out)
    asserted = re.findall(r"(?m)^(\S+) \* day end\n((?:    .*\n)+)", out.getvalue())
    assert len(asserted) == 4
    for day, lines in asserted:
        rows = {(row.path, row.unit): row.balance for row in book.trial_balance(date.fromisoformat(day)).rows}
        for path, balance, unit in re.findall(r"    (\S+)  0 \S+ = (-?\d+) (\S+)\n", lines):
            assert rows[path, unit] == int(balance)


def test_an_agreed_past_is_the_same_by_every_way_of_asking(book: Ledger, clock: Clock) -> None:
    """Balances one by one and trial balances are read by different statements."""
    moments = []
    for number in range(12):
        path = (ANNA, BORIS, SHOP)[number % 3]
        moments.append(backdate(book, path, 1 << number, number % 5, key=f"k{number}").recorded_at)
        clock.move(hours=5)
    for days in range(-1, 6):
        for moment in [None, *moments]:
            day = TODAY - days * DAY
            rows = {row.path: row.balance for row in book.trial_balance(day, moment).rows}
            for path in (ISSUANCE, ANNA, BORIS, SHOP):
                assert at(book, path, day, moment) == rows.get(path, 0)
