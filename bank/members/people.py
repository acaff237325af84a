"""Looking after people: sign-in with its limits, registration from paper, cards, PINs and roles."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import current_app
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from bank import clock, db
from bank.communities.models import Community
from bank.errors import Invalid, NotAllowed, say
from bank.members import operations as members
from bank.members import passwords, rules
from bank.members.actor import Actor
from bank.members.models import Household, NamingConsent, Person
from bank.web import limits

NAMING_WORDS = 1
"""Which version of the words beside the box on /me a person agrees to; rises when the words change."""
SIGN_IN_PERIOD_S = 300
TRIES_PER_LOGIN_AND_ADDRESS = 10
TRIES_PER_LOGIN = 100
"""From everywhere together: whoever knows a login must not be able to shut its owner out from elsewhere."""
TRIES_PER_ADDRESS = 600
"""A whole market square may share one carrier address, so this only slows a flood."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Hashes made before the write begins."""

    password_hash: str | None
    pin_hash: str | None


def who_signs_in(login: str, password: str, *, address: str) -> int | None:
    """Find whose login and password these are, None for nobody's; slow, and outside any write. Raises TooMany."""
    now = clock.utc_now()
    meant = rules.read_phone(login) or login.strip().lower()
    anywhere = f"sign-in:{hashlib.sha256(meant.encode('utf-8', 'replace')).hexdigest()[:32]}"
    here = f"{anywhere}@{address}"
    most = {
        here: TRIES_PER_LOGIN_AND_ADDRESS,
        anywhere: TRIES_PER_LOGIN,
        f"sign-in-from:{address}": TRIES_PER_ADDRESS,
    }
    db.drop()
    limits.spend(most, period_s=SIGN_IN_PERIOD_S, now=now)
    candidates = members.find_by_login(db.session(), login)
    if password == current_app.config["DEMO_PASSWORD"]:
        candidates = members.only_in_a_demo(db.session(), candidates)
    db.drop()
    person = members.check_password(candidates, password)
    if person is None:
        return None
    # What was counted everywhere stays: two may share a phone, and one's password opens no search for the other's.
    limits.forget([here])
    return person.id


def make_pin_hash(pin: str, again: str) -> str:
    """Check a new PIN typed twice and hash it. Raises Invalid."""
    if pin != again:
        raise Invalid({"again": [say("两次输入的 PIN 不一样。")]})
    if not rules.is_good_pin(pin):
        raise Invalid({"pin": [say("PIN 是四位数字，不要用 1234、0000 这样容易猜到的。")]})
    return passwords.make_hash(pin)


def hash_secrets(given: Mapping[str, Any]) -> Secrets:
    """Hash the password and PIN of a registration. Raises Invalid."""
    pin = given.get("pin")
    return Secrets(
        passwords.make_hash(given["password"]) if given.get("password") else None,
        make_pin_hash(pin, pin) if pin else None,
    )


def register_from_paper(
    session: Session, who: Actor, given: Mapping[str, Any], secrets: Secrets, *, now: datetime
) -> Person:
    """Register a resident from a paper form in the coordinator's community. Raises Invalid."""
    phone = _read_phone(given.get("phone"))
    login = _read_login(given.get("login"))
    community = session.get_one(Community, who.community_id)
    household = _household(session, community, given.get("building"), given.get("door"))
    person = members.register(
        session,
        community,
        name=given["name"],
        now=now,
        login=login,
        phone=phone,
        password_hash=secrets.password_hash,
        pin_hash=secrets.pin_hash,
        household=household,
        is_elder=given["is_elder"],
        vouched_by=who.person_id,
    )
    if secrets.pin_hash is not None:
        person.pin_set_by = who.person_id
    return person


def twin_of(session: Session, who: Actor, given: Mapping[str, Any]) -> Person | None:
    """Find a member of the same name with the same phone, or at the same door: perhaps the same person."""
    phone = rules.read_phone(given.get("phone") or "")
    household = (
        select(Household.id)
        .join(Community, Community.id == Household.building_id)
        .where(Community.code == given.get("building"), Household.door == given.get("door"))
    )
    ways = [Person.household_id.in_(household)] + ([Person.phone == phone] if phone else [])
    same = select(Person).where(Person.community_id == who.community_id, Person.name == given["name"], or_(*ways))
    return session.scalar(same.order_by(Person.id).limit(1))


