"""Pages: how well the bank keeps its promises, what comes if more is asked, and what may be had for saved hours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from bank import clock, db
from bank.activities.rules import CATEGORIES
from bank.communities.models import Community
from bank.credits import notices
from bank.errors import say
from bank.members import login
from bank.vitals import forecast as ahead
from bank.vitals import measuring, nudging, rules, warning
from bank.vitals.models import Vital
from bank.vitals.rules import Figures
from bank.web.i18n import gettext, hours, translate

pages = Blueprint("vitals", __name__)
COURSE_WEEKS = 26
FROM_WHOLE_HOURS = 600
DAYS = (say("周一"), say("周二"), say("周三"), say("周四"), say("周五"), say("周六"), say("周日"))
PART_WORDS = {"morning": say("上午"), "afternoon": say("下午"), "evening": say("晚上")}
KINDS = ("elder_care", "home_service", "health", "repair", "environment")
USUAL_SHARES = {"elder_care": 50, "home_service": 20, "health": 10, "repair": 10, "environment": 10}
"""How an assumption splits what is asked for, until somebody says otherwise; in percent."""
BOUNDS = {"people": (0, 100_000), "hours": (0, 40), "supply": (10, 300), "patience": (1, 12)}
USUAL = {"hours": 2, "supply": 100, "patience": 4}


@pages.app_template_global()
def bank_concerns() -> list[str]:
    """Give what the newest figures warn a coordinator of, in their language."""
    who = login.actor_or_none()
    if who is None or not who.may("coordinator"):
        return []
    vital = measuring.newest(db.session(), who.community_id)
    return _concerns(measuring.read(vital)) if vital else []


def _concerns(found: Figures) -> list[str]:
    return [translate(warning.SENTENCES[code], {"n": value}) for code, value in found.concerns]


@pages.get("/health")
def show() -> ResponseReturnValue:
    place, vital = _place_and_vital()
    if vital is None:
        return render_template("vitals/health.html", place=place, vital=None)
    found = measuring.read(vital)
    return render_template(
        "vitals/health.html",
        place=place,
        vital=vital,
        found=found,
        concerns=_concerns(found),
        course=_course(measuring.course(db.session(), place.id, vital.day, weeks=COURSE_WEEKS)),
        supply=_bars(rules.shown(found.supply), CATEGORIES),
        demand=_bars(rules.shown(found.demand), {}),
        week=_week(found),
        cover=rules.cover_months(found.pool, found.pool_out, found.days),
        spent=_savers_spent(found),
        rules=rules,
        per_ten=round(10 * vital.spent / vital.credited, 1) if vital.credited > 0 else None,
        went=_went(vital, found),
        donated=_donated(found),
        before=_wait_before(vital),
        about=about,
        table=_table(vital, found),
    )


@pages.get("/health/forecast")
def forecast() -> ResponseReturnValue:
    place, vital = _place_and_vital()
    found = measuring.read(vital) if vital else None
    if found is None or found.elders < rules.SMALL_GROUP:
        return render_template("vitals/forecast.html", place=place, outlook=None)
    given, errors = _read_assumption(found)
    weeks = round(rules.weeks_of(found.days))
    if errors:
        return render_template(
            "vitals/forecast.html", place=place, outlook=None, given=given, errors=errors, kinds=_kinds(), weeks=weeks
        ), 422
    assumed = ahead.Assumption(
        people=given["people"],
        minutes_each=given["hours"] * 60,
        shares={kind: given[kind] for kind in KINDS},
        supply_percent=given["supply"],
        patience=given["patience"],
    )
    return render_template(
        "vitals/forecast.html",
        place=place,
        given=given,
        errors={},
        found=found,
        about=about,
        kinds=_kinds(),
        names=CATEGORIES,
        weeks=weeks,
        outlook=ahead.look_ahead(_supply(found), assumed),
        vital=vital,
    )


@pages.get("/offers")
def offers() -> ResponseReturnValue:
    who = login.actor()
    return render_template(
        "vitals/offers.html",
        offers=nudging.offers(db.session(), who.person_id, now=clock.utc_now()),
        wants=nudging.wants(db.session(), who.person_id),
    )


@pages.post("/offers/reminders")
def choose_reminders() -> ResponseReturnValue:
    who = login.actor()
    nudging.set_wanted(db.session(), who, is_wanted=request.form.get("wanted") == "1", now=clock.utc_now())
    return redirect(url_for(".offers"), 303)


def _savers_spent(found: Figures) -> int | None:
    """Give how many of those who saved have used any; None where these are a small group."""
    is_small = found.savers < rules.SMALL_GROUP or (found.savers_spent or 0) < rules.SMALL_GROUP
    return None if is_small else found.savers_spent


def _uses(vital: Vital, found: Figures) -> dict[str, int] | None:
    """Give what hours were used for; None where a part comes from a small group, for the rest would tell it."""
    at_home, fetched = found.at_home, vital.spent - found.at_home
    parts = ((at_home, found.helped), (fetched, found.shoppers))
    if any(minutes > 0 and people < rules.SMALL_GROUP for minutes, people in parts):
        return None
    return {gettext("请人上门帮忙"): at_home, gettext("店里和服务点"): fetched}


def _went(vital: Vital, found: Figures) -> Sequence[dict[str, Any]]:
    """Say what the hours were used for: bars, the largest first."""
    parts = _uses(vital, found) or {}
    return _bars({text: minutes for text, minutes in parts.items() if minutes > 0}, {})


def _donated(found: Figures) -> int:
    """Give what members gave to the pool; 0 where these are a small group."""
    return found.donated if found.donors >= rules.SMALL_GROUP else 0


def _wait_before(vital: Vital) -> float | None:
    """Give what people waited for a yes three months before; None where nobody looked."""
    past = measuring.on(db.session(), vital.community_id, vital.day - timedelta(weeks=rules.WEEKS))
    return measuring.read(past).wait_hours if past else None


def _place_and_vital() -> tuple[Community, Vital | None]:
    who = login.actor_or_none()
    place = notices.place(db.session(), who.community_id if who else None, request.args.get("community", "")[:40])
    return place, measuring.newest(db.session(), place.id)


def _supply(found: Figures) -> ahead.Supply:
    total, weeks = sum(minutes for minutes, _ in found.supply.values()), rules.weeks_of(found.days)
    return ahead.Supply(
        by_kind={kind: minutes / weeks for kind, (minutes, _) in found.supply.items()},
        each=total / weeks / found.active if found.active else 0.0,
        saved=found.promised_elders,
        earned=found.earned_elders / weeks,
    )


def _read_assumption(found: Figures) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Read the form, with what is usual where nothing was said; give it as typed where something is wrong."""
    usual = {"people": found.elders, **USUAL, **USUAL_SHARES}
    given: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for name, value in usual.items():
        least, most = BOUNDS.get(name, (0, 100))
        typed = request.args.get(name, "").strip()[:9]
        given[name] = typed or value
        if typed and not (typed.isascii() and typed.isdigit() and least <= int(typed) <= most):
            errors[name] = [gettext("请填 %(least)s 到 %(most)s 的整数。", least=least, most=most)]
        elif typed:
            given[name] = int(typed)
    if not errors and sum(given[kind] for kind in KINDS) != 100:
        errors["shares"] = [gettext("几类加起来要正好是 %(whole)s%%。", whole=100)]
    return given, errors


