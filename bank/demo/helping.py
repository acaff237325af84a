"""Help at home in the demo: a few requests a week through the real verbs, and something left for everyone to do."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from bank import clock
from bank.demo.founding import Town
from bank.errors import BankError
from bank.members.actor import Actor
from bank.members.models import Person
from bank.services import operations as help_
from bank.services.models import HelpRequest
from bank.services.visiting import Proof

TIME_ZONE = "Asia/Shanghai"
A_DAY = (0, 1, 1, 1, 2, 2)
"""How many requests a day, of one community."""
HELPERS, ASKERS = 10, 60
SLOWEST, QUICKEST, LEARNT_BY = 40, 3, 120
"""Hours until somebody says yes: on the first day, and from so many days later on."""
WISHES = (
    ("company", 60, "陪老人聊聊天、读读报"),
    ("errand", 30, "去药店取降压药"),
    ("clean", 90, "擦擦桌子拖拖地"),
    ("escort_med", 180, "陪着去医院拿化验单"),
    ("phone_help", 60, "教教微信视频怎么打"),
    ("repair", 60, "厨房水龙头滴水"),
    ("mobility", 60, "推轮椅下楼晒太阳"),
)
LIKES = tuple(kind for kind, _, _ in WISHES)
ENDINGS = ("done", "done", "done", "done", "done", "cancelled", "short", "left_open")


@dataclass
class Helping:
    """Who helps in a town, and the visits that are still to come."""

    town: Town
    draw: random.Random
    helpers: list[Actor]
    residents: list[Actor]
    coming: list[tuple[date, str, Actor, Actor]] = field(default_factory=list)
    since: date | None = None

    def open(self, session: Session) -> None:
        """Let the helpers say what they like to do."""
        self.helpers = [*self.helpers[:HELPERS], self.town.cast["volunteer"]]
        for helper in self.helpers:
            kinds = LIKES if helper is self.helpers[-1] else self.draw.sample(LIKES, 4)
            help_.set_skills(session, helper, kinds, ["mandarin", "local"])

    def live(self, session: Session, day: date) -> None:
        """Make the visits of a day, and take in what is asked for on it."""
        afternoon = clock.start_of_day(day, TIME_ZONE) + timedelta(hours=15)
        self.since = self.since or day
        today = [visit for visit in self.coming if visit[0] <= day]
        self.coming = [visit for visit in self.coming if visit[0] > day]
        for number, (_, public_id, resident, helper) in enumerate(today):
            at = afternoon + timedelta(seconds=7 * number)
            with suppress(BankError), session.begin_nested():
                self._visit(session, public_id, resident, helper, at)
        for number in range(self.draw.choice(A_DAY)):
            with suppress(BankError), session.begin_nested():  # too little saved, or one's own home: as in real life
                self._take_in(session, day, afternoon + timedelta(hours=2, seconds=11 + number))
        run_out(lambda at: help_.move_due(session, now=at), afternoon + timedelta(hours=8, minutes=5))

    def away(self, day: date) -> set[int]:
        """Give who visits or is visited on a day, and comes to nothing else."""
        return {who.person_id for on, _, *both in self.coming if on == day for who in both}

    def _take_in(self, session: Session, day: date, now: datetime) -> None:
        resident, helper = self.draw.choice(self.residents), self.draw.choice(self.helpers)
        request = self.ask(session, resident, now, ahead=self.draw.randint(1, 3))
        self._answer(session, request, helper, now + timedelta(minutes=30), slow=self._slow(day))
        on = clock.local_day(request.starts_at, TIME_ZONE)
        self.coming.append((on, request.public_id, resident, helper))

    def _slow(self, day: date) -> float:
        """Give in how many hours somebody says yes: it takes long at first, and the desk learns."""
        learnt = min(1.0, (day - (self.since or day)).days / LEARNT_BY)
        return (SLOWEST + learnt * (QUICKEST - SLOWEST)) * self.draw.uniform(0.6, 1.3)

    def ask(self, session: Session, who: Actor, now: datetime, *, ahead: int, which: int | None = None) -> HelpRequest:
        """Ask for something drawn, or for wish number `which`, so many days ahead at three."""
        kind, minutes, words = self.draw.choice(WISHES) if which is None else WISHES[which]
        starts_at = clock.start_of_day(clock.local_day(now, TIME_ZONE), TIME_ZONE) + timedelta(days=ahead, hours=15)
        wish = help_.Wish(kind, starts_at, minutes, words, "没有特别的", "打电话", "mandarin")
        return help_.ask(session, who, wish, now=now)

    def _answer(self, session: Session, request: HelpRequest, helper: Actor, now: datetime, *, slow: float) -> None:
        help_.verify(session, self.town.cast["coordinator"], request.public_id, now=now)
        latest = request.starts_at - timedelta(hours=1)
        help_.accept(session, helper, request.public_id, now=min(now + timedelta(hours=slow), latest))

    def _visit(self, session: Session, public_id: str, resident: Actor, helper: Actor, at: datetime) -> None:
        ending = self.draw.choice(ENDINGS)
        if ending == "cancelled":
            help_.cancel(session, resident, public_id, reason="孩子回来了", now=at - timedelta(hours=1))
            return
        came = at + timedelta(minutes=self.draw.randint(-3, 5))
        door = Proof("card", owner_id=resident.person_id)
        help_.scan(session, helper, public_id, door, now=came)
        minutes = _minutes_of(session, public_id)
        stays = minutes // 2 if ending == "short" and minutes > 30 else minutes + self.draw.randint(-5, 6)
        went = came + timedelta(minutes=stays)
        help_.scan(session, helper, public_id, door, now=went)
        if ending != "left_open":
            help_.confirm(session, resident, public_id, now=went + timedelta(minutes=7))

    def leave_some(self, session: Session, now: datetime) -> None:
        """Leave a request at every stage: one to verify, two to pick, one invited, one promised."""
        cast = self.town.cast
        while help_.move_due(session, now=now):
            pass
        with suppress(BankError), session.begin_nested():
            asked = self.ask(session, cast["resident"], now - timedelta(hours=3), ahead=3, which=0)
            help_.verify(session, cast["coordinator"], asked.public_id, now=now - timedelta(hours=2))
            people = [one.person.public_id for one in help_.suited(session, asked, now=now)[:2]]
            mine = session.get_one(Person, cast["volunteer"].person_id).public_id
            chosen = list(dict.fromkeys([mine, *people]))[:3]
            help_.invite(session, cast["coordinator"], asked.public_id, chosen, now=now - timedelta(hours=1))
        wanted = [1, 4, 3, 0]
        for who in self.residents:
            with suppress(BankError), session.begin_nested():
                self._leave_one(session, who, wanted, now)

    def _leave_one(self, session: Session, who: Actor, wanted: list[int], now: datetime) -> None:
        """Leave the next wish with somebody who has the hours: one to pick, one promised, the others to verify."""
        if not wanted:
            return
        left, cast = len(wanted), self.town.cast
        at = now - timedelta(minutes=90 - left)
        request = self.ask(session, who, at, ahead=5 - left, which=wanted[0])
        if left >= 3:
            help_.verify(session, cast["coordinator"], request.public_id, now=at)
        if left == 3:
            help_.accept(session, cast["volunteer"], request.public_id, now=now - timedelta(minutes=30))
        wanted.pop(0)


def _minutes_of(session: Session, public_id: str) -> int:
    found = session.query(HelpRequest.minutes).filter(HelpRequest.public_id == public_id).one()
    return int(found[0])


def run_out(job: Callable[[datetime], int], at: datetime) -> None:
    """Run a job while it finds something to do, each time a second later: what shares a moment has no order."""
    while job(at):
        at += timedelta(seconds=1)
