"""One client process of a contestant: it opens its connections, says so, and works for a given time on command.

Run as `python -m bench.worker CONTESTANT URL`; one JSON job a line on standard input, one JSON answer a line back.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

Work = Callable[[], int]
"""Do one request and return how many postings it was."""


def contestant(name: str, url: str) -> Callable[[str, int], Work]:
    """Return what makes a client's work: it takes the kind of work and the client's number."""
    if name == "hordak":
        from bench import rival

        return rival.prepare(url)
    from bench import limit, ours

    return {"limit": limit.prepare, "ours": ours.prepare}[name](url)


def run(make: Callable[[str, int], Work], job: dict[str, Any]) -> dict[str, Any]:
    """Let `clients` threads work for `seconds`, and report when it was and how many postings were done."""
    done: list[int] = []
    wrong: list[str] = []
    start = threading.Event()
    ready = threading.Barrier(job["clients"] + 1)

    def client(number: int) -> None:
        try:
            work = make(job["kind"], number)
            work()  # connections, prepared statements, the first page of everything
        finally:
            ready.wait()
        start.wait()
        posted, until = 0, time.monotonic() + job["seconds"]
        try:
            while time.monotonic() < until:
                posted += work()
        except Exception as error:  # noqa: BLE001 -- a figure with a failed posting is no figure
            wrong.append(repr(error)[:300])
        done.append(posted)

    def fold() -> None:
        # Ours on the hot account leaves work for later: it is done in the same time, and finished before the end.
        start.wait()
        while len(done) < job["clients"]:
            time.sleep(0.2)
            make.fold()  # type: ignore[attr-defined]

    threads = [threading.Thread(target=client, args=(job["first"] + n,)) for n in range(job["clients"])]
    if job["kind"] == "hot" and hasattr(make, "fold"):
        threads.append(threading.Thread(target=fold))
    for thread in threads:
        thread.start()
    ready.wait()
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.monotonic()
    start.set()
    for thread in threads:
        thread.join()
    return {"posted": sum(done), "began": began, "ended": time.monotonic(), "wrong": wrong}


def main() -> None:
    """Do one job for each line of standard input."""
    make = contestant(sys.argv[1], sys.argv[2])
    print("up", flush=True)
    for line in sys.stdin:
        print(json.dumps(run(make, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
