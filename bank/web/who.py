"""Who is asking, as far as every page needs to know; `members/login.py` fills it in."""

from __future__ import annotations

from typing import Protocol

from flask import current_app, g, has_request_context


class Viewer(Protocol):
    """A signed-in person."""

    person_id: int
    language: str
    is_elder: bool


def viewer() -> Viewer | None:
    """Give the signed-in person of this request, or None, as it is while nobody can be looked up."""
    if not has_request_context() or g.get("database_is_away"):
        return None
    found: Viewer | None = current_app.extensions["viewer"]()
    return found


def remember(*, language: str | None, is_elder: bool | None) -> None:
    """Keep what the signed-in person chose for their other devices; None leaves it, and a visitor's is not kept."""
    if viewer() is not None:
        current_app.extensions["remember"](language, is_elder)


def ask_no_more() -> None:
    """Answer the rest of this request as to a visitor: the database that knows people has just failed."""
    g.database_is_away = True
