"""Appeals: whoever was refused may ask once that somebody else look again; granted, the item is judged anew."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bank.communities import operations as communities
from bank.credits import doubts, rules, steps, undoing
from bank.credits.models import Credit, CreditStep, Objection
from bank.credits.steps import Step
from bank.errors import Conflict, Invalid, NotFound, say
from bank.members import operations as members
from bank.members.actor import Actor
from bank.qr import new_public_id

BY_PANEL: Mapping[bool, str] = {
    True: say("评议小组投票认为应当重新审核。"),
    False: say("评议小组投票认为维持不通过。"),
}
BY_SILENCE: Mapping[bool, str] = {
    True: say("到期没有人作出结论，按规则重新审核。"),
    False: say("到期没有人作出结论，按规则维持不通过。"),
}
TWICE = say("这一段已经由另一条记录计过了，这一条不能再打开。")


class AlreadyAppealed(Conflict):
    """Once for each refusal."""

    code = "already_objected"
    sentence = say("您已经请求过一次重新审核。还有新的凭据，请带到社区服务台。")


def appeal(
    session: Session, actor: Actor, public_id: str, *, reason: str, now: datetime, person_id: int | None = None
) -> Objection:
    """Ask that somebody else look at what was refused; `person_id` is whose it is where staff key it in for them.

    Raises NotFound for another's item, one that is not refused or was refused too long ago, Invalid, AlreadyAppealed.
    """
    if not reason.strip():
        raise Invalid({"reason": [say("请写一句您觉得哪里不对。")]})
    owner_id = actor.person_id if person_id is None else person_id
    credit = session.scalar(
        select(Credit)
        .where(Credit.public_id == public_id, Credit.community_id == actor.community_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if credit is None or credit.person_id != owner_id or appeal_until(session, credit, now) is None:
        raise NotFound
    made = Objection(
        public_id=new_public_id(),
        credit_id=credit.id,
        by_person_id=owner_id,
        keyed_by=None if owner_id == actor.person_id else actor.person_id,
        kind="correction",
        is_appeal=True,
        refused_by=_refusal(session, credit.id).by_person_id,
        reason=reason.strip(),
        state="open",
        stage="answer",
        created_at=now,
        answer_due_at=doubts.stage_end(session, credit, "answer", now),
    )
    try:
        with session.begin_nested():
            session.add(made)
    except IntegrityError:
        raise AlreadyAppealed from None
    steps.write(session, [Step(credit.id, "appealed", now)])
    return made


def appeal_until(session: Session, credit: Credit, now: datetime) -> datetime | None:
    """Give until when a refusal may be appealed against; None where it is over, or nobody refused it.

    What an objection ended was judged by others already.
    """
    refused = _refusal(session, credit.id) if credit.state == "refused" else None
    if refused is None or refused.step != "refused":
        return None
    last = refused.at + timedelta(days=communities.rules_now(session, credit.community_id, now).appeal_days)
    return last if last >= now else None


def _refusal(session: Session, credit_id: int) -> CreditStep:
    chosen = select(CreditStep).where(CreditStep.credit_id == credit_id, CreditStep.step.in_(("refused", "upheld")))
    return session.scalars(chosen.order_by(CreditStep.id.desc()).limit(1)).one()


def settle(
    session: Session,
    found: Objection,
    credit: Credit,
    *,
    is_upheld: bool,
    words: str,
    actor: Actor | None,
    now: datetime,
) -> None:
    """Close an appeal whose credit is locked: upheld, the item is judged anew; else it stays refused."""
    is_open_again = is_upheld and _open_again(session, credit)
    if is_upheld and not is_open_again:
        words = TWICE
    doubts.close(session, found, "upheld" if is_open_again else "dismissed", actor, words, now)
    by, role = (actor.person_id, rules.role_of(actor)) if actor else (None, None)
    role = "panel" if found.stage == "panel" else role
    step = "reopened" if is_open_again else "kept"
    steps.write(session, [Step(credit.id, step, now, by, role, reason=words)])
    granted = say("您请求重新审核“%(title)s”，已经同意，会从头审核：%(answer)s")
    kept = say("您请求重新审核“%(title)s”，核实后维持不通过：%(answer)s 有新的凭据，请带到社区服务台。")
    facts = {"title": credit.title, "answer": words}
    link = f"/me/credits/{credit.public_id}"
    members.tell(session, [credit.person_id], granted if is_open_again else kept, facts=facts, link=link, now=now)


def _open_again(session: Session, credit: Credit) -> bool:
    """Bring it back to the desk; False where the same presence was credited by another road meanwhile."""
    if credit.state != "refused":
        return True  # whoever refused it took that back already
    reopened = (
        update(Credit)
        .where(Credit.id == credit.id, Credit.state == "refused")
        .values(undoing.as_before("submitted"))
        .execution_options(synchronize_session="fetch")
    )
    try:
        with session.begin_nested():
            session.execute(reopened)
    except IntegrityError:
        return False
    return True
