"""Verbs on a shop's month: build its statement, confirm, dispute, answer, let the rule decide, mark it settled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, literal, or_, select, update
from sqlalchemy.orm import Session

from bank import chart, clock, db
from bank.communities import operations as communities
from bank.communities.calendar import calendar_of
from bank.communities.models import Community
from bank.credits import cases
from bank.errors import Conflict, Invalid, NotFound, say
from bank.members import operations as members
from bank.members.actor import STAFF, Actor
from bank.members.models import Person
from bank.qr import new_public_id
from bank.shop import rules
from bank.shop.models import Order, Settlement, SettlementLine, SettlementStep, Shop, Shopkeeper, Strike
from bank.shop.operations import DONE
from ledger import Transfer, Txn
from ledger.base import Moment

PROVIDER, COMMUNITY = "provider", "community"
OTHER = {PROVIDER: COMMUNITY, COMMUNITY: PROVIDER}
MOVES: Mapping[str, tuple[str, ...]] = {
    "open": ("disputed", "confirmed"),
    "disputed": ("open", "confirmed"),
    "confirmed": ("settled", "open"),
}
"""How a statement moves. Time alone leads from `open` and `disputed` to `confirmed`, and reminds in `confirmed`. A
hand-over that both sides strike leads from `confirmed` back to `open`."""
GRACE = timedelta(hours=1)
"""How long after its end a month is let alone: whatever was handed over in its last minute is in the book by then."""
MOST_MONTHS = 12
"""How far back a month without a statement is made up for."""
BUILT = say("「%(shop)s」%(month)s的对账单好了：%(vouchers)s 张券。请核对，对就确认，不对就提出来。")
DISPUTED = say("「%(shop)s」%(month)s的对账单有疑问，请答复：%(reason)s")
ANSWERED = say("「%(shop)s」%(month)s的对账单，对方答复了：%(reason)s 请再看一遍，对就确认。")
BY_RULE = say("「%(shop)s」%(month)s的对账单到期了，按规则以账本为准，算双方确认。")
CONFIRMED = say("「%(shop)s」%(month)s的对账单双方都确认了，可以结清了。")
UNPAID = say("「%(shop)s」%(month)s的对账单确认了还没有结清。请和店家结清后记上。")
STRUCK = say("「%(shop)s」%(month)s的对账单退回了一张券：%(reason)s。请按更正后的数再核对一遍。")
SETTLED = say("「%(shop)s」%(month)s的对账单已经结清。%(reason)s")


class MonthNotOver(Conflict):
    """Only a month that is over has a statement."""

    code = "too_early"
    sentence = say("这个月还没有过完，下个月 1 日起才能出对账单。")


class NothingToSettle(Conflict):
    """Nothing was handed over in that month."""

    code = "conflict"
    sentence = say("这家店那个月没有交出去的券，不用对账。")


class OwnStatement(Conflict):
    """A keeper, or whoever lives with one, is the community's voice on no statement of that shop."""

    code = "own_item"
    sentence = say("您或您的家人是这家店的店员，不能代表社区确认。请换一位工作人员。")


class SameHousehold(Conflict):
    """The other side confirmed already, and it was they or somebody they live with."""

    code = "own_item"
    sentence = say("另一方是您本人或您的家人确认的，您不能再确认。请换一个人。")


class AlreadyMoved(Conflict):
    """Somebody else was faster, or the deadline was."""

    code = "already_decided"
    sentence = say("这张对账单刚才已经变了，什么也没有改。请看一下现在的情况。")


class AlreadyDisputed(Conflict):
    """Each side may dispute a statement once."""

    code = "already_decided"
    sentence = say("您这一方已经提出过一次疑问。请确认，或在结清的备注里写明。")


def build_due(session: Session, *, now: datetime) -> int:
    """Build one statement of a month that is over and has none; 0 where none is due. Safe to run at once."""
    for place in session.scalars(select(Community).where(Community.kind == "community").order_by(Community.id)).all():
        months = rules.months_over(clock.local_day(now - GRACE, place.time_zone), MOST_MONTHS)
        missing = {month: _is_missing(place, month) for month in months}
        if session.scalar(_shop_where(place, or_(*missing.values()))) is None:
            continue
        for month, condition in missing.items():
            shop = session.scalar(_shop_where(place, condition))
            if shop is not None:
                return int(_build(session, place, shop, month, now) is not None)
    return 0


