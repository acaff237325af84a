"""Pure decisions about activities: which stage the clock puts them in, and what a plan must say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bank.errors import say

CATEGORIES: Mapping[str, str] = {
    "environment": say("环境清洁"),
    "elder_care": say("为老服务"),
    "children": say("儿童陪伴"),
    "safety": say("平安巡逻"),
    "health": say("健康义诊"),
    "culture": say("文化活动"),
    "repair": say("便民维修"),
    "other": say("其他"),
}
"""Known kinds and what they are called; another word is kept and shown as it is."""

PHASES: Mapping[str, str] = {
    "draft": say("草稿"),
    "published": say("已发布"),
    "running": say("进行中"),
    "over": say("已结束"),
    "cancelled": say("已取消"),
}
LONGEST = timedelta(hours=24)
BACK_ENTRY = "补录"
"""Hours written down afterwards are never an activity (domain.md, fact 6)."""


def phase(state: str, starts_at: datetime, ends_at: datetime, now: datetime) -> str:
    """Tell the stage of an activity: draft, published, running, over or cancelled."""
    if state != "published" or now < starts_at:
        return state
    return "running" if now < ends_at else "over"


def faults(plan: Mapping[str, Any]) -> dict[str, list[str]]:
    """Name what is wrong with a plan, by field; empty when it may stand."""
    found: dict[str, list[str]] = {}
    if plan["ends_at"] <= plan["starts_at"]:
        found["ends_at"] = [say("结束时间要晚于开始时间。")]
    elif plan["ends_at"] - plan["starts_at"] > LONGEST:
        found["ends_at"] = [say("一场活动最长 24 小时，请分成几场。")]
    if BACK_ENTRY in plan["title"]:
        found["title"] = [say("活动要先发布再举行，不能用来补录。请换个标题。")]
    return found


def next_time(starts_at: datetime, now: datetime) -> timedelta:
    """Give how far to move an earlier activity so that it begins at the same weekday and hour, in the future."""
    weeks = max(0, (now - starts_at) // timedelta(weeks=1)) + 1
    return timedelta(weeks=weeks)
