"""Builders for tests of credits: a proposal in one line."""

from __future__ import annotations

import itertools
from datetime import date
from typing import Any

from bank import chart, db
from bank.communities.models import Community
from bank.credits import operations as credits
from bank.credits.models import Credit, ServiceTotal
from bank.credits.operations import Decision, Outcome
from bank.members import operations as members
from bank.members.models import Person
from tests.world import World

TODAY = date(2026, 11, 23)
_numbers = itertools.count(1)


def propose(world: World, who: str = "volunteer", *, by: str | None = None, **more: Any) -> int:
    """Propose 60 minutes of class A for `who`, scanned by themselves or by `by`; give the credit's id."""
    given: dict[str, Any] = {
        "community_id": world.people[who].community_id,
        "source": f"attendance:{next(_numbers)}",
        "person_id": world.people[who].id,
        "proposed_by": world.people[by or who].id,
        "title": "楼道清洁",
        "happened_on": TODAY,
        "unit": chart.MINUTES,
        "amount": 60,
        "evidence_class": "A",
        "evidence": {},
        "flags": [],
        "rules_number": 1,
        "now": world.clock.now,
    }
    with world.write() as session:
        return credits.propose(session, **{**given, **more}).id


def add_coordinator(world: World) -> Person:
    """Give the community one more coordinator, `other`, who lives elsewhere."""
    with world.write() as session:
        home = session.get_one(Community, world.community_id)
        person = members.register(session, home, name="赵敏", now=world.clock.now)
        members.grant_role(session, person, "coordinator", home, now=world.clock.now)
    world.people["other"] = person
    return person


def decide(world: World, who: str, ids: list[int], decision: Decision = "approve", **more: Any) -> list[Outcome]:
    """Decide as `who`, in a request of its own."""
    actor = world.actor(who)
    with world.write() as session:
        return credits.decide(session, actor, ids, decision, now=world.clock.now, **more)


def approve(world: World, who: str, credit_id: int, **more: Any) -> tuple[str | None, str | None]:
    """Approve one credit; give its state and the code."""
    (outcome,) = decide(world, who, [credit_id], **more)
    return outcome.state, outcome.code


def credit(world: World, credit_id: int) -> Credit:
    """Read a credit as it is now."""
    with world.write() as session:
        return session.get_one(Credit, credit_id)


def balance(world: World, who: str, unit: str = chart.MINUTES) -> int:
    """Read what someone has in the book."""
    with world.write() as session:
        person = world.people[who]
        book = db.book(session, person.community_id, world.clock.now)
        return book.balance(chart.member(person.public_id), unit, session=session).posted


def served(world: World, who: str, evidence_class: str = "A") -> int:
    """Read someone's lifetime minutes of a class."""
    with world.write() as session:
        total = session.get(ServiceTotal, (world.people[who].id, evidence_class))
        return total.minutes if total else 0
