"""Verbs on people: register, give roles, disable, sign in and out, tell."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session, aliased

from bank import chart, db
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.errors import Invalid, NotFound, say
from bank.members import passwords, rules
from bank.members.actor import Actor
from bank.members.models import ROLES, Household, Message, Person, Role, SignIn
from bank.qr import new_public_id

PAGE_SIGN_IN = timedelta(days=90)
API_TOKEN = timedelta(days=30)
MOST_PEOPLE_PER_PHONE = 6


def settle(session: Session, building: Community, door: str) -> Household:
    """Add a household behind a door of a building."""
    household = Household(building_id=building.id, door=door)
    session.add(household)
    session.flush()
    return household


def register(
    session: Session,
    community: Community,
    *,
    name: str,
    now: datetime,
    login: str | None = None,
    phone: str | None = None,
    password_hash: str | None = None,
    pin_hash: str | None = None,
    household: Household | None = None,
    is_elder: bool = False,
    vouched_by: int | None = None,
) -> Person:
    """Register a resident and open their accounts; `vouched_by` of the staff says that they exist.

    Raises Invalid where the login is taken.
    """
    if login is not None and session.scalar(select(Person.id).where(Person.login == login)) is not None:
        raise Invalid({"login": [say("这个登录名已经有人用了，请换一个。")]})
    person = Person(
        public_id=new_public_id(),
        community_id=community.id,
        household_id=household.id if household else None,
        name=name,
        pinyin=rules.initials(name),
        login=login,
        phone=phone,
        password_hash=password_hash,
        pin_hash=pin_hash,
        is_elder=is_elder,
        vouched_by=vouched_by,
        created_at=now,
    )
    session.add(person)
    session.flush()
    book = db.book(session, community.id, now)
    for unit in chart.UNITS:
        book.open_account(chart.member(person.public_id), unit, kind="member", session=session)
    return person


def grant_role(
    session: Session, person: Person, role: str, place: Community, *, now: datetime, granted_by: int | None = None
) -> None:
    """Give a role in a place; the person's open sign-ins end, so that none lives on with old rights."""
    if role not in ROLES:
        raise Invalid({"role": [say("没有这个角色。")]})
    session.merge(Role(person_id=person.id, community_id=place.id, name=role, granted_at=now, granted_by=granted_by))
    end_sign_ins(session, person.id)
    session.flush()


def revoke_role(session: Session, person: Person, role: str, place: Community) -> None:
    """Take a role away and end the person's sign-ins."""
    session.execute(delete(Role).where(Role.person_id == person.id, Role.community_id == place.id, Role.name == role))
    end_sign_ins(session, person.id)


def disable(session: Session, person: Person, *, now: datetime) -> None:
    """Stop a person from signing in, at once. Their hours stay theirs."""
    person.disabled_at = now
    end_sign_ins(session, person.id)
    session.flush()


def enable(session: Session, person: Person) -> None:
    """Let a disabled person sign in again."""
    person.disabled_at = None
    session.flush()


def end_sign_ins(session: Session, person_id: int) -> None:
    """End every sign-in and token of a person."""
    session.execute(delete(SignIn).where(SignIn.person_id == person_id))


def find_by_login(session: Session, login: str) -> list[Person]:
    """Find who may mean `login`: one person by login name, or everyone who shares a phone, at most six."""
    phone = rules.read_phone(login)
    same = Person.phone == phone if phone else Person.login == login.strip().lower()
    found = select(Person).where(same, Person.disabled_at.is_(None)).order_by(Person.id).limit(MOST_PEOPLE_PER_PHONE)
    return list(session.scalars(found))


def only_in_a_demo(session: Session, people: Sequence[Person]) -> list[Person]:
    """Keep those who live in a demo community: the demo's well-known password opens nothing anywhere else."""
    demos = set(session.scalars(select(Community.id).where(Community.is_demo)))
    return [person for person in people if person.community_id in demos]


def check_password(candidates: Sequence[Person], password: str) -> Person | None:
    """Find whose password it is; slow, so call it outside a write. None for nobody's."""
    for person in candidates:
        if passwords.matches(password, person.password_hash):
            return person
    if not candidates:
        passwords.matches(password, None)
    return None


def open_sign_in(
    session: Session, person_id: int, *, kind: str, now: datetime, device: str = ""
) -> tuple[str, datetime]:
    """Open a sign-in of kind `page` or `api`; give its secret token, which is never stored, and when it ends."""
    token = secrets.token_urlsafe(32)
    expires_at = now + (API_TOKEN if kind == "api" else PAGE_SIGN_IN)
    session.execute(delete(SignIn).where(SignIn.person_id == person_id, SignIn.expires_at < now))
    session.add(
        SignIn(
            person_id=person_id,
            kind=kind,
            token_hash=_token_hash(token),
            device=device[:200],
            created_at=now,
            expires_at=expires_at,
        )
    )
    session.flush()
    return token, expires_at


def close_sign_in(session: Session, token: str) -> None:
    """End one sign-in."""
    session.execute(delete(SignIn).where(SignIn.token_hash == _token_hash(token)))


def who_holds(session: Session, token: str, kind: str, now: datetime) -> tuple[Actor, str, bool] | None:
    """Give who signed in with a token, their language and whether they chose large type; None if it has ended."""
    home = aliased(Community)
    rows = session.execute(
        select(Person, home.path.label("home"), Role.name.label("role"), Community.path)
        .join(SignIn, SignIn.person_id == Person.id)
        .join(home, home.id == Person.community_id)
        .outerjoin(Role, Role.person_id == Person.id)
        .outerjoin(Community, Community.id == Role.community_id)
        .where(
            SignIn.token_hash == _token_hash(token),
            SignIn.kind == kind,
            SignIn.expires_at > now,
            Person.disabled_at.is_(None),
        )
    ).all()
    if not rows:
        return None
    person: Person = rows[0][0]
    held = frozenset(row.role for row in rows if row.role and row.home.startswith(row.path))
    return _actor(person, held), person.language, person.is_elder


