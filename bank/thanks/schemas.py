"""What a thank-you card must hold."""

from __future__ import annotations

from bank.thanks.rules import CARDS
from bank.web.fields import Choice, StrictSchema, Words

LONGEST_WORDS = 60


class ThanksSchema(StrictSchema):
    """Whom a card is for, by card number or by name and building, which card, and a few words."""

    card_number = Words(most=20, load_default=None)
    neighbour = Words(most=40, load_default=None)
    building = Words(most=40, load_default=None)
    card = Choice(tuple(CARDS), required=True)
    words = Words(most=LONGEST_WORDS, load_default=None)
