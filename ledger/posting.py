"""The one way anything is posted: find earlier answers, lock in order, decide in memory, write in sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import Any

from ledger import answers, periods
from ledger.accounts import AccountRef
from ledger.deciding import decide
from ledger.errors import IdempotencyConflict, LedgerError
from ledger.lot_rows import read_lots
from ledger.plans import Books, Plan, Posted, Slot
from ledger.values import Receipt
from ledger.wire import Id, Wire, us_out
from ledger.writing import SharedRefusal, write

Outcome = Receipt | LedgerError


class Redo(Exception):
    """A twin came first, or a shared account refused at the end: undo and decide again with every lock."""


_COLUMNS = "account_id, dr_posted, cr_posted, held, min_balance, max_balance, frozen, seq, last_recorded_at, dated"


def post_plans(
    wire: Wire,
    ledger_id: int,
    plans: Sequence[Plan],
    *,
    clock_us: Callable[[], int],
    zone: tzinfo,
    locks_all: bool = False,
    is_atomic: bool = False,
) -> list[Outcome]:
    """Answer each plan in order inside the open transaction; the caller commits.

    A business refusal is an outcome, not an exception. Atomic: after the first refusal nothing but that
    refusal is written, and it is everybody's outcome. Redo: roll back and call again with `locks_all`.
    """
    keys = [plan.key for plan in plans]
    if wire.is_quick:
        _ask_ahead(wire, ledger_id, keys, _accounts(plans))
    known = answers.find(wire, ledger_id, keys)
    hashes = {plan.key: plan.request_hash for plan in reversed(plans)}
    hashes.update((key, answer.request_hash) for key, answer in known.items())
    clash = {id(plan) for plan in plans if hashes[plan.key] != plan.request_hash}
    if is_atomic:
        _stop_atomic(plans, known, clash)
    fresh = [plan for plan in plans if plan.key not in known and id(plan) not in clash]
    outcomes: dict[str, Outcome] = {}
    if fresh:
        outcomes = _decide_and_write(
            wire, ledger_id, fresh, clock_us=clock_us, zone=zone, locks_all=locks_all, is_atomic=is_atomic
        )
    if is_atomic and len(outcomes) == 1 and isinstance(refusal := next(iter(outcomes.values())), LedgerError):
        return [refusal] * len(plans)
    result: list[Outcome] = []
    given: set[str] = set()
    for plan in plans:
        if id(plan) in clash:
            result.append(_conflict(plan))
        elif plan.key in known:
            result.append(known[plan.key].outcome())
        else:
            result.append(again(outcomes[plan.key]) if plan.key in given else outcomes[plan.key])
            given.add(plan.key)
    return result


def _conflict(plan: Plan) -> IdempotencyConflict:
    return IdempotencyConflict("this key was used with another body", key=plan.key)


def _stop_atomic(plans: Sequence[Plan], known: dict[str, answers.Answer], clash: set[int]) -> None:
    for plan in plans:
        if id(plan) in clash:
            raise _conflict(plan)
        answer = known[plan.key].outcome() if plan.key in known else None
        if isinstance(answer, LedgerError):
            raise answer


def again(outcome: Outcome) -> Outcome:
    """Return an outcome as its replay."""
    if isinstance(outcome, Receipt):
        return replace(outcome, replayed=True)
    return type(outcome)(outcome.message, key=outcome.key, replayed=True)


def _decide_and_write(
    wire: Wire,
    ledger_id: int,
    plans: Sequence[Plan],
    *,
    clock_us: Callable[[], int],
    zone: tzinfo,
    locks_all: bool,
    is_atomic: bool,
) -> dict[str, Outcome]:
    locks_all = _needs_all(wire, plans, locks_all)
    closed_through = periods.hold_still(wire, ledger_id, [p.effective for p in plans], clock_us(), zone)
    slots = lock(wire, ledger_id, _accounts(plans), locks_all=locks_all)
    resolved, reversed_ = _links(wire, ledger_id, plans)
    # The clock is read after the locks: whoever waited is recorded after whom they waited for.
    origins = read_lots(wire, ledger_id, plans, slots)
    books = Books(ledger_id, zone, clock_us(), slots, resolved, reversed_, closed_through, origins)
    lazy = {key for key, slot in slots.items() if slot.account.is_lazy and slot.is_late}
    starts = {k: (s.seq, s.credits - s.debits) for k, s in slots.items() if not s.is_late}
    decided: dict[str, Posted | LedgerError] = {}
    for plan in plans:
        if plan.key in decided:
            continue
        verdict = decided[plan.key] = decide(wire, books, plan)
        if is_atomic and isinstance(verdict, LedgerError):
            if not locks_all and any(slot.is_late and slot.account.is_shared for slot in slots.values()):
                raise Redo  # an earlier one may be refused by a shared account, which nobody has looked at yet
            decided = {plan.key: verdict}
            break
    posted = [verdict for verdict in decided.values() if isinstance(verdict, Posted)]
    refused = [verdict for verdict in decided.values() if isinstance(verdict, LedgerError)]
    hashes = {plan.key: plan.request_hash for plan in reversed(plans)}
    recorded_at = wire.us_in(books.now_us)
    try:
        done = write(wire, ledger_id, posted, refused, hashes=hashes, starts=starts, lazy=lazy, recorded_at=recorded_at)
        wire.flush()
    except SharedRefusal:
        done = False
    if not done:
        raise Redo
    return {p.key: p.receipt for p in posted} | {str(e.key): e for e in refused}


def _needs_all(wire: Wire, plans: Iterable[Plan], locks_all: bool) -> bool:
    # Who splits a payment between an account and its debts must know what a shared account has, too.
    return locks_all or not wire.is_postgres or any(plan.debts for plan in plans)


def _ask_ahead(wire: Wire, ledger_id: int, keys: Sequence[str], accounts: dict[Id, AccountRef]) -> None:
    """Ask for earlier answers and for the first locks in one message; where all is known, locks were taken in vain."""
    questions = [answers.question(wire, ledger_id, keys)]
    first = {key: ref for key, ref in accounts.items() if not (ref.is_shared or ref.is_lazy)}
    if first:
        questions.append(_lock_question(wire, ledger_id, first))
    wire.ask_ahead(questions)


def _accounts(plans: Iterable[Plan]) -> dict[Id, AccountRef]:
    accounts: dict[Id, AccountRef] = {}
    for plan in plans:
        for leg in plan.legs:
            accounts[leg.debit.id] = leg.debit
            accounts[leg.credit.id] = leg.credit
        if plan.holder is not None:
            accounts[plan.holder.id] = plan.holder
        for debt in plan.debts.values():
            accounts[debt.id] = debt
    return accounts


def lock(wire: Wire, ledger_id: int, accounts: dict[Id, AccountRef], *, locks_all: bool) -> dict[Id, Slot]:
    """Lock the accounts' balance rows by id, shared ones after the others, or leave those for the end.

    Lazy accounts are never locked on PostgreSQL; on SQLite everything is locked already.
    NO KEY UPDATE: a plain FOR UPDATE would stop every insert whose foreign key points at the row.
    """
    never = {key: ref for key, ref in accounts.items() if ref.is_lazy and wire.is_postgres}
    slots = _unlocked(never)
    for is_shared in (False, True):
        chosen = {key: ref for key, ref in accounts.items() if ref.is_shared == is_shared and key not in never}
        if is_shared and not locks_all:
            slots.update(_unlocked(chosen))
        elif chosen:
            slots.update(_lock_rows(wire, ledger_id, chosen))
    return slots


def _unlocked(accounts: dict[Id, AccountRef]) -> dict[Id, Slot]:
    return {key: Slot(ref, 0, 0, 0, None, None, False, 0, 0, True) for key, ref in accounts.items()}


def _lock_rows(wire: Wire, ledger_id: int, accounts: dict[Id, AccountRef]) -> dict[Id, Slot]:
    rows = wire.rows(*_lock_question(wire, ledger_id, accounts))
    if len(rows) < len(accounts):
        raise Redo  # met in a transaction that was rolled back
    return {
        key: Slot(accounts[key], dr, cr, held, floor, ceiling, bool(frozen), seq, us_out(last), dated=dated)
        for key, dr, cr, held, floor, ceiling, frozen, seq, last, dated in rows
    }


def _lock_question(wire: Wire, ledger_id: int, accounts: Iterable[Id]) -> tuple[str, list[Any]]:
    condition, ids = wire.any_of("account_id", accounts, "uuid")
    suffix = " ORDER BY account_id FOR NO KEY UPDATE" if wire.is_postgres else ""
    return f"SELECT {_COLUMNS} FROM balance WHERE ledger_id = ? AND {condition}{suffix}", [ledger_id, *ids]  # noqa: S608


def _links(wire: Wire, ledger_id: int, plans: Iterable[Plan]) -> tuple[set[Id], set[Id]]:
    found = []
    for column in ("resolves", "reverses"):
        wanted = [link for plan in plans if (link := getattr(plan, column)) is not None]
        listed, ids = wire.listed(wanted, "uuid")
        sql = f"SELECT w.one FROM {listed} CROSS JOIN txn t WHERE t.ledger_id = ? AND t.{column}_id = w.one"  # noqa: S608
        found.append({row[0] for row in wire.rows(sql, [*ids, ledger_id])} if wanted else set())
    return found[0], found[1]
