"""What everybody may see of credits: items on public notice and those posted lately, names masked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from bank.communities import operations as communities
from bank.communities.models import Community
from bank.credits import words
from bank.credits.models import Credit
from bank.errors import NotFound
from bank.members.models import Person
from bank.members.rules import mask_name
from bank.web import paging
from bank.web.paging import Listing

MOST_ON_A_SHEET = 500


@dataclass(frozen=True, slots=True)
class Notice:
    """One item as the public sees it."""

    id: str
    name: str
    title: str
    happened_on: date
    unit: str
    amount: int
    evidence_class: str
    notice_from: datetime | None
    notice_until: datetime | None
    state: str

    @property
    def last_moment(self) -> datetime | None:
        """Give the last second of the notice."""
        return words.last_moment(self.notice_until) if self.notice_until else None


def place(session: Session, community_id: int | None, code: str | None) -> Community:
    """Find whose notices are meant: the one named, else one's own, else the first community. Raises NotFound."""
    if code:
        named = communities.with_code(session, code)
        if named.kind != "community":
            raise NotFound
        return named
    if community_id is not None:
        return session.get_one(Community, community_id)
    first = session.scalar(select(Community).where(Community.kind == "community").order_by(Community.id).limit(1))
    if first is None:
        raise NotFound
    return first


def listing(
    session: Session,
    community: Community,
    *,
    now: datetime,
    is_open: bool | None = None,
    cursor: str | None,
    limit: int,
) -> Listing[Notice]:
    """Give a page of items, newest first: on notice (`is_open`), posted lately (False), or both (None)."""
    chosen = _chosen(session, community, now, is_open).order_by(Credit.id.desc()).limit(limit + 1)
    after = paging.decode_ints(cursor, 1)
    if after:
        chosen = chosen.where(Credit.id < after[0])
    rows = list(session.execute(chosen))
    more = paging.encode(rows[limit - 1][0].id) if len(rows) > limit else None
    return Listing([_notice(*row) for row in rows[:limit]], more)


def sheet(session: Session, community: Community, *, now: datetime) -> list[Notice]:
    """Give everything on notice, in order of its last day, for the printed sheet."""
    chosen = _chosen(session, community, now, True).order_by(Credit.notice_until, Credit.id).limit(MOST_ON_A_SHEET)
    return [_notice(*row) for row in session.execute(chosen)]


def one(session: Session, community: Community, public_id: str, *, now: datetime) -> Notice:
    """Find one item on the public list. Raises NotFound."""
    row = session.execute(_chosen(session, community, now, None).where(Credit.public_id == public_id)).one_or_none()
    if row is None:
        raise NotFound
    return _notice(*row)


def is_of(session: Session, public_id: str, person_id: int) -> bool:
    """Tell whether an item is this person's own."""
    return session.scalar(select(Credit.person_id).where(Credit.public_id == public_id)) == person_id


def is_listed(session: Session, credit: Credit, *, now: datetime) -> bool:
    """Tell whether a credit is on the public list, where it can be objected to."""
    community = session.get_one(Community, credit.community_id)
    listed = _chosen(session, community, now, None).where(Credit.id == credit.id)
    return session.execute(listed).first() is not None


def _chosen(session: Session, community: Community, now: datetime, is_open: bool | None) -> Select[Credit, str, bool]:
    days = communities.rules_at(session, community, now).object_after_posting_days
    # The community stands in both arms, so that each is found by its index.
    here = Credit.community_id == community.id
    on_notice = and_(here, Credit.state.in_(("in_notice", "objected")))
    posted = and_(here, Credit.state == "posted", Credit.posted_at >= now - timedelta(days=days))
    states = {True: on_notice, False: posted, None: or_(on_notice, posted)}
    chosen = select(Credit, Person.name, Person.is_named).join(Person, Person.id == Credit.person_id)
    return chosen.where(states[is_open])


def _notice(credit: Credit, name: str, is_named: bool) -> Notice:
    return Notice(
        id=credit.public_id,
        name=name if is_named else mask_name(name),
        title=credit.title,
        happened_on=credit.happened_on,
        unit=credit.unit,
        amount=credit.amount if credit.approved_amount is None else credit.approved_amount,
        evidence_class=credit.evidence_class,
        notice_from=credit.notice_from,
        notice_until=credit.notice_until,
        state=credit.state,
    )
