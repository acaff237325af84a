"""What ends on which day: the lots a payment takes from, earliest first, and those it puts into. No statement is sent.

An account's balance is its dated lots and a rest that never ends. A shared account keeps no lots: what arrives there
never ends. Everybody else does, and what one such account pays another keeps its days.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from ledger.accounts import AccountRef
from ledger.plans import Leg, Lots, Move, Origin, Plan, Slot
from ledger.wire import Id

GRACE_DAYS = 30
"""What a reversal gives back after its day can be used for so long again, to the end of that month: whoever was
wronged would else get back what is gone the next minute."""


NOTHING: Mapping[int, Origin] = {}


def keeps_lots(account: AccountRef) -> bool:
    """True where an account's amounts may end on a day."""
    return not (account.is_shared or account.is_lazy)


def month_end(day: date) -> date:
    """Return the last day of a day's month."""
    return day.replace(day=monthrange(day.year, day.month)[1])


def over(lots: Lots, today: date) -> int:
    """Return how much lies in lots whose day is over: nobody can spend it, whether or not it was expired yet."""
    return sum(amount for day, amount in lots.items() if day < today)


def move(
    plan: Plan, legs: Sequence[Leg], slots: Mapping[Id, Slot], origins: Mapping[int, Origin], today: date
) -> list[Move]:
    """Move the legs through the accounts' lots, in order, and return what moved; the slots' lots change.

    `origins` is what the transaction that this one reverses or resolves did, by ordinal.
    """
    touched = {ref.id: slots[ref.id] for leg in legs for ref in (leg.debit, leg.credit) if keeps_lots(ref)}
    if not _concerns_lots(plan, legs, touched, origins):
        return []
    rests = {key: slot.credits - slot.debits - slot.dated for key, slot in touched.items()}
    left = {ordinal: origin.copy() for ordinal, origin in origins.items()}
    moves: list[Move] = []
    for ordinal, leg in enumerate(legs, 1):
        origin = left.get(leg.origin, Origin())
        taken: Lots = {}
        if leg.debit.id in touched:
            taken = _take(plan, leg, touched[leg.debit.id].lots, origin, today)
            rests[leg.debit.id] -= leg.amount - sum(taken.values())
            moves += [Move(ordinal, leg.debit.id, day, -amount) for day, amount in taken.items()]
        if leg.credit.id in touched:
            arriving = _arriving(plan, leg, taken, origin, today)
            kept = _after_debt(arriving, leg.amount, -rests[leg.credit.id])
            _add(touched[leg.credit.id].lots, kept)
            rests[leg.credit.id] += leg.amount - sum(kept.values())
            moves += [Move(ordinal, leg.credit.id, day, amount) for day, amount in kept.items()]
    for slot in touched.values():
        slot.dated = sum(slot.lots.values())
    return moves


def _concerns_lots(plan: Plan, legs: Sequence[Leg], touched: Mapping[Id, Slot], origins: Mapping[int, Origin]) -> bool:
    return bool(origins) or any(slot.dated for slot in touched.values()) or any(leg.expires_on for leg in legs)


def _take(plan: Plan, leg: Leg, lots: Lots, origin: Origin, today: date) -> Lots:
    """Take a leg's amount from its payer's lots, and return what came from which."""
    if plan.lot is not None:
        return take(lots, leg.amount, [plan.lot])
    if plan.resolves is not None:  # a hold pays with what it set aside, whatever day it is by now
        return _take_within(lots, leg.amount, origin.put)
    if plan.reverses is not None:
        taken = _take_within(lots, leg.amount, origin.put)
        return _sum(taken, take(lots, leg.amount - sum(taken.values()), sorted(lots)))
    return take(lots, leg.amount, sorted(day for day in lots if day >= today))


def take(lots: Lots, amount: int, days: Iterable[date]) -> Lots:
    """Take up to an amount out of these days' lots in this order; return what each gave."""
    taken: Lots = {}
    for day in days:
        part = min(amount, lots.get(day, 0))
        if part:
            taken[day] = part
            lots[day] -= part
            amount -= part
    return taken


def _take_within(lots: Lots, amount: int, bounds: Lots) -> Lots:
    """Take up to an amount, from no lot more than its bound; the bounds shrink by what was taken."""
    within = {day: min(lots.get(day, 0), bound) for day, bound in bounds.items()}
    taken = take(within, amount, sorted(within))
    for day, part in taken.items():
        lots[day] -= part
        bounds[day] -= part
    return taken


def _arriving(plan: Plan, leg: Leg, taken: Lots, origin: Origin, today: date) -> Lots:
    """Return the lots in which a leg's amount arrives; what is missing to the amount never ends."""
    if plan.reverses is not None:
        back = take(origin.taken, leg.amount, sorted(origin.taken))
        return _with_grace(back, today)
    if leg.expires_on is None:
        return taken
    return _sum(taken, {leg.expires_on: leg.amount - sum(taken.values())})


def _with_grace(lots: Lots, today: date) -> Lots:
    moved: Lots = {}
    for day, amount in lots.items():
        later = day if day >= today else month_end(today + timedelta(days=GRACE_DAYS))
        moved[later] = moved.get(later, 0) + amount
    return moved


def _after_debt(arriving: Lots, amount: int, owed: int) -> Lots:
    """Return what is left of arriving lots when an overdrawn account has been made good, earliest days first."""
    kept = {day: part for day, part in arriving.items() if part}
    take(kept, min(amount, max(0, owed)), sorted(kept))
    return {day: part for day, part in kept.items() if part}


def _add(lots: Lots, more: Lots) -> None:
    for day, amount in more.items():
        lots[day] = lots.get(day, 0) + amount


def _sum(first: Lots, second: Lots) -> Lots:
    total = dict(first)
    _add(total, second)
    return {day: amount for day, amount in total.items() if amount}
