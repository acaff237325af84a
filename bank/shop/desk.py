"""Reading codes at the counter, with a limit on how many may be tried."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bank import db
from bank.checkin import bearers
from bank.members.actor import Actor
from bank.members.models import Person
from bank.shop import rules
from bank.shop.models import Order
from bank.shop.refusals import VoucherNotFound
from bank.web import limits
from bank.web.i18n import translate

CODES_TRIED = 120
PERIOD_S = 600
"""Right and wrong ones together, two for each hand-over: a voucher every ten seconds is a busy counter. Against 40
random bits it leaves a guesser nothing."""


def read_voucher_code(actor: Actor, text: str, *, now: datetime) -> str:
    """Read a typed or scanned voucher code of the actor's community; call it before the write begins.

    Raises NotAllowed, VoucherNotFound, TooMany.
    """
    actor.require("shopkeeper")
    count_try(actor, now=now)
    code = rules.read_code(text)
    if code is None or not is_voucher(actor, code):
        raise VoucherNotFound
    return code


def count_try(actor: Actor, *, now: datetime) -> None:
    """Count one code tried by a shopkeeper, in all workers together. Raises TooMany."""
    db.drop()
    limits.spend({f"code-by:{actor.person_id}": CODES_TRIED}, period_s=PERIOD_S, now=now)


def is_voucher(actor: Actor, code: str) -> bool:
    """Tell whether a voucher of the actor's community has this code."""
    found = db.session().scalar(
        select(Order.id).where(Order.voucher_code == code, Order.community_id == actor.community_id)
    )
    db.drop()
    return found is not None


def lock_of(session: Session, owner: Person, *, now: datetime) -> str | None:
    """Say that a card rests after too many wrong PINs, before anything is chosen; None where it does not."""
    locked = bearers.lock_of(session, owner, now=now)
    return translate(locked.sentence, locked.facts) if locked is not None else None
