"""Verbs on bonds between relatives: ask, answer, check, end, let lapse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, case, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from bank.communities import operations as communities
from bank.credits import cases
from bank.errors import NotFound, say
from bank.giving import near, rules
from bank.giving.models import Bond
from bank.giving.refusals import AlreadyBound, GroupGives, Settled, TooManyOfAKind
from bank.members import operations as members
from bank.members.actor import STAFF, Actor
from bank.members.models import Person
from bank.qr import new_public_id

LIVING = ("asked", "agreed", "bound")
PAGE, DESK = "/relatives", "/desk/giving"


@dataclass(frozen=True, slots=True)
class Kin:
    """A bond with both names; `kind` is what the other is to whoever looks."""

    bond: Bond
    asker: Person
    other: Person

    def seen_by(self, person_id: int) -> tuple[Person, str]:
        """Give the relative and the marked word for them, from one side."""
        is_asker = self.bond.asker_id == person_id
        relative = self.other if is_asker else self.asker
        return relative, rules.KINDS[rules.kind_for(self.bond.kind, is_asker=is_asker)]


def ask(
    session: Session, asker: Person, other: Person, *, kind: str, now: datetime, agent: Actor | None = None
) -> Bond:
    """Ask a member to be bound as a relative; `kind` is what they are to the asker. `agent` saw the asker's card and
    PIN. Raises AlreadyBound, GroupGives, TooNear for an agent, NotFound for another community's member."""
    near.check_agent(session, agent, (asker.id, other.id))
    if other.disabled_at is not None or other.community_id != asker.community_id or other.id == asker.id:
        raise NotFound
    if asker.is_group or other.is_group:
        raise GroupGives
    days = communities.rules_now(session, asker.community_id, now).answer_days
    low, high = sorted((asker.id, other.id))
    bond = Bond(
        public_id=new_public_id(),
        community_id=asker.community_id,
        asker_id=asker.id,
        other_id=other.id,
        low_id=low,
        high_id=high,
        kind=kind,
        agent_id=agent.person_id if agent else None,
        state="asked",
        created_at=now,
        due_at=rules.days_later(now, days),
    )
    try:
        with session.begin_nested():
            session.add(bond)
    except IntegrityError as twice:
        raise AlreadyBound from twice
    sentence = say("%(name)s 想和您绑定为亲属，绑定后可以互相转赠时长。请看一看。")
    members.tell(session, [other.id], sentence, facts={"name": asker.name}, link=PAGE, now=now)
    if agent is not None:
        said = say("%(agent)s 凭您的卡和 PIN 替您向 %(name)s 提出绑定亲属。不是您本人，请马上告诉社区。")
        facts = {"agent": agent.name, "name": other.name}
        members.tell(session, [asker.id], said, facts=facts, link=PAGE, now=now, agent=agent)
    return bond


def answer(
    session: Session, other: Person, public_id: str, *, agrees: bool, now: datetime, agent: Actor | None = None
) -> Bond:
    """Say yes or no to who asked; a yes goes to the desk. `agent` saw the card and PIN of who answers.

    Raises NotFound, Settled, TooNear for an agent.
    """
    mine = [Bond.public_id == public_id, Bond.other_id == other.id]
    asker_id = session.scalar(select(Bond.asker_id).where(*mine))
    near.check_agent(session, agent, (other.id, asker_id))
    after = "agreed" if agrees else "declined"
    values: dict[str, object] = {"answer_agent_id": agent.person_id} if agent else {}
    bond = _move(session, mine, "asked", after, now, **values)
    said = say("%(name)s 同意和您绑定为亲属，社区核对后就能转赠。") if agrees else say("%(name)s 没有同意绑定亲属。")
    members.tell(session, [bond.asker_id], said, facts={"name": other.name}, link=PAGE, now=now)
    if agrees:
        near.tell_staff(session, bond.community_id, say("有一对亲属等着核对。"), link=DESK, now=now)
    if agent is not None:
        done = (
            say("%(agent)s 凭您的卡和 PIN 替您同意了和 %(name)s 绑定亲属。不是您本人，请马上告诉社区。")
            if agrees
            else say("%(agent)s 凭您的卡和 PIN 替您回绝了和 %(name)s 绑定亲属。不是您本人，请马上告诉社区。")
        )
        facts = {"agent": agent.name, "name": session.get_one(Person, bond.asker_id).name}
        members.tell(session, [other.id], done, facts=facts, link=PAGE, now=now, agent=agent)
    return bond


