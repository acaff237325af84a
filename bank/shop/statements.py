"""What the pages and files of the months' statements read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased

from bank import chart
from bank.communities.models import Community
from bank.members.actor import STAFF, Actor
from bank.members.models import Person
from bank.shop import striking
from bank.shop.models import Settlement, SettlementLine, SettlementStep, Shop
from bank.shop.operations import shops_of
from bank.shop.striking import Struck
from bank.web.paging import Listing, decode_ints, encode

WAITING = ("open", "disputed", "confirmed")


@dataclass(frozen=True, slots=True)
class Stated:
    """A statement with its shop, its community's name, and who confirmed and settled it."""

    settlement: Settlement
    shop: Shop
    community: str
    provider: str
    community_person: str
    settled_by: str
    struck: Sequence[Struck] = ()
    """What comes off it: vouchers of its own, or of earlier ones that were settled."""

    @property
    def due(self) -> tuple[int, int, int]:
        """Give what is left to settle: minutes, points and fen; less than nothing where more comes off than is on."""
        one = self.settlement
        off = {unit: sum(each.strike.total for each in self.struck if each.strike.unit == unit) for unit in chart.UNITS}
        fen = sum(each.line.value_fen for each in self.struck if each.line)
        return one.minutes - off[chart.MINUTES], one.points - off[chart.POINTS], one.value_fen - fen

    @property
    def is_as_the_book_says(self) -> bool:
        """Tell whether its sums are what the shop's account took in that month."""
        one = self.settlement
        return (one.minutes, one.points) == (one.book_minutes, one.book_points)


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a statement's trail; `name` is empty where the rule or the job did it."""

    step: SettlementStep
    name: str


def statements_of(
    session: Session, actor: Actor, *, limit: int = 24, cursor: str | None = None
) -> Listing[tuple[Settlement, Shop]]:
    """List the statements of the shops somebody keeps, and for staff the community's, newest first."""
    mine = Settlement.shop_id.in_(shops_of(actor)) if actor.may("shopkeeper") else Settlement.id.is_(None)
    seen = or_(mine, Settlement.id.is_not(None)) if actor.may(*STAFF) else mine
    found = (
        select(Settlement, Shop)
        .join(Shop, Shop.id == Settlement.shop_id)
        .where(Settlement.community_id == actor.community_id, seen)
    )
    before = decode_ints(cursor, 1)
    if before is not None:
        found = found.where(Settlement.id < before[0])
    rows = session.execute(found.order_by(Settlement.id.desc()).limit(limit + 1)).all()
    items = [(settlement, shop) for settlement, shop in rows[:limit]]
    return Listing(items, encode(items[-1][0].id) if len(rows) > limit else None)


def stated(session: Session, settlement: Settlement) -> Stated:
    """Give a statement with the names on it."""
    provider, community, settler = aliased(Person), aliased(Person), aliased(Person)
    row = session.execute(
        select(
            Settlement,
            Shop,
            Community.name,
            func.coalesce(provider.name, ""),
            func.coalesce(community.name, ""),
            func.coalesce(settler.name, ""),
        )
        .join(Shop, Shop.id == Settlement.shop_id)
        .join(Community, Community.id == Settlement.community_id)
        .outerjoin(provider, provider.id == Settlement.provider_by)
        .outerjoin(community, community.id == Settlement.community_by)
        .outerjoin(settler, settler.id == Settlement.settled_by)
        .where(Settlement.id == settlement.id)
    ).one()
    return Stated(*row, striking.on_statement(session, settlement))


def lines_of(
    session: Session, settlement: Settlement, *, limit: int = 50, cursor: str | None = None
) -> Listing[SettlementLine]:
    """Give a page of a statement's lines, in their order."""
    after = decode_ints(cursor, 1) or (0,)
    found = select(SettlementLine).where(
        SettlementLine.settlement_id == settlement.id, SettlementLine.number > after[0]
    )
    rows = session.scalars(found.order_by(SettlementLine.number).limit(limit + 1)).all()
    items = list(rows[:limit])
    return Listing(items, encode(items[-1].number) if len(rows) > limit else None)


def all_lines(session: Session, settlement: Settlement) -> Sequence[SettlementLine]:
    """Give every line, for the files."""
    found = select(SettlementLine).where(SettlementLine.settlement_id == settlement.id)
    return session.scalars(found.order_by(SettlementLine.number)).all()


def steps_of(session: Session, settlement: Settlement) -> list[Step]:
    """Give what happened to a statement, oldest first."""
    rows = session.execute(
        select(SettlementStep, func.coalesce(Person.name, ""))
        .outerjoin(Person, Person.id == SettlementStep.by_person_id)
        .where(SettlementStep.settlement_id == settlement.id)
        .order_by(SettlementStep.id)
    )
    return [Step(*row) for row in rows]


def has_disputed(steps: Sequence[Step], side: str) -> bool:
    """Tell whether a side disputed the statement before."""
    return any(one.step.step == "disputed" and one.step.side == side for one in steps)
