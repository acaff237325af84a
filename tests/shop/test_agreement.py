"""Whatever happens in a shop: its shelf, its vouchers, its statements and the book agree to the piece and minute."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import func, select

from bank import chart, checks, db, jobs
from bank.errors import BankError
from bank.shop import settling, statements, stock, striking, undoing
from bank.shop.models import Item, Order, Settlement, SettlementLine, Shop, StockMovement, Strike
from tests.shop.market import Market, credit

STEPS = 90
SEEDS = (1, 2026)
START = datetime.fromisoformat("2026-10-05T09:00:00+08:00")
HOURS = (0.02, 0.1, 1, 7, 30, 90, 200)
"""How long between two steps: seconds, so that undoing is possible, to a week, so that vouchers lapse."""


class Life:
    """A shop's months at random: every verb there is, each as a request would do it, refused or not."""

    def __init__(self, market: Market, seed: int) -> None:
        self.market, self.draw = market, random.Random(seed)
        self.did: set[str] = set()
        self.verbs: dict[str, Callable[[], object]] = {
            "order": self.order,
            "hand over": self.hand_over,
            "cancel": self.cancel,
            "undo": self.undo,
            "receive": lambda: market.count((market.stock() or 0) + self.draw.randint(1, 9)),
            "damage": lambda: market.count(max(0, (market.stock() or 0) - self.draw.randint(1, 3))),
            "count": lambda: market.confirm(market.count_shelf(self.draw.randint(0, 9))),
            "donate": self.donate,
            "propose": self.propose,
            "agree": self.agree,
            "settle": self.settle,
        }
        self.weights = (9, 8, 2, 3, 2, 1, 1, 1, 4, 4, 3)

    def live(self) -> None:
        """Take the steps, with the jobs between them, and then wait until every month is over."""
        for _ in range(STEPS):
            name = self.draw.choices(list(self.verbs), self.weights)[0]
            try:
                if self.verbs[name]() is not False:
                    self.did.add(name)
            except BankError:
                pass
            self.market.world.clock.now += timedelta(hours=self.draw.choice(HOURS))
            if self.draw.random() < 0.3:
                self.run_jobs()
        self.market.world.clock.now += timedelta(days=62)
        self.run_jobs()

    def run_jobs(self) -> None:
        with self.market.world.app.app_context():
            jobs.run_due(self.market.now)

    def order(self) -> object:
        item = self.draw.choice((self.market.soap, self.market.haircut))
        return self.market.order(self.draw.choice(("volunteer", "resident")), item, self.draw.randint(1, 3))

    def pick(self, state: str) -> Order | None:
        with self.market.world.write() as session:
            return session.scalar(
                select(Order).where(Order.state == state).order_by(func.abs(Order.id * 7919 % self.draw.randint(3, 97)))
            )

    def keeper(self, order: Order) -> str:
        return "barber" if order.unit == chart.MINUTES else "shop"

    def hand_over(self) -> object:
        order = self.pick("held")
        return order is not None and self.market.hand_over(order, self.keeper(order))

    def cancel(self) -> object:
        order = self.pick("held")
        return order is not None and self.market.cancel(order, self.keeper(order))

    def undo(self) -> object:
        """Hand over to the wrong one, see it, and take it back."""
        order = self.pick("held")
        if order is None:
            return False
        self.market.hand_over(order, self.keeper(order))
        self.market.world.clock.now += timedelta(minutes=1)
        actor = self.market.world.actor(self.keeper(order))
        with self.market.world.write() as session:
            return undoing.take_back(session, actor, order.public_id, now=self.market.now)

    def donate(self) -> object:
        actor = self.market.world.actor("shop")
        with self.market.world.write() as session:
            return stock.receive(session, actor, self.market.soap, 2, donor="邻居", is_named=False, now=self.market.now)

    def propose(self) -> object:
        order = self.pick("handed_over")
        if order is None:
            return False
        actor = self.market.world.actor(self.draw.choice((self.keeper(order), "second")))
        with self.market.world.write() as session:
            return striking.propose(session, actor, order.voucher_code, reason="拿错了", now=self.market.now)

    def agree(self) -> object:
        with self.market.world.write() as session:
            asked = session.execute(
                select(Strike.public_id, Strike.side, Strike.unit).where(Strike.state == "proposed").limit(1)
            ).one_or_none()
        if asked is None:
            return False
        keeper = "barber" if asked.unit == chart.MINUTES else "shop"
        actor = self.market.world.actor("coordinator" if asked.side == "provider" else keeper)
        with self.market.world.write() as session:
            return striking.agree(session, actor, asked.public_id, now=self.market.now)

    def settle(self) -> object:
        """Confirm and settle one statement, whichever is not settled yet."""
        with self.market.world.write() as session:
            one = session.scalar(select(Settlement).where(Settlement.state != "settled").order_by(Settlement.id))
            keeper = "barber" if one is not None and one.minutes else "shop"
        if one is None:
            return False
        for who in (keeper, "coordinator"):
            actor = self.market.world.actor(who)
            if one.state == "open":
                with self.market.world.write() as session:
                    settling.confirm(session, actor, one.public_id, now=self.market.now)
        actor = self.market.world.actor("coordinator")
        today = self.market.now.astimezone(START.tzinfo).date()
        with self.market.world.write() as session:
            return settling.settle(session, actor, one.public_id, paid_on=today, note="", now=self.market.now)


