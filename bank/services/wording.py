"""What the page of a visit says comes next, in the words of the side that looks."""

from __future__ import annotations

from datetime import datetime, timedelta

from bank.communities.rules import Rules
from bank.errors import say
from bank.services import moving, rules
from bank.services.models import HelpRequest
from bank.services.moving import Place

FOR_RESIDENTS = {
    "accepted": say("接下来：到时候有人上门。人来了，把“来”的六位数字报给他；走的时候报“走”的。"),
    "in_service": say("接下来：做完要走的时候，把“走”的六位数字报给他，或让他刷您的居民卡。"),
}
OVERDUE = {
    "accepted": say("过了时间，还没有人到"),
    "in_service": say("过了时间，走还没有记"),
}
OVERDUE_FOR_RESIDENTS = {
    "accepted": say("过了约好的时间，还没有人到。请给社区打个电话；等不到，就按“人没有来”。"),
    "in_service": say("过了约好的时间，走还没有记。做完了，把“走”的六位数字报给他，或让他刷您的居民卡。"),
}
OVERDUE_FOR_HELPERS = {
    "accepted": say("过了约好的时间，还没有记“到了”。到了请马上记；去不了，请马上告诉社区。"),
    "in_service": say("过了约好的时间，走还没有记。做完了，请马上记“走”。"),
}
ONE_IS_MISSING = say("过了时间，还差一位没有到")
FAR_APART = say("接下来：来和走的时间和约定的差得多，两边确认以后，还要工作人员核对才算数。")


def overdue(one: HelpRequest, now: datetime) -> str:
    """Say that somebody should have come, or gone, long since; nothing where all is in time."""
    if one.state == "accepted" and now > one.starts_at + rules.LATE_TO_COME:
        return ONE_IS_MISSING if moving.has_come(one) else OVERDUE["accepted"]
    # Who came late may stay as long as was agreed.
    began = max(one.starts_at, one.arrived_at or one.starts_at)
    if one.state == "in_service" and now > began + timedelta(minutes=one.minutes) + rules.LATE_TO_GO:
        return OVERDUE["in_service"]
    return ""


def comes_next(
    one: HelpRequest, own: Place | None, in_force: Rules, *, is_for_them: bool, now: datetime
) -> tuple[str, dict[str, int]]:
    """Give the sentence and its facts; `own` is the part of the helper who looks, None for everybody else."""
    if one.state == "cancelled":
        return _cancelled(one, own)
    if one.state == "to_confirm" and moving.is_far_apart(one, in_force):
        return FAR_APART, {}
    if late := overdue(one, now):
        words = OVERDUE_FOR_HELPERS if own else OVERDUE_FOR_RESIDENTS if is_for_them else {}
        return words.get(one.state, late), {}
    for_them = FOR_RESIDENTS.get(one.state) if is_for_them and own is None else None
    return for_them or rules.NEXT[one.state], {}


def _cancelled(one: HelpRequest, own: Place | None) -> tuple[str, dict[str, int]]:
    if own is not None:
        if not own.paid_minutes:
            return say("这次取消了，不用去了。"), {}
        return say("这次取消得晚，不用去了。按规则给您记 %(paid_minutes)s。"), {"paid_minutes": own.paid_minutes}
    if not one.paid_minutes:
        return rules.NEXT["cancelled"], {}
    back = rules.held_minutes(one.minutes, one.helpers) - one.paid_by_all
    facts = {"paid_minutes": one.paid_by_all, "back_minutes": back}
    if back:
        return say("取消得晚，按规则用掉了 %(paid_minutes)s，退回 %(back_minutes)s。"), facts
    return say("取消得晚，按规则用掉了 %(paid_minutes)s。"), facts
