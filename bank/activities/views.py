"""Pages of activities: the calendar, one activity with its sign-up, and the coordinator's form."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_date

from bank import clock, db
from bank.activities import listing, places, rules
from bank.activities import operations as activities
from bank.activities.models import Activity
from bank.activities.schemas import ActivityFormSchema
from bank.errors import Invalid
from bank.members import login
from bank.members.actor import Actor
from bank.members.models import Person
from bank.web.fields import read_form
from bank.web.i18n import gettext, translate
from bank.web.pages import TIME_ZONE

pages = Blueprint("activities", __name__)
FORM_FIELDS = ("title", "category", "description", "place", "capacity", "risk_note")


@pages.get("/activities")
def index() -> ResponseReturnValue:
    who, now = login.actor(), clock.utc_now()
    when = request.args.get("when", "upcoming")
    is_mine = when == "mine"
    wanted = listing.Wanted(
        when=when if when in listing.WHENS else "upcoming",
        category=_known_word(request.args.get("category")),
        is_mine=is_mine,
    )
    page = listing.activities(db.session(), who, wanted, now=now, limit=30, cursor=request.args.get("cursor"))
    mine = places.places_of(db.session(), [item.id for item in page.items], who.person_id)
    items = [_row(item, mine.get(item.id, places.Place("none")), now) for item in page.items]
    more = url_for(".index", when=when, category=wanted.category, cursor=page.next) if page.next else None
    return render_template(
        "activities/index.html", items=items, more=more, when=when, whens=_whens(who, when), kinds=_kinds(wanted, when)
    )


@pages.get("/activities/new")
def plan_form() -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator")
    earlier = request.args.get("from")
    given: Mapping[str, Any] = {"capacity": 20, "is_open_to_walk_ins": True}
    if earlier:
        model = activities.find(db.session(), who, earlier)
        shift = rules.next_time(model.starts_at, clock.utc_now())
        given = _as_form(model, model.starts_at + shift, model.ends_at + shift)
    return _form(given, {}, url_for(".plan"), url_for(".index"))


@pages.post("/activities/new")
def plan() -> ResponseReturnValue:
    who, now = login.actor(), clock.utc_now()
    who.require("coordinator")
    try:
        given = read_form(ActivityFormSchema, request.form)
        twin = activities.twin_of(db.session(), who, given)
        if twin is not None and request.form.get("again") != "1":
            return _form(request.form, {}, url_for(".plan"), url_for(".index"), twin=twin), 409
        activity = activities.plan(db.session(), who, given, now=now)
        if request.form.get("publish") == "1":
            _publish(who, activity.public_id, now)
    except (Invalid, activities.AlreadyBegun) as refusal:
        return _form(request.form, _faults(refusal), url_for(".plan"), url_for(".index")), 422
    flash(gettext("已发布，大家可以报名了。") if request.form.get("publish") == "1" else gettext("草稿已保存。"), "ok")
    return redirect(url_for(".show", public_id=activity.public_id), code=303)


@pages.get("/activities/<public_id>")
def show(public_id: str) -> ResponseReturnValue:
    return _show_page(login.actor(), public_id, {})


def _show_page(who: Actor, public_id: str, errors: Mapping[str, str]) -> str:
    now = clock.utc_now()
    activity = activities.find(db.session(), who, public_id)
    leader = activities.leader_of(db.session(), activity)
    is_leader = activity.leader_id == who.person_id
    counter = db.session().get(Person, activity.headcount_by) if activity.headcount_by else None
    place = places.of(db.session(), activity.id, who.person_id)
    stage = rules.phase(activity.state, activity.starts_at, activity.ends_at, now)
    return render_template(
        "activities/show.html",
        activity=activity,
        place=place,
        stage=stage,
        stage_name=translate(rules.PHASES[stage]),
        kind=category_name(activity.category),
        span=span(activity),
        is_before=now < activity.starts_at,
        is_coordinator=who.may("coordinator"),
        leader=leader.name if leader and who.may("coordinator") else None,
        may_attest=now >= activity.ends_at and (who.may("coordinator") or is_leader),
        is_to_count=activity.headcount is None or (is_leader and activity.headcount_by != who.person_id),
        counted_by=counter.name if counter else None,
        exclusions=rules.EXCLUSIONS,
        given=request.form,
        errors=errors,
    )


@pages.get("/activities/<public_id>/edit")
def edit_form(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    who.require("coordinator")
    activity = activities.find(db.session(), who, public_id)
    here = url_for(".show", public_id=public_id)
    given = {**_as_form(activity, activity.starts_at, activity.ends_at), "seen": activities.version(activity)}
    return _form(given, {}, url_for(".edit", public_id=public_id), here, activity.state)


@pages.post("/activities/<public_id>/edit")
def edit(public_id: str) -> ResponseReturnValue:
    who, now = login.actor(), clock.utc_now()
    who.require("coordinator")
    state = activities.find(db.session(), who, public_id).state
    here, seen = url_for(".show", public_id=public_id), request.form.get("seen")
    try:
        given = read_form(ActivityFormSchema, request.form)
        activities.edit(db.session(), who, public_id, given, now=now, seen=seen)
        if request.form.get("publish") == "1" and state == "draft":
            _publish(who, public_id, now)
    except (Invalid, activities.AlreadyBegun) as refusal:
        return _form(request.form, _faults(refusal), url_for(".edit", public_id=public_id), here, state), 422
    except activities.ChangedMeanwhile as refusal:
        return _changed_meanwhile(activities.find(db.session(), who, public_id), refusal, here), 409
    flash(gettext("已保存。"), "ok")
    return redirect(here, code=303)


@pages.post("/activities/<public_id>/publication")
def publish(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    try:
        _publish(who, public_id, clock.utc_now())
    except Invalid as refusal:
        return _show_page(who, public_id, _faults(refusal)), 422
    flash(gettext("已发布，大家可以报名了。"), "ok")
    return redirect(url_for(".show", public_id=public_id), code=303)


def _publish(who: Actor, public_id: str, now: datetime) -> None:
    """Publish with what the form says about the things that do not count."""
    applies = [code for code in rules.EXCLUSIONS if request.form.get(f"applies_{code}") == "1"]
    is_clear = request.form.get("none_of_these") == "1"
    activities.publish(db.session(), who, public_id, is_clear=is_clear, applies=applies, now=now)


@pages.post("/activities/<public_id>/sign-ups")
def sign_up(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    activity = activities.lock_for(db.session(), who, public_id)
    place = places.take(db.session(), activity, who.person_id, now=clock.utc_now())
    if place.state == "signed_up":
        flash(gettext("报好了，请准时参加。"), "ok")
    else:
        flash(gettext("名额满了，您排在候补第 %(n)s 位，有空位会自动补上并告诉您。", n=place.position), "info")
    return redirect(url_for(".show", public_id=public_id), code=303)


@pages.post("/activities/<public_id>/sign-ups/cancellation")
def leave(public_id: str) -> ResponseReturnValue:
    who = login.actor()
    activity = activities.lock_for(db.session(), who, public_id)
    places.leave(db.session(), activity, who.person_id, now=clock.utc_now())
    flash(gettext("已退出，名额让给了别人。"), "ok")
    return redirect(url_for(".show", public_id=public_id), code=303)


def _known_word(text: str | None) -> str | None:
    return text if text and text.isprintable() else None


def category_name(category: str) -> str:
    """Say a kind of activity; one's own word stays as it is."""
    known = rules.CATEGORIES.get(category)
    return translate(known) if known else category


