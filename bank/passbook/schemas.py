"""What a member's passbook answers to programs."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from bank.credits.schemas import CorrectionSchema
from bank.web.api import page_schema
from bank.web.fields import Choice, Day, Int, Moment, StrictSchema, Words
from ledger import Entry


class BalanceSchema(Schema):
    """What there is in one unit: `posted` in all, of it `held`, and `available` to spend."""

    unit = fields.String(required=True)
    posted = fields.Integer(required=True)
    held = fields.Integer(required=True)
    available = fields.Integer(required=True)


class ServiceSchema(Schema):
    """Minutes of service so far, by how well they are proved; never spent."""

    verified = fields.Integer(required=True)
    witnessed = fields.Integer(required=True)
    honour = fields.Integer(required=True)


class MeSchema(Schema):
    """The member who asks; `community` is the code of their community."""

    id = fields.String(required=True)
    name = fields.String(required=True)
    roles = fields.List(fields.String(), required=True)
    community = fields.String(required=True)
    community_name = fields.String(required=True)
    balances = fields.List(fields.Nested(BalanceSchema), required=True)
    service_minutes = fields.Nested(ServiceSchema, required=True)


class EntrySchema(Schema):
    """One line of the passbook; `amount` is signed, `balance_after` is what was left to spend in that unit."""

    txn_id = fields.String(required=True)
    seq = fields.Integer(required=True)
    kind = fields.String(required=True)
    unit = fields.String(required=True)
    amount = fields.Integer(required=True)
    balance_after = fields.Integer(required=True)
    effective_date = Day(required=True)
    recorded_at = Moment(required=True)
    memo = fields.String(required=True, allow_none=True)


EntryPage = page_schema(EntrySchema)


def entry_answer(entry: Entry) -> dict[str, Any]:
    """Lay an entry out as `EntrySchema` does."""
    return {
        "txn_id": str(entry.txn_id),
        "seq": entry.seq,
        "kind": entry.kind,
        "unit": entry.unit,
        "amount": entry.amount,
        "balance_after": entry.balance_after,
        "effective_date": entry.effective_date,
        "recorded_at": entry.recorded_at,
        "memo": entry.memo,
    }


class RefusedQuery(StrictSchema):
    """A page of what was refused: the row at which the page before ended."""

    before = Int(most=2**53, load_default=None)


class ForThemSchema(CorrectionSchema):
    """What a resident says at the desk about their own item, with the PIN of their card."""

    what = Choice(("amount", "title", "not_mine", "appeal"), required=True)
    pin = Words(most=8, required=True)


class PrintForThemSchema(StrictSchema):
    """A resident's PIN for a print of their passbook; the page of it, the newest without a cursor."""

    pin = Words(most=8, required=True)
    cursor = Words(most=200, load_default=None, allow_none=True)
