"""Verbs on good deeds: tell one's own or a neighbour's, decline, find who may see it, forget its photo."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from bank import chart, clock
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.communities.rules import Rules
from bank.credits import cases
from bank.credits import operations as credits
from bank.credits.models import Credit
from bank.deeds import judging, photos, rules
from bank.deeds.models import Deed, Photo
from bank.deeds.photos import Picture
from bank.errors import Conflict, Invalid, NotFound, say
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person
from bank.qr import new_public_id

STAFF = ("coordinator", "second_approver", "panel")
COUNTED = ("submitted", "second_review", "in_notice", "objected", "posted")
CLOSED = ("posted", "refused", "reversed", "void")


class TooLateToDecline(Conflict):
    """It is posted, refused or void already."""

    code = "already_decided"
    sentence = say("这件好事已经处理完了。想退回积分，请到社区服务台说一声。")


@dataclass(frozen=True, slots=True)
class Room:
    """What is left of the limits: deeds this week for who tells, points this month for who did it."""

    deeds: int
    points: int

    def holds(self, in_force: Rules, points: int) -> bool:
        """Tell whether a deed of so many points still fits into the month."""
        return not rules.is_limited(in_force, points) or points <= self.points


def room(session: Session, community: Community, person_id: int, in_force: Rules, *, now: datetime) -> Room:
    """Count what a person told this week and earned this month; what was refused or void does not count."""
    week = rules.week_began_at(now, community.time_zone)
    month = rules.month_began_at(now, community.time_zone)
    standing = Credit.state.in_(COUNTED)
    told = session.scalar(
        select(func.count())
        .select_from(Deed)
        .join(Credit, Credit.id == Deed.credit_id)
        .where(Deed.told_by == person_id, Deed.created_at >= week, standing)
    )
    earned = session.scalar(
        select(func.coalesce(func.sum(Deed.points), 0))
        .join(Credit, Credit.id == Deed.credit_id)
        .where(
            Deed.person_id == person_id,
            Deed.created_at >= month,
            Deed.points <= in_force.deed_points_per_month,
            standing,
        )
    )
    return Room(
        max(0, in_force.deed_claims_per_week - (told or 0)),
        max(0, in_force.deed_points_per_month - int(earned or 0)),
    )


def tell(
    session: Session,
    actor: Actor,
    *,
    category: str,
    story: str,
    happened_on: date,
    now: datetime,
    neighbour: Person | None = None,
    picture: Picture | None = None,
) -> Deed:
    """Tell a good deed, one's own or a neighbour's, and put its points on the desk.

    The neighbour is told and may decline. Raises Invalid, WeekIsFull and MonthIsFull.
    """
    community = session.get_one(Community, actor.community_id)
    in_force = communities.rules_at(session, community, now)
    doer_id = neighbour.id if neighbour else actor.person_id
    cases.lock_people(session, (actor.person_id, doer_id))
    points = _points(in_force, category)
    age_days = _age_days(happened_on, clock.local_day(now, community.time_zone))
    _check_room(session, community, actor.person_id, doer_id, in_force, points, now)
    photo_again = picture is not None and _is_known(session, picture)
    is_alike = picture is not None and not photo_again and _looks_known(session, picture, in_force)
    deed = Deed(
        public_id=new_public_id(),
        community_id=community.id,
        person_id=doer_id,
        told_by=actor.person_id,
        category=category,
        points=points,
        story=story,
        happened_on=happened_on,
        photo_id=keep(session, picture, now=now) if picture else None,
        created_at=now,
        witness_code=new_public_id(),
    )
    session.add(deed)
    session.flush()
    same_home = (
        neighbour is not None and actor.household_id is not None and (neighbour.household_id == actor.household_id)
    )
    flags = rules.flags(
        is_by_self=neighbour is None,
        same_home=same_home,
        has_photo=picture is not None,
        photo_again=photo_again,
        is_alike=is_alike,
        age_days=age_days,
    )
    deed.credit_id = _propose(session, deed, in_force, flags, is_by_neighbour=neighbour is not None and not same_home)
    session.flush()
    if neighbour is not None:
        _tell_neighbour(session, actor, deed, now)
    judging.open_where_due(session, deed, in_force, now=now)
    return deed


def _points(in_force: Rules, category: str) -> int:
    points = in_force.deed_points.get(category)
    if points is None or category not in rules.CATEGORIES:
        raise Invalid({"category": [say("请从给出的选项里选一个。")]})
    return points


def _age_days(happened_on: date, today: date) -> int:
    age_days = (today - happened_on).days
    if age_days < 0:
        raise Invalid({"happened_on": [say("日期还没有到，请填做好事的那天。")]})
    if age_days > rules.TELL_WITHIN_DAYS:
        raise Invalid({"happened_on": [say("请在 30 天内说；更早的好事请到服务台说明。")]})
    return age_days


def _check_room(
    session: Session,
    community: Community,
    teller_id: int,
    doer_id: int,
    in_force: Rules,
    points: int,
    now: datetime,
) -> None:
    if room(session, community, teller_id, in_force, now=now).deeds == 0:
        raise rules.WeekIsFull(most=in_force.deed_claims_per_week)
    if not room(session, community, doer_id, in_force, now=now).holds(in_force, points):
        raise rules.MonthIsFull(most=in_force.deed_points_per_month)


def _is_known(session: Session, picture: Picture) -> bool:
    same = select(Photo.id).where(Photo.sha256 == picture.sha256).limit(1)
    return session.scalar(same) is not None


def _looks_known(session: Session, picture: Picture, in_force: Rules) -> bool:
    """Compare with every photo that is kept: ninety days' worth, sixteen signs each."""
    if picture.dhash is None:
        return False
    known = session.scalars(select(Photo.dhash).where(Photo.dhash.is_not(None)).distinct())
    return any(photos.distance(picture.dhash, other) <= in_force.photo_distance_bits for other in known if other)