def span(activity: Activity) -> str:
    """Say from when to when, such as 09:00–11:00."""
    zone = ZoneInfo(TIME_ZONE)
    starts, ends = activity.starts_at.astimezone(zone), activity.ends_at.astimezone(zone)
    until = f"{ends:%H:%M}"
    if ends.date() != starts.date():
        until = gettext("次日 %(time)s", time=until)
    return f"{starts:%H:%M}–{until}"


def leaf(activity: Activity) -> tuple[str, str, str]:
    """Give a calendar leaf: month, day and weekday."""
    day = activity.starts_at.astimezone(ZoneInfo(TIME_ZONE)).date()
    return str(format_date(day, "MMM")), str(day.day), str(format_date(day, "EEE"))


def _row(activity: Activity, place: places.Place, now: datetime) -> dict[str, Any]:
    stage = rules.phase(activity.state, activity.starts_at, activity.ends_at, now)
    return {
        "activity": activity,
        "place": place,
        "leaf": leaf(activity),
        "span": span(activity),
        "stage": stage,
        "stage_name": translate(rules.PHASES[stage]),
        "left": activity.capacity - activity.taken,
    }


def _whens(who: Actor, here: str) -> list[dict[str, Any]]:
    names = {
        "upcoming": gettext("全部"),
        "today": gettext("今天"),
        "week": gettext("七天内"),
        "mine": gettext("我报名的"),
        "past": gettext("办过的"),
    }
    if who.may("coordinator"):
        names["draft"] = gettext("草稿")
    return [{"text": text, "href": url_for(".index", when=name), "here": name == here} for name, text in names.items()]


