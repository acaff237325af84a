"""Deciding one request under its locks, in memory: what it moves, or why not. No statement is sent here."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from ledger import canonical
from ledger.accounts import frozen_error
from ledger.errors import (
    AlreadyReversed,
    HoldExpired,
    HoldResolved,
    InsufficientFunds,
    LedgerError,
    LimitExceeded,
    PeriodClosed,
)
from ledger.grammar import MAX_BALANCE
from ledger.ids import uuid7_bytes
from ledger.lots import NOTHING, move, over
from ledger.plans import Books, Leg, Move, Plan, Posted, Slot
from ledger.values import Receipt, Transfer
from ledger.wire import Id, Wire, from_us, raw_out


def decide(wire: Wire, books: Books, plan: Plan) -> Posted | LedgerError:
    """Answer one plan under its locks, and reserve what it moves; no statement is sent."""
    legs = _payable(books, plan)
    net = _net(legs)
    touched = [books.slots[key] for key in {*net, *([plan.holder.id] if plan.holder else [])}]
    recorded_us = max([books.now_us, *(slot.last_us + 1 for slot in touched)])
    refusal = _refusal(books, plan, net, recorded_us)
    if refusal is not None:
        refusal.key = plan.key
        return refusal
    origins = books.origins.get(plan.reverses or plan.resolves, NOTHING)
    moves = move(plan, legs, books.slots, origins, books.day(recorded_us))
    for key, (debits, credits_) in net.items():
        books.slots[key].debits += debits
        books.slots[key].credits += credits_
    for slot in touched:
        slot.last_us = recorded_us
    if plan.holder is not None:
        books.slots[plan.holder.id].held += plan.held_change
    books.resolved.add(plan.resolves)
    books.reversed.add(plan.reverses)
    return as_posted(wire, books, plan, legs, recorded_us, moves)


def _payable(books: Books, plan: Plan) -> Sequence[Leg]:
    """Split the legs that an account cannot pay in full between it and its debt account."""
    if not plan.debts:
        return plan.legs
    short = shortfalls(books.slots, plan.legs)
    left = {key: debits - short.get(key, 0) for key, (debits, _) in _net(plan.legs).items()}
    legs: list[Leg] = []
    for leg in plan.legs:
        debt = plan.debts.get(leg.debit.id)
        paid = leg.amount if debt is None else min(leg.amount, left[leg.debit.id])
        left[leg.debit.id] -= paid
        if paid:
            legs.append(replace(leg, amount=paid))
        if debt is not None and paid < leg.amount:
            legs.append(replace(leg, debit=debt, amount=leg.amount - paid))
    return legs


def shortfalls(slots: Mapping[Id, Slot], legs: Iterable[Leg]) -> dict[Id, int]:
    """Return by account what the legs, all together, would take beyond its floor."""
    short = {}
    for key, (debits, credits_) in _net(legs).items():
        slot = slots[key]
        missing = 0 if slot.floor is None else slot.floor + debits - credits_ - slot.credits + slot.debits
        if missing > 0:
            short[key] = missing
    return short


def _net(legs: Iterable[Leg]) -> dict[Id, list[int]]:
    net: dict[Id, list[int]] = {}
    for leg in legs:
        net.setdefault(leg.debit.id, [0, 0])[0] += leg.amount
        net.setdefault(leg.credit.id, [0, 0])[1] += leg.amount
    return net


def _refusal(books: Books, plan: Plan, net: dict[Id, list[int]], recorded_us: int) -> LedgerError | None:
    if plan.effective and books.closed_through and plan.effective <= books.closed_through:
        return PeriodClosed(f"the book is closed through {books.closed_through}")
    if plan.resolves is not None and plan.resolves in books.resolved:
        return HoldResolved("this hold was captured or released before")
    if plan.reverses is not None and plan.reverses in books.reversed:
        return AlreadyReversed("this transaction was reversed before")
    if plan.only_before_us is not None and recorded_us >= plan.only_before_us:
        return HoldExpired("the time of this hold is over")
    # Shared accounts last here as well: where they are not locked yet, the answer must be the same.
    for is_shared in (False, True):
        part = {key: sums for key, sums in net.items() if books.slots[key].account.is_shared == is_shared}
        refusal = _refused_by_accounts(books, plan, part, recorded_us)
        if refusal is not None:
            return refusal
    return None


def _refused_by_accounts(books: Books, plan: Plan, net: dict[Id, list[int]], recorded_us: int) -> LedgerError | None:
    exempt = plan.holder.id if plan.holder is not None and plan.held_change < 0 else None
    for key in net:
        # A freeze that comes while lots are being expired is as if it had come after.
        if books.slots[key].is_frozen and key != exempt and plan.lot is None:
            return frozen_error(books.slots[key].account)
    for key, (debits, credits_) in net.items():
        held = plan.held_change if plan.holder is not None and plan.holder.id == key else 0
        refusal = _lots_over(books, plan, key, credits_ - debits, recorded_us) or _out_of_bounds(
            books.slots[key], debits, credits_, held
        )
        if refusal is not None:
            return refusal
    return None


def _lots_over(books: Books, plan: Plan, key: Id, change: int, recorded_us: int) -> LedgerError | None:
    """Refuse to spend what ended, though no expiry has taken it yet; and to expire more than the lot has."""
    slot = books.slots[key]
    today = books.day(recorded_us)
    ended = _ended_on_arrival(plan, key, today) if plan.spends else 0
    if not slot.dated and not ended:
        return None if plan.lot is None or change > 0 else InsufficientFunds(f"{slot.account.path} has no such lot")
    if plan.lot is not None and change < 0 and slot.lots.get(plan.lot, 0) < -change:
        return InsufficientFunds(f"{slot.account.path} has less than {-change} in the lot of {plan.lot}")
    gone = over(slot.lots, today) + ended if plan.spends else 0
    lacking = gone - (slot.credits - slot.debits + change)
    if gone and lacking > 0:
        return InsufficientFunds(f"{slot.account.path} lacks {lacking} {slot.account.unit}: {gone} ended before today")
    return None


def _ended_on_arrival(plan: Plan, key: Id, today: date) -> int:
    """Return what an account that pays in this transaction gets in it when its day is over already."""
    if not any(leg.debit.id == key for leg in plan.legs):
        return 0
    return sum(leg.amount for leg in plan.legs if leg.credit.id == key and leg.expires_on and leg.expires_on < today)


def _out_of_bounds(slot: Slot, debits: int, credits_: int, held: int) -> LedgerError | None:
    after = slot.credits + credits_ - slot.debits - debits
    name = slot.account.path
    if slot.floor is not None and after < slot.floor:
        return InsufficientFunds(f"{name} lacks {slot.floor - after} {slot.account.unit}")
    if slot.ceiling is not None and after + slot.held + held > slot.ceiling:
        return LimitExceeded(f"{name} would be {after + slot.held + held - slot.ceiling} above its limit")
    if max(slot.debits + debits, slot.credits + credits_) > MAX_BALANCE:
        return LimitExceeded(f"{name} holds no greater number")
    return None


def as_posted(
    wire: Wire, books: Books, plan: Plan, legs: Sequence[Leg], recorded_us: int, moves: Sequence[Move]
) -> Posted:
    """Write a decided plan as it is kept: with its id, its moment, its bytes and their hash."""
    recorded_at = from_us(recorded_us)
    effective = plan.effective or books.day(recorded_us)
    noise = os.urandom(32)
    salt, nonce = noise[:16], noise[16:]
    raw = uuid7_bytes(recorded_us)
    memo = None if plan.memo is None else (salt, plan.memo, canonical.memo_digest(salt, plan.memo))
    rows = [(leg.debit.path, leg.credit.path, leg.debit.unit, leg.amount, leg.expires_on) for leg in legs]
    text = canonical.transaction(
        ledger_id=books.ledger_id,
        txn_id=raw,
        kind=plan.kind,
        effective=effective.isoformat(),
        recorded_us=recorded_us,
        actor=plan.actor,
        reverses=None if plan.reverses is None else raw_out(plan.reverses),
        resolves=None if plan.resolves is None else raw_out(plan.resolves),
        relates=None,
        expires_us=plan.expires_us,
        digest=memo and memo[2],
        transfers=rows,
        nonce=nonce,
    )
    leaf = canonical.leaf_hash(text)
    receipt = Receipt(uuid.UUID(bytes=raw), leaf, nonce, recorded_at, tuple(Transfer(*row) for row in rows))
    return Posted(
        plan.key,
        wire.id_in(raw),
        receipt,
        plan.kind,
        wire.day_in(effective),
        wire.us_in(recorded_us),
        plan.actor,
        plan.reverses,
        plan.resolves,
        wire.us_in(plan.expires_us),
        memo,
        text,
        [(leg.debit.unit, leg.debit.id, leg.credit.id, leg.amount, _day_in(wire, leg.expires_on)) for leg in legs],
        plan.holder.id if plan.holder else None,
        plan.held_change,
        [(m.ordinal, m.account_id, wire.day_in(m.day), m.delta) for m in moves],
    )


def _day_in(wire: Wire, day: date | None) -> Any:
    return None if day is None else wire.day_in(day)
