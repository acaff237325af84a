"""Calling a choice to mind before its time is over: what becomes of the hours of who died."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from bank import clock
from bank.communities.models import Community
from bank.errors import say
from bank.giving import bonds, near
from bank.giving.farewells import DESK, RELATIVES
from bank.giving.models import Farewell
from bank.members import operations as members
from bank.members.models import Person

BEFORE = timedelta(days=30)
QUIET = timedelta(days=14)
"""How long a family that was just told is left in peace, however short the rule's time is."""
AT_ONCE = 50

_FAMILY = say(
    "%(name)s 余下的时长怎么办，家里还没有说。请家人在 %(day)s 前到服务台说一声；一直没说的，那天捐给公益池。"
)
_STAFF = say("%(name)s 的家人还没有说余下的时长怎么办，%(day)s 到期。请给家人打个电话。")


def remind_families(session: Session, *, now: datetime) -> int:
    """Tell the relatives and the desk once, a month before the hours of who died go to the pool; give how many cases.

    Safe to run twice and by several at once.
    """
    found = session.scalars(
        update(Farewell)
        .where(Farewell.id.in_(_near_the_end(now)), Farewell.reminded_at.is_(None), Farewell.state == "confirmed")
        .values(reminded_at=now)
        .returning(Farewell)
        .execution_options(populate_existing=True)
    ).all()
    for one in found:
        name = session.get_one(Person, one.person_id).name
        last = clock.local_day(one.due_at, session.get_one(Community, one.community_id).time_zone)
        facts = {"name": name, "day": last.isoformat()}
        members.tell(session, bonds.relatives_of(session, one.person_id), _FAMILY, facts=facts, link=RELATIVES, now=now)
        near.tell_staff(session, one.community_id, _STAFF, facts=facts, link=DESK, now=now)
    return len(found)


def _near_the_end(now: datetime) -> Select[int]:
    waiting = select(Farewell.id).where(Farewell.kind == "died", Farewell.state == "confirmed")
    close = waiting.where(Farewell.due_at > now, Farewell.due_at <= now + BEFORE, Farewell.reminded_at.is_(None))
    return close.where(Farewell.confirmed_at <= now - QUIET).order_by(Farewell.due_at).limit(AT_ONCE)
