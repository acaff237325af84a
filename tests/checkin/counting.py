"""Counts the statements that a piece of a test sends to its database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from bank.db import db
from tests.world import World


@contextmanager
def counted(world: World) -> Iterator[list[str]]:
    """Collect the statements sent inside."""
    found: list[str] = []

    def see(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found.append(statement)

    with world.app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", see)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", see)
