"""What the page of a visit says comes next, in the words of the side that looks."""

from __future__ import annotations

from bank.communities.rules import Rules
from bank.errors import say
from bank.services import moving, rules
from bank.services.models import HelpRequest
from bank.services.moving import Place

FOR_RESIDENTS = {
    "accepted": say("接下来：到时候有人上门。人来了，把“来”的六位数字报给他；走的时候报“走”的。"),
    "in_service": say("接下来：做完要走的时候，把“走”的六位数字报给他，或让他刷您的居民卡。"),
}
FAR_APART = say("接下来：来和走的时间和约定的差得多，两边确认以后，还要工作人员核对才算数。")


def comes_next(
    one: HelpRequest, own: Place | None, in_force: Rules, *, is_for_them: bool
) -> tuple[str, dict[str, int]]:
    """Give the sentence and its facts; `own` is the part of the helper who looks, None for everybody else."""
    if one.state == "cancelled":
        return _cancelled(one, own)
    if one.state == "to_confirm" and moving.is_far_apart(one, in_force):
        return FAR_APART, {}
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