def keep(session: Session, picture: Picture, *, now: datetime) -> int:
    """Keep a photo; give its id."""
    photo = Photo(
        sha256=picture.sha256,
        jpeg=picture.jpeg,
        width=picture.width,
        height=picture.height,
        created_at=now,
        dhash=picture.dhash,
    )
    session.add(photo)
    session.flush()
    return photo.id


def _propose(
    session: Session, deed: Deed, in_force: Rules, flags: list[dict[str, object]], *, is_by_neighbour: bool
) -> int:
    credit = credits.propose(
        session,
        community_id=deed.community_id,
        source=f"deed:{deed.id}",
        person_id=deed.person_id,
        proposed_by=deed.told_by,
        title=rules.CATEGORIES[deed.category],
        happened_on=deed.happened_on,
        unit=chart.POINTS,
        amount=deed.points,
        evidence_class=rules.evidence_class(is_by_neighbour=is_by_neighbour, has_photo=deed.photo_id is not None),
        evidence={
            "category": deed.category,
            "story": deed.story,
            "photo_id": deed.photo_id,
            "told_by": "self" if deed.told_by == deed.person_id else "neighbour",
            "deed_id": deed.public_id,
        },
        flags=flags,
        rules_number=in_force.number,
        began_at=session.get_one(Person, deed.told_by).created_at,
        now=deed.created_at,
    )
    return credit.id


def _tell_neighbour(session: Session, actor: Actor, deed: Deed, now: datetime) -> None:
    sentence = say("邻居 %(name)s 替您说了一件好事：%(title)s。审核公示后记积分；不想要，点进去按“不用了”就行。")
    facts = {"name": actor.name, "title": rules.CATEGORIES[deed.category]}
    members.tell(session, [deed.person_id], sentence, facts=facts, link=f"/deeds/{deed.public_id}", now=now)


def decline(session: Session, actor: Actor, public_id: str, *, now: datetime) -> None:
    """Say no to points that a neighbour asked for, until they are posted. Raises NotFound, TooLateToDecline."""
    deed = session.scalar(select(Deed).where(Deed.public_id == public_id, Deed.person_id == actor.person_id))
    if deed is None or deed.credit_id is None:
        raise NotFound
    state = session.scalar(select(Credit.state).where(Credit.id == deed.credit_id).with_for_update())
    if state in CLOSED:
        raise TooLateToDecline
    credits.void(session, deed.credit_id, reason=say("本人说不用了。"), by=actor.person_id, now=now)
    judging.withdraw(session, deed.id, now=now)
    if deed.told_by != actor.person_id:
        sentence = say("您说的那件好事（%(title)s），本人说心意领了，积分就不用了。")
        facts = {"title": rules.CATEGORIES[deed.category]}
        members.tell(session, [deed.told_by], sentence, facts=facts, now=now)


@dataclass(frozen=True, slots=True)
class Told:
    """A deed with who did it, who told it, and how far it is."""

    deed: Deed
    doer: str
    teller: str
    credit: Credit


def visible(session: Session, actor: Actor, public_id: str) -> Told:
    """Find a deed for who may see it: who did, told or witnessed it, and the staff of the community.

    Raises NotFound.
    """
    told = _told(session, Deed.public_id == public_id)
    if not told:
        raise NotFound
    deed = told[0].deed
    is_staff = deed.community_id == actor.community_id and actor.may(*STAFF)
    if actor.person_id not in (deed.person_id, deed.told_by) and not is_staff:
        raise NotFound
    return told[0]


def of_person(session: Session, person_id: int, *, limit: int = 50) -> list[Told]:
    """Give what a person did or told, newest first."""
    return _told(session, or_(Deed.person_id == person_id, Deed.told_by == person_id), limit=limit)


def _told(session: Session, condition: object, *, limit: int = 1) -> list[Told]:
    doer, teller = aliased(Person), aliased(Person)
    rows = session.execute(
        select(Deed, doer.name, teller.name, Credit)
        .join(doer, doer.id == Deed.person_id)
        .join(teller, teller.id == Deed.told_by)
        .join(Credit, Credit.id == Deed.credit_id)
        .where(condition)  # type: ignore[arg-type]
        .order_by(Deed.id.desc())
        .limit(limit)
    )
    return [Told(*row) for row in rows]


def photo_of(session: Session, actor: Actor, public_id: str) -> Photo:
    """Give a deed's photo to who may see the deed. Raises NotFound."""
    deed = visible(session, actor, public_id).deed
    if deed.photo_id is None:
        raise NotFound
    return session.get_one(Photo, deed.photo_id)


def forget_photos(session: Session, *, now: datetime, limit: int = 500) -> int:
    """Delete photos whose deed is decided and off public notice for ninety days; give how many."""
    before = now - timedelta(days=rules.PHOTO_KEPT_DAYS)
    over = (
        select(Deed.id, Deed.photo_id)
        .join(Credit, Credit.id == Deed.credit_id)
        .where(
            Deed.photo_id.is_not(None),
            Credit.state.in_(CLOSED),
            func.coalesce(Credit.notice_until, Deed.created_at) < before,
        )
        .order_by(Deed.id)
        .limit(limit)
    )
    rows = session.execute(over).all()
    if not rows:
        return 0
    session.execute(update(Deed).where(Deed.id.in_([row.id for row in rows])).values(photo_id=None))
    session.execute(delete(Photo).where(Photo.id.in_([row.photo_id for row in rows])))
    return len(rows)
