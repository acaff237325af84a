"""Six spoken digits instead of a scan, with the limits that make guessing them hopeless."""

from __future__ import annotations

import re
from datetime import datetime

from bank import db
from bank.checkin import venue
from bank.checkin.codes import Keys, Shown
from bank.errors import Conflict, TooMany, say
from bank.members.actor import Actor
from bank.qr import unspaced
from bank.web import limits

TRIES_PER_MINUTE = 5
WRONG_PER_ACTIVITY_PER_MINUTE = 20
LOCK_S = 600
"""After so many wrong ones an activity takes no digits for ten minutes; its code still works."""
SIX = re.compile(r"[0-9]{6}\Z")


class WrongDigits(Conflict):
    """Not the digits on the screen now."""

    code = "code_invalid"
    sentence = say("这六位数字不对，可能已经换了。请看屏幕上现在的数字再输一次。")


def try_digits(who: Actor, keys: Keys, activity: str, typed: str, *, now: datetime) -> Shown:
    """Find the code behind digits heard at an activity that is open now; nothing may be written yet.

    Raises WrongDigits, NotFound for the activity, and TooMany: five tries a minute for a person, and ten minutes
    without digits for an activity after twenty wrong ones in a minute.
    """
    db.drop()
    limits.refuse_locked(f"digits:{activity}", now=now)
    limits.spend({f"digits-by:{who.person_id}": TRIES_PER_MINUTE}, period_s=60, now=now)
    six = unspaced(typed)
    found = venue.find_digits(db.session(), who, keys, activity, six, now=now) if SIX.match(six) else None
    db.drop()
    if found is not None:
        return found
    try:
        limits.spend({f"digits-at:{activity}": WRONG_PER_ACTIVITY_PER_MINUTE}, period_s=60, now=now)
    except TooMany:
        limits.lock(f"digits:{activity}", for_s=LOCK_S, now=now)
        raise
    raise WrongDigits
