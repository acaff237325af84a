"""Opening accounts and finding them by path; what was found is remembered, for an account never changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from ledger import grammar
from ledger.errors import AccountFrozen, InvalidTxn, LedgerError, UnitMismatch, UnknownAccount
from ledger.ids import uuid7_bytes
from ledger.values import Account
from ledger.wire import Id, Insert, Wire, moment_out, uuid_out

MAX_REMEMBERED = 50_000

Pair = tuple[str, str]
"""(path, unit): unique in a ledger."""


class AccountRef(NamedTuple):
    """An account as the posting path needs it."""

    id: Id
    path: str
    unit: str
    is_shared: bool
    is_lazy: bool = False


class Directory:
    """The accounts of one engine's database that this process has met, by (ledger, path, unit)."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str, str], AccountRef] = {}

    def get(self, ledger_id: int, pair: Pair) -> AccountRef | None:
        return self._known.get((ledger_id, *pair))

    def put(self, ledger_id: int, account: AccountRef) -> None:
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        self._known[ledger_id, account.path, account.unit] = account

    def forget(self) -> None:
        """Drop everything: an account was met inside a transaction that was rolled back later."""
        self._known.clear()


_directories: WeakKeyDictionary[Any, Directory] = WeakKeyDictionary()


def directory_of(engine: Engine) -> Directory:
    """Return the one directory of an engine."""
    return _directories.setdefault(engine, Directory())


_ACCOUNT = Insert(
    "account",
    (
        ("ledger_id", "bigint"),
        ("id", "uuid"),
        ("path", "text"),
        ("unit", "text"),
        ("kind", "text"),
        ("mode", "text"),
        ("is_shared", "boolean"),
        ("opened_at", "timestamptz"),
    ),
    " ON CONFLICT DO NOTHING",
)
_BALANCE = Insert(
    "balance",
    (
        ("ledger_id", "bigint"),
        ("account_id", "uuid"),
        ("dr_posted", "bigint"),
        ("cr_posted", "bigint"),
        ("held", "bigint"),
        ("min_balance", "bigint"),
        ("max_balance", "bigint"),
        ("frozen", "boolean"),
        ("seq", "bigint"),
        ("last_recorded_at", "timestamptz"),
        ("dated", "bigint"),
    ),
)
# Before the account itself: who waits here for another's first account holds nothing that the other needs.
_PERIOD = Insert("period", (("ledger_id", "bigint"),), " ON CONFLICT DO NOTHING")
_SELECT = (
    "SELECT a.id, a.path, a.unit, a.kind, a.mode, a.is_shared, b.min_balance, b.max_balance, a.opened_at "
    "FROM account a JOIN balance b ON b.ledger_id = a.ledger_id AND b.account_id = a.id "
    "WHERE a.ledger_id = ? AND a.path = ? AND a.unit = ?"
)

BY_PATH = "a.path = w.one AND a.unit >= ''"
"""Accounts `a` whose path is listed in `w`; without a word on the unit SQLite would walk through all accounts."""


class Terms(NamedTuple):
    """What an account is opened with."""

    kind: str
    mode: str = "strict"
    is_shared: bool = False
    min_balance: int | None = 0
    max_balance: int | None = None


HELD_TERMS = Terms("held")
DEBT_TERMS = Terms("debt", min_balance=None)


def check_terms(terms: Terms) -> None:
    """Raise InvalidTxn where an account could not be opened on these terms."""
    grammar.kind(terms.kind)
    floor, ceiling = grammar.bound(terms.min_balance), grammar.bound(terms.max_balance)
    if terms.mode not in ("strict", "lazy"):
        raise InvalidTxn(f"an account is strict or lazy, not {terms.mode!r}")
    if terms.mode == "lazy" and (floor is not None or ceiling is not None):
        raise InvalidTxn("a lazy account has no bounds: nothing is compared with its balance when it moves")
    if (floor is not None and floor > 0) or (ceiling is not None and ceiling < 0):
        raise InvalidTxn("an account begins at 0, which lies outside these bounds")


