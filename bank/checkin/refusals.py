"""Why a scan is refused: the classes that several verbs share, and all of them by code."""

from __future__ import annotations

from collections.abc import Mapping

from bank.activities.operations import ActivityCancelled
from bank.checkin.codes import CodeExpired, CodeInvalid
from bank.checkin.rules import TooEarly, TooLate
from bank.errors import Conflict, say


class NotSignedUp(Conflict):
    """Checking in to an activity that is not open to walk-ins."""

    code = "not_signed_up"
    sentence = say("这场活动要先报名。请先报名，或找工作人员帮忙。")


class AlreadyCheckedOut(Conflict):
    """Anything more after the check-out."""

    code = "already_checked_out"
    sentence = say("已经在 %(at)s 签退了。如果签错了，请找工作人员改。")


class OtherActivity(Conflict):
    """The code belongs to another activity than the one meant, or to another community's."""

    code = "code_other_activity"
    sentence = say("这是另一场活动的码。请扫您参加的活动的码。")


class PersonDisabled(Conflict):
    """A card of somebody whose membership is stopped."""

    code = "person_disabled"
    sentence = say("这位居民的账号已停用，请找社区工作人员。")


class CardRevoked(Conflict):
    """A pass or card of an older version."""

    code = "card_revoked"
    sentence = say("这张卡已经挂失，不能再用。请用新卡，或按姓名查找。")


class CardUnknown(Conflict):
    """What a coordinator scanned or typed is no card of a member here."""

    code = "code_invalid"
    sentence = say("这张卡认不出来。请看看是不是本社区的居民卡，或按姓名查找。")


class ScanReused(Conflict):
    """A scan's own number came before with something else in it."""

    code = "uuid_reuse"
    sentence = say("这次扫码已经用过了，请再扫一次。")


class TooOld(Conflict):
    """An offline scan that comes more than a week late."""

    code = "too_old"
    sentence = say("这条离线记录超过 7 天，不能自动记时长，请找工作人员补记。")


class TooManyPairs(Conflict):
    """Coming and going more often than the rules count."""

    code = "too_many_scans"
    sentence = say("同一场活动一天最多签到签退 %(most)s 次，已经满了。记错了请找工作人员改。")


_KINDS: tuple[type[Conflict], ...] = (
    ActivityCancelled,
    AlreadyCheckedOut,
    CardRevoked,
    CodeExpired,
    CodeInvalid,
    NotSignedUp,
    OtherActivity,
    PersonDisabled,
    ScanReused,
    TooEarly,
    TooLate,
    TooManyPairs,
    TooOld,
)
BY_CODE: Mapping[str, type[Conflict]] = {kind.code: kind for kind in _KINDS}
