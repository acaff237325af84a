"""The plain posting on PostgreSQL: decided and written by one call of a function, one message with its COMMIT.

Plain is what moves between strict or lazy accounts that nobody shares, today or later, with nothing reversed, held or
ended on a day, and is not refused. Everything else, and what turns out to be it, goes the portable path.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import date, tzinfo
from typing import Any

from ledger.deciding import as_posted
from ledger.periods import local_day
from ledger.plain_functions import NOT_PLAIN
from ledger.plans import Books, Leg, Plan, Posted
from ledger.posting import Redo
from ledger.values import Receipt
from ledger.wire import Id, Wire

_ONE = "SELECT ledger_post_one(" + ", ".join(["%s"] * 21) + ")"
_MANY_KINDS = (
    *("bigint", "boolean", "uuid[]", "uuid[]", "bigint", "timestamptz"),
    *("text[]", "bytea[]", "uuid[]", "text[]", "date[]", "timestamptz[]", "text[]"),
    *("bytea[]", "bytea[]", "bytea[]", "bytea[]", "bytea[]", "text[]"),
    *("integer[]", "bigint[]", "text[]", "uuid[]", "uuid[]", "bigint[]"),
)
_MANY = "SELECT ledger_post_many(" + ", ".join(f"%s::{kind}" for kind in _MANY_KINDS) + ")"
_NOT_PLAIN_STATES = (NOT_PLAIN, "55P03")
"""And what a constraint refuses (class 23) or what does not fit its column (class 22)."""


def is_plain(wire: Wire, plans: Sequence[Plan], now_us: int, zone: tzinfo) -> bool:
    """True where these plans may be posted by the function."""
    if not wire.is_quick:
        return False
    today = local_day(now_us, zone)
    keys = {plan.key for plan in plans}
    return len(keys) == len(plans) and all(_is_plain(plan, today) for plan in plans)


def _is_plain(plan: Plan, today: date) -> bool:
    is_ordinary = plan.reverses is None and plan.resolves is None and plan.holder is None and plan.lot is None
    is_now = (plan.effective is None or plan.effective >= today) and plan.only_before_us is None and not plan.debts
    return is_ordinary and is_now and all(_may_move(leg) for leg in plan.legs)


def _may_move(leg: Leg) -> bool:
    return leg.expires_on is None and not (leg.debit.is_shared or leg.credit.is_shared)


def post(
    wire: Wire, ledger_id: int, plans: Sequence[Plan], *, now_us: int, zone: tzinfo, waits: bool
) -> Sequence[Receipt] | None:
    """Post plans that `is_plain` found so, all of them; None where one is not so after all, with nothing written.

    Where not `waits`, an account that somebody else has locked makes it so, too. Redo instead of
    None there, and where a transaction was open around it.
    """
    books = Books(ledger_id, zone, now_us, {}, set(), set())
    last: dict[Id, int] = {}
    posted = [_decided(wire, books, plan, last) for plan in plans]
    only = len(posted) == 1 and len(posted[0].rows) == 1
    text, given = _as_one(plans[0], posted[0]) if only else _as_many(wire, plans, posted, now_us)
    try:
        wire.call(text, (ledger_id, waits, *given))
    except Exception as error:
        if not _is_not_plain(error):
            raise
        if wire.is_open or not waits:
            raise Redo from error
        return None
    return [one.receipt for one in posted]


def _decided(wire: Wire, books: Books, plan: Plan, last: dict[Id, int]) -> Posted:
    """Decide as the portable path does where nothing stands against it: each account's moments only go on."""
    touched = {ref.id for leg in plan.legs for ref in (leg.debit, leg.credit)}
    recorded_us = max([books.now_us, *(last[key] + 1 for key in touched if key in last)])
    last.update(dict.fromkeys(touched, recorded_us))
    return as_posted(wire, books, plan, plan.legs, recorded_us, ())


def _as_one(plan: Plan, one: Posted) -> tuple[str, tuple[Any, ...]]:
    salt, memo, digest = one.memo or (None, None, None)
    unit, debit, credit, amount, _ = one.rows[0]
    receipt, leg = one.receipt, plan.legs[0]
    proof = (digest, receipt.nonce, one.canonical, receipt.leaf_hash, salt, memo)
    return _ONE, (*_head(plan, one), *proof, unit, debit, credit, amount, leg.debit.is_lazy, leg.credit.is_lazy)


def _head(plan: Plan, one: Posted) -> tuple[Any, ...]:
    return one.key, plan.request_hash, one.txn_id, one.kind, one.effective, one.recorded_at, one.actor


def _as_many(wire: Wire, plans: Sequence[Plan], posted: Sequence[Posted], now_us: int) -> tuple[str, list[Any]]:
    refs = {ref.id: ref for plan in plans for leg in plan.legs for ref in (leg.debit, leg.credit)}
    lazy = [key for key, ref in refs.items() if ref.is_lazy]
    lines = sum(not ref.is_lazy for plan in plans for leg in plan.legs for ref in (leg.debit, leg.credit))
    legs = [(place, number, *row[:4]) for place, one in enumerate(posted, 1) for number, row in enumerate(one.rows, 1)]
    memos = [one.memo or (None, None, None) for one in posted]
    rows = [
        (*_head(plan, one), memo[2], one.receipt.nonce, one.canonical, one.receipt.leaf_hash, memo[0], memo[1])
        for plan, one, memo in zip(plans, posted, memos, strict=True)
    ]
    columns: list[str | None] = [array(column) for column in zip(*rows, strict=True)]
    if not any(one.memo for one in posted):
        columns[-2:] = [None, None]
    head = (array(key for key in refs if not refs[key].is_lazy), array(lazy), lines, wire.us_in(now_us))
    return _MANY, [*head, *columns, *(array(column) for column in zip(*legs, strict=True))]


def array(values: Iterable[Any]) -> str:
    """Write values as PostgreSQL reads an array; the driver would take longer than the server."""
    return "{" + ",".join([_element(value) for value in values]) + "}"


def _element(value: Any) -> str:
    kind = type(value)
    if kind is int or kind is uuid.UUID:
        return str(value)
    if value is None:
        return "NULL"
    if kind is bytes:
        return f'"\\\\x{value.hex()}"'
    text = str(value)
    if kind is str and ("\\" in text or '"' in text):
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _is_not_plain(error: Exception) -> bool:
    state = getattr(error, "sqlstate", None)
    return isinstance(state, str) and (state in _NOT_PLAIN_STATES or state[:2] in ("22", "23"))
