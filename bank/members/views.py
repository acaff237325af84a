"""Pages of sign-in, home, one's own settings, and the people a coordinator looks after."""

from __future__ import annotations

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from bank import clock, db
from bank.communities.models import Community
from bank.errors import Invalid, NotAllowed, say
from bank.members import login, neighbours, passwords, people
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person
from bank.members.schemas import (
    AccessSchema,
    CaptaincySchema,
    CredentialsSchema,
    MessagesSchema,
    PasswordSchema,
    PinSchema,
    RegistrationSchema,
    RoleSchema,
)
from bank.web import limits
from bank.web.app import begin_write, reads_first
from bank.web.fields import read_form
from bank.web.i18n import gettext, translate
from bank.web.views import keep_choices
from bank.web.ways import safe_path

pages = Blueprint("members", __name__)
SURPLUS_TO = ("honour", "pool")


@pages.get("/")
def home() -> ResponseReturnValue:
    who = login.actor_or_none()
    if who is None:
        return render_template("members/welcome.html")
    return render_template("members/home.html", messages=members.unread(db.session(), who.person_id))


@pages.get("/sign-in")
def sign_in() -> ResponseReturnValue:
    onward = safe_path(request.args.get("next"))
    if login.actor_or_none() is not None:
        return redirect(onward or url_for(".home"))
    return render_template("members/sign_in.html", onward=onward, typed="", wrong=None)


@pages.post("/sign-in")
@reads_first
def sign_in_now() -> ResponseReturnValue:
    onward = safe_path(request.form.get("next"))
    typed = str(request.form.get("login", ""))[:40]
    try:
        given = read_form(CredentialsSchema, request.form)
    except Invalid:
        given = {"login": typed, "password": ""}
    person_id = people.who_signs_in(given["login"], given["password"], address=request.remote_addr or "")
    if person_id is None:
        wrong = gettext("账号或密码不对，请再试一次。忘了密码可以请社区工作人员重设。")
        page = render_template("members/sign_in.html", onward=onward, typed=typed, wrong=wrong)
        return page, 401
    begin_write()
    login.sign_in(person_id)
    return redirect(onward or url_for(".home"), code=303)


@pages.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    login.sign_out()
    return redirect(url_for(".home"), code=303)


@pages.get("/me")
def me() -> ResponseReturnValue:
    return _me_page(login.actor(), {})


def _me_page(who: Actor, errors: dict[str, list[str]]) -> str:
    person = db.session().get_one(Person, who.person_id)
    consent = people.naming_consent(db.session(), who.person_id)
    return render_template("members/me.html", person=person, consent=consent, errors=errors)


def _in_words(refusal: Invalid) -> dict[str, list[str]]:
    return {name: [translate(text) for text in texts] for name, texts in refusal.errors.items()}


@pages.post("/me/settings")
def change_settings() -> ResponseReturnValue:
    person = db.session().get_one(Person, login.actor().person_id)
    if request.form.get("surplus_to") in SURPLUS_TO:
        person.surplus_to = request.form["surplus_to"]
    is_given = request.form.get("is_named") == "1"
    people.consent_to_be_named(db.session(), person, is_given, now=clock.utc_now())
    flash(gettext("已保存。"), "ok")
    answer = make_response(redirect(url_for(".me"), code=303))
    elder = "1" if request.form.get("is_elder") == "1" else "0"
    return keep_choices(answer, language=request.form.get("language"), elder=elder)


@pages.post("/me/pin")
@reads_first
def change_pin() -> ResponseReturnValue:
    who = login.actor()
    try:
        given = read_form(PinSchema, request.form)
        hashed = people.make_pin_hash(given["pin"], given["again"])
    except Invalid as refusal:
        db.drop()
        return _me_page(who, _in_words(refusal)), 422
    begin_write()
    people.change_pin(db.session(), who.person_id, hashed)
    flash(gettext("新的 PIN 已经可以用了。"), "ok")
    return redirect(url_for(".me"), code=303)


@pages.post("/me/password")
@reads_first
def change_password() -> ResponseReturnValue:
    who = login.actor()
    try:
        hashed = _new_password(who)
    except Invalid as refusal:
        db.drop()
        return _me_page(who, _in_words(refusal)), 422
    begin_write()
    people.set_password(db.session(), who.person_id, hashed)
    login.sign_in(who.person_id)
    flash(gettext("密码已更换，其他设备已退出。"), "ok")
    return redirect(url_for(".me"), code=303)


def _new_password(who: Actor) -> str:
    given = read_form(PasswordSchema, request.form)
    person = db.session().get_one(Person, who.person_id)
    limits.spend({f"password:{who.person_id}": 10}, period_s=900, now=clock.utc_now())
    if not passwords.matches(given["present"], person.password_hash):
        raise Invalid({"present": [say("现在的密码不对。")]})
    return passwords.make_hash(given["new"])


@pages.post("/me/messages")
def put_messages_away() -> ResponseReturnValue:
    who = login.actor()
    given = read_form(MessagesSchema, request.form)
    members.put_away(db.session(), who.person_id, given["through"], now=clock.utc_now())
    return redirect(url_for(".home"), code=303)