def check(session: Session, actor: Actor, public_id: str, *, is_right: bool, now: datetime) -> Bond:
    """Confirm or refuse what both agreed to, by staff neither of them nor of their households, nor an agent.

    Raises NotAllowed, NotFound, TooNear, TooManyOfAKind, Settled.
    """
    actor.require(*STAFF)
    found = session.scalar(select(Bond).where(Bond.public_id == public_id, Bond.community_id == actor.community_id))
    if found is None:
        raise NotFound
    near.check_uninvolved(session, actor, (found.asker_id, found.other_id, found.agent_id, found.answer_agent_id))
    if is_right:
        _check_room(session, found)
    after = "bound" if is_right else "refused"
    bond = _move(session, [Bond.id == found.id], "agreed", after, now, checked_by=actor.person_id)
    said = (
        say("亲属已经绑定好，现在可以互相转赠时长。")
        if is_right
        else say("社区没有核对上你们的亲属关系，请到服务台问一问。")
    )
    members.tell(session, [bond.asker_id, bond.other_id], said, link=PAGE, now=now)
    return bond


def _check_room(session: Session, bond: Bond) -> None:
    """Go on only if neither is bound to as many of that kind as anybody has; one such decision at a time."""
    pair = (bond.asker_id, bond.other_id)
    cases.lock_people(session, pair)
    for person_id in pair:
        kind = rules.kind_for(bond.kind, is_asker=bond.asker_id == person_id)
        as_asker = (Bond.asker_id == person_id) & (Bond.kind == kind)
        as_other = (Bond.other_id == person_id) & (Bond.kind == rules.MIRROR[kind])
        bound = select(func.count()).select_from(Bond).where(or_(as_asker, as_other), Bond.state == "bound")
        if (session.scalar(bound) or 0) >= rules.MOST[kind]:
            raise TooManyOfAKind(most=rules.MOST[kind], kind=rules.KINDS[kind])


def end(session: Session, actor: Actor, public_id: str, *, now: datetime, agent: Actor | None = None) -> Bond:
    """End a bond, or take back one's own asking; either of the two may. `agent` saw the card and PIN.

    Raises NotFound, Settled, TooNear for an agent.
    """
    near.check_agent(session, agent, [actor.person_id])
    either = or_(Bond.asker_id == actor.person_id, Bond.other_id == actor.person_id)
    found = session.scalar(select(Bond).where(Bond.public_id == public_id, either))
    if found is None:
        raise NotFound
    before = found.state
    if before not in LIVING:
        raise Settled
    bond = _move(session, [Bond.id == found.id], before, "ended" if before == "bound" else "withdrawn", now)
    told = bond.other_id if bond.asker_id == actor.person_id else bond.asker_id
    sentence = say("%(name)s 解除了和您的亲属绑定。已经转赠的不受影响。")
    members.tell(session, [told], sentence, facts={"name": actor.name}, link=PAGE, now=now)
    if agent is not None:
        said = say("%(agent)s 凭您的卡和 PIN 替您解除了和 %(name)s 的亲属绑定。不是您本人，请马上告诉社区。")
        facts = {"agent": agent.name, "name": session.get_one(Person, told).name}
        members.tell(session, [actor.person_id], said, facts=facts, link=PAGE, now=now, agent=agent)
    return bond


