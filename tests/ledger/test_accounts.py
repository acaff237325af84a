"""Opening accounts."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from ledger import Ledger, errors
from tests.ledger.builders import ANNA, UNIT, available, earn


def test_opening_twice_on_the_same_terms_is_opening_once(book: Ledger) -> None:
    first = book.open_account("member:carla", UNIT, kind="member", max_balance=600)
    assert book.open_account("member:carla", UNIT, kind="member", max_balance=600) == first


@pytest.mark.parametrize(
    "changed",
    [{"kind": "shop"}, {"min_balance": None}, {"min_balance": -1}, {"max_balance": 600}, {"is_shared": True}],
)
def test_opening_again_on_other_terms_is_refused(book: Ledger, changed: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidTxn):
        book.open_account(ANNA, UNIT, **{"kind": "member", **changed})


@pytest.mark.parametrize(
    "said",
    [
        {"min_balance": 1},
        {"max_balance": -1},
        {"min_balance": 0.0},
        {"min_balance": True},
        {"max_balance": 2**63},
        {"kind": "Member"},
        {"mode": "lazy"},
        {"path": "member:anna:held"},
        {"path": "member anna"},
        {"unit": "min"},
    ],
)
def test_impossible_terms_are_refused(book: Ledger, said: dict[str, Any]) -> None:
    wanted = {"path": "member:carla", "unit": UNIT, "kind": "member", **said}
    with pytest.raises(errors.InvalidTxn):
        book.open_account(wanted.pop("path"), wanted.pop("unit"), **wanted)


def test_bounds_may_touch_zero(book: Ledger) -> None:
    account = book.open_account("pool:full", UNIT, kind="pool", min_balance=0, max_balance=0)
    assert (account.min_balance, account.max_balance) == (0, 0)


def test_an_account_met_in_a_transaction_that_was_rolled_back_is_looked_up_again(book: Ledger, engine: Engine) -> None:
    with Session(engine) as session:
        book.open_account("member:carla", UNIT, kind="member", session=session)
        earn(book, "member:carla", 5, key="lost", session=session)
        session.rollback()
    book.open_account("member:carla", UNIT, kind="member")
    earn(book, "member:carla", 7, key="kept")
    assert available(book, "member:carla") == 7
    assert book.verify().ok


def test_a_shared_account_met_in_a_transaction_that_was_rolled_back_is_looked_up_again(
    book: Ledger, engine: Engine
) -> None:
    with Session(engine) as session:
        book.open_account("shop:new", UNIT, kind="shop", is_shared=True, session=session)
        earn(book, "shop:new", 5, key="lost", session=session)
        session.rollback()
    book.open_account("shop:new", UNIT, kind="shop", is_shared=True)
    with Session(engine) as session:
        earn(book, "shop:new", 7, key="kept", session=session)
        session.commit()
    assert available(book, "shop:new") == 7
