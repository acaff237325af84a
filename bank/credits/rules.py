"""Pure decisions about credits: who may decide, how much fits, what comes next, how long the notice lasts."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from bank import chart
from bank.communities.rules import Rules
from bank.errors import BankError, Conflict, NotAllowed, NotFound, say
from bank.members.actor import Actor

UNDECIDED = ("submitted", "second_review")
DEEDS = "deed:"
"""How the source of a good deed begins."""
Month = tuple[int, str, int, int]
"""A person's month: whose, in which unit, the year and the month."""
UNDO_S = 10
DECIDERS = ("coordinator", "second_approver")
ANSWERERS = ("coordinator", "second_approver", "panel")

TRANSITIONS: Mapping[str, tuple[str, ...]] = {
    "submitted": ("second_review", "in_notice", "posted", "refused", "void"),
    "second_review": ("in_notice", "posted", "refused", "submitted", "void"),
    "in_notice": ("posted", "objected", "submitted", "second_review", "void"),
    "objected": ("in_notice", "posted", "refused", "void"),
    "posted": ("reversed", "submitted", "second_review"),
    "refused": ("submitted", "second_review"),
}
"""From each state, where it may go; back to review only by undo or by reopening what was refused."""
FINAL: Mapping[str, str] = {
    "void": say("对应的签到或申报已作废，这一条不再计入。"),
    "reversed": say("入账后经核实有误，已用一笔冲正退回，原来的记录都保留着。"),
}
"""States that nothing leaves, each with its reason."""

REASONS: Mapping[str, str] = {
    "no_proof": say("没有足够的凭据说明做了多久。"),
    "not_seen": say("活动负责人没有看到您参加。"),
    "counted_twice": say("这段时间已经在别的活动里计过了。"),
    "too_long": say("登记的时长比实际服务的长。"),
    "does_not_count": say("按社区的规则，这件事不计入时长或积分。"),
    "wrong_person": say("登记的人和实际做的人对不上。"),
}
"""What is said most often when something is refused or lowered; free words are allowed as well."""

BOOK_CODES: Mapping[str, str] = {"limit_exceeded": "cap_exceeded"}
"""Where the book's own word for a refusal differs from the interface's."""
BOOK_SENTENCES: Mapping[str, str] = {
    "account_frozen": say("这位居民的账户被冻结了，先解冻再通过。"),
    "period_closed": say("这一天的账已经结了，暂时不能入账。"),
    "cap_exceeded": say("这样会超过账户的上限，没有入账。"),
}


class SelfApproval(Conflict):
    """The beneficiary decides."""

    code = "self_approval"
    sentence = say("自己的时长不能由自己来定，请另一位工作人员处理。")


class SameHousehold(Conflict):
    """Someone behind the beneficiary's door decides."""

    code = "same_household"
    sentence = say("家人的时长不能由您来定，请另一位工作人员处理。")


class SecondPersonRequired(Conflict):
    """The same pair of hands a second time."""

    code = "second_person_required"
    sentence = say("这一条还要另一位工作人员复核，您已经经手过一次了。")


class DayCapExceeded(Conflict):
    """More minutes a day than anyone may have."""

    code = "cap_exceeded"
    sentence = say("加上这一条，当天的时长超过了上限。请调低分钟数，或退回并说明原因。")


class MonthFull(Conflict):
    """More of class B a month than paper and witnesses may give; reopening and correcting are no way round it."""

    code = "cap_exceeded"
    sentence = say("加上这一条，靠纸质或见证的时长超过了这个月的上限。请调低分钟数，或退回并说明原因。")


class PointsFull(Conflict):
    """More points for good deeds a month than the rules give."""

    code = "cap_exceeded"
    sentence = say("加上这一条，这个月好人好事的积分超过了上限。请调低积分，或退回并说明原因。")


class LongDayReason(Conflict):
    """A second person lets a long day pass without saying why."""

    code = "reason_required"
    sentence = say("加上这一条，当天超过了一天的常规时长。请打开这一条，写一句为什么可以通过。")


class AdminCannotCredit(NotAllowed):
    """Whoever runs the platform decides on nobody's hours, whatever else they may do."""

    sentence = say("平台管理员不能审核时长和积分，有其他身份也不行。请另一位工作人员处理。")


class FlaggedMeanwhile(Conflict):
    """Something to look at has come up since the list of what was clean was shown."""

    code = "changed_meanwhile"
    sentence = say("看名单以后又发现了要看的地方。请先看原因，再单独处理。")


class AlreadyDecided(Conflict):
    """Somebody was first."""

    code = "already_decided"
    sentence = say("刚才已经有人处理过这一条了，以先处理的结果为准。")


