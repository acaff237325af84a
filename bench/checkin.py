"""Check-ins a second and their slowest hundredth under the production server, at 1, 8 and 32 clients.

Every request is a first check-in of another member by the rotating code, through the API, durable when it is
answered. The rival in the same run is `/healthz` on the same server: the least a request with a database read can cost.
After each round the attendances in the database must be as many as were confirmed.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from flask_migrate import upgrade
from sqlalchemy import func, select

from app import create_app
from bank import clock, db
from bank.activities import operations as activities
from bank.checkin.codes import Keys, step_of
from bank.checkin.models import Attendance
from bank.communities import operations as communities
from bank.members import operations as members
from tests.postgres import DURABLE, Cluster, start

CLIENTS = (1, 8, 32)
CHECKINS = {1: 150, 8: 300, 32: 500}
CODE_KEY = bytes(range(32)).hex()
ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Crowd:
    """Members with tokens, and the activity they come to."""

    tokens: list[str]
    activity: str
    settings: dict[str, str]


def prepare(settings: dict[str, str], people: int = sum(CHECKINS.values()) + 20) -> Crowd:
    """Make a community with a running activity and everyone's token."""
    app = create_app({**settings, "DATA_DIR": Path(settings["DATA_DIR"])})
    with app.app_context():
        upgrade()
        now = clock.utc_now()
        with db.unit_of_work() as session:
            district = communities.add(session, kind="district", code="d", name="d")
            street = communities.add(session, kind="street", code="s", name="s", parent=district)
            home = communities.add(session, kind="community", code="c", name="c", parent=street)
            communities.adopt_rules(session, home, {}, effective_on=now.date() - timedelta(days=9), now=now)
            coordinator = members.register(session, home, name="c", now=now)
            members.grant_role(session, coordinator, "coordinator", home, now=now)
            who = members.actor_of(session, coordinator)
            plan = {
                "title": "bench", "category": "other", "place": "here", "risk_note": "none", "capacity": 10_000,
                "starts_at": now - timedelta(minutes=20), "ends_at": now + timedelta(hours=3),
            }  # fmt: skip
            before = now - timedelta(days=1)
            activity = activities.plan(session, who, plan, now=before)
            activities.publish(session, who, activity.public_id, is_clear=True, now=before)
            tokens = []
            for _ in range(people):
                person = members.register(session, home, name="p", now=now)
                tokens.append(members.open_sign_in(session, person.id, kind="api", now=now)[0])
        db.db.engine.dispose()
    return Crowd(tokens, activity.public_id, settings)


def confirmed(crowd: Crowd) -> int:
    """Count the attendances in the database."""
    app = create_app({**crowd.settings, "DATA_DIR": Path(crowd.settings["DATA_DIR"])})
    with app.app_context():
        found = db.session().scalar(select(func.count()).select_from(Attendance)) or 0
        db.db.engine.dispose()
    return found


@contextmanager
def served(settings: dict[str, str], command: Callable[[int], list[str]]) -> Iterator[int]:
    """Serve on a free port while the block runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(
        command(port), cwd=ROOT, env={**os.environ, **settings}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait(port)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _wait(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError("the server did not come up")


def fire(port: int, clients: int, jobs: list[Callable[[http.client.HTTPConnection], int]]) -> tuple[float, list[float]]:
    """Let `clients` work the jobs off over kept-alive connections; give the wall time and each job's, in seconds."""
    waiting, took, wrong = iter(jobs), [], []
    guard = threading.Lock()

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while True:
            with guard:
                job = next(waiting, None)
            if job is None:
                return
            began = time.perf_counter()
            status = job(connection)
            took.append(time.perf_counter() - began)
            if status not in (200, 201):
                wrong.append(status)

    threads = [threading.Thread(target=work) for _ in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise AssertionError(f"refused: {wrong[:5]}")
    return time.perf_counter() - began, took


def check_in(crowd: Crowd, token: str) -> Callable[[http.client.HTTPConnection], int]:
    """Make the job of one member's first check-in."""
    keys = Keys(bytes.fromhex(CODE_KEY))

    def job(connection: http.client.HTTPConnection) -> int:
        code = keys.venue(crowd.activity, 1, step_of(clock.utc_now())).token
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Idempotency-Key": uuid.uuid4().hex,
        }
        connection.request("POST", "/api/v1/check-ins", json.dumps({"code": code}), headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    return job


def look(connection: http.client.HTTPConnection) -> int:
    """Ask for the server's health."""
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    answer.read()
    return answer.status


def measure(name: str, crowd: Crowd, command: Callable[[int], list[str]]) -> None:
    """Measure one server and print its lines."""
    tokens = iter(crowd.tokens)
    done = 0
    with served(crowd.settings, command) as port:
        fire(port, 4, [check_in(crowd, next(tokens)) for _ in range(20)])
        done += 20
        for clients in CLIENTS:
            count = CHECKINS[clients]
            wall, took = fire(port, clients, [check_in(crowd, next(tokens)) for _ in range(count)])
            bare, _ = fire(port, clients, [look] * count)
            done += count
            slow = statistics.quantiles(took, n=100)[98] * 1000
            middle = statistics.median(took) * 1000
            rate = count / wall
            beside = count / bare
            print(f"{name:<12}{clients:>8}{rate:>12.0f}{middle:>9.1f}{slow:>9.1f}{beside:>12.0f}{rate / beside:>8.2f}")
    if confirmed(crowd) != done:
        raise AssertionError(f"{done} were confirmed, {confirmed(crowd)} are in the database")


def main() -> None:
    """Measure waitress over SQLite and gunicorn over PostgreSQL."""
    print(f"{'engine':<12}{'clients':>8}{'check-ins/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'healthz/s':>12}{'ratio':>8}")
    python = sys.executable
    with tempfile.TemporaryDirectory() as folder:
        settings = {"DATA_DIR": folder, "DATABASE_URL": f"sqlite:///{folder}/bank.db", "CODE_KEY": CODE_KEY}
        measure("sqlite", prepare(settings), lambda port: [
            python, "-m", "waitress", f"--listen=127.0.0.1:{port}", "--threads=8", "--call", "app:create_app"
        ])  # fmt: skip
    cluster = start(DURABLE)
    if not isinstance(cluster, Cluster):
        print(f"postgresql  not measured: {cluster}")
        return
    with tempfile.TemporaryDirectory() as folder:
        settings = {"DATA_DIR": folder, "DATABASE_URL": cluster.database(), "CODE_KEY": CODE_KEY}
        measure("postgresql", prepare(settings), lambda port: [
            python, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", "-w", "2", "--threads", "8", "app:create_app()"
        ])  # fmt: skip
    cluster.stop()
