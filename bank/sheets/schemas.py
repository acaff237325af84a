"""What the forms of a paper roster hold."""

from __future__ import annotations

from marshmallow import fields

from bank.web.fields import MESSAGES, OWN_MESSAGES, Int, StrictSchema, Words


class TimeOfDay(fields.Time):
    """A local time of day, `09:30`."""

    def __init__(self) -> None:
        said = {**OWN_MESSAGES, "format": MESSAGES["invalid"]}
        super().__init__(format="%H:%M", load_default=None, error_messages=said)


class TimesSchema(StrictSchema):
    """When somebody came and left; as before where left out."""

    came = TimeOfDay()
    left = TimeOfDay()


class LineSchema(TimesSchema):
    """A person and the local times the sheet says; the sheet's own where left out."""

    person = Words(most=8, required=True)


class ReasonSchema(StrictSchema):
    """Why a sheet is sent back or discarded."""

    reason = Words(most=200, required=True)


class ConfirmationSchema(StrictSchema):
    """Why lines are struck out, where any are, and which round was looked at."""

    reason = Words(most=200, load_default=None)
    round = Int(load_default=None)
