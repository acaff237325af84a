"""Taking back against arriving, a donation sent twice, one month paid by two: with real connections."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from bank import chart, db
from bank.giving import gifts, grants
from bank.giving.models import Donation, Gift, GrantPayment
from tests.giving.conftest import bind
from tests.giving.test_giving import adopt, donate, give, grant, has, verify
from tests.racing import at_once
from tests.shop.market import credit
from tests.world import World


def test_a_gift_ends_one_way(kin: World) -> None:
    """A giver whose clock is a second behind the job's takes back while it arrives."""
    for _ in range(4):
        name = give(kin, 10)
        due = kin.clock.now + timedelta(hours=24)
        before = has(kin, "resident").posted

        def arrive(due: datetime = due) -> int:
            with kin.app.app_context(), db.unit_of_work() as session:
                return gifts.arrive_due(session, now=due)

        def back(name: str = name, due: datetime = due) -> str:
            with kin.app.app_context(), db.unit_of_work() as session:
                early = due - timedelta(seconds=1)
                return gifts.take_back(session, kin.people["volunteer"], name, now=early).state

        answers = at_once(arrive, back)
        with kin.write() as session:
            state = session.scalars(select(Gift.state).where(Gift.public_id == name)).one()
        assert sorted(map(str, answers)) == (["1", "TooLate"] if state == "given" else ["0", "taken_back"])
        assert has(kin, "resident").posted - before == (10 if state == "given" else 0)
        assert has(kin, "volunteer").held == 0
    verify(kin)


def test_a_donation_sent_twice_is_one(kin: World) -> None:
    body = {"unit": chart.MINUTES, "amount": "30", "_key": "a" * 32}
    pages = [kin.page("volunteer") for _ in range(4)]
    codes = at_once(*[lambda page=page: page.post("/donate", data=body).status_code for page in pages])
    assert 303 in codes
    with kin.write() as session:
        assert session.scalar(select(func.count()).select_from(Donation)) == 1
    assert has(kin, None).posted == 30


@pytest.mark.parametrize("workers", [4])
def test_a_month_is_paid_once_by_however_many(kin: World, workers: int) -> None:
    donate(kin, 1_000)
    grant(kin)

    def pay() -> int:
        with kin.app.app_context(), db.unit_of_work() as session:
            return grants.pay_due(session, now=kin.clock.now)

    assert sorted(map(str, at_once(*[pay] * workers))) == ["0"] * (workers - 1) + ["1"]
    assert has(kin, "resident").posted == 120
    with kin.write() as session:
        assert session.scalars(select(GrantPayment.amount)).all() == [120]
    verify(kin)


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_two_gifts_that_arrive_at_once_do_not_overfill_an_account(kin: World, turn: int) -> None:
    """Room for one of two: whoever is second finds the account filled, and that gift goes back."""
    credit(kin, "panel", chart.MINUTES, 300)
    bind(kin, "panel", "resident", kind="grandparent")
    adopt(kin, balance_cap_minutes=600)
    credit(kin, "resident", chart.MINUTES, 400)
    give(kin, 100)
    give(kin, 100, "panel")
    credit(kin, "resident", chart.MINUTES, 100)
    kin.clock.advance(hours=24)  # type: ignore[attr-defined]

    def arrive() -> int:
        with kin.app.app_context(), db.unit_of_work() as session:
            return gifts.arrive_due(session, now=kin.clock.now)

    at_once(arrive, arrive)
    arrive()
    with kin.write() as session:
        assert sorted(session.scalars(select(Gift.state))) == ["given", "returned"], turn
    assert has(kin, "resident").posted == 600
    verify(kin)
