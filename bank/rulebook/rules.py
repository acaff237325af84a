"""Pure decisions about changing the rules: who, from which day, and which numbers fit together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from bank.communities.rules import Rules, is_weekdays
from bank.errors import Conflict, say
from bank.rulebook.wording import BY_FIELD, WEEKDAYS, YES_NO

PROPOSERS = ("coordinator", "second_approver")
DECIDERS = ("coordinator", "second_approver", "panel")
TRANSITIONS: Mapping[str, tuple[str, ...]] = {"open": ("adopted", "refused", "withdrawn", "lapsed")}
"""Whatever is decided stays decided: another version follows, none is edited."""
STATES: Mapping[str, str] = {
    "open": say("等第二个人同意"),
    "adopted": say("已通过"),
    "refused": say("没有同意"),
    "withdrawn": say("已收回"),
    "lapsed": say("过了日子，没有生效"),
}
NO_WEEKDAYS = say("请从小到大写星期几，1 到 7，每天写一次：25 是周二和周五，0 是每天。")
OUT_OF_RANGE = say("请填 %(least)s 到 %(most)s 之间的整数。")


class AnotherPerson(Conflict):
    """Who proposed it, or somebody they live with, decides."""

    code = "second_person_required"
    sentence = say("改规则要两个人：提出的人和他的家人不能自己同意，请另一位工作人员来。")


class OneIsOpen(Conflict):
    """One proposal at a time, so that everybody knows what is meant."""

    code = "already_open"
    sentence = say("已经有一份改动在等第二个人同意，先处理完那一份。")


class Decided(Conflict):
    """Somebody was first."""

    code = "already_decided"
    sentence = say("这一份刚才已经有人处理过了，以先处理的结果为准。")


class TooSoon(Conflict):
    """Residents would not hear of it in time."""

    code = "too_soon"
    sentence = say("离生效的日子太近了：规则要提前公布，不能往前追溯。请收回，换一个日子再提。")


class Overtaken(Conflict):
    """The rules it was written against are no longer the newest."""

    code = "overtaken"
    sentence = say("这期间规则已经有了新的一版。请收回，照新的一版再提。")


def earliest(today: date, newest: Rules, in_force: Rules) -> date:
    """Give the first day from which a version may hold: after its notice, and after the newest version's first."""
    return max(today + timedelta(days=max(1, in_force.rule_notice_days)), newest.effective_on + timedelta(days=1))


def misfits(values: Mapping[str, int | None]) -> dict[str, tuple[str, dict[str, int]]]:
    """Give what cannot be set, by field: a marked sentence with its facts."""
    found: dict[str, tuple[str, dict[str, int]]] = {}
    for name, value in values.items():
        one = BY_FIELD[name]
        if value is None:
            if not one.may_be_empty:
                found[name] = (say("请填写这一项。"), {})
        elif not one.least <= value <= one.most and one.kind != YES_NO:
            found[name] = (OUT_OF_RANGE, {"least": one.least, "most": one.most})
        elif one.kind == WEEKDAYS and not is_weekdays(value):
            found[name] = (NO_WEEKDAYS, {})
    return found or _contradictions({name: value or 0 for name, value in values.items()})


def _contradictions(values: Mapping[str, int]) -> dict[str, tuple[str, dict[str, int]]]:
    if values["daily_minutes_with_second"] < values["daily_minutes"]:
        return {"daily_minutes_with_second": (say("一天最高上限不能比常规上限低。"), {})}
    if values["home_service_minutes"] > values["daily_minutes"]:
        return {"home_service_minutes": (say("上门一次最长不能超过一天的常规上限。"), {})}
    if values["night_until_hour"] >= values["night_from_hour"]:
        return {"night_until_hour": (say("早上的钟点要比夜里开始的钟点小。"), {})}
    if values["least_stay_minutes"] < values["rounding_minutes"]:
        return {"rounding_minutes": (say("取整不能比至少待的时间还长，不然待够了也记不上。"), {})}
    return {}
