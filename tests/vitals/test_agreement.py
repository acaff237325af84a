"""After anything that members do, the night's figures are what the book's raw transfers add up to, to the minute."""

from __future__ import annotations

import random
import uuid
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from bank import chart, clock, db
from bank.communities.models import Community
from bank.credits import expiring
from bank.errors import BankError
from bank.giving import bonds, gifts, grants, pool
from bank.members.models import Person
from bank.services import operations as help_
from bank.shop import undoing
from bank.shop.models import Order
from bank.vitals import measuring, rules
from ledger import Transfer, Txn
from ledger.lots import month_end
from ledger.models import AccountRow, EntryRow, TransferRow, TxnRow
from tests.services.homes import Homes
from tests.shop.market import Market, credit

MEMBERS = ("volunteer", "resident", "panel")
HELD = ":held"


@dataclass
class Deeds:
    """Whatever members do with their hours, drawn."""

    market: Market
    draw: random.Random
    open: list[Order] = field(default_factory=list)

    def credit(self) -> None:
        credit(self.market.world, self.draw.choice(MEMBERS), chart.MINUTES, self.draw.randint(1, 300))

    def earn_points(self) -> None:
        """Points of many lots, some of which end within sixty days of the night, none before it."""
        world, now = self.market.world, self.market.now
        path = chart.member(world.people[self.draw.choice(MEMBERS)].public_id)
        ends = clock.local_day(now, "Asia/Shanghai") + timedelta(days=self.draw.choice((50, 60, 70, 90)))
        with world.write() as session:
            moved = Transfer(chart.issuance(1), path, chart.POINTS, self.draw.randint(1, 60), expires_on=ends)
            key = f"points:{self.draw.getrandbits(64)}"
            db.book(session, world.community_id, now).post(
                Txn("credit", [moved], now.date(), "t"), key=key, session=session
            )

    def order(self) -> None:
        item = self.draw.choice((self.market.haircut, self.market.haircut, self.market.soap))
        self.open.append(self.market.order(self.draw.choice(MEMBERS), item, self.draw.randint(1, 3)))

    def fetch(self) -> None:
        if self.open:
            one = self.open.pop(self.draw.randrange(len(self.open)))
            self.market.hand_over(one, "barber" if one.unit == chart.MINUTES else "shop")

    def undo_fetch(self) -> None:
        """Hand over the wrong thing, and take it back at the counter."""
        item, keeper = self.draw.choice(((self.market.haircut, "barber"), (self.market.soap, "shop")))
        done = self.market.hand_over(self.market.order(self.draw.choice(MEMBERS), item, 1), keeper)
        actor = self.market.world.actor(keeper)
        with self.market.world.write() as session:
            undoing.take_back(session, actor, done.public_id, now=self.market.now)

    def take_a_credit_back(self) -> None:
        """Credit what was not served, and reverse it; what was spent of it meanwhile is a debt."""
        world, key = self.market.world, f"wrong:{self.draw.getrandbits(64)}"
        who, minutes = self.draw.choice(MEMBERS), self.draw.randint(1, 300)
        path = chart.member(world.people[who].public_id)
        with world.write() as session:
            book = db.book(session, world.community_id, self.market.now)
            moved = Transfer(chart.issuance(1), path, chart.MINUTES, minutes)
            posted = book.post(Txn("credit", [moved], self.market.now.date(), "t"), key=key, session=session)
        with suppress(BankError):
            self.order()
        with world.write() as session:
            book = db.book(session, world.community_id, self.market.now)
            book.reverse(posted.txn_id, key=f"{key}:back", actor="t", shortfall="debt", session=session)

    def call_off(self) -> None:
        if self.open:
            self.market.cancel(self.open.pop(), "coordinator", reason="算了")

    def donate(self) -> None:
        with self.market.world.write() as session:
            person = session.get_one(Person, self.market.world.people[self.draw.choice(MEMBERS)].id)
            amount = self.draw.randint(1, 90)
            pool.donate(session, person, unit=chart.MINUTES, amount=amount, now=self.market.now)

    def give(self) -> None:
        with self.market.world.write() as session:
            giver, receiver = (session.get_one(Person, self.market.world.people[one].id) for one in MEMBERS[:2])
            gift = gifts.give(session, giver, receiver, amount=self.draw.randint(1, 60), now=self.market.now)
            if self.draw.random() < 0.3:
                gifts.take_back(session, giver, gift.public_id, now=self.market.now)

    def be_helped(self) -> None:
        """Ask, be answered, and be visited; one visit in three is called off too late."""
        homes = Homes(self.market.world)
        request = homes.accepted(minutes=self.draw.choice((30, 60)))
        if self.draw.random() < 0.3:
            homes.at_start(request, hours=-1)
            homes.do("resident", help_.cancel, request.public_id, reason="算了")
            return
        homes.at_start(request)
        homes.scan(request)
        self.market.world.clock.advance(minutes=request.minutes)
        homes.scan(request)
        homes.do("resident", help_.confirm, request.public_id)

    def let_time_pass(self) -> None:
        self.market.world.clock.advance(hours=self.draw.randint(1, 30))
        self._run_jobs()

    def let_a_month_end(self) -> None:
        """Go on to the first of the next month: what the pool granted and nobody used goes back to it."""
        today = clock.local_day(self.market.now, "Asia/Shanghai")
        first = month_end(today) + timedelta(days=1)
        self.market.world.clock.now = clock.start_of_day(first, "Asia/Shanghai") + timedelta(minutes=5)
        self._run_jobs()

    def _run_jobs(self) -> None:
        with self.market.world.write() as session:
            while gifts.arrive_due(session, now=self.market.now):
                pass
            while expiring.expire_points(session, self.market.now):
                pass
            while grants.pay_due(session, now=self.market.now):
                pass

    def do_something(self) -> None:
        deeds: tuple[Callable[[], None], ...] = (
            self.credit,
            self.earn_points,
            self.order,
            self.order,
            self.fetch,
            self.fetch,
            self.call_off,
            self.donate,
            self.give,
            self.be_helped,
            self.undo_fetch,
            self.take_a_credit_back,
            self.let_time_pass,
            self.let_a_month_end,
        )
        with suppress(BankError):  # too little saved, the month is given: what is refused moves nothing
            self.draw.choice(deeds)()


