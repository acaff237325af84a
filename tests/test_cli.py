"""The commands other programs call: verify, export, jobs and the demo."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from bank import cli, db, jobs
from bank.web.models import Tries
from ledger import Transfer, Txn
from ledger.notes import Signer, checkpoint_text
from tests.conftest import SetClock
from tests.log.sealed import CODE, seal, write
from tests.shop.market import build_market
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


def test_rebuild_repairs_a_projection_that_verify_named(app: Flask, world: World) -> None:
    build_market(world)
    with world.write() as session:
        session.execute(text("UPDATE daily SET cr = cr + 1"))
    run = app.test_cli_runner().invoke
    assert run(args=["ledger", "verify"]).exit_code == 1
    assert "daily: 5 wrong" in run(args=["ledger", "rebuild"]).stdout
    assert "daily: 0 wrong" in run(args=["ledger", "rebuild"]).stdout
    assert run(args=["ledger", "verify"]).exit_code == 0


@SQLITE_ONLY
def test_verify_holds_the_book_against_checkpoints_kept_elsewhere(app: Flask, world: World, tmp_path: Path) -> None:
    build_market(world)
    seal(world)
    run = app.test_cli_runner().invoke
    kept = write(tmp_path, "kept.txt", run(args=["ledger", "checkpoint"]).stdout)
    assert run(args=["ledger", "verify", "--checkpoint", kept]).exit_code == 0
    other = Signer("elsewhere/log/1", bytes(32)).sign(checkpoint_text("elsewhere/log/1", 3, bytes(32)))
    thief = Signer(f"localhost/log/{CODE}", bytes(32))
    wrong = thief.sign(checkpoint_text(thief.origin, 1, bytes(32)))
    for note, said in ((other, "a log that is not here: elsewhere/log/1"), (wrong, "signed with a key of the log")):
        done = run(args=["ledger", "verify", "--checkpoint", write(tmp_path, "other.txt", note)])
        assert (done.exit_code, said in done.stdout) == (1, True)
    done = run(args=["ledger", "verify", "--checkpoint", write(tmp_path, "none.txt", "nothing")])
    assert "this is not a checkpoint" in done.output


@SQLITE_ONLY
def test_verify_draws_a_bar_on_a_terminal_and_nothing_into_a_file(
    app: Flask, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "█" not in app.test_cli_runner().invoke(args=["ledger", "verify"]).stderr
    cli._show_progress("430104001001", 30, 40)
    assert capsys.readouterr().err == f"\r430104001001 {'█' * 30}{'░' * 10}  75%"


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


def test_a_big_book_is_made_and_verified(app: Flask) -> None:
    runner = app.test_cli_runner()
    size = ["--entries", "2000", "--transfers", "4", "--members", "50"]
    made = runner.invoke(args=["demo", "book", *size, "--ledger", "1000007"])
    assert made.exit_code == 0, made.output
    found = runner.invoke(args=["ledger", "verify", "--ledger", "1000007"])
    assert "250 transactions, 52 accounts" in found.stdout
    assert found.exit_code == 0
    again = runner.invoke(args=["demo", "book", "--entries", "2000", "--ledger", "1000007"])
    assert again.exit_code == 1
    assert "filled already" in again.output
