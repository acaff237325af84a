"""What a decision, an objection and its answer must hold, and how notices are shown."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from bank.credits.rules import REASONS
from bank.web.api import PageQuery
from bank.web.fields import Choice, Day, Int, Moment, StrictSchema, Words

LONGEST_IDS = 500 * 16


class DecisionSchema(StrictSchema):
    """A tap at the desk: which items, what is decided, and why."""

    ids = Words(most=LONGEST_IDS, required=True)
    decision = Choice(("approve", "reject"), required=True)
    clean = Choice(("1",), load_default=None)
    amount = Int(most=24 * 60, load_default=None)
    why = Choice(tuple(REASONS), load_default=None)
    words = Words(most=200, load_default=None)


class ObjectionReasonSchema(StrictSchema):
    """Why, in words."""

    reason = Words(most=500, lines=True, required=True)


class AnswerSchema(StrictSchema):
    """The written answer to an objection."""

    verdict = Choice(("upheld", "dismissed"), load_default=None)
    answer = Words(most=500, lines=True, required=True)


class VoteSchema(StrictSchema):
    """One panel member's vote with its reason."""

    verdict = Choice(("upheld", "dismissed"), required=True)
    answer = Words(most=500, lines=True, required=True)


class PaperSchema(StrictSchema):
    """An objection keyed in for a resident: whose (card number or pinyin), and why."""

    who = Words(most=40, required=True)
    reason = Words(most=500, lines=True, required=True)


class AppealSchema(StrictSchema):
    """Why somebody else should look again at what was refused."""

    reason = Words(most=500, lines=True, required=True)


class CorrectionSchema(StrictSchema):
    """What is wrong about an own item: its amount, what it is called, or that it is not theirs."""

    what = Choice(("amount", "title", "not_mine"), required=True)
    amount = Int(most=24 * 60, load_default=None)
    title = Words(most=100, load_default=None)
    reason = Words(most=500, lines=True, required=True)


class DayRulingSchema(StrictSchema):
    """What a community says of one day."""

    day = Day(required=True)
    what = Choice(("off", "working", "calendar"), required=True)
    note = Words(most=100, required=True)


class NoticeQuery(PageQuery):
    """Query of the public list."""

    community = Words(most=40, load_default=None)


class NoticeSchema(Schema):
    """An item on public notice, or posted in the last days; the name is masked unless its owner agreed to be named."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    title = fields.String(required=True)
    happened_on = Day(required=True)
    unit = fields.String(required=True, validate=validate.OneOf(("MIN", "PTS")))
    amount = fields.Integer(required=True)
    evidence_class = fields.String(required=True, validate=validate.OneOf(("A", "B", "C")))
    notice_until = Moment(allow_none=True, required=True)
    state = fields.String(required=True, validate=validate.OneOf(("in_notice", "objected", "posted")))


class ObjectionSchema(Schema):
    """An objection as its author sees it."""

    id = fields.String(attribute="public_id", required=True)
    state = fields.String(required=True)
    reason = fields.String(required=True)
    created_at = Moment(required=True)
    answer_due_at = Moment(required=True)