def months_in_book(market: Market, shop: Shop, unit: str) -> dict[date, int]:
    """Sum what the book says a shop's account took in, by month, settlements aside."""
    with market.world.write() as session:
        book = db.book(session, market.world.community_id, market.now)
        taken: dict[date, int] = {}
        cursor = None
        while True:
            page = book.statement(chart.shop(shop.public_id), unit, cursor=cursor, session=session)
            for entry in page.items:
                if entry.kind != "settlement":
                    month = entry.effective_date.replace(day=1)
                    taken[month] = taken.get(month, 0) + entry.amount
            cursor = page.next
            if cursor is None:
                return taken


@pytest.mark.parametrize("seed", SEEDS)
def test_shelf_vouchers_statements_and_book_agree(market: Market, seed: int) -> None:
    market.world.clock.now = START + timedelta(days=49)
    for who in ("volunteer", "resident"):
        credit(market.world, who, chart.POINTS, 5000)
        credit(market.world, who, chart.MINUTES, 9000)
    life = Life(market, seed)
    life.live()
    assert life.did >= {"order", "hand over", "cancel", "undo", "receive", "count", "agree", "settle"}

    with market.world.write() as session:
        _check_shelf(session, market)
        _check_codes(session)
        for shop in session.scalars(select(Shop)):
            _check_statements(session, market, shop)
        assert checks._stock(session) == []
    for shop, unit in ((market.goods_shop, chart.POINTS), (market.barber_shop, chart.MINUTES)):
        with market.world.write() as session:
            row = session.scalars(select(Shop).where(Shop.public_id == shop)).one()
            left = session.scalar(
                select(func.coalesce(func.sum(Order.total), 0)).where(
                    Order.shop_id == row.id, Order.state == "handed_over"
                )
            )
        assert sum(months_in_book(market, row, unit).values()) + _brought_back(market, row) == left
    with market.world.app.app_context():
        assert db.book(db.session(), market.world.community_id, market.now).verify().findings == ()
        db.drop()


def _check_shelf(session: object, market: Market) -> None:
    found = session.scalars(select(Item).where(Item.public_id == market.soap)).one()  # type: ignore[attr-defined]
    rows = session.scalars(  # type: ignore[attr-defined]
        select(StockMovement).where(StockMovement.item_id == found.id).order_by(StockMovement.id)
    ).all()
    stands = 0
    for row in rows:
        stands += row.quantity
        assert row.stock_after == stands
    assert found.stock == stands
    gone = session.scalar(  # type: ignore[attr-defined]
        select(func.coalesce(func.sum(Order.quantity), 0)).where(
            Order.item_id == found.id, Order.state == "handed_over"
        )
    )
    assert found.handed_over == gone


def _check_codes(session: object) -> None:
    """Each voucher handed over stands on one line; a line whose voucher went back has its strike, and no other has."""
    done = session.scalars(select(Order.voucher_code).where(Order.state == "handed_over")).all()  # type: ignore[attr-defined]
    lines = session.scalars(select(SettlementLine.code)).all()  # type: ignore[attr-defined]
    struck = session.scalars(  # type: ignore[attr-defined]
        select(SettlementLine.code).join(Strike, Strike.line_id == SettlementLine.id).where(Strike.state == "struck")
    ).all()
    assert len(lines) == len(set(lines))
    assert sorted(lines) == sorted([*done, *struck])


def _check_statements(session: object, market: Market, shop: Shop) -> None:
    """Every statement is its lines and the book's month; what is left on the account is what is not settled."""
    owed = dict.fromkeys(chart.UNITS, 0)
    for one in session.scalars(select(Settlement).where(Settlement.shop_id == shop.id)):  # type: ignore[attr-defined]
        lines = session.scalars(select(SettlementLine).where(SettlementLine.settlement_id == one.id)).all()  # type: ignore[attr-defined]
        sums = {unit: sum(line.total for line in lines if line.unit == unit) for unit in chart.UNITS}
        assert (one.vouchers, one.minutes, one.points) == (len(lines), sums[chart.MINUTES], sums[chart.POINTS])
        assert statements.stated(session, one).is_as_the_book_says  # type: ignore[arg-type]
        if one.state != "settled":
            own = settling.own_strikes(session, one)  # type: ignore[arg-type]
            for unit in chart.UNITS:
                owed[unit] += sums[unit] - own[unit]
    book = db.book(session, market.world.community_id, market.now)  # type: ignore[arg-type]
    account = chart.shop(shop.public_id)
    assert {unit: book.balance(account, unit, session=session).posted for unit in chart.UNITS} == owed  # type: ignore[arg-type]


def _brought_back(market: Market, shop: Shop) -> int:
    """Sum what strikes took back from what was settled: it passes the account, beside the months."""
    with market.world.write() as session:
        return int(
            session.scalar(
                select(func.coalesce(func.sum(Strike.total), 0))
                .join(SettlementLine, SettlementLine.id == Strike.line_id)
                .where(
                    Strike.shop_id == shop.id,
                    Strike.state == "struck",
                    Strike.settlement_id.is_(None) | (Strike.settlement_id != SettlementLine.settlement_id),
                )
            )
            or 0
        )
