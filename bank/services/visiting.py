"""The visit: coming and going, both sides' word, a closed door, nobody coming."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from bank.communities import operations as communities
from bank.errors import Invalid, NotAllowed, NotFound, say
from bank.members.actor import STAFF, Actor
from bank.members.models import Person
from bank.services import intake, moving, rules
from bank.services.models import HelpRequest
from bank.services.moving import Place
from bank.services.refusals import (
    Involved,
    JustCame,
    Moved,
    NotArrived,
    NotTheirCard,
    NotYet,
    TooLate,
    WrongCode,
    WrongMoment,
)

AGAIN_WITHIN = timedelta(minutes=10)
"""A second scan so soon after coming is the same scan twice, not going."""
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Proof:
    """How a moment is proved: `card` or its typed `number` with whose it is, `digits`, or `phone`, the resident's own.

    `happened_at` None is now; another moment is one that a phone without a network kept. `way` is what the page
    stood at when it was scanned, `in` or `out`; None where the state decides.
    """

    via: str
    owner_id: int | None = None
    six: str | None = None
    happened_at: datetime | None = None
    way: str | None = None


def scan(session: Session, actor: Actor, public_id: str, proof: Proof, *, now: datetime) -> str:
    """Record that the volunteer came, or went; give `arrived`, `left` or `again` for the same scan twice.

    The volunteer scans the resident's card or types the digits; a coordinator who lives with no helper may scan the
    card as well; the resident presses their own phone. Raises NotFound, NotAllowed, Involved, NotTheirCard, WrongCode,
    WrongMoment, JustCame, NotYet, TooLate, Moved.
    """
    request = moving.locked(session, actor.community_id, public_id)
    mine = _check_hand(session, actor, request, proof)
    wanted = _check_proof(request, proof) or proof.way
    at = _moment(session, request, proof, now)
    if request.state == "accepted":
        if wanted == "out":
            raise NotArrived
        return _arrive(session, actor, request, mine, proof, at, now)
    if request.state == "in_service":
        staying = [place for place in mine if place.left_at is None]
        since = at - max((place.arrived_at or at for place in staying), default=at)
        if not staying or wanted == "in" or (wanted is None and timedelta(0) <= since < AGAIN_WITHIN):
            return "again"
        _leave(session, actor, request, staying, proof, at, now)
        return "left"
    if _is_known(mine, wanted):
        return "again"
    raise Moved


def _is_known(mine: Sequence[Place], wanted: str | None) -> bool:
    """Tell whether what is told once more was recorded before, as when a phone sends twice what it kept."""
    if wanted == "in":
        return all(place.arrived_at is not None for place in mine)
    return wanted == "out" and all(place.left_at is not None for place in mine)


def _check_hand(session: Session, actor: Actor, request: HelpRequest, proof: Proof) -> list[Place]:
    """Give whose coming or going this hand tells: a helper their own, the resident and the desk everybody's."""
    everybody = list(moving.places(request))
    if proof.via == "phone":
        if actor.person_id != request.person_id:
            raise NotFound
        return everybody
    mine = [place for place in everybody if place.person_id == actor.person_id]
    if mine:
        return mine
    if proof.via in rules.CARDS and actor.may("coordinator"):
        if moving.is_home_of(session, actor, moving.volunteers(request)):
            raise Involved
        return everybody
    raise NotFound


def _check_proof(request: HelpRequest, proof: Proof) -> str | None:
    """Give which way the proof itself says, None where the state decides."""
    if proof.via in rules.CARDS:
        if proof.owner_id != request.person_id:
            raise NotTheirCard
        return None
    if proof.via == "phone":
        return None
    six = proof.six or ""
    if hmac.compare_digest(six.encode(), request.code_in.encode()):
        return "in"
    if hmac.compare_digest(six.encode(), request.code_out.encode()):
        return "out"
    raise WrongCode


def _moment(session: Session, request: HelpRequest, proof: Proof, now: datetime) -> datetime:
    if proof.happened_at is None:
        return now
    late = timedelta(hours=communities.rules_now(session, request.community_id, now).help_scan_hours)
    if proof.happened_at > now + rules.SKEW:
        raise WrongMoment
    if proof.happened_at < now - late - timedelta(minutes=request.minutes):
        raise TooLate
    return min(proof.happened_at, now)


