"""The commands: serve, the book's checks and export, the demo, the jobs."""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, TextIO
from zoneinfo import ZoneInfo

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import event, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bank import checks, clock, db, jobs
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.communities.rules import SETTINGS, Rules
from bank.log import commands as log_commands
from bank.log import keys
from bank.members import operations as members
from bank.members import passwords
from ledger import Ledger, errors

JOB_EVERY_S = 3.0
PROGRESS_WIDTH = 40
SHORTEST_PASSWORD = 8
OPERATOR = "operator"
"""Who acts where somebody types a command on the machine itself."""
FORMATS = ("hledger", "beancount", "ledger", "jsonl")


def init(app: Flask) -> None:
    """Put the commands on the app."""
    for log_command in log_commands.COMMANDS:
        ledger_commands.add_command(log_command)
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
    click.echo("Whoever is admin decides on nobody's hours: name a coordinator and a second approver before the first.")


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
@click.option(
    "--checkpoint",
    "published",
    type=click.File(),
    multiple=True,
    help="A file with a checkpoint that was kept elsewhere; may be given more than once.",
)
@click.option("--ledger", "ledger_id", type=int, help="One book by its number, such as one made by `demo book`.")
def verify(as_json: bool, published: tuple[TextIO, ...], ledger_id: int | None) -> None:
    """Recompute every projection from the facts and check every invariant; exit 1 with each finding named."""
    now, progress = clock.utc_now(), _show_progress if sys.stderr.isatty() else None
    if ledger_id is not None:
        _verify_one(ledger_id, progress)
    try:
        report = checks.verify_all(
            db.session(),
            now,
            keys.ring_of(current_app.config, now),
            published=[file.read() for file in published],
            progress=progress,
        )
    except errors.InvalidTxn as wrong:
        raise click.ClickException(wrong.message) from wrong
    if as_json:
        click.echo(json.dumps(report.as_dict(), ensure_ascii=False, indent=2))
    else:
        for line in report.lines():
            click.echo(line)
    sys.exit(0 if report.is_ok else 1)


def _verify_one(ledger_id: int, progress: Callable[[str, int, int], None] | None) -> None:
    told = None if progress is None else partial(progress, f"ledger {ledger_id}")
    found = Ledger(db.db.engine, ledger_id).verify(progress=told)
    click.echo(f"ledger {ledger_id}: {found.txns} transactions, {found.accounts} accounts")
    for finding in found.findings:
        click.echo(f"FINDING {finding}")
    click.echo("ok" if found.ok else "NOT OK")
    sys.exit(0 if found.ok else 1)


def _show_progress(name: str, done: int, total: int) -> None:
    """Draw a bar on the terminal, over the one before."""
    filled = PROGRESS_WIDTH * done // total
    bar = "█" * filled + "░" * (PROGRESS_WIDTH - filled)
    click.echo(f"\r{name} {bar} {100 * done // total:3}%", err=True, nl=done == total)


@ledger_commands.command("rebuild")
def rebuild() -> None:
    """Make balances, daily sums and the log's nodes anew from the facts, which are never touched."""
    for community in db.session().scalars(select(Community).where(Community.kind == "community")):
        for name, wrong in db.book(db.session(), community.id, clock.utc_now()).rebuild().items():
            click.echo(f"{community.code} {name}: {wrong} wrong")


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


@ledger_commands.command("close")
@click.option("--through", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The last day to close.")
@click.option("--community", "code", help="The community's code; the first one where it is left out.")
def close(through: datetime, code: str | None) -> None:
    """Close a community's book through a day, for good, and print the digest of that day's trial balance."""
    community = _community(db.session(), code)
    book = db.book(db.session(), community.id, clock.utc_now())
    try:
        done = book.close_period(through.date(), actor=OPERATOR)
    except errors.LedgerError as refusal:
        raise click.ClickException(refusal.message) from refusal
    click.echo(f"{community.code} closed through {done.through}{' before' if done.replayed else ''}")
    click.echo(f"accounts {done.accounts}\ndigest {done.digest.hex()}")


@ledger_commands.command("trial-balance")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="The last effective day to count; all without.")
@click.option(
    "--known-at",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M"]),
    help="Count what was recorded by this moment, in the community's time zone.",
)
@click.option("--community", "code", help="The community's code; the first one where it is left out.")
def trial_balance(as_of: datetime | None, known_at: datetime | None, code: str | None) -> None:
    """Print debits, credits and balance of every account that moved, the totals, and the digest."""
    community = _community(db.session(), code)
    known = known_at.replace(tzinfo=ZoneInfo(community.time_zone)) if known_at else None
    book = db.book(db.session(), community.id, clock.utc_now())
    found = book.trial_balance(as_of.date() if as_of else None, known)
    lines = [(row.path, row.unit, row.debits, row.credits, row.balance) for row in found.rows]
    totals = [("total", unit, debits, credits_, credits_ - debits) for unit, (debits, credits_) in found.totals.items()]
    widest = max([len("account"), *(len(row.path) for row in found.rows)])
    click.echo(f"{'account':<{widest}} unit {'debits':>14} {'credits':>14} {'balance':>14}")
    for path, unit, *numbers in lines + totals:
        click.echo(f"{path:<{widest}} {unit:<4}" + "".join(f" {number:>14}" for number in numbers))
    click.echo(f"digest {found.digest.hex()}")


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


