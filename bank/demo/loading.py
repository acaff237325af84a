"""Bring the made-up community to life, day by day, through the same verbs as real use."""

from __future__ import annotations

import gc
import random
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TextIO

import click
from flask import current_app
from sqlalchemy.orm import Session

from bank import clock, db, qr
from bank.checkin.codes import Keys
from bank.demo import goods, settling
from bank.demo.founding import LARGE_RULES, Town, found_towns
from bank.demo.giving import show_giving
from bank.demo.kindness import show_kindness
from bank.demo.living import TIME_ZONE, Guest, Life
from bank.demo.queueing import show_queue
from bank.shop import donors, stock, stocktaking
from bank.shop import operations as shop
from bank.shop.refusals import NotEnough
from bank.vitals import measuring

OPENED_BEFORE = 7
"""Days between the opening and the first day of history: enough for the first notices to end."""
BEGUN_BEFORE = timedelta(minutes=50)
WEEK = 7
"""The figures of the bank's health are taken so often, for the line of the past months."""
GARBAGE_EVERY = 100_000
"""Objects between two searches for garbage, in place of Python's 700."""
TODAY_MINUTES = 240
"""The activity that runs right now began fifty minutes ago and goes on for three hours."""


def load(*, households: int, days: int, seed: int, show: TextIO) -> None:
    """Load `households` behind their doors and `days` of history up to now; progress goes to `show`.

    The same seed on the same day gives the same books, but for the order of credits that share a moment.
    """
    now = clock.utc_now().replace(second=0, microsecond=0)
    draw = random.Random(seed)
    weight = days * 4
    db.drop()  # a reader left open would keep SQLite from folding the log of writes into the file
    with (
        qr.drawn_from(random.Random(seed + 1)),
        click.progressbar(length=households + households // 20 + weight, label="  demo", file=show) as bar,
    ):
        with db.unit_of_work() as session:
            born_at = now - timedelta(days=days + OPENED_BEFORE + 4)
            password = current_app.config["DEMO_PASSWORD"]
            towns = found_towns(
                session, draw, households=households, password=password, born_at=born_at, step=bar.update
            )
        # What was made so far stays: to walk it again and again in search of garbage costs a tenth of the time.
        gc.freeze()
        gc.set_threshold(GARBAGE_EVERY)
        keys = Keys(bytes.fromhex(current_app.config["CODE_KEY"]))
        lives = [Life(town, draw, keys) for town in towns]
        _live(lives, now, days, bar)


def _live(lives: list[Life], now: datetime, days: int, bar: object) -> None:
    today = clock.local_day(now, TIME_ZONE)
    with db.unit_of_work() as session:
        for life in lives:
            life.open(session, today - timedelta(days=days + OPENED_BEFORE), until=today - timedelta(days=days))
    for ago in range(days, 0, -1):
        with db.unit_of_work() as session:
            for life in lives if ago <= 10 else lives[:1]:
                life.live(session, today - timedelta(days=ago), is_last=ago == 1)
                settling.settle_month(session, life.town, today - timedelta(days=ago), today=today)
                if ago % WEEK == 0:
                    midnight = clock.start_of_day(today - timedelta(days=ago - 1), TIME_ZONE)
                    measuring.take(session, life.town.community, now=midnight - timedelta(seconds=1))
        bar.update(4)  # type: ignore[attr-defined]
    with db.unit_of_work() as session:
        for life in lives:
            _stage_today(session, life, now)


def _stage_today(session: Session, life: Life, now: datetime) -> None:
    """Leave something for everyone to do: an activity that runs, some to sign up for, a voucher, a low shelf."""
    kind = goods.Kind(
        "邻里守望·上门看老人", "elder_care", "社区服务中心一楼", 9, TODAY_MINUTES, 40, "两人同行，先敲门报姓名。"
    )
    starts_at = now - BEGUN_BEFORE
    running = life.announce(session, kind, starts_at, starts_at - timedelta(days=2))
    guests = [guest for guest in life.invite(kind) if guest.who not in life.town.cast.values()]
    volunteer = life.town.cast["volunteer"]
    life.sign_up(session, running, [*guests, Guest(volunteer, timedelta(), None)], starts_at - timedelta(days=1))
    life.run(session, running, guests, until=now)
    for ahead, coming in enumerate(goods.KINDS[:5], 1):
        day = clock.start_of_day(clock.local_day(now, TIME_ZONE) + timedelta(days=ahead), TIME_ZONE)
        open_one = life.announce(session, coming, day + timedelta(hours=coming.starts_at_hour), now)
        life.sign_up(session, open_one, life.invite(coming)[:: ahead + 1], now)
    if life.town.shop is not None:
        show_kindness(session, life.town, now)
        settling.build(session, now)
        show_giving(session, life.town, now)
        _fill_shop(session, life.town, now)
        life.helping.leave_some(session, now)


def _count_shelf(session: Session, town: Town, now: datetime) -> None:
    """Let the keeper find the shop low, and the coordinator confirm it."""
    assert town.shop is not None  # noqa: S101 -- the caller asked
    shelf = stocktaking.on_shelf(session, town.shop.id)
    found = {item.public_id: expected for item, expected in shelf}
    for item, expected in shelf:
        if item.title in goods.LOW_STOCK:
            assert item.stock is not None  # noqa: S101 -- goods on a shelf
            found[item.public_id] = expected - max(0, item.stock - goods.LOW_STOCK[item.title])
    counted = stocktaking.count(session, town.cast["shop"], town.shop.public_id, found, now=now)
    stocktaking.confirm(session, town.cast["coordinator"], counted.public_id, now=now + timedelta(minutes=30))


def _fill_shop(session: Session, town: Town, now: datetime) -> None:
    keeper, resident = town.cast["shop"], town.cast["resident"]
    soap = town.items["香皂"].public_id
    given_at = now - timedelta(hours=3)
    gift = stock.receive(session, keeper, soap, 20, donor=goods.DONOR, is_named=True, now=given_at)
    donors.look(session, town.cast["coordinator"], gift.public_id, is_shown=True, now=given_at + timedelta(minutes=9))
    _count_shelf(session, town, now - timedelta(hours=2))
    with suppress(NotEnough):  # a history of few days may not have earned it
        shop.order(session, resident, item_id=town.items["理发"].public_id, quantity=1, now=now)
    show_queue(session, town, dict(LARGE_RULES), now)
