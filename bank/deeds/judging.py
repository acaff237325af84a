"""The review panel judges deeds before the desk does: open a case, vote, close it by verdict, deadline or recall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from bank.communities import operations as communities
from bank.communities.calendar import calendar_of
from bank.communities.models import Community
from bank.communities.rules import Rules
from bank.credits import panel, stages, waiting
from bank.credits.models import Credit
from bank.credits.rules import check_no_admin
from bank.credits.voting import AlreadyVoted, InConflict
from bank.deeds import rules
from bank.deeds.models import Deed, DeedCase, DeedVote, DeedWitness
from bank.errors import Conflict, Invalid, NotFound, say
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person

MOVES: Mapping[str, tuple[str, ...]] = {"open": ("granted", "not_granted", "passed_on", "withdrawn")}
"""How a case moves; the deadline alone leads out of `open`, to any of the first three."""
ENDS = ("granted", "not_granted", "passed_on", "withdrawn")
NOT_GRANTED = say("评议小组的多数没有同意记这次积分，理由写在这件好事的页面上。补上证人或照片，可以请协调员重新打开。")


class CaseClosed(Conflict):
    """The verdict is in, or it was taken back."""

    code = "already_decided"
    sentence = say("这件好事的评议刚刚结束了，您的这一票没有计入。结果在页面上。")


def open_where_due(session: Session, deed: Deed, in_force: Rules, *, now: datetime) -> DeedCase | None:
    """Bring a deed before the panel where the rules say so and a quorum is free of conflict; else None."""
    credit = session.get_one(Credit, deed.credit_id)
    if not rules.is_for_panel(in_force, deed.points, is_flagged=bool(credit.flags)):
        return None
    judges = judges_of(session, deed)
    if in_force.panel_quorum < 1 or len(judges) < in_force.panel_quorum:
        return None
    home = session.get_one(Community, deed.community_id)
    case = DeedCase(
        deed_id=deed.id,
        community_id=deed.community_id,
        state="open",
        opened_at=now,
        due_at=calendar_of(session, home, now).end_after(in_force.panel_days),
    )
    session.add(case)
    waiting.hold(session, credit)
    sentence = say("有一件好事请您评议：“%(title)s”。请看看凭据，投一票，写一句理由。")
    facts = {"title": rules.CATEGORIES[deed.category]}
    members.tell(session, sorted(judges), sentence, facts=facts, link=f"/panel/{deed.public_id}", now=now)
    return case


def judges_of(session: Session, deed: Deed) -> set[int]:
    """Give the panel's members who neither did, told or witnessed a deed nor live with somebody who has."""
    witnesses = session.execute(
        select(DeedWitness.person_id, DeedWitness.keyed_by).where(DeedWitness.deed_id == deed.id)
    )
    involved = {deed.person_id, deed.told_by, *(id_ for row in witnesses for id_ in row if id_)}
    return panel.uninvolved(session, deed.community_id, involved)


def vote(session: Session, actor: Actor, public_id: str, *, is_for: bool, reason: str, now: datetime) -> DeedCase:
    """Vote on a deed before the panel; give its case as it stands afterwards. The vote that decides carries it out.

    Raises NotAllowed, AdminCannotCredit, NotFound, Invalid without a reason, InConflict, AlreadyVoted, CaseClosed.
    """
    actor.require("panel")
    check_no_admin(actor)
    if not reason.strip():
        raise Invalid({"reason": [say("请写一句理由，会留在记录里。")]})
    deed, case, credit = _locked(session, actor, public_id)
    if case.state != "open":
        raise CaseClosed
    if actor.person_id not in judges_of(session, deed):
        raise InConflict
    try:
        with session.begin_nested():
            session.add(
                DeedVote(deed_id=deed.id, person_id=actor.person_id, is_for=is_for, reason=reason.strip(), at=now)
            )
    except IntegrityError:
        raise AlreadyVoted from None
    found = _verdict(session, deed, now)
    if found is not None:
        _close(session, deed, case, credit, "granted" if found else "not_granted", now)
    return case


def _locked(session: Session, actor: Actor, public_id: str) -> tuple[Deed, DeedCase, Credit]:
    """Find a deed before the panel, its credit locked before anything of it is read."""
    chosen = select(Deed).where(Deed.public_id == public_id, Deed.community_id == actor.community_id)
    deed = session.scalar(chosen)
    if deed is None:
        raise NotFound
    return (deed, *_hold(session, deed))


def _hold(session: Session, deed: Deed) -> tuple[DeedCase, Credit]:
    fresh = {"populate_existing": True}
    credit = session.get_one(Credit, deed.credit_id, with_for_update=True, execution_options=fresh)
    case = session.scalar(select(DeedCase).where(DeedCase.deed_id == deed.id).execution_options(populate_existing=True))
    if case is None:
        raise NotFound
    return case, credit


def _verdict(session: Session, deed: Deed, now: datetime, *, is_over: bool = False) -> bool | None:
    in_force = communities.rules_now(session, deed.community_id, now)
    rows = session.execute(select(DeedVote.person_id, DeedVote.is_for).where(DeedVote.deed_id == deed.id))
    votes = {person_id: is_for for person_id, is_for in rows}  # noqa: C416 -- a Row is no pair to dict()
    agreed = sum(votes.values())
    still = set() if is_over else judges_of(session, deed) - votes.keys()
    return stages.verdict(
        agreed,
        len(votes) - agreed,
        still_to_vote=len(still),
        quorum=max(1, in_force.panel_quorum),
        is_tie_upheld=in_force.is_deed_tie_granted,
    )