def set_pin(session: Session, who: Actor, public_id: str, pin_hash: str, *, now: datetime) -> None:
    """Give a member a new PIN at the desk, which unlocks their card; they are told who did it."""
    person = _other_member(session, who, public_id)
    _renew_pin(session, person, pin_hash, who.person_id)
    sentence = say("%(name)s 在社区柜台为您设了新的 PIN。如果不是您要求的，请马上告诉社区。")
    members.tell(session, [person.id], sentence, facts={"name": who.name}, now=now)


def change_pin(session: Session, person_id: int, pin_hash: str) -> None:
    """Change one's own PIN, which unlocks the card."""
    _renew_pin(session, session.get_one(Person, person_id), pin_hash, None)


def tries_of_pin(person_id: int) -> str:
    """Name the count of wrong PINs on somebody's card."""
    return f"pin:{person_id}"


def reissue_card(session: Session, who: Actor, public_id: str, *, now: datetime) -> None:
    """Void a member's pass and card; they are told who did it."""
    person = _other_member(session, who, public_id)
    members.reissue_card(session, person)
    sentence = say("%(name)s 为您换了新卡，旧卡和旧码不能再用。")
    members.tell(session, [person.id], sentence, facts={"name": who.name}, now=now)


def set_password(session: Session, person_id: int, password_hash: str) -> None:
    """Change a password and end every sign-in."""
    session.get_one(Person, person_id).password_hash = password_hash
    members.end_sign_ins(session, person_id)


def change_role(session: Session, who: Actor, person: Person, role: str, *, give: bool, now: datetime) -> None:
    """Give or take a role in the administrator's community."""
    place = session.get_one(Community, who.community_id)
    if give:
        members.grant_role(session, person, role, place, now=now, granted_by=who.person_id)
    else:
        members.revoke_role(session, person, role, place)


def set_group(session: Session, who: Actor, public_id: str, *, is_group: bool) -> None:
    """Say that an account is a unit's or a group's, whose hours can only be donated, or a person's again.

    Not one's own and not one's household's. Raises NotFound, NotAllowed.
    """
    person = _other_member(session, who, public_id)
    if who.household_id is not None and person.household_id == who.household_id:
        raise NotAllowed
    person.is_group = is_group
    session.flush()


def consent_to_be_named(session: Session, person: Person, is_given: bool, *, now: datetime) -> None:
    """Record that a person agrees to be named in public notices, or takes it back; nothing where nothing changes.

    Notices read `is_named` whenever they are shown, so that taking it back masks the name at once.
    """
    if person.is_named == is_given:
        return
    person.is_named = is_given
    session.add(NamingConsent(person_id=person.id, version=NAMING_WORDS, is_given=is_given, at=now))
    session.flush()


def naming_consent(session: Session, person_id: int) -> NamingConsent | None:
    """Give the latest word of a person on being named, None for never asked."""
    chosen = select(NamingConsent).where(NamingConsent.person_id == person_id)
    return session.scalar(chosen.order_by(NamingConsent.id.desc()).limit(1))


def home_of(session: Session, person: Person) -> str:
    """Say where a person lives: building and door, or nothing."""
    if person.household_id is None:
        return ""
    row = session.execute(
        select(Community.name, Household.door)
        .join(Household, Household.building_id == Community.id)
        .where(Household.id == person.household_id)
    ).one()
    return f"{row.name} {row.door}"


def _renew_pin(session: Session, person: Person, pin_hash: str, by: int | None) -> None:
    person.pin_hash, person.pin_set_by = pin_hash, by
    limits.forget_within(session, [tries_of_pin(person.id)])


def _other_member(session: Session, who: Actor, public_id: str) -> Person:
    person = members.in_community(session, who.community_id, public_id)
    if person.id == who.person_id:
        raise NotAllowed
    return person


def _read_phone(text: str | None) -> str | None:
    if not text:
        return None
    phone = rules.read_phone(text)
    if phone is None:
        raise Invalid({"phone": [say("请填 11 位手机号。")]})
    return phone


def _read_login(text: str | None) -> str | None:
    if not text:
        return None
    if not rules.LOGIN.match(text.lower()):
        raise Invalid({"login": [say("登录名用 3 到 31 个小写字母和数字，以字母开头。")]})
    return text.lower()


def _household(session: Session, community: Community, code: str | None, door: str | None) -> Household | None:
    if not code or not door:
        return None
    building = session.scalar(select(Community).where(Community.code == code, Community.parent_id == community.id))
    if building is None:
        raise Invalid({"building": [say("请从给出的选项里选一个。")]})
    same = session.scalar(select(Household).where(Household.building_id == building.id, Household.door == door))
    return same or members.settle(session, building, door)