class Raw:
    """The book's bare transfers, added up here without a line of the book's own arithmetic."""

    def __init__(self, market: Market, unit: str) -> None:
        with market.world.write() as session:
            home = market.world.community_id
            names = dict(
                session.execute(select(AccountRow.id, AccountRow.path).where(AccountRow.ledger_id == home)).all()
            )
            rows = session.execute(
                select(TransferRow, TxnRow)
                .join(TxnRow, (TxnRow.ledger_id == TransferRow.ledger_id) & (TxnRow.id == TransferRow.txn_id))
                .where(TransferRow.ledger_id == home, TransferRow.unit == unit)
            ).all()
            self.moves = [
                (names[one.debit_id], names[one.credit_id], one.amount, txn.effective_date, txn.kind, one.expires_on)
                for one, txn in rows
            ]

    def net(self, *beginnings: str) -> int:
        return sum(
            amount * (to.startswith(beginnings) - of.startswith(beginnings)) for of, to, amount, *_ in self.moves
        )

    def between(self, of: str, to: str, since: date = date.min, kind: str | None = None) -> int:
        """Add up what went from accounts of one kind to accounts of another, by transactions of a kind."""
        return sum(
            amount
            for debit, credit_, amount, day, why, _ in self.moves
            if debit.startswith(of) and credit_.startswith(to) and day >= since and kind in (None, why)
        )

    def payers(self, *used: str) -> int:
        """Count who paid more than came back to them."""
        paid: dict[str, int] = defaultdict(int)
        for of, to, amount, *_ in self.moves:
            if of.startswith("member:") and to.startswith(used):
                paid[of.removesuffix(HELD)] += amount
            elif to.startswith("member:") and of.startswith(used):
                paid[to.removesuffix(HELD)] -= amount
        return sum(amount > 0 for amount in paid.values())

    def owners(self) -> dict[str, int]:
        found: dict[str, int] = defaultdict(int)
        for of, to, amount, *_ in self.moves:
            found[of.removesuffix(HELD)] -= amount
            found[to.removesuffix(HELD)] += amount
        return {path: sum_ for path, sum_ in found.items() if path.startswith("member:")}

    def gifts(self) -> int:
        """Add up what went from one member to another; help at home goes by the account of what was given."""
        return sum(
            amount
            for of, to, amount, *_ in self.moves
            if of.startswith("member:") and to.startswith("member:") and of.removesuffix(HELD) != to.removesuffix(HELD)
        )


