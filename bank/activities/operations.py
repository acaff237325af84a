"""Verbs on activities: plan, edit, publish, cancel, find."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bank.activities import places, rules
from bank.activities.models import Activity, SignUp
from bank.clock import local_day
from bank.communities import operations as communities
from bank.communities.models import Community
from bank.errors import Conflict, Invalid, NotFound, say
from bank.members import operations as members
from bank.members.actor import Actor
from bank.members.models import Person
from bank.qr import new_public_id

PUBLIC_ID = re.compile(r"[0-9A-Z]{8}\Z")
TOLD_WHEN_CHANGED = ("starts_at", "ends_at", "place")
EDITED = ("title", "category", "description", "place", "capacity", "risk_note", "is_open_to_walk_ins", "leader_id")


class AlreadyBegun(Conflict):
    """Publishing, or moving, an activity whose time has come."""

    code = "too_late"
    sentence = say("活动要在开始之前发布。请把开始时间改到以后，再发布。")


class NotADraft(Conflict):
    """Publishing what is published or cancelled."""

    code = "not_a_draft"
    sentence = say("这场活动已经发布过，或者已经取消。")


class ActivityCancelled(Conflict):
    """Anything wanted of a cancelled activity."""

    code = "activity_cancelled"
    sentence = say("这场活动已经取消了。请看看其他活动。")


class ChangedMeanwhile(Conflict):
    """Editing what somebody else changed since it was shown."""

    code = "changed_meanwhile"
    sentence = say("刚才有人改过，请看新的再改。您填的都还在，没有保存。")


def plan(session: Session, who: Actor, given: Mapping[str, Any], *, now: datetime) -> Activity:
    """Write the draft of an activity in the coordinator's community. Raises Invalid, NotAllowed.

    Whoever is named as `leader`, by card number, runs it on the day; else the planner does.
    """
    who.require("coordinator")
    given = _with_leader(session, who, given)
    _check(session, who, given)
    activity = Activity(
        public_id=new_public_id(),
        community_id=who.community_id,
        created_by=who.person_id,
        created_at=now,
        **{"leader_id": who.person_id, **given},
    )
    session.add(activity)
    session.flush()
    return activity


def twin_of(session: Session, who: Actor, given: Mapping[str, Any]) -> Activity | None:
    """Find an activity of the same title, start and place that is not cancelled: the form was sent once before."""
    same = [getattr(Activity, name) == given[name] for name in ("title", "starts_at", "place")]
    mine = (Activity.community_id == who.community_id) & (Activity.state != "cancelled")
    return session.scalar(select(Activity).where(mine, *same).order_by(Activity.id.desc()).limit(1))


def edit(
    session: Session, who: Actor, public_id: str, given: Mapping[str, Any], *, now: datetime, seen: str | None = None
) -> Activity:
    """Change an activity that has not begun; whoever signed up is told of another time or place.

    `seen` is the `version` the change was made from; None asks for no such check.
    Raises AlreadyBegun, ActivityCancelled, ChangedMeanwhile, Invalid (a capacity below the places taken), NotFound.
    """
    who.require("coordinator")
    activity = lock(session, who.community_id, public_id)
    if seen is not None and seen != version(activity):
        raise ChangedMeanwhile
    if activity.state == "cancelled":
        raise ActivityCancelled
    if activity.state == "published" and min(activity.starts_at, given["starts_at"]) <= now:
        raise AlreadyBegun
    given = _with_leader(session, who, given)
    _check(session, who, given)
    if given["capacity"] < activity.taken:
        raise Invalid({"capacity": [say("已经有更多人报了名，名额不能比报名的人少。")]})
    is_moved = any(getattr(activity, name) != given[name] for name in TOLD_WHEN_CHANGED)
    for name, value in given.items():
        setattr(activity, name, value)
    session.flush()
    if activity.state == "published":
        places.move_up(session, activity, now=now)
        if is_moved:
            _tell_everyone(session, activity, say("“%(title)s”改了时间或地点，请看一看。"), now=now)
    return activity


def version(activity: Activity) -> str:
    """Give a digest of all that can be edited: another one means that somebody changed something."""
    moments = [activity.starts_at.timestamp(), activity.ends_at.timestamp()]
    shown = json.dumps([*(getattr(activity, name) for name in EDITED), *moments])
    return hashlib.sha256(shown.encode()).hexdigest()[:16]


def publish(
    session: Session,
    who: Actor,
    public_id: str,
    *,
    is_clear: bool,
    applies: Collection[str] = (),
    now: datetime,
) -> Activity:
    """Open a draft for sign-up, before it starts.

    `applies` names what of `rules.EXCLUSIONS` it is; `is_clear` says that it is none of them, which is kept with the
    name of who said so. Raises Invalid where it does not count, AlreadyBegun, NotADraft, NotFound.
    """
    who.require("coordinator")
    activity = find(session, who, public_id)
    fault = rules.declaration_fault(applies, is_clear=is_clear)
    if activity.state == "draft" and fault is not None:
        raise Invalid({"declaration": [fault]})
    published = session.scalar(
        update(Activity)
        .where(Activity.id == activity.id, Activity.state == "draft", Activity.starts_at > now)
        .values(state="published", published_at=now, declared_at=now, declared_by=who.person_id)
        .returning(Activity)
        .execution_options(populate_existing=True)
    )
    if published is None:
        raise AlreadyBegun if activity.state == "draft" else NotADraft
    return published


def cancel(session: Session, who: Actor, public_id: str, *, reason: str, now: datetime) -> Activity:
    """Cancel an activity at any stage, free its places and tell everyone. Raises ActivityCancelled, NotFound.

    What people did there is undone by `checkin.closing.call_off`, which calls this.
    """
    who.require("coordinator")
    activity = find(session, who, public_id)
    cancelled = session.scalar(
        update(Activity)
        .where(Activity.id == activity.id, Activity.state != "cancelled")
        .values(state="cancelled", cancelled_at=now, cancel_reason=reason, taken=0)
        .returning(Activity)
        .execution_options(populate_existing=True)
    )
    if cancelled is None:
        raise ActivityCancelled
    _tell_everyone(
        session, cancelled, say("“%(title)s”取消了：%(reason)s。不用去了。"), now=now, facts={"reason": reason}
    )
    session.execute(update(SignUp).where(SignUp.activity_id == cancelled.id).values(state="cancelled", changed_at=now))
    return cancelled


def reset_code(session: Session, who: Actor, public_id: str) -> Activity:
    """Make every code shown so far worthless, as after a leak. Raises NotFound."""
    who.require("coordinator")
    activity = lock(session, who.community_id, public_id)
    activity.code_epoch += 1
    session.flush()
    return activity


def find(session: Session, who: Actor, public_id: str) -> Activity:
    """Find an activity of the actor's community; drafts only for coordinators. Raises NotFound."""
    activity = _named(session, who.community_id, public_id)
    if activity is None or (activity.state == "draft" and not who.may("coordinator")):
        raise NotFound
    return activity