def _arrive(
    session: Session,
    actor: Actor,
    request: HelpRequest,
    mine: Sequence[Place],
    proof: Proof,
    at: datetime,
    now: datetime,
) -> str:
    """Record who came; the visit begins when everybody has."""
    coming = [place for place in mine if place.arrived_at is None]
    if not coming:
        return "again"
    in_force = communities.rules_now(session, request.community_id, now)
    opens = rules.opens_at(in_force, request.starts_at)
    if at < opens:
        raise NotYet(opens=opens)
    if at > request.starts_at + timedelta(minutes=request.minutes):
        raise TooLate
    promised_at = max(filter(None, (request.accepted_at, request.second_accepted_at)), default=at)
    if at < promised_at:
        raise WrongMoment
    came: dict[str, object] = {"is_late_upload": request.is_late_upload or _is_late(proof, now)}
    for place in coming:
        came |= {f"{place.prefix}arrived_at": at, f"{place.prefix}arrived_via": proof.via}
    arrived = [at if place in coming else place.arrived_at for place in moving.places(request)]
    if all(arrived):
        last = max(one for one in arrived if one is not None)
        came["due_at"] = last + timedelta(minutes=request.minutes, hours=in_force.help_scan_hours)
    moving.move(session, request, ("accepted",), "in_service" if all(arrived) else "accepted", **came)
    moving.note(session, request, "arrived", now=now, by=actor.person_id, words=rules.VIAS[proof.via])
    if proof.via != "phone":
        sentence = say("您的帮手到了：%(kind)s。不是这样，请马上打社区电话。")
        moving.tell(session, [request.person_id], sentence, request, now)
    return "arrived"


def _is_late(proof: Proof, now: datetime) -> bool:
    """Tell whether a moment is so old that somebody should look; a page that was online sends it as well."""
    return proof.happened_at is not None and now - proof.happened_at > rules.SKEW


def _leave(
    session: Session,
    actor: Actor,
    request: HelpRequest,
    staying: Sequence[Place],
    proof: Proof,
    at: datetime,
    now: datetime,
) -> None:
    """Record who went; the time waits for everybody's word when all have."""
    came = [place.arrived_at for place in staying]
    if any(one is None or at < one for one in came):
        raise WrongMoment
    if any(at < one + rules.LEAST_VISIT for one in came if one is not None):
        raise JustCame
    is_resident = proof.via == "phone"
    went: dict[str, object] = {"is_late_upload": request.is_late_upload or _is_late(proof, now)}
    for place in staying:
        went |= {f"{place.prefix}left_at": at, f"{place.prefix}left_via": proof.via}
        if actor.person_id == place.person_id:
            went[place.agreed] = now
    if is_resident:
        went |= _resident(actor, "phone", now)
    is_over = all(place in staying or place.left_at is not None for place in moving.places(request))
    if is_over:
        went["due_at"] = moving.until(session, request, "to_confirm", now)
    moving.move(session, request, ("in_service",), "to_confirm" if is_over else "in_service", **went)
    moving.note(session, request, "left", now=now, by=actor.person_id, words=rules.VIAS[proof.via])
    if is_over:
        waits_for = moving.volunteers(request) if is_resident else [request.person_id]
        sentence = say("“%(kind)s”做完了，请确认时长。")
        moving.tell(session, waits_for, sentence, request, now)


def confirm(session: Session, actor: Actor, public_id: str, *, now: datetime) -> HelpRequest:
    """Say on one's own phone that the time is right; with both sides' word it is paid, or looked at.

    Raises NotFound, Moved.
    """
    request = moving.locked(session, actor.community_id, public_id)
    for place in moving.places(request):
        if actor.person_id == place.person_id:
            return _agree(session, actor, request, {place.agreed: now}, "agreed", now)
    if actor.person_id != request.person_id:
        raise NotFound
    return _agree(session, actor, request, _resident(actor, "phone", now), "agreed", now)


def confirm_by_card(session: Session, actor: Actor, public_id: str, owner: Person, *, now: datetime) -> HelpRequest:
    """Take the resident's word by their card and PIN, which the caller has checked, on somebody else's phone.

    For the volunteer and the desk. The resident is told. Raises NotFound, NotTheirCard, Moved.
    """
    request = moving.locked(session, actor.community_id, public_id)
    if actor.person_id not in moving.volunteers(request) and not actor.may(*STAFF):
        raise NotFound
    if owner.id != request.person_id:
        raise NotTheirCard
    done = _agree(session, actor, request, _resident(actor, "pin", now), "agreed", now)
    sentence = say("有人用您的卡和 PIN 确认了“%(kind)s”。不是您本人，请马上告诉社区。")
    moving.tell(session, [request.person_id], sentence, request, now)
    return done


