"""The review panel votes on an objection: once each, with a reason; the vote that makes the verdict carries it out."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bank.credits import doubts, panel, rules, verdicts
from bank.credits.models import Objection, ObjectionVote
from bank.errors import Conflict, Invalid, say
from bank.members.actor import Actor


class AlreadyVoted(Conflict):
    """One vote for each."""

    code = "already_voted"
    sentence = say("您已经投过票了，每人只有一票。")


class InConflict(Conflict):
    """They, or somebody they live with, have a part in it."""

    code = "conflict_of_interest"
    sentence = say("您或您的家人与这一条有关，请由其他评议员来定。")


def vote(session: Session, actor: Actor, public_id: str, *, is_upheld: bool, reason: str, now: datetime) -> Objection:
    """Vote on an objection that lies with the panel; give it as it stands afterwards.

    Raises NotAllowed, AdminCannotCredit, NotFound, Invalid without a reason, InConflict, AlreadyVoted, and
    AlreadyAnswered where the verdict is in.
    """
    actor.require("panel")
    rules.check_no_admin(actor)
    if not reason.strip():
        raise Invalid({"answer": [say("请写一句理由，会留在记录里。")]})
    objection, credit = doubts.locked(session, actor, public_id)
    if objection.state != "open" or objection.stage != "panel":
        raise doubts.AlreadyAnswered
    if actor.person_id not in panel.judges(session, credit, objection):
        raise InConflict
    try:
        with session.begin_nested():
            session.add(
                ObjectionVote(
                    objection_id=objection.id,
                    person_id=actor.person_id,
                    is_upheld=is_upheld,
                    reason=reason.strip(),
                    at=now,
                )
            )
    except IntegrityError:
        raise AlreadyVoted from None
    found = verdicts.verdict_so_far(session, objection, credit, now)
    if found is not None:
        words = verdicts.panel_words(objection, found)
        verdicts.try_to_settle(session, objection, credit, is_upheld=found, words=words, now=now)
    return objection


def votes_of(session: Session, objection_id: int) -> list[ObjectionVote]:
    """Give the votes on an objection in their order."""
    chosen = select(ObjectionVote).where(ObjectionVote.objection_id == objection_id)
    return list(session.scalars(chosen.order_by(ObjectionVote.id)))