class WaitsForPanel(Conflict):
    """The review panel has the first word on it."""

    code = "waits_for_panel"
    sentence = say("这一条正由评议小组评议，有了结论才轮到工作台。")


class RefusedBefore(Conflict):
    """An appeal against their refusal was granted; to refuse it again is another's."""

    code = "second_person_required"
    sentence = say("您退回过这一条，本人请求重新审核得到了同意。您可以通过；要退回，请另一位工作人员来定。")


class TooMuch(Conflict):
    """More than was proposed, or nothing at all."""

    code = "invalid"
    sentence = say("只能调低，不能调高，也不能调到 0；全部不算请用“退回”。")


class Corrected(Protocol):
    """What of a credit bounds its correction."""

    unit: str
    amount: int
    evidence: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """A credit as it lies on the desk."""

    id: int
    source: str
    title: str
    community_id: int
    person_id: int
    person: str
    household_id: int | None
    proposed_by: int
    happened_on: date
    unit: str
    amount: int
    approved_amount: int | None
    evidence_class: str
    rules_number: int
    state: str
    first_by: int | None
    posting_round: int
    reopened_by: int | None = None
    has_coordinator: bool = True
    """Some coordinator of the community may decide: they are neither the person nor of the household."""
    leader_id: int | None = None
    proposed_home: int | None = None
    reopened_home: int | None = None
    leader_home: int | None = None
    first_home: int | None = None
    waits_for: str | None = None
    overruled: int | None = None
    """Whose refusal of it an appeal set aside."""
    overruled_home: int | None = None
    vouched_by: int | None = None
    """Who registered the person, while they are new."""
    vouched_home: int | None = None
    told_on: date | None = None

    @property
    def hands(self) -> tuple[int | None, ...]:
        """Give who brought it here, ran the activity, brought it back after a refusal, or registered a newcomer."""
        return self.proposed_by, self.leader_id, self.reopened_by, self.vouched_by

    @property
    def homes(self) -> tuple[int | None, ...]:
        """Give the households of these."""
        return self.proposed_home, self.leader_home, self.reopened_home, self.vouched_home

    @property
    def month(self) -> Month | None:
        """Give whose month of what it counts towards: time on people's word by its day, a good deed by its telling."""
        if self.unit == chart.MINUTES:
            return (self.person_id, self.unit, *_of(self.happened_on)) if self.evidence_class == "B" else None
        is_deed = self.source.startswith(DEEDS) and self.told_on is not None
        return (self.person_id, self.unit, *_of(self.told_on or self.happened_on)) if is_deed else None

    @property
    def is_spendable(self) -> bool:
        """Tell whether it is posted to an account; honour hours are only counted."""
        return self.unit != chart.MINUTES or self.evidence_class != "C"

    @property
    def standing(self) -> int:
        """Give what stands so far: what was proposed, or what the first decider let stand of it."""
        return self.amount if self.approved_amount is None else self.approved_amount


@dataclass(frozen=True, slots=True)
class Verdict:
    """What approving comes to: the next state with its amount, or the refusal."""

    state: str | None = None
    amount: int = 0
    refusal: type[BankError] | None = None


def role_of(actor: Actor) -> str:
    """Name the capacity in which they decide."""
    return next((role for role in ANSWERERS if role in actor.roles), "member")


def check_no_admin(actor: Actor) -> None:
    """Go on only for who does not run the platform. Raises AdminCannotCredit."""
    if actor.may("admin"):
        raise AdminCannotCredit


def had_a_hand(case: Case, actor: Actor) -> bool:
    """Tell whether the actor, or somebody they live with, proposed it, ran the activity or brought it back."""
    return actor.person_id in case.hands or (actor.household_id is not None and actor.household_id in case.homes)


def approved_first(case: Case, actor: Actor) -> bool:
    """Tell whether the actor, or somebody they live with, approved it first."""
    at_home = actor.household_id is not None and actor.household_id == case.first_home
    return actor.person_id == case.first_by or at_home


def person_check(case: Case, actor: Actor) -> type[BankError] | None:
    """Refuse who may not decide on this person at all."""
    if case.community_id != actor.community_id:
        return NotFound
    if case.person_id == actor.person_id:
        return SelfApproval
    if case.household_id is not None and case.household_id == actor.household_id:
        return SameHousehold
    return None


def decider_check(case: Case, actor: Actor) -> type[BankError] | None:
    """Refuse who may not decide on this credit now, whatever the decision."""
    refusal = person_check(case, actor)
    if refusal is not None:
        return refusal
    if case.waits_for is not None:
        return WaitsForPanel
    if case.state == "submitted" and not _may_begin(case, actor):
        return NotAllowed
    return None if case.state in UNDECIDED else AlreadyDecided


