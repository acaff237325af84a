"""A small community for tests: 望月湖 with two buildings and one person for every role."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from bank import db
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Household, Person

RULES_SINCE = date(2026, 1, 1)


class Clock(Protocol):
    """Something that says what time it is."""

    now: datetime


ROLES: dict[str, tuple[str, ...]] = {
    "volunteer": (),
    "resident": (),
    "relative": (),
    "coordinator": ("coordinator",),
    "second": ("second_approver",),
    "shop": ("shopkeeper",),
    "panel": ("panel",),
    "auditor": ("auditor",),
    "admin": ("admin",),
}
NAMES = {
    "volunteer": "王小明",
    "resident": "李秀英",
    "relative": "陈志强",
    "coordinator": "陈芳",
    "second": "刘建国",
    "shop": "周丽",
    "panel": "吴桂兰",
    "auditor": "郑明",
    "admin": "孙伟",
    "stranger": "何静",
    "stranger_coordinator": "马超",
}


@dataclass
class World:
    """The community and its people; every verb commits on its own, like a request would."""

    app: Flask
    clock: Clock
    community_id: int = 0
    other_community_id: int = 0
    people: dict[str, Person] = field(default_factory=dict)
    _tokens: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def contents(self) -> tuple[int, int, dict[str, Person]]:
        """Give what a world has besides the application and the clock."""
        return self.community_id, self.other_community_id, self.people

    def write(self) -> Any:
        """Open a session of its own that commits at the end: `with world.write() as session:`."""
        return _Work(self.app)

    def actor(self, who: str) -> Actor:
        """Give a person as an actor."""
        with self.write() as session:
            return members.actor_of(session, session.get_one(Person, self.people[who].id))

    def page(self, who: str | None) -> FlaskClient:
        """Give a browser, signed in as `who`, or nobody's for None."""
        client = self.app.test_client()
        if who is not None:
            token = self._token(who, "page")
            with client.session_transaction() as cookie:
                cookie["_user_id"] = token
        return client

    def api(self, who: str | None, method: str, path: str, body: Any = None, *, key: str | None = None) -> TestResponse:
        """Call the API as `who`; a POST gets a fresh idempotency key unless one is given."""
        headers = {"Idempotency-Key": key or uuid.uuid4().hex} if method == "POST" else {}
        if who is not None:
            headers["Authorization"] = f"Bearer {self._token(who, 'api')}"
        url = path if path.startswith("/api/") else f"/api/v1{path}"
        return self.app.test_client().open(url, method=method, json=body, headers=headers)

    def add_person(self, who: str, name: str, *, household: Household | None = None, **more: Any) -> Person:
        """Add one more resident under a handle of the test's choice."""
        with self.write() as session:
            community = session.get_one(Community, self.community_id)
            person = members.register(session, community, name=name, now=self.clock.now, household=household, **more)
        self.people[who] = person
        return person

    def _token(self, who: str, kind: str) -> str:
        if (who, kind) not in self._tokens:
            with self.write() as session:
                token, _ = members.open_sign_in(session, self.people[who].id, kind=kind, now=self.clock.now)
            self._tokens[who, kind] = token
        return self._tokens[who, kind]


class _Work:
    def __init__(self, app: Flask) -> None:
        self._context = app.app_context()
        self._work = db.unit_of_work()

    def __enter__(self) -> Session:
        self._context.push()
        return self._work.__enter__()

    def __exit__(self, *failure: Any) -> None:
        try:
            self._work.__exit__(*failure)
        finally:
            self._context.pop()


def build_world(app: Flask, clock: Clock) -> World:
    """Make the community, its rules and its people. `relative` lives with `coordinator`; `stranger` elsewhere."""
    world = World(app, clock)
    phones = itertools.count(13800000001)
    born_at = clock.now - timedelta(days=90)
    with world.write() as session:
        district = communities.add(session, kind="district", code="430104", name="岳麓区")
        street = communities.add(session, kind="street", code="430104001", name="望月湖街道", parent=district)
        home = communities.add(
            session, kind="community", code="430104001001", name="望月湖社区", parent=street, is_demo=True
        )
        other = communities.add(session, kind="community", code="430104001002", name="岳龙社区", parent=street)
        building = communities.add(session, kind="building", code="wyh-3", name="3栋", parent=home)
        communities.adopt_rules(session, home, {"notice_days": {"A": 0}}, effective_on=RULES_SINCE, now=clock.now)
        communities.adopt_rules(session, other, {}, effective_on=RULES_SINCE, now=clock.now)
        world.community_id, world.other_community_id = home.id, other.id
        doors = {who: members.settle(session, building, f"1单元{number}01") for number, who in enumerate(ROLES, 1)}
        doors["relative"] = doors["coordinator"]
        for who, roles in ROLES.items():
            person = members.register(
                session, home, name=NAMES[who], now=born_at, login=who, phone=str(next(phones)), household=doors[who]
            )
            for role in roles:
                members.grant_role(session, person, role, home, now=clock.now)
            world.people[who] = person
        for who in ("stranger", "stranger_coordinator"):
            world.people[who] = members.register(session, other, name=NAMES[who], now=born_at, login=who)
        members.grant_role(session, world.people["stranger_coordinator"], "coordinator", other, now=clock.now)
    return world