def _kinds() -> list[tuple[str, str]]:
    return [(kind, translate(CATEGORIES[kind])) for kind in KINDS]


def _bars(groups: Mapping[str, int], names: Mapping[str, str]) -> Sequence[dict[str, Any]]:
    most = max(groups.values(), default=0)
    ordered = sorted(groups.items(), key=lambda pair: (-pair[1], pair[0]))
    return [
        {
            "text": translate(names.get(kind, kind)),
            "said": about(minutes),
            "percent": round(100 * minutes / most) if most else 0,
        }
        for kind, minutes in ordered
    ]


def about(minutes: int) -> str:
    """Say minutes as hours for a picture: from ten hours on without the odd minutes, which the table has."""
    return hours(minutes if abs(minutes) < FROM_WHOLE_HOURS else 60 * round(minutes / 60))


def _course(points: Sequence[tuple[Any, int, int]]) -> dict[str, Any] | None:
    """Give both lines as SVG points in a field 300 wide and 100 high; None before there are two weeks."""
    if len(points) < 2:
        return None
    first, last = points[0][0], points[-1][0]
    most = max(1, *(max(credited, spent) for _, credited, spent in points))
    across = [round(300 * (day - first).days / (last - first).days, 1) for day, _, _ in points]

    def line(place: int) -> str:
        return " ".join(
            f"{x},{round(100 - 100 * max(0, point[place]) / most, 1)}" for x, point in zip(across, points, strict=True)
        )

    return {"credited": line(1), "spent": line(2), "from": first, "until": last}


def _week(found: Figures) -> dict[str, Any]:
    """Give weekday by part of the day: hours offered and asked for, blank for small groups."""
    supply, demand = rules.shown(found.supply_times), rules.shown(found.demand_times)
    columns = [{"key": "day", "text": gettext("星期")}]
    columns += [{"key": part, "text": translate(words)} for part, words in PART_WORDS.items()]
    items = [
        {
            "day": translate(name),
            **{
                part: _cell(supply.get(f"{number}-{part}", 0), demand.get(f"{number}-{part}", 0)) for part in PART_WORDS
            },
        }
        for number, name in enumerate(DAYS)
        if any(f"{number}-{part}" in supply or f"{number}-{part}" in demand for part in PART_WORDS)
    ]
    return {"columns": columns, "lines": items}


def _cell(offered: int, asked: int) -> str:
    if not offered and not asked:
        return "—"
    return gettext("出 %(a)s / 要 %(b)s", a=about(offered) if offered else "—", b=about(asked) if asked else "—")


def _table(vital: Vital, found: Figures) -> list[tuple[str, str]]:
    rows = [
        (gettext("大家存着的"), hours(vital.promised)),
        (gettext("一共存入"), hours(vital.credited)),
        (gettext("一共用出"), hours(vital.spent)),
        *([(gettext("其中请人上门"), hours(found.at_home))] if _uses(vital, found) else []),
        *([(gettext("捐给公益池"), hours(donated))] if (donated := _donated(found)) else []),
        (gettext("大家做过的服务（含不能换东西的）"), hours(sum(found.given.values()))),
        (gettext("公益池里"), hours(found.pool)),
        (gettext("公益池近 %(n)s 天给出", n=rules.POOL_DAYS), hours(found.pool_out)),
    ]
    if found.gift_people >= rules.SMALL_GROUP:
        rows.append((gettext("转给亲人"), hours(found.gifts)))
    if found.points_people >= rules.SMALL_GROUP:
        rows.append((gettext("%(n)s 天内到期的积分", n=rules.EXPIRING_DAYS), str(found.points)))
    if found.savers >= rules.SMALL_GROUP:
        rows.append((gettext("存过的人"), str(found.savers)))
        if (spent := _savers_spent(found)) is not None:
            rows.append((gettext("其中用过的人"), str(spent)))
    return rows
