"""Pages of good deeds: what I did and told, telling one, one deed with its way, its photo."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from bank import clock, db
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.credits import flags, words
from bank.deeds import judging, photos, rules, witnessing
from bank.deeds import operations as deeds
from bank.deeds.photos import Picture
from bank.deeds.schemas import LONGEST_STORY, DeedSchema
from bank.errors import Invalid
from bank.members import login, neighbours
from bank.members.actor import Actor
from bank.web import limits
from bank.web.app import begin_write, reads_first
from bank.web.fields import read_form
from bank.web.i18n import gettext, translate

pages = Blueprint("deeds", __name__)
TRIES_PER_DAY = 30
"""Enough for every honest typing error, too few to learn who lives where."""
A_DAY_S = 24 * 3600
PHOTO_CACHED_S = 3600


@pages.get("/deeds")
def index() -> ResponseReturnValue:
    who = login.actor()
    told = deeds.of_person(db.session(), who.person_id)
    return render_template(
        "deeds/index.html",
        mine=[one for one in told if one.deed.person_id == who.person_id],
        others=[one for one in told if one.deed.person_id != who.person_id],
        me=who.person_id,
        states=words.STATES,
        categories=rules.CATEGORIES,
    )


@pages.get("/deeds/new")
def new() -> ResponseReturnValue:
    who = login.actor()
    kind = "neighbour" if request.args.get("who") == "neighbour" else "self"
    return _form_page(who, given={"who": kind}, errors={})


def _form_page(who: Actor, *, given: Any, errors: dict[str, list[str]]) -> str:
    session, now = db.session(), clock.utc_now()
    community = session.get_one(Community, who.community_id)
    in_force = communities.rules_at(session, community, now)
    room = deeds.room(session, community, who.person_id, in_force, now=now)
    is_own = given.get("who") != "neighbour"
    open_to = {
        code: points
        for code, points in in_force.deed_points.items()
        if code in rules.CATEGORIES and (not is_own or room.holds(in_force, points))
    }
    return render_template(
        "deeds/new.html",
        given=given,
        errors=errors,
        is_own=is_own,
        room=room,
        in_force=in_force,
        options=[
            (code, gettext("%(what)s（%(n)s 积分）", what=translate(name), n=open_to[code]))
            for code, name in rules.CATEGORIES.items()
            if code in open_to
        ],
        buildings=_buildings(who) if not is_own else [],
        mine=_of_captain(who) if not is_own else [],
        today=clock.local_day(now, community.time_zone).isoformat(),
        longest=LONGEST_STORY,
    )


def _of_captain(who: Actor) -> list[tuple[str, str]]:
    return [(person.public_id, f"{door} {person.name}") for person, door in neighbours.of_captain(db.session(), who)]


def _buildings(who: Actor) -> list[tuple[str, str]]:
    chosen = select(Community).where(Community.parent_id == who.community_id, Community.kind == "building")
    return [(place.code, place.name) for place in db.session().scalars(chosen.order_by(Community.code))]


@pages.post("/deeds/new")
@reads_first
def tell() -> ResponseReturnValue:
    who = login.actor()
    db.drop()
    limits.spend({f"deed:{who.person_id}": TRIES_PER_DAY}, period_s=A_DAY_S, now=clock.utc_now())
    try:
        given = read_form(DeedSchema, request.form)
        picture = _picture()
        begin_write()
        deed = _tell(who, given, picture)
    except Invalid as refusal:
        db.drop()
        errors = {name: [translate(text) for text in texts] for name, texts in refusal.errors.items()}
        return _form_page(who, given=request.form, errors=errors), 422
    flash(gettext("记下了，审核和公示后积分会到账。"), "ok")
    return redirect(url_for(".show", public_id=deed.public_id), code=303)


def _picture() -> Picture | None:
    upload = request.files.get("photo")
    content = upload.stream.read(photos.MOST_BYTES + 1) if upload and upload.filename else b""
    return photos.prepare(content) if content else None


def _tell(who: Actor, given: dict[str, Any], picture: Picture | None) -> Any:
    session = db.session()
    neighbour = None
    if given["who"] == "neighbour":
        neighbour = neighbours.find(
            session, who, card=given["mine"] or given["card"], name=given["neighbour"], building=given["building"]
        )
    return deeds.tell(
        session,
        who,
        category=given["category"],
        story=given["story"],
        happened_on=given["happened_on"],
        neighbour=neighbour,
        picture=picture,
        now=clock.utc_now(),
    )


@pages.get("/deeds/<public_id>")
def show(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    session = db.session()
    told = deeds.visible(session, who, public_id)
    is_side = who.person_id in (told.deed.person_id, told.deed.told_by)
    return render_template(
        "deeds/deed.html",
        told=told,
        is_mine=told.deed.person_id == who.person_id,
        may_decline=told.deed.person_id == who.person_id and told.credit.state not in deeds.CLOSED,
        state=words.STATES[told.credit.state],
        category=rules.CATEGORIES.get(told.deed.category, told.deed.category),
        last_moment=words.last_moment,
        seen=[translate(*flags.sentence_of(flag)) for flag in told.credit.flags],
        case=judging.case_of(session, told.deed.id),
        case_words=rules.CASES,
        votes=judging.votes_of(session, told.deed.id),
        witnesses=witnessing.witnesses_of(session, told.deed.id),
        may_ask=told.credit.state == "submitted" and (is_side or who.may(*witnessing.STAFF)),
        may_vote=judging.may_vote(session, who, told.deed),
        next_words=rules.NEXT.get("panel" if told.credit.waits_for else told.credit.state),
    )


@pages.get("/deeds/<public_id>/photo")
def photo(public_id: str) -> ResponseReturnValue:
    found = deeds.photo_of(db.session(), login.actor(), public_id)
    answer: Response = make_response(found.jpeg)
    answer.content_type = "image/jpeg"
    answer.headers["Cache-Control"] = f"private, max-age={PHOTO_CACHED_S}"
    answer.headers["Vary"] = "Cookie"
    answer.set_etag(found.sha256.hex())
    return answer.make_conditional(request)


@pages.post("/deeds/<public_id>/decline")
def decline(public_id: str) -> ResponseReturnValue:
    deeds.decline(db.session(), login.actor(), public_id, now=clock.utc_now())
    flash(gettext("好的，心意领了，积分不记。"), "ok")
    return redirect(url_for(".show", public_id=public_id), code=303)
