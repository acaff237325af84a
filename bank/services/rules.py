"""Pure decisions about help at home: the catalogue, where a request may go, who suits, how many minutes count."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bank.communities.rules import Rules
from bank.errors import say

CHINA = ZoneInfo("Asia/Shanghai")
MOST_INVITED = 3
"""How many are invited at once: one may say no, ten would feel that nobody means them."""
SKEW = timedelta(minutes=2)
"""How far a phone's clock may go ahead of ours."""
LEAST_VISIT = timedelta(minutes=1)
LATE_TO_COME = timedelta(minutes=15)
LATE_TO_GO = timedelta(minutes=30)
"""So long after the agreed moment a visit that nobody recorded is shown as late."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of help as a community offers it; minutes are of one visit."""

    code: str
    title: str
    least_minutes: int
    usual_minutes: int
    most_minutes: int
    risk: str
    guard: str
    is_on: bool = True
    conditions: tuple[str, ...] = ()
    """What has to be so before it may be switched on."""
    helpers: int = 1
    """How many come together; the resident pays each of them."""
    is_trained: bool = False
    """Whether only those may come whose training a coordinator has recorded."""


CATALOGUE: Mapping[str, Kind] = {
    one.code: one
    for one in (
        Kind("company", say("陪聊读报"), 30, 60, 120, "low", say("只聊天读报，不推销、不传教、不借钱。")),
        Kind("errand", say("代买代取、送药"), 30, 30, 60, "low", say("不碰银行卡和密码；小票拍照；钱由老人自己经手。")),
        Kind("clean", say("简单保洁、洗衣"), 30, 90, 180, "low", say("不登高，不擦外窗。")),
        Kind("meal", say("送餐、做饭"), 30, 60, 120, "mid", say("先问忌口和过敏。")),
        Kind("escort_med", say("陪诊"), 60, 180, 240, "mid", say("不替老人做医疗决定；记下紧急联系人。")),
        Kind("mobility", say("陪同散步、推轮椅"), 30, 60, 120, "mid", say("学过推轮椅的人才做。")),
        Kind("phone_help", say("教用手机、防诈骗"), 30, 60, 120, "low", say("不碰银行和支付软件。")),
        Kind("repair", say("小修小补"), 30, 60, 120, "mid", say("不动燃气和电路总线。")),
        Kind("hair", say("理发"), 30, 30, 60, "low", say("工具先消毒。")),
        Kind("advice", say("法律、健康咨询"), 30, 60, 120, "low", say("给意见的人要有资格证。")),
        Kind(
            "childcare",
            say("作业辅导、临时看护"),
            30,
            60,
            120,
            "high",
            say("监护人全程在场。"),
            is_on=False,
            conditions=("guardian",),
        ),
        Kind(
            "bath",
            say("助浴"),
            60,
            60,
            120,
            "high",
            say("两位受过训练的人一起做，而且买了保险。"),
            is_on=False,
            conditions=("two_trained", "insured"),
            helpers=2,
            is_trained=True,
        ),
    )
}
"""domain.md section 5, in the order in which people most often ask."""
CONDITIONS: Mapping[str, str] = {
    "guardian": say("监护人全程在场"),
    "two_trained": say("有两位受过训练的人一起上门"),
    "insured": say("已经买了意外保险"),
}
RISKS: Mapping[str, str] = {"low": say("低风险"), "mid": say("要留心"), "high": say("高风险")}
SPEECHES: Mapping[str, str] = {
    "mandarin": say("普通话"),
    "local": say("本地话"),
    "english": say("英语"),
    "sign": say("手语"),
}

FLAG_SENTENCES: Mapping[str, str] = {
    "elsewhere": say("来和走的时间与“%(title)s”重叠，请核对"),
    "typed": say("来或走是输入卡号记的，没有刷到卡，请核对"),
}
"""What a flag of a visit says at the desk."""

OPEN = ("requested", "verified", "offered")
"""Nothing is held yet."""
HELD = ("accepted", "in_service", "to_confirm", "disputed")
"""The agreed minutes are held."""
ENDS = ("done", "cancelled", "no_show", "not_home", "nobody_found", "resolved")
MOVES: Mapping[str, tuple[str, ...]] = {
    "requested": ("verified", "cancelled", "nobody_found"),
    "verified": ("offered", "accepted", "cancelled", "nobody_found"),
    "offered": ("verified", "accepted", "cancelled", "nobody_found"),
    "accepted": ("verified", "in_service", "cancelled", "no_show", "disputed"),
    "in_service": ("to_confirm", "disputed"),
    "to_confirm": ("done", "disputed"),
    "disputed": ("resolved", "not_home", "no_show"),
}
BY_TIME: Mapping[str, tuple[str, ...]] = {
    "requested": ("nobody_found",),
    "verified": ("nobody_found",),
    "offered": ("verified", "nobody_found"),
    "accepted": ("no_show", "disputed"),
    "in_service": ("disputed",),
    "to_confirm": ("done", "disputed"),
    "disputed": ("resolved", "no_show"),
}
"""Where a request goes when nobody does anything until `due_at`."""
REPORTS: Mapping[str, tuple[str, ...]] = {"open": ("late", "answered"), "late": ("answered",)}
INVITATIONS: Mapping[str, tuple[str, ...]] = {
    "open": ("accepted", "declined", "passed"),
    "accepted": ("declined", "passed"),
    "declined": ("open",),
    "passed": ("open",),
}
"""Who said no, or nothing, may be asked once more where the desk chooses so."""

