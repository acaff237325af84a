"""Due work: one function for each job, each safe to run twice and to be killed anywhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from bank import db
from bank.credits import operations as credits
from bank.deeds import operations as deeds
from bank.web import limits

Job = Callable[[Session, datetime], int]


def sweep_tries(session: Session, now: datetime) -> int:
    """Forget counted tries that no longer matter."""
    return limits.sweep(session, now=now)


def post_credits(session: Session, now: datetime) -> int:
    """Post what has been on public notice long enough, some hundred in one transaction."""
    return credits.post_due(session, now=now)


def forget_photos(session: Session, now: datetime) -> int:
    """Delete photos of deeds that were decided and published long ago."""
    return deeds.forget_photos(session, now=now)


MOST_ROUNDS = 200
JOBS: dict[str, Job] = {"sweep_tries": sweep_tries, "post_credits": post_credits, "forget_photos": forget_photos}
"""By name, in the order they run; each gives how many things it did."""


def run_due(now: datetime) -> dict[str, int]:
    """Run every job in writes of its own, again until it finds nothing to do; give what each did."""
    done: dict[str, int] = {}
    for name, job in JOBS.items():
        done[name] = 0
        for _ in range(MOST_ROUNDS):
            with db.unit_of_work() as session:
                did = job(session, now)
            done[name] += did
            if not did:
                break
    return done
