"""The contestants of races: processes of their own with connections of their own, started at one moment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class Contestants:
    """A few waiting processes; starting one takes seconds on a busy machine, so all races share them."""

    def __init__(self, number: int) -> None:
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.ledger.racing"],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                bufsize=1,
            )
            for _ in range(number)
        ]

    def race(self, jobs: list[dict[str, Any]], *, broken: str = "") -> list[str]:
        """Give each process a job, start them together when all are ready, and return all answers.

        `broken` names the guards that the processes do without.
        """
        running = self._processes[: len(jobs)]
        with tempfile.TemporaryDirectory() as place:
            for process, job in zip(running, jobs, strict=True):
                self._say(process, json.dumps({**job, "broken": broken, "place": place}))
            for process in running:
                assert self._hear(process) == "ready"
            for process in running:
                self._say(process, "go")
            return [answer for process in running for answer in json.loads(self._hear(process))]

    def stop(self) -> None:
        """Let the processes end."""
        for process in self._processes:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.close()
            process.wait(30)
            process.stdout.close()

    def _say(self, process: subprocess.Popen[str], line: str) -> None:
        assert process.stdin is not None
        process.stdin.write(line + "\n")
        process.stdin.flush()

    def _hear(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        return process.stdout.readline().strip()


def main() -> None:
    """Do one job per line of standard input."""
    import pytest

    for line in sys.stdin:
        job = json.loads(line)
        with pytest.MonkeyPatch.context() as patch:
            meeting = Meeting(Path(job["place"]), 3 if job.get("is_last") else 2)
            remove_guards(patch, job["broken"], meeting)
            print(json.dumps(compete(job)), flush=True)  # noqa: T201


def compete(job: dict[str, Any]) -> list[str]:
    """Connect, say so, wait for the start, and do the job's verb as often as it says."""
    from ledger import Ledger, errors
    from ledger.engine import make_engine

    engine = make_engine(job["url"])
    book = Ledger(engine, job["ledger_id"])
    book.balances(["member:anna"])
    print("ready", flush=True)  # noqa: T201
    sys.stdin.readline()
    answers = []
    for number in range(job["times"]):
        try:
            perform(book, job, job["key"].format(number))
            answers.append("posted")
        except errors.LedgerError as error:
            answers.append(error.code)
        except Exception as error:  # noqa: BLE001 -- a race's loser may fail in any way; the test names it
            answers.append(f"{type(error).__name__}: {str(error)[:200]}")
    engine.dispose()
    (Path(job["place"]) / f"done {os.getpid()}").touch()
    return answers


def perform(book: Any, job: dict[str, Any], key: str) -> None:
    """Do the job's verb once."""
    from tests.ledger.builders import txn

    verb = job["verb"]
    today = datetime.now(UTC).date()
    if verb == "post":
        day = today - timedelta(days=job.get("days_ago", 0))
        book.post(txn(job["debit"], job["credit"], job["amount"], kind="gift", effective=day), key=key)
    elif verb == "open":
        book.open_account(key, "MIN", kind="member")
    elif verb == "close":
        book.close_period(today - timedelta(days=job["days_ago"]), actor="p:auditor")
    elif verb == "hold":
        book.hold(job["debit"], "MIN", job["amount"], expires_at=None, key=key, actor="p")
    elif verb == "capture":
        book.capture(uuid.UUID(job["txn_id"]), job["credit"], key=key, actor="p")
    elif verb == "seal":
        book.seal(job["amount"])
    elif verb == "expire":
        book.expire(datetime.now(UTC), to="pool", actor="p:job")
    elif verb == "rebuild":
        book.rebuild()
    else:
        getattr(book, verb)(uuid.UUID(job["txn_id"]), key=key, actor="p")


