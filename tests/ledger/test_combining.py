"""Many callers at once: each gets its own answer, as if it had come alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from ledger import Ledger, Receipt, Rejection, combining, errors
from ledger.combining import Batch, Call, Combiner, combiner_of
from tests.ledger.builders import ANNA, BORIS, ISSUANCE, SHOP, UNIT, Clock, available, earn, open_chart, pay, txn

LONGEST_S = 30


class Crowd:
    """Callers who are kept waiting until all of them are in line, so that one transaction serves them."""

    def __init__(self, engine: Engine) -> None:
        self.line: Combiner = combiner_of(engine)
        self.threads: list[threading.Thread] = []
        self.answers: list[Any] = []

    def ask(self, *verbs: Callable[[], Any]) -> list[Any]:
        """Let a leader work while the verbs line up in order; return their answers or what they raised."""
        self.answers = [None] * len(verbs)
        assert self.line._line_up(Call(0, (), lambda _desk: (), Clock(), None)).leads  # type: ignore[arg-type]
        for place, verb in enumerate(verbs):
            self.threads.append(threading.Thread(target=self._call, args=(place, verb)))
            self.threads[-1].start()
            self.wait_for(place + 1)
        self.line._hand_on()
        return self.results()

    def wait_for(self, number: int) -> None:
        until = threading.Event()
        for _ in range(LONGEST_S * 1_000):
            if len(self.line._waiting) == number:
                return
            until.wait(0.001)
        raise AssertionError(f"{len(self.line._waiting)} wait, not {number}")

    def results(self) -> list[Any]:
        for thread in self.threads:
            thread.join(LONGEST_S)
            assert not thread.is_alive()
        assert not self.line._is_led
        return self.answers

    def _call(self, place: int, verb: Callable[[], Any]) -> None:
        try:
            self.answers[place] = verb()
        except BaseException as error:  # noqa: BLE001 -- what a caller sees is the test's subject
            self.answers[place] = error


@pytest.fixture
def crowd(engine: Engine) -> Crowd:
    return Crowd(engine)


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many calls each shared transaction tried to serve."""
    sizes: list[int] = []
    plain = combining._together

    def together(engine: Engine, wire: Any, calls: Sequence[Call], locks_all: bool) -> Any:
        sizes.append(len(calls))
        return plain(engine, wire, calls, locks_all)

    monkeypatch.setattr(combining, "_together", together)
    return sizes


def outcomes(answers: Sequence[Any]) -> list[str]:
    return ["posted" if isinstance(a, Receipt) else getattr(a, "code", repr(a)) for a in answers]


def test_those_who_wait_share_one_transaction(book: Ledger, crowd: Crowd, shared: list[int]) -> None:
    answers = crowd.ask(*(lambda n=n: earn(book, ANNA, n, key=f"k{n}") for n in range(1, 11)))  # type: ignore[misc]
    assert [receipt.transfers[0].amount for receipt in answers] == list(range(1, 11))
    assert shared == [10]
    assert (available(book, ANNA), book.balance(ANNA, UNIT).seq) == (55, 10)
    assert book.verify().ok


def test_every_verb_joins_and_gets_its_own_verdict(book: Ledger, crowd: Crowd, shared: list[int]) -> None:
    first = earn(book, ANNA, 100)
    held = [book.hold(ANNA, UNIT, 10, expires_at=None, key=f"h{n}", actor="p") for n in range(2)]
    answers = crowd.ask(
        lambda: pay(book, ANNA, BORIS, 20, key="pay"),
        lambda: pay(book, BORIS, SHOP, 1_000, key="too much"),
        lambda: pay(book, ANNA, "member:nobody", 1, key="nobody"),
        lambda: book.post_many([("m1", txn(ISSUANCE, BORIS, 3)), ("m2", txn(BORIS, ANNA, 900))]),
        lambda: book.hold(ANNA, UNIT, 5, expires_at=None, key="h", actor="p"),
        lambda: book.capture(held[0].txn_id, SHOP, 4, key="c", actor="p"),
        lambda: book.release(held[1].txn_id, key="r", actor="p"),
        lambda: book.reverse(first.txn_id, key="v", actor="p"),
        lambda: earn(book, ANNA, 101),
    )
    assert shared == [9]
    batch = answers.pop(3)
    assert isinstance(batch[0], Receipt)
    assert isinstance(batch[1], Rejection)
    assert outcomes(answers) == [
        "posted", "insufficient_funds", "unknown_account", "posted", "posted", "posted", "insufficient_funds",
        "idempotency_conflict",
    ]  # fmt: skip
    assert (available(book, ANNA), available(book, BORIS), available(book, SHOP)) == (71, 23, 4)
    assert book.verify().ok


