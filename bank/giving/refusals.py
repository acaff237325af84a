"""How giving says no."""

from __future__ import annotations

from bank.errors import Conflict, NotAllowed, say


class Settled(Conflict):
    """Somebody was first, or it is not where it was."""

    code = "already_decided"
    sentence = say("这件事刚才已经办过了，请刷新看看。")


class AlreadyBound(Conflict):
    """The two are bound, or one of them has asked."""

    code = "already_decided"
    sentence = say("你们已经绑定，或正在等一方答复。")


class TooManyOfAKind(Conflict):
    """More spouses, parents or grandparents than anybody has: somebody would gather a neighbourhood's hours."""

    code = "cap_exceeded"
    sentence = say("一个人最多绑定 %(most)s 位%(kind)s，已经满了。请先解除一位，或核对关系填得对不对。")


class NoRoom(Conflict):
    """The receiver's account would go over the rules' limit."""

    code = "cap_exceeded"
    sentence = say("对方的可用时长快到社区规定的上限了，收不下这么多。")


class OwnStopped(Conflict):
    """The giver's own account is frozen."""

    code = "account_frozen"
    sentence = say("这个账户现在停用，转赠和捐赠都办不了，什么也没有扣。请看社区发来的消息，或到服务台问一问。")


class ReceiverStopped(Conflict):
    """The receiver died, moves away, or was disabled."""

    code = "forbidden"
    sentence = say("对方的账户停用了，现在收不了转赠，什么也没有扣。")


class NotBound(Conflict):
    """No bond between the two, or none that was looked at."""

    code = "forbidden"
    sentence = say("只能转给绑定好的亲属。请先绑定，社区核对一次就行。")


class TooNear(NotAllowed):
    """The person, their household, or who had a hand in it before."""

    code = "same_household"
    sentence = say("这件事和您自己或您家有关，或您已经经手，请换一位工作人员。")


class MonthIsGiven(Conflict):
    """More than a month's gifts."""

    code = "cap_exceeded"
    sentence = say("这个月还能转赠 %(left_minutes)s，下个月 1 日起重新算。")


class NotSoMuch(Conflict):
    """The account has less to give."""

    code = "insufficient_funds"
    sentence = say("可用的不够，什么也没有扣。")


class GrantFirst(Conflict):
    """What the pool granted for the month is to be used, not handed on."""

    code = "forbidden"
    sentence = say("本月公益池发给您的时长还没用完，是给您自己用的。用完以后再转赠或捐赠。")


class GroupGives(Conflict):
    """A unit's or a group's account."""

    code = "forbidden"
    sentence = say("单位和集体账户只能捐给公益池，不能转赠，也不能绑定亲属。")


class AlreadyListed(Conflict):
    """On the list, or proposed for it."""

    code = "already_decided"
    sentence = say("这位居民已经在名单上，或正在等第二个人同意。")


class NoLongerThere(Conflict):
    """The resident died, or the account was disabled."""

    code = "account_frozen"
    sentence = say("这位居民的账户停用了，公益池不能再给他发时长。")


class TooLate(Conflict):
    """The day to take back is over."""

    code = "already_decided"
    sentence = say("可以收回的时间过了，时长已经是对方的。")


class OnItsWay(TooLate):
    """The day to take back is over, and the job has not yet let it arrive."""

    sentence = say("可以收回的时间过了，时长正在转给对方。")


class WentBack(Conflict):
    """The receiver could not take it, or an account was stopped meanwhile."""

    code = "already_decided"
    sentence = say("这次转赠没有成功，时长已经退回，不用再收回。")


class NotAsked(Conflict):
    """Nobody asked the member."""

    code = "already_decided"
    sentence = say("现在没有要您回答的事。")


class FarewellOpen(Conflict):
    """A case is open for the member."""

    code = "already_decided"
    sentence = say("这位居民已经有一份正在办的告别手续。")


class OwnChoice(Conflict):
    """Staff speak for nobody who moves away."""

    code = "forbidden"
    sentence = say("搬走的人自己选：在手机上，或到服务台用卡和 PIN。一直没选的，时长都留在账户里。")


class NoHeir(Conflict):
    """Not one whom the rule allows."""

    code = "forbidden"
    sentence = say("按规则，只有绑定过、年满 %(years)s 岁的配偶、父母或儿女可以承接，否则捐给公益池。")
