"""The demo's places and people: 望月湖 in 岳麓区 with its buildings, and a small neighbour with the default rules."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from bank import chart, db
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.demo import goods
from bank.demo.people import CAST, MadeUp, family, phones
from bank.members import operations as members
from bank.members import passwords
from bank.members.actor import Actor
from bank.members.models import Household, Person
from bank.shop import stock
from bank.shop.models import Item, Order, Shop

DOORS_PER_BUILDING = 36
LARGE_RULES: dict[str, object] = {"notice_days": {"A": 0}}
"""What the large community departs from the defaults in."""
CARD_PIN = "2468"
"""The PIN of 李秀英's card."""
Progress = Callable[[int], None]


@dataclass
class Town:
    """Who and what the demo is made of."""

    community: Community
    people: list[Actor] = field(default_factory=list)
    elders: set[int] = field(default_factory=set)
    cast: dict[str, Actor] = field(default_factory=dict)
    shop: Shop | None = None
    provider: Shop | None = None
    barber: Shop | None = None
    items: dict[str, Item] = field(default_factory=dict)

    def keeper_of(self, placed: Order) -> Actor:
        """Give who hands over what was ordered."""
        is_barbers = self.barber is not None and placed.shop_id == self.barber.id
        return self.cast["barber" if is_barbers else "shop"]

    def saved(self, session: Session, now: datetime, unit: str = chart.MINUTES) -> dict[int, int]:
        """Give what each of them can spend of a unit, by row id."""
        paths = {chart.member(who.public_id): who.person_id for who in [*self.people, *self.cast.values()]}
        found = db.book(session, self.community.id, now).balances(list(paths), session=session)
        return {paths[path]: balance.available for (path, of), balance in found.items() if of == unit}