def actor_of(session: Session, person: Person) -> Actor:
    """Give a person as an actor, with the roles they hold in their home community."""
    rows = session.execute(select(Role.name, Community.path).join(Community).where(Role.person_id == person.id)).all()
    home = session.get_one(Community, person.community_id).path
    return _actor(person, frozenset(row.name for row in rows if home.startswith(row.path)))


def _actor(person: Person, roles: frozenset[str]) -> Actor:
    return Actor(person.id, person.public_id, person.name, person.community_id, person.household_id, roles)


def in_community(session: Session, community_id: int, public_id: str) -> Person:
    """Find a member of a community by public id. Raises NotFound, for other communities' members too."""
    person = session.scalar(select(Person).where(Person.public_id == public_id, Person.community_id == community_id))
    if person is None:
        raise NotFound
    return person


def search(session: Session, community_id: int, text: str, *, limit: int = 20) -> list[Person]:
    """Find members by name, pinyin initials, building and door, the phone's last digits or the number on a card.

    Nothing for nothing.
    """
    wanted = text.strip()
    if not wanted:
        return []
    escaped = wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    ways = [Person.name.like(f"{escaped}%", escape="\\"), Person.public_id == rules.person_of_card(wanted)]
    if wanted.isascii() and wanted.isalpha():
        ways.append(Person.pinyin.like(f"{escaped.lower()}%", escape="\\"))
    if any(letter.isdigit() for letter in wanted):
        ways.append(Person.household_id.in_(_homes(escaped)))
    if wanted.isascii() and wanted.isdigit() and len(wanted) >= 4:
        ways.append(Person.phone.like(f"%{escaped}", escape="\\"))
    found = select(Person).where(Person.community_id == community_id, or_(*ways)).order_by(Person.name, Person.id)
    return list(session.scalars(found.limit(limit)))


def _homes(escaped: str) -> Select[int]:
    """Choose the homes whose building and door, such as 3栋2单元501 or in short 3-2-501, begin so."""
    at = func.replace(Community.name + Household.door, " ", "")
    ways = [at.like(f"{start}%", escape="\\") for start in (escaped.replace(" ", ""), *rules.home_starts(escaped))]
    return select(Household.id).join(Community, Community.id == Household.building_id).where(or_(*ways))


def reissue_card(session: Session, person: Person) -> None:
    """Make a lost pass or card worthless by printing the next version."""
    person.card_version += 1
    session.flush()


def tell(
    session: Session,
    person_ids: Sequence[int],
    sentence: str,
    *,
    now: datetime,
    facts: Mapping[str, Any] | None = None,
    link: str | None = None,
    agent: Actor | None = None,
) -> None:
    """Leave a message for each person; `sentence` is a marked sentence, `facts` its placeholders.

    `agent` did in the person's name what the sentence tells of: the printed passbook says it too.
    """
    told = [(person_id, facts or {}) for person_id in person_ids]
    tell_each(session, told, sentence, now=now, link=link, agent_id=agent.person_id if agent else None)


def tell_each(
    session: Session,
    told: Sequence[tuple[int, Mapping[str, Any]]],
    sentence: str,
    *,
    now: datetime,
    link: str | None = None,
    links: Sequence[str] | None = None,
    agent_id: int | None = None,
) -> None:
    """Leave the same sentence with each person's own facts, and with a link of their own where `links` gives one for
    each, all in one statement."""
    own_links: Sequence[str | None] = links or [link] * len(told)
    same = {"sentence": sentence, "created_at": now, "agent_id": agent_id}
    rows = [
        {"person_id": person_id, "facts": dict(facts), "link": own, **same}
        for (person_id, facts), own in zip(told, own_links, strict=True)
    ]
    if rows:
        session.execute(insert(Message), rows)


def unread(session: Session, person_id: int, *, through: int | None = None) -> list[Message]:
    """Give the five newest unread messages, of those up to `through` where it is given."""
    found = select(Message).where(Message.person_id == person_id, Message.read_at.is_(None))
    if through is not None:
        found = found.where(Message.id <= through)
    return list(session.scalars(found.order_by(Message.id.desc()).limit(5)))


def done_in_name_of(session: Session, person_id: int, *, limit: int = 10) -> list[Message]:
    """Give the newest messages of what somebody else did in the person's name, read or not."""
    found = select(Message).where(Message.person_id == person_id, Message.agent_id.is_not(None))
    return list(session.scalars(found.order_by(Message.id.desc()).limit(limit)))


def put_away(session: Session, person_id: int, through: int, *, now: datetime) -> None:
    """Put away what `unread` gave when `through` was its newest: what was not shown stays unread."""
    shown = [message.id for message in unread(session, person_id, through=through)]
    session.execute(update(Message).where(Message.id.in_(shown), Message.read_at.is_(None)).values(read_at=now))


def _token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def settle_newcomers(session: Session, *, now: datetime) -> int:
    """Let who has been here for the rules' days be vouched for by nobody any more; give how many."""
    settled = 0
    for place in session.scalars(select(Community).where(Community.kind == "community").order_by(Community.id)):
        days = communities.rules_at(session, place, now).newcomer_days
        old = (
            update(Person)
            .where(
                Person.community_id == place.id,
                Person.vouched_by.is_not(None),
                Person.created_at <= now - timedelta(days=days),
            )
            .values(vouched_by=None)
            .returning(Person.id)
            .execution_options(synchronize_session=False)
        )
        settled += len(session.scalars(old).all())
    return settled
