"""One day after another in the demo: activities, the desk, the shop, the night's jobs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from bank import clock
from bank.activities import operations as activities
from bank.activities import places
from bank.activities.models import Activity
from bank.checkin import closing, codes
from bank.checkin import operations as checkin
from bank.checkin.recording import Sighting
from bank.credits import operations as credits_
from bank.credits.models import Credit
from bank.deeds import operations as deeds
from bank.demo import goods
from bank.demo.founding import Town
from bank.demo.giving import Giving
from bank.demo.helping import ASKERS, HELPERS, Helping, run_out
from bank.demo.spending import Spending
from bank.errors import BankError
from bank.members.actor import Actor
from bank.members.models import Person
from bank.shop import operations as shop

TIME_ZONE = "Asia/Shanghai"
REGULARS = 0.14
"""The share of people who do most of the work."""
KIND_ONES = 16
"""Good deeds are told of the same few people again and again, as in real life."""
REFUSALS = ("与现场签到表对不上，请到社区服务台说明。", "现场没有见到本人，请联系社区工作人员。")


@dataclass(slots=True)
class Guest:
    """How one person will behave at one activity."""

    who: Actor
    arrives: timedelta
    leaves: timedelta | None
    has_card: bool = False
    is_signed_up: bool = True
    device: str = ""


@dataclass
class Life:
    """A town's habits, and what is still open from the days before."""

    town: Town
    draw: random.Random
    keys: codes.Keys
    regulars: list[Actor] = field(default_factory=list)
    kind_ones: list[Actor] = field(default_factory=list)
    """Whoever was told a good deed of, the latest last: they have points to spend."""
    helping: Helping = field(init=False)
    spending: Spending = field(init=False)
    giving: Giving = field(init=False)

    def __post_init__(self) -> None:
        people = [who for who in self.town.people if who not in self.town.cast.values()]
        self.regulars = self.draw.sample(people, min(len(people), max(4, int(len(people) * REGULARS))))
        self.regulars.append(self.town.cast["volunteer"])
        askers = [*self.regulars[HELPERS : HELPERS + ASKERS], self.town.cast["resident"]]
        self.helping = Helping(self.town, random.Random(len(people)), self.regulars[:HELPERS], askers)
        self.spending = Spending(self.town, random.Random(len(people) + 1))
        self.giving = Giving(self.town, random.Random(len(people) + 2))

    def open(self, session: Session, day: date, *, until: date) -> None:
        """Hold the opening day, at which the demo's own people earn their first hours, and clear its desk."""
        starts_at = clock.start_of_day(day, TIME_ZONE) + timedelta(hours=goods.OPENING.starts_at_hour)
        activity = self.announce(session, goods.OPENING, starts_at, starts_at - timedelta(days=3))
        on_time = (timedelta(minutes=-5), timedelta(minutes=goods.OPENING.minutes + 5))
        guests = [
            Guest(self.town.cast[login], *on_time, device=f"phone-{login}")
            for login in ("volunteer", "resident", "panel")
        ]
        guests += [
            Guest(who, *on_time, device=f"phone-{who.person_id}")
            for who in self.regulars[:12]
            if who is not self.town.cast["volunteer"]
        ]
        self.sign_up(session, activity, guests, starts_at - timedelta(days=2))
        self.tell_first_deeds(session, day)
        for guest in guests:
            self.attend(session, activity, guest, until=activity.ends_at + timedelta(hours=1))
        morning = clock.start_of_day(day + timedelta(days=1), TIME_ZONE) + timedelta(hours=9)
        self.clear_desk(session, morning)
        if self.town.shop is not None:
            self.helping.open(session)
        credits_.post_due(session, now=clock.start_of_day(until, TIME_ZONE))

    def live(self, session: Session, day: date, *, is_last: bool = False) -> None:
        """Live through one local day; on the last one the desk stays full."""
        morning = clock.start_of_day(day, TIME_ZONE) + timedelta(hours=9)
        if not is_last:
            self.clear_desk(session, morning)
        for kind in self.planned(day):
            self.hold_activity(session, kind, day)
        self.tell_deeds(session, day)
        if self.town.shop is not None:
            self.spending.live(session, day, self.kind_ones[-60:], morning + timedelta(hours=5))
            if not is_last:
                self.helping.live(session, day)
                self.giving.live(session, day)
        if not is_last:
            night = morning + timedelta(hours=14)
            while credits_.post_due(session, now=night):
                pass
            run_out(lambda at: shop.lapse_due(session, now=at), night + timedelta(minutes=1))

    def planned(self, day: date) -> list[goods.Kind]:
        """Draw what happens on a day: about 25 activities a month, most at weekends."""
        chance = 2 if day.weekday() >= 5 else 1
        today = self.draw.sample(goods.KINDS, chance)
        keep = 1.0 if day.weekday() >= 5 else 0.34
        return [kind for kind in today if self.draw.random() < keep]

    def hold_activity(self, session: Session, kind: goods.Kind, day: date) -> None:
        """Plan, publish, fill, run and close one activity."""
        starts_at = clock.start_of_day(day, TIME_ZONE) + timedelta(hours=kind.starts_at_hour)
        activity = self.announce(session, kind, starts_at, starts_at - timedelta(days=3))
        away = self.helping.away(day)
        guests = [guest for guest in self.invite(kind) if guest.who.person_id not in away]
        self.sign_up(session, activity, guests, starts_at - timedelta(days=2))
        self.run(session, activity, guests, until=activity.ends_at + timedelta(hours=2))
        closing.close(session, activity.id, now=activity.ends_at + timedelta(hours=2))

    def announce(self, session: Session, kind: goods.Kind, starts_at: datetime, now: datetime) -> Activity:
        """Plan and publish an activity."""
        coordinator = self.town.cast["coordinator"]
        plan = {
            "title": kind.title,
            "category": kind.category,
            "place": kind.place,
            "starts_at": starts_at,
            "ends_at": starts_at + timedelta(minutes=kind.minutes),
            "capacity": kind.people,
            "risk_note": kind.risk_note,
            "leader": self.town.cast["panel"].public_id,
        }
        drafted = activities.plan(session, coordinator, plan, now=now)
        return activities.publish(session, coordinator, drafted.public_id, is_clear=True, now=now)

    def invite(self, kind: goods.Kind) -> list[Guest]:
        """Draw who comes, and how: most on time, a few late, forgetful, early gone or uninvited."""
        crowd = min(len(self.town.people) // 2, int(kind.people * self.draw.uniform(0.8, 1.08)))
        often = self.draw.sample(self.regulars, min(len(self.regulars), int(crowd * 0.8)))
        seldom = self.draw.sample(self.town.people, crowd - len(often))
        people = list({who.person_id: who for who in [*often, *seldom]}.values())
        if self.town.cast["volunteer"] not in people and self.draw.random() < 0.3:
            people.append(self.town.cast["volunteer"])
        if self.draw.random() < 0.35:
            people.append(self.town.cast["resident"])
        return [self._habits(kind, who) for who in people]

    def _habits(self, kind: goods.Kind, who: Actor) -> Guest:
        draw, minutes = self.draw.random(), timedelta(minutes=1)
        arrives = minutes * self.draw.randint(-20, 8)
        leaves: timedelta | None = minutes * (kind.minutes + self.draw.randint(-2, 25))
        if draw < 0.05:
            arrives = minutes * self.draw.randint(17, 45)
        elif draw < 0.08:
            leaves = None
        elif draw < 0.12:
            leaves = minutes * self.draw.randint(40, kind.minutes - 30)
        return Guest(
            who,
            arrives,
            leaves,
            has_card=who.person_id in self.town.elders and self.draw.random() < 0.5,
            is_signed_up=self.draw.random() > 0.04,
            device=f"phone-{who.person_id}",
        )

    def sign_up(self, session: Session, activity: Activity, guests: Sequence[Guest], now: datetime) -> None:
        """Sign up those who do."""
        for guest in guests:
            if guest.is_signed_up:
                places.take(session, activity, guest.who.person_id, now=now)

    def run(self, session: Session, activity: Activity, guests: Sequence[Guest], *, until: datetime) -> None:
        """Let the guests scan in and out, up to a moment; now and then one phone serves two people."""
        if len(guests) > 12 and self.draw.random() < 0.3:
            guests[-1].device = guests[-2].device
        for guest in guests:
            if self.draw.random() < 0.04:
                continue
            self.attend(session, activity, guest, until=until)

    def attend(self, session: Session, activity: Activity, guest: Guest, *, until: datetime) -> None:
        """Let one guest scan in and out as is their habit, up to a moment."""
        for direction, span in (("in", guest.arrives), ("out", guest.leaves)):
            at = None if span is None else activity.starts_at + span
            if at is not None and at <= until:
                self._scan(session, activity, guest, direction, at)

    def _scan(self, session: Session, activity: Activity, guest: Guest, direction: str, at: datetime) -> None:
        uuid = f"{self.draw.getrandbits(128):032x}"
        if guest.has_card:
            said = self.keys.member_pass(guest.who.public_id, 1)
            card = codes.read(said)
            seen = Sighting(uuid, "card", at, direction, said)
            if isinstance(card, codes.Pass):
                checkin.scan_card(
                    session, self.town.cast["coordinator"], self.keys, activity.public_id, card, seen, now=at
                )
            return
        said = self.keys.venue(activity.public_id, activity.code_epoch, codes.step_of(at)).token
        seen = Sighting(uuid, "screen", at, direction, said, self.keys.device(guest.device))
        venue = codes.read(said)
        if isinstance(venue, codes.Venue):
            checkin.scan_venue(session, guest.who, self.keys, venue, seen, now=at)

    def clear_desk(self, session: Session, now: datetime) -> None:
        """Decide what waits: the clean at once, most of the exceptions after a look, cards by a second person."""
        coordinator, second = self.town.cast["coordinator"], self.town.cast["second"]
        waiting = session.execute(
            select(Credit.id, Credit.flags)
            .where(Credit.community_id == self.town.community.id, Credit.state == "submitted")
            .order_by(Credit.id)
            .limit(500)
        ).all()
        doubtful = [row.id for row in waiting if row.flags and self.draw.random() < 0.15]
        fine = [row.id for row in waiting if row.id not in set(doubtful)]
        credits_.decide(session, coordinator, fine, "approve", now=now)
        if doubtful:
            credits_.decide(session, coordinator, doubtful, "reject", reason=self.draw.choice(REFUSALS), now=now)
        again = session.scalars(
            select(Credit.id)
            .where(Credit.community_id == self.town.community.id, Credit.state == "second_review")
            .limit(500)
        ).all()
        credits_.decide(session, second, again, "approve", now=now + timedelta(minutes=30))

    def tell_deeds(self, session: Session, day: date) -> None:
        """Tell up to three good deeds: half of them by a neighbour, since many are too shy."""
        for _ in range(self.draw.randint(0, 3)):
            self._tell_deed(session, day)

    def _tell_deed(self, session: Session, day: date) -> None:
        evening = clock.start_of_day(day, TIME_ZONE) + timedelta(hours=18)
        doer, teller = self.draw.sample(self.regulars[:KIND_ONES], 2)
        category, story = self.draw.choice(goods.DEEDS)
        neighbour = session.get_one(Person, doer.person_id) if self.draw.random() < 0.5 else None
        try:
            with session.begin_nested():
                deeds.tell(
                    session, teller, category=category, story=story, happened_on=day, now=evening, neighbour=neighbour
                )
        except BankError:
            return  # the week or the month is full: real people are refused, too
        self.kind_ones.append(doer if neighbour else teller)

    def tell_first_deeds(self, session: Session, day: date) -> None:
        """Give the demo's own people a deed each, so that they have points to spend."""
        morning = clock.start_of_day(day, TIME_ZONE) + timedelta(hours=8)
        for login, category in (("resident", "blood_donation"), ("volunteer", "care"), ("panel", "captain_duty")):
            story = goods.FIRST_DEEDS[category]
            deeds.tell(session, self.town.cast[login], category=category, story=story, happened_on=day, now=morning)
