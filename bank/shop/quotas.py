"""How many goods a person and a household may order in a month, and of the same goods in a quarter."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from bank.communities.rules import Rules
from bank.members.models import Person
from bank.shop import rules
from bank.shop.models import Item, Order
from bank.shop.refusals import (
    HouseholdItemQuotaReached,
    HouseholdQuotaReached,
    ItemQuotaReached,
    QuotaReached,
)


def are_set(in_force: Rules) -> bool:
    """Tell whether any quota of goods is in force."""
    own = in_force.goods_orders_per_month or in_force.item_orders_per_quarter
    return bool(own) or are_for_households(in_force)


def are_for_households(in_force: Rules) -> bool:
    """Tell whether a quota counts a household together."""
    return bool(in_force.household_orders_per_month or in_force.household_item_orders_per_quarter)


def check(session: Session, owner: Person, item: Item, in_force: Rules, time_zone: str, now: datetime) -> None:
    """Refuse goods beyond a quota. What was cancelled or lapsed does not count. Raises QuotaReached and its kin."""
    if not are_set(in_force):
        return
    own, own_item, home, home_item = _counted(session, owner, item, time_zone, now)
    for counted, most, refusal in (
        (own, in_force.goods_orders_per_month, QuotaReached),
        (own_item, in_force.item_orders_per_quarter, ItemQuotaReached),
        (home, in_force.household_orders_per_month, HouseholdQuotaReached),
        (home_item, in_force.household_item_orders_per_quarter, HouseholdItemQuotaReached),
    ):
        if most and counted >= most:
            raise refusal(most=most)


def _counted(session: Session, owner: Person, item: Item, time_zone: str, now: datetime) -> tuple[int, int, int, int]:
    """Count this month's orders of goods and this quarter's of the item, of the person and of the household."""
    month, quarter = rules.start_of_month(now, time_zone), rules.start_of_quarter(now, time_zone)
    is_own, is_month, is_item = Order.person_id == owner.id, Order.created_at >= month, Order.item_id == item.id
    people = is_own
    if owner.household_id is not None:
        people = Order.person_id.in_(select(Person.id).where(Person.household_id == owner.household_id))
    found = (
        select(_sum(is_own & is_month), _sum(is_own & is_item), _sum(is_month), _sum(is_item))
        .select_from(Order)
        .join(Item, Item.id == Order.item_id)
        .where(people, Item.kind == "goods", Order.state.in_(("held", "handed_over")), Order.created_at >= quarter)
    )
    own, own_item, home, home_item = session.execute(found).one()
    return int(own), int(own_item), int(home), int(home_item)


def _sum(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
