"""The database handle and the only places that commit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import URL, Table, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ledger import Ledger
from ledger import engine as book_engine
from ledger.base import Base

BOOK_ZONE = ZoneInfo("Asia/Shanghai")
"""Where a book's days begin and what ends on a day ends: China has one time."""

db = SQLAlchemy(model_class=Base, disable_autonaming=True, session_options={"expire_on_commit": False})


def init(app: Flask) -> None:
    """Give the app its engine, prepared as the book needs it."""
    url = book_engine.normalise_url(app.config["DATABASE_URL"])
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url)
    db.init_app(app)
    with app.app_context():
        book_engine.prepare_engine(db.engine)


def engine_options(url: URL | str) -> dict[str, Any]:
    """Give what the bank's engine is made with."""
    return {"pool_size": 16, "max_overflow": 16, **book_engine.engine_options(url)}


def session() -> Session:
    """Give this request's session."""
    return db.session()


def is_there() -> bool:
    """Tell whether the database answers and was migrated.

    SQLite reads on from a file that was deleted, so there the file itself is looked for.
    """
    version = session().scalar(text("SELECT version_num FROM alembic_version"))
    url = db.engine.url
    is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return version is not None and (not is_file or Path(str(url.database)).is_file())


def begin_write() -> None:
    """End what was only read and begin a write: on SQLite nobody else writes from here to the commit."""
    book_engine.begin_write(session())


def keep() -> None:
    """Commit what this request did."""
    session().commit()


def drop() -> None:
    """Undo what this request did."""
    session().rollback()


@contextmanager
def unit_of_work() -> Iterator[Session]:
    """Open a write of its own that commits at the end: for jobs, commands and counters, never inside another write."""
    with Session(db.engine, expire_on_commit=False) as own:
        book_engine.begin_write(own)
        yield own
        own.commit()


def book(session: Session, community_id: int, now: datetime) -> Ledger:
    """Open a community's book for this session; `now` is the moment its entries are recorded at."""
    engine = session.get_bind().engine
    return Ledger(engine, ledger_id=community_id, clock=lambda: now, zone=BOOK_ZONE)


def insert_on(dialect: str, table: type[Base] | Table) -> sqlite.Insert | postgresql.Insert:
    """Begin an INSERT that may say ON CONFLICT, for `sqlite` or `postgresql`."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def insert(session: Session, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """Begin an INSERT that may say ON CONFLICT, on this session's engine."""
    return insert_on(session.get_bind().dialect.name, table)
