"""Commands on the log: its keys, its checkpoints, proofs on standard output."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import TypeVar

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import Select, select

from bank import clock, db
from bank.communities.models import Community
from bank.log import keys
from bank.log import operations as log
from ledger import Ledger
from ledger.errors import LedgerError, UnknownTxn

T = TypeVar("T")
key_commands = AppGroup("key", help="The key that signs the logs.")
of_community = click.option("--community", "code", help="The community's code; the first one where it is left out.")


@key_commands.command("create")
@click.option(
    "--host", help="The name of this bank's logs for ever, such as bank.example.org; PUBLIC_URL's by default."
)
def create(host: str | None) -> None:
    """Make the key in DATA_DIR; refuses where there is one."""
    path, now = keys.path_of(current_app.config), clock.utc_now()
    if current_app.config.get("LOG_KEY") or path.exists():
        raise click.ClickException("there is a key already; `ledger key rotate` replaces it")
    if host is None:
        own = keys.ring_of(current_app.config, now)
    else:
        try:
            own = keys.new_ring(host, now)
        except ValueError as wrong:
            raise click.ClickException(str(wrong)) from wrong
        keys.create(path, own)
    click.echo(f"made {path}: back it up. Logs are named {own.host}/log/<community>")


@key_commands.command("rotate")
def rotate() -> None:
    """Replace the key; the old one signs the hand-over, and its secret half is forgotten."""
    path, now = keys.path_of(current_app.config), clock.utc_now()
    own = keys.rotate(keys.ring_of(current_app.config, now), now)
    if current_app.config.get("LOG_KEY"):
        click.echo("LOG_KEY is in the environment: put this in its place, everywhere at once", err=True)
        click.echo(own.text())
        return
    keys.overwrite(path, own)
    click.echo(own.past[-1].hand_over, nl=False)
    click.echo(f"replaced {path}: back it up, and publish the note above beside the checkpoints", err=True)


@key_commands.command("show")
@click.option("--secret", is_flag=True, help="Print the whole key for LOG_KEY or a backup, secret half and all.")
def show(secret: bool) -> None:
    """Print the public keys of every community's log."""
    own = keys.ring_of(current_app.config, clock.utc_now())
    if secret:
        click.echo(own.text())
        return
    for community in db.session().scalars(_communities(None)):
        for text in log.verifier_keys(own, community.code):
            click.echo(text)


@click.command("checkpoint")
@of_community
@with_appcontext
def checkpoint(code: str | None) -> None:
    """Print the newest signed checkpoint, to be kept and published elsewhere."""
    newest = _book(_community(code)).checkpoint()
    if newest is None:
        raise click.ClickException("nothing was signed yet; `jobs run --once` seals and signs")
    click.echo(newest.note, nl=False)


@click.command("prove")
@click.argument("txn_id", type=click.UUID)
@click.option("--size", type=click.IntRange(1), help="Under the checkpoint of this size; the newest by default.")
@click.option("--community", "code", help="The community's code; all are searched where it is left out.")
@with_appcontext
def prove(txn_id: uuid.UUID, size: int | None, code: str | None) -> None:
    """Print the proof of a transaction as JSON, for verify_receipt.py. It holds the nonce: only for the parties."""
    for community in db.session().scalars(_communities(code)):
        try:
            proof = _asked(lambda own: own.prove(txn_id, size), community)
        except UnknownTxn:
            continue
        _print(log.inclusion_file(proof, community, _ring()))
        return
    raise click.ClickException(f"there is no transaction {txn_id}")


@click.command("prove-consistency")
@click.argument("first", type=int)
@click.argument("second", type=int)
@of_community
@with_appcontext
def prove_consistency(first: int, second: int, code: str | None) -> None:
    """Print the proof that the log of SECOND leaves begins with that of FIRST, both of them signed."""
    community = _community(code)
    proof = _asked(lambda own: own.prove_consistency(first, second), community)
    _print(log.consistency_file(proof, community, _ring()))


def _ring() -> keys.Ring:
    return keys.ring_of(current_app.config, clock.utc_now())


def _book(community: Community) -> Ledger:
    return log.book(db.session(), community, _ring(), clock.utc_now())


def _asked(question: Callable[[Ledger], T], community: Community) -> T:
    try:
        return question(_book(community))
    except UnknownTxn:
        raise
    except LedgerError as refused:
        raise click.ClickException(refused.message) from refused


def _communities(code: str | None) -> Select[Community]:
    found = select(Community).where(Community.kind == "community").order_by(Community.code)
    return found if code is None else found.where(Community.code == code)


def _community(code: str | None) -> Community:
    community = db.session().scalars(_communities(code).limit(1)).first()
    if community is None:
        raise click.ClickException(f"there is no community {code or ''}".strip())
    return community


def _print(proof: dict[str, object]) -> None:
    click.echo(json.dumps(proof, indent=1))


COMMANDS = (key_commands, checkpoint, prove, prove_consistency)
