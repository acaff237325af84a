"""Verbs on the rules: one person proposes a version, another adopts or refuses it. Nothing is ever backdated."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bank import clock
from bank.communities import operations as communities
from bank.communities.models import Community, RuleVersion
from bank.communities.rules import Rules, read_rules
from bank.credits.rules import check_no_admin
from bank.errors import Invalid, NotFound, say
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person
from bank.qr import new_public_id
from bank.rulebook import rules, wording
from bank.rulebook.models import RuleProposal

LONGEST_NOTE = 500


def newest(session: Session, community_id: int) -> Rules:
    """Give the version that holds last, which may not hold yet. Raises NotFound."""
    chosen = select(RuleVersion).where(RuleVersion.community_id == community_id)
    found = session.scalars(chosen.order_by(RuleVersion.effective_on.desc()).limit(1)).first()
    if found is None:
        raise NotFound
    return read_rules(found.number, found.effective_on, found.settings)


def first_day(session: Session, place: Community, now: datetime) -> date:
    """Give the first day from which a version decided today may hold."""
    today = clock.local_day(now, place.time_zone)
    return rules.earliest(today, newest(session, place.id), communities.rules_on(session, place.id, today))


def propose(
    session: Session,
    actor: Actor,
    values: Mapping[str, int | None],
    *,
    effective_on: date,
    note: str,
    based_on: int,
    now: datetime,
) -> RuleProposal:
    """Propose the next version: every setting by its field, from a day on. One is open at a time.

    What is open past its day lapses first. Raises NotAllowed, AdminCannotCredit, Invalid with errors by field,
    Overtaken where the rules changed since they were read, and OneIsOpen.
    """
    actor.require(*rules.PROPOSERS)
    check_no_admin(actor)
    place = session.get_one(Community, actor.community_id)
    latest = newest(session, place.id)
    if latest.number != based_on:
        raise rules.Overtaken
    _check(session, place, latest, values, effective_on, note, now)
    _lapse(session, place, now)
    made = RuleProposal(
        public_id=new_public_id(),
        community_id=place.id,
        based_on=based_on,
        settings=wording.as_settings(values),
        effective_on=effective_on,
        note=note.strip(),
        state="open",
        proposed_by=actor.person_id,
        proposed_at=now,
    )
    try:
        with session.begin_nested():
            session.add(made)
    except IntegrityError:
        raise rules.OneIsOpen from None
    return made


def _check(
    session: Session,
    place: Community,
    latest: Rules,
    values: Mapping[str, int | None],
    effective_on: date,
    note: str,
    now: datetime,
) -> None:
    errors = {name: [sentence] for name, (sentence, _) in rules.misfits(values).items()}
    if effective_on < first_day(session, place, now):
        errors["effective_on"] = [say("这个日子太早：规则要提前公布，不能往前追溯。")]
    if not note.strip():
        errors["note"] = [say("请写一句为什么要改，居民会看到。")]
    if not errors and all(one.value(latest) == values[one.field] for one in wording.BY_FIELD.values()):
        errors["note"] = [say("没有改动任何一项。")]
    if errors:
        raise Invalid(errors)


def _lapse(session: Session, place: Community, now: datetime) -> None:
    today = clock.local_day(now, place.time_zone)
    session.execute(
        update(RuleProposal)
        .where(RuleProposal.community_id == place.id, RuleProposal.state == "open", RuleProposal.effective_on <= today)
        .values(state="lapsed", decided_at=now)
        .execution_options(synchronize_session=False)
    )


def adopt(session: Session, actor: Actor, public_id: str, *, now: datetime) -> Rules:
    """Make a proposal the next version of the rules; residents are told by the rules page from now on.

    Not by who proposed it or lives with them. Raises NotAllowed, AdminCannotCredit, NotFound, AnotherPerson,
    Decided, TooSoon and Overtaken.
    """
    found = _of_another(session, actor, public_id)
    place = session.get_one(Community, found.community_id)
    latest = newest(session, place.id)
    if found.state == "open" and latest.number != found.based_on:
        raise rules.Overtaken
    if found.state == "open" and found.effective_on < first_day(session, place, now):
        raise rules.TooSoon
    _decide(session, found, "adopted", actor, now, version_number=latest.number + 1)
    adopted = communities.adopt_rules(
        session, place, found.settings, effective_on=found.effective_on, now=now, note=found.note
    )
    told = say("您提的规则改动已通过，成为第 %(n)s 版。")
    members.tell(session, [found.proposed_by], told, facts={"n": adopted.number}, link="/rules", now=now)
    return adopted


def refuse(session: Session, actor: Actor, public_id: str, *, reason: str, now: datetime) -> None:
    """Say no, with a reason that the proposer reads. Raises as `adopt` does, and Invalid without a reason."""
    if not reason.strip():
        raise Invalid({"reason": [say("请写一句为什么不同意，提出的人会看到。")]})
    found = _of_another(session, actor, public_id)
    _decide(session, found, "refused", actor, now, reason=reason.strip())
    told = say("您提的规则改动没有通过：%(reason)s")
    members.tell(session, [found.proposed_by], told, facts={"reason": reason.strip()}, link="/desk/rules", now=now)


def withdraw(session: Session, actor: Actor, public_id: str, *, now: datetime) -> None:
    """Take one's own proposal back. Raises NotFound for another's, and Decided."""
    found = find(session, actor, public_id)
    if found.proposed_by != actor.person_id:
        raise NotFound
    _decide(session, found, "withdrawn", actor, now)


def find(session: Session, actor: Actor, public_id: str) -> RuleProposal:
    """Find a proposal of the actor's community. Raises NotFound."""
    chosen = select(RuleProposal).where(
        RuleProposal.public_id == public_id, RuleProposal.community_id == actor.community_id
    )
    found = session.scalar(chosen.execution_options(populate_existing=True))
    if found is None:
        raise NotFound
    return found


def _of_another(session: Session, actor: Actor, public_id: str) -> RuleProposal:
    actor.require(*rules.DECIDERS)
    check_no_admin(actor)
    found = find(session, actor, public_id)
    if is_own(session, actor, found):
        raise rules.AnotherPerson
    return found


def is_own(session: Session, actor: Actor, found: RuleProposal) -> bool:
    """Tell whether the actor, or somebody they live with, proposed it."""
    home = session.get_one(Person, found.proposed_by).household_id
    return actor.person_id == found.proposed_by or (home is not None and home == actor.household_id)


def _decide(
    session: Session,
    found: RuleProposal,
    state: str,
    actor: Actor,
    now: datetime,
    *,
    reason: str | None = None,
    version_number: int | None = None,
) -> None:
    moved = session.scalar(
        update(RuleProposal)
        .where(RuleProposal.id == found.id, RuleProposal.state == "open")
        .values(state=state, decided_by=actor.person_id, decided_at=now, reason=reason, version_number=version_number)
        .returning(RuleProposal.id)
        .execution_options(synchronize_session="fetch")
    )
    if moved is None:
        raise rules.Decided
