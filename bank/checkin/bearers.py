"""Acting for a resident who has only a printed card: whose card it is, and whether it is they who typed the PIN."""

from __future__ import annotations

import re
from datetime import datetime

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from bank import db
from bank.checkin import codes
from bank.errors import Conflict, TooMany, say
from bank.members import operations as members
from bank.members import passwords, people
from bank.members.actor import Actor
from bank.members.models import Person
from bank.members.rules import read_card_number
from bank.qr import LONGEST_SCAN, fold, unspaced
from bank.web import limits

_CARD_LINK = re.compile(r"https?://[^/\s]+/s/([^/?#\s]+)", re.IGNORECASE)
PUBLIC_ID = 8
WRONG_TRIES = 5
LOCK_S = 15 * 60
TRIES_PER_KEEPER = 60
"""Right and wrong ones in a quarter of an hour: one card every 15 seconds is a busy counter, more is a search."""


class CardInvalid(Conflict):
    """Nobody's card, or one that was replaced."""

    code = "code_invalid"
    sentence = say("这张卡不能用：可能已经换过新卡。请到社区服务台看看。")


class NoPin(Conflict):
    """The card's owner never set a PIN."""

    code = "code_invalid"
    sentence = say("这张卡还没有设 PIN，没有办成。请本人到社区服务台设好四位数字。")


class OwnSetting(Conflict):
    """Whoever set a PIN may know it, so it is no proof before them that its owner is there."""

    code = "conflict_of_interest"
    sentence = say("这个 PIN 是您替本人设的，不能由您凭它来花。请另一位工作人员来办，或请另一位重设 PIN。")


class CardLocked(TooMany):
    """The last wrong try allowed, or any try while the card rests."""

    sentence = say("PIN 错了太多次，没有办成。卡已锁住，%(minutes)s 分钟后再试。")


class WrongPin(Conflict):
    """Not the PIN of this card."""

    code = "code_invalid"
    sentence = say("PIN 不对，没有办成。还可以再试 %(left)s 次。")


def whose_card(session: Session, actor: Actor, text: str) -> Person | None:
    """Find whose pass, card or card number was scanned or typed; None where it is none of these.

    Raises CardInvalid for a forged or replaced card and for another community's.
    """
    number = read_card_number(text)
    if number is not None:
        return _holder(session, actor, *number)
    token = read_pass_text(text)
    if token is None:
        return None
    card = _read_card(token)
    person = _holder(session, actor, card.person_id, card.version)
    if person is None:
        raise CardInvalid
    return person


def read_pass_text(text: str) -> str | None:
    """Find the token of a resident's pass or card in a scan, alone or in its link; None if it is none."""
    if len(text) > LONGEST_SCAN:
        return None
    link = _CARD_LINK.match(text.strip())
    token = fold(link.group(1) if link else text)
    return token if token.startswith("P1") and len(token) > PUBLIC_ID else None


def _holder(session: Session, actor: Actor, public_id: str, version: int) -> Person | None:
    person = _member(session, actor, public_id)
    if person is not None and person.card_version != version:
        raise CardInvalid
    return person


def _read_card(token: str) -> codes.Pass:
    try:
        card = codes.read(token)
        if not isinstance(card, codes.Pass):
            raise CardInvalid
        codes.Keys(bytes.fromhex(current_app.config["CODE_KEY"])).prove_pass(card)
    except codes.CodeInvalid as forged:
        raise CardInvalid from forged
    return card


def _member(session: Session, actor: Actor, public_id: str) -> Person | None:
    return session.scalar(
        select(Person).where(
            Person.public_id == public_id,
            Person.community_id == actor.community_id,
            Person.disabled_at.is_(None),
        )
    )


def lock_of(session: Session, owner: Person, *, now: datetime) -> CardLocked | None:
    """Give the refusal that waits for any PIN of a card that rests; None where the next try counts."""
    until = limits.rests_until(session, people.tries_of_pin(owner.id), most=WRONG_TRIES, now=now)
    return CardLocked(max(1, int((until - now).total_seconds()))) if until is not None else None


def check_pin(actor: Actor, owner: Person, pin: str, *, now: datetime) -> None:
    """Go on only with the card's PIN; slow, so call it outside a write.

    Five wrong tries lock the card for 15 minutes in all workers and shops, and its owner is told.
    Raises NoPin, WrongPin, CardLocked, and TooMany where the shopkeeper tries too much.
    """
    owner_id, pin_hash = owner.id, owner.pin_hash
    db.drop()
    if pin_hash is None:
        raise NoPin
    limits.spend({f"pin-by:{actor.person_id}": TRIES_PER_KEEPER}, period_s=LOCK_S, now=now)
    name = people.tries_of_pin(owner_id)
    tried = _count_try(name, now)
    if passwords.matches(unspaced(pin), pin_hash):
        limits.forget([name])
        return
    if tried >= WRONG_TRIES:
        _warn(owner_id, now)
        raise CardLocked(LOCK_S)
    raise WrongPin(left=WRONG_TRIES - tried)


def check_spending_pin(actor: Actor, owner: Person, pin: str, *, now: datetime) -> None:
    """Go on only with the card's PIN, and not for whoever set it. Raises OwnSetting, and as `check_pin`."""
    if owner.pin_set_by == actor.person_id:
        db.drop()
        raise OwnSetting
    check_pin(actor, owner, pin, now=now)


def _count_try(name: str, now: datetime) -> int:
    try:
        return limits.spend_or_rest(name, most=WRONG_TRIES, rest_s=LOCK_S, now=now)
    except TooMany as resting:
        raise CardLocked(resting.retry_after_s) from resting


def _warn(owner_id: int, now: datetime) -> None:
    sentence = say("有人拿您的卡连续输错 PIN，卡锁住 15 分钟。不是您本人，请马上告诉社区。")
    with db.unit_of_work() as session:
        members.tell(session, [owner_id], sentence, now=now)