def call_back(
    session: Session, actor: Actor, public_id: str, *, is_right: bool, words: str, now: datetime
) -> HelpRequest:
    """Record what the resident said on the phone when called back; for staff who are neither side nor of their homes.

    Raises NotFound, NotAllowed, Involved, Moved.
    """
    moving.require_staff(actor)
    request = moving.locked(session, actor.community_id, public_id)
    if moving.is_home_of(session, actor, moving.people(request)):
        raise Involved
    if not is_right:
        return _doubt(session, actor, request, words, is_resident=True, now=now)
    done = _agree(session, actor, request, _resident(actor, "callback", now), "called_back", now)
    sentence = say("%(name)s 打电话向您核实了“%(kind)s”。没有这回事，请马上告诉社区。")
    moving.tell(session, [request.person_id], sentence, request, now, name=actor.name)
    return done


def _resident(actor: Actor, via: str, now: datetime) -> dict[str, object]:
    return {"resident_agreed_at": now, "resident_agreed_via": via, "resident_agreed_by": actor.person_id}


def _agree(
    session: Session, actor: Actor, request: HelpRequest, word: dict[str, object], step: str, now: datetime
) -> HelpRequest:
    if request.state != "to_confirm":
        raise Moved
    if any(getattr(request, column) for column in word if column.endswith("agreed_at")):
        return request
    moving.move(session, request, ("to_confirm",), "to_confirm", **word)
    moving.note(session, request, step, now=now, by=actor.person_id)
    if moving.agreed_by_all(request) and request.resident_agreed_at is not None:
        conclude(session, request, actor=actor, now=now)
    return request


def conclude(session: Session, request: HelpRequest, *, actor: Actor | None, now: datetime) -> None:
    """Pay what both sides agreed to, or have it looked at where it differs too far from what was agreed before."""
    in_force = communities.rules_now(session, request.community_id, now)
    minutes = [rules.counted(in_force, request.minutes, place.scanned) for place in moving.places(request)]
    if moving.is_far_apart(request, in_force):
        dispute(session, request, ("to_confirm",), "differs", now)
        return
    second = sum(minutes[1:])
    moving.end_paid(session, request, ("to_confirm",), "done", minutes[0], second=second, actor=actor, now=now)
    sentence = say("“%(kind)s”算好了：%(paid_minutes)s。谢谢你们。")
    paid = minutes[0] + second
    moving.tell(session, moving.people(request), sentence, request, now, paid_minutes=paid)


def object_to(session: Session, actor: Actor, public_id: str, words: str, *, now: datetime) -> HelpRequest:
    """Say that the time is not right, and why; somebody uninvolved decides. For both sides.

    Raises NotFound, Invalid, Moved.
    """
    request = moving.locked(session, actor.community_id, public_id)
    if actor.person_id not in moving.people(request):
        raise NotFound
    return _doubt(session, actor, request, words, is_resident=actor.person_id == request.person_id, now=now)


def _doubt(
    session: Session, actor: Actor, request: HelpRequest, words: str, *, is_resident: bool, now: datetime
) -> HelpRequest:
    if not words:
        raise Invalid({"words": [say("请写一句哪里不对。")]})
    if request.state != "to_confirm":
        raise Moved
    said = {_words_of(actor, request, is_resident=is_resident): words}
    moving.note(session, request, "doubted", now=now, by=actor.person_id)
    taken_back = {"resident_agreed_at": None, "resident_agreed_via": None, "resident_agreed_by": None}
    own = taken_back if is_resident else _own_word_back(actor, request)
    dispute(session, request, ("to_confirm",), "not_right", now, **said, **own)
    return request


def _words_of(actor: Actor, request: HelpRequest, *, is_resident: bool) -> str:
    if is_resident:
        return "resident_words"
    return "second_words" if actor.person_id == request.second_id else "volunteer_words"


def _own_word_back(actor: Actor, request: HelpRequest) -> dict[str, object]:
    return {place.agreed: None for place in moving.places(request) if place.person_id == actor.person_id}


def dispute(
    session: Session, request: HelpRequest, before: tuple[str, ...], doubt: str, now: datetime, **values: object
) -> None:
    """Put a visit before somebody uninvolved; both sides are told and may say how it was. Raises Moved."""
    due_at = moving.until(session, request, "disputed", now)
    moving.move(session, request, before, "disputed", doubt=doubt, due_at=due_at, **values)
    sentence = say("“%(kind)s”的时长要核对：%(why)s。您可以说说当时的情况。")
    moving.tell(session, moving.people(request), sentence, request, now, why=rules.DOUBTS[doubt])
    moving.tell_desk(session, request, say("“%(kind)s”的时长要有人核对。"), now, "coordinator", "second_approver")


def say_words(session: Session, actor: Actor, public_id: str, words: str, *, now: datetime) -> None:
    """Say one's own side of a disputed visit; the newest words stand. Raises NotFound, Moved."""
    request = moving.locked(session, actor.community_id, public_id)
    if actor.person_id not in moving.people(request):
        raise NotFound
    side = _words_of(actor, request, is_resident=actor.person_id == request.person_id)
    moving.move(session, request, ("disputed",), "disputed", **{side: words})
    moving.note(session, request, "said", now=now, by=actor.person_id)


