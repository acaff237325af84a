"""Pages of help at home for residents and volunteers: asking, and the lists of what was asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bank import clock, db
from bank.communities import operations as communities
from bank.errors import Conflict, Invalid
from bank.members import login, neighbours
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person
from bank.services import catalogue, choosing, listing, rules, wording
from bank.services import operations as help_
from bank.services.schemas import LONGEST_WORDS, TIME_ZONE, WishSchema
from bank.web.fields import read_form
from bank.web.i18n import gettext, translate

pages = Blueprint("services", __name__)
STEP_MINUTES = 30
USUAL_MINUTES = 60
"""What most kinds take, for a form on which none is chosen yet."""


@pages.get("/help")
def index() -> ResponseReturnValue:
    who = login.actor()
    session, now = db.session(), clock.utc_now()
    return render_template(
        "services/index.html",
        rows=listing.asked(session, who),
        me=who.person_id,
        room=help_.room(session, session.get_one(Person, who.person_id), now),
        now_ms=now_ms(now),
        now=now,
        overdue=wording.overdue,
        has_building=bool(neighbours.captaincies(session, who.person_id)),
        words=rules,
    )


def now_ms(now: datetime) -> int:
    """Give the bank's clock to the script that keeps moments on a phone whose own clock may be wrong."""
    return int(now.timestamp() * 1000)


@pages.get("/help/new")
def new() -> ResponseReturnValue:
    who = login.actor()
    given = {"kind": request.args.get("kind", "")}
    return wish_page(who, given=given, errors={}, is_captain=request.args.get("for") == "neighbour")


def wish_page(
    who: Actor, *, given: Any, errors: Any, is_captain: bool = False, person: Person | None = None, wrong: str = ""
) -> str:
    """Draw the form of a request: for oneself, for somebody of one's building, or at the desk for `person`."""
    session, now = db.session(), clock.utc_now()
    asked_for = person or session.get_one(Person, who.person_id)
    most = communities.rules_now(session, who.community_id, now).home_service_minutes
    kinds = catalogue.kinds(session, who.community_id).values()
    offered = [rules.within(kind, most) for kind in kinds if kind.is_on]
    return render_template(
        "services/new.html",
        given=given,
        errors=errors,
        wrong=wrong,
        kinds=offered,
        lengths=_lengths(offered),
        usual=next((kind.usual_minutes for kind in offered if kind.code == given.get("kind")), USUAL_MINUTES),
        room=None if is_captain else help_.room(session, asked_for, now),
        today=clock.local_day(now, TIME_ZONE),
        tomorrow=clock.local_day(now + timedelta(days=1), TIME_ZONE),
        is_captain=is_captain,
        person=person,
        people=_neighbours(who) if is_captain else [],
        speeches=rules.SPEECHES,
        longest=LONGEST_WORDS,
    )


def _neighbours(who: Actor) -> list[tuple[str, str]]:
    """Give a captain's neighbours by public id, door and name, the tenth house after the ninth."""
    found = sorted(neighbours.of_captain(db.session(), who), key=lambda one: by_number(one[1]))
    return [(person.public_id, f"{door} {person.name}") for person, door in found]


def by_number(text: str) -> list[int | str]:
    """Give a key that sorts the numbers in a text by their size."""
    return [int(part) if place % 2 else part for place, part in enumerate(re.split(r"(\d+)", text))]


def _lengths(offered: Sequence[rules.Kind]) -> list[int]:
    """Give the minutes to choose from: in even steps, and what each kind itself names."""
    most = max((kind.most_minutes for kind in offered), default=STEP_MINUTES)
    named = {one for kind in offered for one in (kind.least_minutes, kind.usual_minutes, kind.most_minutes)}
    return sorted({*range(STEP_MINUTES, most + 1, STEP_MINUTES), *named})


def read_wish(given: dict[str, Any]) -> help_.Wish:
    """Make a wish of a form that was read."""
    starts_at = datetime.combine(given["day"], given["time"], tzinfo=ZoneInfo(TIME_ZONE))
    return help_.Wish(
        given["kind"],
        starts_at,
        given["minutes"],
        given["words"],
        given["risk_note"],
        given["reach"],
        given["speech"],
        given["is_hardship"],
    )


def in_words(refusal: Invalid) -> dict[str, list[str]]:
    """Put the errors of a form in the person's language."""
    return {name: [translate(text, refusal.facts) for text in texts] for name, texts in refusal.errors.items()}


@pages.post("/help/new")
def ask() -> ResponseReturnValue:
    who = login.actor()
    session, now = db.session(), clock.utc_now()
    is_captain = request.form.get("via") == "captain"
    try:
        given = read_form(WishSchema, request.form)
        if is_captain:
            person = members.in_community(session, who.community_id, given["person"] or "")
            asked = help_.ask_for(session, who, person, read_wish(given), via="captain", now=now)
        else:
            asked = help_.ask(session, who, read_wish(given), now=now)
    except Invalid as refusal:
        db.drop()
        return wish_page(who, given=request.form, errors=in_words(refusal), is_captain=is_captain), 422
    except Conflict as refusal:
        db.drop()
        wrong = translate(refusal.sentence, refusal.facts)
        return wish_page(who, given=request.form, errors={}, is_captain=is_captain, wrong=wrong), 409
    flash(gettext("记下了，社区会在答应的时间里核实、找人。"), "ok")
    return redirect(url_for(".show", public_id=asked.public_id), code=303)


@pages.get("/help/open")
def open_list() -> ResponseReturnValue:
    who = login.actor()
    session, now = db.session(), clock.utc_now()
    return render_template(
        "services/open.html",
        invited=listing.invited(session, who),
        rows=listing.open_to_all(session, who, now),
        helped=listing.helped(session, who, limit=10),
        skills=choosing.skills_of(session, who.person_id)[0],
        now_ms=now_ms(now),
        now=now,
        overdue=wording.overdue,
        words=rules,
    )


@pages.get("/help/skills")
def skills() -> ResponseReturnValue:
    who = login.actor()
    kinds, speeches = choosing.skills_of(db.session(), who.person_id)
    offered = [kind for kind in catalogue.kinds(db.session(), who.community_id).values() if kind.is_on]
    return render_template(
        "services/skills.html", kinds=offered, chosen=kinds, spoken=speeches, speeches=rules.SPEECHES
    )


@pages.post("/help/skills")
def set_skills() -> ResponseReturnValue:
    who = login.actor()
    help_.set_skills(db.session(), who, request.form.getlist("kinds"), request.form.getlist("speeches"))
    flash(gettext("记住了。有合适的，社区会来问您。"), "ok")
    return redirect(url_for(".open_list"), code=303)
