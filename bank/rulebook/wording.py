"""Every setting of the rules as a sentence a resident understands, with the bounds within which it may be set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from bank.communities.rules import SETTINGS, Rules
from bank.deeds.rules import CATEGORIES
from bank.errors import say

MINUTES, YES_NO, NUMBER, WEEKDAYS = "minutes", "yes_no", "number", "weekdays"
_FACTS = {MINUTES: "n_minutes", WEEKDAYS: "n_weekdays"}


@dataclass(frozen=True, slots=True)
class Setting:
    """One number of the rules. `sentence` says it with `%(n)s`; `without` says what holds where it is 0 or None."""

    name: str
    label: str
    sentence: str
    least: int = 1
    most: int = 366
    kind: str = NUMBER
    without: str | None = None
    may_be_empty: bool = False
    key: str | None = None
    """The entry of a table that this is, as the class of evidence or the kind of deed."""

    @property
    def field(self) -> str:
        """Name it in forms."""
        return f"{self.name}.{self.key}" if self.key else self.name

    def value(self, rules: Rules) -> int | None:
        """Read it from a version."""
        found: Any = getattr(rules, self.name)
        value: int | None = found.get(self.key, 0) if self.key else found
        return value

    def said(self, value: int | None) -> tuple[str, dict[str, int]]:
        """Give the marked sentence of a value with its facts; minutes are said as hours, digits as weekdays."""
        if not value and self.without is not None:
            return self.without, {}
        return self.sentence, {_FACTS.get(self.kind, "n"): int(value or 0)}


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page."""

    code: str
    title: str
    settings: tuple[Setting, ...]


def _points(code: str, name: str) -> Setting:
    return Setting("deed_points", name, say("%(n)s 分"), 0, 500, without=say("不计分"), key=code)


def _notice(code: str, label: str, sentence: str, without: str) -> Setting:
    return Setting("notice_days", label, sentence, 0, 30, without=without, key=code)


