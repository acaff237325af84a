"""What a telling of a good deed must hold."""

from __future__ import annotations

from bank.deeds.rules import CATEGORIES
from bank.web.fields import Choice, Day, StrictSchema, Words

LONGEST_STORY = 500


class DeedSchema(StrictSchema):
    """A good deed, one's own or a neighbour's; the photo comes beside it."""

    who = Choice(("self", "neighbour"), required=True)
    category = Choice(tuple(CATEGORIES), required=True)
    story = Words(least=4, most=LONGEST_STORY, lines=True, required=True)
    happened_on = Day(required=True)
    neighbour = Words(most=40, load_default=None)
    building = Words(most=40, load_default=None)
    card = Words(most=20, load_default=None)
    mine = Words(most=20, load_default=None)


class VoteSchema(StrictSchema):
    """A panel member's vote on a deed with its reason."""

    verdict = Choice(("for", "against"), required=True)
    reason = Words(least=2, most=300, lines=True, required=True)


class CardWitnessSchema(StrictSchema):
    """A witness's card, scanned or typed, and their PIN; the desk may do without the PIN."""

    card = Words(most=200, required=True)
    pin = Words(most=4, load_default=None)
