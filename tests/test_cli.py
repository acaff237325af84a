"""The commands other programs call: verify, export, jobs and the demo."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from bank import cli, db, jobs
from bank.web.models import Tries
from tests.conftest import SetClock
from tests.world import World

SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_verify_is_content_with_sound_books(app: Flask, world: World) -> None:
    done = app.test_cli_runner().invoke(args=["ledger", "verify", "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["ok"] is True


def test_verify_names_what_is_wrong_and_exits_with_1(app: Flask, world: World) -> None:
    with world.write() as session:
        session.execute(text("INSERT INTO service_total (person_id, evidence_class, minutes) VALUES (1, 'A', 60)"))
        session.execute(
            text(
                "UPDATE balance SET cr_posted = cr_posted + 5 WHERE account_id = (SELECT min(account_id) FROM balance)"
            )
            if app.config["DATABASE_URL"].startswith("sqlite")
            else text("UPDATE balance SET cr_posted = cr_posted + 5")
        )
    done = app.test_cli_runner().invoke(args=["ledger", "verify"])
    assert done.exit_code == 1
    assert "service total of person 1" in done.stdout
    assert done.stdout.count("FINDING") >= 2


@SQLITE_ONLY
@pytest.mark.parametrize("form", ["hledger", "beancount", "ledger", "jsonl"])
def test_the_export_is_the_same_each_time(app: Flask, world: World, form: str) -> None:
    first = app.test_cli_runner().invoke(args=["ledger", "export", "--format", form])
    again = app.test_cli_runner().invoke(args=["ledger", "export", "--format", form, "--community", "430104001001"])
    assert first.exit_code == 0
    assert first.stdout == again.stdout


@SQLITE_ONLY
def test_the_export_of_a_community_that_is_not_there_says_so(app: Flask, world: World) -> None:
    done = app.test_cli_runner().invoke(args=["ledger", "export", "--format", "hledger", "--community", "nowhere"])
    assert done.exit_code == 1
    assert "no community nowhere" in done.output


def test_due_jobs_run_once_and_may_run_again(app: Flask, world: World, now: SetClock) -> None:
    with world.write() as session:
        session.add(Tries(name="old", window=1, count=1, expires_at=now.now))
    now.advance(hours=1)
    for swept in ("sweep_tries: 1", "sweep_tries: 0"):
        done = app.test_cli_runner().invoke(args=["jobs", "run", "--once"])
        assert done.exit_code == 0
        assert swept in done.stdout


def test_the_jobs_outlive_a_round_that_the_database_ends(
    app: Flask, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[datetime] = []

    def stumble(session: Session, now: datetime) -> int:
        tries.append(now)
        if len(tries) == 1:
            session.execute(text("SELECT 1 FROM nowhere"))
        if len(tries) == 4:
            raise SystemExit
        return 1 if len(tries) == 2 else 0

    monkeypatch.setitem(jobs.JOBS, "stumble", stumble)
    monkeypatch.setattr(cli, "JOB_EVERY_S", 0)
    done = app.test_cli_runner().invoke(args=["jobs", "run"])
    assert (done.exit_code, len(tries)) == (0, 4)
    assert "stumble: 1" in done.stdout


@SQLITE_ONLY
def test_the_demo_is_not_loaded_over_a_community(app: Flask, world: World) -> None:
    done = app.test_cli_runner().invoke(args=["demo", "load", "--households", "5", "--days", "1"])
    assert done.exit_code == 1
    assert "already holds a community" in done.output
    with app.app_context():
        db.drop()
