"""Every test of the book runs on SQLite and on PostgreSQL."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import count
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


@pytest.fixture(scope="session")
def shared_engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Engine]]:
    """The engines that tests share; facts cannot be removed, so every test has a ledger of its own."""
    made: dict[str, Engine] = {}
    yield made
    for engine in made.values():
        engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    shared_engines: dict[str, Engine],
) -> Engine:
    """An engine over a database with the book's tables, shared with the other tests."""
    name = request.param
    if name not in shared_engines:
        url = f"sqlite:///{tmp_path_factory.mktemp('book')}/book.db"
        if name == "postgresql":
            url = request.getfixturevalue("postgres_cluster").database()
        shared_engines[name] = make_engine(url)
        with shared_engines[name].begin() as connection:
            schema.create(connection)
    return shared_engines[name]


_ledger_ids = count(10, 10)


@pytest.fixture
def ledger_id() -> int:
    """A ledger that no other test has; the nine after it are free, too."""
    return next(_ledger_ids)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(engine: Engine, ledger_id: int, clock: Clock) -> Ledger:
    """A book with an issuance account, two members and a shop."""
    made = Ledger(engine, ledger_id, clock)
    open_chart(made)
    return made