def test_a_refusal_is_remembered_as_if_it_had_come_alone(book: Ledger, crowd: Crowd) -> None:
    answers = crowd.ask(lambda: pay(book, ANNA, BORIS, 5, key="a"), lambda: earn(book, ANNA, 5, key="b"))
    assert outcomes(answers) == ["insufficient_funds", "posted"]
    with pytest.raises(errors.InsufficientFunds) as again:
        pay(book, ANNA, BORIS, 5, key="a")
    assert again.value.replayed


def test_the_order_of_the_line_is_the_order_of_the_book(book: Ledger, crowd: Crowd) -> None:
    answers = crowd.ask(
        lambda: earn(book, ANNA, 5, key="a"),
        lambda: pay(book, ANNA, BORIS, 5, key="b"),
        lambda: pay(book, BORIS, SHOP, 5, key="c"),
        lambda: pay(book, ANNA, BORIS, 1, key="d"),
    )
    assert outcomes(answers) == ["posted", "posted", "posted", "insufficient_funds"]


def test_twins_in_line_happen_once(book: Ledger, crowd: Crowd, shared: list[int]) -> None:
    """The second of two waits for the next transaction, where the first one's answer is on record."""
    answers = crowd.ask(*[lambda: earn(book, ANNA, 7, key="twin")] * 4)
    assert sorted(receipt.replayed for receipt in answers) == [False, True, True, True]
    assert len({receipt.txn_id for receipt in answers}) == 1
    assert available(book, ANNA) == 7
    assert shared == []


def test_a_key_with_another_body_is_a_conflict_in_line_too(book: Ledger, crowd: Crowd) -> None:
    answers = crowd.ask(lambda: earn(book, ANNA, 7, key="k"), lambda: earn(book, ANNA, 8, key="k"))
    assert outcomes(answers) == ["posted", "idempotency_conflict"]


def test_a_hold_is_resolved_once_by_those_who_wait_together(book: Ledger, crowd: Crowd, shared: list[int]) -> None:
    earn(book, ANNA, 50)
    held = book.hold(ANNA, UNIT, 10, expires_at=None, key="h", actor="p")
    answers = crowd.ask(
        lambda: book.capture(held.txn_id, SHOP, key="c", actor="p"),
        lambda: book.release(held.txn_id, key="r", actor="p"),
        lambda: book.capture(held.txn_id, BORIS, key="c2", actor="p"),
    )
    assert outcomes(answers) == ["posted", "hold_resolved", "hold_resolved"]
    assert shared == [3]


def test_a_transaction_is_reversed_once_by_those_who_wait_together(book: Ledger, crowd: Crowd) -> None:
    posted = earn(book, ANNA, 50)
    earn(book, ANNA, 50, key="plenty")
    answers = crowd.ask(*(lambda n=n: book.reverse(posted.txn_id, key=f"r{n}", actor="p") for n in range(3)))  # type: ignore[misc]
    assert outcomes(answers) == ["posted", "already_reversed", "already_reversed"]


def test_an_atomic_batch_goes_alone_and_all_of_it_or_nothing(book: Ledger, crowd: Crowd) -> None:
    batch = [("m1", txn(ISSUANCE, BORIS, 3)), ("m2", txn(BORIS, ANNA, 900))]
    answers = crowd.ask(lambda: earn(book, ANNA, 1, key="a"), lambda: earn(book, ANNA, 1, key="b"))
    assert outcomes(answers) == ["posted", "posted"]
    with pytest.raises(errors.InsufficientFunds):
        book.post_many(batch, atomic=True)
    assert available(book, BORIS) == 0