@demo_commands.command("simulate")
@click.option("--years", type=click.IntRange(1, 50), default=5, show_default=True)
@click.option("--households", type=click.IntRange(1, 2_000), default=60, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--set", "chosen", multiple=True, metavar="NAME=NUMBER", help="A rule to try; may be given repeatedly.")
@click.option("--database", help="The URL of an empty database to keep it in; a temporary one where left out.")
def demo_simulate(years: int, households: int, seed: int, chosen: tuple[str, ...], database: str | None) -> None:
    """Live through years of a made-up community in advance, to try rules before a real one adopts them."""
    from bank.demo import simulating, village

    settings = dict(_chosen_rule(one) for one in chosen)
    root: Any = importlib.import_module(current_app.import_name)
    with tempfile.TemporaryDirectory() as folder:
        url = database or f"sqlite:///{Path(folder) / 'simulated.db'}"
        app: Flask = root.create_app({"DATABASE_URL": url, "DATA_DIR": Path(folder), "LOG_KEY": ""})
        with app.app_context():
            if database is None:
                event.listen(db.db.engine, "connect", _hurry)
            bring_up_to_date()
            if _has_communities():
                raise click.ClickException("this database already holds a community; give an empty one")
            db.drop()
            with click.progressbar(length=village.WEEKS_A_YEAR * years, label="  weeks", file=sys.stderr) as bar:
                lived, findings = simulating.simulate(
                    years=years, households=households, seed=seed, settings=settings, step=bar.update
                )
            db.drop()
            db.db.engine.dispose()
    for line in [year.line() for year in lived] + [f"FINDING {finding}" for finding in findings]:
        click.echo(line)
    click.echo("NOT OK" if findings else "the books verify")
    sys.exit(1 if findings else 0)


def _hurry(connection: Any, _record: Any) -> None:
    """Wait for no disk: what is thrown away afterwards need not survive a loss of power."""
    connection.execute("PRAGMA synchronous = OFF")


def _chosen_rule(text: str) -> tuple[str, int]:
    """Read `voucher_days=14`. Raises BadParameter for what is no rule with one number."""
    name, _, number = text.partition("=")
    usual = getattr(Rules(1, date.min), name, None)
    if name not in SETTINGS or not number.isascii() or not number.isdigit() or isinstance(usual, dict):
        raise click.BadParameter(f"{text}: give a rule and a whole number, such as voucher_days=14", param_hint="--set")
    return name, int(number)


@demo_commands.command("book")
@click.option("--entries", type=click.IntRange(2, 100_000_000), default=1_000_000, show_default=True)
@click.option("--ledger", "ledger_id", type=click.IntRange(1_000_000), default=1_000_000, show_default=True)
@click.option("--transfers", type=click.IntRange(1, 200), default=10, show_default=True, help="In each transaction.")
@click.option("--members", type=click.IntRange(2, 1_000_000), default=10_000, show_default=True)
def demo_book(entries: int, ledger_id: int, transfers: int, members: int) -> None:
    """Fill a book that belongs to no community with that many entries, to measure with: ten million take a while."""
    from bank.demo import book as big

    bring_up_to_date()
    own = Ledger(db.db.engine, ledger_id)
    if own.account(big.SOURCE, big.UNIT) is not None:
        raise click.ClickException(f"ledger {ledger_id} is filled already; choose another --ledger")
    with click.progressbar(length=entries, label="  book", file=sys.stderr) as bar:
        big.fill(
            db.db.engine, own, entries=entries, transfers=transfers, members=members, seed=ledger_id, step=bar.update
        )
    click.echo(f"ledger {ledger_id}: verify it with `flask --app app ledger verify --ledger {ledger_id}`")


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
    except (DBAPIError, errors.LedgerError) as failure:
        db.drop()
        current_app.logger.exception("jobs: this round ended with %s", type(failure).__name__)
        return {}


def _tell(done: Mapping[str, int], *, also_nothing: bool) -> None:
    for name, count in done.items():
        if count or also_nothing:
            click.echo(f"{name}: {count}")
