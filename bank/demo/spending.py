"""What the demo's people have for their hours and points: who has saved much thinks of it most."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from bank import chart
from bank.demo import goods
from bank.demo.founding import Town
from bank.errors import BankError
from bank.members.actor import Actor
from bank.shop import operations as shop
from bank.shop import stock
from bank.shop.models import Item, Order

POINT_ORDERS = (0, 1, 1, 2, 3)
FEWEST, MOST = 2, 9
"""Orders for time a day; one more than the fewest for each MORE_FOR minutes that lie unused."""
MORE_FOR = 200 * 60
QUANTITIES = (1, 1, 2, 2, 3)
WEEK = 7


@dataclass
class Spending:
    """A town's shops, what their people have saved, and the vouchers not yet fetched."""

    town: Town
    draw: random.Random
    vouchers: list[tuple[date, Order]] = field(default_factory=list)
    saved: dict[int, int] = field(default_factory=dict)
    """Minutes by row id, as of the last week."""
    looked_on: date | None = None

    def live(self, session: Session, day: date, kind_ones: Sequence[Actor], now: datetime) -> None:
        """Refill the shelves on Mondays, hand over what waits, let some order, and on Tuesdays have hair cut."""
        if day.weekday() == 0:
            self._refill(session, now - timedelta(hours=4))
        self._hand_over(session, day, now - timedelta(hours=2))
        if self.looked_on is None or (day - self.looked_on).days >= WEEK or not self.saved:
            self.saved, self.looked_on = self._look(session, now), day
        for _ in range(self.draw.choice(POINT_ORDERS) if kind_ones else 0):
            now += timedelta(minutes=2)
            self._order(session, self.draw.choice(kind_ones), self.draw.choice(self._shelf), 1, day, now)
        for _ in range(min(MOST, FEWEST + sum(self.saved.values()) // MORE_FOR)):
            now += timedelta(minutes=2)
            self._spend(session, day, now, list(self.town.items.values()))
        if day.weekday() == 1 and self.town.barber is not None:
            cuts = [item for item in self.town.items.values() if item.shop_id == self.town.barber.id]
            self._spend(session, day, now + timedelta(minutes=2), cuts)

    def _refill(self, session: Session, now: datetime) -> None:
        for title, item in self.town.items.items():
            if item.stock is not None and title not in goods.LOW_STOCK:
                stock.add_stock(session, self.town.cast["shop"], item.public_id, 6, now=now)

    def _look(self, session: Session, now: datetime) -> dict[int, int]:
        """Give what everybody but the demo's own people can spend; those keep theirs for whoever looks at the demo."""
        own = {actor.person_id for actor in self.town.cast.values()}
        return {who: has for who, has in self.town.saved(session, now).items() if has > 0 and who not in own}

    def _spend(self, session: Session, day: date, now: datetime, shelf: Sequence[Item]) -> None:
        """Let somebody have something of a shelf that they can pay for; who has saved most comes most."""
        able = [who for who in self.town.people if self.saved.get(who.person_id, 0) > 0]
        if not able:
            return
        who = self.draw.choices(able, [self.saved[one.person_id] for one in able])[0]
        has = self.saved[who.person_id]
        can = [item for item in shelf if item.unit == chart.MINUTES and item.price <= has]
        if not can:
            return
        # Who has much thinks of the larger things.
        item = max(self.draw.choice(can), self.draw.choice(can), key=lambda one: one.price)
        quantity = max(1, min(self.draw.choice(QUANTITIES), has // item.price))
        if self._order(session, who, item, quantity, day, now):
            self.saved[who.person_id] -= item.price * quantity

    @property
    def _shelf(self) -> list[Item]:
        """What people ask for with points: small things more often than large ones."""
        items = [item for item in self.town.items.values() if item.unit == chart.POINTS]
        return items + [item for item in items if item.price <= 30] * 2

    def _order(self, session: Session, who: Actor, item: Item, quantity: int, day: date, now: datetime) -> bool:
        try:
            with session.begin_nested():
                placed = shop.order(session, who, item_id=item.public_id, quantity=quantity, now=now)
        except BankError:
            return False  # not enough saved yet, or sold out: real people are refused, too
        if self.draw.random() < 0.95:
            self.vouchers.append((day + timedelta(days=self.draw.randint(0, 4)), placed))
        return True

    def _hand_over(self, session: Session, day: date, now: datetime) -> None:
        due = [voucher for voucher in self.vouchers if voucher[0] <= day]
        self.vouchers = [voucher for voucher in self.vouchers if voucher[0] > day]
        for _, placed in due:
            keeper = self.town.keeper_of(placed)
            now += timedelta(seconds=30)  # the book orders by the moment, so no two fall in the same one
            if self.draw.random() < 0.05:
                shop.cancel(session, keeper, placed.public_id, reason="顾客改了主意", now=now)
            else:
                shop.hand_over(session, keeper, placed.voucher_code, now=now)
