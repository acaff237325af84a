"""The rules of the book once more, in dictionaries and integers, written apart from `ledger/`."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

Leg = tuple[str, str, str, int, int | None]
"""debit, credit, unit, amount, last day"""
Pair = tuple[str, str]
Item = tuple[str, str, Sequence[Leg], int]
"""key, kind, legs, effective day"""
Answer = tuple[Any, ...]
"""("posted", number, legs, replayed) or (code, replayed)"""

STICKY = {"insufficient_funds", "limit_exceeded", "account_frozen", "hold_resolved", "hold_expired"}
STICKY |= {"already_reversed", "period_closed"}
DAY_S = 86_400
START_S = 9 * 3600
"""The model begins at nine in the morning of day 0."""
MAX_DAYS_AHEAD = 31
DAY_0 = date(2026, 3, 2)
GRACE_DAYS = 30


@dataclass
class ModelAccount:
    floor: int | None
    ceiling: int | None
    is_shared: bool = False
    is_lazy: bool = False
    balance: int = 0
    held: int = 0
    is_frozen: bool = False
    lots: dict[int, int] = field(default_factory=dict)
    """Amount by last day; what never ends is the rest of the balance."""
    entries: list[tuple[int, int]] = field(default_factory=list)
    """(signed amount, balance after)"""
    days: list[tuple[int, int]] = field(default_factory=list)
    """(effective day, second of recording) of each entry"""

    @property
    def keeps_lots(self) -> bool:
        return not (self.is_shared or self.is_lazy)

    def all_lots(self) -> list[tuple[int | None, int]]:
        """Return (last day, amount), the first to end first and what never ends last."""
        dated: list[tuple[int | None, int]] = [(day, amount) for day, amount in sorted(self.lots.items()) if amount]
        rest = self.balance - sum(self.lots.values())
        return [*dated, (None, rest)] if rest else dated

    def give(self, amount: int, days: Sequence[int], most: dict[int, int] | None = None) -> dict[int, int]:
        """Take an amount out of these days' lots as far as it goes, at most so much of each."""
        given = {}
        for day in days:
            part = min(amount, self.lots.get(day, 0), amount if most is None else most.get(day, 0))
            if part:
                given[day] = part
                self.lots[day] -= part
                amount -= part
                if most is not None:
                    most[day] -= part
        return given

    def past(self, day: int | None, known_s: int | None) -> list[int]:
        """Return the signed amounts effective through a day and known at a second."""
        return [
            amount
            for (amount, _), (effective, recorded_s) in zip(self.entries, self.days, strict=True)
            if (day is None or effective <= day) and (known_s is None or recorded_s <= known_s)
        ]


@dataclass
class ModelTxn:
    kind: str
    legs: list[Leg]
    expires_s: int | None = None
    resolved: bool = False
    reversed: bool = False
    given: list[dict[int, int]] = field(default_factory=list)
    """What each leg took out of its payer's lots."""
    gained: list[dict[int, int]] = field(default_factory=list)
    """What each leg put into its receiver's lots."""


@dataclass
class Wish:
    """What a verb would post, if nothing forbids it."""

    kind: str
    legs: list[Leg]
    resolves: int | None = None
    reverses: int | None = None
    expires_s: int | None = None
    captures: bool = False
    owner: Pair | None = None
    held_change: int = 0
    owes: bool = False
    sources: list[int] = field(default_factory=list)
    """Which leg of the transaction on record each leg takes back."""
    lot: int | None = None
    day: int | None = None
    """The effective day; None is today."""


