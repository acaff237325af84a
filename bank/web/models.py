"""Tables behind every request: answers kept by idempotency key, and counted tries."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from ledger.base import Base


class RequestKey(Base):
    """The first answer to a keyed request, replayed to every later one with the same key and body."""

    __tablename__ = "request_key"

    person_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[bytes]
    status: Mapped[int | None]
    headers: Mapped[dict[str, Any] | None]
    body: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(index=True)


class Tries(Base):
    """How often something limited was tried in one window of time, counted for all workers together."""

    __tablename__ = "tries"

    name: Mapped[str] = mapped_column(primary_key=True)
    window: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    count: Mapped[int]
    expires_at: Mapped[datetime] = mapped_column(index=True)
