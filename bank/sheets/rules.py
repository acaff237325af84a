"""What counts of a paper roster, and as what."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bank.communities.rules import Rules
from bank.errors import Conflict, NotAllowed, say

Flag = Mapping[str, Any]


class NotOverYet(Conflict):
    """Keying in before the activity was closed: until then people can scan."""

    code = "not_over_yet"
    sentence = say("活动结束并自动关门以后才能录纸质签到表；没结束时请扫卡。")


class AlreadyThere(Conflict):
    """The person stands on a sheet or scanned."""

    code = "already_recorded"
    sentence = say("%(name)s 在这场活动里已经有记录了，不用再录。")


class SheetIncomplete(Conflict):
    """Handing in without a photo or without a line."""

    code = "sheet_incomplete"
    sentence = say("请先录入至少一个人，并附上签到表的照片，再交给另一位核对。")


class SheetMoved(Conflict):
    """Somebody else handed in, confirmed or sent back meanwhile."""

    code = "already_decided"
    sentence = say("这张签到表刚才已经有人处理过了，请看最新的。")


class OwnSheet(NotAllowed):
    """Confirming what one keyed in oneself, or somebody of the household."""

    code = "self_approval"
    sentence = say("录入的人和他的家人不能核对同一张表，请另一位来核对。")


class OwnLine(NotAllowed):
    """Confirming a line about oneself or one's household."""

    code = "same_household"
    sentence = say("表上有您本人或家人：请先划掉这几行，或请另一位来核对。")


FLAG_SENTENCES: Mapping[str, str] = {
    "paper_late": say("纸质签到表超过 %(days)s 个工作日才录入，只记荣誉时长"),
    "paper_full": say("这个月的见证时长已满 %(hours)s 小时，这一条只记荣誉时长"),
}


def counted_minutes(arrived: datetime, left: datetime, starts: datetime, ends: datetime, rounding: int) -> int:
    """Give the whole minutes within the planned time, rounded down to the rule's step; 0 for none."""
    span = min(left, ends) - max(arrived, starts)
    minutes = max(timedelta(), span) // timedelta(minutes=1)
    return int(minutes - minutes % rounding)


def class_of(minutes: int, *, is_late: bool, month_minutes: int, rules: Rules) -> tuple[str, list[Flag]]:
    """Give the evidence class of a line and why it is not B: keyed in late, or the month is full."""
    if is_late:
        return "C", [{"code": "paper_late", "facts": {"days": rules.paper_days}}]
    if month_minutes + minutes > rules.class_b_minutes_per_month:
        return "C", [{"code": "paper_full", "facts": {"hours": rules.class_b_minutes_per_month // 60}}]
    return "B", []
