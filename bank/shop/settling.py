"""Verbs on a shop's statement: confirm, dispute, answer, let the rule decide, mark it settled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, exists, func, literal, or_, select, update
from sqlalchemy.orm import Session

from bank import chart, clock, db
from bank.communities import operations as communities
from bank.communities.calendar import calendar_of
from bank.communities.models import Community
from bank.credits import cases
from bank.errors import Conflict, Invalid, NotFound, say
from bank.members import operations as members
from bank.members.actor import STAFF, Actor
from bank.shop import rules
from bank.shop.models import Settlement, SettlementLine, SettlementStep, Shop, Shopkeeper, Strike
from bank.shop.sides import COMMUNITY, OTHER, PROVIDER, keeps, kin_of, side_of
from ledger import Transfer, Txn
from ledger.base import Moment

MOVES: Mapping[str, tuple[str, ...]] = {
    "open": ("disputed", "confirmed"),
    "disputed": ("open", "confirmed"),
    "confirmed": ("settled", "open"),
}
"""How a statement moves. Time alone leads from `open` and `disputed` to `confirmed`, and reminds in `confirmed`. A
hand-over that both sides strike leads from `confirmed` back to `open`."""
DISPUTED = say("「%(shop)s」%(month)s的对账单有疑问，请答复：%(reason)s")
ANSWERED = say("「%(shop)s」%(month)s的对账单，对方答复了：%(reason)s 请再看一遍，对就确认。")
BY_RULE = say("「%(shop)s」%(month)s的对账单到期了，按规则以账本为准，算双方确认。")
CONFIRMED = say("「%(shop)s」%(month)s的对账单双方都确认了，可以结清了。")
UNPAID = say("「%(shop)s」%(month)s的对账单确认了还没有结清。请和店家结清后记上。")
STRUCK = say("「%(shop)s」%(month)s的对账单退回了一张券：%(reason)s。请按更正后的数再核对一遍。")
SETTLED = say("「%(shop)s」%(month)s的对账单已经结清。%(reason)s")


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
    sentence = say("您这一方已经提出过一次疑问。对就确认；哪张券还是不对，请在「交错了，要更正」里单提那一张。")


def struck_total(*conditions: ColumnElement[bool]) -> Select[int]:
    """Sum what was struck, as a query that may be joined to what the conditions speak of."""
    return select(func.coalesce(func.sum(Strike.total), 0)).select_from(Strike).where(*conditions)


def own_strikes(session: Session, settlement: Settlement) -> dict[str, int]:
    """Sum what was struck of a statement's own lines, by unit: so much less is taken from the shop's account."""
    own = (Strike.settlement_id == settlement.id, SettlementLine.settlement_id == settlement.id)
    found = dict.fromkeys(chart.UNITS, 0)
    for unit in chart.UNITS:
        sums = struck_total(*own, Strike.unit == unit).join(SettlementLine, SettlementLine.id == Strike.line_id)
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
        note_step(session, moved, "struck", now, actor, side, words)
        tell(session, moved, (PROVIDER, COMMUNITY), STRUCK, now, reason=words)
    return moved


def find(session: Session, actor: Actor, public_id: str) -> Settlement:
    """Find a statement for a keeper of its shop or the community's staff. Raises NotFound for everybody else."""
    chosen = select(Settlement).where(Settlement.public_id == public_id, Settlement.community_id == actor.community_id)
    found = session.scalar(chosen.execution_options(populate_existing=True))
    if found is None or not (actor.may(*STAFF) or keeps(session, actor, found.shop_id)):
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
    note_step(session, moved, "confirmed", now, actor, side)
    if moved.state == "confirmed":
        tell(session, moved, (PROVIDER, COMMUNITY), CONFIRMED, now)
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
    note_step(session, moved, "disputed", now, actor, side, reason.strip())
    tell(session, moved, (OTHER[side],), DISPUTED, now, reason=reason.strip())
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
    note_step(session, moved, step, now, actor, side, words.strip())
    tell(session, moved, (OTHER[side],), ANSWERED, now, reason=words.strip())
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
    note_step(session, moved, "settled", now, actor, side, note)
    tell(session, moved, (PROVIDER,), SETTLED, now, reason=note)
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
            tell(session, moved, (COMMUNITY,), UNPAID, now)
        return int(moved is not None)
    values = {"state": "confirmed", "disputed_side": None, "confirmed_at": now, "due_at": paid}
    moved = _move(session, found, same, values)
    if moved is not None:
        note_step(session, moved, "by_rule", now)
        tell(session, moved, (PROVIDER, COMMUNITY), BY_RULE, now)
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


def _check_words(name: str, words: str) -> None:
    if not words.strip():
        raise Invalid({name: [say("请写一句，对方会看到。")]})


def note_step(
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


def tell(
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
