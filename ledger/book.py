"""The public face of the book: one class, a dozen verbs."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, tzinfo
from functools import partial
from typing import Literal, TypeVar

from sqlalchemy import Engine

from ledger import accounts, grammar, past, periods, reading, requests
from ledger.accounts import Directory, Terms, directory_of
from ledger.care import Care
from ledger.combining import Call, perform
from ledger.days import Days
from ledger.errors import InvalidTxn, LedgerError
from ledger.expiring import LotVerbs
from ledger.notes import Signer
from ledger.plans import Plan
from ledger.posting import Outcome
from ledger.proving import LogVerbs
from ledger.requests import Desk, Posting, Request
from ledger.running import AnySession, read, run
from ledger.values import Account, Balance, Page, Receipt, Rejection, Transaction, Txn
from ledger.wire import Wire, to_us

T = TypeVar("T")


def utc_now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


class Ledger(Days, LotVerbs, LogVerbs, Care):
    """One community's book. Cheap to make; safe to share between threads.

    Every verb that posts takes an idempotency `key` (1-200 characters): the same key and body get the same
    answer for ever, another body is IdempotencyConflict. Without a `session` a verb commits by itself and
    retries; inside one it never commits, leaves the transaction usable when it refuses, and raises Retryable
    where the caller has to roll back and begin again. `zone` is where days begin: a verb told no effective date
    takes today, one told a day more than 31 days ahead is InvalidTxn, one told a closed day PeriodClosed.
    `signer` signs checkpoints and promises; without one the book keeps its log all the same.
    """

    def __init__(
        self,
        engine: Engine,
        ledger_id: int,
        clock: Callable[[], datetime] = utc_now,
        *,
        zone: tzinfo = UTC,
        signer: Signer | None = None,
    ) -> None:
        self._engine = engine
        self._ledger_id = ledger_id
        self._clock = clock
        self._zone = zone
        self._signer = signer
        self._directory: Directory = directory_of(engine)

    def open_account(
        self,
        path: str,
        unit: str,
        *,
        kind: str,
        mode: str = "strict",
        min_balance: int | None = 0,
        max_balance: int | None = None,
        is_shared: bool = False,
        session: AnySession | None = None,
    ) -> Account:
        """Open an account, or return the one opened with the same arguments; with others InvalidTxn.

        Bounds are of credits - debits, None is no bound. Shared accounts (shops) are locked last. A `lazy` account
        (issuance) has no bounds, freezes and holds; its movements wait for `project`, and no posting for another.
        """
        pair = (grammar.path(path), grammar.unit(unit))
        if path.endswith(grammar.HELD):
            raise InvalidTxn(f"{path} is opened by the first hold")
        terms = Terms(kind, mode, is_shared, min_balance, max_balance)
        accounts.check_terms(terms)
        return run(
            self._engine,
            lambda wire, _locks_all: accounts.open_account(wire, self._ledger_id, pair, terms, self._now_us()),
            session,
        )

    def account(self, path: str, unit: str, *, session: AnySession | None = None) -> Account | None:
        """Return an account as it was opened, None where nobody opened it."""
        pair = (grammar.path(path), grammar.unit(unit))
        return read(self._engine, lambda wire: accounts.opened(wire, self._ledger_id, pair), session)

    def freeze(self, path: str, unit: str, *, session: AnySession | None = None) -> None:
        """Refuse every movement on an account from now on; its holds can still be captured and released.

        InvalidTxn for a lazy account.
        """
        self._set_frozen(path, unit, True, session)

    def thaw(self, path: str, unit: str, *, session: AnySession | None = None) -> None:
        """Take a freeze back."""
        self._set_frozen(path, unit, False, session)

    def post(self, txn: Txn, *, key: str, session: AnySession | None = None) -> Receipt:
        """Post a transaction of 1 to 200 transfers, all of them or none.

        InsufficientFunds, LimitExceeded, AccountFrozen and PeriodClosed are this key's answer for ever;
        InvalidTxn, UnknownAccount, UnitMismatch and IdempotencyConflict are not remembered.
        """
        postings = [self._posting(key, txn)]
        return _receipt(self._post(postings, session, is_atomic=False)[0])

    def post_many(
        self,
        batch: Sequence[tuple[str, Txn]],
        *,
        atomic: bool = False,
        session: AnySession | None = None,
    ) -> list[Receipt | Rejection]:
        """Post up to 1,000 transactions together, in order, and answer each.

        A refused one does not stop the others. Atomic: the first refusal is raised and none is posted.
        """
        if len(batch) > grammar.MAX_BATCH:
            raise InvalidTxn(f"a batch has at most {grammar.MAX_BATCH} transactions")
        answers: dict[int, Outcome] = {}
        postings: dict[int, Posting] = {}
        for place, (key, txn) in enumerate(batch):
            try:
                postings[place] = self._posting(key, txn)
            except InvalidTxn as error:
                if atomic:
                    raise
                error.key = key
                answers[place] = error
        if postings:
            outcomes = self._post(list(postings.values()), session, is_atomic=atomic)
            answers.update(zip(postings, outcomes, strict=True))
        if atomic:
            for outcome in sorted(answers.items()):
                _receipt(outcome[1])
        return [_answer(batch[place][0], answers[place]) for place in range(len(batch))]

    def hold(
        self,
        path: str,
        unit: str,
        amount: int,
        *,
        expires_at: datetime | None,
        key: str,
        actor: str,
        memo: str | None = None,
        effective: date | None = None,
        session: AnySession | None = None,
    ) -> Receipt:
        """Set an amount aside, so that it cannot be spent, until it is captured or released.

        From `expires_at` on (None: never) it can only be released. InsufficientFunds, AccountFrozen.
        """
        owner = grammar.spendable_path(path)
        expires = None if expires_at is None else to_us(grammar.moment(expires_at))
        fields = (owner, grammar.unit(unit), grammar.amount(amount), expires)
        asked = self._dated(requests.request("hold", fields, key=key, actor=actor, memo=memo, effective=effective))
        return self._resolve(
            asked.key,
            lambda desk: requests.hold(desk, asked, owner, unit, amount, expires, self._now_us()),
            session,
            # The first hold opens its sub-account under the owner's lock, out of the order of the others.
            may_join=self._directory.get(self._ledger_id, (owner + grammar.HELD, unit)) is not None,
        )

    def capture(
        self,
        txn_id: uuid.UUID,
        to: str,
        amount: int | None = None,
        *,
        key: str,
        actor: str,
        memo: str | None = None,
        effective: date | None = None,
        session: AnySession | None = None,
    ) -> Receipt:
        """Pay a hold, or a part of it, to an account; the rest goes back to its owner at once.

        HoldExpired from `expires_at` on, HoldResolved the second time; InvalidTxn for more than was held.
        """
        paid = None if amount is None else grammar.amount(amount)
        fields = (requests.id_field(txn_id), grammar.spendable_path(to), paid)
        asked = self._dated(requests.request("capture", fields, key=key, actor=actor, memo=memo, effective=effective))
        return self._resolve(asked.key, lambda desk: requests.capture(desk, asked, txn_id, to, paid), session)

    def release(
        self,
        txn_id: uuid.UUID,
        *,
        key: str,
        actor: str,
        memo: str | None = None,
        effective: date | None = None,
        session: AnySession | None = None,
    ) -> Receipt:
        """Give a hold back to its owner, even after it expired or the account was frozen; HoldResolved."""
        fields = (requests.id_field(txn_id),)
        asked = self._dated(requests.request("release", fields, key=key, actor=actor, memo=memo, effective=effective))
        return self._resolve(asked.key, lambda desk: requests.release(desk, asked, txn_id), session)

    def reverse(
        self,
        txn_id: uuid.UUID,
        *,
        key: str,
        actor: str,
        memo: str | None = None,
        effective: date | None = None,
        shortfall: Literal["reject", "debt"] = "reject",
        session: AnySession | None = None,
    ) -> Receipt:
        """Post the mirror of a transaction; a reversal is itself reversed the same way, each only once.

        Where an account has spent what it must give back: InsufficientFunds, or with `debt` the rest goes
        on its `:debt` account, which has no floor. AlreadyReversed; InvalidTxn for a hold or a release.
        """
        if shortfall not in ("reject", "debt"):
            raise InvalidTxn(f"a shortfall is 'reject' or 'debt', not {shortfall!r}")
        fields = (requests.id_field(txn_id), shortfall)
        asked = self._dated(requests.request("reverse", fields, key=key, actor=actor, memo=memo, effective=effective))
        return self._resolve(
            asked.key,
            lambda desk: requests.reverse(desk, asked, txn_id, shortfall, self._now_us()),
            session,
            may_join=shortfall == "reject",  # what is short depends on what the neighbours spend
        )

    def balance(
        self,
        path: str,
        unit: str,
        *,
        as_of: date | None = None,
        known_at: datetime | None = None,
        session: AnySession | None = None,
    ) -> Balance:
        """Return what an account has, or had; UnknownAccount, UnitMismatch, InvalidTxn.

        `as_of` counts what is effective on or before a day, `known_at` what was recorded by a moment, both together
        what was known by then of that day. `held` is what the `:held` sub-account had by the same measure, and
        `posted` is both. `seq` counts the entries known at `known_at`, whatever day they are effective on.
        """
        if as_of is None and known_at is None:
            return read(self._engine, lambda wire: reading.balance(wire, self._ledger_id, path, unit), session)
        return read(
            self._engine, lambda wire: past.balance(wire, self._ledger_id, path, unit, as_of, known_at), session
        )

    def balances(self, paths: Sequence[str], *, session: AnySession | None = None) -> dict[tuple[str, str], Balance]:
        """Return the balances of these paths by (path, unit) in one statement; unknown ones are left out."""
        return read(self._engine, lambda wire: reading.balances(wire, self._ledger_id, paths), session)

    def turnovers(
        self, paths: Sequence[str], since: date | None = None, *, session: AnySession | None = None
    ) -> dict[tuple[str, str], tuple[int, int]]:
        """Return (debits, credits) of these paths by (path, unit): ever, or on and after an effective day."""
        return read(self._engine, lambda wire: reading.turnovers(wire, self._ledger_id, paths, since), session)

    def followers(
        self, txn_ids: Sequence[uuid.UUID], *, session: AnySession | None = None
    ) -> dict[uuid.UUID, tuple[uuid.UUID, str]]:
        """Return the id and kind of what reversed or resolved each of these; the others are left out."""
        return read(self._engine, lambda wire: reading.followers(wire, self._ledger_id, txn_ids), session)

    def statement(
        self,
        path: str,
        unit: str,
        *,
        limit: int = 50,
        cursor: str | None = None,
        session: AnySession | None = None,
    ) -> Page:
        """Return a page of 1 to 500 entries, newest first; `cursor` is the `next` of the page before."""
        return read(
            self._engine,
            lambda wire: reading.statement(wire, self._ledger_id, path, unit, limit=limit, cursor=cursor),
            session,
        )

    def transaction(self, txn_id: uuid.UUID, *, session: AnySession | None = None) -> Transaction:
        """Return one transaction with its transfers, memo and links in both directions; UnknownTxn."""
        return read(self._engine, lambda wire: reading.transaction(wire, self._ledger_id, txn_id), session)

    def _now_us(self) -> int:
        return to_us(self._clock())

    def _posting(self, key: str, txn: Txn) -> Posting:
        posting = requests.posting(key, txn)
        self._dated(posting.request)
        return posting

    def _dated(self, asked: Request) -> Request:
        if asked.effective is not None:
            periods.check_ahead(asked.effective, periods.local_day(self._now_us(), self._zone))
        return asked

    def _set_frozen(self, path: str, unit: str, is_frozen: bool, session: AnySession | None) -> None:
        def work(wire: Wire, _locks_all: bool) -> None:
            account = Desk(wire, self._directory, self._ledger_id).account(path, unit)
            accounts.set_frozen(wire, self._ledger_id, account, is_frozen)

        run(self._engine, work, session)

    def _post(self, postings: Sequence[Posting], session: AnySession | None, *, is_atomic: bool) -> list[Outcome]:
        keys = tuple(posting.request.key for posting in postings)
        make = partial(requests.plans, postings=postings)
        may_join = not is_atomic
        call = Call(self._ledger_id, keys, make, self._clock, self._zone, is_atomic=is_atomic, may_join=may_join)
        return self._promised(perform(self._engine, call, session))

    def _resolve(
        self, key: str, make_plan: Callable[[Desk], Plan], session: AnySession | None, *, may_join: bool = True
    ) -> Receipt:
        one = (key,)
        call = Call(self._ledger_id, one, lambda desk: [make_plan(desk)], self._clock, self._zone, may_join=may_join)
        return _receipt(self._promised(perform(self._engine, call, session))[0])

    def _promised(self, outcomes: list[Outcome]) -> list[Outcome]:
        if self._signer is None:
            return outcomes
        return [replace(one, signer=self._signer) if isinstance(one, Receipt) else one for one in outcomes]


def _receipt(outcome: Outcome) -> Receipt:
    if isinstance(outcome, LedgerError):
        raise outcome
    return outcome


def _answer(key: str, outcome: Outcome) -> Receipt | Rejection:
    return Rejection(key, outcome) if isinstance(outcome, LedgerError) else outcome
