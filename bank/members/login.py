"""Flask-Login at arm's length: who is signed in on a page or behind a token."""

from __future__ import annotations

from dataclasses import dataclass

import flask_login
from flask import Flask, Request, request
from flask import session as cookie

from bank import clock, db
from bank.errors import SignInNeeded
from bank.members import operations as members
from bank.members import rules
from bank.members.actor import Actor
from bank.members.models import Person

manager = flask_login.LoginManager()


@dataclass(frozen=True, slots=True)
class SignedIn(flask_login.UserMixin):  # type: ignore[misc]
    """A signed-in person as Flask-Login and the pages see them."""

    actor: Actor
    token: str
    language: str
    is_elder: bool

    def get_id(self) -> str:
        """Name the sign-in for the cookie: its token."""
        return self.token

    @property
    def person_id(self) -> int:
        """Their row."""
        return self.actor.person_id

    @property
    def public_id(self) -> str:
        """Their public name."""
        return self.actor.public_id

    @property
    def name(self) -> str:
        """Their name."""
        return self.actor.name

    @property
    def roles(self) -> frozenset[str]:
        """Their roles, with `resident`."""
        return self.actor.roles | {"resident"}


def init(app: Flask) -> None:
    """Set sign-in up on the app."""
    manager.session_protection = None
    manager.init_app(app, add_context_processor=False)
    manager.user_loader(_from_cookie)
    manager.request_loader(_from_token)
    app.extensions["viewer"] = _viewer
    app.extensions["remember"] = _remember
    app.jinja_env.filters["mask_phone"] = rules.mask_phone


def actor() -> Actor:
    """Give who acts in this request. Raises SignInNeeded."""
    who = _viewer()
    if who is None:
        raise SignInNeeded
    return who.actor


def actor_or_none() -> Actor | None:
    """Give who acts in this request, None for a visitor."""
    who = _viewer()
    return who.actor if who else None


def sign_in(person_id: int) -> None:
    """Sign a person in on this browser, leaving nothing of whoever was here before."""
    token, _ = members.open_sign_in(
        db.session(), person_id, kind="page", now=clock.utc_now(), device=request.user_agent.string
    )
    cookie.clear()
    cookie.permanent = True
    cookie["_user_id"] = token


def sign_out() -> None:
    """End this browser's sign-in, at once and for good."""
    token = cookie.get("_user_id")
    if isinstance(token, str):
        members.close_sign_in(db.session(), token)
    cookie.clear()


def _viewer() -> SignedIn | None:
    user = flask_login.current_user
    return user._get_current_object() if user and user.is_authenticated else None


def _remember(language: str | None, is_elder: bool | None) -> None:
    person = db.session().get_one(Person, actor().person_id)
    person.language = language or person.language
    person.is_elder = person.is_elder if is_elder is None else is_elder


def _from_cookie(token: str) -> SignedIn | None:
    return None if request.path.startswith("/api/") else _load(token, "page")


def _from_token(asked: Request) -> SignedIn | None:
    kind, _, token = asked.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token or not asked.path.startswith("/api/"):
        return None
    return _load(token.strip(), "api")


def _load(token: str, kind: str) -> SignedIn | None:
    found = members.who_holds(db.session(), token, kind, clock.utc_now())
    if found is None:
        return None
    who, language, is_elder = found
    return SignedIn(who, token, language, is_elder)