STATES: Mapping[str, str] = {
    "requested": say("等社区核实"),
    "verified": say("正在找人"),
    "offered": say("已问了几位邻居"),
    "accepted": say("有人答应了"),
    "in_service": say("正在服务"),
    "to_confirm": say("等确认时长"),
    "done": say("完成了"),
    "cancelled": say("已取消"),
    "no_show": say("没有来"),
    "not_home": say("家里没人"),
    "nobody_found": say("没找到人"),
    "disputed": say("时长待核对"),
    "resolved": say("核对好了"),
}
LOOKS: Mapping[str, str] = {
    "done": "ok",
    "resolved": "ok",
    "accepted": "ok",
    "in_service": "ok",
    "cancelled": "plain",
    "no_show": "stop",
    "not_home": "stop",
    "nobody_found": "attention",
    "disputed": "attention",
}
NEXT: Mapping[str, str] = {
    "requested": say("接下来：社区工作人员核实情况，然后开始找人。"),
    "verified": say("接下来：志愿者可以接，工作人员也会去问。"),
    "offered": say("接下来：问过的邻居里，谁先答应谁来。"),
    "accepted": say("接下来：到时候上门。来了报“来”的六位数字，走时报“走”的。"),
    "in_service": say("接下来：做完走的时候，再报“走”的六位数字或刷一次卡。"),
    "to_confirm": say("接下来：两边都确认，时长就算数。"),
    "disputed": say("接下来：两边都可以说一说，由没有经手过的工作人员定。"),
    "done": say("时长已经用掉，志愿者的时长按规则审核公示后入账。"),
    "resolved": say("已经按核对的结果办了。"),
    "cancelled": say("没有用掉时长。"),
    "no_show": say("留着的时长全部退回来了。"),
    "not_home": say("按规则给白跑一趟的志愿者记一点时长，其余退回。"),
    "nobody_found": say("没有扣任何时长，可以换个时间再约。"),
}
STEPS: Mapping[str, str] = {
    "asked": say("提出请求"),
    "verified": say("核实"),
    "invited": say("邀请志愿者"),
    "unanswered": say("没有人答复，重新找人"),
    "declined": say("这次不方便"),
    "accepted": say("答应去帮忙"),
    "one_accepted": say("第一位答应了，还差一位"),
    "one_came": say("只来了一位，没有做成"),
    "withdrew": say("来不了，重新找人"),
    "arrived": say("到了"),
    "left": say("走了"),
    "agreed": say("确认时长"),
    "called_back": say("回访确认"),
    "said": say("说明情况"),
    "doubted": say("对时长有疑问"),
    "decided": say("核对时长"),
    "paid": say("用掉留着的时长"),
    "released": say("退回留着的时长"),
    "returned": say("志愿者的时长没有入账，用掉的退回来了"),
    "refunded": say("志愿者入账的时长少了，差的退回来了"),
    "cancelled": say("取消"),
    "no_show": say("没有来"),
    "not_home": say("家里没人"),
    "nobody_found": say("到时间没找到人"),
    "late": say("超过了答应的时间，提醒工作台"),
}
DOUBTS: Mapping[str, str] = {
    "differs": say("实际时长和约定的差得多"),
    "not_right": say("有一边说不对"),
    "unconfirmed": say("受助的居民一直没有确认"),
    "no_check_out": say("走的时候没有记"),
    "not_home": say("志愿者说敲门没人"),
    "one_came": say("要来两位，只来了一位"),
}
CARDS = ("card", "number")
"""A card that was scanned, and its printed number typed in: whoever once read a number can type it anywhere."""
VIAS: Mapping[str, str] = {
    "card": say("刷居民卡"),
    "number": say("输入居民卡号"),
    "digits": say("报六位数字"),
    "phone": say("居民自己的手机"),
    "pin": say("居民卡和 PIN"),
    "callback": say("工作人员回访"),
}
ASKED_VIA: Mapping[str, str] = {
    "app": say("自己提的"),
    "counter": say("服务台代办"),
    "phone": say("打电话来的"),
    "captain": say("楼门长代办"),
    "repeat": say("照上次再约"),
}
REASONS: Mapping[str, str] = {
    "skill": say("愿意做这一样"),
    "same_building": say("住同一栋"),
    "near": say("住得近"),
    "speech": say("说话听得懂"),
    "pair": say("以前帮过"),
    "rested": say("最近帮得少"),
}
WEIGHTS: Mapping[str, int] = {"skill": 40, "same_building": 25, "near": 15, "speech": 20, "pair": 10, "rested": 15}
NEAR_BUILDINGS = 2
"""So many buildings further along the list still count as near."""
RESTED_VISITS = 2
"""Who helped fewer times than this in thirty days has room for one more."""


