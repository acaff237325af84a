"""A resident with hours, volunteers who like to help, and the verbs of a request as requests would call them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from bank import chart, db, jobs
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.credits.models import Credit
from bank.members import operations as members
from bank.members.models import Message, Person
from bank.services import operations as help_
from bank.services.models import HelpRequest
from bank.services.visiting import Proof
from ledger import Balance, Transfer, Txn
from tests.shop.market import credit
from tests.world import World

HOURS = 600


@dataclass
class Homes:
    """`resident` asks, `volunteer` helps; `relative` lives with `coordinator`."""

    world: World

    @property
    def now(self) -> Any:
        return self.world.clock.now

    def do(self, who: str, verb: Any, *args: Any, **more: Any) -> Any:
        """Call a verb as somebody, in a write of its own."""
        actor = self.world.actor(who)
        with self.world.write() as session:
            return verb(session, actor, *args, **more, now=self.now)

    def likes(self, who: str, kinds: list[str]) -> None:
        """Let somebody say what help they like to give."""
        actor = self.world.actor(who)
        with self.world.write() as session:
            help_.set_skills(session, actor, kinds, ["mandarin"])

    def wish(self, **more: Any) -> help_.Wish:
        given = {"kind": "company", "starts_at": self.now + timedelta(days=3), "minutes": 60, "risk_note": "没有"}
        return help_.Wish(**(given | more))

    def ask(self, who: str = "resident", **more: Any) -> HelpRequest:
        request: HelpRequest = self.do(who, help_.ask, self.wish(**more))
        return request

    def verified(self, **more: Any) -> HelpRequest:
        request = self.ask(**more)
        self.do("coordinator", help_.verify, request.public_id)
        return request

    def accepted(self, **more: Any) -> HelpRequest:
        request = self.verified(**more)
        self.do("volunteer", help_.accept, request.public_id)
        return self.get(request)

    def visit(self, stay: int = 60, **more: Any) -> HelpRequest:
        """Let the volunteer come on time, stay so long and go, with the resident's card."""
        request = self.accepted(**more)
        self.at_start(request)
        self.scan(request)
        self.world.clock.advance(minutes=stay)
        self.scan(request)
        return self.get(request)

    def done(self, stay: int = 60, **more: Any) -> HelpRequest:
        request = self.visit(stay, **more)
        self.do("resident", help_.confirm, request.public_id)
        return self.get(request)

    def at_start(self, request: HelpRequest, **after: float) -> None:
        self.world.clock.now = request.starts_at + timedelta(**after)

    def scan(self, request: HelpRequest, who: str = "volunteer", proof: Proof | None = None) -> str:
        card = proof or Proof("card", owner_id=request.person_id)
        said: str = self.do(who, help_.scan, request.public_id, card)
        return said

    def get(self, request: HelpRequest) -> HelpRequest:
        with self.world.write() as session:
            return session.scalars(select(HelpRequest).where(HelpRequest.public_id == request.public_id)).one()

    def credit_of(self, request: HelpRequest) -> Credit:
        return self.credit_with(self.get(request).credit_id)

    def credit_with(self, credit_id: int | None) -> Credit:
        with self.world.write() as session:
            return session.get_one(Credit, credit_id)

    def has(self, who: str = "resident") -> Balance:
        return self.balance(chart.member(self.world.people[who].public_id))

    def balance(self, path: str) -> Balance:
        with self.world.write() as session:
            return db.book(session, self.world.community_id, self.now).balance(path, chart.MINUTES, session=session)

    def told(self, who: str) -> list[str]:
        with self.world.write() as session:
            chosen = select(Message.sentence).where(Message.person_id == self.world.people[who].id)
            return list(session.scalars(chosen.order_by(Message.id)))

    def run_jobs(self) -> dict[str, int]:
        with self.world.app.app_context():
            return jobs.run_due(self.now)

    def adopt(self, **settings: Any) -> None:
        """Let other rules be in force from yesterday on."""
        with self.world.write() as session:
            place = session.get_one(Community, self.world.community_id)
            day = self.now.date() - timedelta(days=1)
            communities.adopt_rules(session, place, settings, effective_on=day, now=self.now)

    def fill_pool(self, minutes: int) -> None:
        """Let a neighbour have given hours to the pool."""
        self.spend("panel", minutes)

    def spend(self, who: str, minutes: int) -> None:
        """Move somebody's minutes to the pool."""
        with self.world.write() as session:
            book = db.book(session, self.world.community_id, self.now)
            book.open_account(chart.pool(), chart.MINUTES, kind="pool", is_shared=True, session=session)
            own = chart.member(self.world.people[who].public_id)
            move = Transfer(debit=own, credit=chart.pool(), unit=chart.MINUTES, amount=minutes)
            txn = Txn(kind="credit", transfers=[move], effective=self.now.date(), actor="test", memo="捐赠")
            book.post(txn, key=f"test:{uuid.uuid4()}", session=session)

    def verify(self) -> None:
        """Nothing is wrong in the book."""
        with self.world.app.app_context():
            assert db.book(db.session(), self.world.community_id, self.now).verify().findings == ()
            db.drop()


def build_homes(world: World) -> Homes:
    """Give the resident ten hours, and let the volunteer and the panel member like every kind of help."""
    homes = Homes(world)
    credit(world, "resident", chart.MINUTES, HOURS)
    credit(world, "panel", chart.MINUTES, HOURS)
    for who in ("volunteer", "panel"):
        actor = world.actor(who)
        with world.write() as session:
            help_.set_skills(session, actor, ["company", "errand", "escort_med"], ["mandarin", "local"])
    world.add_person("coordinator2", "黄敏")
    with world.write() as session:
        person = session.get_one(Person, world.people["coordinator2"].id)
        place = session.get_one(Community, world.community_id)
        members.grant_role(session, person, "coordinator", place, now=world.clock.now)
    return homes
