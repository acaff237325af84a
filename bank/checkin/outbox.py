"""The offline outbox: scans that arrive late, out of order or twice, each with its own verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from bank.checkin import codes
from bank.checkin import operations as checkin
from bank.checkin.codes import CodeInvalid, Keys, Venue
from bank.checkin.recording import Outcome, Sighting, keep_refusal
from bank.checkin.refusals import TooOld
from bank.checkin.rules import Flag
from bank.errors import BankError, Conflict, NotAllowed
from bank.members.actor import Actor

SKEW = timedelta(seconds=120)
"""More than this between a device's two clocks, and its time is not believed."""
FRESH = timedelta(hours=72)
OLDEST = timedelta(days=7)
SLACK = timedelta(seconds=5)
NEEDS_A_LOOK = frozenset({"late_upload", "clock_untrusted"})
VIAS = {"A": "screen", "B": "card", "manual": "manual"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one scan: its outcome, or the refusal."""

    uuid: str
    outcome: Outcome | None = None
    flags: tuple[Flag, ...] = ()
    refusal: BankError | None = None
    is_kept_on_device: bool = False

    @property
    def status(self) -> str:
        """Tell ok, duplicate, pending or error."""
        if self.outcome is None:
            return "error"
        if self.outcome.is_duplicate:
            return "duplicate"
        return "pending" if any(flag["code"] in NEEDS_A_LOOK for flag in self.flags) else "ok"


class OtherAccount(NotAllowed):
    """A scan made while somebody else was signed in on the device."""


def take(session: Session, who: Actor, keys: Keys, outbox: Mapping[str, Any], *, now: datetime) -> list[Verdict]:
    """Record a device's scans, the earliest first, each in a savepoint of its own; verdicts come in the given order.

    A scan that was recorded before gets its stored verdict; one of another account stays on the device.
    """
    items: Sequence[Mapping[str, Any]] = outbox["items"]
    order = sorted(range(len(items)), key=lambda place: (items[place]["wall_ms"], place))
    verdicts = {place: _take_one(session, who, keys, outbox, items[place], now) for place in order}
    return [verdicts[place] for place in range(len(items))]


def _take_one(
    session: Session, who: Actor, keys: Keys, outbox: Mapping[str, Any], item: Mapping[str, Any], now: datetime
) -> Verdict:
    if item["actor"] is not None and item["actor"] != who.public_id:
        return Verdict(item["uuid"], refusal=OtherAccount(), is_kept_on_device=True)
    seen = _sighting(keys, outbox, item, now)
    savepoint = session.begin_nested()
    try:
        outcome = _record(session, who, keys, item, seen, now)
    except BankError as refusal:
        savepoint.rollback()
        if isinstance(refusal, Conflict):
            keep_refusal(session, who, seen, refusal, activity=item["session"], now=now)
        return Verdict(item["uuid"], refusal=refusal)
    savepoint.commit()
    return Verdict(item["uuid"], outcome, seen.flags)


def _record(
    session: Session, who: Actor, keys: Keys, item: Mapping[str, Any], seen: Sighting, now: datetime
) -> Outcome:
    if now - seen.happened_at > OLDEST:
        raise TooOld
    if item["via"] == "manual":
        return checkin.enter(session, who, item["session"] or "", item["pid"] or "", seen, now=now)
    code = codes.read(item["code"] or item["pid"] or "")
    if item["via"] == "A" and isinstance(code, Venue):
        return checkin.scan_venue(
            session, who, keys, code, seen, now=now, meant=item["session"], at_latest=now - seen.happened_at
        )
    if item["via"] == "B" and isinstance(code, codes.Pass):
        return checkin.scan_card(session, who, keys, item["session"] or "", code, seen, now=now)
    raise CodeInvalid


def _sighting(keys: Keys, outbox: Mapping[str, Any], item: Mapping[str, Any], now: datetime) -> Sighting:
    happened_at, flags = _when(outbox, item, now)
    if item["via"] == "A":
        happened_at, flags = _when_shown(item, happened_at, flags, now)
    return Sighting(
        uuid=item["uuid"],
        via=VIAS.get(item["via"], "screen"),
        happened_at=happened_at,
        direction=None if item["kind"] == "auto" else item["kind"],
        said=_said(item),
        device=keys.device(outbox["device_id"]),
        flags=flags,
        is_live=False,
    )


def _said(item: Mapping[str, Any]) -> str:
    """Say what was scanned exactly as `attempts` does, so that a scan tried online first is known again."""
    if item["via"] == "A":
        return codes.token_of(item["code"] or "")
    what = item["pid"] or "" if item["via"] == "manual" else codes.token_of(item["code"] or item["pid"] or "")
    return f"{item['session'] or ''}|{what}"


def _when(outbox: Mapping[str, Any], item: Mapping[str, Any], now: datetime) -> tuple[datetime, tuple[Flag, ...]]:
    """Give when a scan happened by our clock: its age by the device's own clock, within what we know ourselves."""
    age = _ms(outbox["sent_wall_ms"] - item["wall_ms"])
    happened_at = now - age
    flags: list[Flag] = []
    if _clocks_disagree(outbox, item, age) or age < -SLACK:
        flags.append({"code": "clock_untrusted", "facts": {}})
    last_seen = item["srv_seen_ms"]
    if last_seen is not None and happened_at < _moment(last_seen) <= now:
        happened_at = _moment(last_seen)
        flags.append({"code": "clock_untrusted", "facts": {}})
    happened_at = min(happened_at, now)
    if now - happened_at > FRESH:
        flags.append({"code": "late_upload", "facts": {}})
    return happened_at, tuple(flags)


def _when_shown(
    item: Mapping[str, Any], happened_at: datetime, flags: tuple[Flag, ...], now: datetime
) -> tuple[datetime, tuple[Flag, ...]]:
    """A venue's code proves `not before its step`; one uploaded after its window counts from there, with a flag."""
    try:
        code = codes.read(item["code"] or "")
    except CodeInvalid:
        return happened_at, flags
    if not isinstance(code, Venue):
        return happened_at, flags
    shown_at = codes.shown_at(code, now)
    if shown_at <= now < shown_at + codes.ACCEPTED_FOR:
        return max(shown_at, happened_at), flags
    return min(shown_at, now), ({"code": "late_upload", "facts": {}},)


def _clocks_disagree(outbox: Mapping[str, Any], item: Mapping[str, Any], age: timedelta) -> bool:
    if None in (outbox["sent_mono_ms"], item["mono_ms"], item["boot_id"]) or outbox["boot_id"] != item["boot_id"]:
        return False
    return abs(_ms(outbox["sent_mono_ms"] - item["mono_ms"]) - age) > SKEW


def _ms(count: int) -> timedelta:
    """Make a span of milliseconds, at most a thousand years either way."""
    return timedelta(milliseconds=max(-31_536_000_000_000, min(31_536_000_000_000, count)))


def _moment(ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + _ms(ms)
