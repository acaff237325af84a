"""Pure decisions about attendance: what a set of scans amounts to, which scan is in time, and what needs a look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bank.communities.rules import Rules
from bank.errors import Conflict, say

SCANNED = frozenset({"screen", "digits", "card"})
"""Ways that prove presence; an entry by hand does not."""

FLAG_SENTENCES: Mapping[str, str] = {
    "late": say("迟到 %(minutes)s 分钟"),
    "walk_in": say("没有报名，现场参加"),
    "no_check_out": say("忘了签退，按活动结束时间算"),
    "no_check_in": say("没有签到，按活动开始时间算"),
    "overlap": say("与“%(title)s”时间重叠，重叠部分只算一次"),
    "shared_device": say("同一部手机还给别人签过到"),
    "too_short": say("签到到签退只有 %(minutes)s 分钟"),
    "clock_untrusted": say("手机的时间对不上，时间以收到为准"),
    "late_upload": say("离线扫码，过后才上传"),
    "manual": say("工作人员手工登记"),
    "late_evidence": say("审核之后又收到扫码记录"),
}
"""What each flag says at the desk; its facts fill the placeholders."""
FLAG_ORDER = {code: place for place, code in enumerate(FLAG_SENTENCES)}

Flag = dict[str, Any]


class TooEarly(Conflict):
    """Checking in before the doors open."""

    code = "too_early"
    sentence = say("还没到签到时间，%(opens)s 起可以签到。")


class TooLate(Conflict):
    """Checking in after the end, or out after the last moment for it."""

    code = "too_late"
    sentence = say("签到签退的时间已经过了，请找工作人员补记。")


@dataclass(frozen=True, slots=True)
class Mark:
    """One accepted scan. `direction` None means the first is in and one ten minutes or more later is out."""

    uuid: str
    direction: str | None
    happened_at: datetime
    via: str
    by_id: int = 0
    flags: tuple[Flag, ...] = ()

    @property
    def _order(self) -> tuple[datetime, bool, str]:
        return self.happened_at, self.via not in SCANNED, self.uuid


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time that another attendance already counts, and that activity's title."""

    start: datetime
    end: datetime
    title: str


@dataclass(frozen=True, slots=True)
class Plan:
    """When an activity was to begin and end, and whether its forgotten attendances have been closed."""

    starts_at: datetime
    ends_at: datetime
    is_closed: bool = False
    time_zone: str = "Asia/Shanghai"

    def local_time(self, moment: datetime) -> str:
        """Say a moment as people there do: the hour, with the day where it is not the activity's."""
        there = moment.astimezone(ZoneInfo(self.time_zone))
        same_day = there.date() == self.starts_at.astimezone(ZoneInfo(self.time_zone)).date()
        return f"{there:%H:%M}" if same_day else f"{there:%Y-%m-%d %H:%M}"

    @property
    def minutes(self) -> int:
        """How long it was to last."""
        return _minutes(self.ends_at - self.starts_at)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the scans of one person at one activity amount to."""

    state: str
    checked_in: Mark | None = None
    checked_out: Mark | None = None
    minutes: int = 0
    evidence_class: str = "A"
    flags: list[Flag] = field(default_factory=list)

    @property
    def is_finished(self) -> bool:
        """Whether it is worth a credit proposal."""
        return self.state in ("checked_out", "auto_closed")


def project(marks: Iterable[Mark], plan: Plan, rules: Rules, covered: Sequence[Span] = ()) -> Standing:
    """Make an attendance of its scans, whatever the order they arrived in.

    In is the earliest scan in, out the latest scan out after it. Minutes are the planned time that lies between,
    without what `covered` counts already, rounded down; a missing scan is replaced by the planned moment, and such
    an attendance is of class C. No marks at all is `void`.
    """
    ordered = sorted(marks, key=lambda mark: mark._order)
    if not ordered:
        return Standing("void")
    arrived, left = _ends(ordered, timedelta(minutes=rules.least_stay_minutes))
    state = "checked_out" if left else "auto_closed" if plan.is_closed else "checked_in"
    flags = [flag for mark in ordered for flag in mark.flags] + _timing_flags(arrived, left, state, plan, rules)
    if state == "checked_in":
        return Standing(state, arrived, None, 0, _evidence_class(arrived, arrived), tidy(flags))
    start = max(arrived.happened_at, plan.starts_at) if arrived else plan.starts_at
    end = min(left.happened_at, plan.ends_at) if left else plan.ends_at
    counted, doubled = _uncovered(start, end, covered)
    minutes = min(_minutes(counted), plan.minutes)
    minutes -= minutes % rules.rounding_minutes
    flags += [{"code": "overlap", "facts": {"title": span.title}} for span in doubled]
    return Standing(state, arrived, left, minutes, _evidence_class(arrived, left), tidy(flags))


def counted_span(
    checked_in_at: datetime | None, checked_out_at: datetime | None, plan: Plan, title: str
) -> Span | None:
    """Give the planned time that a finished attendance counts, None for none."""
    start = max(checked_in_at or plan.starts_at, plan.starts_at)
    end = min(checked_out_at or plan.ends_at, plan.ends_at)
    return Span(start, end, title) if start < end else None


def direction_of(asked: str | None, arrived_at: datetime | None, at: datetime, rules: Rules) -> str | None:
    """Decide what a scan does: `in`, `out`, or None where it only repeats what is known.

    Without a wish: not in is in; in for ten minutes or more is out; sooner repeats. A wish to be in again repeats.
    """
    if arrived_at is None or at < arrived_at:
        return asked or "in"
    if asked == "in":
        return None
    if asked == "out" or at - arrived_at >= timedelta(minutes=rules.least_stay_minutes):
        return "out"
    return None


def check_window(direction: str, at: datetime, plan: Plan, rules: Rules) -> None:
    """Go on only while the doors are open. Raises TooEarly, TooLate.

    In: from `check_in_early_minutes` before the start to the end. Out: to `check_out_late_minutes` after the end.
    """
    opens_at = plan.starts_at - timedelta(minutes=rules.check_in_early_minutes)
    if at < opens_at:
        raise TooEarly(opens=plan.local_time(opens_at))
    late = timedelta(minutes=rules.check_out_late_minutes if direction == "out" else 0)
    if at > plan.ends_at + late:
        raise TooLate


def tidy(flags: Iterable[Flag]) -> list[Flag]:
    """Put flags in the house's order, each code once."""
    by_code: dict[str, Flag] = {}
    for flag in flags:
        by_code.setdefault(flag["code"], flag)
    return sorted(by_code.values(), key=lambda flag: FLAG_ORDER[flag["code"]])