@pages.get("/people")
def index() -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator", "admin")
    asked = request.args.get("q", "")[:40]
    found = members.search(db.session(), who.community_id, asked)
    return render_template("members/people.html", asked=asked, people=found)


@pages.get("/people/new")
def register_form() -> ResponseReturnValue:
    login.actor().require("coordinator")
    return render_template("members/register.html", building_options=_buildings(), given={}, errors={})


@pages.post("/people/new")
@reads_first
def register() -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator")
    try:
        given = read_form(RegistrationSchema, request.form)
        secrets = people.hash_secrets(given)
        begin_write()
        twin = people.twin_of(db.session(), who, given)
        if twin is not None and request.form.get("again") != "1":
            return _register_page({}, twin), 409
        person = people.register_from_paper(db.session(), who, given, secrets, now=clock.utc_now())
    except Invalid as refusal:
        db.drop()
        return _register_page(_in_words(refusal)), 422
    flash(gettext("登记好了，可以打印居民卡。"), "ok")
    return redirect(url_for(".person", public_id=person.public_id), code=303)


def _register_page(errors: dict[str, list[str]], twin: Person | None = None) -> str:
    return render_template(
        "members/register.html", building_options=_buildings(), given=request.form, errors=errors, twin=twin
    )


@pages.get("/people/<public_id>")
def person(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator", "admin")
    return _person_page(who, public_id, {})


def _person_page(who: Actor, public_id: str, errors: dict[str, list[str]]) -> str:
    found = members.in_community(db.session(), who.community_id, public_id)
    home = people.home_of(db.session(), found)
    held = members.actor_of(db.session(), found).roles
    return render_template(
        "members/person.html",
        person=found,
        home=home,
        held=held,
        role_names=role_names(),
        captaincies=neighbours.captaincies(db.session(), found.id),
        buildings=_buildings(),
        errors=errors,
    )


@pages.post("/people/<public_id>/card")
def reissue_card(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator")
    people.reissue_card(db.session(), who, public_id, now=clock.utc_now())
    flash(gettext("旧卡和旧码已作废，请打印新卡。"), "ok")
    return redirect(url_for(".person", public_id=public_id), code=303)


@pages.post("/people/<public_id>/pin")
@reads_first
def set_pin(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator")
    try:
        given = read_form(PinSchema, request.form)
        hashed = people.make_pin_hash(given["pin"], given["again"])
    except Invalid as refusal:
        db.drop()
        return _person_page(who, public_id, _in_words(refusal)), 422
    begin_write()
    people.set_pin(db.session(), who, public_id, hashed, now=clock.utc_now())
    flash(gettext("新的 PIN 已经可以用了，已告诉本人。"), "ok")
    return redirect(url_for(".person", public_id=public_id), code=303)


@pages.post("/people/<public_id>/captaincy")
def change_captaincy(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator")
    found = members.in_community(db.session(), who.community_id, public_id)
    given = read_form(CaptaincySchema, request.form)
    if given["do"] == "give":
        neighbours.name_captain(db.session(), who, found, given["building"], now=clock.utc_now())
    else:
        neighbours.dismiss_captain(db.session(), who, found, given["building"])
    flash(gettext("楼门长已更改。"), "ok")
    return redirect(url_for(".person", public_id=public_id), code=303)


@pages.post("/people/<public_id>/group")
def change_group(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator")
    people.set_group(db.session(), who, public_id, is_group=request.form.get("do") == "give")
    flash(gettext("已更改。"), "ok")
    return redirect(url_for(".person", public_id=public_id), code=303)


@pages.post("/people/<public_id>/access")
def change_access(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require("admin")
    found = members.in_community(db.session(), who.community_id, public_id)
    if found.id == who.person_id:
        raise NotAllowed
    now, wanted = clock.utc_now(), read_form(AccessSchema, request.form)["do"]
    if wanted == "disable":
        members.disable(db.session(), found, now=now)
    elif wanted == "enable":
        members.enable(db.session(), found)
    else:
        role = read_form(RoleSchema, request.form)["role"]
        people.change_role(db.session(), who, found, role, give=wanted == "give", now=now)
    flash(gettext("已更改，对方需要重新登录。"), "ok")
    return redirect(url_for(".person", public_id=public_id), code=303)


def _buildings() -> list[tuple[str, str]]:
    who = login.actor()
    found = select(Community).where(Community.parent_id == who.community_id, Community.kind == "building")
    return [(place.code, place.name) for place in db.session().scalars(found.order_by(Community.code))]


def role_names() -> dict[str, str]:
    """Give what each role is called, in the person's language."""
    return {
        "coordinator": gettext("协调员"),
        "second_approver": gettext("复核员"),
        "shopkeeper": gettext("店员"),
        "panel": gettext("评议员"),
        "auditor": gettext("审计员"),
        "admin": gettext("管理员"),
    }
