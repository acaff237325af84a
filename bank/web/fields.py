"""Fields and the strict schema that every form and JSON body is read with."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, validate

from bank.errors import Invalid, say

MESSAGES = {
    "required": say("请填写这一项。"),
    "null": say("请填写这一项。"),
    "validator_failed": say("这一项填得不对。"),
    "invalid": say("这一项填得不对。"),
    "too_long": say("这一项太长了。"),
    "too_short": say("请填写这一项。"),
    "out_of_range": say("这个数字超出了范围。"),
    "not_a_choice": say("请从给出的选项里选一个。"),
    "unknown": say("没有这一项。"),
    "bad_characters": say("里面有不能用的字符。"),
}
LONGEST_INT = 2**53 - 1
_TYPED_INT = re.compile(r"-?[0-9]{1,16}\Z")
UNPRINTABLE = frozenset({"Cc", "Cs", "Co", "Zl", "Zp"})
"""Controls, lone surrogates, private letters and line separators: the book refuses them in a memo."""


class StrictSchema(Schema):
    """A schema that refuses what it does not know."""

    class Meta:
        """Refuse unknown fields."""

        unknown = RAISE

    error_messages = {"unknown": MESSAGES["unknown"], "type": MESSAGES["invalid"]}  # noqa: RUF012


OWN_MESSAGES: dict[str, str | list[Any] | dict[Any, Any]] = {
    name: MESSAGES[name] for name in ("required", "null", "validator_failed", "invalid")
}


class Int(fields.Integer):
    """A whole number between `least` and `most`: no booleans, no fractions; text only from forms."""

    def __init__(self, *, least: int = 0, most: int = LONGEST_INT, **more: Any) -> None:
        super().__init__(
            validate=validate.Range(least, most, error=MESSAGES["out_of_range"]), error_messages=OWN_MESSAGES, **more
        )

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> int:
        if isinstance(value, str) and hasattr(data, "getlist") and _TYPED_INT.match(value.strip()):
            return int(value)
        if type(value) is not int:
            raise self.make_error("invalid")
        return value


class Words(fields.String):
    """A text of `least` to `most` characters after trimming, in NFC and without control characters."""

    def __init__(self, *, most: int, least: int = 1, lines: bool = False, **more: Any) -> None:
        self.lines = lines
        super().__init__(
            validate=[
                validate.Length(min=least, error=MESSAGES["too_short"]),
                validate.Length(max=most, error=MESSAGES["too_long"]),
            ],
            error_messages=OWN_MESSAGES,
            **more,
        )

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        text = unicodedata.normalize("NFC", value.replace("\r\n", "\n")).strip()
        allowed = "\n\t" if self.lines else ""
        if any(unicodedata.category(letter) in UNPRINTABLE and letter not in allowed for letter in text):
            raise ValidationError(MESSAGES["bad_characters"])
        return text


class Choice(fields.String):
    """One of a few words."""

    def __init__(self, choices: tuple[str, ...], **more: Any) -> None:
        super().__init__(
            validate=validate.OneOf(choices, error=MESSAGES["not_a_choice"]), error_messages=OWN_MESSAGES, **more
        )


class YesNo(fields.Boolean):
    """True or false; from forms also on, yes and 1."""

    def __init__(self, **more: Any) -> None:
        super().__init__(error_messages=OWN_MESSAGES, **more)


class Moment(fields.Field[datetime]):
    """An RFC 3339 moment with its offset, given back in UTC; forms may send local time of `zone`, without offset."""

    def __init__(self, *, zone: str | None = None, **more: Any) -> None:
        self.zone = zone
        super().__init__(metadata={"type": "string", "format": "date-time"}, error_messages=OWN_MESSAGES, **more)

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **more: Any) -> str | None:
        return None if value is None else rfc3339(value)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is None:
                if self.zone is None:
                    raise self.make_error("invalid")
                moment = moment.replace(tzinfo=ZoneInfo(self.zone))
            moment = moment.astimezone(UTC)
        except (TypeError, ValueError, OverflowError) as wrong:
            raise self.make_error("invalid") from wrong
        if not 2000 <= moment.year <= 2200:
            raise ValidationError(MESSAGES["out_of_range"])
        return moment


class Day(fields.Field[date]):
    """A calendar day, `2026-11-23`, in this century unless birthdays are meant."""

    def __init__(self, *, first_year: int = 2000, **more: Any) -> None:
        self._first_year = first_year
        super().__init__(metadata={"type": "string", "format": "date"}, error_messages=OWN_MESSAGES, **more)

    def _serialize(self, value: date | None, attr: str | None, obj: Any, **more: Any) -> str | None:
        return None if value is None else value.isoformat()

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> date:
        try:
            day = date.fromisoformat(value)
        except (TypeError, ValueError) as wrong:
            raise self.make_error("invalid") from wrong
        if not self._first_year <= day.year <= 2200:
            raise ValidationError(MESSAGES["out_of_range"])
        return day


class Month(Day):
    """A month, `2026-11`, given as its first day."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **more: Any) -> date:
        return super()._deserialize(f"{value}-01" if isinstance(value, str) else value, attr, data, **more)


def rfc3339(moment: datetime) -> str:
    """Write a moment as the API does: UTC with a Z, to the second or the microsecond."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_form(schema: type[Schema] | Schema, form: Mapping[str, Any]) -> dict[str, Any]:
    """Read a page's form with the schema the API uses. Raises Invalid with the errors by field."""
    reader = schema() if isinstance(schema, type) else schema
    try:
        loaded: dict[str, Any] = reader.load(_without_empty(form), unknown=EXCLUDE)
    except ValidationError as wrong:
        raise Invalid(_flat(wrong.messages)) from wrong
    return loaded


def _flat(messages: Any) -> dict[str, list[str]]:
    return {str(name): [str(text) for text in texts] for name, texts in dict(messages).items()}


class _FormData(dict[str, Any]):
    """Marks data as coming from a form, where numbers arrive as text."""

    def getlist(self, name: str) -> list[Any]:
        """Give all values of a name."""
        return [self[name]] if name in self else []


def _without_empty(form: Mapping[str, Any]) -> _FormData:
    return _FormData({name: value for name, value in form.items() if value != ""})
