"""Pure decisions about activities: which stage the clock puts them in, and what a plan must say."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from bank.communities.rules import Rules
from bank.errors import say

CATEGORIES: Mapping[str, str] = {
    "environment": say("环境清洁"),
    "elder_care": say("为老服务"),
    "children": say("儿童陪伴"),
    "safety": say("平安巡逻"),
    "health": say("健康义诊"),
    "culture": say("文化活动"),
    "repair": say("便民维修"),
    "home_service": say("上门服务（一对一）"),
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
HOME_SERVICE = "home_service"
EXCLUSIONS: Mapping[str, str] = {
    "staff_hours": say("社区工作人员在上班时间做的"),
    "paid": say("有报酬的，或本来就是职责、值班的"),
    "donation": say("捐款捐物，或者和捐赠挂钩的"),
    "internal": say("本单位、本队伍自己的会议、培训、参观、团建"),
    "assigned": say("学校、单位布置的任务或实习"),
    "own_interest": say("为了自己利益的，如业主选举"),
    "business": say("经商推销、宗教活动、点赞转发答题"),
}
"""What does not count as service (domain.md section 5, "Does not count"), asked at every publication."""
LONGEST = timedelta(hours=24)
BACK_ENTRY = "补录"
"""Hours written down afterwards are never an activity (domain.md, fact 6)."""


def phase(state: str, starts_at: datetime, ends_at: datetime, now: datetime) -> str:
    """Tell the stage of an activity: draft, published, running, over or cancelled."""
    if state != "published" or now < starts_at:
        return state
    return "running" if now < ends_at else "over"


def faults(plan: Mapping[str, Any], in_force: Rules) -> dict[str, list[str]]:
    """Name what is wrong with a plan, by field; empty when it may stand."""
    longest_visit = timedelta(minutes=in_force.home_service_minutes)
    found: dict[str, list[str]] = {}
    if plan["ends_at"] <= plan["starts_at"]:
        found["ends_at"] = [say("结束时间要晚于开始时间。")]
    elif plan["ends_at"] - plan["starts_at"] > LONGEST:
        found["ends_at"] = [say("一场活动最长 24 小时，请分成几场。")]
    elif plan["category"] == HOME_SERVICE and plan["ends_at"] - plan["starts_at"] > longest_visit:
        found["ends_at"] = [say("上门服务一次最长不能超过规则里的时长（一般是 4 小时），请把结束时间改早。")]
    if BACK_ENTRY in plan["title"]:
        found["title"] = [say("活动要先发布再举行，不能用来补录。请换个标题。")]
    return found


def declaration_fault(applies: Collection[str], *, is_clear: bool) -> str | None:
    """Say why what was declared at publication keeps an activity from being published; None where it may be."""
    if applies:
        return say("按社区的规则，您勾选的这些不计入时长。可以照办，但不能作为计时的活动发布。")
    return None if is_clear else say("请看完“哪些不计时长”，都不属于的，勾上“以上都不是”再发布。")


def next_time(starts_at: datetime, now: datetime) -> timedelta:
    """Give how far to move an earlier activity so that it begins at the same weekday and hour, in the future."""
    weeks = max(0, (now - starts_at) // timedelta(weeks=1)) + 1
    return timedelta(weeks=weeks)
