"""The slices' commands, gathered."""

from __future__ import annotations

import os

import click
from flask import Flask


def init(app: Flask) -> None:
    """Put the commands on the app."""
    app.cli.add_command(serve)


@click.command("serve")
def serve() -> None:
    """Serve the bank on HOST and PORT, making the database first where there is none."""
    from flask import current_app
    from waitress import serve as waitress_serve

    host, port = os.environ.get("HOST") or "127.0.0.1", int(os.environ.get("PORT") or 8000)
    click.echo(f"http://{host}:{port}")
    waitress_serve(current_app._get_current_object(), host=host, port=port, threads=8)  # type: ignore[attr-defined]
