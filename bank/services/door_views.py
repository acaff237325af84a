"""Coming and going at a visit: door card, six digits or both phones; and the resident's word by card and PIN."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from bank import clock, db
from bank.checkin import bearers
from bank.credits import cases
from bank.errors import Invalid, say
from bank.members import login
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person
from bank.members.rules import read_card_number
from bank.qr import unspaced
from bank.services import listing, moving
from bank.services import operations as help_
from bank.services.models import HelpRequest
from bank.services.refusals import NotTheirCard
from bank.services.schemas import CardSchema, PressSchema, ScanSchema
from bank.services.views import pages
from bank.services.visit_views import go_back
from bank.services.visiting import Proof
from bank.thanks import operations as thanks
from bank.web import limits
from bank.web.app import begin_write, reads_first
from bank.web.errors import is_for_programs
from bank.web.fields import read_form
from bank.web.i18n import gettext

__all__ = ["pages"]

TRIES_PER_MINUTE = 5
WRONG_PER_VISIT = 10
"""Six digits tried at one visit an hour; a million are there."""
AN_HOUR_S = 3600


@pages.post("/help/<public_id>/scan")
@reads_first
def scan(public_id: str) -> ResponseReturnValue:
    """Record coming or going by the resident's card or the six digits they say."""
    who = login.actor()
    listing.one(db.session(), who, public_id)
    now = clock.utc_now()
    proof = _proof(who, public_id, read_form(ScanSchema, request.form), now)
    begin_write()
    said = help_.scan(db.session(), who, public_id, proof, now=now)
    return _recorded(public_id, said, _said(said))


def _recorded(public_id: str, said: str, text: str) -> ResponseReturnValue:
    """Answer the page, or the script that sends what a phone kept; the page shows the same words afterwards."""
    answer = go_back(public_id, text)
    return {"said": said, "text": text} if is_for_programs() else answer


def _proof(who: Actor, public_id: str, given: dict[str, Any], now: datetime) -> Proof:
    if given["six"]:
        db.drop()
        limits.spend({f"help-digits-by:{who.person_id}": TRIES_PER_MINUTE}, period_s=60, now=now)
        limits.spend({f"help-digits-at:{public_id}": WRONG_PER_VISIT}, period_s=AN_HOUR_S, now=now)
        six = unspaced(given["six"])
        return Proof("digits", six=six, happened_at=given["happened_at"], way=given["way"])
    if not given["card"]:
        raise Invalid({"six": [say("请输入居民报的六位数字，或刷居民卡。")]})
    owner = bearers.whose_card(db.session(), who, given["card"])
    owner_id = owner.id if owner else None
    db.drop()
    if owner_id is None:
        raise NotTheirCard
    via = "number" if read_card_number(given["card"]) else "card"
    return Proof(via, owner_id=owner_id, happened_at=given["happened_at"], way=given["way"])


def _said(said: str) -> str:
    return {
        "arrived": gettext("记下了：到了。"),
        "left": gettext("记下了：走了。请等居民确认。"),
        "again": gettext("已经记过了，不用再刷。"),
    }[said]


@pages.post("/help/<public_id>/phone")
def by_phone(public_id: str) -> ResponseReturnValue:
    """The resident presses that the volunteer came, or went."""
    given = read_form(PressSchema, request.form)
    proof = Proof("phone", happened_at=given["happened_at"], way=given["way"])
    said = help_.scan(db.session(), login.actor(), public_id, proof, now=clock.utc_now())
    text = gettext("记下了：走了，您也确认了。") if said == "left" else _said(said)
    return _recorded(public_id, said, text)


@pages.post("/help/<public_id>/confirm-card")
@reads_first
def confirm_by_card(public_id: str) -> ResponseReturnValue:
    """The resident confirms with card and PIN on the volunteer's phone, or at the desk."""
    who = login.actor()
    listing.one(db.session(), who, public_id)
    take_word_by_card(who, public_id)
    return go_back(public_id, gettext("居民确认好了，谢谢。"))


def take_word_by_card(who: Actor, public_id: str) -> None:
    """Take the resident's word, and their thanks, by card and PIN. Raises as `_card_and_pin` and `confirm_by_card`."""
    given = read_form(CardSchema, request.form)
    owner_id = _card_and_pin(who, given)
    begin_write()
    session = db.session()
    owner = session.get_one(Person, owner_id)
    if given["is_thanked"]:
        # The visit, the person, the balance: in the order of everybody who locks them.
        moving.locked(session, who.community_id, public_id)
        cases.lock_people(session, [owner_id])
    visit = help_.confirm_by_card(session, who, public_id, owner, now=clock.utc_now())
    if given["is_thanked"]:
        _thank_by_card(session, owner, visit)


def _thank_by_card(session: Session, owner: Person, visit: HelpRequest) -> None:
    """Thank each helper whom the resident has not thanked today, and tell the resident that it was done."""
    now, actor = clock.utc_now(), members.actor_of(session, owner)
    for helper in [session.get_one(Person, one) for one in moving.volunteers(visit) if one is not None]:
        with suppress(thanks.AlreadyThanked, thanks.EnoughForToday), session.begin_nested():
            thanks.send(session, actor, helper, card="thanks", words=None, now=now)
            said = say("凭您的卡和 PIN 给 %(name)s 送了一张感谢卡。不是您的意思，请告诉社区。")
            members.tell(session, [owner.id], said, facts={"name": helper.name}, link="/thanks", now=now)


def _card_and_pin(who: Actor, given: dict[str, Any]) -> int:
    """Find whose card and PIN these are. Raises CardInvalid, NotTheirCard, NoPin, WrongPin, TooMany."""
    owner = bearers.whose_card(db.session(), who, given["card"])
    if owner is None:
        raise NotTheirCard
    owner_id = owner.id
    bearers.check_pin(who, owner, given["pin"], now=clock.utc_now())
    return owner_id
