"""Every test of the book runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ledger import Ledger, schema
from ledger.engine import make_engine
from tests.ledger.builders import Clock, open_chart
from tests.postgres import Cluster, postgres_cluster, postgres_url

__all__ = ["postgres_cluster", "postgres_url"]

MakeUrl = Callable[[], str]


@pytest.fixture(params=["sqlite", "postgresql"])
def make_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeUrl]:
    """Make URLs of empty databases of one engine."""
    made: list[str] = []
    cluster: Cluster | None = None
    if request.param == "postgresql":
        cluster = request.getfixturevalue("postgres_cluster")

    def make() -> str:
        made.append(cluster.database() if cluster else f"sqlite:///{tmp_path}/book{len(made)}.db")
        return made[-1]

    yield make
    for url in made if cluster else []:
        cluster.drop(url)


@pytest.fixture
def engine(make_url: MakeUrl) -> Iterator[Engine]:
    """An engine over an empty book."""
    made = make_engine(make_url())
    with made.begin() as connection:
        schema.create(connection)
    yield made
    made.dispose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(engine: Engine, clock: Clock) -> Ledger:
    """A book with an issuance account, two members and a shop."""
    made = Ledger(engine, ledger_id=7, clock=clock)
    open_chart(made)
    return made
