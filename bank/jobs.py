"""Due work: one function for each job, each safe to run twice."""

from __future__ import annotations

from datetime import datetime

from bank.db import unit_of_work
from bank.shop import operations as shop

MOST_AT_ONCE = 10_000


def lapse_vouchers(now: datetime) -> int:
    """Give back the hours and stock of every voucher whose last day is over; how many there were."""
    lapsed = 0
    while lapsed < MOST_AT_ONCE:
        with unit_of_work() as session:
            found = shop.lapse_due(session, now=now)
        if not found:
            break
        lapsed += found
    return lapsed
