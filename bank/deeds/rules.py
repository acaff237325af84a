"""Pure decisions about good deeds: what they are called, what speaks for them, how many a week and month."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from bank import clock
from bank.communities.rules import Rules
from bank.errors import Conflict, say

CATEGORIES: Mapping[str, str] = {
    "errand": say("代买送货"),
    "mediation": say("调解邻里"),
    "advice": say("建议采纳、文明劝导"),
    "lost_property": say("拾金不昧"),
    "care": say("陪诊照护"),
    "care_disabled": say("照护失能老人"),
    "lecture": say("义务讲座"),
    "captain_duty": say("楼门长履职"),
    "blood_donation": say("义务献血"),
    "bravery": say("见义勇为"),
}
"""In the order in which people most often mean them (domain.md section 5, E5)."""
TELL_WITHIN_DAYS = 30
PHOTO_KEPT_DAYS = 90

FLAG_SENTENCES: Mapping[str, str] = {
    "only_own_word": say("本人申报，没有照片，也没有邻居推荐"),
    "same_home": say("由同一户的家人推荐"),
    "photo_again": say("这张照片在别的好事里用过"),
    "photo_alike": say("这张照片和以前交过的一张几乎一样"),
    "told_late": say("%(days)s 天以后才说"),
    "unjudged": say("评议小组到期没有结论"),
}
CASES: Mapping[str, str] = {
    "open": say("评议小组评议中"),
    "granted": say("评议小组同意"),
    "not_granted": say("评议小组没有同意"),
    "passed_on": say("评议到期没有结论，交工作人员"),
    "withdrawn": say("已撤回，不用评议了"),
}
NEXT: Mapping[str, str] = {
    "panel": say("接下来：评议小组的几位居民看过凭据后投票，到期没有结论就交给工作人员。请一位邻居作证，更容易通过。"),
    "submitted": say("接下来：工作人员审核，通过后公示，公示期满积分自动到账。"),
    "second_review": say("接下来：另一位工作人员复核，通过后公示。"),
    "in_notice": say("接下来：公示期满没有异议，积分自动到账。"),
    "objected": say("接下来：没有经手过的人核实这条异议，会告诉您结果。"),
    "refused": say("接下来：如果您觉得不对，请带上证人或照片到社区服务台，协调员可以重新打开。没有扣任何东西。"),
}
"""What happens next, by the state of the credit."""
LATE_AFTER_DAYS = 14


class WeekIsFull(Conflict):
    """As many deeds as a week holds."""

    code = "cap_exceeded"
    sentence = say("这个星期已经说了 %(most)s 件好事，下星期一再来说，好事先记在心里。")


class MonthIsFull(Conflict):
    """As many points as a month holds."""

    code = "cap_exceeded"
    sentence = say("这个月的好事积分已到上限（%(most)s 分），下个月再来说。")


def evidence_class(*, is_by_neighbour: bool, has_photo: bool) -> str:
    """Give B where a neighbour tells it or a photo shows it, else C."""
    return "B" if is_by_neighbour or has_photo else "C"


def flags(
    *, is_by_self: bool, same_home: bool, has_photo: bool, photo_again: bool, is_alike: bool = False, age_days: int
) -> list[dict[str, object]]:
    """Give what the desk should look at before it believes a deed."""
    found: list[dict[str, object]] = []
    if is_by_self and not has_photo:
        found.append({"code": "only_own_word", "facts": {}})
    if same_home:
        found.append({"code": "same_home", "facts": {}})
    if photo_again:
        found.append({"code": "photo_again", "facts": {}})
    if is_alike:
        found.append({"code": "photo_alike", "facts": {}})
    if age_days > LATE_AFTER_DAYS:
        found.append({"code": "told_late", "facts": {"days": age_days}})
    return found


def is_for_panel(rules: Rules, points: int, *, is_flagged: bool) -> bool:
    """Tell whether the panel judges a deed first: many points, or something to look at."""
    return is_flagged or points >= rules.deed_panel_from_points


def is_limited(rules: Rules, points: int) -> bool:
    """Tell whether points count towards the month; a deed worth more than a whole month (bravery) does not."""
    return points <= rules.deed_points_per_month


def week_began_at(now: datetime, time_zone: str) -> datetime:
    """Give the first moment of this week's Monday."""
    today = clock.local_day(now, time_zone)
    return clock.start_of_day(today - timedelta(days=today.weekday()), time_zone)


def month_began_at(now: datetime, time_zone: str) -> datetime:
    """Give the first moment of this calendar month."""
    today = clock.local_day(now, time_zone)
    return clock.start_of_day(date(today.year, today.month, 1), time_zone)