@dataclass(frozen=True, slots=True)
class Helper:
    """A volunteer as dispatch sees them; `building` is the place in the community's list, None where unknown."""

    person_id: int
    has_skill: bool
    building: int | None
    speaks: bool
    pairs: int
    lately: int


def reasons(one: Helper, building: int | None) -> list[str]:
    """Give why a volunteer suits, as codes of REASONS; `building` is the requester's."""
    apart = None if one.building is None or building is None else abs(one.building - building)
    holds = {
        "skill": one.has_skill,
        "same_building": apart == 0,
        "near": apart is not None and 1 <= apart <= NEAR_BUILDINGS,
        "speech": one.speaks,
        "pair": one.pairs > 0,
        "rested": one.lately < RESTED_VISITS,
    }
    return [code for code, is_so in holds.items() if is_so]


def score(codes: Sequence[str]) -> int:
    """Add up the weights of reasons."""
    return sum(WEIGHTS[code] for code in codes)


def scanned_minutes(arrived_at: datetime, left_at: datetime) -> int:
    """Give the whole minutes between coming and going; never negative."""
    return max(0, int((left_at - arrived_at).total_seconds() // 60))


def counted(rules: Rules, agreed: int, scanned: int) -> int:
    """Give what a visit counts: the smaller of agreed and scanned, rounded down as the rules say (F3)."""
    return min(agreed, scanned) // rules.rounding_minutes * rules.rounding_minutes


def differs(rules: Rules, agreed: int, scanned: int) -> bool:
    """Tell whether what was scanned is so far from what was agreed that somebody has to look (F3)."""
    gap = abs(scanned - agreed)
    return gap * 100 > agreed * rules.help_differs_percent or gap > rules.help_differs_minutes


def is_free_to_cancel(rules: Rules, starts_at: datetime, now: datetime) -> bool:
    """Tell whether a cancellation comes early enough to cost nothing."""
    return starts_at - now >= timedelta(hours=rules.help_cancel_hours)


def opens_at(rules: Rules, starts_at: datetime) -> datetime:
    """Give from when on somebody may say that a helper came."""
    return starts_at - timedelta(minutes=rules.check_in_early_minutes)


def cost_of_cancelling(rules: Rules, state: str, starts_at: datetime, agreed: int, helpers: int, now: datetime) -> int:
    """Give the minutes that cancelling now takes from who pays."""
    is_free = state in OPEN or is_free_to_cancel(rules, starts_at, now)
    return 0 if is_free else missed(rules, agreed) * helpers


def missed(rules: Rules, agreed: int) -> int:
    """Give what a visit in vain is worth to the volunteer, in minutes; never more than was agreed."""
    return min(agreed, rules.help_missed_minutes)


def by_rule(rules: Rules, doubt: str, agreed: int, scanned: int | None, *, is_agreed: bool) -> int:
    """Give the minutes that count where nobody decided a dispute in time.

    What both sides agreed to and both scans show is paid, by the smaller figure; anything else is not.
    """
    if doubt not in ("differs", "not_right") or scanned is None or not is_agreed:
        return 0
    return counted(rules, agreed, scanned)


def within(kind: Kind, most_minutes: int) -> Kind:
    """Give a kind with no visit longer than so many minutes, which the community's rules say for every kind."""
    return replace(
        kind,
        least_minutes=min(kind.least_minutes, most_minutes),
        usual_minutes=min(kind.usual_minutes, most_minutes),
        most_minutes=min(kind.most_minutes, most_minutes),
    )


def unmet(kind: Kind, declared: Collection[str]) -> list[str]:
    """Give the conditions of a kind that were not declared to be met."""
    return [code for code in kind.conditions if code not in declared]


def held_minutes(minutes: int, helpers: int) -> int:
    """Give what is held for a visit: everybody who comes gives their own time, and each is paid theirs."""
    return minutes * helpers
