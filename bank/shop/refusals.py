"""How the shop says no."""

from __future__ import annotations

from bank import chart
from bank.errors import Conflict, NotAllowed, NotFound, say


class OutOfStock(Conflict):
    """Fewer are left than were asked for."""

    code = "out_of_stock"
    sentence = say("这一样不够了，没有扣您的时长和积分。请少换一些，或看看别的。")


class NotOffered(OutOfStock):
    """The shopkeeper paused it."""

    sentence = say("这一样暂停供应，没有扣您的时长和积分。请看看别的。")


class NotEnough(Conflict):
    """The member can spend less than this costs."""

    code = "insufficient_funds"
    sentence = say("可用的时长或积分不够，什么也没有扣。")

    def __init__(self, *, unit: str, missing: int) -> None:
        super().__init__(**{"missing_minutes" if unit == chart.MINUTES else "missing": missing})
        if unit == chart.MINUTES:
            self.sentence = say("可用的时长还差 %(missing_minutes)s，什么也没有扣。参加一次活动就能存一些。")  # type: ignore[misc]
        else:
            self.sentence = say("积分还差 %(missing)s 分，什么也没有扣。做件好事可以攒积分。")  # type: ignore[misc]


class GroupOnlyDonates(Conflict):
    """A unit's or a group's account."""

    code = "forbidden"
    sentence = say("单位和集体账户的时长和积分只能捐给公益池，不能兑换。")


class QuotaReached(Conflict):
    """The member ordered as many goods this month as the community's rules allow."""

    code = "cap_exceeded"
    sentence = say("这个月的用品已经换满 %(most)s 次，下个月 1 日起可以再换。服务不受影响。")


class HouseholdQuotaReached(QuotaReached):
    """Their household did, together."""

    sentence = say("您家这个月合起来已经换满 %(most)s 次用品，下个月 1 日起可以再换。服务不受影响。")


class ItemQuotaReached(QuotaReached):
    """They ordered this one as often this quarter as the rules allow."""

    sentence = say("这一样您这个季度已经换满 %(most)s 次，留一些给邻居；下个季度可以再换，也可以换别的。")


class HouseholdItemQuotaReached(QuotaReached):
    """Their household did, together."""

    sentence = say("这一样您家这个季度合起来已经换满 %(most)s 次，留一些给邻居；下个季度可以再换，也可以换别的。")


class BudgetSpent(Conflict):
    """The month's budget for goods leaves too little, or others wait for it."""

    code = "budget_spent"
    sentence = say("这个月换用品的预算不够了，什么也没有扣。请少换一些，或打开这一样排队。服务不受影响。")


class NeverFits(BudgetSpent):
    """It costs more than a whole month's budget."""

    sentence = say("这么多超过了社区一个月换用品的预算，排队也轮不到。请少换一些。")


class NoNeedToQueue(Conflict):
    """It can be ordered at once."""

    sentence = say("现在就能换，不用排队。")


class QueuesAlready(Conflict):
    """One place in the queue a person."""

    sentence = say("您已经在排队了，一次只能排一样。要换别的，请先退出那一个。")


class NotYourTurn(Conflict):
    """The place is over, or was not called yet."""

    sentence = say("还没有轮到，或者已经过了时间。请看看现在排到哪里。")


class NotToday(Conflict):
    """Goods are handed over on another day of the week."""

    code = "not_today"
    sentence = say("今天不是兑换日，券还在、没有用掉。请 %(day)s 来领。")


class CardQuotaReached(Conflict):
    """The card was used at the counter as often today as the rules allow."""

    code = "cap_exceeded"
    sentence = say("这张卡今天在柜台已经用了 %(most)s 次，为了安全，请明天再来，或用手机兑换。")


class VoucherSpent(Conflict):
    """It was handed over before."""

    code = "voucher_spent"
    sentence = say("这张券已经用过了，不能再用。")


class VoucherTaken(VoucherSpent):
    """It is to be given back after it was handed over."""

    sentence = say("这张券换的东西已经领走，不能退。")


class VoucherCancelled(VoucherSpent):
    """It was given back before."""

    sentence = say("这张券已经取消，时长或积分已退回。")


class VoucherExpired(Conflict):
    """Its last day is over."""

    code = "voucher_expired"
    sentence = say("这张券过期了，时长或积分会自动退回。想要的话请重新下单。")


class WrongShop(Conflict):
    """Another shop hands it over."""

    code = "wrong_shop"
    sentence = say("这不是您店里的，请到「%(shop)s」办理。")


class VoucherNotFound(NotFound):
    """No voucher of this community has the code."""

    sentence = say("没有找到这张券。请对照券上的八位字母和数字再输一次。")


class NotAKeeper(NotAllowed):
    """They keep no shop here."""

    sentence = say("您还不是任何一家店的店员。请联系社区工作人员。")