class Model:
    """One book; time is whole seconds."""

    def __init__(self) -> None:
        self.now_s = 0
        self.accounts: dict[Pair, ModelAccount] = {}
        self.answers: dict[str, tuple[Any, Answer]] = {}
        self.txns: list[ModelTxn] = []
        self.closes: dict[int, str] = {}
        """The actor by closed day."""

    @property
    def today(self) -> int:
        return (START_S + self.now_s) // DAY_S

    def close(self, day: int, actor: str) -> Answer:
        """Close every day through this one."""
        if self.closes and day <= max(self.closes):
            return ("closed", day, True) if self.closes.get(day) == actor else ("period_closed", False)
        if day > self.today - 2:
            return "invalid_txn", False
        self.closes[day] = actor
        return "closed", day, False

    def look_back(self, pair: Pair, day: int | None, known_s: int | None) -> tuple[int, int, int]:
        """Return (available, held, entries known) by that day and second."""
        own, held = self.accounts[pair], self.accounts.get((f"{pair[0]}:held", pair[1]))
        return (
            sum(own.past(day, known_s)),
            sum(held.past(day, known_s)) if held else 0,
            len(own.past(None, known_s)),
        )

    def trial_balance(self, day: int | None, known_s: int | None) -> list[tuple[str, str, int, int]]:
        """Return (path, unit, debits, credits) of every account that moved."""
        rows = []
        for (path, unit), account in sorted(self.accounts.items()):
            amounts = account.past(day, known_s)
            if amounts:
                rows.append((path, unit, -sum(a for a in amounts if a < 0), sum(a for a in amounts if a > 0)))
        return rows

    def open(
        self,
        path: str,
        unit: str,
        floor: int | None,
        ceiling: int | None,
        *,
        is_shared: bool = False,
        is_lazy: bool = False,
    ) -> None:
        self.accounts.setdefault((path, unit), ModelAccount(floor, ceiling, is_shared, is_lazy))

    def freeze(self, pair: Pair, is_frozen: bool) -> None:
        self.accounts[pair].is_frozen = is_frozen

    def post(self, key: str, kind: str, legs: Sequence[Leg], day: int) -> Answer:
        if day > self.today + MAX_DAYS_AHEAD:
            return "invalid_txn", False
        return self._answer(key, self._body((key, kind, legs, day)), Wish(kind, list(legs), day=day))

    def post_many(self, batch: Sequence[Item]) -> list[Answer]:
        return [self.post(*item) for item in batch]

    def _body(self, item: Item) -> Any:
        return ("post", item[1], tuple(item[2]), item[3])

    def post_all(self, batch: Sequence[Item]) -> list[Answer] | Answer:
        """Post all or none; one refusal is the answer, and remembered."""
        bodies: dict[str, Any] = {}
        if any(day > self.today + MAX_DAYS_AHEAD for *_, day in batch):
            return "invalid_txn", False
        for item in batch:
            code = self._missing(item[2])
            if code:
                return code, False
            bodies.setdefault(item[0], self._body(item))
        for item in batch:
            key = item[0]
            known = self.answers.get(key, (bodies[key], ("posted",)))
            if self._body(item) != known[0] or bodies[key] != known[0]:
                return "idempotency_conflict", False
            if known[1][0] != "posted":
                return (*known[1][:-1], True)
        before = self._snapshot()
        done = []
        for item in batch:
            answer = self.post(*item)
            if answer[0] != "posted":
                self._restore(before)
                self.answers[item[0]] = (self._body(item), answer)
                return answer
            done.append(answer)
        return done

    def hold(self, key: str, path: str, unit: str, amount: int, expires_s: int | None) -> Answer:
        code = self._missing([(path, path, unit, amount, None)])
        if code:
            return code, False
        if self.accounts[path, unit].is_lazy:
            return "invalid_txn", False
        legs = [(path, f"{path}:held", unit, amount, None)]
        wish = Wish("hold", legs, expires_s=expires_s, owner=(path, unit), held_change=amount)
        return self._answer(key, ("hold", path, unit, amount, expires_s), wish)

    def capture(self, key: str, number: int, to: str, amount: int | None) -> Answer:
        body = ("capture", number, to, amount)
        hold = self.txns[number]
        if hold.kind != "hold":
            return "invalid_txn", False
        path, held, unit, whole, _ = hold.legs[0]
        code = self._missing([(path, to, unit, 1, None)])
        if code:
            return code, False
        paid = whole if amount is None else amount
        if paid > whole or to == path:
            return "invalid_txn", False
        legs: list[Leg] = [(held, to, unit, paid, None)]
        if paid < whole:
            legs.append((held, path, unit, whole - paid, None))
        wish = Wish("capture", legs, number, captures=True, owner=(path, unit), held_change=-whole, sources=[0, 0])
        return self._answer(key, body, wish)

    def release(self, key: str, number: int) -> Answer:
        hold = self.txns[number]
        if hold.kind != "hold":
            return "invalid_txn", False
        path, held, unit, whole, _ = hold.legs[0]
        legs: list[Leg] = [(held, path, unit, whole, None)]
        wish = Wish("release", legs, number, owner=(path, unit), held_change=-whole, sources=[0])
        return self._answer(key, ("release", number), wish)

    def reverse(self, key: str, number: int, shortfall: str) -> Answer:
        original = self.txns[number]
        if original.kind in ("hold", "release"):
            return "invalid_txn", False
        mirrored: list[tuple[Leg, int]] = [
            ((credit, debit, unit, amount, None), place)
            for place, (debit, credit, unit, amount, _) in reversed(list(enumerate(original.legs)))
        ]
        if original.kind == "capture":
            mirrored = [
                ((d, c.removesuffix(":held"), u, a, None), place)
                for (d, c, u, a, _), place in mirrored
                if c != f"{d}:held"
            ]
        legs, sources = [leg for leg, _ in mirrored], [place for _, place in mirrored]
        wish = Wish("reversal", legs, reverses=number, owes=shortfall == "debt", sources=sources)
        return self._answer(key, ("reverse", number, shortfall), wish)

    def _missing(self, legs: Sequence[Leg]) -> str | None:
        paths = {path for path, _ in self.accounts}
        for debit, credit, unit, _amount, ends in legs:
            for path in (debit, credit):
                if (path, unit) not in self.accounts:
                    return "unit_mismatch" if path in paths else "unknown_account"
            if ends is not None and not self.accounts[credit, unit].keeps_lots:
                return "invalid_txn"
        return None

    def expire(self) -> int:
        """Take from every account what ended before today, the oldest first."""
        over = [
            (day, pair)
            for pair, account in self.accounts.items()
            for day, amount in account.lots.items()
            if amount and day < self.today and not account.is_frozen and not pair[0].endswith(":held")
        ]
        for day, (path, unit) in sorted(over):
            amount = self.accounts[path, unit].lots[day]
            answer = self._try(Wish("expiry", [(path, "pool", unit, amount, None)], lot=day))
            assert answer[0] == "posted"
        return len(over)

    def _answer(self, key: str, body: Any, wish: Wish) -> Answer:
        code = self._missing([leg for leg in wish.legs if not leg[1].endswith(":held")])
        if code:
            return code, False
        if key in self.answers:
            known, answer = self.answers[key]
            return (*answer[:-1], True) if known == body else ("idempotency_conflict", False)
        if wish.owner and wish.kind == "hold":
            self.open(wish.legs[0][1], wish.legs[0][2], 0, None)
        answer = self._try(wish)
        if answer[0] in STICKY | {"posted"}:
            self.answers[key] = (body, answer)
        return answer

    def _try(self, wish: Wish) -> Answer:
        day = self.today if wish.day is None else wish.day
        code = "period_closed" if self.closes and day <= max(self.closes) else self._links(wish)
        legs, sources = self._with_debts(wish) if wish.owes else (wish.legs, wish.sources)
        for is_shared in (False, True):  # who is shared is asked last
            code = code or self._frozen(legs, wish, is_shared) or self._bounds(legs, wish, is_shared)
        if code:
            return code, False
        done = ModelTxn(wish.kind, legs, wish.expires_s)
        self._move_lots(wish, legs, sources, done)
        for debit, credit, unit, amount, _ in legs:
            for pair, change in (((debit, unit), -amount), ((credit, unit), amount)):
                account = self.accounts[pair]
                account.balance += change
                account.entries.append((change, account.balance))
                account.days.append((day, self.now_s))
        if wish.owner:
            self.accounts[wish.owner].held += wish.held_change
        if wish.resolves is not None:
            self.txns[wish.resolves].resolved = True
        if wish.reverses is not None:
            self.txns[wish.reverses].reversed = True
        self.txns.append(done)
        return "posted", len(self.txns) - 1, tuple(legs), False

    def _links(self, wish: Wish) -> str | None:
        if wish.resolves is not None and self.txns[wish.resolves].resolved:
            return "hold_resolved"
        if wish.reverses is not None and self.txns[wish.reverses].reversed:
            return "already_reversed"
        expires_s = None if wish.resolves is None else self.txns[wish.resolves].expires_s
        if wish.captures and expires_s is not None and self.now_s >= expires_s:
            return "hold_expired"
        return None

    def _move_lots(self, wish: Wish, legs: list[Leg], sources: list[int], done: ModelTxn) -> None:
        """Pay from the lots that end first; what goes from one who keeps lots to another keeps its days."""
        before = wish.reverses if wish.reverses is not None else wish.resolves
        given = [dict(lots) for lots in self.txns[before].given] if before is not None else []
        gained = [dict(lots) for lots in self.txns[before].gained] if before is not None else []
        rests = {pair: sum(n or 0 for day, n in a.all_lots() if day is None) for pair, a in self.accounts.items()}
        for place, (debit, credit, unit, amount, ends) in enumerate(legs):
            payer, receiver = self.accounts[debit, unit], self.accounts[credit, unit]
            taken: dict[int, int] = {}
            if payer.keeps_lots:
                taken = self._pay(wish, payer, amount, gained[sources[place]] if before is not None else {})
                rests[debit, unit] -= amount - sum(taken.values())
            coming = dict(taken)
            if wish.reverses is not None:
                coming = self._back(given[sources[place]], amount)
            elif ends is not None:
                coming[ends] = coming.get(ends, 0) + amount - sum(taken.values())
            kept = self._keep(receiver, coming, amount, -rests[credit, unit])
            rests[credit, unit] += amount - sum(kept.values())
            done.given.append(taken)
            done.gained.append(kept)

    def _pay(self, wish: Wish, payer: ModelAccount, amount: int, gained: dict[int, int]) -> dict[int, int]:
        if wish.lot is not None:
            return payer.give(amount, [wish.lot])
        if wish.resolves is not None:
            return payer.give(amount, sorted(gained), gained)
        if wish.reverses is None:
            return payer.give(amount, sorted(day for day in payer.lots if day >= self.today))
        taken = payer.give(amount, sorted(gained), gained)
        for day, part in payer.give(amount - sum(taken.values()), sorted(payer.lots)).items():
            taken[day] = taken.get(day, 0) + part
        return taken

    def _back(self, given: dict[int, int], amount: int) -> dict[int, int]:
        """Return what a reversal gives back: to the same days, or a month or two from now where they are over."""
        back: dict[int, int] = {}
        for day in sorted(given):
            part = min(amount, given[day])
            given[day] -= part
            amount -= part
            at = DAY_0 + timedelta(days=self.today + GRACE_DAYS)
            grace = (at.replace(day=monthrange(at.year, at.month)[1]) - DAY_0).days
            later = day if day >= self.today else grace
            back[later] = back.get(later, 0) + part
        return {day: part for day, part in back.items() if part}

    def _keep(self, receiver: ModelAccount, coming: dict[int, int], amount: int, owed: int) -> dict[int, int]:
        if not receiver.keeps_lots:
            return {}
        owed = min(amount, max(0, owed))
        kept = {}
        for day in sorted(coming):
            part = min(owed, coming[day])
            owed -= part
            if coming[day] > part:
                kept[day] = coming[day] - part
                receiver.lots[day] = receiver.lots.get(day, 0) + kept[day]
        return kept

    def _with_debts(self, wish: Wish) -> tuple[list[Leg], list[int]]:
        """What an account lacks after all legs is taken from its last payments."""
        short = {
            pair: self.accounts[pair].floor - self.accounts[pair].balance - change
            for pair, change in self._net(wish.legs).items()
            if self.accounts[pair].floor is not None
        }
        split: list[tuple[Leg, int]] = []
        for (debit, credit, unit, amount, _), source in reversed(list(zip(wish.legs, wish.sources, strict=True))):
            owed = min(amount, max(0, short.get((debit, unit), 0)))
            if owed:
                short[debit, unit] -= owed
                self.open(f"{debit}:debt", unit, None, None)
                split.append(((f"{debit}:debt", credit, unit, owed, None), source))
            if owed < amount:
                split.append(((debit, credit, unit, amount - owed, None), source))
        return [leg for leg, _ in split[::-1]], [source for _, source in split[::-1]]

    def _net(self, legs: list[Leg]) -> dict[Pair, int]:
        net: dict[Pair, int] = {}
        for debit, credit, unit, amount, _ in legs:
            net[debit, unit] = net.get((debit, unit), 0) - amount
            net[credit, unit] = net.get((credit, unit), 0) + amount
        return net

    def _frozen(self, legs: list[Leg], wish: Wish, is_shared: bool) -> str | None:
        exempt = wish.owner if wish.held_change < 0 else None
        touched = {(path, unit) for debit, credit, unit, *_ in legs for path in (debit, credit)}
        asked = [self.accounts[pair] for pair in touched - {exempt}]
        return "account_frozen" if any(a.is_frozen and a.is_shared == is_shared for a in asked) else None

    def _bounds(self, legs: list[Leg], wish: Wish, is_shared: bool) -> str | None:
        for pair, change in self._net(legs).items():
            account = self.accounts[pair]
            if account.is_shared != is_shared:
                continue
            after = account.balance + change
            over = sum(amount for day, amount in account.lots.items() if day < self.today)
            if any(
                (debit, unit) == pair for debit, _, unit, *_ in legs
            ):  # nor can it pay with what is over as it comes
                over += sum(
                    n
                    for _, credit, unit, n, ends in legs
                    if (credit, unit) == pair and ends is not None and ends < self.today
                )
            if wish.resolves is None and wish.reverses is None and wish.lot is None and over > max(0, after):
                return "insufficient_funds"
            held = account.held + (wish.held_change if pair == wish.owner else 0)
            if account.floor is not None and after < account.floor:
                return "insufficient_funds"
            if account.ceiling is not None and after + held > account.ceiling:
                return "limit_exceeded"
        return None

    def _snapshot(self) -> Any:
        import copy

        return copy.deepcopy((self.accounts, self.answers, self.txns))

    def _restore(self, before: Any) -> None:
        self.accounts, self.answers, self.txns = before
