"""Verbs on thanks: send a card, hide or report one, settle what was reported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session, aliased

from bank import clock
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.credits import cases
from bank.errors import Conflict, NotFound, say
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person
from bank.qr import new_public_id
from bank.thanks import rules
from bank.thanks.models import Thanks


class EnoughForToday(Conflict):
    """As many cards as a day holds."""

    code = "cap_exceeded"
    sentence = say("今天已经送了 %(most)s 张感谢卡，明天再送，心意不会少。")


class AlreadyThanked(Conflict):
    """One card a day from one neighbour to another."""

    code = "cap_exceeded"
    sentence = say("今天已经谢过这位邻居了，他收到了。")


class Settled(Conflict):
    """Somebody looked at it first, or it is not where it was."""

    code = "already_decided"
    sentence = say("这张卡刚才已经处理过了。")


def send(session: Session, actor: Actor, receiver: Person, *, card: str, words: str | None, now: datetime) -> Thanks:
    """Send a card to a neighbour, who is told. Raises EnoughForToday, AlreadyThanked."""
    home = session.get_one(Community, actor.community_id)
    most = communities.rules_at(session, home, now).thanks_per_day
    cases.lock_people(session, [actor.person_id])
    to_ids = thanked_today(session, actor, now=now)
    if receiver.id in to_ids:
        raise AlreadyThanked
    if len(to_ids) >= most:
        raise EnoughForToday(most=most)
    thanks = Thanks(
        public_id=new_public_id(),
        community_id=actor.community_id,
        from_id=actor.person_id,
        to_id=receiver.id,
        card=card,
        words=words,
        state="kept",
        created_at=now,
    )
    session.add(thanks)
    session.flush()
    sentence = say("%(name)s 送给您一张感谢卡：%(card)s。")
    facts = {"name": actor.name, "card": rules.CARDS[card]}
    members.tell(session, [receiver.id], sentence, facts=facts, link="/thanks", now=now)
    return thanks


def thanked_today(session: Session, actor: Actor, *, now: datetime) -> Sequence[int]:
    """Give the row ids of whom a person has sent a card on this day of their community."""
    time_zone = session.get_one(Community, actor.community_id).time_zone
    today = clock.start_of_day(clock.local_day(now, time_zone), time_zone)
    sent_on = (Thanks.from_id == actor.person_id, Thanks.created_at >= today)
    return session.scalars(select(Thanks.to_id).where(*sent_on)).all()


@dataclass(frozen=True, slots=True)
class Card:
    """A card with who sent it and to whom."""

    thanks: Thanks
    sender: str
    receiver: str


def received(session: Session, actor: Actor, *, limit: int = 100) -> Sequence[Card]:
    """Give the cards a person keeps, hidden ones too, newest first."""
    return _cards(session, Thanks.to_id == actor.person_id, Thanks.state.in_(("kept", "hidden")), limit=limit)


def sent(session: Session, actor: Actor, *, limit: int = 20) -> Sequence[Card]:
    """Give the cards a person sent, newest first."""
    return _cards(session, Thanks.from_id == actor.person_id, limit=limit)


def reported(session: Session, actor: Actor, *, limit: int = 50) -> Sequence[Card]:
    """Give the reported cards a coordinator may settle: none they sent or got themselves, oldest first."""
    actor.require("coordinator")
    return _cards(session, *_settled_by(actor), limit=limit)


def count_reported(session: Session, actor: Actor) -> int:
    """Count them, for the menu."""
    if not actor.may("coordinator"):
        return 0
    return session.scalar(select(func.count()).select_from(Thanks).where(*_settled_by(actor))) or 0


def _settled_by(actor: Actor) -> list[ColumnElement[bool]]:
    return [
        Thanks.state == "reported",
        Thanks.community_id == actor.community_id,
        Thanks.from_id != actor.person_id,
        Thanks.to_id != actor.person_id,
    ]


def _cards(session: Session, *conditions: ColumnElement[bool], limit: int) -> Sequence[Card]:
    sender, receiver = aliased(Person), aliased(Person)
    rows = session.execute(
        select(Thanks, sender.name, receiver.name)
        .join(sender, sender.id == Thanks.from_id)
        .join(receiver, receiver.id == Thanks.to_id)
        .where(*conditions)
        .order_by(Thanks.id.desc())
        .limit(limit)
    )
    return [Card(*row) for row in rows]


def hide(session: Session, actor: Actor, public_id: str) -> None:
    """Put a card one got out of sight. Raises NotFound, Settled."""
    _of_receiver(session, actor, public_id, "kept", "hidden")


def show(session: Session, actor: Actor, public_id: str) -> None:
    """Bring a hidden card back. Raises NotFound, Settled."""
    _of_receiver(session, actor, public_id, "hidden", "kept")


def report(session: Session, actor: Actor, public_id: str, *, now: datetime) -> None:
    """Report a bad card, which is out of sight at once; the coordinators are told. Raises NotFound, Settled."""
    _of_receiver(session, actor, public_id, None, "reported", reported_at=now)
    told = sorted(cases.holders(session, actor.community_id, "coordinator") - {actor.person_id})
    members.tell(session, told, say("有一张感谢卡被举报，请看一看。"), link="/thanks/reported", now=now)


def _of_receiver(
    session: Session, actor: Actor, public_id: str, before: str | None, after: str, **more: datetime
) -> None:
    mine = select(Thanks.id).where(Thanks.public_id == public_id, Thanks.to_id == actor.person_id)
    id_ = session.scalar(mine)
    if id_ is None:
        raise NotFound
    states = [before] if before else [state for state, moves in rules.MOVES.items() if after in moves]
    _move(session, [Thanks.id == id_, Thanks.state.in_(states)], after, **more)


def settle(session: Session, actor: Actor, public_id: str, *, is_bad: bool, now: datetime) -> None:
    """Remove a reported card or put it back. Raises NotAllowed, Settled for one that is not theirs to settle."""
    actor.require("coordinator")
    after = "removed" if is_bad else "kept"
    who = [Thanks.public_id == public_id, *_settled_by(actor)]
    _move(session, who, after, settled_at=now, settled_by=actor.person_id)


def _move(session: Session, conditions: Sequence[ColumnElement[bool]], after: str, **more: object) -> None:
    moved = session.execute(
        update(Thanks)
        .where(*conditions)
        .values(state=after, **more)
        .returning(Thanks.id)
        .execution_options(synchronize_session="fetch")
    )
    if moved.scalar_one_or_none() is None:
        raise Settled


def settle_due(session: Session, *, now: datetime) -> int:
    """Remove what was reported and nobody looked at in time; give how many. Safe to run twice."""
    done = 0
    waiting = session.execute(
        select(Thanks.community_id, func.min(Thanks.reported_at))
        .where(Thanks.state == "reported")
        .group_by(Thanks.community_id)
    )
    for community_id, _ in waiting.all():
        days = communities.rules_now(session, community_id, now).thanks_settled_days
        over = [Thanks.community_id == community_id, Thanks.state == "reported"]
        gone = session.execute(
            update(Thanks)
            .where(*over, Thanks.reported_at <= now - timedelta(days=days))
            .values(state="removed", settled_at=now)
            .returning(Thanks.id)
        )
        done += len(gone.all())
    return done