def refuser_check(case: Case, actor: Actor) -> type[BankError] | None:
    """Refuse who may not refuse this credit now."""
    refusal = decider_check(case, actor)
    if refusal is not None:
        return refusal
    at_home = actor.household_id is not None and actor.household_id == case.overruled_home
    return RefusedBefore if actor.person_id == case.overruled or at_home else None


def _may_begin(case: Case, actor: Actor) -> bool:
    """Let a second approver decide first only where it would lie for ever: no coordinator may."""
    return actor.may("coordinator") or (actor.may("second_approver") and not case.has_coordinator)


@dataclass(frozen=True, slots=True)
class Standing:
    """What counts already when one credit is judged, without that credit: the person's day and month, the actor's
    week."""

    day_minutes: int = 0
    issued: int = 0
    """What the actor has let through alone this week, in the credit's unit."""
    month: int = 0
    """What counts towards the same limit in the person's month."""


def judge(
    case: Case, actor: Actor, rules: Rules, standing: Standing, *, lowered: int | None, reason: str | None = None
) -> Verdict:
    """Judge one approval of a credit, lowered to so much, with the reason given for it."""
    refusal = decider_check(case, actor)
    if refusal is not None:
        return Verdict(refusal=refusal)
    amount = case.standing if lowered is None else lowered
    if lowered is not None and not 1 <= lowered <= case.standing:
        return Verdict(refusal=TooMuch)
    day = standing.day_minutes + amount if case.unit == chart.MINUTES else 0
    if day > rules.daily_minutes_with_second:
        return Verdict(refusal=DayCapExceeded)
    most = month_limit(case, rules)
    if most is not None and standing.month + amount > most:
        return Verdict(refusal=MonthFull if case.unit == chart.MINUTES else PointsFull)
    is_long = day > rules.daily_minutes
    if case.state == "second_review":
        if had_a_hand(case, actor) or approved_first(case, actor):
            return Verdict(refusal=SecondPersonRequired)
        if is_long and not reason:
            return Verdict(refusal=LongDayReason)
        return Verdict(_after_review(case, rules), amount)
    over_budget = standing.issued + amount > budget(rules, case.unit)
    if had_a_hand(case, actor) or is_long or over_budget:
        return Verdict("second_review", amount)
    return Verdict(_after_review(case, rules), amount)


def month_limit(case: Case, rules: Rules) -> int | None:
    """Give what a month may give of this, None for no limit; a deed worth more than a whole month has none."""
    if case.month is None:
        return None
    if case.unit == chart.MINUTES:
        return rules.class_b_minutes_per_month
    return rules.deed_points_per_month if case.amount <= rules.deed_points_per_month else None


def _of(day: date) -> tuple[int, int]:
    return day.year, day.month


def most_corrected(credit: Corrected, rules: Rules) -> int:
    """Give the most that a correction may ask for: the planned time, or what some kind of deed gives in a month.

    Never less than was proposed; time without a plan ends at the longest day.
    """
    if credit.unit != chart.MINUTES:
        return max(credit.amount, *(p for p in rules.deed_points.values() if p <= rules.deed_points_per_month), 0)
    plan = [credit.evidence.get(name) for name in ("starts_at", "ends_at")]
    if not all(plan):
        return max(credit.amount, rules.daily_minutes_with_second)
    begins, ends = (datetime.fromisoformat(moment) for moment in plan if moment)
    return max(credit.amount, (ends - begins) // timedelta(minutes=1))


def budget(rules: Rules, unit: str) -> int:
    """Give what one coordinator may let through alone in a week."""
    return rules.issue_minutes_per_week if unit == chart.MINUTES else rules.issue_points_per_week


def _after_review(case: Case, rules: Rules) -> str:
    return "in_notice" if notice_days(rules, case.unit, case.evidence_class) else "posted"


def notice_days(rules: Rules, unit: str, evidence_class: str) -> int:
    """Give how many working days an item is on public notice."""
    return rules.notice_days[evidence_class] if unit == chart.MINUTES else rules.deed_notice_days


def posting_key(source: str, posting_round: int) -> str:
    """Name the posting of a fact in the book; a further round only after the book refused or it was undone."""
    return f"{source}:credit" + (f":{posting_round}" if posting_round else "")


def last_day(earned_on: date, months: int | None, *, is_elder: bool) -> date | None:
    """Give the last day on which points can be used: the end of the month so many months on; None for ever."""
    if months is None or is_elder:
        return None
    month = earned_on.month - 1 + months
    year, month = earned_on.year + month // 12, month % 12 + 1
    return date(year, month, monthrange(year, month)[1])