class Meeting:
    """Where the contestants of an unguarded race wait once for a second one, so that losing is not left to luck."""

    LONGEST_S = 8.0

    def __init__(self, place: Path, number: int = 2) -> None:
        """Take the folder of the meeting, and how many marks to wait for: the third is the end of the other's job."""
        self._place = place
        self._number = number
        self._is_over = False

    def attend(self) -> None:
        """Wait until another process is here too; later calls return at once."""
        if self._is_over:
            return
        self._is_over = True
        (self._place / str(os.getpid())).touch()
        end = time.monotonic() + self.LONGEST_S
        while len(os.listdir(self._place)) < self._number and time.monotonic() < end:
            time.sleep(0.001)


def remove_guards(patch: Any, broken: str, meeting: Meeting) -> None:
    """Take guards out of the library in this process, to show that a race is lost without them.

    Two contestants meet where the missing guard would have kept them apart: what each has read still holds.
    """
    from ledger import lease, plain, posting, running, tiles, wire

    plain_size = tiles.size
    plain_rows, plain_lock, plain_write = wire.Wire.rows, posting.lock, posting.write
    plain_lock_rows = posting._lock_rows

    def rows(self: wire.Wire, sql: str, params: Any = ()) -> Any:
        return plain_rows(self, sql.replace(" FOR NO KEY UPDATE", ""), params)

    def meet_then_lock(*args: Any, **more: Any) -> Any:
        meeting.attend()
        return plain_lock(*args, **more)

    def meet_then_write(*args: Any, **more: Any) -> Any:
        meeting.attend()
        return plain_write(*args, **more)

    def unordered_lock_rows(own: Any, ledger_id: int, accounts: dict[Any, Any]) -> dict[Any, Any]:
        slots: dict[Any, Any] = {}
        for key, account in accounts.items():
            slots.update(plain_lock_rows(own, ledger_id, {key: account}))
            meeting.attend()
        return slots

    def size_then_meet(*args: Any) -> int:
        found = plain_size(*args)
        meeting.attend()
        return found

    # The functions of PostgreSQL have guards of their own, which a patch does not reach.
    nothing_is_plain = (plain, "is_plain", lambda *_args: False)
    without: dict[str, list[tuple[Any, str, Any]]] = {
        "unique key": [nothing_is_plain, (posting, "lock", meet_then_lock)],
        "row lock": [
            nothing_is_plain,
            (wire.Wire, "ask_ahead", lambda _self, _questions: None),
            (wire.Wire, "rows", rows),
            (posting, "write", meet_then_write),
        ],
        "lock order": [nothing_is_plain, (posting, "_lock_rows", unordered_lock_rows)],
        "immediate": [(running, "writer", lambda engine: engine), (posting, "write", meet_then_write)],
        "lease": [(lease, "hold", lambda *args: None), (tiles, "size", size_then_meet)],
        "retry": [(running, "MAX_TRIES", 1)],
        **_period_guards(meeting, (posting, "write", meet_then_write)),
    }
    for guard in filter(None, broken.split(", ")):
        for patched in without[guard]:
            patch.setattr(*patched)


def _period_guards(meeting: Meeting, meet_in_posting: tuple[Any, str, Any]) -> dict[str, list[tuple[Any, str, Any]]]:
    """Without the lock, a close and a posting meet when both have looked and neither has written."""
    from ledger import past, wire

    plain_rows, plain_digest = wire.Wire.rows, past.digest

    def without_lock(suffix: str) -> Any:
        def rows(self: wire.Wire, sql: str, params: Any = ()) -> Any:
            return plain_rows(self, sql.removesuffix(suffix), params)

        return rows

    def meet_then_digest(*args: Any) -> Any:
        meeting.attend()
        return plain_digest(*args)

    meet_in_close = (past, "digest", meet_then_digest)
    return {
        "period lock": [(wire.Wire, "rows", without_lock(" FOR SHARE")), meet_in_posting, meet_in_close],
        "close lock": [(wire.Wire, "rows", without_lock(" FOR UPDATE")), meet_in_close],
    }


if __name__ == "__main__":
    main()
