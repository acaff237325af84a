"""Telling the coordinators in time that the bank may not keep its promises: once, when a concern is new."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from bank.communities.models import Community
from bank.credits import cases
from bank.errors import say
from bank.members import operations as members
from bank.vitals import measuring
from bank.vitals.models import Vital

QUIET = timedelta(days=7)
"""What was a concern within these days is not told again: a figure may go to and fro across its border."""
SENTENCES: Mapping[str, str] = {
    "pool": say("照近来的用法，公益池只够 %(n)s 个月。请早点发动捐赠，或少答应一些。"),
    "met": say("近 12 周的求助，48 小时内有人答应的只有 %(n)s%%。请多找志愿者，或早一点派。"),
    "used": say("近 12 周存进来的时长，用出去的只有 %(n)s%%。请问问居民想换什么。"),
}
PAGE = "/health"


def warn(session: Session, place: Community, *, now: datetime) -> int:
    """Tell a community's coordinators of what is a concern since today; give how many concerns that were."""
    newest = measuring.newest(session, place.id)
    if newest is None:
        return 0
    lately = select(Vital).where(
        Vital.community_id == place.id, Vital.day < newest.day, Vital.day >= newest.day - QUIET
    )
    known = {code for vital in session.scalars(lately) for code, _ in measuring.read(vital).concerns}
    new = [(code, value) for code, value in measuring.read(newest).concerns if code not in known]
    told = sorted(cases.holders(session, place.id, "coordinator")) if new else []
    for code, value in new:
        members.tell(session, told, SENTENCES[code], facts={"n": value}, link=PAGE, now=now)
    return len(new)