def _ends(ordered: Sequence[Mark], least_stay: timedelta) -> tuple[Mark | None, Mark | None]:
    arrived = next((mark for mark in ordered if mark.direction != "out"), None)
    left = None
    for mark in ordered:
        if arrived is not None and mark.happened_at < arrived.happened_at:
            continue
        is_out = mark.direction == "out" or (
            mark.direction is None and arrived is not None and mark.happened_at - arrived.happened_at >= least_stay
        )
        if is_out and (left is None or mark.happened_at > left.happened_at):
            left = mark
    return arrived, left


def _timing_flags(arrived: Mark | None, left: Mark | None, state: str, plan: Plan, rules: Rules) -> list[Flag]:
    flags: list[Flag] = []
    if arrived is None:
        flags.append({"code": "no_check_in", "facts": {}})
    elif arrived.happened_at - plan.starts_at > timedelta(minutes=rules.late_after_minutes):
        flags.append({"code": "late", "facts": {"minutes": _minutes(arrived.happened_at - plan.starts_at)}})
    if state == "auto_closed":
        flags.append({"code": "no_check_out", "facts": {}})
    if arrived and left and left.happened_at - arrived.happened_at < timedelta(minutes=rules.least_stay_minutes):
        flags.append({"code": "too_short", "facts": {"minutes": _minutes(left.happened_at - arrived.happened_at)}})
    return flags


def _uncovered(start: datetime, end: datetime, covered: Sequence[Span]) -> tuple[timedelta, list[Span]]:
    """Measure what of a stretch nothing else covers, and name what does."""
    left, at, doubled = timedelta(0), start, []
    for span in sorted(covered, key=lambda span: (span.start, span.end, span.title)):
        if span.end <= start or span.start >= end:
            continue
        doubled.append(span)
        left += max(span.start - at, timedelta(0))
        at = max(at, span.end)
    return left + max(end - at, timedelta(0)), doubled


def _evidence_class(arrived: Mark | None, left: Mark | None) -> str:
    return "A" if arrived and left and {arrived.via, left.via} <= SCANNED else "C"


def _minutes(span: timedelta) -> int:
    return max(0, span // timedelta(minutes=1))
