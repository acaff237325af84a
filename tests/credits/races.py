"""Two people at the same moment, on real connections: both are made to look before either may change."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.orm import Session

from bank import db
from tests.world import World

T = TypeVar("T")


def together(world: World, works: Sequence[Callable[[Session], T]], *, held: str) -> list[T]:
    """Run each work in its own transaction and thread, while `held` (SELECT … FOR UPDATE) keeps them from writing.

    On PostgreSQL they all stand at a lock before it is let go; SQLite lets only one begin, in the order they came.
    """

    def run(work: Callable[[Session], T]) -> T:
        with world.write() as session:
            return work(session)

    with world.app.app_context(), ThreadPoolExecutor(len(works)) as pool:
        with Session(db.db.engine) as blocker:
            db.book_engine.begin_write(blocker)
            is_postgres = blocker.get_bind().dialect.name == "postgresql"
            if is_postgres:
                blocker.execute(text(held))
            running = [pool.submit(run, work) for work in works]
            wait_until_all_stand(len(works)) if is_postgres else time.sleep(0.2)
            blocker.rollback()
        return [future.result(timeout=30) for future in running]


def wait_until_all_stand(count: int) -> None:
    """Wait until so many stand at a lock of this PostgreSQL database."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with db.db.engine.connect() as connection:
            found: Any = connection.execute(waiting).scalar()
        if found >= count:
            return
        time.sleep(0.02)
    raise AssertionError("the others never came to the lock")