def end_all(session: Session, person_id: int, *, now: datetime) -> None:
    """End every bond of somebody who died."""
    session.execute(
        update(Bond)
        .where(or_(Bond.asker_id == person_id, Bond.other_id == person_id), Bond.state.in_(LIVING))
        .values(state=case((Bond.state == "bound", "ended"), else_="withdrawn"), ended_at=now)
        .execution_options(synchronize_session=False)
    )


def lapse_due(session: Session, *, now: datetime) -> int:
    """Let what nobody answered or looked at in time lapse; give how many."""
    gone = session.execute(
        update(Bond)
        .where(Bond.state.in_(("asked", "agreed")), Bond.due_at <= now)
        .values(state="lapsed", ended_at=now)
        .returning(Bond.asker_id)
        .execution_options(synchronize_session=False)
    ).all()
    sentence = say("您提的亲属绑定很久没人答复，先作罢了，可以再提一次。")
    members.tell(session, [asker_id for (asker_id,) in gone], sentence, link=PAGE, now=now)
    return len(gone)


def between(session: Session, one: int, other: int) -> Bond | None:
    """Give the bond in force between two people, None for none."""
    low, high = sorted((one, other))
    chosen = select(Bond).where(Bond.low_id == low, Bond.high_id == high, Bond.state == "bound")
    return session.scalar(chosen.execution_options(populate_existing=True))


def of_person(session: Session, person_id: int) -> Sequence[Kin]:
    """Give a member's living bonds, both ways."""
    return _kin(session, or_(Bond.asker_id == person_id, Bond.other_id == person_id), Bond.state.in_(LIVING))


def heirs_of(session: Session, person_ids: Sequence[int]) -> dict[int, list[tuple[str, str]]]:
    """Give public id and name of the spouse, parents and children bound to each of these people."""
    found: dict[int, list[tuple[str, str]]] = {}
    for one in _kin(session, or_(Bond.asker_id.in_(person_ids), Bond.other_id.in_(person_ids)), Bond.state == "bound"):
        for person_id in {one.asker.id, one.other.id} & set(person_ids):
            heir, _ = one.seen_by(person_id)
            if rules.kind_for(one.bond.kind, is_asker=one.asker.id == person_id) in rules.HEIRS:
                found.setdefault(person_id, []).append((heir.public_id, heir.name))
    return found


def relatives_of(session: Session, person_id: int) -> list[int]:
    """Give the row ids of the people bound to somebody."""
    other = case((Bond.asker_id == person_id, Bond.other_id), else_=Bond.asker_id)
    either = or_(Bond.asker_id == person_id, Bond.other_id == person_id)
    return list(session.scalars(select(other).where(either, Bond.state == "bound").order_by(Bond.id)))


def to_check(session: Session, actor: Actor, *, limit: int = 50) -> Sequence[Kin]:
    """Give what waits for the desk, oldest first. Raises NotAllowed."""
    actor.require(*STAFF)
    return _kin(session, Bond.community_id == actor.community_id, Bond.state == "agreed")[:limit]


def _kin(session: Session, *conditions: ColumnElement[bool]) -> Sequence[Kin]:
    asker, other = aliased(Person), aliased(Person)
    rows = session.execute(
        select(Bond, asker, other)
        .join(asker, asker.id == Bond.asker_id)
        .join(other, other.id == Bond.other_id)
        .where(*conditions)
        .order_by(Bond.id)
        .limit(200)
    )
    return [Kin(*row) for row in rows]


def _move(
    session: Session, who: list[ColumnElement[bool]], before: str, after: str, now: datetime, **more: object
) -> Bond:
    ended = None if after in LIVING else now
    moved = session.execute(
        update(Bond)
        .where(*who, Bond.state == before, or_(Bond.state == "bound", Bond.due_at > now))
        .values(state=after, ended_at=ended, **more)
        .returning(Bond),
        execution_options={"populate_existing": True},
    ).scalar_one_or_none()
    if moved is not None:
        return moved
    raise Settled if session.scalar(select(Bond.id).where(*who)) is not None else NotFound
