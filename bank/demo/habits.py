"""What people of a simulated community do together, and what they have for their hours."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from bank import clock
from bank.checkin import closing
from bank.demo import goods
from bank.demo.living import TIME_ZONE, Guest
from bank.demo.village import Village, attempt, moment, season
from bank.members.actor import Actor
from bank.shop import operations as shop
from bank.shop import stock
from bank.shop.models import Item
from bank.vitals.models import Nudge

SHY = 0.03
"""How likely an old person asks for something in a week of their own accord; once somebody asked them, ASKED."""
ASKED = 0.35
YOUNG = 0.05
RICH = 20 * 60
"""Who has saved so many minutes thinks of it twice as often; who was lately offered something, three times."""
NUDGED_TIMES = 3
NUDGED_FOR = timedelta(weeks=4)
LOOKS = 0.8
"""How many look first what they can pay for; the others learn it at the counter."""
FORGETS = 0.1
DAYS = (1, 5, 6)
"""Tuesday, Saturday, Sunday: when things are held."""


def serve_together(session: Session, village: Village, monday: date) -> None:
    """Hold two or three activities, to which the diligent come most; desk and notice follow."""
    people = village.town.people
    if not people:
        return
    for day in sorted(village.draw.sample(DAYS, village.draw.choice((2, 2, 3)))):
        kind = village.draw.choice(goods.KINDS)
        on = monday + timedelta(days=day)
        starts_at = clock.start_of_day(on, TIME_ZONE) + timedelta(hours=kind.starts_at_hour)
        activity = village.life.announce(session, kind, starts_at, starts_at - timedelta(days=1))
        crowd = min(kind.people, max(3, len(people) // 12))
        weights = [village.weight[who.person_id] for who in people]
        come = {who.person_id: who for who in village.draw.choices(people, weights, k=crowd)}
        guests = [_guest(village, kind, who) for who in come.values()]
        village.life.sign_up(session, activity, guests, starts_at - timedelta(hours=12))
        village.life.run(session, activity, guests, until=activity.ends_at + timedelta(hours=1))
        closing.close(session, activity.id, now=activity.ends_at + timedelta(hours=2))


def _guest(village: Village, kind: goods.Kind, who: Actor) -> Guest:
    minutes = timedelta(minutes=1)
    leaves = minutes * (kind.minutes + village.draw.randint(-20, 20))
    is_forgetful = village.draw.random() < FORGETS / 2
    return Guest(
        who, minutes * village.draw.randint(-15, 10), None if is_forgetful else leaves, device=f"p-{who.person_id}"
    )


def clear_desk(session: Session, village: Village, monday: date) -> None:
    """Decide on the Monday after what the week brought."""
    village.life.clear_desk(session, moment(monday, 7, 9))


def fetch(session: Session, village: Village, monday: date) -> None:
    """Hand over what was ordered before; some never come for it, and the voucher lapses."""
    now = moment(monday, 0, 10)
    due = [placed for on, placed in village.vouchers if on <= monday]
    village.vouchers = [one for one in village.vouchers if one[0] > monday]
    for placed in due:
        now += timedelta(seconds=30)
        keeper = village.town.keeper_of(placed)
        attempt(session, village, partial(shop.hand_over, session, keeper, placed.voucher_code, now=now))


def refill(session: Session, village: Village, monday: date) -> None:
    """Fill the shelf on the first Monday of a month."""
    if monday.day <= 7:
        for item in village.town.items.values():
            if item.stock is not None:
                stock.add_stock(session, village.town.cast["shop"], item.public_id, 6, now=moment(monday, 0, 9))


def ask_around(_session: Session, village: Village, monday: date) -> None:
    """Once a month a captain asks two of the old what they need; who was asked is shy no longer."""
    shy = sorted(village.town.elders - village.asked)
    if monday.day <= 7 and shy:
        village.asked.update(village.draw.sample(shy, min(2, len(shy))))


def spend(session: Session, village: Village, monday: date) -> None:
    """Order: the old when asked and in winter, others now and then; what cannot be paid is refused as in life."""
    now = moment(monday, 2, 14)
    items = [item for item in village.town.items.values() if item.unit == "MIN"]
    has, nudged = village.town.saved(session, now), _nudged(session, monday)
    for who in list(village.town.people):
        saved = has.get(who.person_id, 0)
        if village.draw.random() >= _likely(village, who, saved, who.person_id in nudged) * season(monday):
            continue
        item = _wish(village, items, saved)
        if item is None:
            continue
        now += timedelta(minutes=2)
        order = partial(shop.order, session, who, item_id=item.public_id, quantity=1, now=now)
        placed = attempt(session, village, order)
        if placed is not None and village.draw.random() >= FORGETS:
            weeks = village.draw.choice((1, 1, 1, 1, 1, 2))
            village.vouchers.append((monday + timedelta(weeks=weeks), placed))


def _nudged(session: Session, monday: date) -> set[int]:
    """Give who was offered something to do with their hours within the last weeks."""
    return set(session.scalars(select(Nudge.person_id).where(Nudge.at >= moment(monday, 0, 0) - NUDGED_FOR)))


def _likely(village: Village, who: Actor, saved: int, is_nudged: bool) -> float:
    usual = (ASKED if who.person_id in village.asked else SHY) if village.is_old(who) else YOUNG
    return usual * (2 if saved >= RICH else 1) * (NUDGED_TIMES if is_nudged else 1)


def _wish(village: Village, items: list[Item], saved: int) -> Item | None:
    """Choose something, most often of what one can pay; None where there is nothing and one knows it."""
    if village.draw.random() >= LOOKS:
        return village.draw.choice(items)
    can = [item for item in items if item.price <= saved]
    return village.draw.choice(can) if can else None
