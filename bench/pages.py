"""What each main page asks of the database and of the network: statements, bytes, bytes compressed."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import select

from app import create_app
from bank import clock, db
from bank.demo import loading
from bank.members import operations as members
from bank.members.models import Person
from tests.counting import counted

PAGES = (
    ("volunteer", "/"),
    ("volunteer", "/activities"),
    ("volunteer", "/scan"),
    ("volunteer", "/me/pass"),
    ("volunteer", "/passbook"),
    ("resident", "/shop"),
    ("resident", "/deeds"),
    ("coordinator", "/desk"),
    ("shop", "/counter"),
    (None, "/board"),
    (None, "/notices"),
    (None, "/sign-in"),
)


def main() -> None:
    """Load a small demo and print one line for each page."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app({"DATA_DIR": Path(folder), "DATABASE_URL": f"sqlite:///{folder}/bank.db"})
        with app.app_context():
            upgrade()
            loading.load(households=40, days=20, seed=1, show=io.StringIO())
        print(f"{'as':<12}{'page':<16}{'status':>7}{'statements':>11}{'bytes':>8}{'brotli':>8}")
        for who, path in PAGES:
            _show(app, who, path)
        with app.app_context():
            db.db.engine.dispose()


def _show(app: Flask, who: str | None, path: str) -> None:
    client = app.test_client()
    if who is not None:
        with app.app_context(), db.unit_of_work() as session:
            person = session.scalars(select(Person).where(Person.login == who)).one()
            token, _ = members.open_sign_in(session, person.id, kind="page", now=clock.utc_now())
        with client.session_transaction() as cookie:
            cookie["_user_id"] = token
    with counted(app) as seen:
        plain = client.get(path)
    packed = client.get(path, headers={"Accept-Encoding": "br"})
    print(f"{who or '-':<12}{path:<16}{plain.status_code:>7}{len(seen):>11}{len(plain.data):>8}{len(packed.data):>8}")
