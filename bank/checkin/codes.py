"""Codes that prove presence: the rotating venue code with its six digits, and the member's pass."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bank.errors import Conflict, say
from bank.qr import ALPHABET, fold

GENERATION = "1"
"""Names the master key in every code; a new master gets the next digit and the old one is still read for a while."""
STEP_S = 15
STEPS_BACK = 2
STEPS_AHEAD = 1
"""Clocks of two servers may differ a little."""
ACCEPTED_FOR = timedelta(seconds=STEP_S * (STEPS_BACK + 1))
STEP_SPACE = 2**25
LONGEST = 64
LONGEST_SCANNED = 300
ACTS = {"A": None, "I": "in", "O": "out"}
"""What a venue code asks for: the server decides, in, or out."""

_ROTATING = re.compile(rf"R{GENERATION}([0-9A-Z]{{8}})([A10])([0-9A-Z]{{5}})([0-9A-Z]{{16}})\Z")
_ACT_AS_FOLDED = {fold(act): act for act in ACTS}
_PASS = re.compile(rf"P{GENERATION}([0-9A-Z]{{8}})([0-9A-Z]{{2}})([0-9A-Z]{{16}})\Z")
_OURS = re.compile(r"^https?://[^/\s]+/s/([^/?#\s]+)", re.IGNORECASE)


class CodeInvalid(Conflict):
    """Not a code of ours, forged, or shown before the coordinator reset the code."""

    code = "code_invalid"
    sentence = say("这个码认不出来。请扫活动现场屏幕上的码，或请工作人员帮忙。")


class CodeExpired(Conflict):
    """A venue code from before the last few moments."""

    code = "code_expired"
    sentence = say("这个码已经过期，请重新扫屏幕上的新码。")


@dataclass(frozen=True, slots=True)
class Venue:
    """A venue code as read: nothing in it is proved yet. `act` is A, I or O."""

    activity_id: str
    act: str
    step: int
    """Modulo 2**25."""
    mac: str

    @property
    def direction(self) -> str | None:
        """What it asks for; None leaves it to the server."""
        return ACTS[self.act]


@dataclass(frozen=True, slots=True)
class Pass:
    """A member's pass or card as read: nothing in it is proved yet."""

    person_id: str
    version: int
    mac: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A venue code of one step as the screen shows it."""

    token: str
    six: str
    valid_from: datetime
    valid_until: datetime
    """When the screen moves on; it is accepted two steps longer."""


def read(text: str) -> Venue | Pass:
    """Read a scanned text or link without proving it. Raises CodeInvalid."""
    token = token_of(text)
    if len(token) <= LONGEST:
        venue = _ROTATING.match(token)
        if venue:
            return Venue(venue[1], _ACT_AS_FOLDED[venue[2]], decode(venue[3]), venue[4])
        card = _PASS.match(token)
        if card:
            return Pass(card[1], decode(card[2]), card[3])
    raise CodeInvalid


def token_of(text: str) -> str:
    """Give what was scanned or typed without the link around it, folded; the same for every way to read one code."""
    scanned = text[:LONGEST_SCANNED].replace("\ufeff", "").strip()
    link = _OURS.match(scanned)
    return fold(link.group(1) if link else scanned)


def encode(number: int, digits: int) -> str:
    """Write a number in Crockford's base 32 with so many digits."""
    return "".join(ALPHABET[number >> 5 * place & 31] for place in reversed(range(digits)))


def decode(text: str) -> int:
    """Read a number in Crockford's base 32; CodeInvalid for a letter that is none of its digits."""
    number = 0
    for letter in text:
        place = ALPHABET.find(letter)
        if place < 0:
            raise CodeInvalid
        number = number * 32 + place
    return number


def step_of(moment: datetime) -> int:
    """Give the number of the 15-second step that a moment lies in."""
    return int(moment.timestamp()) // STEP_S


def start_of(step: int) -> datetime:
    """Give the moment at which a step begins."""
    return datetime.fromtimestamp(step * STEP_S, tz=UTC)


