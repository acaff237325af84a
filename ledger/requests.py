"""From a caller's words to a plan: validation, the request's hash, and the accounts it names."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

from ledger import accounts, answers, canonical, grammar
from ledger.accounts import AccountRef, Directory, Pair
from ledger.deciding import shortfalls
from ledger.errors import InvalidTxn, LedgerError, UnknownTxn
from ledger.lots import keeps_lots
from ledger.plans import Leg, Plan
from ledger.posting import lock
from ledger.values import Transfer, Txn
from ledger.wire import Id, Wire, us_out


@dataclass(frozen=True, slots=True)
class Request:
    """One validated request of any verb."""

    key: str
    request_hash: bytes
    actor: str
    memo: str | None
    effective: date | None


def request(
    verb: str, fields: Iterable[Any], *, key: Any, actor: Any, memo: Any = None, effective: Any = None
) -> Request:
    """Validate what all verbs share and hash what the client supplied; InvalidTxn."""
    own_key = grammar.line(key, what="a key", most=grammar.MAX_KEY)
    own_actor = grammar.line(actor, what="an actor", most=grammar.MAX_ACTOR)
    own_memo = None if memo is None else grammar.line(memo, what="a memo", most=grammar.MAX_MEMO)
    day = None if effective is None else grammar.day(effective)
    said = (own_actor, own_memo, None if day is None else day.isoformat(), *fields)
    return Request(own_key, canonical.request_hash(verb, said), own_actor, own_memo, day)


@dataclass(frozen=True, slots=True)
class Posting:
    """A validated `post`: its request, kind and transfers."""

    request: Request
    kind: str
    transfers: tuple[Transfer, ...]


def posting(key: Any, txn: Txn) -> Posting:
    """Validate one transaction; InvalidTxn."""
    kind = grammar.kind(txn.kind)
    if kind in grammar.RESERVED_KINDS:
        raise InvalidTxn(f"{kind} has a verb of its own")
    transfers = tuple(txn.transfers)
    if not 1 <= len(transfers) <= grammar.MAX_TRANSFERS:
        raise InvalidTxn(f"a transaction has 1 to {grammar.MAX_TRANSFERS} transfers")
    fields: list[Any] = [kind]
    is_dated = any(transfer.expires_on is not None for transfer in transfers)
    for transfer in transfers:
        fields += _checked(transfer)
        if is_dated:
            fields.append(None if transfer.expires_on is None else grammar.day(transfer.expires_on).isoformat())
    effective = grammar.day(txn.effective)
    verb = "post dated" if is_dated else "post"  # what was asked before there were such days keeps its hash
    asked = request(verb, fields, key=key, actor=txn.actor, memo=txn.memo, effective=effective)
    return Posting(asked, kind, transfers)


def _checked(transfer: Transfer) -> tuple[str, str, str, int]:
    debit, credit = grammar.spendable_path(transfer.debit), grammar.spendable_path(transfer.credit)
    if debit == credit:
        raise InvalidTxn(f"{debit} cannot pay itself")
    return debit, credit, grammar.unit(transfer.unit), grammar.amount(transfer.amount)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where plans are made: one ledger inside one open transaction."""

    wire: Wire
    directory: Directory
    ledger_id: int

    def account(self, path: str, unit: str) -> AccountRef:
        """Return one account; UnknownAccount, UnitMismatch."""
        return accounts.one(self.wire, self.directory, self.ledger_id, (path, unit))


def plans(desk: Desk, postings: Sequence[Posting]) -> list[Plan | LedgerError]:
    """Find every account the postings name, in one statement, and make their plans."""
    pairs: dict[Pair, None] = {}
    for one in postings:
        for transfer in one.transfers:
            pairs[transfer.debit, transfer.unit] = None
            pairs[transfer.credit, transfer.unit] = None
    found = accounts.find(desk.wire, desk.directory, desk.ledger_id, pairs)
    return [_plan(one, found) for one in postings]


def _plan(one: Posting, found: dict[Pair, AccountRef | LedgerError]) -> Plan | LedgerError:
    legs = []
    for transfer in one.transfers:
        debit, credit = found[transfer.debit, transfer.unit], found[transfer.credit, transfer.unit]
        for account in (debit, credit):
            if isinstance(account, LedgerError):
                return type(account)(account.message, key=one.request.key)
        if isinstance(debit, AccountRef) and isinstance(credit, AccountRef):
            if transfer.expires_on is not None and not keeps_lots(credit):
                return InvalidTxn(f"{credit.path} is shared: nothing ends there", key=one.request.key)
            legs.append(Leg(debit, credit, transfer.amount, transfer.expires_on))
    return make(one.request, one.kind, legs)


def make(asked: Request, kind: str, legs: Sequence[Leg], **more: Any) -> Plan:
    """Make a plan from a request and its legs."""
    return Plan(asked.key, asked.request_hash, kind, legs, asked.actor, asked.effective, asked.memo, **more)


def hold(desk: Desk, asked: Request, path: str, unit: str, amount: int, expires_us: int | None, now_us: int) -> Plan:
    """Plan to set an amount aside in the account's own `:held` sub-account, which is opened on first use."""
    account = desk.account(path, unit)
    if account.is_lazy:
        raise InvalidTxn(f"{path} is lazy: nothing is set aside where nothing can run out")
    held = _sub_account(desk, account, grammar.HELD, accounts.HELD_TERMS, now_us)
    return make(
        asked,
        "hold",
        [Leg(account, held, amount)],
        expires_us=expires_us,
        holder=account,
        held_change=amount,
    )