def _shop_where(place: Community, condition: ColumnElement[bool]) -> Select[Shop]:
    return select(Shop).where(Shop.community_id == place.id, condition).order_by(Shop.id).limit(1)


def _is_missing(place: Community, month: date) -> ColumnElement[bool]:
    """Say of a shop that it handed something over in a month and has no statement of it."""
    since, until = rules.month_bounds(month, place.time_zone)
    done = exists().where(
        Order.shop_id == Shop.id, Order.state == DONE, Order.handed_over_at >= since, Order.handed_over_at < until
    )
    return and_(done, ~exists().where(Settlement.shop_id == Shop.id, Settlement.month == month))


def build(session: Session, actor: Actor, shop_id: str, month: date, *, now: datetime) -> Settlement:
    """Build the statement of a shop's month on demand, or give the one that is there; `month` is its first day.

    For the shop's keepers and the community's staff. Raises NotFound, MonthNotOver, NothingToSettle.
    """
    place = session.get_one(Community, actor.community_id)
    shop = session.scalar(select(Shop).where(Shop.public_id == shop_id, Shop.community_id == place.id))
    if shop is None or not (actor.may(*STAFF) or _keeps(session, actor, shop.id)):
        raise NotFound
    if month >= clock.local_day(now - GRACE, place.time_zone).replace(day=1):
        raise MonthNotOver
    built = _build(session, place, shop, month, now)
    if built is None:
        known = select(Settlement).where(Settlement.shop_id == shop.id, Settlement.month == month)
        built = session.scalar(known)
    if built is None:
        raise NothingToSettle
    return built


def _build(session: Session, place: Community, shop: Shop, month: date, now: datetime) -> Settlement | None:
    """Freeze a month; None where it is frozen already or empty."""
    since, until = rules.month_bounds(month, place.time_zone)
    orders = session.scalars(
        select(Order)
        .where(
            Order.shop_id == shop.id,
            Order.state == DONE,
            Order.handed_over_at >= since,
            Order.handed_over_at < until,
            ~exists().where(SettlementLine.order_id == Order.id),
        )
        .order_by(Order.handed_over_at, Order.id)
        .with_for_update(read=True)
    ).all()
    if not orders:
        return None
    following = clock.month_after(month)
    in_force = communities.rules_on(session, place.id, following - timedelta(days=1))
    prices = {chart.MINUTES: in_force.hour_reference_fen, chart.POINTS: in_force.point_reference_fen}
    lines = [_line(number, order, prices) for number, order in enumerate(orders, 1)]
    took_in = movement(session, place, shop, month, now)
    due = communities.rules_at(session, place, now).statement_days
    settlement_id = session.scalar(
        db.insert(session, Settlement)
        .values(
            public_id=new_public_id(),
            community_id=place.id,
            shop_id=shop.id,
            month=month,
            state="open",
            built_at=now,
            due_at=calendar_of(session, place, now).end_after(due),
            vouchers=len(lines),
            minutes=sum(order.total for order in orders if order.unit == chart.MINUTES),
            points=sum(order.total for order in orders if order.unit == chart.POINTS),
            value_fen=sum(line["value_fen"] for line in lines),
            hour_fen=prices[chart.MINUTES],
            point_fen=prices[chart.POINTS],
            book_minutes=took_in[chart.MINUTES],
            book_points=took_in[chart.POINTS],
            note="",
        )
        .on_conflict_do_nothing(index_elements=["shop_id", "month"])
        .returning(Settlement.id)
    )
    if settlement_id is None:
        return None
    session.add_all(SettlementLine(settlement_id=settlement_id, **line) for line in lines)
    built = session.get_one(Settlement, settlement_id)
    _carry_over(session, built)
    _step(session, built, "built", now)
    _tell(session, built, (PROVIDER,), BUILT, now, vouchers=len(lines))
    return built


