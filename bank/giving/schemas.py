"""What the forms of giving must hold."""

from __future__ import annotations

from bank import chart
from bank.giving.rules import KINDS, OF_A_PERSON
from bank.qr import LONGEST_SCAN
from bank.web.fields import Choice, Day, Int, StrictSchema, Words


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
    """Minutes or points to the pool, and in which form to be thanked: `none`, one of the forms, or a group's words."""

    unit = Choice(chart.UNITS, required=True)
    amount = Int(least=1, most=1_000_000, required=True)
    thanks = Choice(("none", *OF_A_PERSON, "words"), load_default="none")
    words = Words(most=20, load_default=None)


class GrantForm(StrictSchema):
    """A resident by card number, and why."""

    card_number = Words(most=20, required=True)
    reason = Words(most=200, required=True)


class VerdictForm(StrictSchema):
    """Whether what somebody looked at is right."""

    verdict = Choice(("right", "wrong"), required=True)


class CardForm(StrictSchema):
    """The card of who stands at the desk."""

    card = Words(most=LONGEST_SCAN, required=True)


class PinForm(StrictSchema):
    """Four digits that the resident types."""

    pin = Words(most=4, least=4, required=True)


class PinAskForm(AskForm, PinForm):
    """Whom to ask, with the PIN."""


class PinAnswerForm(PinForm):
    """Yes or no to one who asked."""

    bond = Words(most=20, required=True)
    answer = Choice(("agree", "decline"), required=True)


class PinBondForm(PinForm):
    """A bond to end."""

    bond = Words(most=20, required=True)


class PinGiftForm(GiftForm, PinForm):
    """Minutes to a bound relative, with the PIN."""


class PinTakeBackForm(PinForm):
    """A gift to take back."""

    gift = Words(most=20, required=True)


class PinDonationForm(DonationForm, PinForm):
    """A donation, with the PIN."""


class PinThanksForm(PinForm):
    """A donation whose thanks are to be public no more."""

    donation = Words(most=20, required=True)


class FarewellForm(StrictSchema):
    """A resident by card number, and what happened."""

    card_number = Words(most=20, required=True)
    kind = Choice(("died", "moved"), required=True)


class ChoiceForm(StrictSchema):
    """Where the hours go: `pool`, or the public id of an heir with their birthday."""

    to = Words(most=20, required=True)
    born_on = Day(first_year=1900, load_default=None)


class SeenForm(StrictSchema):
    """What a page showed as the family's choice: `pool`, or the heir's public id."""

    choice = Words(most=20, required=True)


class AnswerForm(StrictSchema):
    """What an owner would like done with hours that lie still."""

    answer = Choice(("keep", "use", "give", "donate"), required=True)


class PinHoursForm(AnswerForm, PinForm):
    """The same, with the PIN."""


class OwnChoiceForm(StrictSchema):
    """What who moves away wishes: the hours stay or go to the pool, or they do not move at all."""

    choice = Choice(("keep", "pool", "undo"), required=True)


class PinChoiceForm(OwnChoiceForm, PinForm):
    """The same, with the PIN."""