def _ending(market: Market, first: date, last: date) -> int:
    """Add up the points of lots that end in a span, line by line of each account: what ends first is used first, and
    what was held comes back as it was."""
    on_line = (EntryRow.ledger_id == TransferRow.ledger_id) & (EntryRow.txn_id == TransferRow.txn_id)
    lines = (
        select(EntryRow, TransferRow.expires_on, TxnRow.resolves_id, TxnRow.reverses_id)
        .join(TransferRow, on_line & (EntryRow.ordinal == TransferRow.ordinal))
        .join(TxnRow, (TxnRow.ledger_id == EntryRow.ledger_id) & (TxnRow.id == EntryRow.txn_id))
        .join(AccountRow, (AccountRow.ledger_id == EntryRow.ledger_id) & (AccountRow.id == EntryRow.account_id))
        .where(EntryRow.ledger_id == market.world.community_id, AccountRow.unit == chart.POINTS)
        .where(AccountRow.path.startswith("member:"), AccountRow.kind != "held")
        .order_by(EntryRow.account_id, EntryRow.seq)
    )
    lots: dict[uuid.UUID, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    taken: dict[uuid.UUID, dict[date, int]] = {}
    with market.world.write() as session:
        chosen = select(TxnRow.id, TxnRow.resolves_id).where(TxnRow.ledger_id == market.world.community_id)
        paid_by = dict(session.execute(chosen).all())
        for line, ends, resolves, reverses in session.execute(lines):
            back = resolves or paid_by.get(reverses)
            mine = lots[line.account_id]
            if line.delta < 0:
                taken[line.txn_id] = _take(mine, -line.delta)
            elif back in taken:
                for day, amount in taken[back].items():
                    mine[day] += amount
            elif ends is not None:
                mine[ends] += line.delta
    return sum(amount for mine in lots.values() for day, amount in mine.items() if first <= day <= last)


def _take(lots: dict[date, int], wanted: int) -> dict[date, int]:
    found = {}
    for day in sorted(lots):
        found[day] = min(wanted, lots[day])
        lots[day] -= found[day]
        wanted -= found[day]
    return found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_figures_are_what_the_raw_transfers_add_up_to(market: Market, seed: int) -> None:
    world = market.world
    _prepare(market)
    deeds = Deeds(market, random.Random(seed))
    for _ in range(40):
        deeds.do_something()
    for last in (deeds.take_a_credit_back, deeds.let_a_month_end, deeds.undo_fetch, deeds.let_a_month_end):
        with suppress(BankError):
            last()
    with world.write() as session:
        place = session.get_one(Community, world.community_id)
        day = clock.local_day(market.now, place.time_zone)
        assert measuring.take(session, place, now=market.now)
        vital = measuring.newest(session, place.id)
        assert vital is not None
        found = measuring.read(vital)
    raw = Raw(market, chart.MINUTES)
    used = ("shop:", chart.settled(), chart.help_given())
    assert vital.promised == raw.net("member:") == sum(raw.owners().values()) > 0
    assert vital.credited == -raw.net("issuance:") > 0
    assert vital.spent == raw.net(*used) > 0
    assert found.at_home == raw.net(chart.help_given()) > 0
    assert found.donated == raw.between("member:", chart.pool(), kind="donation") > 0
    assert found.donors >= 1
    assert found.helped >= 1
    assert found.gifts == raw.gifts()
    assert found.pool == raw.net(chart.pool())
    assert found.pool_out == raw.between(chart.pool(), "", day - timedelta(days=rules.POOL_DAYS))
    assert found.holders == sum(sum_ > 0 for sum_ in raw.owners().values())
    assert found.spenders == raw.payers(*used)
    granted = raw.between(chart.pool(), "member:", kind="grant")
    assert granted >= raw.between("member:", chart.pool(), kind="expiry") > 0
    assert "reversal" in {kind for *_, kind, _ in raw.moves}
    assert found.points == _ending(market, day, day + timedelta(days=rules.EXPIRING_DAYS))


def _prepare(market: Market) -> None:
    """Bind two relatives, and let one like to help."""
    world = market.world
    Homes(world).likes("volunteer", ["company"])
    coordinator, second = world.actor("coordinator"), world.actor("second")
    with world.write() as session:
        for who in MEMBERS[1:]:
            poor = session.get_one(Person, world.people[who].id)
            listed = grants.propose(session, coordinator, poor, reason="独居", now=market.now)
            grants.confirm(session, second, listed.public_id, agrees=True, now=market.now)
        one, other = (session.get_one(Person, world.people[who].id) for who in MEMBERS[:2])
        bond = bonds.ask(session, one, other, kind="parent", now=market.now)
        bonds.answer(session, other, bond.public_id, agrees=True, now=market.now)
        bonds.check(session, second, bond.public_id, is_right=True, now=market.now)
    credit(world, "volunteer", chart.MINUTES, 600)
    with world.write() as session:
        donor = session.get_one(Person, world.people["volunteer"].id)
        pool.donate(session, donor, unit=chart.MINUTES, amount=600, now=market.now)
    credit(world, "resident", chart.MINUTES, 600)
    credit(world, "panel", chart.MINUTES, 300)