def _carry_over(session: Session, built: Settlement) -> None:
    """Let what was struck from settled statements come off this one."""
    pending = (Strike.shop_id == built.shop_id, Strike.state == "struck", Strike.line_id.is_not(None))
    session.execute(
        update(Strike)
        .where(*pending, Strike.settlement_id.is_(None), Strike.repaid_at.is_(None))
        .values(settlement_id=built.id)
        .execution_options(synchronize_session=False)
    )


def _line(number: int, order: Order, prices: Mapping[str, int]) -> dict[str, Any]:
    return {
        "number": number,
        "order_id": order.id,
        "code": order.voucher_code,
        "title": order.title,
        "quantity": order.quantity,
        "unit": order.unit,
        "total": order.total,
        "handed_over_at": order.handed_over_at,
        "value_fen": rules.reference_fen(order.unit, order.total, prices[order.unit]),
    }


def movement(session: Session, place: Community, shop: Shop, month: date, now: datetime) -> dict[str, int]:
    """Give what a shop's account took in by the book for what it handed over within a month, by unit.

    Settlements do not count, and what was struck counts for the month it stood in: on its line, or nowhere.
    """
    account, following = chart.shop(shop.public_id), clock.month_after(month)
    book = db.book(session, place.id, now)
    since, later = (book.turnovers([account], day, session=session) for day in (month, following))
    bounds = rules.month_bounds(month, place.time_zone)
    found = dict.fromkeys(chart.UNITS, 0)
    for unit in chart.UNITS:
        for turnover, sign in ((since, 1), (later, -1)):
            debits, credits_ = turnover.get((account, unit), (0, 0))
            found[unit] += sign * (credits_ - debits)
        found[unit] += _emptied(session, shop, unit, bounds) + _struck(session, shop, unit, bounds)
    return found


def _emptied(session: Session, shop: Shop, unit: str, bounds: tuple[datetime, datetime]) -> int:
    """Sum what settlements took from a shop's account in a span of time."""
    sums = Settlement.minutes if unit == chart.MINUTES else Settlement.points
    then = (Settlement.shop_id == shop.id, Settlement.settled_at >= bounds[0], Settlement.settled_at < bounds[1])
    all_ = session.scalar(select(func.coalesce(func.sum(sums), 0)).where(*then)) or 0
    off = _total(Strike.settlement_id == SettlementLine.settlement_id, Strike.unit == unit, *then)
    off = off.join(SettlementLine, SettlementLine.id == Strike.line_id).join(
        Settlement, Settlement.id == Strike.settlement_id
    )
    return int(all_) - int(session.scalar(off) or 0)


def _struck(session: Session, shop: Shop, unit: str, bounds: tuple[datetime, datetime]) -> int:
    """Sum what reversals of a span of time took from the account for other months, less what stands on no line."""
    mine = (Strike.shop_id == shop.id, Strike.unit == unit, Strike.state == "struck")
    then = (Strike.ended_at >= bounds[0], Strike.ended_at < bounds[1])
    is_paid_back = or_(Strike.line_id.is_(None), Strike.settlement_id == SettlementLine.settlement_id)
    reversed_ = _total(*mine, *then, is_paid_back).outerjoin(SettlementLine, SettlementLine.id == Strike.line_id)
    handed = (Strike.handed_over_at >= bounds[0], Strike.handed_over_at < bounds[1])
    unlisted = _total(*mine, *handed, Strike.line_id.is_(None))
    return int(session.scalar(reversed_) or 0) - int(session.scalar(unlisted) or 0)


def _total(*conditions: ColumnElement[bool]) -> Select[int]:
    return select(func.coalesce(func.sum(Strike.total), 0)).select_from(Strike).where(*conditions)


def own_strikes(session: Session, settlement: Settlement) -> dict[str, int]:
    """Sum what was struck of a statement's own lines, by unit: so much less is taken from the shop's account."""
    own = (Strike.settlement_id == settlement.id, SettlementLine.settlement_id == settlement.id)
    found = dict.fromkeys(chart.UNITS, 0)
    for unit in chart.UNITS:
        sums = _total(*own, Strike.unit == unit).join(SettlementLine, SettlementLine.id == Strike.line_id)
        found[unit] = int(session.scalar(sums) or 0)
    return found