def _kinds(wanted: listing.Wanted, when: str) -> list[dict[str, Any]]:
    every = [{"text": gettext("各类"), "href": url_for(".index", when=when), "here": wanted.category is None}]
    return every + [
        {
            "text": translate(name),
            "href": url_for(".index", when=when, category=code),
            "here": wanted.category == code,
        }
        for code, name in rules.CATEGORIES.items()
    ]


def _as_form(activity: Activity, starts_at: datetime, ends_at: datetime) -> dict[str, Any]:
    zone = ZoneInfo(TIME_ZONE)
    return {
        **{name: getattr(activity, name) for name in FORM_FIELDS},
        "starts_at": f"{starts_at.astimezone(zone):%Y-%m-%dT%H:%M}",
        "ends_at": f"{ends_at.astimezone(zone):%Y-%m-%dT%H:%M}",
        "is_open_to_walk_ins": activity.is_open_to_walk_ins,
        "leader": leader.public_id if (leader := activities.leader_of(db.session(), activity)) else "",
    }


def _faults(refusal: Invalid | activities.AlreadyBegun) -> dict[str, str]:
    if isinstance(refusal, Invalid):
        return {name: translate(texts[0]) for name, texts in refusal.errors.items()}
    return {"starts_at": translate(refusal.sentence)}


def _changed_meanwhile(activity: Activity, refusal: activities.ChangedMeanwhile, back_to: str) -> str:
    """Give the form back as it was typed, beside each field what it holds by now; pressing again then overwrites."""
    now_held = _as_form(activity, activity.starts_at, activity.ends_at)
    differing = [name for name in _field_names() if request.form.get(name, "") != str(now_held[name])]
    errors = {name: gettext("现在是：%(value)s", value=_as_said(name, now_held[name])) for name in differing}
    typed = {**request.form.to_dict(), "seen": activities.version(activity)}
    action = url_for(".edit", public_id=activity.public_id)
    return _form(typed, errors, action, back_to, activity.state, warning=translate(refusal.sentence))


def _as_said(name: str, value: Any) -> str:
    text = category_name(value) if name == "category" else str(value).replace("T", " ") if "_at" in name else str(value)
    return text or gettext("（空）")


def _form(
    given: Mapping[str, Any],
    errors: Mapping[str, str],
    action: str,
    back_to: str,
    state: str = "draft",
    *,
    warning: str | None = None,
    twin: Activity | None = None,
) -> str:
    kinds = [(code, translate(name)) for code, name in rules.CATEGORIES.items()]
    if given.get("category") and given["category"] not in rules.CATEGORIES:
        kinds.append((given["category"], given["category"]))
    names = _field_names()
    summary = {name: f"{names[name]}：{text}" if name in names else text for name, text in errors.items()}
    return render_template(
        "activities/form.html",
        given=given,
        errors=errors,
        summary=summary,
        warning=warning,
        twin=twin,
        kinds=kinds,
        exclusions=rules.EXCLUSIONS,
        action=action,
        back_to=back_to,
        state=state,
    )


def _field_names() -> dict[str, str]:
    return {
        "title": gettext("标题"),
        "category": gettext("类别"),
        "place": gettext("地点"),
        "starts_at": gettext("开始"),
        "ends_at": gettext("结束"),
        "capacity": gettext("名额"),
        "risk_note": gettext("安全提示"),
        "description": gettext("说明"),
        "leader": gettext("负责人"),
    }
