"""What the forms of a paper roster hold."""

from __future__ import annotations

from bank.web.fields import Moment, StrictSchema, Words
from bank.web.pages import TIME_ZONE


class LineSchema(StrictSchema):
    """A person and the local times the sheet says; the planned ones where left out."""

    person = Words(most=8, required=True)
    arrived_at = Moment(zone=TIME_ZONE, load_default=None)
    left_at = Moment(zone=TIME_ZONE, load_default=None)


class ReasonSchema(StrictSchema):
    """Why a sheet is sent back or discarded."""

    reason = Words(most=200, required=True)


class ConfirmationSchema(StrictSchema):
    """Why lines are struck out, where any are."""

    reason = Words(most=200, load_default=None)
