"""What the outcome of a check must hold."""

from __future__ import annotations

from bank.spotchecks.rules import OUTCOMES
from bank.web.fields import Choice, StrictSchema, Words


class OutcomeSchema(StrictSchema):
    """What was found, in words where it is not right."""

    outcome = Choice(OUTCOMES, required=True)
    words = Words(most=500, lines=True, load_default="")