def test_books_with_other_clocks_do_not_share_a_moment(engine: Engine, ledger_id: int, crowd: Crowd) -> None:
    early, late = Clock(), Clock()
    late.move(days=30)
    books = [Ledger(engine, ledger_id, early), Ledger(engine, ledger_id, late), Ledger(engine, ledger_id + 1, late)]
    open_chart(books[0])
    open_chart(Ledger(engine, ledger_id + 1, early))
    answers = crowd.ask(*(lambda n=n: earn(books[n], [ANNA, BORIS, ANNA][n], 1, key=f"{n}") for n in range(3)))  # type: ignore[misc]
    assert [receipt.recorded_at >= late.now - timedelta(seconds=1) for receipt in answers] == [False, True, True]
    assert all(one.verify().ok for one in books)


def test_a_bug_in_one_request_fails_nobody_else(
    book: Ledger, crowd: Crowd, shared: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A neighbour that breaks the whole transaction: each is tried alone, and only that one fails."""
    from ledger import requests

    plain = requests.make

    def make(asked: Any, kind: str, legs: Any, **more: Any) -> Any:
        return plain(asked, kind, legs, **more) if asked.key != "poison" else 1 // 0

    monkeypatch.setattr(requests, "make", make)
    answers = crowd.ask(*(lambda key=key: earn(book, ANNA, 1, key=key) for key in ("a", "poison", "b")))  # type: ignore[misc]
    assert outcomes(answers)[::2] == ["posted", "posted"]
    assert isinstance(answers[1], ZeroDivisionError)
    assert shared == [3]
    assert available(book, ANNA) == 2


def test_a_database_error_of_one_request_fails_nobody_else(
    book: Ledger, crowd: Crowd, shared: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ledger import posting

    plain = posting.decide

    def decide(wire: Any, books: Any, plan: Any) -> Any:
        verdict = plain(wire, books, plan)
        if plan.key == "poison":
            object.__setattr__(verdict, "recorded_at", "no moment")
        return verdict

    monkeypatch.setattr(posting, "decide", decide)
    answers = crowd.ask(*(lambda key=key: earn(book, ANNA, 1, key=key) for key in ("a", "poison", "b")))  # type: ignore[misc]
    assert outcomes(answers)[::2] == ["posted", "posted"]
    assert not isinstance(answers[1], Receipt)
    assert available(book, ANNA) == 2
    assert book.verify().ok


def test_a_leader_that_is_killed_leaves_nobody_waiting(
    book: Ledger, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def together(*_args: Any) -> Any:
        raise Killed

    monkeypatch.setattr(combining, "_together", together)
    answers = crowd.ask(*(lambda n=n: earn(book, ANNA, 1, key=f"k{n}") for n in range(5)))  # type: ignore[misc]
    assert isinstance(answers[0], Killed)
    assert outcomes(answers[1:]) == ["posted"] * 4
    assert available(book, ANNA) == 4
    assert outcomes([earn(book, ANNA, 1, key="after")]) == ["posted"]


def test_a_waiting_caller_that_is_interrupted_leaves_the_line(book: Ledger, engine: Engine, crowd: Crowd) -> None:
    class Interrupted(BaseException):
        pass

    class Turn:
        def acquire(self) -> None:
            raise Interrupted

    line, call = crowd.line, Call(0, (), lambda _desk: (), Clock(), None)  # type: ignore[arg-type]
    assert line._line_up(call).leads
    ticket = line._line_up(call)
    ticket.turn = Turn()  # type: ignore[assignment]
    with pytest.raises(Interrupted):
        line._wait(ticket)
    assert not line._waiting
    line._hand_on()
    assert outcomes([earn(book, ANNA, 1)]) == ["posted"]


def test_a_caller_that_is_interrupted_when_the_lead_came_hands_it_on(crowd: Crowd) -> None:
    class Interrupted(BaseException):
        pass

    class Turn:
        def release(self) -> None:
            pass

        def acquire(self) -> None:
            crowd.line._hand_on()  # the leader before is done at this very moment
            raise Interrupted

    line, call = crowd.line, Call(0, (), lambda _desk: (), Clock(), None)  # type: ignore[arg-type]
    assert line._line_up(call).leads
    ticket = line._line_up(call)
    ticket.turn = Turn()  # type: ignore[assignment]
    with pytest.raises(Interrupted):
        line._wait(ticket)
    assert not line._is_led


def test_the_lead_goes_to_who_waits_longest_after_one_transaction(
    book: Ledger, crowd: Crowd, shared: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody works for the others longer than one transaction, and a bounded one."""
    monkeypatch.setattr(combining, "MOST_TOGETHER", 4)
    answers = crowd.ask(*(lambda n=n: earn(book, ANNA, 1, key=f"k{n}") for n in range(10)))  # type: ignore[misc]
    assert outcomes(answers) == ["posted"] * 10
    assert shared == [4, 4, 2]
    recorded = [receipt.recorded_at for receipt in answers]
    assert recorded == sorted(recorded)


def test_a_batch_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(combining, "MOST_TOGETHER", 3)
    clock = Clock()
    calls = [Call(1, keys, lambda _desk: (), clock, None) for keys in (("a",), ("b", "c"), ("d",))]  # type: ignore[arg-type]
    batch = Batch(calls[0])
    assert batch.add(calls[1])
    assert not batch.add(calls[2])


def test_a_single_caller_goes_straight_through(book: Ledger, shared: list[int]) -> None:
    before = threading.active_count()
    for number in range(5):
        earn(book, ANNA, 1, key=f"k{number}")
    assert (shared, threading.active_count()) == ([], before)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_thread_that_writes_elsewhere_is_told_so_even_in_line(book: Ledger, engine: Engine, crowd: Crowd) -> None:
    assert crowd.line._line_up(Call(0, (), lambda _desk: (), Clock(), None)).leads  # type: ignore[arg-type]
    with Session(engine) as session:
        earn(book, ANNA, 60, session=session)
        with pytest.raises(RuntimeError, match="pass session="):
            earn(book, ANNA, 5, key="other")
    crowd.line._hand_on()


@pytest.fixture
def stranger(engine: Engine, book: Ledger) -> Iterator[Session]:
    """Somebody else's open transaction that has locked Anna's account."""
    with Session(engine) as session:
        earn(book, ANNA, 5, key="stranger", session=session)
        yield session


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_an_account_that_a_stranger_holds_delays_nobody_else(
    book: Ledger, crowd: Crowd, stranger: Session, shared: list[int]
) -> None:
    book.open_account("member:carla", UNIT, kind="member", min_balance=None)
    done = threading.Event()

    def touch_anna() -> Receipt:
        try:
            return pay(book, "member:carla", ANNA, 1, key="a")
        finally:
            assert done.is_set()

    def be_served() -> Receipt:
        receipt = pay(book, "member:carla", BORIS, 1, key="b")
        done.set()
        stranger.commit()
        return receipt

    assert outcomes(crowd.ask(touch_anna, be_served)) == ["posted", "posted"]
    assert set(shared) == {2}
    assert book.verify().ok


@pytest.mark.parametrize("callers", [8, 32])
def test_a_crowd_at_work_leaves_a_clean_book(book: Ledger, callers: int) -> None:
    """Everybody earns, pays and repeats requests at once; every coin is accounted for."""
    told: list[str] = []

    def live(who: int) -> None:
        for number in range(6):
            earn(book, ANNA, 3, key=f"e{who}:{number}")
            for _ in range(2):
                try:
                    pay(book, ANNA, BORIS, 4, key=f"p{who}:{number}")
                    told.append("posted")
                except errors.InsufficientFunds:
                    told.append("refused")

    threads = [threading.Thread(target=live, args=(who,)) for who in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(told) == callers * 12
    assert available(book, BORIS) == told.count("posted") // 2 * 4
    assert available(book, ANNA) == callers * 18 - available(book, BORIS)
    assert book.verify().ok


def test_what_one_caller_holds_counts_against_the_next_ones_room(book: Ledger, crowd: Crowd, shared: list[int]) -> None:
    book.open_account("member:carla", UNIT, kind="member", max_balance=100)
    earn(book, "member:carla", 60)
    first = book.hold("member:carla", UNIT, 1, expires_at=None, key="opens its account", actor="p")
    book.release(first.txn_id, key="released", actor="p")
    answers = crowd.ask(
        lambda: book.hold("member:carla", UNIT, 40, expires_at=None, key="hold", actor="p"),
        lambda: earn(book, "member:carla", 41, key="too much"),
        lambda: earn(book, "member:carla", 40, key="full"),
    )
    assert (outcomes(answers), shared) == (["posted", "limit_exceeded", "posted"], [3])
