"""Hours that come back: nobody pays for more than somebody was credited for."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Select,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from bank.communities import operations as communities
from bank.communities.models import Community
from bank.credits.models import Credit, CreditStep
from bank.credits.operations import GONE
from bank.errors import say
from bank.services import moving
from bank.services.models import HelpRefund, HelpRequest
from bank.services.refusals import Moved
from ledger.errors import AccountFrozen, PeriodClosed

MOST_RETURNS = 500
"""How many are looked at in a turn, to find one whose account is not frozen."""


def return_due(session: Session, *, now: datetime) -> int:
    """Give one payer back what was paid beyond what is credited for a visit; 0 when none is due.

    A frozen account waits until it is thawed, and holds up nobody else's.

    What is not decided yet counts as credited. Refused credits may be reopened, so their hours come back after
    `help_return_days`; what is void, reversed or was posted lower, at once. A correction counts for what it corrects.
    Safe to run twice and by several at once.
    """
    for community_id in session.scalars(_communities()).all():
        days = communities.rules_now(session, community_id, now).help_return_days
        since = {"place": community_id, "refused_before": now - timedelta(days=days)}
        for request, missing in session.execute(_overpaid(), since):
            if _returned(session, request, int(missing), now):
                return 1
    return 0


def _returned(session: Session, request: HelpRequest, missing: int, now: datetime) -> bool:
    """Try to give back; a refusal of the book leaves no trace, so that the same is tried again another time."""
    try:
        with session.begin_nested():
            _return(session, request, missing, now)
    except (AccountFrozen, PeriodClosed):
        return False
    return True


def _communities() -> Select[int]:
    return select(Community.id).where(Community.kind == "community").order_by(Community.id)


@cache  # to build it costs twenty times what it costs to run it
def _overpaid() -> Select[HelpRequest, int]:
    """Choose who paid in `place` for more than is credited and has not come back, with the minutes of it."""
    first, second = aliased(Credit), aliased(Credit)
    missing = _missing(first, HelpRequest.paid_minutes, ":correction:%") + _missing(
        second, HelpRequest.second_paid_minutes, ":second:correction:%"
    )
    return (
        select(HelpRequest, missing)
        .join(first, first.id == HelpRequest.credit_id)
        .outerjoin(second, second.id == HelpRequest.second_credit_id)
        .where(
            HelpRequest.community_id == bindparam("place", type_=BigInteger),
            HelpRequest.capture_txn_id.is_not(None),
            HelpRequest.returned_txn_id.is_(None),
            or_(_is_less(first), _is_less(second)),
            HelpRequest.refunded_minutes < missing,
        )
        .order_by(HelpRequest.id)
        .limit(MOST_RETURNS)
        .with_for_update(of=HelpRequest, skip_locked=True, key_share=True)
        .execution_options(populate_existing=True)
    )


def _is_less(credit: type[Credit]) -> ColumnElement[bool]:
    return or_(credit.state.in_(GONE), and_(credit.state == "posted", credit.approved_amount < credit.amount))


def _missing(own: type[Credit], paid: InstrumentedAttribute[int | None], corrections: str) -> ColumnElement[int]:
    """Give the minutes that were paid for one helper and are credited to nobody."""
    other = aliased(Credit)
    corrected = (
        select(func.coalesce(func.sum(_stands(other, paid)), 0))
        .where(other.source.like("visit:" + HelpRequest.public_id + corrections))
        .correlate(HelpRequest)
        .scalar_subquery()
    )
    earned = _stands(own, paid) + corrected
    return case((paid.is_(None), 0), (earned >= paid, 0), else_=paid - earned)


def _stands(credit: type[Credit], paid: InstrumentedAttribute[int | None]) -> ColumnElement[int]:
    refused_before: BindParameter[datetime] = bindparam("refused_before")
    refused_at = select(func.max(CreditStep.at)).where(CreditStep.credit_id == credit.id).scalar_subquery()
    return case(
        (credit.state == "posted", func.coalesce(credit.approved_amount, credit.amount)),
        (and_(credit.state == "refused", refused_at > refused_before), paid),
        (credit.state.in_(GONE), 0),
        else_=paid,
    )


def _return(session: Session, request: HelpRequest, missing: int, now: datetime) -> None:
    """Give back what is missing beyond what came back before: all at once as the reversal, a part by its own way."""
    minutes = missing - request.refunded_minutes
    paid = request.paid_by_all
    done: dict[str, object] = {"refunded_minutes": missing}
    if minutes == paid:
        done["returned_txn_id"] = moving.give_back(session, request, now)
    else:
        _part(session, request, minutes, now)
    moved = session.execute(
        update(HelpRequest)
        .where(HelpRequest.id == request.id, HelpRequest.refunded_minutes == request.refunded_minutes)
        .values(done)
        .returning(HelpRequest.id)
        .execution_options(synchronize_session="fetch")
    )
    if moved.scalar_one_or_none() is None:
        raise Moved
    moving.note(session, request, "returned" if minutes == paid else "refunded", now=now)
    whole = say("“%(kind)s”的志愿时长没有通过，您用掉的 %(paid_minutes)s 退回来了。")
    part = say("“%(kind)s”给志愿者入账的时长少了，多用掉的 %(paid_minutes)s 退回来了。")
    sentence = whole if minutes == paid else part
    moving.tell(session, [request.person_id], sentence, request, now, paid_minutes=minutes)


def _part(session: Session, request: HelpRequest, minutes: int, now: datetime) -> None:
    before = select(func.count()).select_from(HelpRefund).where(HelpRefund.request_id == request.id)
    number = int(session.scalar(before) or 0) + 1
    txn_id = moving.give_back_part(session, request, minutes, number, now)
    session.add(HelpRefund(request_id=request.id, number=number, minutes=minutes, txn_id=txn_id, at=now))
    session.flush()
