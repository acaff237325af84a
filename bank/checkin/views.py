"""Pages of whoever is there: scanning, the landing of a scanned link, what came of it, one's pass and cards."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from bank import clock, db, qr
from bank.activities.operations import PUBLIC_ID
from bank.activities.views import span
from bank.checkin import attempts, cards, claims, codes, digits, landing, review, shown, venue
from bank.checkin.claims import Claim
from bank.checkin.codes import CodeExpired, CodeInvalid, Pass, Venue
from bank.checkin.refusals import CardRevoked, ScanReused
from bank.checkin.schemas import DigitsSchema
from bank.errors import Conflict, Invalid, NotFound
from bank.members import login
from bank.members import operations as members
from bank.members.models import Person
from bank.web.app import begin_write, reads_first
from bank.web.fields import read_form
from bank.web.i18n import translate

pages = Blueprint("checkin", __name__)


@pages.get("/scan")
def scan() -> ResponseReturnValue:
    return _scan_page(None, 200)


@pages.post("/scan")
@reads_first
def enter_digits() -> ResponseReturnValue:
    who, now = login.actor(), clock.utc_now()
    try:
        given = read_form(DigitsSchema, request.form)
        code = digits.try_digits(who, claims.keys(), given["activity"], given["six"], now=now)
    except (Invalid, digits.WrongDigits) as refusal:
        return _scan_page(translate(digits.WrongDigits.sentence if isinstance(refusal, Invalid) else refusal.sentence))
    begin_write()
    response = make_response(redirect(url_for(".claimed"), code=303))
    claims.put(response, claims.new(code.token, via="digits", person_id=who.person_id, now=now), now=now)
    return response


@pages.get("/s/<code>")
def scanned(code: str) -> ResponseReturnValue:
    who, now = login.actor_or_none(), clock.utc_now()
    try:
        read = codes.read(code)
        if isinstance(read, Pass):
            return _card_page(read, code)
        claim = claims.take(now)
        if claim is None or codes.read(claim.token) != read or not claim.is_for(who.person_id if who else None):
            landing.activity_of(db.session(), claims.keys(), read, at=now)
            claim = claims.new(qr.fold(code), via="screen", person_id=who.person_id if who else None, now=now)
        return _claim_page(claim, read)
    except (CodeInvalid, CardRevoked) as refusal:
        return _not_ours(refusal), 404
    except Conflict as refusal:
        return _not_ours(refusal), 409


@pages.get("/s/claim")
def claimed() -> ResponseReturnValue:
    claim = claims.take(clock.utc_now())
    read = codes.read(claim.token) if claim else None
    if claim is None or not isinstance(read, Venue):
        return _not_ours(CodeExpired()), 409
    try:
        return _claim_page(claim, read)
    except Conflict as refusal:
        return _not_ours(refusal), 409


@pages.post("/s/claim")
def use_claim() -> ResponseReturnValue:
    who, claim = login.actor(), claims.take(clock.utc_now())
    if claim is None:
        raise CodeExpired
    if not claim.is_for(who.person_id):
        raise ScanReused
    asked = request.form.get("direction")
    outcome = attempts.scan_venue(
        who,
        claims.keys(),
        claim.token,
        at=claim.scanned_at,
        direction=asked if asked in ("in", "out") else None,
        scan_uuid=claim.uuid,
        device=claims.device_name(),
        via=claim.via,
    )
    response = make_response(redirect(url_for(".attendance", public_id=outcome.attendance.public_id), code=303))
    claims.drop(response)
    return response


@pages.get("/attendances/<public_id>")
def attendance(public_id: str) -> ResponseReturnValue:
    row = review.one(db.session(), login.actor(), public_id)
    item = shown.attendance_row(row)
    return render_template(
        "checkin/attendance.html", item=item, activity=row.Activity, span=span(row.Activity), state=row.Attendance.state
    )


@pages.app_template_global()
def own_visit(activity_id: int) -> dict[str, Any] | None:
    """Give a page of an activity, which knows nothing of scans, what the viewer's came to."""
    row = review.own_at(db.session(), login.actor(), activity_id)
    return shown.attendance_row(row) if row else None


@pages.get("/me/pass")
def member_pass() -> ResponseReturnValue:
    who = login.actor()
    person = db.session().get_one(Person, who.person_id)
    return render_template("checkin/pass.html", person=person, number=cards.number(person), code=_pass_svg(person))


@pages.get("/people/<public_id>/card")
def card(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator")
    if not PUBLIC_ID.match(public_id):
        raise NotFound
    person = members.in_community(db.session(), who.community_id, public_id)
    back_to = url_for("members.person", public_id=public_id)
    return _cards_page(cards.Page([person], number=1, count=1, total=1), back_to)


@pages.get("/people/cards")
def cards_of_building() -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator")
    code = request.args.get("building")
    buildings = cards.buildings(db.session(), who)
    if not code:
        return render_template("checkin/buildings.html", buildings=buildings)
    if code not in {building.code for building in buildings}:
        raise NotFound
    page = cards.of_building(db.session(), who, code, page=_page_number(request.args.get("page", "1")))
    return _cards_page(page, url_for(".cards_of_building"), building=code)


def _page_number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0


def _scan_page(error: str | None, status: int = 422) -> ResponseReturnValue:
    who = login.actor()
    open_now = venue.open_now(db.session(), who.community_id, now=clock.utc_now())
    page = render_template(
        "checkin/scan.html", activities=[(one.public_id, one.title, span(one)) for one in open_now], error=error
    )
    return page, status


def _claim_page(claim: Claim, code: Venue) -> ResponseReturnValue:
    who, now = login.actor_or_none(), clock.utc_now()
    activity = landing.activity_of(db.session(), claims.keys(), code, at=claim.scanned_at)
    offer = landing.offer(db.session(), who, activity, code, at=claim.scanned_at) if who else None
    page = render_template(
        "checkin/landing.html", activity=activity, span=span(activity), claim=claim, offer=offer, asked=code.direction
    )
    response = make_response(page)
    claims.put(response, claim, now=now)
    return response


def _card_page(card: Pass, token: str) -> ResponseReturnValue:
    who = login.actor_or_none()
    if who is None or not who.may("coordinator"):
        is_own = who is not None and who.public_id == card.person_id
        return render_template("checkin/a_card.html", is_own=is_own)
    person = landing.holder_of(db.session(), who, claims.keys(), card)
    open_now = venue.open_now(db.session(), who.community_id, now=clock.utc_now())
    return render_template(
        "checkin/card_scanned.html",
        person=person,
        token=token,
        activities=[(one.public_id, one.title, span(one)) for one in open_now],
    )


def _cards_page(page: cards.Page, back_to: str, *, building: str | None = None) -> str:
    named = [(person.name, cards.number(person), _pass_svg(person)) for person in page.people]
    place = cards.community_name(db.session(), login.actor())
    return render_template(
        "checkin/cards.html", page=page, people=named, community=place, back_to=back_to, building=building
    )


def _pass_svg(person: Person) -> Markup:
    token = claims.keys().member_pass(person.public_id, person.card_version)
    return Markup(qr.svg(shown.link(token)))  # noqa: S704 -- drawn by ourselves from our own token


def _not_ours(refusal: Conflict) -> str:
    return render_template("checkin/not_ours.html", sentence=translate(refusal.sentence, refusal.facts))
