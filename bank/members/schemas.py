"""What a sign-in and a member's form must hold."""

from __future__ import annotations

from marshmallow import Schema, fields

from bank.members.rules import PIN
from bank.web.fields import Choice, Int, Moment, StrictSchema, Words, YesNo


class CredentialsSchema(StrictSchema):
    """A phone number or login name, and the password."""

    login = Words(most=40, required=True)
    password = Words(most=200, required=True)


class TokenSchema(Schema):
    """A token for the API."""

    token = fields.String(required=True)
    expires_at = Moment(required=True)


class PinSchema(StrictSchema):
    """A four-digit PIN, twice."""

    pin = Words(most=4, required=True, metadata={"pattern": PIN.pattern})
    again = Words(most=4, required=True)


class MessagesSchema(StrictSchema):
    """Up to which message somebody has seen them."""

    through = Int(least=1, required=True)


class PasswordSchema(StrictSchema):
    """The present password and a new one."""

    present = Words(most=200, required=True)
    new = Words(least=8, most=200, required=True)


class RegistrationSchema(StrictSchema):
    """A resident as a coordinator registers them from a paper form."""

    name = Words(most=40, required=True)
    phone = Words(most=20, load_default=None)
    login = Words(most=31, load_default=None)
    building = Words(most=40, load_default=None)
    door = Words(most=40, load_default=None)
    password = Words(least=8, most=200, load_default=None)
    pin = Words(most=4, load_default=None)
    is_elder = YesNo(load_default=False)


class AccessSchema(StrictSchema):
    """What an administrator does with somebody's access."""

    do = Choice(("disable", "enable", "give", "take"), required=True)


class RoleSchema(StrictSchema):
    """A role to give or to take."""

    role = Choice(("coordinator", "second_approver", "shopkeeper", "panel", "auditor", "admin"), required=True)


class CaptaincySchema(StrictSchema):
    """A building whose captain a resident becomes, or no longer is."""

    building = Words(most=40, required=True)
    do = Choice(("give", "take"), required=True)
