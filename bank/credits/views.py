"""The desk's pages: today's work, one item with its evidence, decisions, undo, answers to objections."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bank import clock, db
from bank.communities.calendar import calendar_of
from bank.communities.models import Community
from bank.credits import cases, desk, doubts, flags, history, notices, objections, rules, words
from bank.credits import operations as credits
from bank.credits.desk import Filter
from bank.credits.models import Credit
from bank.credits.operations import Outcome
from bank.credits.schemas import AnswerSchema, DecisionSchema, ObjectionReasonSchema
from bank.errors import Invalid, NotFound
from bank.members import login
from bank.members.actor import Actor
from bank.web.fields import read_form
from bank.web.i18n import gettext, translate

pages = Blueprint("credits", __name__)
LOOKERS = ("coordinator", "second_approver", "panel", "admin")


@pages.get("/desk", endpoint="desk")
def show_desk() -> ResponseReturnValue:
    who = login.actor()
    who.require(*LOOKERS)
    session, now = db.session(), clock.utc_now()
    wanted = Filter(
        kind=request.args.get("kind") if request.args.get("kind") in desk.KINDS else None,
        title=request.args.get("title", "")[:200] or None,
        name=request.args.get("q", "")[:40].strip() or None,
    )
    clean = desk.clean(session, who, wanted, cursor=request.args.get("clean"))
    return render_template(
        "credits/desk.html",
        numbers=desk.numbers(session, who, now=now),
        budget=desk.budget(session, who, now=now),
        wanted=wanted,
        kept={name: value for name, value in request.args.items() if name in ("kind", "title", "q") and value},
        exceptions=desk.exceptions(session, who, wanted, cursor=request.args.get("exceptions")),
        clean=clean,
        clean_ids=desk.clean_ids(session, who, wanted) if clean.items else [],
        titles=desk.titles(session, who),
        doubts=desk.objections(session, who),
        held_up=desk.held_up(session, who) if who.may(*rules.DECIDERS) else [],
        refused=desk.refused(session, who, now=now) if request.args.get("show") == "refused" else None,
        last=desk.last_tap(session, who, request.args.get("done", "")[:40], now=now),
        batch=request.args.get("done", "")[:40],
        unknown_year=_unknown_year(who),
        now=now,
        flag_words=_flag_words,
        book_words=rules.BOOK_SENTENCES,
    )


def _unknown_year(who: Actor) -> int | None:
    home = db.session().get_one(Community, who.community_id)
    return calendar_of(db.session(), home, clock.utc_now()).unknown_year()


@pages.get("/desk/items/<public_id>")
def item(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require(*LOOKERS)
    return show_item(who, public_id, given={}, errors={})


def show_item(who: Actor, public_id: str, *, given: Any, errors: dict[str, list[str]]) -> str:
    session = db.session()
    credit = history.with_public_id(session, who.community_id, public_id)
    case = cases.cases(session, [credit.id])[credit.id]
    story = history.explain(session, credit)
    refusal = rules.decider_check(case, who)
    if refusal is None and credit.state == "second_review":
        again = rules.had_a_hand(case, who) or rules.approved_first(case, who)
        refusal = rules.SecondPersonRequired if again else None
    if not who.may(*rules.DECIDERS):
        refusal = rules.AlreadyDecided
    elif who.may("admin"):
        refusal = rules.AdminCannotCredit
    return render_template(
        "credits/item.html",
        credit=credit,
        name=case.person,
        story=story,
        steps=history.with_beside(session, credit, story.steps),
        story_words=words,
        evidence=words.evidence_of(credit.evidence),
        standing=case.standing,
        may_decide=refusal is None,
        why_not=refusal.sentence if refusal and credit.state in rules.UNDECIDED else None,
        may_object=_may_object(who, credit),
        may_reopen=credit.state == "refused" and _may_reopen(case, who),
        doubts=[
            (doubt, _way_of(doubt, credit)) for doubt in desk.objections(session, who) if doubt.credit.id == credit.id
        ],
        is_panel=who.may("panel"),
        reasons=[(code, translate(sentence)) for code, sentence in rules.REASONS.items()],
        given=given,
        errors=errors,
    )


def _may_reopen(case: rules.Case, who: Actor) -> bool:
    return who.may("coordinator") and not who.may("admin") and rules.person_check(case, who) is None


def _way_of(doubt: desk.Doubt, credit: Credit) -> str:
    """Tell what this person does with a doubt: `vote`, `answer` for the panel to judge, or `decide`."""
    if doubt.objection.stage == "panel":
        return "vote"
    goes_on = doubts.has_panel(db.session(), credit, doubt.objection, clock.utc_now())
    return "answer" if doubt.objection.stage == "answer" and goes_on else "decide"


def _may_object(who: Actor, credit: Credit) -> bool:
    is_decided = credit.state in ("in_notice", "posted") and credit.person_id != who.person_id
    return is_decided and notices.is_listed(db.session(), credit, now=clock.utc_now())


@pages.post("/desk/decisions")
def decide() -> ResponseReturnValue:
    who = login.actor()
    who.require(*rules.DECIDERS)
    public_ids = list(dict.fromkeys(filter(None, str(request.form.get("ids", "")).split(","))))
    try:
        given = read_form(DecisionSchema, request.form)
        reason = given["words"] or rules.REASONS.get(given["why"] or "")
        batch = uuid.uuid4().hex
        outcomes = credits.decide(
            db.session(),
            who,
            cases.ids_of(db.session(), who.community_id, public_ids),
            given["decision"],
            amount=given["amount"],
            reason=reason,
            now=clock.utc_now(),
            batch=batch,
            unless_flagged=given["clean"] is not None,
        )
    except Invalid as refusal:
        if len(public_ids) != 1:
            raise
        return show_item(who, public_ids[0], given=request.form, errors=translated(refusal)), 422
    _flash_outcomes(outcomes)
    return redirect(url_for(".desk", done=batch), code=303)


def _flash_outcomes(outcomes: Sequence[Outcome]) -> None:
    """Say what was done, and for the rest how many met which refusal."""
    done = Counter(outcome.state for outcome in outcomes if outcome.code is None)
    said = {
        "posted": gettext("%(n)s 条已通过并入账。", n=done["posted"]),
        "in_notice": gettext("%(n)s 条已通过，开始公示。", n=done["in_notice"]),
        "second_review": gettext("%(n)s 条已通过，等另一位复核。", n=done["second_review"]),
        "refused": gettext("%(n)s 条已退回，已告诉本人原因。", n=done["refused"]),
    }
    text = "".join(sentence for state, sentence in said.items() if done[state])
    if text:
        flash(text, "ok")
    for sentence, count in Counter(outcome.sentence for outcome in outcomes if outcome.code).items():
        flash(gettext("%(n)s 条没有处理：%(why)s", n=count, why=translate(sentence or NotFound.sentence)), "warn")


@pages.post("/desk/undo")
def undo() -> ResponseReturnValue:
    who = login.actor()
    undone = credits.undo(db.session(), who, str(request.form.get("batch", ""))[:40], now=clock.utc_now())
    if undone:
        flash(gettext("已撤销 %(n)s 条，回到待处理。", n=undone), "ok")
    else:
        flash(
            gettext("已经过了十秒，不能撤销了。要更正请在公示里提出异议，由另一位处理。"),
            "warn",
        )
    return redirect(url_for(".desk"), code=303)


@pages.post("/desk/items/<public_id>/reopening")
def reopen(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator")
    try:
        reason = read_form(ObjectionReasonSchema, request.form)["reason"]
    except Invalid as refusal:
        return show_item(who, public_id, given=request.form, errors=translated(refusal)), 422
    credit = history.with_public_id(db.session(), who.community_id, public_id)
    credits.reopen(db.session(), who, credit.id, reason=reason, now=clock.utc_now())
    flash(gettext("已重新打开，回到待审核。"), "ok")
    return redirect(url_for(".item", public_id=public_id), code=303)


@pages.post("/desk/objections/<public_id>/answer")
def answer(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require(*rules.ANSWERERS)
    try:
        given = read_form(AnswerSchema, request.form)
    except Invalid as refusal:
        item_id = objections.item_of(db.session(), who, public_id)
        return show_item(who, item_id, given=request.form, errors=translated(refusal)), 422
    credit = objections.answer(
        db.session(),
        who,
        public_id,
        is_upheld={"upheld": True, "dismissed": False, None: None}[given["verdict"]],
        words=given["answer"],
        now=clock.utc_now(),
    )
    if objections.is_before_panel(db.session(), public_id):
        flash(gettext("答复已经交给评议小组，由他们投票。"), "ok")
    else:
        flash(gettext("答复已经发给双方。"), "ok")
    return redirect(url_for(".item", public_id=credit.public_id), code=303)


def translated(refusal: Invalid) -> dict[str, list[str]]:
    return {name: [translate(text) for text in texts] for name, texts in refusal.errors.items()}


def _flag_words(given: Sequence[Any]) -> list[str]:
    return [translate(*flags.sentence_of(flag)) for flag in given]
