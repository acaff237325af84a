"""Who is asking, as far as every page needs to know; `members/login.py` fills it in."""

from __future__ import annotations

from typing import Protocol

from flask import current_app, has_request_context


class Viewer(Protocol):
    """A signed-in person."""

    person_id: int
    language: str
    is_elder: bool


def viewer() -> Viewer | None:
    """Give the signed-in person of this request, or None."""
    if not has_request_context():
        return None
    found: Viewer | None = current_app.extensions["viewer"]()
    return found