def reopen(
    session: Session, actor: Actor, settlement_id: int, *, side: str, words: str, now: datetime
) -> Settlement | None:
    """Let both sides look again at a statement from which a voucher is struck; None where it is settled.

    A disputed one stays disputed. `side` is whose agreement struck it, `words` say what.
    """
    found = session.get_one(Settlement, settlement_id)
    is_disputed = Settlement.state == "disputed"
    again = literal(_due(session, found, now, "statement_days"), Moment())
    values = {
        "state": case((is_disputed, "disputed"), else_="open"),
        "due_at": case((is_disputed, Settlement.due_at), else_=again),
        "confirmed_at": None,
        **dict.fromkeys(("provider_by", "provider_at", "community_by", "community_at")),
    }
    moved = _move(session, found, (Settlement.state != "settled",), values)
    if moved is not None:
        _step(session, moved, "struck", now, actor, side, words)
        _tell(session, moved, (PROVIDER, COMMUNITY), STRUCK, now, reason=words)
    return moved


def side_of(session: Session, actor: Actor, settlement: Settlement) -> str:
    """Tell for which side somebody speaks on a statement. Raises NotFound, and OwnStatement for a keeper's family."""
    if settlement.community_id != actor.community_id:
        raise NotFound
    return side_at(session, actor, settlement.shop_id)


def side_at(session: Session, actor: Actor, shop_id: int) -> str:
    """Tell for which side somebody speaks of a shop of their community. Raises NotFound, and OwnStatement."""
    if _keeps(session, actor, shop_id):
        return PROVIDER
    if not actor.may(*STAFF):
        raise NotFound
    keepers = select(Shopkeeper.person_id).where(Shopkeeper.shop_id == shop_id)
    if session.scalar(kin_of(actor).where(Person.id.in_(keepers)).limit(1)) is not None:
        raise OwnStatement
    return COMMUNITY


def find(session: Session, actor: Actor, public_id: str) -> Settlement:
    """Find a statement for a keeper of its shop or the community's staff. Raises NotFound for everybody else."""
    chosen = select(Settlement).where(Settlement.public_id == public_id, Settlement.community_id == actor.community_id)
    found = session.scalar(chosen.execution_options(populate_existing=True))
    if found is None or not (actor.may(*STAFF) or _keeps(session, actor, found.shop_id)):
        raise NotFound
    return found


def confirm(session: Session, actor: Actor, public_id: str, *, now: datetime) -> Settlement:
    """Confirm for one's own side; the second side's confirmation makes it ready to be settled.

    Raises NotFound, OwnStatement, SameHousehold, AlreadyMoved.
    """
    found, side = _mine(session, actor, public_id)
    mine, others = _hands(side)
    is_second = others.is_not(None)
    values = {
        f"{side}_by": actor.person_id,
        f"{side}_at": now,
        "state": case((is_second, "confirmed"), else_="open"),
        "confirmed_at": case((is_second, literal(now, Moment()))),
        "due_at": case(
            (is_second, literal(_due(session, found, now, "statement_paid_days"), Moment())), else_=Settlement.due_at
        ),
    }
    free = (Settlement.state == "open", mine.is_(None), or_(others.is_(None), others.not_in(kin_of(actor))))
    moved = _move(session, found, free, values)
    if moved is None:
        raise _why_not_confirmed(session, actor, found, side)
    _step(session, moved, "confirmed", now, actor, side)
    if moved.state == "confirmed":
        _tell(session, moved, (PROVIDER, COMMUNITY), CONFIRMED, now)
    return moved


