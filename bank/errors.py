"""Refusals: what went wrong, in a stable code and a sentence for the person who was refused."""

from __future__ import annotations

from typing import Any, ClassVar


def say(sentence: str) -> str:
    """Mark a sentence for translation; the edge puts it in the person's language."""
    return sentence


class BankError(Exception):
    """A refusal. `facts` fill the placeholders of the sentence and never hold personal data of others."""

    code: ClassVar[str] = "invalid"
    sentence: ClassVar[str] = say("这一步没有成功，什么也没有改变。")

    def __init__(self, **facts: Any) -> None:
        super().__init__(self.code)
        self.facts = facts


class NotFound(BankError):
    """It is not there, or it is not theirs: the two answer alike."""

    code = "not_found"
    sentence = say("没有找到这个页面或这条记录。请返回上一页再试。")


class NotAllowed(BankError):
    """They are known, and this is not theirs to do."""

    code = "forbidden"
    sentence = say("您没有做这件事的权限。如有需要，请联系社区工作人员。")


class Conflict(BankError):
    """A rule of the bank says no, at this moment or for this person."""

    code = "conflict"
    sentence = say("按现在的规则不能这样做。")


class Invalid(BankError):
    """What was sent cannot be understood; `errors` names each field with its messages."""

    code = "invalid"
    sentence = say("有几处需要改一改，请看下面的说明。")

    def __init__(self, errors: dict[str, list[str]] | None = None, **facts: Any) -> None:
        super().__init__(**facts)
        self.errors = errors or {}


class SignInNeeded(BankError):
    """Nobody is signed in, or the sign-in has ended."""

    code = "unauthorized"
    sentence = say("请先登录。")


class TooMany(BankError):
    """Too many tries; `retry_after_s` says how long to wait."""

    code = "rate_limited"
    sentence = say("尝试次数太多了，请过 %(minutes)s 分钟再试。")

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(minutes=max(1, -(-retry_after_s // 60)), hours=max(1, -(-retry_after_s // 3600)))
        self.retry_after_s = retry_after_s


class TooManyForHours(TooMany):
    """Too many tries, and a long while to wait, which nobody counts in minutes."""

    sentence = say("尝试次数太多了，请过 %(hours)s 小时再试。")


def too_many(retry_after_s: int) -> TooMany:
    """Give the refusal of too many tries in words that suit so many seconds."""
    return (TooManyForHours if retry_after_s >= 2 * 3600 else TooMany)(retry_after_s)
