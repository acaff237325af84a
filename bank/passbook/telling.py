"""Putting the book's lines into a resident's words, in their language."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from flask import url_for
from flask_babel import format_date

from bank import chart, clock
from bank.credits import words
from bank.credits.history import Explanation
from bank.errors import say
from bank.passbook.evidence import Behind
from bank.passbook.lines import Line
from bank.services import rules as help_rules
from bank.services.models import HelpRequest
from bank.shop.listing import Placed
from bank.shop.rules import why_ended
from bank.web.i18n import gettext, hours, translate
from bank.web.pages import TIME_ZONE, amount, clock_time, day, moment
from ledger import Entry

Step = dict[str, str | None]


def by_month(found: Sequence[Line]) -> list[tuple[date, list[Line]]]:
    """Group lines under the first day of the month they were written in."""
    zone = ZoneInfo(TIME_ZONE)
    groups = groupby(found, key=lambda line: line.entry.recorded_at.astimezone(zone).date().replace(day=1))
    return [(month, list(lines)) for month, lines in groups]


def month_name(first: date) -> str:
    """Say a month: `11月`, with the year where it is not this one."""
    if first.year == clock.utc_now().astimezone(ZoneInfo(TIME_ZONE)).year:
        return str(format_date(first, gettext("M月")))
    return str(format_date(first, gettext("y年M月")))


def day_of_month(moment: datetime) -> str:
    """Say a day under the heading of its month: `23日`."""
    return gettext("%(n)s日", n=moment.astimezone(ZoneInfo(TIME_ZONE)).day)


def title_of(kind: str, memo: str | None, unit: str) -> str:
    """Say what a line is: its memo, and in which way the hours moved where that is not plain.

    Minutes end only where the pool gave them for a month; own hours never do.
    """
    what = translate(memo or say("（没有说明）"))
    if kind == "expiry":
        is_points = unit == chart.POINTS
        return gettext("积分到期，转入公益池") if is_points else gettext("公益池发的时长到期，退回公益池")
    if kind in ("release", "refund"):
        return gettext("退回：%(what)s", what=what)
    if kind == "reversal":
        return gettext("冲正：%(what)s", what=what) if memo else gettext("冲正")
    return what


def title_of_entry(entry: Entry) -> str:
    """Say what a line is; what a visit did not use of the hours kept for it comes back, and is nothing earned."""
    return title_of("release" if _is_rest(entry) else entry.kind, entry.memo, entry.unit)


def _is_rest(entry: Entry) -> bool:
    return entry.kind == "capture" and entry.amount > 0


def icon_of(entry: Entry) -> str:
    """Name the icon of a line that has no drawing of its own."""
    if entry.kind in ("reversal", "release", "refund") or _is_rest(entry):
        return "undo"
    if entry.kind == "expiry":
        return "hourglass"
    return ("heart" if entry.unit == "MIN" else "star") if entry.amount > 0 else "bag"


def ends_soon(last: date) -> bool:
    """Tell whether points end this month or next, so that there is still time to use them."""
    today = clock.utc_now().astimezone(ZoneInfo(TIME_ZONE)).date()
    return (last.year - today.year) * 12 + last.month - today.month <= 1


def sheet_row(entry: Entry) -> dict[str, Any]:
    """Lay a line out for the printed sheet."""
    is_in = entry.amount > 0
    said = amount(abs(entry.amount), entry.unit)
    return {
        "day": day(entry.recorded_at),
        "what": title_of_entry(entry),
        "in": said if is_in else "",
        "out": "" if is_in else said,
        "left": amount(entry.balance_after, entry.unit),
    }


def chain_of(found: Behind) -> list[Step]:
    """Tell the steps behind a line, first to last, with links to the other half of a pair."""
    steps = _credit_steps(found.credit) if found.credit else _order_steps(found.order) if found.order else []
    if found.visit is not None:
        steps = _visit_steps(found.visit)
    txn = found.txn
    if txn.kind == "expiry":
        steps.append(_ended(found.unit))
    steps.append(_step(gettext("记入存折"), moment(txn.recorded_at), "passbook"))
    for other, text in (
        (txn.reverses_id, gettext("这一笔冲正了原来的一笔")),
        (txn.reversed_by, gettext("后来被冲正")),
        (txn.resolves_id if txn.kind == "release" else None, gettext("退回的是原来留出的一笔")),
    ):
        if other:
            steps.append(_step(text, gettext("点开看"), "undo", url_for("passbook.line", txn_id=other)))
    return steps


def _ended(unit: str) -> Step:
    if unit == chart.MINUTES:
        why = gettext("公益池每月发的时长当月有效；自己服务得来的时长永远不会到期")
        return _step(gettext("公益池发的时长没用完，月底退回公益池"), why, "hourglass")
    why = gettext("记下积分的那一天，规则里写明了能用到哪个月底")
    return _step(gettext("没用完的积分到期了，留给社区里有困难的人"), why, "hourglass")


def _credit_steps(credit: Explanation) -> list[Step]:
    evidence = credit.credit.evidence
    steps = [step for step in (_scan(evidence, "in", gettext("签到")), _scan(evidence, "out", gettext("签退"))) if step]
    if evidence.get("scanned_minutes") is not None:
        counted = gettext("签到到签退 %(all)s", all=hours(int(evidence["scanned_minutes"])))
        steps.append(_step(gettext("计 %(sum)s", sum=_credited(credit)), counted, "clock"))
    if evidence.get("story"):
        steps.append(_step(gettext("经过"), str(evidence["story"]), "edit"))
    for told in credit.steps:
        if told.step != "posted":
            by = told.by or gettext("系统")
            role = words.ROLES.get(told.role or "")
            who = gettext("%(name)s（%(role)s）", name=by, role=translate(role)) if role else by
            said = " · ".join(part for part in (who, moment(told.at), translate(told.reason or "")) if part)
            steps.append(_step(translate(words.TOLD.get(told.step, told.step)), said, _ICONS.get(told.step, "check")))
    if credit.notice_from and credit.notice_until:
        span = f"{day(credit.notice_from)} – {day(credit.notice_until)}"
        steps.append(_step(gettext("公示"), span, "megaphone"))
    link = url_for("rulebook.show", version=credit.rules_number)
    since = day(credit.rules_since) if credit.rules_since else ""
    steps.append(
        _step(gettext("按第 %(n)s 版规则", n=credit.rules_number), gettext("%(day)s起", day=since), "scales", link)
    )
    return steps


_ICONS = {
    "proposed": "upload",
    "objected": "flag",
    "refused": "stop",
    "undone": "undo",
    "reversed": "undo",
    "voided": "undo",
}


def _credited(credit: Explanation) -> str:
    told = credit.credit
    return amount(told.amount if told.approved_amount is None else told.approved_amount, told.unit)


def _scan(evidence: dict[str, Any], way: str, word: str) -> Step | None:
    at = evidence.get(f"checked_{way}_at")
    if not at:
        return None
    via = words.VIAS.get(str(evidence.get(f"via_{way}")))
    sub = " · ".join(
        part for part in (translate(via) if via else "", translate(str(evidence.get("place") or ""))) if part
    )
    return _step(f"{clock_time(datetime.fromisoformat(str(at)))} {word}", sub, way)


def _order_steps(placed: Placed) -> list[Step]:
    order = placed.order
    by = placed.placed_by if order.placed_by != order.person_id else ""
    helped = gettext("%(name)s 在柜台代办", name=by) if by else ""
    ordered = " · ".join(part for part in (moment(order.created_at), placed.shop.name, helped) if part)
    link = url_for("shop.voucher", code=order.voucher_code)
    steps = [_step(gettext("下单，时长或积分先留出来"), ordered, "ticket", link)]
    if order.handed_over_at:
        handed = gettext("%(name)s 交付", name=placed.handed_over_by)
        steps.append(_step(gettext("已领取"), f"{moment(order.handed_over_at)} · {handed}", "check"))
    elif order.ended_at:
        word = gettext("已取消") if order.state == "cancelled" else gettext("过期没领")
        said = " · ".join(
            part for part in (moment(order.ended_at), translate(why_ended(order.end_code, order.end_reason))) if part
        )
        steps.append(_step(word, said, "undo"))
    else:
        steps.append(_step(gettext("还没领"), gettext("%(day)s前有效", day=day(order.expires_at)), "hourglass"))
    return steps


def _visit_steps(visit: HelpRequest) -> list[Step]:
    """Tell of a visit at home what the line stands for; the rest is on the visit's own page."""
    link = url_for("services.show", public_id=visit.public_id)
    title = gettext("请人上门：%(what)s", what=translate(help_rules.CATALOGUE[visit.kind].title))
    steps = [_step(title, f"{moment(visit.starts_at)} · {hours(visit.minutes)}", "heart", link)]
    if visit.arrived_at and visit.left_at:
        scanned = f"{clock_time(visit.arrived_at)} – {clock_time(visit.left_at)}"
        steps.append(_step(gettext("来和走都有记录"), scanned, "clock"))
    if visit.paid_minutes:
        steps.append(_step(gettext("两边核对后用掉 %(sum)s", sum=hours(visit.paid_by_all)), None, "check"))
    return steps


def _step(text: str, sub: str | None, icon: str, href: str | None = None) -> Step:
    return {"text": text, "sub": sub, "icon": icon, "href": href}
