"""A witness says that a deed happened: by scanning its QR, or with their card and PIN on another's phone."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bank.credits import waiting
from bank.credits.models import Credit
from bank.deeds import rules
from bank.deeds.models import Deed, DeedVote, DeedWitness
from bank.errors import Conflict, NotAllowed, NotFound, say
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person

STAFF = ("coordinator", "second_approver")


class NotAWitness(Conflict):
    """They did or told it, or live with somebody who has."""

    code = "same_household"
    sentence = say("自己和家人不能作证，说这件好事的人也不能。请另一户的邻居来作证。")


class AlreadyWitnessed(Conflict):
    """One word from each."""

    code = "already_decided"
    sentence = say("您已经为这件好事作过证了，谢谢您。")


class JudgeIsNoWitness(Conflict):
    """They have voted on it."""

    code = "conflict_of_interest"
    sentence = say("您或您的家人已经评议过这件好事，不能再作证。")


class TooLateToWitness(Conflict):
    """It is decided."""

    code = "too_late"
    sentence = say("这件好事已经审核过了，不用再作证，谢谢您。")


def find(session: Session, actor: Actor, code: str) -> tuple[Deed, Person]:
    """Find the deed whose QR was scanned, with who did it. Raises NotFound, for other communities' too."""
    row = session.execute(
        select(Deed, Person)
        .join(Person, Person.id == Deed.person_id)
        .where(Deed.witness_code == code.upper(), Deed.community_id == actor.community_id)
    ).one_or_none()
    if row is None:
        raise NotFound
    return row[0], row[1]


def witness_by_scan(session: Session, actor: Actor, code: str, *, now: datetime) -> Deed:
    """Confirm a deed on one's own phone.

    Raises NotFound, NotAWitness, AlreadyWitnessed, JudgeIsNoWitness, TooLateToWitness.
    """
    deed, _ = find(session, actor, code)
    _add(session, deed, session.get_one(Person, actor.person_id), via="scan", keyer=None, now=now)
    return deed


def witness_by_card(
    session: Session, actor: Actor, public_id: str, owner: Person, *, has_pin: bool, now: datetime
) -> Deed:
    """Confirm a deed with the card of `owner`, who is there in person, on the phone of the actor.

    With the PIN, which the caller has checked, anybody concerned and the desk may; without it only a coordinator or
    second approver who has no part in it, and who then does not decide on it alone. Raises NotAllowed besides what
    `witness_by_scan` raises.
    """
    deed = session.scalar(select(Deed).where(Deed.public_id == public_id, Deed.community_id == actor.community_id))
    if deed is None or not (actor.person_id in (deed.person_id, deed.told_by) or actor.may(*STAFF)):
        raise NotFound
    if not has_pin and (not actor.may(*STAFF) or actor.may("admin") or _is_side(session, deed, actor.person_id)):
        raise NotAllowed
    if owner.id == actor.person_id:
        raise NotAWitness
    _add(session, deed, owner, via="pin" if has_pin else "card", keyer=actor, now=now)
    return deed


def _is_side(session: Session, deed: Deed, person_id: int) -> bool:
    """Tell whether they did or told it or live with somebody who has."""
    if person_id in (deed.person_id, deed.told_by):
        return True
    home = session.scalar(select(Person.household_id).where(Person.id == person_id))
    same = select(Person.id).where(Person.id.in_((deed.person_id, deed.told_by)), Person.household_id == home)
    return home is not None and session.scalar(same.limit(1)) is not None


def _add(session: Session, deed: Deed, owner: Person, *, via: str, keyer: Actor | None, now: datetime) -> None:
    fresh = {"populate_existing": True}
    credit = session.get_one(Credit, deed.credit_id, with_for_update=True, execution_options=fresh)
    if _is_side(session, deed, owner.id):
        raise NotAWitness
    voted = select(DeedVote.id).where(DeedVote.deed_id == deed.id, DeedVote.person_id == owner.id)
    if session.scalar(voted) is not None:
        raise JudgeIsNoWitness
    try:
        with session.begin_nested():
            session.add(
                DeedWitness(
                    deed_id=deed.id, person_id=owner.id, via=via, keyed_by=keyer.person_id if keyer else None, at=now
                )
            )
    except IntegrityError as refused:
        if "deed_witness" in str(refused.orig) and "refuses" not in str(refused.orig):
            raise AlreadyWitnessed from None
        raise JudgeIsNoWitness from None  # somebody of their household has voted
    count = session.scalar(select(func.count()).select_from(DeedWitness).where(DeedWitness.deed_id == deed.id))
    desk = keyer.person_id if keyer and via == "card" else None
    evidence = {"witnesses": count}
    if not waiting.strengthen(
        session, credit, by=owner.id, evidence=evidence, settles="only_own_word", at_desk=desk, now=now
    ):
        raise TooLateToWitness
    sentence = say("%(name)s 为“%(title)s”作了证。")
    facts = {"name": owner.name, "title": rules.CATEGORIES[deed.category]}
    members.tell(session, [deed.person_id], sentence, facts=facts, link=f"/deeds/{deed.public_id}", now=now)
    if via != "scan":
        told = say("有人用您的卡为“%(title)s”作了证。不是您本人，请马上告诉社区。")
        members.tell(session, [owner.id], told, facts={"title": facts["title"]}, now=now)


def witnesses_of(session: Session, deed_id: int) -> list[tuple[DeedWitness, str]]:
    """Give who bore witness, in their order, with their names."""
    rows = session.execute(
        select(DeedWitness, Person.name)
        .join(Person, Person.id == DeedWitness.person_id)
        .where(DeedWitness.deed_id == deed_id)
        .order_by(DeedWitness.id)
    )
    return [(one, name) for one, name in rows]


def refusal_for(session: Session, actor: Actor, deed: Deed) -> type[Conflict] | None:
    """Give why this person cannot bear witness, None where they can."""
    if _is_side(session, deed, actor.person_id):
        return NotAWitness
    mine = select(DeedWitness.id).where(DeedWitness.deed_id == deed.id, DeedWitness.person_id == actor.person_id)
    if session.scalar(mine) is not None:
        return AlreadyWitnessed
    state = session.scalar(select(Credit.state).where(Credit.id == deed.credit_id))
    return None if state == "submitted" else TooLateToWitness
