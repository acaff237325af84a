"""The rules of the book once more, in dictionaries and integers, written apart from `ledger/`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Leg = tuple[str, str, str, int]
"""debit, credit, unit, amount"""
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


@dataclass
class ModelAccount:
    floor: int | None
    ceiling: int | None
    is_shared: bool = False
    is_lazy: bool = False
    balance: int = 0
    held: int = 0
    is_frozen: bool = False
    entries: list[tuple[int, int]] = field(default_factory=list)
    """(signed amount, balance after)"""
    days: list[tuple[int, int]] = field(default_factory=list)
    """(effective day, second of recording) of each entry"""

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
        code = self._missing([(path, path, unit, amount)])
        if code:
            return code, False
        if self.accounts[path, unit].is_lazy:
            return "invalid_txn", False
        legs = [(path, f"{path}:held", unit, amount)]
        wish = Wish("hold", legs, expires_s=expires_s, owner=(path, unit), held_change=amount)
        return self._answer(key, ("hold", path, unit, amount, expires_s), wish)

    def capture(self, key: str, number: int, to: str, amount: int | None) -> Answer:
        body = ("capture", number, to, amount)
        hold = self.txns[number]
        if hold.kind != "hold":
            return "invalid_txn", False
        path, held, unit, whole = hold.legs[0]
        code = self._missing([(path, to, unit, 1)])
        if code:
            return code, False
        paid = whole if amount is None else amount
        if paid > whole or to == path:
            return "invalid_txn", False
        legs = [(held, to, unit, paid)] + ([(held, path, unit, whole - paid)] if paid < whole else [])
        return self._answer(
            key, body, Wish("capture", legs, number, captures=True, owner=(path, unit), held_change=-whole)
        )

    def release(self, key: str, number: int) -> Answer:
        hold = self.txns[number]
        if hold.kind != "hold":
            return "invalid_txn", False
        path, held, unit, whole = hold.legs[0]
        wish = Wish("release", [(held, path, unit, whole)], number, owner=(path, unit), held_change=-whole)
        return self._answer(key, ("release", number), wish)

    def reverse(self, key: str, number: int, shortfall: str) -> Answer:
        original = self.txns[number]
        if original.kind in ("hold", "release"):
            return "invalid_txn", False
        legs = [(credit, debit, unit, amount) for debit, credit, unit, amount in reversed(original.legs)]
        if original.kind == "capture":
            legs = [(d, c.removesuffix(":held"), u, a) for d, c, u, a in legs if c != f"{d}:held"]
        wish = Wish("reversal", legs, reverses=number, owes=shortfall == "debt")
        return self._answer(key, ("reverse", number, shortfall), wish)

    def _missing(self, legs: Sequence[Leg]) -> str | None:
        paths = {path for path, _ in self.accounts}
        for debit, credit, unit, _amount in legs:
            for path in (debit, credit):
                if (path, unit) not in self.accounts:
                    return "unit_mismatch" if path in paths else "unknown_account"
        return None

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
        legs = self._with_debts(wish.legs) if wish.owes else wish.legs
        for is_shared in (False, True):  # who is shared is asked last
            code = code or self._frozen(legs, wish, is_shared) or self._bounds(legs, wish, is_shared)
        if code:
            return code, False
        for debit, credit, unit, amount in legs:
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
        self.txns.append(ModelTxn(wish.kind, legs, wish.expires_s))
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

    def _with_debts(self, legs: list[Leg]) -> list[Leg]:
        """What an account lacks after all legs is taken from its last payments."""
        short = {
            pair: self.accounts[pair].floor - self.accounts[pair].balance - change
            for pair, change in self._net(legs).items()
            if self.accounts[pair].floor is not None
        }
        split: list[Leg] = []
        for debit, credit, unit, amount in reversed(legs):
            owed = min(amount, max(0, short.get((debit, unit), 0)))
            if owed:
                short[debit, unit] -= owed
                self.open(f"{debit}:debt", unit, None, None)
                split.append((f"{debit}:debt", credit, unit, owed))
            if owed < amount:
                split.append((debit, credit, unit, amount - owed))
        return split[::-1]

    def _net(self, legs: list[Leg]) -> dict[Pair, int]:
        net: dict[Pair, int] = {}
        for debit, credit, unit, amount in legs:
            net[debit, unit] = net.get((debit, unit), 0) - amount
            net[credit, unit] = net.get((credit, unit), 0) + amount
        return net

    def _frozen(self, legs: list[Leg], wish: Wish, is_shared: bool) -> str | None:
        exempt = wish.owner if wish.held_change < 0 else None
        touched = {(path, unit) for debit, credit, unit, _ in legs for path in (debit, credit)}
        asked = [self.accounts[pair] for pair in touched - {exempt}]
        return "account_frozen" if any(a.is_frozen and a.is_shared == is_shared for a in asked) else None

    def _bounds(self, legs: list[Leg], wish: Wish, is_shared: bool) -> str | None:
        for pair, change in self._net(legs).items():
            account = self.accounts[pair]
            if account.is_shared != is_shared:
                continue
            after = account.balance + change
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
