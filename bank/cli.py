"""The commands: serve, the book's checks and export, the demo, the jobs."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bank import checks, clock, db, jobs
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.members import operations as members
from bank.members import passwords
from ledger.errors import LedgerError

JOB_EVERY_S = 3.0
SHORTEST_PASSWORD = 8
FORMATS = ("hledger", "beancount", "ledger", "jsonl")


def init(app: Flask) -> None:
    """Put the commands on the app."""
    for command in (serve, found, ledger_commands, demo_commands, jobs_commands):
        app.cli.add_command(command)


@click.command("serve")
@with_appcontext
def serve() -> None:
    """Serve the bank on HOST and PORT; a first start makes the database and loads the demo community."""
    bring_up_to_date()
    if not _has_communities():
        from bank.demo import loading

        loading.load(households=100, days=30, seed=1, show=sys.stderr)
    db.drop()  # what was read so far is older than the demo
    host, port = os.environ.get("HOST") or "127.0.0.1", int(os.environ.get("PORT") or 8000)
    _greet(host, port)
    sys.stdout.flush()
    app: Any = current_app._get_current_object()  # type: ignore[attr-defined]
    db.drop()
    threading.Thread(target=_work_a_round, args=(app,), daemon=True, name="jobs").start()
    from waitress import serve as waitress_serve

    waitress_serve(app, host=host, port=port, threads=8, ident=None, max_request_body_size=16 * 1024 * 1024)


@click.command("found")
@click.option("--code", required=True, help="The community's code, such as 430104001001.")
@click.option("--name", required=True, help="The community's name.")
@click.option("--district", required=True, help="The district it belongs to, by name; made at its first community.")
@click.option("--street", required=True, help="The street office it belongs to, by name.")
@click.option("--person", required=True, help="The name of its first coordinator and admin.")
@click.option("--login", required=True, help="What that person signs in with.")
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True, help="At least eight characters.")
@with_appcontext
def found(code: str, name: str, district: str, street: str, person: str, login: str, password: str) -> None:
    """Found a real community with the default rules and its first coordinator, who may then register everyone else."""
    if len(password) < SHORTEST_PASSWORD:
        raise click.ClickException(f"the password needs at least {SHORTEST_PASSWORD} characters")
    bring_up_to_date()
    now, hashed = clock.utc_now(), passwords.make_hash(password)
    with db.unit_of_work() as session:
        if session.scalar(select(Community.id).where(Community.code == code)) is not None:
            raise click.ClickException(f"there is a community {code} already")
        above = _place(session, "district", code[:6], district, None)
        above = _place(session, "street", code[:9], street, above)
        home = communities.add(session, kind="community", code=code, name=name, parent=above)
        communities.adopt_rules(session, home, {}, effective_on=clock.local_day(now, home.time_zone), now=now)
        first = members.register(session, home, name=person, now=now, login=login, password_hash=hashed)
        for role in ("admin", "coordinator"):
            members.grant_role(session, first, role, home, now=now)
    click.echo(f"{name} ({code}): {login} may sign in")


def _place(session: Session, kind: str, code: str, name: str, parent: Community | None) -> Community:
    known = session.scalar(select(Community).where(Community.code == code, Community.kind == kind))
    return known or communities.add(session, kind=kind, code=code, name=name, parent=parent)


def bring_up_to_date() -> None:
    """Migrate the database where it is behind; costs one query where it is not."""
    newest = max(path.name[:4] for path in (Path(current_app.root_path) / "migrations" / "versions").glob("[0-9]*.py"))
    if _schema_version() == newest:
        return
    from flask_migrate import upgrade

    upgrade()


def _schema_version() -> str | None:
    with db.db.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _has_communities() -> bool:
    return db.session().scalar(select(Community.id).limit(1)) is not None


def _greet(host: str, port: int) -> None:
    click.echo(f"\n  道德银行 Moral Bank   http://{host}:{port}\n")
    if db.session().scalar(select(Community.id).where(Community.is_demo).limit(1)) is not None:
        from bank.demo import people

        click.echo("  演示账号 demo logins: " + ", ".join(people.LOGINS))
        click.echo(f"  密码 password: {current_app.config['DEMO_PASSWORD']}\n")


def _work_a_round(app: Flask) -> None:
    """Do what is due, then plan the next round in a thread of its own: a round that fails ends no later one."""
    try:
        with app.app_context():
            jobs.run_due(clock.utc_now())
    finally:
        again = threading.Timer(JOB_EVERY_S, _work_a_round, (app,))
        again.daemon = True
        again.start()


ledger_commands = AppGroup("ledger", help="Check the books and write them out.")


@ledger_commands.command("verify")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def verify(as_json: bool) -> None:
    """Recompute every projection from the facts and check every invariant; exit 1 with each finding named."""
    report = checks.verify_all(db.session(), clock.utc_now())
    if as_json:
        click.echo(json.dumps(report.as_dict(), ensure_ascii=False, indent=2))
    else:
        for line in report.lines():
            click.echo(line)
    sys.exit(0 if report.is_ok else 1)


@ledger_commands.command("export")
@click.option("--format", "form", type=click.Choice(FORMATS), required=True)
@click.option("--community", "code", help="The community's code; the first one where it is left out.")
@click.option("--through", type=click.DateTime(["%Y-%m-%d"]), help="The last day to write.")
def export(form: Any, code: str | None, through: datetime | None) -> None:
    """Write a community's journal to standard output, byte for byte the same each time."""
    community = _community(db.session(), code)
    last: date | None = through.date() if through else None
    out = sys.stdout
    db.book(db.session(), community.id, clock.utc_now()).export(form, out, through=last)


def _community(session: Session, code: str | None) -> Community:
    found = select(Community).where(Community.kind == "community").order_by(Community.code).limit(1)
    community = session.scalar(found if code is None else found.where(Community.code == code))
    if community is None:
        raise click.ClickException(f"there is no community {code or ''}".strip())
    return community


demo_commands = AppGroup("demo", help="A lively community to look at.")


@demo_commands.command("load")
@click.option("--households", type=click.IntRange(5, 20_000), default=700, show_default=True)
@click.option("--days", type=click.IntRange(1, 3_650), default=180, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
def demo_load(households: int, days: int, seed: int) -> None:
    """Load a community with that much history, made through the same rules as real use."""
    from bank.demo import loading

    bring_up_to_date()
    if _has_communities():
        raise click.ClickException("this database already holds a community; load the demo into an empty one")
    loading.load(households=households, days=days, seed=seed, show=sys.stderr)


jobs_commands = AppGroup("jobs", help="Due work.")


@jobs_commands.command("run")
@click.option("--once", is_flag=True, help="Do what is due now and stop.")
def run_jobs(once: bool) -> None:
    """Do due work: notices that end, vouchers that lapse, activities that are over."""
    if once:
        _tell(jobs.run_due(clock.utc_now()), also_nothing=True)
    while not once:
        _tell(_run_due_or_log(), also_nothing=False)
        time.sleep(JOB_EVERY_S)


def _run_due_or_log() -> dict[str, int]:
    """Run what is due; a round that the database ends is logged, and what it left is done in the next."""
    try:
        return jobs.run_due(clock.utc_now())
    except (DBAPIError, LedgerError) as failure:
        db.drop()
        current_app.logger.exception("jobs: this round ended with %s", type(failure).__name__)
        return {}


def _tell(done: Mapping[str, int], *, also_nothing: bool) -> None:
    for name, count in done.items():
        if count or also_nothing:
            click.echo(f"{name}: {count}")
