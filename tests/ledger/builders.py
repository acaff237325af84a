"""Short words for the tests of the book."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

from ledger import Ledger, Receipt, Transfer, Txn, errors

TODAY = date(2026, 3, 2)
ISSUANCE, ANNA, BORIS, SHOP = "issuance:hall", "member:anna", "member:boris", "shop:1"
UNIT = "MIN"


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **distance: float) -> datetime:
        self.now += timedelta(**distance)
        return self.now


def open_chart(book: Ledger) -> None:
    """Open an issuance account without a floor, two members and a shop."""
    book.open_account(ISSUANCE, UNIT, kind="issuance", min_balance=None, is_shared=True)
    book.open_account(ANNA, UNIT, kind="member")
    book.open_account(BORIS, UNIT, kind="member")
    book.open_account(SHOP, UNIT, kind="shop", is_shared=True)


def txn(debit: str, credit: str, amount: Any, **more: Any) -> Txn:
    """Write a transaction of one transfer."""
    unit = more.pop("unit", UNIT)
    said = {"kind": "credit", "effective": TODAY, "actor": "p:coordinator", **more}
    return Txn(transfers=[Transfer(debit, credit, unit, amount)], **said)


def earn(book: Ledger, path: str, amount: int, *, key: str = "earn", **more: Any) -> Receipt:
    """Credit a member from the issuance account."""
    return book.post(txn(ISSUANCE, path, amount), key=key, **more)


def pay(book: Ledger, debit: str, credit: str, amount: int, *, key: str, **more: Any) -> Receipt:
    """Move an amount between two accounts."""
    return book.post(txn(debit, credit, amount, kind="gift"), key=key, **more)


def available(book: Ledger, path: str) -> int:
    """Return what the account can spend."""
    return book.balance(path, UNIT).available


def live_a_little(book: Ledger) -> dict[str, Receipt]:
    """Post one of everything: earned, given, held, captured in part, released, reversed, owed, refused."""
    done = {"earned": book.post(txn(ISSUANCE, ANNA, 120, memo="reading aloud"), key="earned")}
    done["wrong"] = earn(book, BORIS, 40, key="wrong")
    done["given"] = pay(book, ANNA, BORIS, 30, key="given")
    done["hold"] = book.hold(ANNA, UNIT, 50, expires_at=None, key="hold", actor="p")
    done["captured"] = book.capture(done["hold"].txn_id, SHOP, 20, key="captured", actor="p")
    done["hold2"] = book.hold(ANNA, UNIT, 10, expires_at=None, key="hold2", actor="p")
    done["released"] = book.release(done["hold2"].txn_id, key="released", actor="p")
    done["open"] = book.hold(ANNA, UNIT, 5, expires_at=None, key="open", actor="p")
    pay(book, BORIS, ANNA, 50, key="back")
    done["reversed"] = book.reverse(done["wrong"].txn_id, key="reversed", actor="p", shortfall="debt")
    done["refund"] = book.reverse(done["captured"].txn_id, key="refund", actor="p")
    with suppress(errors.InsufficientFunds):
        pay(book, BORIS, ANNA, 10_000, key="refused")
    return done
