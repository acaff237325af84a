"""What the forms of help at home must hold."""

from __future__ import annotations

from datetime import time
from typing import Any

from marshmallow import fields

from bank.services.rules import CATALOGUE, CONDITIONS, SPEECHES
from bank.web.fields import OWN_MESSAGES, Choice, Day, Int, Moment, StrictSchema, Words, YesNo

LONGEST_WORDS = 300
TIME_ZONE = "Asia/Shanghai"


class TimeOfDay(fields.Field[time]):
    """A time of day, `14:30`."""

    def __init__(self, **more: Any) -> None:
        super().__init__(metadata={"type": "string"}, error_messages=OWN_MESSAGES, **more)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> time:
        try:
            given = time.fromisoformat(value)
        except (TypeError, ValueError) as wrong:
            raise self.make_error("invalid") from wrong
        if given.tzinfo is not None:
            raise self.make_error("invalid")
        return given


class WishSchema(StrictSchema):
    """What is asked for; `person` names the resident where somebody else writes it down."""

    kind = Choice(tuple(CATALOGUE), required=True)
    day = Day(required=True)
    time = TimeOfDay(required=True)
    minutes = Int(least=1, most=1440, required=True)
    words = Words(most=LONGEST_WORDS, lines=True, load_default="")
    risk_note = Words(most=LONGEST_WORDS, lines=True, load_default="")
    reach = Words(most=60, load_default="")
    speech = Choice(tuple(SPEECHES), load_default="mandarin")
    person = Words(most=20, load_default=None)
    via = Choice(("counter", "phone", "captain"), load_default=None)
    is_hardship = YesNo(load_default=False)


class ScanSchema(StrictSchema):
    """A card scanned or typed, or six spoken digits; perhaps with the moment a phone without a network kept."""

    card = Words(most=300, load_default=None)
    six = Words(most=12, load_default=None)
    happened_at = Moment(zone=TIME_ZONE, load_default=None)
    way = Choice(("in", "out"), load_default=None)


class PressSchema(StrictSchema):
    """The resident's own press, perhaps kept by their phone."""

    happened_at = Moment(zone=TIME_ZONE, load_default=None)
    way = Choice(("in", "out"), load_default=None)


class TrainingSchema(StrictSchema):
    """Whose training for what, and what paper shows it."""

    person = Words(most=20, required=True)
    kind = Choice(tuple(code for code, kind in CATALOGUE.items() if kind.is_trained), required=True)
    paper = Words(least=2, most=100, required=True)


class CardSchema(StrictSchema):
    """The resident's card and PIN, and whether they send a thank-you card with their word."""

    card = Words(most=300, required=True)
    pin = Words(most=4, required=True)
    is_thanked = YesNo(load_default=False)


class WordsSchema(StrictSchema):
    """A few words."""

    words = Words(least=2, most=LONGEST_WORDS, lines=True, required=True)


class MaybeWordsSchema(StrictSchema):
    """A few words, or none."""

    words = Words(most=LONGEST_WORDS, lines=True, load_default="")


class CancelSchema(StrictSchema):
    """Why a request is cancelled, or nothing."""

    reason = Words(most=LONGEST_WORDS, lines=True, load_default="")


class VerifySchema(StrictSchema):
    """What whoever comes should know."""

    risk_note = Words(most=LONGEST_WORDS, lines=True, load_default=None)


class CallBackSchema(StrictSchema):
    """What the resident said on the phone."""

    is_right = Choice(("yes", "no"), required=True)
    words = Words(most=LONGEST_WORDS, lines=True, load_default="")


class DecisionSchema(StrictSchema):
    """How many minutes count, and why."""

    minutes = Int(least=0, most=1440, required=True)
    reason = Words(least=2, most=LONGEST_WORDS, lines=True, required=True)


class KindSchema(StrictSchema):
    """How a kind of help is offered."""

    is_on = Choice(("yes", "no"), required=True)
    least_minutes = Int(least=1, most=1440, required=True)
    usual_minutes = Int(least=1, most=1440, required=True)
    most_minutes = Int(least=1, most=1440, required=True)


CONDITION_CODES = tuple(CONDITIONS)
