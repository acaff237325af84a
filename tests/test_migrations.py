"""The migrations make exactly what the models say, from an empty database, on both engines."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import inspect

from bank.db import db
from bank.models import metadata


def test_an_upgraded_database_differs_in_nothing_from_the_models(app: Flask) -> None:
    with app.app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_every_check_of_the_models_is_in_the_database(app: Flask) -> None:
    with app.app_context():
        found = inspect(db.engine)
        for table in metadata.sorted_tables:
            wanted = {str(rule.name) for rule in table.constraints if rule.__visit_name__ == "check_constraint"}
            there = {str(rule["name"]) for rule in found.get_check_constraints(table.name)}
            assert wanted <= there, table.name


def test_upgrading_twice_changes_nothing(app: Flask, tmp_path: Path) -> None:
    with app.app_context():
        upgrade()
        assert inspect(db.engine).has_table("alembic_version")
