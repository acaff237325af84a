"""A full disk and a read-only database: a clear refusal, nothing half written, and on it goes when there is room."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from ledger import Ledger, errors, schema
from ledger.engine import make_engine
from tests.ledger.builders import ANNA, Clock, available, earn, open_chart
from tests.postgres import Cluster

MOST_POSTS = 3_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A SQLite file with a small book in it."""
    engine = make_engine(f"sqlite:///{tmp_path}/book.db")
    with engine.begin() as connection:
        schema.create(connection)
    book = Ledger(engine, 1, Clock())
    open_chart(book)
    earn(book, ANNA, 60)
    engine.dispose()
    return tmp_path / "book.db"


def post_until_refused(book: Ledger) -> int:
    """Post until the disk is full, and return how many were answered."""
    for number in range(MOST_POSTS):
        try:
            earn(book, ANNA, 1, key=f"k{number}")
        except errors.StorageFailed:
            return number
    raise AssertionError("the disk never filled up")


def test_a_full_disk_refuses_writes_nothing_and_recovers(file: Path) -> None:
    limits = [8]
    engine = make_engine(f"sqlite:///{file}")

    @event.listens_for(engine, "checkout")
    def leave_little_room(connection: Any, _record: Any, _proxy: Any) -> None:
        used = connection.execute("PRAGMA page_count").fetchone()[0]
        if limits:
            connection.execute(f"PRAGMA max_page_count = {used + limits.pop()}")

    book = Ledger(engine, 1, Clock())
    posted = post_until_refused(book)
    assert posted > 0
    assert available(book, ANNA) == 60 + posted
    assert book.verify().ok
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 100000")
    assert not earn(book, ANNA, 1, key=f"k{posted}").replayed
    assert available(book, ANNA) == 61 + posted
    assert book.verify().ok
    engine.dispose()


def test_a_read_only_file_refuses_and_can_be_read(file: Path) -> None:
    engine = make_engine(f"sqlite:///file:{file}?mode=ro&uri=true")
    book = Ledger(engine, 1, Clock())
    with pytest.raises((errors.StorageFailed, SQLAlchemyError)) as refused:
        earn(book, ANNA, 1, key="more")
    assert isinstance(refused.value, errors.StorageFailed)
    assert available(book, ANNA) == 60
    assert book.verify().ok
    engine.dispose()


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
@pytest.mark.parametrize("where", ["alone", "session"])
def test_a_read_only_server_refuses_and_recovers(book: Ledger, engine: Engine, where: str) -> None:
    earn(book, ANNA, 60)
    url = engine.url.render_as_string(hide_password=False)
    read_only = make_engine(url, connect_args={"options": "-c default_transaction_read_only=on"})
    refused = Ledger(read_only, book._ledger_id, Clock())
    with Session(read_only) as session, pytest.raises(errors.StorageFailed):
        earn(refused, ANNA, 1, key="more", session=session if where == "session" else None)
    read_only.dispose()
    assert available(book, ANNA) == 60
    assert not earn(book, ANNA, 1, key="more").replayed


@pytest.fixture
def small_disk(postgres_cluster: Cluster) -> Iterator[Path]:
    """A disk of four megabytes that the PostgreSQL server may write to."""
    place = Path(tempfile.mkdtemp(prefix="small-disk-"))  # pytest's own folders are closed to the server
    place.chmod(0o755)
    if not shutil.which("mount"):
        pytest.skip("there is no mount here")
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=777", "tmpfs", place], capture_output=True)
    if made.returncode:
        pytest.skip(f"no small disk can be mounted here: {made.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)
    place.rmdir()


def test_a_full_disk_under_postgresql_refuses_and_recovers(postgres_cluster: Cluster, small_disk: Path) -> None:
    home = small_disk / "space"
    home.mkdir(mode=0o777)
    owner = subprocess.run(["chown", "postgres", home], capture_output=True)
    if owner.returncode:
        pytest.skip("the server runs as somebody whose name is not postgres")
    url = postgres_cluster.database()
    engine = make_engine(url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE TABLESPACE small LOCATION '{home}'"))
    with engine.begin() as connection:
        schema.create(connection)
        connection.execute(text("ALTER TABLE txn SET TABLESPACE small"))
    book = Ledger(engine, 1, Clock())
    open_chart(book)
    room = shutil.disk_usage(small_disk).free - 100 * 1024
    (filler := small_disk / "filler").write_bytes(bytes(room))
    posted = post_until_refused(book)
    assert posted > 0
    assert available(book, ANNA) == posted
    assert book.verify().ok
    filler.unlink()
    assert not earn(book, ANNA, 1, key=f"k{posted}").replayed
    assert book.verify().ok
    engine.dispose()
    postgres_cluster.drop(url)
    admin = make_engine(postgres_cluster.url)
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("DROP TABLESPACE small"))
    admin.dispose()