def dispute(session: Session, actor: Actor, public_id: str, *, reason: str, now: datetime) -> Settlement:
    """Say what is wrong with a statement; the other side answers within the days of the rules.

    Each side may once. Raises NotFound, OwnStatement, Invalid without a reason, AlreadyDisputed, AlreadyMoved.
    """
    found, side = _mine(session, actor, public_id)
    _check_words("reason", reason)
    before = exists().where(
        SettlementStep.settlement_id == Settlement.id, SettlementStep.step == "disputed", SettlementStep.side == side
    )
    values = {
        "state": "disputed",
        "disputed_side": side,
        "due_at": _due(session, found, now, "statement_answer_days"),
        **dict.fromkeys(("provider_by", "provider_at", "community_by", "community_at")),
    }
    moved = _move(session, found, (Settlement.state == "open", ~before), values)
    if moved is None:
        raise AlreadyMoved if _now_in(session, found) != "open" else AlreadyDisputed
    _step(session, moved, "disputed", now, actor, side, reason.strip())
    _tell(session, moved, (OTHER[side],), DISPUTED, now, reason=reason.strip())
    return moved


def answer(session: Session, actor: Actor, public_id: str, *, words: str, now: datetime) -> Settlement:
    """Answer the other side's dispute, or take one's own back: both sides are then to confirm anew.

    Raises NotFound, OwnStatement, Invalid without words, AlreadyMoved.
    """
    found, side = _mine(session, actor, public_id)
    _check_words("words", words)
    raised_by = found.disputed_side
    values = {"state": "open", "disputed_side": None, "due_at": _due(session, found, now, "statement_days")}
    moved = _move(session, found, (Settlement.state == "disputed", Settlement.disputed_side == raised_by), values)
    if moved is None:
        raise AlreadyMoved
    step = "withdrawn" if raised_by == side else "answered"
    _step(session, moved, step, now, actor, side, words.strip())
    _tell(session, moved, (OTHER[side],), ANSWERED, now, reason=words.strip())
    return moved


def settle(session: Session, actor: Actor, public_id: str, *, paid_on: date, note: str, now: datetime) -> Settlement:
    """Write down that the month was paid outside the bank, and empty what it put on the shop's account.

    For the community's side alone. Raises NotFound, OwnStatement, Invalid, SameHousehold, AlreadyMoved.
    """
    found, side = _mine(session, actor, public_id)
    if side != COMMUNITY:
        raise NotFound
    place = session.get_one(Community, found.community_id)
    today = clock.local_day(now, place.time_zone)
    if not clock.month_after(found.month) <= paid_on <= today:
        raise Invalid({"paid_on": [say("请填结清的那一天：在这个月过完以后，不晚于今天。")]})
    if rules.has_account_number(note):
        raise Invalid({"note": [say("备注里请不要写银行账号：钱不经过本系统。")]})
    values = {"state": "settled", "settled_by": actor.person_id, "settled_at": now, "paid_on": paid_on, "note": note}
    hands = or_(Settlement.provider_by.is_(None), Settlement.provider_by.not_in(kin_of(actor)))
    moved = _move(session, found, (Settlement.state == "confirmed", hands), values)
    if moved is None:
        raise AlreadyMoved if _now_in(session, found) != "confirmed" else SameHousehold
    moved.settled_txn_id = _empty_account(session, moved, actor, now)
    _step(session, moved, "settled", now, actor, side, note)
    _tell(session, moved, (PROVIDER,), SETTLED, now, reason=note)
    return moved


def _empty_account(session: Session, settlement: Settlement, actor: Actor, now: datetime) -> Any:
    place = session.get_one(Community, settlement.community_id)
    shop = session.get_one(Shop, settlement.shop_id)
    book = db.book(session, place.id, now)
    off = own_strikes(session, settlement)
    amounts = {
        chart.MINUTES: settlement.minutes - off[chart.MINUTES],
        chart.POINTS: settlement.points - off[chart.POINTS],
    }
    transfers = []
    for unit, amount in amounts.items():
        if amount:
            book.open_account(chart.settled(), unit, kind="settled", is_shared=True, session=session)
            transfers.append(
                Transfer(debit=chart.shop(shop.public_id), credit=chart.settled(), unit=unit, amount=amount)
            )
    if not transfers:
        return None
    txn = Txn(
        kind="settlement",
        transfers=transfers,
        effective=clock.local_day(now, place.time_zone),
        actor=actor.public_id,
        memo=f"{shop.name} {settlement.month:%Y-%m}",
    )
    return book.post(txn, key=f"settlement:{settlement.public_id}:settled", session=session).txn_id


