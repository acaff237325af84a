"""The commands other programs call: verify, export, jobs and the demo."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import text

from bank import db
from bank.web.models import Tries
from ledger import Transfer, Txn
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


@SQLITE_ONLY
def test_the_demo_is_not_loaded_over_a_community(app: Flask, world: World) -> None:
    done = app.test_cli_runner().invoke(args=["demo", "load", "--households", "5", "--days", "1"])
    assert done.exit_code == 1
    assert "already holds a community" in done.output
    with app.app_context():
        db.drop()


def _post(world: World, days_ago: int, amount: int) -> None:
    with world.write() as session:
        book = db.book(session, world.community_id, world.clock.now)
        for path in ("issuance:rules-1", "pool"):
            book.open_account(path, "MIN", kind="test", min_balance=None, session=session)
        moves = [Transfer("issuance:rules-1", "pool", "MIN", amount)]
        day = world.clock.now.date() - timedelta(days=days_ago)
        book.post(Txn("credit", moves, day, "test"), key=f"{days_ago}", session=session)


def test_a_period_is_closed_once_and_its_digest_printed(app: Flask, world: World) -> None:
    _post(world, 3, 60)
    day = (world.clock.now.date() - timedelta(days=3)).isoformat()
    run = app.test_cli_runner().invoke
    first = run(args=["ledger", "close", "--through", day])
    assert first.exit_code == 0, first.output
    assert f"430104001001 closed through {day}\naccounts 2\ndigest " in first.output
    again = run(args=["ledger", "close", "--through", day, "--community", "430104001001"])
    assert f"closed through {day} before" in again.output
    listed = run(args=["ledger", "trial-balance", "--as-of", day])
    assert listed.output.splitlines()[-1] == first.output.splitlines()[-1]


def test_a_close_that_may_not_be_says_why_and_exits_with_1(app: Flask, world: World) -> None:
    done = app.test_cli_runner().invoke(args=["ledger", "close", "--through", world.clock.now.date().isoformat()])
    assert done.exit_code == 1
    assert "two more days" in done.output
    missing = app.test_cli_runner().invoke(
        args=["ledger", "close", "--through", "2026-01-01", "--community", "nowhere"]
    )
    assert missing.exit_code == 1


def test_the_trial_balance_is_printed_as_of_a_day_and_known_at_a_moment(app: Flask, world: World) -> None:
    _post(world, 3, 60)
    _post(world, 1, 5)

    def listed(*options: str) -> list[list[str]]:
        done = app.test_cli_runner().invoke(args=["ledger", "trial-balance", *options])
        assert done.exit_code == 0, done.output
        return [line.split() for line in done.output.splitlines()[1:-1]]

    assert listed() == [
        ["issuance:rules-1", "MIN", "65", "0", "-65"],
        ["pool", "MIN", "0", "65", "65"],
        ["total", "MIN", "65", "65", "0"],
    ]
    day = world.clock.now.date()
    assert listed("--as-of", (day - timedelta(days=2)).isoformat())[1] == ["pool", "MIN", "0", "60", "60"]
    assert listed("--known-at", f"{day - timedelta(days=1)} 12:00:00") == []
