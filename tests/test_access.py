"""Every route answers every role exactly as the matrix says, and no route is missing from it."""

from __future__ import annotations

import importlib
import pkgutil
import re
from typing import Any

import pytest
from flask import Flask

import tests.access
from tests.access.rows import EVERYONE, VISITOR, Call, Row
from tests.world import World

ROWS: list[Row] = [
    row
    for module in pkgutil.iter_modules(tests.access.__path__)
    for row in getattr(importlib.import_module(f"tests.access.{module.name}"), "ROWS", ())
]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_route_has_its_row(app: Flask) -> None:
    routes = {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    rows = [(row.method, row.rule) for row in ROWS]
    assert len(rows) == len(set(rows))
    assert routes == set(rows)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.method} {row.rule}")
def test_each_role_gets_the_listed_answer(row: Row, world: World) -> None:
    answers = {who: _ask(world, row, who) for who in EVERYONE}
    assert answers == {who: row.expected(who) for who in EVERYONE}


def _ask(world: World, row: Row, who: str) -> int:
    call = row.prepare(world, who) if row.prepare else Call({})
    path = re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", lambda found: call.path[found.group(1)], row.rule)
    signed_in = None if who == VISITOR else who
    if row.rule.startswith("/api/"):
        return world.api(signed_in, row.method, path, call.body).status_code
    more: dict[str, Any] = {"data": call.body} if call.body is not None else {}
    with world.page(signed_in).open(path, method=row.method, **more) as answer:
        return answer.status_code