def open_account(wire: Wire, ledger_id: int, pair: Pair, terms: Terms, now_us: int) -> Account:
    """Open the account, or return it where it was opened on the same terms; InvalidTxn where on others."""
    found = wire.rows(_SELECT, (ledger_id, *pair))
    if not found:
        wire.insert(_PERIOD, [(ledger_id,)])
        moment = wire.us_in(now_us)
        account_id = wire.id_in(uuid7_bytes(now_us))
        row = (ledger_id, account_id, *pair, terms.kind, terms.mode, wire.flag_in(terms.is_shared), moment)
        if wire.insert(_ACCOUNT, [row]):
            bounds = (terms.min_balance, terms.max_balance)
            before = wire.us_in(now_us - 1)  # the first entry may be of the moment of opening
            wire.insert(_BALANCE, [(ledger_id, account_id, 0, 0, 0, *bounds, wire.flag_in(False), 0, before, 0)])
        found = wire.rows(_SELECT, (ledger_id, *pair))
    account = _account(found[0])
    opened = Terms(account.kind, account.mode, account.is_shared, account.min_balance, account.max_balance)
    if opened != terms:
        raise InvalidTxn(f"{pair[0]} {pair[1]} was opened on other terms: {opened}")
    return account


def opened(wire: Wire, ledger_id: int, pair: Pair) -> Account | None:
    """Return the account as it was opened, None where it was not."""
    found = wire.rows(_SELECT, (ledger_id, *pair))
    return _account(found[0]) if found else None


def _account(row: Any) -> Account:
    account_id, path, unit, kind, mode, is_shared, floor, ceiling, opened_at = row
    opened = moment_out(opened_at)
    return Account(uuid_out(account_id), path, unit, kind, mode, bool(is_shared), floor, ceiling, opened)


def find(
    wire: Wire, directory: Directory, ledger_id: int, pairs: Iterable[Pair]
) -> dict[Pair, AccountRef | LedgerError]:
    """Return each pair's account, or the UnknownAccount or UnitMismatch that using it would be."""
    found: dict[Pair, AccountRef | LedgerError] = {}
    missing: list[Pair] = []
    for pair in pairs:
        known = directory.get(ledger_id, pair)
        if known is None:
            missing.append(pair)
        else:
            found[pair] = known
    if missing:
        found.update(_look_up(wire, directory, ledger_id, missing))
    return found


def _look_up(
    wire: Wire, directory: Directory, ledger_id: int, pairs: list[Pair]
) -> dict[Pair, AccountRef | LedgerError]:
    listed, paths = wire.listed(sorted({path for path, _ in pairs}), "text")
    rows = wire.look(
        f"SELECT a.id, a.path, a.unit, a.is_shared, a.mode FROM {listed} CROSS JOIN account a "  # noqa: S608
        f"WHERE a.ledger_id = ? AND {BY_PATH}",
        [*paths, ledger_id],
    )
    known = {}
    for account_id, path, unit, is_shared, mode in rows:
        account = known[path, unit] = AccountRef(account_id, path, unit, bool(is_shared), mode == "lazy")
        directory.put(ledger_id, account)
    units_by_path = dict(known.keys())
    return {pair: known.get(pair) or _absence(pair, units_by_path) for pair in pairs}


def _absence(pair: Pair, units_by_path: dict[str, str]) -> LedgerError:
    path, unit = pair
    if path in units_by_path:
        return UnitMismatch(f"{path} is not kept in {unit}")
    return UnknownAccount(f"there is no account {path}")


def one(wire: Wire, directory: Directory, ledger_id: int, pair: Pair) -> AccountRef:
    """Return one account; UnknownAccount, UnitMismatch."""
    account = find(wire, directory, ledger_id, [pair])[pair]
    if isinstance(account, LedgerError):
        raise account
    return account


def set_frozen(wire: Wire, ledger_id: int, account: AccountRef, is_frozen: bool) -> None:
    """Freeze or thaw an account under its row lock; InvalidTxn for a lazy one, which nobody locks."""
    if account.is_lazy:
        raise InvalidTxn(f"{account.path} is lazy: nothing stops its movements")
    wire.run(
        "UPDATE balance SET frozen = ? WHERE ledger_id = ? AND account_id = ?",
        (wire.flag_in(is_frozen), ledger_id, account.id),
    )


def frozen_error(account: AccountRef) -> AccountFrozen:
    """Return the refusal that names the frozen account."""
    return AccountFrozen(f"{account.path} is frozen")
