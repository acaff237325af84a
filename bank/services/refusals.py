"""How help at home says no."""

from __future__ import annotations

from bank.errors import Conflict, say


class Moved(Conflict):
    """It is in another state than this needs."""

    code = "already_decided"
    sentence = say("这件事刚才已经有变化了，请刷新看看现在到哪一步。")


class Taken(Conflict):
    """Somebody else accepted first."""

    code = "already_decided"
    sentence = say("已经有邻居先答应了，谢谢您的心意。看看别的可以帮的忙。")


class NotEnoughTime(Conflict):
    """The hours for it are not there."""

    code = "insufficient_funds"
    sentence = say("可用的时长还差 %(missing_minutes)s，什么也没有扣。可以约短一点，或请社区看看能不能由公益池出。")


class PoolIsEmpty(Conflict):
    """The pool cannot pay for it."""

    code = "insufficient_funds"
    sentence = say("公益池里的时长还差 %(missing_minutes)s，什么也没有扣。")


class GroupOnlyDonates(Conflict):
    """A unit's or a group's account."""

    code = "forbidden"
    sentence = say("单位和集体账户的时长只能捐给公益池，不能请人上门。")


class NotOffered(Conflict):
    """This kind is switched off here."""

    code = "not_offered"
    sentence = say("社区现在没有开这一样帮助，请选别的，或问服务台。")


class OwnHome(Conflict):
    """Who asks, or somebody behind the same door, is not who helps."""

    code = "same_household"
    sentence = say("自己家的忙不用时长来帮，请让另一户的邻居来。")


class OwnAsking(Conflict):
    """Who asked for a resident, or lives with who did, may have the slip with the digits on it."""

    code = "conflict_of_interest"
    sentence = say("这件是您或您的家人替邻居提的，小条上的数字看得到，请别的邻居去帮。")


class Busy(Conflict):
    """The volunteer has promised that time to somebody else, or signed up for an activity."""

    code = "overlapping_attendance"
    sentence = say("这个时间您已经答应了别的事，先完成那件再接。")


class TooManyPromised(Conflict):
    """As many visits as one person may have promised at a time."""

    code = "cap_exceeded"
    sentence = say("您已经答应了 %(most)s 件还没做的，先做完几件再接，也留一些给别的邻居。")


class OnlyInvited(Conflict):
    """High risk: the desk chooses who goes."""

    code = "not_invited"
    sentence = say("这一样要受过训练的人做，由社区工作人员邀请。")


class NotTrained(Conflict):
    """Nobody has recorded that they were trained for it."""

    code = "not_trained"
    sentence = say("这一样要受过训练的人做，社区还没有登记您的培训。请带上证书找工作人员。")


class AlreadyTrained(Conflict):
    """It was recorded before."""

    code = "already_recorded"
    sentence = say("这个人的这一项培训已经登记过了。")


class NotArrived(Conflict):
    """Going was told, and nobody has told of coming."""

    code = "not_in"
    sentence = say("还没有记“到了”，不能先记“走了”。请先记到了，或请社区工作人员来核对。")


class TooManyOpen(Conflict):
    """As many requests as one person may have underway."""

    code = "cap_exceeded"
    sentence = say("您已经有 %(most)s 件请求在等，先等它们有结果再提新的。")


class SecondPerson(Conflict):
    """Who asked for the pool's hours does not verify it, and nobody verifies their own home's."""

    code = "second_person_required"
    sentence = say("这一件要另一位工作人员来办：自己家的，或自己提的公益池，都不能自己核实。")


class Involved(Conflict):
    """They had a hand in this visit."""

    code = "conflict_of_interest"
    sentence = say("您或您的家人经手过这件事，请另一位工作人员来定。")


class NotYet(Conflict):
    """Too early for this."""

    code = "too_early"
    sentence = say("还没到时候。%(opens)s 以后才可以。")


class TooLate(Conflict):
    """What was scanned came too late, or the time is over."""

    code = "too_late"
    sentence = say("时间已经过了，这一步做不了。请找社区工作人员。")


class WrongMoment(Conflict):
    """A moment told afterwards that cannot be right."""

    code = "invalid"
    sentence = say("补记的时间不对：不能比现在晚，走要在来之后。")


class JustCame(Conflict):
    """Going is told less than a minute after coming."""

    code = "too_early"
    sentence = say("刚刚才记了“到了”，满一分钟才能记“走了”。请过一会儿再记。")


class NotTheirCard(Conflict):
    """The card of somebody else."""

    code = "code_invalid"
    sentence = say("这不是这家居民的卡，没有记上。")


class WrongCode(Conflict):
    """Not the six digits of this visit."""

    code = "code_invalid"
    sentence = say("这六位数字不对。来的时候报“来”的，走的时候报“走”的。")


class ConditionsOpen(Conflict):
    """A high-risk kind whose conditions were not declared."""

    code = "conditions_open"
    sentence = say("高风险的帮助要先满足下面每一条，一条一条确认了才能开。")


class AlreadyReported(Conflict):
    """One report from each side."""

    code = "already_decided"
    sentence = say("您已经反映过这一次的问题，工作人员会答复您。")


class AlreadyRepeated(Conflict):
    """Each request is repeated once; the next is repeated from the newest."""

    code = "already_decided"
    sentence = say("这一次已经再约过了，请从最新的那一件再约。")
