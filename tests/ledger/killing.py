"""Workers that are killed: each does one job over and over and says aloud what the book has acknowledged."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LEDGER_ID = 1
LAZY = "mint"


class Worker:
    """One process that works until it is killed; what it said before is kept."""

    def __init__(self, job: str, url: str, name: str) -> None:
        self.said: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.ledger.killing", job, url, name],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.endswith("\n"):  # a word cut off by the kill was never said
                self.said.append(line.strip())

    def kill(self) -> list[str]:
        """Kill it wherever it is, and return what it had said."""
        ended = self._process.poll()
        assert ended is None, f"the worker ended by itself with {ended}"
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(30)
        self._listener.join(30)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return self.said


def work(job: str, url: str, name: str) -> None:
    """Do the job for ever; `name` makes the keys of this life its own."""
    from ledger import Ledger
    from ledger.engine import make_engine

    book = Ledger(make_engine(url), LEDGER_ID)
    say("ready")
    JOBS[job](book, name)


def write(book: Any, name: str) -> None:
    """Earn, give, hold, release and capture; say each key and its transaction when it is acknowledged."""
    from ledger import errors
    from tests.ledger.builders import ANNA, BORIS, SHOP, earn, pay

    dice = random.Random(name)
    holds: list[Any] = []
    for number in itertools.count():
        key = f"{name}:{number}"
        verb = dice.choice(["earn", "mint", "pay", "hold", "capture", "release"])
        try:
            if verb in ("capture", "release") and holds:
                held = holds.pop()
                more = (SHOP,) if verb == "capture" else ()
                receipt = getattr(book, verb)(held, *more, key=key, actor="p")
            elif verb == "hold":
                receipt = book.hold(ANNA, "MIN", 2, expires_at=None, key=key, actor="p")
                holds.append(receipt.txn_id)
            elif verb == "pay":
                receipt = pay(book, ANNA, BORIS, 1, key=key)
            elif verb == "mint":
                receipt = pay(book, LAZY, ANNA, 3, key=key)
            else:
                receipt = earn(book, ANNA, 5, key=key)
        except errors.InsufficientFunds:
            continue
        say(f"{key} {receipt.txn_id}")


def seal(book: Any, _name: str) -> None:
    """Seal whatever waits, a few leaves at a time, so that a kill finds it in the middle."""
    while True:
        if not book.seal(3):
            time.sleep(0.002)


def project(book: Any, _name: str) -> None:
    """Fold whatever waits on lazy accounts."""
    while True:
        if not book.project():
            time.sleep(0.002)


def say(word: str) -> None:
    """Say a word to whoever may kill us next, in one write."""
    os.write(1, f"{word}\n".encode())


JOBS = {"write": write, "seal": seal, "project": project}


if __name__ == "__main__":
    work(*sys.argv[1:])
