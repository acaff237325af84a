"""What clearing the desk costs: 500 approvals in one request through the API, and how long loading the demo takes."""

from __future__ import annotations

import io
import re
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import create_app
from bank import chart, clock, db
from bank.credits import operations as credits_
from bank.credits.models import Credit
from bank.demo import loading
from bank.members import operations as members
from bank.members.models import Person
from tests.counting import counted

MANY = 500
HOUSEHOLDS, DAYS = 700, 180
"""The demo as `demo load` makes it when nothing else is asked for."""


def main() -> None:
    """Load the demo, then approve 5 and 500 clean credits, and print seconds and statements."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app({"DATA_DIR": Path(folder), "DATABASE_URL": f"sqlite:///{folder}/bank.db"})
        with app.app_context():
            upgrade()
            began = time.perf_counter()
            loading.load(households=HOUSEHOLDS, days=DAYS, seed=1, show=io.StringIO())
            print(f"demo load: {HOUSEHOLDS} households, {DAYS} days in {time.perf_counter() - began:.1f} s")
        for count in (5, MANY):
            _approve(app, count)
        with app.app_context():
            db.db.engine.dispose()


def _approve(app: Flask, count: int) -> None:
    now = clock.utc_now()
    with app.app_context(), db.unit_of_work() as session:
        coordinator = session.scalars(select(Person).where(Person.login == "coordinator")).one()
        token, _ = members.open_sign_in(session, coordinator.id, kind="page", now=now)
        ids = [credit.public_id for credit in _proposed(session, coordinator, count, now)]
    client = app.test_client()
    with client.session_transaction() as cookie:
        cookie["_user_id"] = token
    page = client.get("/desk").get_data(as_text=True)
    seal = re.findall(r'name="csrf_token"[^>]*value="([^"]+)"', page)[0]
    with counted(app) as seen:
        began = time.perf_counter()
        answer = client.post("/desk/decisions", data={"csrf_token": seal, "ids": ",".join(ids), "decision": "approve"})
        took = time.perf_counter() - began
    with app.app_context():
        states = db.session().scalars(select(Credit.state).where(Credit.public_id.in_(ids))).all()
    decided = sum(state in ("in_notice", "posted") for state in states)
    print(f"{count} approvals: {decided} decided, status {answer.status_code}, {len(seen)} statements, {took:.3f} s")


def _proposed(session: Session, coordinator: Person, count: int, now: datetime) -> list[Credit]:
    """Put an hour for each of so many residents on the desk, as their scans would."""
    chosen = select(Person).where(Person.community_id == coordinator.community_id, Person.login.is_(None))
    return [
        credits_.propose(
            session,
            community_id=coordinator.community_id,
            source=f"attendance:bench-{count}-{person.id}",
            person_id=person.id,
            proposed_by=person.id,
            title="大扫除",
            happened_on=clock.local_day(now, "Asia/Shanghai") - timedelta(days=1),
            unit=chart.MINUTES,
            amount=60,
            evidence_class="A",
            evidence={},
            flags=[],
            rules_number=1,
            now=now,
        )
        for person in session.scalars(chosen.order_by(Person.id).limit(count))
    ]
