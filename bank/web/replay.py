"""The same request sent twice happens once: answers are kept by person and key, and given again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Response, g, request
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from bank import clock, db
from bank.errors import Conflict, Invalid, say
from bank.web.models import RequestKey
from bank.web.who import viewer

LONGEST_KEY = 200
KEPT_FOR = timedelta(days=3)
KEPT_HEADERS = ("Content-Type", "Location")


class KeyReused(Conflict):
    """The key came before with another body."""

    code = "idempotency_conflict"
    sentence = say("这个请求编号已经用过，内容却不一样。请重新操作一次。")


@dataclass(slots=True)
class Slot:
    """The place of one keyed request; without a key or a person every verb does nothing."""

    person_id: int | None
    key: str
    request_hash: bytes
    is_claimed: bool = False

    def _earlier(self) -> Response | None:
        row = db.session().get(RequestKey, (self.person_id, self.key), populate_existing=True)
        if row is None or row.status is None:
            return None
        if row.request_hash != self.request_hash:
            raise KeyReused
        answer = Response(row.body, status=row.status, headers=dict(row.headers or {}))
        answer.headers["Idempotent-Replay"] = "true"
        return answer

    def claim(self) -> Response | None:
        """Take the key for this transaction, waiting for a twin in flight; give the twin's answer if it was first.

        Raises KeyReused where the twin had another body, and Invalid for a key that is too long.
        """
        if self.person_id is None:
            return None
        if len(self.key) > LONGEST_KEY:
            raise Invalid({"Idempotency-Key": [say("请求编号太长了。")]})
        self.is_claimed = self._insert(status=None)
        return None if self.is_claimed else self._earlier()

    def remember(self, response: Response) -> None:
        """Keep the answer in the same transaction as what it did."""
        if self.person_id is None:
            return
        if not self.is_claimed and self._insert(status=response.status_code, response=response):
            return
        answer = {"status": response.status_code, "headers": _kept(response), "body": response.get_data()}
        mine = update(RequestKey).where(RequestKey.person_id == self.person_id, RequestKey.key == self.key)
        db.session().execute(mine.values(**answer).execution_options(synchronize_session=False))

    def remember_refusal(self, response: Response) -> None:
        """Keep a refusal by rule in a transaction of its own, so that it stays a refusal."""
        if self.person_id is None:
            return
        db.begin_write()
        self._insert(status=response.status_code, response=response)
        db.keep()

    def _insert(self, *, status: int | None, response: Response | None = None) -> bool:
        session = db.session()
        statement = (
            db.insert(session, RequestKey)
            .values(
                person_id=self.person_id,
                key=self.key,
                request_hash=self.request_hash,
                status=status,
                headers=_kept(response) if response else None,
                body=response.get_data() if response else None,
                created_at=clock.utc_now(),
            )
            .on_conflict_do_nothing()
            .returning(RequestKey.key)
        )
        return session.execute(statement).first() is not None


def open_slot(*, is_kept: bool = True) -> Slot:
    """Read the key of this request: the header for programs, the hidden field `_key` for forms."""
    key = request.headers.get("Idempotency-Key") or request.form.get("_key") or ""
    who = viewer() if key and is_kept else None
    opened = Slot(who.person_id if who else None, key, _request_hash() if who else b"")
    g.replay_slot = opened
    return opened


def sweep(session: Session, *, now: datetime) -> int:
    """Delete answers older than three days; give how many."""
    gone = session.execute(
        delete(RequestKey).where(RequestKey.created_at < now - KEPT_FOR).returning(RequestKey.person_id)
    )
    return len(gone.all())


def slot() -> Slot:
    """Give the slot of this request."""
    opened: Slot = g.replay_slot
    return opened


def _kept(response: Response) -> dict[str, str]:
    return {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}


def _request_hash() -> bytes:
    """Hash what was asked: method, path, and the body as data, so that a boundary or a CSRF token changes nothing."""
    digest = hashlib.sha256(json.dumps([request.method, request.full_path]).encode())
    if request.form or request.files:
        fields = sorted((name, value) for name, value in request.form.items(multi=True) if name != "csrf_token")
        digest.update(json.dumps(fields).encode())
        for name, upload in sorted(request.files.items(multi=True), key=lambda pair: pair[0]):
            digest.update(name.encode() + hashlib.sha256(upload.stream.read()).digest())
            upload.stream.seek(0)
    else:
        digest.update(_canonical(request.get_data(cache=True)))
    return digest.digest()


def _canonical(body: bytes) -> bytes:
    try:
        return json.dumps(json.loads(body), sort_keys=True).encode()
    except (ValueError, RecursionError):
        return body
