"""Giving at the desk for who has only a card: staff choose what is wanted, the resident's PIN does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import Schema
from sqlalchemy.orm import Session

from bank import chart, clock, db
from bank.checkin import bearers
from bank.errors import BankError, NotFound, TooMany, say
from bank.giving import bonds, dormant, farewells, gifts, near, pool, schemas
from bank.giving.bonds import Kin
from bank.giving.models import Donation, Dormancy, Farewell
from bank.giving.views import buildings, desk_page, kinds, said, thanks_of, to_give, ways_to_thank
from bank.members import login, neighbours
from bank.members import operations as members
from bank.members.actor import STAFF, Actor
from bank.members.models import Person
from bank.web.app import begin_write, reads_first
from bank.web.fields import read_form
from bank.web.i18n import gettext, translate
from bank.web.pages import amount

pages = Blueprint("cards", __name__)
Given = dict[str, Any]
DONE = say("办好了，本人会收到消息，打印的存折上也写着。")
GIVEN = say("办好了，转出了 %(sum)s。本人会收到消息，打印的存折上也写着。")
DONATED = say("办好了，捐出了 %(sum)s。本人会收到消息，打印的存折上也写着。")


@dataclass(frozen=True, slots=True)
class Desk:
    """Who stands at the desk, the owner of the card, and when."""

    session: Session
    agent: Actor
    owner: Person
    now: datetime


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that can be done with card and PIN; `when` names what there must be for it, `done` says it was done."""

    icon: str
    title: str
    form: type[Schema]
    do: Callable[[Desk, Given], object]
    when: str = ""
    done: str = DONE


@dataclass(frozen=True, slots=True)
class Waiting:
    """What of somebody's giving can be acted on now."""

    asks: list[Kin]
    bound: list[Kin]
    living: list[Kin]
    held: list[gifts.Given]
    asked: Dormancy | None
    move: Farewell | None
    thanked: list[Donation]


def _ask(at: Desk, given: Given) -> None:
    me = members.actor_of(at.session, at.owner)
    who = {"card": given["card_number"], "name": given["neighbour"], "building": given["building"]}
    other = neighbours.find(at.session, me, **who)
    bonds.ask(at.session, at.owner, other, kind=given["kind"], now=at.now, agent=at.agent)


def _answer(at: Desk, given: Given) -> None:
    agrees = given["answer"] == "agree"
    bonds.answer(at.session, at.owner, given["bond"], agrees=agrees, now=at.now, agent=at.agent)


def _end(at: Desk, given: Given) -> None:
    bonds.end(at.session, members.actor_of(at.session, at.owner), given["bond"], now=at.now, agent=at.agent)


def _give(at: Desk, given: Given) -> None:
    receiver = members.in_community(at.session, at.owner.community_id, given["to"])
    gifts.give(at.session, at.owner, receiver, amount=given["amount"], now=at.now, agent=at.agent)


def _take_back(at: Desk, given: Given) -> None:
    gifts.take_back(at.session, at.owner, given["gift"], now=at.now, agent=at.agent)


def _donate(at: Desk, given: Given) -> None:
    pool.donate(at.session, at.owner, **thanks_of(given), now=at.now, agent=at.agent)


def _hide(at: Desk, given: Given) -> None:
    pool.hide_thanks(at.session, at.owner, given["donation"], now=at.now, agent=at.agent)


def _hours(at: Desk, given: Given) -> None:
    dormant.answer(at.session, at.owner.id, given["answer"], now=at.now, agent=at.agent)


def _move(at: Desk, given: Given) -> None:
    found = farewells.move_of(at.session, at.owner.id)
    if found is None:
        raise NotFound
    if given["choice"] == "undo":
        farewells.undo(at.session, members.actor_of(at.session, at.owner), found.public_id, now=at.now, agent=at.agent)
    else:
        farewells.choose_own(at.session, at.owner, found.public_id, choice=given["choice"], now=at.now, agent=at.agent)


ACTS: Mapping[str, Act] = {
    "answer": Act("check", say("答复想绑定的亲属"), schemas.PinAnswerForm, _answer, "asks"),
    "move": Act("home", say("搬走：余下的时长怎么办"), schemas.PinChoiceForm, _move, "move"),
    "hours": Act("help", say("时长很久没动：想怎么用"), schemas.PinHoursForm, _hours, "asked"),
    "give": Act("gift", say("把时长转给亲属"), schemas.PinGiftForm, _give, "bound", GIVEN),
    "take-back": Act("undo", say("收回刚转出的时长"), schemas.PinTakeBackForm, _take_back, "held"),
    "donate": Act("heart", say("捐给公益池"), schemas.PinDonationForm, _donate, done=DONATED),
    "ask": Act("family", say("绑定一位亲属"), schemas.PinAskForm, _ask),
    "end": Act("cross", say("解除亲属绑定"), schemas.PinBondForm, _end, "living"),
    "hide": Act("eye", say("捐赠不再公开称呼"), schemas.PinThanksForm, _hide, "thanked"),
}