def found_towns(
    session: Session, draw: random.Random, *, households: int, password: str, born_at: datetime, step: Progress
) -> tuple[Town, Town]:
    """Found both demo communities; give the large one and its small neighbour."""
    since = born_at.date() - timedelta(days=30)
    district = communities.add(session, kind="district", code="430104", name="岳麓区", is_demo=True)
    street = communities.add(session, kind="street", code="430104001", name="望月湖街道", parent=district, is_demo=True)
    secrets = (passwords.make_hash(password), passwords.make_hash(CARD_PIN))
    numbers = phones()
    large = _found(session, street, "430104001001", "望月湖社区", dict(LARGE_RULES), since, born_at)
    small = _found(session, street, "430104001002", "月华社区", {}, since, born_at)
    _settle(session, draw, large, households, numbers, born_at, step)
    _settle(session, draw, small, max(5, households // 20), numbers, born_at, step)
    _add_cast(session, large, secrets, born_at, suffix="")
    _add_cast(session, small, secrets, born_at, suffix="2")
    _stock(session, large, born_at)
    return large, small


def found_one(
    session: Session,
    draw: random.Random,
    *,
    households: int,
    password: str,
    settings: dict[str, object],
    born_at: datetime,
) -> tuple[Town, Iterator[str]]:
    """Found one community with rules of its own, its cast and shops; give it, and the numbers for who comes later."""
    district = communities.add(session, kind="district", code="430104", name="岳麓区", is_demo=True)
    street = communities.add(session, kind="street", code="430104001", name="望月湖街道", parent=district, is_demo=True)
    numbers = phones()
    town = _found(session, street, "430104001001", "望月湖社区", settings, born_at.date(), born_at)
    _settle(session, draw, town, households, numbers, born_at, lambda _done: None)
    secret = passwords.make_hash(password)
    _add_cast(session, town, (secret, secret), born_at, suffix="")
    _stock(session, town, born_at)
    return town, numbers


def _found(
    session: Session,
    street: Community,
    code: str,
    name: str,
    settings: dict[str, object],
    since: date,
    now: datetime,
) -> Town:
    place = communities.add(session, kind="community", code=code, name=name, parent=street, is_demo=True)
    communities.adopt_rules(session, place, settings, effective_on=since, now=now)
    return Town(place)


def _settle(
    session: Session,
    draw: random.Random,
    town: Town,
    households: int,
    numbers: Iterator[str],
    now: datetime,
    step: Progress,
) -> None:
    building: Community | None = None
    for place in range(households):
        number, door = divmod(place, DOORS_PER_BUILDING)
        if building is None or door == 0:
            code = f"{town.community.code}-{number + 1}"
            building = communities.add(
                session, kind="building", code=code, name=f"{number + 1}栋", parent=town.community, is_demo=True
            )
        household = members.settle(session, building, _door(door))
        for made_up in family(draw, numbers):
            _register(session, town, made_up, household, now)
        step(1)


def _door(place: int) -> str:
    unit, floor_and_side = divmod(place, 12)
    return f"{unit + 1}单元{floor_and_side // 2 + 1}0{floor_and_side % 2 + 1}"


def _register(session: Session, town: Town, who: MadeUp, household: Household, now: datetime) -> None:
    person = members.register(
        session,
        town.community,
        name=who.name,
        now=now,
        phone=who.phone,
        household=household,
        is_elder=who.is_elder,
    )
    if who.age >= 12:
        town.people.append(actor_of(person))
    if who.is_elder:
        town.elders.add(person.id)


def actor_of(person: Person, roles: tuple[str, ...] = ()) -> Actor:
    """Give a made-up person as an actor."""
    return Actor(person.id, person.public_id, person.name, person.community_id, person.household_id, frozenset(roles))


def _add_cast(session: Session, town: Town, secrets: tuple[str, str], now: datetime, *, suffix: str) -> None:
    building = communities.add(
        session,
        kind="building",
        code=f"{town.community.code}-0",
        name="社区服务中心楼",
        parent=town.community,
        is_demo=True,
    )
    for number, (login, (name, roles, is_elder)) in enumerate(CAST.items(), 1):
        person = members.register(
            session,
            town.community,
            name=name,
            now=now,
            login=login + suffix,
            phone=f"1990000{number:02}{len(suffix)}0",
            password_hash=secrets[0],
            pin_hash=secrets[1],
            household=members.settle(session, building, f"1单元{number}01"),
            is_elder=is_elder,
        )
        for role in roles:
            members.grant_role(session, person, role, town.community, now=now)
        town.cast[login] = actor_of(person, roles)


def _stock(session: Session, town: Town, now: datetime) -> None:
    keeper = town.cast["shop"].person_id
    home = town.community.id
    town.shop = stock.open_shop(
        session,
        home,
        name="望月湖爱心超市",
        place="社区服务中心一楼",
        hours="周一至周六 9:00-17:00",
        keepers=[keeper],
        now=now,
    )
    town.provider = stock.open_shop(
        session,
        home,
        name="邻里服务站",
        place="社区服务中心二楼",
        hours="每天 9:00-18:00",
        keepers=[keeper],
        kind="provider",
        now=now,
    )
    town.barber = stock.open_shop(
        session,
        home,
        name="国平理发",
        place="3栋架空层",
        hours="周二至周日 9:00-18:00",
        keepers=[town.cast["barber"].person_id],
        kind="provider",
        now=now,
    )
    for title, price, amount, picture, text in goods.GOODS:
        town.items[title] = stock.put_on_shelf(
            session,
            town.shop,
            kind="goods",
            title=title,
            unit="PTS",
            price=price,
            now=now,
            by=keeper,
            stock=amount,
            picture=picture,
            description=text,
        )
    for title, minutes, picture, text in goods.SERVICES:
        town.items[title] = stock.put_on_shelf(
            session,
            town.barber if title in goods.BARBERS else town.provider,
            kind="service",
            title=title,
            unit="MIN",
            price=minutes,
            now=now,
            picture=picture,
            description=text,
        )
