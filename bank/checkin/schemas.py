"""What scans, attendances and decisions hold."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from bank.checkin.review import STATES
from bank.web.api import PageQuery
from bank.web.fields import MESSAGES, OWN_MESSAGES, Choice, Int, Moment, StrictSchema, Words

DIRECTIONS = ("in", "out")
MOST_DECISIONS = 500
MOST_SCANS = 50


class VenueScanSchema(StrictSchema):
    """A scanned venue code. Without `direction` the server decides; `uuid` names the physical scan."""

    code = Words(most=300, required=True)
    direction = Choice(DIRECTIONS, load_default=None)
    activity_id = Words(most=8, load_default=None)
    uuid = Words(least=8, most=64, load_default=None)
    device_id = Words(most=64, load_default=None)


class CardScanSchema(StrictSchema):
    """A scanned pass or card."""

    card = Words(most=300, required=True)
    direction = Choice(DIRECTIONS, load_default=None)
    uuid = Words(least=8, most=64, load_default=None)


class EntrySchema(StrictSchema):
    """A member entered by hand."""

    person = Words(most=8, required=True)
    direction = Choice(DIRECTIONS, load_default=None)


class HeadcountSchema(StrictSchema):
    """How many people were there."""

    headcount = Int(most=10_000, required=True)


class DigitsSchema(StrictSchema):
    """Six spoken digits and the activity they were heard at."""

    activity = Words(most=8, required=True)
    six = Words(most=12, required=True)


class FlagSchema(Schema):
    """What a person should look at, as a code and in words."""

    code = fields.String(required=True)
    reason = fields.String(required=True)


class AttendanceSchema(Schema):
    """An attendance. `minutes` is what counts or is proposed; `evidence` is A (scanned in and out) or C."""

    id = fields.String(required=True)
    activity_id = fields.String(required=True)
    title = fields.String(required=True)
    state = fields.String(required=True)
    checked_in_at = Moment(required=True, allow_none=True)
    checked_out_at = Moment(required=True, allow_none=True)
    minutes = fields.Integer(required=True)
    evidence = fields.String(required=True)
    flags = fields.List(fields.Nested(FlagSchema), required=True)


class PersonSchema(Schema):
    """A member, as staff see them."""

    id = fields.String(required=True)
    name = fields.String(required=True)


class MemberAttendanceSchema(AttendanceSchema):
    """An attendance with whose it is."""

    member = fields.Nested(PersonSchema, required=True)


class ScanAnswerSchema(Schema):
    """What a scan did; `duplicate` where it changed nothing."""

    attendance = fields.Nested(AttendanceSchema, required=True)
    duplicate = fields.Boolean(required=True)
    direction = fields.String(allow_none=True)


class CardScanAnswerSchema(ScanAnswerSchema):
    """What a card scan did, and whose card it was."""

    member = fields.Nested(PersonSchema, required=True)


class VoidSchema(StrictSchema):
    """Why a scan is taken back."""

    reason = Words(most=200, required=True)


class VoidAnswerSchema(Schema):
    """The attendance without the scan that was taken back."""

    attendance = fields.Nested(MemberAttendanceSchema, required=True)


class VenueCodeSchema(Schema):
    """The venue code of now."""

    code = fields.String(required=True)
    url = fields.String(required=True)
    six = fields.String(required=True)
    valid_from = Moment(required=True)
    valid_until = Moment(required=True)


class ComingCodeSchema(Schema):
    """A code of the screen's next minutes; `offset_ms` counts from `server_now`."""

    offset_ms = fields.Integer(required=True)
    token = fields.String(required=True)
    url = fields.String(required=True)
    six = fields.String(required=True)


class ComingCodesSchema(Schema):
    """The screen's supply of codes."""

    server_now = Moment(required=True)
    step_s = fields.Integer(required=True)
    codes = fields.List(fields.Nested(ComingCodeSchema), required=True)


class CodesQuery(StrictSchema):
    """How many codes the screen wants."""

    n = Int(least=1, most=240, load_default=40)


class CountSchema(Schema):
    """Heads at an activity now."""

    signed_up = fields.Integer(required=True)
    arrived = fields.Integer(required=True)
    present = fields.Integer(required=True)


class PassSchema(Schema):
    """One's own pass."""

    code = fields.String(required=True)
    url = fields.String(required=True)


class AttendancesQuery(PageQuery):
    """Query of the attendances."""

    state = Choice(STATES, load_default=None)
    activity_id = Words(most=8, load_default=None)


class ApprovalSchema(StrictSchema):
    """A decision on attendances. `minutes` lowers what stands and needs a reason, as rejecting does."""

    attendance_ids = fields.List(
        Words(most=16, required=True),
        required=True,
        validate=validate.Length(1, MOST_DECISIONS, error=MESSAGES["out_of_range"]),
        error_messages=OWN_MESSAGES,
    )
    decision = Choice(("approve", "reject"), required=True)
    minutes = Int(most=24 * 60, load_default=None)
    reason = Words(most=200, load_default=None)


class AttendanceDecisionSchema(Schema):
    """What became of one attendance: its state, or the code and words of the refusal."""

    attendance_id = fields.String(required=True)
    state = fields.String(allow_none=True)
    code = fields.String()
    detail = fields.String()


class ApprovalAnswerSchema(Schema):
    """Every decision's result."""

    results = fields.List(fields.Nested(AttendanceDecisionSchema), required=True)


class OfflineScanSchema(StrictSchema):
    """One scan of the outbox: `via` A the venue's code, B a card, manual an entry by hand."""

    uuid = Words(least=8, most=64, required=True)
    session = Words(most=8, load_default=None)
    kind = Choice(("in", "out", "auto"), load_default="auto")
    via = Choice(("A", "B", "C", "manual"), required=True)
    code = Words(most=300, load_default=None)
    pid = Words(most=300, load_default=None)
    claim = Words(most=1000, load_default=None)
    actor = Words(most=8, load_default=None)
    wall_ms = Int(required=True)
    mono_ms = Int(load_default=None, allow_none=True)
    boot_id = Words(most=64, load_default=None, allow_none=True)
    srv_seen_ms = Int(load_default=None, allow_none=True)
    loc = fields.Raw(load_default=None, allow_none=True, error_messages=OWN_MESSAGES)


class OutboxSchema(StrictSchema):
    """The offline outbox of a device."""

    device_id = Words(most=64, required=True)
    sent_wall_ms = Int(required=True)
    sent_mono_ms = Int(load_default=None, allow_none=True)
    boot_id = Words(most=64, load_default=None, allow_none=True)
    items = fields.List(
        fields.Nested(OfflineScanSchema, error_messages=OWN_MESSAGES),
        required=True,
        validate=validate.Length(1, MOST_SCANS, error=MESSAGES["out_of_range"]),
        error_messages=OWN_MESSAGES,
    )


class OfflineResultSchema(Schema):
    """What became of one scan: ok, duplicate, pending (a person will look) or error; `retry` keeps it in the outbox."""

    uuid = fields.String(required=True)
    status = fields.String(required=True)
    reason = fields.String(required=True)
    detail = fields.String(required=True)
    retry = fields.Boolean(required=True)
    attendance = fields.Nested(AttendanceSchema, allow_none=True, required=True)


class OutboxAnswerSchema(Schema):
    """One result for each scan, in their order."""

    server_now = Moment(required=True)
    results = fields.List(fields.Nested(OfflineResultSchema), required=True)
