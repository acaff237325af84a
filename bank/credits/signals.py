"""Signals: what is worth a second look at an item, in words. None of them refuses anything."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Select, bindparam, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from bank import db
from bank.communities import operations as communities
from bank.communities.rules import Rules
from bank.credits import steps, undoing
from bank.credits.models import Credit
from bank.credits.steps import Step
from bank.errors import say

FLAG_SENTENCES: Mapping[str, str] = {
    "fresh": say("活动或账户建好才 %(minutes)s 分钟就来计了"),
    "night": say("夜里 %(time)s 提交的"),
    "repeat_pair": say("同一个人 30 天里第 %(times)s 次替这位居民说好事"),
    "reciprocal": say("两三个人在 30 天里互相替对方说好事"),
    "many_accounts": say("同一部手机 30 天里给 %(people)s 个人签过到"),
    "same_length": say("这场活动有 %(people)s 个人待的时间一秒不差"),
    "headcount": say("负责人报的到场人数是 %(told)s，签到的却有 %(scanned)s 人"),
    "no_headcount": say("签到的有 %(scanned)s 人，负责人过了 %(days)s 天还没有报到场人数"),
    "staff_hours": say("本人是社区工作人员，这场活动在上班时间里"),
}
"""What each signal says, to the desk and to the person alike; its facts fill the placeholders."""
WINDOW = timedelta(days=30)
DEEDS = "deed:"
GONE = ("refused", "void", "reversed")
OPEN = ("submitted", "second_review", "in_notice", "objected", "posted")

Flag = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a signal is read from; `began_at` is when the activity or the account came into being."""

    community_id: int
    source: str
    person_id: int
    proposed_by: int
    began_at: datetime | None
    now: datetime


def of_proposal(session: Session, given: Proposal) -> list[Flag]:
    """Give what speaks for a look at an item as it is proposed; the pairs of good deeds cost one statement."""
    today = given.now.astimezone(db.BOOK_ZONE).date()
    in_force = communities.rules_on(session, given.community_id, today)
    flags = [*fresh(given.began_at, given.now, in_force), *night(given.now, in_force)]
    if given.source.startswith(DEEDS) and given.proposed_by != given.person_id:
        flags += _of_pair(session, given, in_force)
    return flags


def fresh(began_at: datetime | None, now: datetime, in_force: Rules) -> list[Flag]:
    """Tell of an item that comes within minutes of the making of what it hangs on."""
    if began_at is None or now - began_at >= timedelta(minutes=in_force.fresh_minutes):
        return []
    return [{"code": "fresh", "facts": {"minutes": max(0, (now - began_at) // timedelta(minutes=1))}}]


def night(now: datetime, in_force: Rules) -> list[Flag]:
    """Tell of an item that comes at night, `night_from_hour` to `night_until_hour` (the latter no longer)."""
    there = now.astimezone(db.BOOK_ZONE)
    if in_force.night_until_hour <= there.hour < in_force.night_from_hour:
        return []
    return [{"code": "night", "facts": {"time": f"{there:%H:%M}"}}]


def _of_pair(session: Session, given: Proposal, in_force: Rules) -> list[Flag]:
    here = {"place": given.community_id, "since": given.now - WINDOW}
    row: Any = session.execute(_pairs(), {**here, "teller": given.proposed_by, "doer": given.person_id}).one()
    flags: list[Flag] = []
    if row[0] + 1 >= in_force.pair_times:
        flags.append({"code": "repeat_pair", "facts": {"times": row[0] + 1}})
    if row[1]:
        flags.append({"code": "reciprocal", "facts": {}})
    return flags


@cache  # to build it costs more than to run it
def _pairs() -> Select[tuple[int, bool]]:
    teller, doer = bindparam("teller", type_=BigInteger), bindparam("doer", type_=BigInteger)
    times = select(func.count()).where(*_told(Credit), Credit.proposed_by == teller, Credit.person_id == doer)
    back, onward, home = aliased(Credit), aliased(Credit), aliased(Credit)
    straight = exists().where(*_told(back), back.proposed_by == doer, back.person_id == teller)
    round_about = (
        exists()
        .where(*_told(onward), onward.proposed_by == doer)
        .where(*_told(home), home.proposed_by == onward.person_id, home.person_id == teller)
    )
    return select(times.scalar_subquery(), straight | round_about)


def _told(kind: Any) -> list[Any]:
    """Choose good deeds told of somebody else of late that nobody has thrown out."""
    return [
        kind.community_id == bindparam("place"),
        kind.source.startswith(DEEDS),
        kind.created_at >= bindparam("since"),
        kind.proposed_by != kind.person_id,
        kind.state.not_in(GONE),
    ]


def put_on(session: Session, credit_ids: Collection[int], flag: Flag, *, now: datetime) -> int:
    """Put a signal on items; those on notice go back for a second look. Give how many had it not before."""
    chosen = select(Credit).where(Credit.id.in_(credit_ids), Credit.state.in_(OPEN)).order_by(Credit.id)
    found = session.scalars(chosen.with_for_update().execution_options(populate_existing=True)).all()
    fresh_ones = [credit for credit in found if all(known["code"] != flag["code"] for known in credit.flags)]
    for credit in fresh_ones:
        credit.flags = [*credit.flags, flag]
    session.flush()
    noticed = [credit.id for credit in fresh_ones if credit.state == "in_notice"]
    if noticed:
        session.execute(
            update(Credit)
            .where(Credit.id.in_(noticed), Credit.state == "in_notice")
            .values(undoing.as_before("second_review"))
            .execution_options(synchronize_session="fetch")
        )
        steps.write(session, (Step(id_, "signalled", now) for id_ in noticed))
    return len(fresh_ones)