def shown_at(code: Venue, now: datetime) -> datetime:
    """Give when a venue code was first shown, by what it says itself."""
    return start_of(_nearest(code.step, step_of(now)))


class Keys:
    """Mints and proves codes with one master key."""

    def __init__(self, master: bytes) -> None:
        self._master = master

    def venue(self, activity_id: str, epoch: int, step: int, act: str = "A") -> Shown:
        """Mint the venue code of an activity for one step."""
        digest = self._venue_digest(activity_id, epoch, act, step)
        shown = f"R{GENERATION}{activity_id}{act}{encode(step % STEP_SPACE, 5)}{_mac(digest)}"
        return Shown(shown, _six(digest), start_of(step), start_of(step + 1))

    def venues(self, activity_id: str, epoch: int, now: datetime, count: int, act: str = "A") -> list[Shown]:
        """Mint the venue codes of now and the steps that follow."""
        first = step_of(now)
        return [self.venue(activity_id, epoch, first + ahead, act) for ahead in range(count)]

    def prove_venue(self, code: Venue, epoch: int, now: datetime, *, at_latest: timedelta = timedelta(0)) -> datetime:
        """Prove a venue code as of `now` and give the moment its step began; `at_latest` lets it be so much older.

        Raises CodeInvalid for a forged one and for one shown before a reset, CodeExpired outside the window.
        """
        step = _nearest(code.step, step_of(now))
        if not hmac.compare_digest(_mac(self._venue_digest(code.activity_id, epoch, code.act, step)), code.mac):
            raise CodeInvalid
        oldest = step_of(now - at_latest) - STEPS_BACK
        if not oldest <= step <= step_of(now) + STEPS_AHEAD:
            raise CodeExpired
        return start_of(step)

    def prove_digits(self, activity_id: str, epoch: int, six: str, now: datetime) -> int | None:
        """Find the step whose six spoken digits these are, within the window; None if they are not."""
        found = None
        for step in _window(now):
            if hmac.compare_digest(_six(self._venue_digest(activity_id, epoch, "A", step)), six):
                found = step
        return found

    def member_pass(self, person_id: str, version: int) -> str:
        """Mint a member's pass, valid until the version is raised."""
        return f"P{GENERATION}{person_id}{encode(version, 2)}{self._pass_mac(person_id, version)}"

    def prove_pass(self, code: Pass) -> None:
        """Prove that we made a pass; whether its version still counts is for the caller. Raises CodeInvalid."""
        if not hmac.compare_digest(self._pass_mac(code.person_id, code.version), code.mac):
            raise CodeInvalid

    def device(self, name: str) -> str:
        """Hash the random name a device gave itself, so that the log cannot be matched with it."""
        return hmac.digest(self._key("device"), name.encode("utf-8", "replace"), "sha256")[:10].hex() if name else ""

    def _key(self, label: str) -> bytes:
        return hmac.digest(self._master, label.encode(), "sha256")

    def _venue_digest(self, activity_id: str, epoch: int, act: str, step: int) -> bytes:
        key = self._key(f"tb/rot/{GENERATION}/{activity_id}/{epoch}")
        return hmac.digest(key, f"R{GENERATION}|{activity_id}|{epoch}|{act}|{step}".encode(), "sha256")

    def _pass_mac(self, person_id: str, version: int) -> str:
        key = self._key(f"tb/pass/{GENERATION}")
        return _mac(hmac.digest(key, f"P{GENERATION}|{person_id}|{version}".encode(), hashlib.sha256))


def _mac(digest: bytes) -> str:
    return encode(int.from_bytes(digest[:10]), 16)


def _six(digest: bytes) -> str:
    return f"{int.from_bytes(digest[10:14]) % 1_000_000:06}"


def _window(now: datetime) -> Iterator[int]:
    current = step_of(now)
    return iter(range(current - STEPS_BACK, current + STEPS_AHEAD + 1))


def _nearest(short: int, current: int) -> int:
    """Give the full step that a shortened one means: the one nearest to now."""
    behind = (current - short) % STEP_SPACE
    return current - behind if behind < STEP_SPACE // 2 else current + STEP_SPACE - behind