def _sub_account(desk: Desk, owner: AccountRef, suffix: str, terms: accounts.Terms, now_us: int) -> AccountRef:
    pair = (owner.path + suffix, owner.unit)
    found = accounts.find(desk.wire, desk.directory, desk.ledger_id, [pair])[pair]
    if isinstance(found, AccountRef):
        return found
    if desk.wire.is_postgres:
        # The owner's lock first: two first holds then wait in the order in which everything waits.
        sql = "SELECT 1 FROM balance WHERE ledger_id = ? AND account_id = ? FOR NO KEY UPDATE"
        desk.wire.rows(sql, (desk.ledger_id, owner.id))
    accounts.open_account(desk.wire, desk.ledger_id, pair, terms, now_us)
    return desk.account(*pair)


@dataclass(frozen=True, slots=True)
class Known:
    """A transaction on record, as far as a later one refers to it."""

    id: Id
    kind: str
    expires_us: int | None
    legs: tuple[Leg, ...]


def known(desk: Desk, txn_id: uuid.UUID) -> Known:
    """Return a transaction with its accounts; UnknownTxn."""
    if not isinstance(txn_id, uuid.UUID):
        raise InvalidTxn(f"a transaction's id is a UUID, not {txn_id!r}")
    own_id = desk.wire.uuid_in(txn_id)
    sql = "SELECT kind, expires_at FROM txn WHERE ledger_id = ? AND id = ?"
    rows = desk.wire.rows(sql, (desk.ledger_id, own_id))
    if not rows:
        raise UnknownTxn(f"there is no transaction {txn_id}")
    kind, expires_at = rows[0]
    transfers = answers.transfers_of(desk.wire, desk.ledger_id, [own_id])[own_id]
    legs = tuple(Leg(desk.account(t.debit, t.unit), desk.account(t.credit, t.unit), t.amount) for t in transfers)
    return Known(own_id, kind, None if expires_at is None else us_out(expires_at), legs)


def known_hold(desk: Desk, txn_id: uuid.UUID) -> tuple[Known, Leg]:
    """Return a hold and its one leg (account to `:held`); UnknownTxn, InvalidTxn where it is no hold."""
    found = known(desk, txn_id)
    if found.kind != "hold":
        raise InvalidTxn(f"{txn_id} is not a hold")
    return found, found.legs[0]


def capture(desk: Desk, asked: Request, txn_id: uuid.UUID, to: str, amount: int | None) -> Plan:
    """Plan to pay from a hold; what is left of it goes back in the same transaction."""
    found, leg = known_hold(desk, txn_id)
    paid = leg.amount if amount is None else amount
    receiver = desk.account(to, leg.debit.unit)
    if paid > leg.amount:
        raise InvalidTxn(f"the hold is for {leg.amount}, not {paid}")
    if receiver.id == leg.debit.id:
        raise InvalidTxn("what goes back to its owner is released, not captured")
    legs = [Leg(leg.credit, receiver, paid, origin=1)]
    if paid < leg.amount:
        legs.append(Leg(leg.credit, leg.debit, leg.amount - paid, origin=1))
    return make(
        asked,
        "capture",
        legs,
        resolves=found.id,
        only_before_us=found.expires_us,
        holder=leg.debit,
        held_change=-leg.amount,
    )


def release(desk: Desk, asked: Request, txn_id: uuid.UUID) -> Plan:
    """Plan to give a hold back to its owner."""
    found, leg = known_hold(desk, txn_id)
    back = [Leg(leg.credit, leg.debit, leg.amount, origin=1)]
    return make(asked, "release", back, resolves=found.id, holder=leg.debit, held_change=-leg.amount)


def reverse(desk: Desk, asked: Request, txn_id: uuid.UUID, shortfall: Literal["reject", "debt"], now_us: int) -> Plan:
    """Plan the mirror of a transaction, last transfer first.

    What a capture paid goes back to the hold's owner, because the hold itself is over.
    """
    found = known(desk, txn_id)
    if found.kind in ("hold", "release"):
        raise InvalidTxn(f"a {found.kind} is not reversed: release the hold, or hold again")
    numbered = reversed(list(enumerate(found.legs, 1)))
    legs = [Leg(leg.credit, leg.debit, leg.amount, origin=ordinal) for ordinal, leg in numbered]
    if found.kind == "capture":
        legs = [_to_owner(desk, leg) for leg in legs if leg.credit.path != leg.debit.path + grammar.HELD]
    debts = _debts(desk, legs, now_us) if shortfall == "debt" else {}
    return make(asked, "reversal", legs, reverses=found.id, debts=debts)


def _debts(desk: Desk, legs: Sequence[Leg], now_us: int) -> dict[Id, AccountRef]:
    """Open a debt account for each account that cannot pay its share, under the locks of all of them."""
    refs = {ref.id: ref for leg in legs for ref in (leg.debit, leg.credit)}
    slots = lock(desk.wire, desk.ledger_id, refs, locks_all=True)
    return {
        key: _sub_account(desk, refs[key], grammar.DEBT, accounts.DEBT_TERMS, now_us) for key in shortfalls(slots, legs)
    }


def _to_owner(desk: Desk, leg: Leg) -> Leg:
    owner = desk.account(leg.credit.path.removesuffix(grammar.HELD), leg.credit.unit)
    return replace(leg, credit=owner)


def id_field(txn_id: Any) -> bytes:
    """Return a transaction's id as a field to hash; InvalidTxn."""
    if not isinstance(txn_id, uuid.UUID):
        raise InvalidTxn(f"a transaction's id is a UUID, not {txn_id!r}")
    return txn_id.bytes