SECTIONS = (
    Section(
        "counting",
        say("时长怎么算"),
        (
            Setting(
                "rounding_minutes",
                say("计时取整（分钟）"),
                say("时长按 %(n)s 分钟的整数倍算，零头不计。"),
                1,
                60,
            ),
            Setting(
                "check_in_early_minutes",
                say("最早提前签到"),
                say("活动开始前 %(n_minutes)s 起可以签到。"),
                0,
                240,
                MINUTES,
                say("活动开始后才能签到。"),
            ),
            Setting(
                "check_out_late_minutes",
                say("最晚签退"),
                say("活动结束后 %(n_minutes)s 内可以签退。"),
                0,
                480,
                MINUTES,
                say("要在活动结束前签退。"),
            ),
            Setting(
                "late_after_minutes",
                say("迟到多久请人看一下"),
                say("晚到超过 %(n_minutes)s 的，请工作人员看一下。"),
                1,
                240,
                MINUTES,
            ),
            Setting(
                "least_stay_minutes",
                say("至少待多久"),
                say("待不到 %(n_minutes)s 的，请工作人员看一下再算。"),
                1,
                120,
                MINUTES,
            ),
            Setting(
                "auto_close_after_minutes",
                say("忘了签退多久后自动结束"),
                say("忘了签退的，活动结束 %(n_minutes)s 后按计划的结束时间记，再请人看一下。"),
                1,
                1440,
                MINUTES,
            ),
            Setting(
                "scan_pairs_per_day",
                say("同一活动每天签到签退次数"),
                say("同一个活动，一天最多签到、签退 %(n)s 次。"),
                1,
                20,
            ),
        ),
    ),
    Section(
        "caps",
        say("最多能记多少"),
        (
            Setting("daily_minutes", say("一天常规上限"), say("一天一般最多记 %(n_minutes)s。"), 60, 1440, MINUTES),
            Setting(
                "daily_minutes_with_second",
                say("一天最高上限"),
                say("超过的要第二个人同意并写明原因，最多 %(n_minutes)s；再多就不记。"),
                60,
                1440,
                MINUTES,
            ),
            Setting(
                "home_service_minutes",
                say("上门服务一次最长"),
                say("一对一上门服务，一次最长 %(n_minutes)s。"),
                30,
                1440,
                MINUTES,
            ),
            Setting(
                "balance_cap_minutes",
                say("存折里最多存多少"),
                say("存折里最多存 %(n_minutes)s；多出的由本人选：捐给公益池，或只记荣誉。"),
                600,
                600_000,
                MINUTES,
            ),
        ),
    ),
    Section(
        "deciding",
        say("谁说了算"),
        (
            Setting(
                "newcomer_days",
                say("新居民几天内要第二个人看"),
                say("新登记的居民 %(n)s 天内，登记他的人不能一个人通过他的时长和积分。"),
                0,
                730,
                without=say("登记居民的人可以一个人通过他的时长和积分。"),
            ),
            Setting(
                "issue_minutes_per_week",
                say("一位协调员每周单独通过的时长"),
                say(
                    "自己的、家人的、自己报上来的，谁也不能批。"
                    "一位协调员一周单独最多通过 %(n_minutes)s，再多要第二个人。"
                ),
                0,
                600_000,
                MINUTES,
                say("每一条时长都要两个人通过。"),
            ),
            Setting(
                "issue_points_per_week",
                say("一位协调员每周单独通过的积分"),
                say("积分一周单独最多通过 %(n)s 分，再多要第二个人。"),
                0,
                1_000_000,
                without=say("每一条积分都要两个人通过。"),
            ),
            Setting(
                "rule_notice_days",
                say("规则改动提前几天公布"),
                say("改规则要两个人同意，并至少提前 %(n)s 天公布，绝不往前追溯。"),
                1,
                90,
            ),
        ),
    ),
    Section(
        "notice",
        say("公示和异议"),
        (
            _notice(
                "A",
                say("扫码时长公示（工作日）"),
                say("扫码记录的时长公示 %(n)s 个工作日，没有异议才入账。"),
                say("扫码记录的时长通过后马上入账。"),
            ),
            _notice(
                "B",
                say("见证时长公示（工作日）"),
                say("有人见证或纸质登记的，公示 %(n)s 个工作日。"),
                say("有人见证或纸质登记的，通过后马上入账。"),
            ),
            _notice(
                "C",
                say("补记时长公示（工作日）"),
                say("事后补记的荣誉时长，公示 %(n)s 个工作日，不能兑换。"),
                say("事后补记的荣誉时长不公示，也不能兑换。"),
            ),
            Setting(
                "object_after_posting_days",
                say("入账后几天内可以提异议"),
                say("入账后 %(n)s 天内，居民还可以提异议。"),
                0,
                365,
                without=say("入账以后居民不再提异议，本人仍可请求更正。"),
            ),
            Setting(
                "correct_after_posting_days",
                say("入账后几天内可以请求更正"),
                say("入账后 %(n)s 天内，本人可以请求更正。"),
                0,
                365,
                without=say("入账以后不能请求更正。"),
            ),
            Setting(
                "appeal_days",
                say("没有通过后几天内可以请求重新审核"),
                say("没有通过的，%(n)s 天内本人可以请求一次重新审核，由没有经手过的人来定。"),
                0,
                365,
                without=say("没有通过的，可以带新的凭据到社区服务台。"),
            ),
            Setting(
                "answer_objection_days",
                say("几个工作日内答复"),
                say("没有经手过的人在 %(n)s 个工作日内书面答复。"),
                1,
                30,
            ),
            Setting(
                "panel_quorum",
                say("评议小组几票有效"),
                say("然后评议小组投票，至少 %(n)s 票才算数。"),
                0,
                15,
                without=say("不设评议小组：书面答复就是结论。"),
            ),
            Setting("panel_days", say("评议小组几个工作日投完"), say("评议小组在 %(n)s 个工作日内投完。"), 1, 30),
            Setting(
                "last_days",
                say("复核员几个工作日了结"),
                say("还没有结论的，复核员在 %(n)s 个工作日内了结。"),
                1,
                30,
            ),
            Setting(
                "is_tie_upheld",
                say("票数相同时异议成立"),
                say("票数相同，异议成立，不计入。"),
                0,
                1,
                YES_NO,
                say("票数相同，异议不成立，照常计入。"),
            ),
            Setting(
                "is_silence_upheld",
                say("到期没人了结时异议成立"),
                say("到期一直没人了结，异议成立：拖着不办，不会有人多得。"),
                0,
                1,
                YES_NO,
                say("到期一直没人了结，异议不成立，照常计入。"),
            ),
        ),
    ),
    Section(
        "deeds",
        say("好人好事"),
        (
            Setting(
                "deed_claims_per_week",
                say("每人每周可以说几件"),
                say("每人每周最多说 %(n)s 件好事。"),
                0,
                50,
                without=say("现在不收好人好事的申报。"),
            ),
            Setting(
                "deed_points_per_month",
                say("每人每月最多得几分"),
                say("每人每月最多得 %(n)s 分。"),
                0,
                10_000,
                without=say("好人好事现在不计分。"),
            ),
            Setting(
                "deed_notice_days",
                say("积分公示（工作日）"),
                say("积分公示 %(n)s 个工作日，没有异议才入账。"),
                0,
                30,
                without=say("积分通过后马上入账。"),
            ),
            Setting(
                "deed_panel_from_points",
                say("几分起由评议小组评议"),
                say("%(n)s 分起的好事，还有需要多看一眼的，先由居民评议小组评议；人数不够有效票数时由工作人员决定。"),
                0,
                500,
                without=say("每一件好事都先由居民评议小组评议；人数不够有效票数时由工作人员决定。"),
            ),
            Setting(
                "is_deed_tie_granted",
                say("好事评议票数相同时同意"),
                say("好事评议票数相同，算同意。"),
                0,
                1,
                YES_NO,
                say("好事评议票数相同，暂不同意；可以请人作证，再请求重新打开。"),
            ),
            Setting(
                "thanks_per_day",
                say("每人每天可以送几张感谢卡"),
                say("感谢卡不计分，每人每天最多送 %(n)s 张，同一位邻居一张。"),
                0,
                50,
                without=say("现在不送感谢卡。"),
            ),
            Setting(
                "thanks_settled_days",
                say("被举报的感谢卡几天没人看就撤下"),
                say("被举报的感谢卡先收起来，%(n)s 天没有人看就撤下。"),
                1,
                365,
            ),
            *(_points(code, name) for code, name in CATEGORIES.items()),
        ),
    ),
    Section(
        "paper",
        say("纸质签到表"),
        (
            Setting(
                "paper_days",
                say("几个工作日内交"),
                say("纸质签到表在活动后 %(n)s 个工作日内交来，由第二个人对照照片核对；晚了只记荣誉。"),
                0,
                30,
                without=say("纸质签到表要当天交来，由第二个人对照照片核对；晚了只记荣誉。"),
            ),
            Setting(
                "class_b_minutes_per_month",
                say("每人每月见证时长上限"),
                say("靠纸质或见证，一个人一个月最多记 %(n_minutes)s，再多只记荣誉。"),
                0,
                44_640,
                MINUTES,
                say("靠纸质或见证的，都只记荣誉。"),
            ),
            Setting(
                "sheet_photo_days",
                say("签到表照片保存几天"),
                say("签到表的照片核对后保存 %(n)s 天，然后删除。"),
                1,
                3650,
            ),
        ),
    ),
    Section(
        "expiry",
        say("会不会过期"),
        (
            Setting(
                "points_expire_months",
                say("积分保留几个月（空着就是永远）"),
                say("时长永远不过期。积分保留 %(n)s 个月，到月底转入公益池；老人的永远有效。"),
                1,
                600,
                without=say("时长和积分都永远不过期。"),
                may_be_empty=True,
            ),
        ),
    ),
    Section(
        "help",
        say("请人上门帮忙"),
        (
            Setting(
                "help_verify_days",
                say("请求几个工作日内核实"),
                say("请求提出后 %(n)s 个工作日内核实。"),
                0,
                30,
                without=say("请求当天核实。"),
            ),
            Setting(
                "help_answer_days",
                say("核实后几个工作日内答复"),
                say("核实后 %(n)s 个工作日内答复；超过了，工作台排在最前面。"),
                0,
                60,
                without=say("核实当天答复；超过了，工作台排在最前面。"),
            ),
            Setting(
                "help_invite_hours",
                say("受邀的志愿者可以想几小时"),
                say("受邀的志愿者可以想 %(n)s 小时，说不方便不留记录。"),
                1,
                240,
            ),
            Setting(
                "help_promised_most",
                say("一个人最多答应几件上门"),
                say("一个人最多同时答应 %(n)s 件还没做的上门，多了先做完再接。"),
                0,
                100,
                without=say("一个人答应几件上门，没有上限。"),
            ),
            Setting(
                "help_cancel_hours",
                say("提前几小时取消不用时长"),
                say("提前 %(n)s 小时取消，不用掉时长。"),
                0,
                240,
                without=say("上门以前取消，都不用掉时长。"),
            ),
            Setting(
                "help_missed_minutes",
                say("白跑一趟记多少分钟"),
                say("取消得晚，或者上门没人，给志愿者记 %(n_minutes)s，其余退回。"),
                0,
                240,
                MINUTES,
                say("取消得晚，或者上门没人，也全部退回。"),
            ),
            Setting(
                "help_wait_minutes",
                say("过多少分钟可以说没来"),
                say("过了约定的时间 %(n_minutes)s，才可以说人没有来，或者敲门没人。"),
                0,
                240,
                MINUTES,
                say("过了约定的时间，就可以说人没有来，或者敲门没人。"),
            ),
            Setting(
                "help_scan_hours",
                say("没有网络时记的几小时内要传上来"),
                say("没有网络时记下的来和走，%(n)s 小时内传上来算数；一直没有记录，按没有来算，时长全退。"),
                1,
                168,
            ),
            Setting(
                "help_confirm_days",
                say("几个工作日内确认时长"),
                say("做完以后，两边 %(n)s 个工作日内确认。"),
                1,
                60,
            ),
            Setting(
                "help_differs_percent",
                say("实际和约定差百分之几要核对"),
                say("实际时长和约定的差了 %(n)s%% 以上的，要核对；"),
                0,
                100,
                without=say("实际时长和约定的有差别的，要核对；"),
            ),
            Setting(
                "help_differs_minutes",
                say("实际和约定差多少分钟要核对"),
                say("差了 %(n_minutes)s 以上的，也要核对。"),
                0,
                240,
                MINUTES,
                say("差了一分钟的，也要核对。"),
            ),
            Setting(
                "help_decide_days",
                say("要核对的几个工作日内定"),
                say("要核对的 %(n)s 个工作日内由没有经手的人定；没有人定，两边都确认过的按少的算，否则退回。"),
                1,
                60,
            ),
            Setting(
                "help_return_days",
                say("志愿者没通过，几天后退给居民"),
                say("志愿者的时长没有通过审核的，%(n)s 天后退给用掉它的居民。"),
                0,
                60,
                without=say("志愿者的时长没有通过审核的，马上退给用掉它的居民。"),
            ),
            Setting(
                "help_report_days",
                say("反映的问题几个工作日内答复"),
                say("反映的问题 %(n)s 个工作日内答复。"),
                1,
                60,
            ),
        ),
    ),
    Section(
        "spending",
        say("怎么用"),
        (
            Setting(
                "voucher_days",
                say("兑换券有效几天"),
                say("兑换券 %(n)s 天内去领，过期自动退回，不会损失。"),
                1,
                365,
            ),
            Setting(
                "goods_orders_per_month",
                say("每月兑换用品次数"),
                say("每人每月最多换 %(n)s 次用品。"),
                0,
                1000,
                without=say("换用品的次数不限。"),
            ),
            Setting(
                "household_orders_per_month",
                say("一户每月兑换用品次数"),
                say("一户人家合起来每月最多换 %(n)s 次用品。"),
                0,
                1000,
                without=say("一户人家合起来换用品的次数不限。"),
            ),
            Setting(
                "item_orders_per_quarter",
                say("同一样用品每季兑换次数"),
                say("同一样用品，每人每季最多换 %(n)s 次。"),
                0,
                1000,
                without=say("同一样用品每人换几次不限。"),
            ),
            Setting(
                "household_item_orders_per_quarter",
                say("同一样用品一户每季兑换次数"),
                say("同一样用品，一户人家合起来每季最多换 %(n)s 次。"),
                0,
                1000,
                without=say("同一样用品一户人家换几次不限。"),
            ),
            Setting(
                "redemption_weekday",
                say("兑换日（1 是周一，7 是周日；几天就连着写，25 是周二和周五；0 是每天）"),
                say("用品只在兑换日领：%(n_weekdays)s；哪天都可以下单。"),
                0,
                1_234_567,
                WEEKDAYS,
                say("用品哪天都可以领。"),
            ),
            Setting(
                "redemption_months",
                say("几个月一次兑换日（1 是每月，3 是每季，0 是每周都有）"),
                say("兑换日每 %(n)s 个月一轮，从 1 月起，只在那个月的头七天里。"),
                0,
                12,
                without=say("每周都有兑换日。"),
            ),
            Setting(
                "stocktake_days",
                say("盘点等几天核对"),
                say("货架由一人点、另一家的人核对；%(n)s 天内没人核对就作废，库存不改。"),
                1,
                60,
            ),
            Setting(
                "shop_budget_fen_per_month",
                say("每月换用品的预算（分，人民币）"),
                say("社区每月为积分换的用品最多花 %(n)s 分钱（人民币），超出的排队等下个月。"),
                0,
                1_000_000_000,
                without=say("积分换用品每月花多少钱不限。"),
            ),
            Setting(
                "budget_wait_days",
                say("排队最长几天"),
                say("排队最长 %(n)s 天，没轮到就结束，可以再排。"),
                1,
                730,
            ),
            Setting(
                "budget_take_days",
                say("轮到以后几天内来换"),
                say("轮到以后 %(n)s 天内来换，过了让给下一位。"),
                1,
                60,
            ),
            Setting(
                "card_orders_per_day",
                say("居民卡每天兑换次数"),
                say("居民卡每天最多在柜台换 %(n)s 次，防止卡丢了被人用光。"),
                0,
                1000,
                without=say("居民卡在柜台换的次数不限。"),
            ),
            Setting(
                "counter_undo_minutes",
                say("柜台多久内可以撤销"),
                say("店员交错了，当天 %(n_minutes)s 内可以撤销。"),
                0,
                60,
                MINUTES,
                say("交出去的不能撤销。"),
            ),
        ),
    ),
    Section(
        "settling",
        say("怎样和店家对账"),
        (
            Setting(
                "statement_days",
                say("几个工作日内确认对账单"),
                say("每月的对账单由店家和社区各一人（不是一家）在 %(n)s 个工作日内确认，没有说话算同意。"),
                1,
                60,
            ),
            Setting(
                "statement_answer_days",
                say("几个工作日内答复对账单的疑问"),
                say("有疑问的，对方在 %(n)s 个工作日内答复，没有答复以账本为准。"),
                1,
                60,
            ),
            Setting(
                "statement_paid_days",
                say("几个工作日内和店家结清"),
                say("确认后社区在 %(n)s 个工作日内结清，钱不经过本系统。"),
                1,
                120,
            ),
            Setting(
                "hour_reference_fen",
                say("一小时的参考价（分，人民币）"),
                say("一小时按 %(n)s 分钱（人民币）和店家对账，时长不能换钱。"),
                0,
                100_000,
                without=say("对账单上时长不标参考价。"),
            ),
            Setting(
                "point_reference_fen",
                say("一个积分的参考价（分，人民币）"),
                say("一个积分按 %(n)s 分钱对账。"),
                0,
                10_000,
                without=say("对账单上积分不标参考价。"),
            ),
        ),
    ),
    Section(
        "giving",
        say("转赠、捐赠和公益池"),
        (
            Setting(
                "gift_minutes_per_month",
                say("每月最多转赠"),
                say("转给绑定的亲属，每月最多 %(n_minutes)s。"),
                0,
                100 * 60,
                MINUTES,
                say("现在不能转赠。"),
            ),
            Setting(
                "gift_hours_to_take_back",
                say("转赠几小时内可以收回"),
                say("%(n)s 小时内可以收回。"),
                1,
                168,
            ),
            Setting(
                "answer_days",
                say("等人答复最多几天"),
                say("这些事 %(n)s 天没人答复就作罢。"),
                3,
            ),
            Setting(
                "grant_minutes_per_month",
                say("每月给困难居民"),
                say("公益池每月给困难居民每人 %(n_minutes)s，当月有效。"),
                0,
                100 * 60,
                MINUTES,
                say("公益池现在不发放时长。"),
            ),
            Setting(
                "grant_review_months",
                say("补助名单多久复核"),
                say("名单每 %(n)s 个月复核，没复核的先暂停。"),
                1,
                36,
            ),
            Setting(
                "pool_floor_minutes",
                say("公益池至少留多少"),
                say("池里至少留 %(n_minutes)s。"),
                0,
                1_000_000,
                MINUTES,
                say("发完为止。"),
            ),
            Setting(
                "nudge_after_minutes",
                say("存了多久提醒可以换什么"),
                say("存满 %(n_minutes)s 还没换过的，提醒一次可以换什么，本人可以关掉。"),
                0,
                1000 * 60,
                MINUTES,
                say("不发可以换什么的提醒。"),
            ),
            Setting(
                "warn_pool_months",
                say("公益池不够几个月就提醒"),
                say("公益池不够用 %(n)s 个月，提醒社区。"),
                0,
                60,
                without=say("公益池快用完了也不提醒。"),
            ),
            Setting(
                "warn_met_percent",
                say("48 小时内有人答应的低于百分之几就提醒"),
                say("近 12 周 48 小时内有人答应的求助不到 %(n)s%%，提醒社区。"),
                0,
                100,
                without=say("求助等得久也不提醒。"),
            ),
            Setting(
                "warn_used_percent",
                say("用出去的低于百分之几就提醒"),
                say("近 12 周存进来的时长用出去不到 %(n)s%%，提醒社区。"),
                0,
                100,
                without=say("时长用不出去也不提醒。"),
            ),
            Setting(
                "inheritance_months",
                say("去世后家人几个月内选择"),
                say("有人去世，家人 %(n)s 个月内选择，逾期归公益池。"),
                1,
                36,
            ),
            Setting(
                "inheritance_age",
                say("承接人至少多少岁"),
                say("承接的配偶、父母、儿女须年满 %(n)s 岁。"),
                0,
                100,
            ),
            Setting(
                "dormant_months",
                say("几个月没动问一声"),
                say("账户不注销；%(n)s 个月没动就问一声。"),
                1,
                60,
            ),
        ),
    ),
    Section(
        "checks",
        say("怎样防止弄虚作假"),
        (
            Setting(
                "spot_check_percent",
                say("每月抽查百分之几"),
                say("每月从入账的里面抽查 %(n)s%%，由不相干的人核实，怎样抽的公开。"),
                0,
                100,
                without=say("现在不做每月抽查。"),
            ),
            Setting(
                "fresh_minutes",
                say("刚建好多久内就来计的要看"),
                say("下面这些会请人多看一眼，但不会自动退回：活动或账户建好不到 %(n_minutes)s 就来计的；"),
                0,
                1440,
                MINUTES,
                say("下面这些会请人多看一眼，但不会自动退回："),
            ),
            Setting("night_from_hour", say("夜里从几点起"), say("夜里 %(n)s 点以后提交的；"), 0, 23),
            Setting("night_until_hour", say("夜里到几点止"), say("早上 %(n)s 点以前提交的；"), 0, 23),
            Setting(
                "pair_times",
                say("同一人替同一人说好事几次要看"),
                say("30 天里同一个人替同一位居民说了 %(n)s 次好事的；"),
                2,
                100,
            ),
            Setting(
                "accounts_per_device",
                say("同一手机签到几个人要看"),
                say("30 天里同一部手机给 %(n)s 个人签过到的；"),
                2,
                1000,
            ),
            Setting(
                "headcount_days",
                say("负责人几天内报到场人数"),
                say("活动结束 %(n)s 天后负责人还没报到场人数的（人多的活动才看）；"),
                1,
                60,
            ),
            Setting(
                "headcount_people",
                say("几个人起要报到场人数"),
                say("“人多”是指签到 %(n)s 人以上；"),
                1,
                10_000,
            ),
            Setting("work_from_hour", say("上班从几点起"), say("工作人员在工作日 %(n)s 点以后来签到的；"), 0, 23),
            Setting("work_until_hour", say("上班到几点止"), say("（到 %(n)s 点下班为止）；"), 1, 23),
            Setting(
                "same_length_people",
                say("几个人时长一秒不差要看"),
                say("同一活动有 %(n)s 个人待的时间一秒不差的；"),
                2,
                1000,
            ),
            Setting(
                "photo_distance_bits",
                say("照片差多少算一样（0 到 64）"),
                say("照片和以前交过的几乎一样的（64 处里最多差 %(n)s 处）。"),
                0,
                64,
                without=say("照片和以前交过的一模一样的。"),
            ),
        ),
    ),
)
BY_FIELD: Mapping[str, Setting] = {one.field: one for section in SECTIONS for one in section.settings}
WORDED = frozenset(one.name for one in BY_FIELD.values())


@dataclass(frozen=True, slots=True)
class Change:
    """One setting that a version says differently."""

    setting: Setting
    before: int | None
    after: int | None


def changes(before: Rules, after: Rules) -> list[Change]:
    """Give what differs between two versions, in the page's order."""
    pairs = ((one, one.value(before), one.value(after)) for one in BY_FIELD.values())
    return [Change(one, old, new) for one, old, new in pairs if old != new]


def as_settings(values: Mapping[str, int | None]) -> dict[str, Any]:
    """Fold values by field into what a rule version stores: only what differs from the defaults."""
    folded: dict[str, Any] = {}
    for name, value in values.items():
        one = BY_FIELD[name]
        if one.key:
            folded.setdefault(one.name, {})[one.key] = value
        else:
            folded[one.name] = bool(value) if one.kind == YES_NO else value
    usual = _defaults()
    return {name: value for name, value in folded.items() if value != usual[name]}


def _defaults() -> dict[str, Any]:
    made: dict[str, Any] = {}
    for spec in fields(Rules):
        if spec.name in SETTINGS:
            made[spec.name] = spec.default if not callable(spec.default_factory) else spec.default_factory()
    return made
