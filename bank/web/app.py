"""The Flask application class: one request is one transaction, and one key is one answer."""

from __future__ import annotations

import random
import time
from typing import Any, TypeVar

from flask import Flask, Response, current_app, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException
from werkzeug.routing import IntegerConverter, Map

from bank import db
from bank.errors import BankError
from bank.web import replay
from ledger.errors import LedgerError, Retryable

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
MOST_TRIES = 5
MOST_ROWS = 2**31 - 1
RETRYABLE_STATES = frozenset({"40001", "40P01", "55P03", "23505"})
"""A lost race: serialization, deadlock, a lock not had, a unique row that somebody else put in first.

The next try reads what the other wrote and refuses by rule; MOST_TRIES ends one that never does."""


F = TypeVar("F")


class AlreadyAnswered(Exception):
    """The key of this request has its answer; not a fault."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


def reads_first(view: F) -> F:
    """Mark a view that has slow work to do before it writes: it calls `begin_write` of this module itself."""
    view.reads_first = True  # type: ignore[attr-defined]
    return view


def never_replayed(view: F) -> F:
    """Mark a view whose answer is a secret that must not be kept for a replay."""
    view.never_replayed = True  # type: ignore[attr-defined]
    return view


def begin_write() -> None:
    """Begin this request's write and take its key. On SQLite nobody else writes from here to the commit."""
    db.begin_write()
    earlier = replay.slot().claim()
    if earlier is not None:
        raise AlreadyAnswered(earlier)


class RowId(IntegerConverter):
    """The number of a row in an address; a larger one than the database has is no address of ours."""

    def __init__(self, addresses: Map, **more: Any) -> None:
        super().__init__(addresses, **{"max": MOST_ROWS, **more})


class BankApp(Flask):
    """Commits an answer below 400, rolls back anything else, and tries again after a lost race."""

    def __init__(self, name: str, **more: Any) -> None:
        super().__init__(name, **more)
        self.url_map.converters["int"] = RowId

    def dispatch_request(self) -> ResponseReturnValue:
        if request.method in SAFE_METHODS:
            return self._read()
        for attempt in range(1, MOST_TRIES + 1):
            try:
                return self._write_once()
            except (DBAPIError, Retryable) as failure:
                db.drop()
                if attempt == MOST_TRIES or not _is_worth_another_try(failure):
                    raise
                time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311
        raise AssertionError("unreachable")

    def _read(self) -> ResponseReturnValue:
        """Read, and once more where the server had closed the connection meanwhile: the pool then makes new ones."""
        for is_last in (False, True):
            try:
                return super().dispatch_request()
            except DBAPIError as failure:
                if is_last or not failure.connection_invalidated:
                    raise
            finally:
                db.drop()
        raise AssertionError("unreachable")

    def _write_once(self) -> Response:
        slot = replay.open_slot(is_kept=not _is_marked("never_replayed"))
        try:
            if not _is_marked("reads_first"):
                begin_write()
            response = self.make_response(super().dispatch_request())
        except AlreadyAnswered as already:
            db.drop()
            return already.answer
        except (BankError, LedgerError, HTTPException) as refusal:
            if isinstance(refusal, Retryable):
                raise
            response = self.make_response(self.handle_user_exception(refusal))
        if response.status_code < 400:
            slot.remember(response)
            db.keep()
        else:
            db.drop()
            if response.status_code == 409:
                slot.remember_refusal(response)
        return response


def _is_marked(mark: str) -> bool:
    view: Any = current_app.view_functions.get(request.endpoint or "")
    return bool(getattr(view, mark, False))


def _is_worth_another_try(failure: DBAPIError | Retryable) -> bool:
    if isinstance(failure, Retryable):
        return True
    state = getattr(failure.orig, "sqlstate", None)
    return state in RETRYABLE_STATES or "database is locked" in str(failure.orig)
