"""The web server killed under load: every check-in that was answered is there, and none is there twice."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app import create_app
from bank import checks, db
from bank.checkin.codes import Keys, step_of
from bank.checkin.models import Attendance
from bank.log import keys
from bench.checkin import CODE_KEY, Crowd, prepare

__all__ = ["postgres_cluster"]
from tests.postgres import Cluster, postgres_cluster

ROOT = Path(__file__).resolve().parents[1]
PEOPLE = 120
LIVES = 3
CLIENTS = 6
SERVERS = {
    "sqlite": ["-m", "waitress", "--listen=127.0.0.1:{port}", "--threads=8", "--call", "app:create_app"],
    "postgresql": ["-m", "gunicorn", "-b", "127.0.0.1:{port}", "-w", "2", "--threads", "4", "app:create_app()"],
}


@pytest.fixture(params=["sqlite", "postgresql"])
def crowd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Crowd]:
    """People with tokens at a running activity, on a database file or server of their own."""
    cluster: Cluster | None = None
    url = f"sqlite:///{tmp_path}/bank.db"
    if request.param == "postgresql":
        cluster = request.getfixturevalue("postgres_cluster")
        url = cluster.database()
    yield prepare({"DATA_DIR": str(tmp_path), "DATABASE_URL": url, "CODE_KEY": CODE_KEY}, PEOPLE)
    if cluster:
        cluster.drop(url)


@contextmanager
def server(crowd: Crowd) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Serve until the block ends or kills it: processes of one group, so that one signal reaches all."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    kind = "sqlite" if crowd.settings["DATABASE_URL"].startswith("sqlite") else "postgresql"
    process = subprocess.Popen(
        [sys.executable, *(part.format(port=port) for part in SERVERS[kind])],
        cwd=ROOT,
        env={**os.environ, **crowd.settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until_healthy(port)
        yield port, process
    finally:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(20)


def wait_until_healthy(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=2)) as connection:
                connection.request("GET", "/healthz")
                if connection.getresponse().status == 200:
                    return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError("the server did not come up")


class Clients:
    """Phones that check in and, where no answer came, send the same request again in the next life."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._guard = threading.Lock()
        self.waiting = list(crowd.tokens)
        self.answers: dict[str, str] = {}
        self._codes: dict[str, str] = {}

    def press(self, port: int) -> None:
        """Send what has no answer yet, over several connections, until all is sent or the server is gone."""
        threads = [threading.Thread(target=self._work, args=(port,)) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self, port: int) -> None:
        while True:
            with self._guard:
                if not self.waiting:
                    return
                token = self.waiting.pop()
            try:
                answer = self._check_in(port, token)
            except (OSError, http.client.HTTPException):
                with self._guard:
                    self.waiting.append(token)
                return
            with self._guard:
                self.answers[token] = answer["attendance"]["id"]

    def _check_in(self, port: int, token: str) -> Any:
        """Send the request of an earlier life once more, or scan anew where its code is too old by now."""
        status, body = self._send(port, token, self._codes.setdefault(token, self._scan()))
        if (status, body.get("code")) == (409, "code_expired"):
            status, body = self._send(port, token, self._rescan(token))
        assert status == 201, body
        return body

    def _rescan(self, token: str) -> str:
        self._codes[token] = self._scan()
        return self._codes[token]

    def _scan(self) -> str:
        keys = Keys(bytes.fromhex(CODE_KEY))
        return keys.venue(self._crowd.activity, 1, step_of(datetime.now(UTC))).token

    def _send(self, port: int, token: str, code: str) -> tuple[int, Any]:
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"{token[-20:]}-{code[-20:]}",
        }
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            connection.request("POST", "/api/v1/check-ins", json.dumps({"code": code}), headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())


def test_a_server_killed_under_load_loses_nothing_it_answered(crowd: Crowd) -> None:
    clients = Clients(crowd)
    dice = random.Random()
    for _ in range(LIVES):
        with server(crowd) as (port, process):
            assassin = threading.Timer(0.1 + dice.random() * 0.4, kill, args=(process,))
            assassin.start()
            clients.press(port)
            assassin.cancel()
            assassin.join()
    with server(crowd) as (port, _process):
        clients.press(port)
    assert not clients.waiting
    assert len(set(clients.answers.values())) == PEOPLE
    app = create_app({**crowd.settings, "DATA_DIR": Path(crowd.settings["DATA_DIR"])})
    with app.app_context():
        kept = db.session().scalars(select(Attendance.public_id)).all()
        assert sorted(kept) == sorted(clients.answers.values())
        assert db.session().scalar(select(func.count(Attendance.id))) == PEOPLE
        now = datetime.now(UTC)
        assert checks.verify_all(db.session(), now, keys.ring_of(app.config, now)).is_ok
        db.session().rollback()
        db.db.engine.dispose()