def move_due(session: Session, *, now: datetime) -> int:
    """Let the rule decide one statement whose deadline passed, or call one that is unpaid to mind; 0 without any.

    What nobody answered or confirmed stands as the book says. Safe to run twice and by several at once.
    """
    due = (
        select(Settlement)
        .where(Settlement.state.in_(("open", "disputed", "confirmed")), Settlement.due_at <= now)
        .order_by(Settlement.due_at, Settlement.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    found = session.scalar(due.execution_options(populate_existing=True))
    if found is None:
        return 0
    paid = _due(session, found, now, "statement_paid_days")
    same = (Settlement.state == found.state, Settlement.due_at <= now)
    if found.state == "confirmed":
        moved = _move(session, found, same, {"due_at": paid})
        if moved is not None:
            _tell(session, moved, (COMMUNITY,), UNPAID, now)
        return int(moved is not None)
    values = {"state": "confirmed", "disputed_side": None, "confirmed_at": now, "due_at": paid}
    moved = _move(session, found, same, values)
    if moved is not None:
        _step(session, moved, "by_rule", now)
        _tell(session, moved, (PROVIDER, COMMUNITY), BY_RULE, now)
    return int(moved is not None)


def _mine(session: Session, actor: Actor, public_id: str) -> tuple[Settlement, str]:
    found = find(session, actor, public_id)
    return found, side_of(session, actor, found)


def _hands(side: str) -> tuple[Any, Any]:
    both = (Settlement.provider_by, Settlement.community_by)
    return both if side == PROVIDER else both[::-1]


def _move(
    session: Session, found: Settlement, conditions: Sequence[ColumnElement[bool]], values: Mapping[str, Any]
) -> Settlement | None:
    moved = update(Settlement).where(Settlement.id == found.id, *conditions).values(**values).returning(Settlement)
    return session.execute(moved, execution_options={"populate_existing": True}).scalar_one_or_none()


def _now_in(session: Session, found: Settlement) -> str:
    session.refresh(found)
    return found.state


def _why_not_confirmed(session: Session, actor: Actor, found: Settlement, side: str) -> Conflict:
    if _now_in(session, found) != "open" or getattr(found, f"{side}_by") is not None:
        return AlreadyMoved()
    return SameHousehold()


def _due(session: Session, found: Settlement, now: datetime, setting: str) -> datetime:
    place = session.get_one(Community, found.community_id)
    days: int = getattr(communities.rules_at(session, place, now), setting)
    return calendar_of(session, place, now).end_after(days)


def kin_of(actor: Actor) -> Any:
    """Give the person and whoever lives with them, as a query of their row ids."""
    return select(Person.id).where(or_(Person.id == actor.person_id, Person.household_id == (actor.household_id or 0)))


def _keeps(session: Session, actor: Actor, shop_id: int) -> bool:
    return actor.may("shopkeeper") and session.get(Shopkeeper, (shop_id, actor.person_id)) is not None


def _check_words(name: str, words: str) -> None:
    if not words.strip():
        raise Invalid({name: [say("请写一句，对方会看到。")]})


def _step(
    session: Session,
    settlement: Settlement,
    step: str,
    now: datetime,
    actor: Actor | None = None,
    side: str | None = None,
    words: str = "",
) -> None:
    by = actor.person_id if actor else None
    session.add(SettlementStep(settlement_id=settlement.id, step=step, side=side, by_person_id=by, at=now, words=words))
    session.flush()


def _tell(
    session: Session, settlement: Settlement, sides: Sequence[str], sentence: str, now: datetime, **facts: Any
) -> None:
    shop = session.get_one(Shop, settlement.shop_id)
    told: set[int] = set()
    if PROVIDER in sides:
        told |= set(session.scalars(select(Shopkeeper.person_id).where(Shopkeeper.shop_id == shop.id)))
    if COMMUNITY in sides:
        told |= cases.holders(session, settlement.community_id, "coordinator")
    known = {"shop": shop.name, "month": f"{settlement.month:%Y-%m}", **facts}
    members.tell(session, sorted(told), sentence, facts=known, link=f"/statements/{settlement.public_id}", now=now)
