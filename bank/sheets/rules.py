"""What counts of a paper roster, and as what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bank.communities.rules import Rules
from bank.errors import Conflict, NotAllowed, say

Flag = Mapping[str, Any]

TRANSITIONS: Mapping[str, tuple[str, ...]] = {
    "keying": ("handed_in", "discarded"),
    "handed_in": ("confirmed", "keying", "discarded"),
}
"""From each state of a sheet, where it may go."""
STATES: Mapping[str, str] = {
    "keying": say("录入中"),
    "handed_in": say("待核对"),
    "confirmed": say("核对好了"),
    "discarded": say("已作废"),
}
STEPS: Mapping[str, str] = {
    "begun": say("开始录入"),
    "photo": say("附上照片"),
    "photo_replaced": say("换了照片"),
    "handed_in": say("交给另一位核对"),
    "sent_back": say("退回改正"),
    "confirmed": say("核对好了"),
    "discarded": say("作废"),
}
SCANNED = say("已经有签到记录，按那一条记")
"""Why the line of somebody who scanned is struck."""
EARLIEST = timedelta(hours=6)
"""A time of day longer before the planned beginning than this is meant for the day after."""


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


class NotYours(NotAllowed):
    """Changing a sheet that somebody else keys in."""

    code = "self_approval"
    sentence = say("这张表由另一位在录，您不能改。请另开一张表，或作废它再重录。")


class OwnLine(NotAllowed):
    """Confirming a line about oneself or one's household."""

    code = "same_household"
    sentence = say("表上有您本人或家人：请先划掉这几行，或请另一位来核对。")


FLAG_SENTENCES: Mapping[str, str] = {
    "paper_late": say("纸质签到表超过 %(days)s 个工作日才录入，只记荣誉时长"),
    "paper_full": say("这个月的见证时长已满 %(hours)s 小时，这一条只记荣誉时长"),
    "paper_photo": say("签到表的照片和“%(title)s”（%(day)s）交过的很像"),
    "paper_photo_deed": say("签到表的照片和 %(day)s 一件好事的照片很像"),
}


def counted_minutes(arrived: datetime, left: datetime, starts: datetime, ends: datetime, rounding: int) -> int:
    """Give the whole minutes within the planned time, rounded down to the rule's step; 0 for none."""
    span = min(left, ends) - max(arrived, starts)
    minutes = max(timedelta(), span) // timedelta(minutes=1)
    return int(minutes - minutes % rounding)


@dataclass(frozen=True, slots=True)
class Part:
    """Some minutes of a line, as what they count, and why it is not B."""

    evidence_class: str
    minutes: int
    flags: Sequence[Flag] = ()


def parts(minutes: int, *, is_late: bool, month_minutes: int, rules: Rules) -> list[Part]:
    """Split the minutes of a line: witnessed as far as the month has room, the rest honour; all of it where late."""
    if is_late:
        return [Part("C", minutes, [{"code": "paper_late", "facts": {"days": rules.paper_days}}])]
    room = max(0, rules.class_b_minutes_per_month - month_minutes)
    full: Flag = {"code": "paper_full", "facts": {"hours": rules.class_b_minutes_per_month // 60}}
    found = [Part("B", min(minutes, room)), Part("C", minutes - room, [full])]
    return [part for part in found if part.minutes > 0]


def photo_flag(title: str | None, day: date) -> Flag:
    """Say where the photo was seen before; a good deed is not named."""
    if title is None:
        return {"code": "paper_photo_deed", "facts": {"day": day.isoformat()}}
    return {"code": "paper_photo", "facts": {"title": title, "day": day.isoformat()}}


def moment_of(starts: datetime, clock: time, zone: str) -> datetime:
    """Give the moment of a time of day on the day of an activity, or after its midnight."""
    there = starts.astimezone(ZoneInfo(zone))
    moment = there.replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0)
    return (moment + timedelta(days=1) if there - moment > EARLIEST else moment).astimezone(UTC)