def lock_for(session: Session, who: Actor, public_id: str) -> Activity:
    """Find an activity a member can see and lock it. Raises NotFound for drafts, ActivityCancelled."""
    activity = lock(session, who.community_id, public_id)
    if activity.state == "draft":
        raise NotFound
    if activity.state == "cancelled":
        raise ActivityCancelled
    return activity


def lock(session: Session, community_id: int, public_id: str) -> Activity:
    """Find an activity and keep everyone else's changes to it and its places waiting. Raises NotFound."""
    activity = _named(session, community_id, public_id, is_locked=True)
    if activity is None:
        raise NotFound
    return activity


def _named(session: Session, community_id: int, public_id: str, *, is_locked: bool = False) -> Activity | None:
    if not PUBLIC_ID.match(public_id):
        return None
    found = select(Activity).where(Activity.public_id == public_id, Activity.community_id == community_id)
    if is_locked:
        found = found.with_for_update(key_share=True).execution_options(populate_existing=True)
    return session.scalar(found)


def _with_leader(session: Session, who: Actor, given: Mapping[str, Any]) -> dict[str, Any]:
    """Put the named leader's id in place of their card number; nothing where nobody was named."""
    found = dict(given)
    named = (found.pop("leader", None) or "").replace(" ", "").upper()
    if named:
        try:
            found["leader_id"] = members.in_community(session, who.community_id, named).id
        except NotFound:
            raise Invalid({"leader": [say("没有找到这张卡，请核对负责人的卡号。")]}) from None
    return found


def leader_of(session: Session, activity: Activity) -> Person | None:
    """Give who runs an activity, None where nobody was noted."""
    return session.get(Person, activity.leader_id) if activity.leader_id else None


def _check(session: Session, who: Actor, given: Mapping[str, Any]) -> None:
    zone = session.get_one(Community, who.community_id).time_zone
    found = rules.faults(given, communities.rules_on(session, who.community_id, local_day(given["starts_at"], zone)))
    if found:
        raise Invalid(found)


def _tell_everyone(
    session: Session, activity: Activity, sentence: str, *, now: datetime, facts: Mapping[str, Any] | None = None
) -> None:
    people: Sequence[int] = session.scalars(
        select(SignUp.person_id).where(SignUp.activity_id == activity.id, SignUp.state != "cancelled")
    ).all()
    told = {"title": activity.title, **(facts or {})}
    members.tell(session, people, sentence, facts=told, link=f"/activities/{activity.public_id}", now=now)
