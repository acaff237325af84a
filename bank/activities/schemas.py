"""What a planned activity, a sign-up and their answers hold."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from bank.activities.listing import WHENS
from bank.activities.rules import EXCLUSIONS
from bank.web.api import PageQuery
from bank.web.fields import MESSAGES, OWN_MESSAGES, Choice, Int, Moment, StrictSchema, Words, YesNo
from bank.web.pages import TIME_ZONE


class ActivityPlanSchema(StrictSchema):
    """An activity as a coordinator plans it. `category` is one of the known words or one's own."""

    title = Words(most=60, required=True)
    category = Words(most=40, required=True)
    description = Words(most=2000, least=0, lines=True, load_default="")
    place = Words(most=120, required=True)
    starts_at = Moment(required=True)
    ends_at = Moment(required=True)
    capacity = Int(least=1, most=10_000, required=True)
    risk_note = Words(most=1000, lines=True, required=True)
    is_open_to_walk_ins = YesNo(load_default=True)
    leader = Words(most=20)
    """The card number of who runs it on the day; the planner, where it is left out."""


class ActivityFormSchema(ActivityPlanSchema):
    """The same from a page: local times without an offset, and a box that is not sent when it is not ticked."""

    starts_at = Moment(zone=TIME_ZONE, required=True)
    ends_at = Moment(zone=TIME_ZONE, required=True)
    is_open_to_walk_ins = YesNo(load_default=False)


class NothingSchema(StrictSchema):
    """An empty body."""


class DeclarationSchema(StrictSchema):
    """What is said at publication: which of the things that do not count it is, or that it is none of them.

    A program that publishes with `{}` says that it is none of them, in the name of its coordinator; the page asks.
    """

    none_of_these = YesNo(load_default=True)
    applies = fields.List(
        Choice(tuple(EXCLUSIONS), required=True),
        load_default=list,
        validate=validate.Length(max=len(EXCLUSIONS), error=MESSAGES["out_of_range"]),
        error_messages=OWN_MESSAGES,
    )


class CancellationSchema(StrictSchema):
    """A reason in words for those who are told."""

    reason = Words(most=200, required=True)


class PlaceSchema(Schema):
    """A place in an activity: `signed_up`, `waitlisted` with its position from 1, or `none`."""

    state = fields.String(required=True)
    position = fields.Integer(allow_none=True, required=True)


class ActivitySchema(Schema):
    """An activity. `state` is draft, published, running, over or cancelled."""

    id = fields.String(required=True, attribute="public_id")
    state = fields.String(required=True)
    title = fields.String(required=True)
    category = fields.String(required=True)
    description = fields.String(required=True)
    place = fields.String(required=True)
    risk_note = fields.String(required=True)
    starts_at = Moment(required=True)
    ends_at = Moment(required=True)
    capacity = fields.Integer(required=True)
    taken = fields.Integer(required=True)
    is_open_to_walk_ins = fields.Boolean(required=True)
    published_at = Moment(required=True, allow_none=True)
    cancelled_at = Moment(required=True, allow_none=True)
    cancel_reason = fields.String(required=True, allow_none=True)
    my_place = fields.Nested(PlaceSchema, required=True)


class ActivitiesQuery(PageQuery):
    """Query of the calendar."""

    when = Choice(WHENS, load_default="upcoming")
    category = Words(most=40, load_default=None)
    mine = YesNo(load_default=False)
