"""Tokens for programs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import request

from bank import clock, db
from bank.errors import SignInNeeded, say
from bank.members import operations as members
from bank.members import people
from bank.members.schemas import CredentialsSchema, TokenSchema
from bank.web.api import blueprint
from bank.web.app import begin_write, never_replayed, reads_first

api = blueprint("tokens", "Sign in as a program")


class WrongLogin(SignInNeeded):
    """Not told apart: no such login, or not this password."""

    code = "unauthorized"
    sentence = say("账号或密码不对。")


@api.route("/tokens", methods=["POST"])
@reads_first
@never_replayed
@api.arguments(CredentialsSchema)
@api.response(201, TokenSchema)
def make_token(given: dict[str, str]) -> dict[str, Any]:
    """Exchange a login and password for a token."""
    person_id = people.who_signs_in(given["login"], given["password"], address=request.remote_addr or "")
    if person_id is None:
        raise WrongLogin
    begin_write()
    token, expires_at = members.open_sign_in(db.session(), person_id, kind="api", now=clock.utc_now())
    return _answer(token, expires_at)


def _answer(token: str, expires_at: datetime) -> dict[str, Any]:
    return {"token": token, "expires_at": expires_at}