def closed_door(session: Session, actor: Actor, public_id: str, words: str, *, now: datetime) -> None:
    """Say as the volunteer that nobody opened; somebody uninvolved decides what it is worth.

    Raises NotFound, Moved, NotYet before the waiting time is over.
    """
    request = moving.locked(session, actor.community_id, public_id)
    if actor.person_id not in moving.volunteers(request):
        raise NotFound
    if request.state != "accepted" or has_one_come(request):
        raise Moved
    _check_waited(session, request, now)
    moving.note(session, request, "not_home", now=now, by=actor.person_id)
    said = _words_of(actor, request, is_resident=False)
    dispute(session, request, ("accepted",), "not_home", now, **{said: words or None})


def has_one_come(request: HelpRequest) -> bool:
    """Tell whether somebody has come to a visit that has not begun, because it takes two."""
    return request.state == "accepted" and moving.has_come(request)


def only_one(session: Session, actor: Actor, public_id: str, words: str, *, now: datetime) -> None:
    """Say that one of two came and the visit cannot be done; somebody uninvolved decides what the way was worth.

    For both sides. Raises NotFound, Moved, NotYet before the waiting time is over.
    """
    request = moving.locked(session, actor.community_id, public_id)
    if actor.person_id not in moving.people(request):
        raise NotFound
    if not has_one_come(request):
        raise Moved
    _check_waited(session, request, now)
    moving.note(session, request, "one_came", now=now, by=actor.person_id)
    said = _words_of(actor, request, is_resident=actor.person_id == request.person_id)
    end_of_one(session, request, now, **{said: words or None})


def end_of_one(session: Session, request: HelpRequest, now: datetime, **said: object) -> None:
    """Put a visit to which one of two came before somebody uninvolved, with who came as the first. Raises Moved."""
    swap: dict[str, object] = {}
    if request.arrived_at is None:
        swap = {
            "volunteer_id": request.second_id,
            "second_id": request.volunteer_id,
            "accepted_at": request.second_accepted_at,
            "second_accepted_at": request.accepted_at,
            "arrived_at": request.second_arrived_at,
            "arrived_via": request.second_arrived_via,
            "second_arrived_at": None,
            "second_arrived_via": None,
        }
        other = {"volunteer_words": "second_words", "second_words": "volunteer_words"}
        said = {other.get(name, name): value for name, value in said.items()}
    dispute(session, request, ("accepted",), "one_came", now, **swap, **said)


def nobody_came(session: Session, actor: Actor, public_id: str, *, now: datetime) -> HelpRequest:
    """Say for the resident that nobody came: all hours go back, and the same is asked for first the next day.

    For the resident, who asked for them, and coordinators. Raises NotFound, NotAllowed, Moved, NotYet.
    """
    request = moving.locked(session, actor.community_id, public_id)
    if actor.person_id not in (request.person_id, request.asked_by) and not actor.may("coordinator"):
        raise NotFound
    if actor.person_id in moving.volunteers(request):
        raise NotAllowed
    if request.state != "accepted" or has_one_come(request):
        raise Moved
    _check_waited(session, request, now)
    moving.end_unpaid(session, request, ("accepted",), "no_show", actor=actor, now=now)
    moving.note(session, request, "no_show", now=now, by=actor.person_id)
    again = _ask_first(session, actor, request, now)
    sentence = say("没有等到人，时长全退给您了。我们优先为您找明天同一时间的，不合适可以取消。")
    moving.tell(session, [again.person_id], sentence, again, now)
    moving.tell_desk(session, again, say("“%(kind)s”上次没人来，请优先找人。"), now)
    told = say("“%(kind)s”那家说没有等到您。如果您去了，请找社区工作人员说明。")
    moving.tell(session, moving.volunteers(request), told, request, now)
    return again


def _check_waited(session: Session, request: HelpRequest, now: datetime) -> None:
    wait = timedelta(minutes=communities.rules_now(session, request.community_id, now).help_wait_minutes)
    if now < request.starts_at + wait:
        raise NotYet(opens=request.starts_at + wait)


def _ask_first(session: Session, actor: Actor, request: HelpRequest, now: datetime) -> HelpRequest:
    wish = intake.as_wish(request, intake.next_time(request.starts_at, ONE_DAY, now))
    again = intake.repeat_as(session, actor, request, wish, now=now)
    again.is_first = True
    again.pays, again.hardship_by = request.pays, request.hardship_by
    again.state, again.verified_by, again.verified_at = "verified", request.verified_by, now
    session.flush()
    moving.note(session, again, "verified", now=now, by=request.verified_by)
    return again