def _close(session: Session, deed: Deed, case: DeedCase, credit: Credit, state: str, now: datetime) -> None:
    assert state in MOVES["open"]  # noqa: S101 -- a slip in this file, not a refusal
    _end(session, case, state, now)
    if state == "not_granted":
        waiting.refuse(session, credit, reason=NOT_GRANTED, now=now)
    elif state == "granted":
        waiting.let_go(session, credit, step="granted", now=now)
    else:
        waiting.let_go(session, credit, step="passed_on", flag={"code": "unjudged", "facts": {}}, now=now)
    told = sorted({deed.person_id, deed.told_by})
    facts = {"title": rules.CATEGORIES[deed.category]}
    members.tell(session, told, _RESULTS[state], facts=facts, link=f"/deeds/{deed.public_id}", now=now)


_RESULTS = {
    "granted": say("评议小组同意给“%(title)s”记积分，工作人员核对后公示。"),
    "not_granted": say("“%(title)s”没有通过评议，不记积分，也不扣任何东西。评议员的理由写在里面。"),
    "passed_on": say("“%(title)s”的评议到期没有结论，按规则交给工作人员审核。"),
}


def _end(session: Session, case: DeedCase, state: str, now: datetime) -> None:
    ended = session.execute(
        update(DeedCase)
        .where(DeedCase.id == case.id, DeedCase.state == "open")
        .values(state=state, closed_at=now)
        .returning(DeedCase.id)
        .execution_options(synchronize_session="fetch")
    )
    if ended.scalar_one_or_none() is None:
        raise CaseClosed


def withdraw(session: Session, deed_id: int, *, now: datetime) -> None:
    """Close the case of a deed whose credit is gone; nothing where none is open."""
    session.execute(
        update(DeedCase)
        .where(DeedCase.deed_id == deed_id, DeedCase.state == "open")
        .values(state="withdrawn", closed_at=now)
        .execution_options(synchronize_session="fetch")
    )


def close_due(session: Session, *, now: datetime, limit: int = 100) -> int:
    """Close the cases whose deadline passed, by the votes that are in; without a quorum the desk decides.

    Gives how many. Safe to run twice and by several at once.
    """
    due = select(Deed).join(DeedCase, DeedCase.deed_id == Deed.id)
    rows = session.scalars(due.where(DeedCase.state == "open", DeedCase.due_at <= now).order_by(Deed.id).limit(limit))
    return sum(_close_one(session, deed, now) for deed in rows.all())


def _close_one(session: Session, deed: Deed, now: datetime) -> bool:
    case, credit = _hold(session, deed)
    if case.state != "open":
        return False
    if credit.waits_for is None:
        _end(session, case, "withdrawn", now)
        return True
    found = _verdict(session, deed, now, is_over=True)
    _close(session, deed, case, credit, {True: "granted", False: "not_granted", None: "passed_on"}[found], now)
    return True


@dataclass(frozen=True, slots=True)
class Waiting:
    """A deed before the panel as its members see it."""

    deed: Deed
    case: DeedCase
    doer: str
    teller: str
    votes: int


def waiting_for(session: Session, actor: Actor, *, limit: int = 50) -> Sequence[Waiting]:
    """Give the open cases this panel member may still vote on, the most urgent first."""
    doer, teller = aliased(Person), aliased(Person)
    votes = select(func.count()).where(DeedVote.deed_id == Deed.id).correlate(Deed).scalar_subquery()
    chosen = _mine(select(Deed, DeedCase, doer.name, teller.name, votes), actor)
    chosen = chosen.join(doer, doer.id == Deed.person_id).join(teller, teller.id == Deed.told_by)
    return [Waiting(*row) for row in session.execute(chosen.order_by(DeedCase.due_at, Deed.id).limit(limit))]


def count_waiting(session: Session, actor: Actor) -> int:
    """Count them, for the menu."""
    if not actor.may("panel") or actor.may("admin"):
        return 0
    count: int | None = session.scalar(_mine(select(func.count()).select_from(Deed), actor))
    return count or 0


def _mine(chosen: Any, actor: Actor) -> Any:
    me, home = actor.person_id, actor.household_id or 0
    kin = select(Person.id).where(or_(Person.id == me, Person.household_id == home))
    voted = exists().where(DeedVote.deed_id == Deed.id, DeedVote.person_id == me)
    seen = exists().where(
        DeedWitness.deed_id == Deed.id, or_(DeedWitness.person_id.in_(kin), DeedWitness.keyed_by.in_(kin))
    )
    return chosen.join(DeedCase, DeedCase.deed_id == Deed.id).where(
        DeedCase.community_id == actor.community_id,
        DeedCase.state == "open",
        Deed.person_id.not_in(kin),
        Deed.told_by.not_in(kin),
        ~voted,
        ~seen,
    )


def case_of(session: Session, deed_id: int) -> DeedCase | None:
    """Give a deed's case, None where the panel has nothing to do with it."""
    return session.scalar(select(DeedCase).where(DeedCase.deed_id == deed_id))


def votes_of(session: Session, deed_id: int) -> list[tuple[DeedVote, str]]:
    """Give the votes on a deed in their order, each with whose it is."""
    rows = session.execute(
        select(DeedVote, Person.name)
        .join(Person, Person.id == DeedVote.person_id)
        .where(DeedVote.deed_id == deed_id)
        .order_by(DeedVote.id)
    )
    return [(vote, name) for vote, name in rows]


def may_vote(session: Session, actor: Actor, deed: Deed) -> bool:
    """Tell whether this person may still vote on a deed."""
    case = case_of(session, deed.id)
    if case is None or case.state != "open" or not actor.may("panel") or actor.may("admin"):
        return False
    voted = select(DeedVote.id).where(DeedVote.deed_id == deed.id, DeedVote.person_id == actor.person_id)
    return actor.person_id in judges_of(session, deed) and session.scalar(voted) is None