@pages.post("/desk/giving/card")
@reads_first
def look_up() -> ResponseReturnValue:
    who = login.actor()
    who.require(*STAFF)
    try:
        given = read_form(schemas.CardForm, request.form)
        owner = bearers.whose_card(db.session(), who, given["card"])
        if owner is None:
            raise bearers.CardInvalid
        near.check_agent(db.session(), who, [owner.id])
    except BankError as refusal:
        return desk_page(who, wrong=said(refusal)), 422
    return redirect(url_for(".person", public_id=owner.public_id), code=303)


@pages.get("/desk/giving/people/<public_id>")
def person(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    owner = _owner(who, public_id)
    waiting = _waiting(owner, clock.utc_now())
    acts = [(name, one.icon, translate(one.title)) for name, one in ACTS.items() if _may(one, waiting)]
    return render_template("giving/card.html", owner=owner, acts=acts, waiting=waiting)


@pages.get("/desk/giving/people/<public_id>/<act>")
def form(public_id: str, act: str) -> ResponseReturnValue:
    who = login.actor()
    if act not in ACTS:
        raise NotFound
    return _form_page(who, _owner(who, public_id), act)


@pages.post("/desk/giving/people/<public_id>/<act>")
@reads_first
def do(public_id: str, act: str) -> ResponseReturnValue:
    who = login.actor()
    if act not in ACTS:
        raise NotFound
    owner, chosen = _owner(who, public_id), ACTS[act]
    try:
        given = read_form(chosen.form, request.form)
        bearers.check_spending_pin(who, owner, given["pin"], now=clock.utc_now())
        begin_write()
        owner = _owner(who, public_id)
        chosen.do(Desk(db.session(), who, owner, clock.utc_now()), given)
    except BankError as refusal:
        db.drop()
        page = _form_page(who, _owner(who, public_id), act, given=request.form, wrong=said(refusal))
        if isinstance(refusal, TooMany):
            return page, 429, {"Retry-After": str(refusal.retry_after_s)}
        return page, 422
    flash(translate(chosen.done, _sum(given)), "ok")
    return redirect(url_for(".person", public_id=public_id), code=303)


def _sum(given: Given) -> dict[str, str]:
    """Say the amount that was given, where the form had one: a gift's is always minutes."""
    return {"sum": amount(given["amount"], given.get("unit", chart.MINUTES))} if "amount" in given else {}


def _owner(who: Actor, public_id: str) -> Person:
    """Find the card's owner, for staff who are not near. Raises NotAllowed, NotFound, TooNear."""
    who.require(*STAFF)
    owner = members.in_community(db.session(), who.community_id, public_id)
    if owner.disabled_at is not None:
        raise NotFound
    near.check_agent(db.session(), who, [owner.id])
    return owner


def _waiting(owner: Person, now: datetime) -> Waiting:
    session = db.session()
    kin = bonds.of_person(session, owner.id)
    return Waiting(
        asks=[one for one in kin if one.bond.state == "asked" and one.bond.other_id == owner.id],
        bound=[one for one in kin if one.bond.state == "bound"],
        living=[one for one in kin if one.bond.state != "asked" or one.bond.asker_id == owner.id],
        held=list(gifts.to_take_back(session, owner.id, now=now)),
        asked=dormant.asked(session, owner.id),
        move=farewells.move_of(session, owner.id),
        thanked=[one for one in pool.of_person(session, owner.id) if one.thanks],
    )


def _may(act: Act, waiting: Waiting) -> bool:
    return not act.when or bool(getattr(waiting, act.when))


def _form_page(who: Actor, owner: Person, act: str, *, given: Any = None, wrong: str | None = None) -> str:
    waiting = _waiting(owner, clock.utc_now())
    if wrong is None and not _may(ACTS[act], waiting):
        raise NotFound
    return render_template(
        "giving/card_act.html",
        owner=owner,
        act=act,
        title=translate(ACTS[act].title),
        asks=_choices(waiting.asks, owner, "asks"),
        bound=_choices(waiting.bound, owner, "bound"),
        living=_choices(waiting.living, owner, "living"),
        waiting=waiting,
        kinds=kinds(),
        buildings=buildings(who),
        ways=ways_to_thank(owner),
        answers=[(code, translate(text)) for code, text in dormant.SAID.items()],
        has=to_give(owner) if act in ("give", "donate") else {},
        given=given or {},
        wrong=wrong,
    )


def _choices(kin: list[Kin], owner: Person, what: str) -> list[tuple[str, str]]:
    """Give each relative as a choice: a gift names the person, everything else the bond."""
    found = []
    for one in kin:
        relative, kind = one.seen_by(owner.id)
        words = gettext("%(name)s（%(kind)s）", name=relative.name, kind=translate(kind))
        found.append((relative.public_id if what == "bound" else one.bond.public_id, words))
    return found
