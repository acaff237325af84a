"""What the forms of giving must hold."""

from __future__ import annotations

from bank import chart
from bank.giving.rules import KINDS
from bank.web.fields import Choice, Day, Int, StrictSchema, Words, YesNo


class AskForm(StrictSchema):
    """Who is meant, by card number or by name and building, and what they are to the one who asks."""

    card_number = Words(most=20, load_default=None)
    neighbour = Words(most=40, load_default=None)
    building = Words(most=40, load_default=None)
    kind = Choice(tuple(KINDS), required=True)


class GiftForm(StrictSchema):
    """Minutes to a bound relative."""

    to = Words(most=20, required=True)
    amount = Int(least=1, most=6_000, required=True)


class DonationForm(StrictSchema):
    """Minutes or points to the pool, and the name to be thanked by."""

    unit = Choice(chart.UNITS, required=True)
    amount = Int(least=1, most=1_000_000, required=True)
    thanked_as = Words(most=20, load_default=None)


class GrantForm(StrictSchema):
    """A resident by card number, and why."""

    card_number = Words(most=20, required=True)
    reason = Words(most=200, required=True)


class DeskForm(StrictSchema):
    """An act at the desk for a resident with a card and PIN."""

    card = Words(most=200, required=True)
    pin = Words(most=4, least=4, required=True)
    act = Choice(("agree", "give", "donate"), required=True)
    amount = Int(least=1, most=6_000, load_default=None)
    to = Words(most=20, load_default=None)
    is_thanked = YesNo(load_default=False)


class FarewellForm(StrictSchema):
    """A resident by card number, and what happened."""

    card_number = Words(most=20, required=True)
    kind = Choice(("died", "moved"), required=True)


class ChoiceForm(StrictSchema):
    """Where the hours go: `pool`, `keep`, or the public id of an heir with their birthday."""

    to = Words(most=20, required=True)
    born_on = Day(first_year=1900, load_default=None)


class AnswerForm(StrictSchema):
    """What an owner would like done with hours that lie still."""

    answer = Choice(("keep", "use", "give", "donate"), required=True)
