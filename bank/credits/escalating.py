"""Deadlines of objections and corrections: what nobody did anything about in time moves on, to an end."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bank.communities import operations as communities
from bank.credits import appeals, cases, doubts, panel, stages, steps, verdicts
from bank.credits.models import Credit, Objection
from bank.credits.steps import Step
from bank.errors import say
from bank.members import operations as members

BY_SILENCE = {
    True: say("到期没有人作出结论，按规则先不计入；可以请协调员重新打开。"),
    False: say("到期没有人作出结论，按规则照常计入。"),
}


def silence_words(objection: Objection, is_upheld: bool) -> str:
    """Give the sentence for what the rule says where nobody decided."""
    return (appeals.BY_SILENCE if objection.is_appeal else BY_SILENCE)[is_upheld]


def escalate_due(session: Session, *, now: datetime, limit: int = 100) -> int:
    """Move on what nobody did anything about in time; give how many. Safe to run twice and by several at once."""
    due = select(Objection.id, Objection.credit_id).where(Objection.state == "open", Objection.answer_due_at <= now)
    rows = session.execute(due.order_by(Objection.answer_due_at, Objection.id).limit(limit)).all()
    return sum(_move_on(session, id_, credit_id, now) for id_, credit_id in rows)


def _move_on(session: Session, objection_id: int, credit_id: int, now: datetime) -> bool:
    fresh = {"populate_existing": True}
    credit = session.get_one(Credit, credit_id, with_for_update=True, execution_options=fresh)
    objection = session.get_one(Objection, objection_id, execution_options=fresh)
    if objection.state != "open" or objection.answer_due_at > now:
        return False
    if objection.stage == "answer":
        stage = "panel" if doubts.has_panel(session, credit, objection, now) else "last"
        advance(session, objection, credit, stage, now)
    elif objection.stage == "last":
        is_upheld = communities.rules_now(session, credit.community_id, now).is_silence_upheld
        words = silence_words(objection, is_upheld)
        verdicts.try_to_settle(session, objection, credit, is_upheld=is_upheld, words=words, now=now)
    else:
        found = verdicts.verdict_so_far(session, objection, credit, now, is_over=True)
        if found is None:
            advance(session, objection, credit, "last", now)
        else:
            words = verdicts.panel_words(objection, found)
            verdicts.try_to_settle(session, objection, credit, is_upheld=found, words=words, now=now)
    return True


def advance(session: Session, objection: Objection, credit: Credit, stage: str, now: datetime) -> None:
    """Give the next word to the panel or, at last, to the second approver, and tell those who have it."""
    assert stage in stages.STAGES[objection.stage]  # noqa: S101 -- a slip in this file, not a refusal
    objection.stage = stage
    objection.answer_due_at = doubts.stage_end(session, credit, stage, now)
    session.flush()
    if stage == "panel":
        told = panel.judges(session, credit, objection)
        sentence = say("有一条异议请您评议：“%(title)s”。请在工作台投票，并写明理由。")
        if objection.is_appeal:
            sentence = say("有人请求重新审核“%(title)s”，请您评议。请在工作台投票，并写明理由。")
    else:
        steps.write(session, [Step(credit.id, "escalated", now)])
        told = cases.holders(session, credit.community_id, "second_approver")
        sentence = say("“%(title)s”的异议到期没有结论，请您尽快处理，否则按规则自动了结。")
        if objection.is_appeal:
            sentence = say("“%(title)s”的重新审核请求到期没有结论，请您尽快处理，否则按规则自动了结。")
    members.tell(session, sorted(told), sentence, facts={"title": credit.title}, now=now)
