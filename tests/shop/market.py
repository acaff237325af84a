"""A shop of goods, a provider of services, and a volunteer with something to spend."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select

from bank import chart, db
from bank.communities import operations as communities
from bank.communities.models import Community, RuleVersion
from bank.members import operations as members
from bank.members import passwords
from bank.members.models import Person
from bank.shop import operations as shop
from bank.shop import queueing, stock, stocktaking
from bank.shop.models import Item, Order, QueuePlace, StockMovement, Stocktake
from ledger import Balance, Transfer, Txn
from tests.world import World

PIN = "2580"
PIN_HASH = passwords.make_hash(PIN)
NO_QUOTAS = {
    "goods_orders_per_month": 0,
    "household_orders_per_month": 0,
    "item_orders_per_quarter": 0,
    "household_item_orders_per_quarter": 0,
}
"""What most tests of the shop live by, so that somebody may order again and again."""


@dataclass
class Market:
    """The shops of the small world: `shop` keeps 惠民超市, `barber` keeps 老李理发."""

    world: World
    goods_shop: str
    barber_shop: str
    soap: str
    haircut: str

    @property
    def now(self) -> datetime:
        return self.world.clock.now

    @property
    def quiet_since(self) -> date:
        """Give the day from which no quotas hold."""
        return self.now.date() - timedelta(days=2)

    def order(self, who: str = "volunteer", item: str | None = None, quantity: int = 1) -> Order:
        """Place an order as a request would."""
        actor = self.world.actor(who)
        with self.world.write() as session:
            return shop.order(session, actor, item_id=item or self.soap, quantity=quantity, now=self.now)

    def queue(self, who: str = "volunteer", item: str | None = None, quantity: int = 1) -> QueuePlace:
        """Queue for an item."""
        actor = self.world.actor(who)
        with self.world.write() as session:
            return queueing.join(session, actor, item_id=item or self.soap, quantity=quantity, now=self.now)

    def hand_over(self, order: Order, who: str = "shop") -> Order:
        actor = self.world.actor(who)
        with self.world.write() as session:
            return shop.hand_over(session, actor, order.voucher_code, now=self.now)

    def cancel(self, order: Order, who: str = "volunteer", reason: str | None = None) -> Order:
        actor = self.world.actor(who)
        with self.world.write() as session:
            return shop.cancel(session, actor, order.public_id, now=self.now, reason=reason)

    def serve(self, item: str | None = None, *, who: str = "shop", owner: str = "resident", quantity: int = 1) -> Order:
        """Serve a card whose PIN was checked."""
        actor, person = self.world.actor(who), self.world.people[owner]
        with self.world.write() as session:
            return shop.serve(session, actor, person, item_id=item or self.soap, quantity=quantity, now=self.now)

    def offer(self, *, is_offered: bool) -> None:
        actor = self.world.actor("shop")
        with self.world.write() as session:
            stock.offer(session, actor, self.soap, is_offered=is_offered)

    def count(self, number: int) -> None:
        """Let so many pieces of soap stand on the shelf."""
        actor, more = self.world.actor("shop"), number - (self.stock() or 0)
        with self.world.write() as session:
            if more > 0:
                stock.add_stock(session, actor, self.soap, more, now=self.now)
            elif more < 0:
                stock.write_off(session, actor, self.soap, -more, note="受潮", now=self.now)

    def count_shelf(self, number: int) -> Stocktake:
        """Hand in that so many pieces of soap stand there; everything else as it should be."""
        actor = self.world.actor("shop")
        with self.world.write() as session:
            shelf = stocktaking.on_shelf(session, stock.shop_in(session, self.world.community_id, self.goods_shop).id)
            found = {item.public_id: expected for item, expected in shelf} | {self.soap: number}
            return stocktaking.count(session, actor, self.goods_shop, found, now=self.now)

    def confirm(self, taken: Stocktake, who: str = "coordinator") -> Stocktake:
        actor = self.world.actor(who)
        with self.world.write() as session:
            return stocktaking.confirm(session, actor, taken.public_id, now=self.now)

    def movements(self, item: str | None = None) -> list[tuple[str, int, int]]:
        """Give what moved, the oldest first: kind, quantity, stock after."""
        found = select(StockMovement).join(Item, Item.id == StockMovement.item_id)
        with self.world.write() as session:
            rows = session.scalars(found.where(Item.public_id == (item or self.soap)).order_by(StockMovement.id))
            return [(one.kind, one.quantity, one.stock_after) for one in rows]

    def add_item(self, title: str, *, unit: str, price: int, stock_: int = 9) -> str:
        """Put more goods on the shelf of 惠民超市."""
        with self.world.write() as session:
            shop_row = stock.shop_in(session, self.world.community_id, self.goods_shop)
            return stock.put_on_shelf(
                session, shop_row, kind="goods", title=title, unit=unit, price=price, stock=stock_, now=self.now
            ).public_id

    def adopt(self, *, days_ago: int = 1, **settings: int) -> None:
        """Let other rules be in force from yesterday on, without quotas unless they name some."""
        with self.world.write() as session:
            place = session.get_one(Community, self.world.community_id)
            day = self.now.date() - timedelta(days=days_ago)
            communities.adopt_rules(session, place, {**NO_QUOTAS, **settings}, effective_on=day, now=self.now)

    def handed_over(self) -> int:
        """Give how many pieces of soap were ever handed over."""
        with self.world.write() as session:
            return session.scalars(select(Item.handed_over).where(Item.public_id == self.soap)).one()

    def lapse(self) -> int:
        with self.world.write() as session:
            return shop.lapse_due(session, now=self.now)

    def stock(self, item: str | None = None) -> int | None:
        with self.world.write() as session:
            return session.scalars(select(Item.stock).where(Item.public_id == (item or self.soap))).one()

    def state(self, order: Order) -> str:
        with self.world.write() as session:
            return session.get_one(Order, order.id).state

    def has(self, who: str = "volunteer", unit: str = chart.POINTS) -> Balance:
        """Give what somebody has."""
        return self._balance(chart.member(self.world.people[who].public_id), unit)

    def takings(self, shop_id: str, unit: str) -> int:
        """Give what a shop was paid."""
        return self._balance(chart.shop(shop_id), unit).posted

    def _balance(self, path: str, unit: str) -> Balance:
        with self.world.write() as session:
            return db.book(session, self.world.community_id, self.now).balance(path, unit, session=session)


def credit(world: World, who: str, unit: str, amount: int, key: str | None = None) -> None:
    """Give somebody hours or points out of the issuance of rule version 1."""
    person = world.people[who]
    with world.write() as session:
        book = db.book(session, person.community_id, world.clock.now)
        book.open_account(chart.issuance(1), unit, kind="issuance", min_balance=None, is_shared=True, session=session)
        move = Transfer(debit=chart.issuance(1), credit=chart.member(person.public_id), unit=unit, amount=amount)
        txn = Txn(kind="credit", transfers=[move], effective=world.clock.now.date(), actor="test", memo="楼道清洁")
        book.post(txn, key=key or f"test:{uuid.uuid4()}", session=session)


def build_market(world: World) -> Market:
    """Open two shops, one item each, and give the volunteer 3 hours and 100 points."""
    world.add_person("barber", "李师傅")
    with world.write() as session:
        home = session.get_one(Community, world.community_id)
        barber = session.get_one(Person, world.people["barber"].id)
        members.grant_role(session, barber, "shopkeeper", home, now=world.clock.now)
        keeper = world.people["shop"].id
        goods = stock.open_shop(
            session, home.id, name="惠民超市", place="3栋1楼", hours="9:00-17:00", keepers=[keeper], now=world.clock.now
        )
        hair = stock.open_shop(session, home.id, name="老李理发", place="5栋", keepers=[barber.id], now=world.clock.now)
        soap = stock.put_on_shelf(
            session,
            goods,
            kind="goods",
            title="肥皂",
            unit="PTS",
            price=15,
            stock=5,
            picture="soap",
            now=world.clock.now,
        )
        cut = stock.put_on_shelf(
            session, hair, kind="service", title="理发", unit="MIN", price=30, picture="haircut", now=world.clock.now
        )
        session.get_one(Person, world.people["resident"].id).pin_hash = PIN_HASH
    market = Market(world, goods.public_id, hair.public_id, soap.public_id, cut.public_id)
    with world.write() as session:
        versions = select(RuleVersion.id).where(RuleVersion.community_id == world.community_id)
        is_first = session.scalar(versions.where(RuleVersion.effective_on == market.quiet_since)) is None
    if is_first:
        market.adopt(days_ago=2)
    credit(world, "volunteer", chart.POINTS, 100)
    credit(world, "volunteer", chart.MINUTES, 180)
    credit(world, "resident", chart.POINTS, 100)
    return market
