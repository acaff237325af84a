"""Activities and sign-ups for programs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bank import clock, db
from bank.activities import listing, places, rules
from bank.activities import operations as activities
from bank.activities.models import Activity
from bank.activities.schemas import (
    ActivitiesQuery,
    ActivityPlanSchema,
    ActivitySchema,
    DeclarationSchema,
    NothingSchema,
    PlaceSchema,
)
from bank.members import login
from bank.web.api import blueprint, page_schema

api = blueprint("activities", "Activities and sign-ups")
COLUMNS = [column.key for column in Activity.__table__.columns]


def shown(activity: Activity, place: places.Place, now: datetime) -> dict[str, Any]:
    """Give an activity as the API shows it to one member at one moment."""
    values = {name: getattr(activity, name) for name in COLUMNS}
    stage = rules.phase(activity.state, activity.starts_at, activity.ends_at, now)
    return {**values, "state": stage, "my_place": place}


def _shown(activity: Activity, now: datetime) -> dict[str, Any]:
    return shown(activity, places.of(db.session(), activity.id, login.actor().person_id), now)


@api.route("/activities", methods=["GET"])
@api.arguments(ActivitiesQuery, location="query")
@api.response(200, page_schema(ActivitySchema))
def list_activities(asked: dict[str, Any]) -> dict[str, Any]:
    """List activities: upcoming, today, week, past, and drafts for coordinators."""
    who, now = login.actor(), clock.utc_now()
    wanted = listing.Wanted(asked["when"], asked["category"], asked["mine"])
    page = listing.activities(db.session(), who, wanted, now=now, limit=asked["limit"], cursor=asked["cursor"])
    mine = places.places_of(db.session(), [item.id for item in page.items], who.person_id)
    items = [shown(item, mine.get(item.id, places.Place("none")), now) for item in page.items]
    return {"items": items, "next": page.next}


@api.route("/activities", methods=["POST"])
@api.arguments(ActivityPlanSchema)
@api.response(201, ActivitySchema)
def plan(given: dict[str, Any]) -> dict[str, Any]:
    """Write the draft of an activity."""
    now = clock.utc_now()
    return _shown(activities.plan(db.session(), login.actor(), given, now=now), now)


@api.route("/activities/<activity_id>", methods=["GET"])
@api.response(200, ActivitySchema)
def show(activity_id: str) -> dict[str, Any]:
    """Show one activity."""
    return _shown(activities.find(db.session(), login.actor(), activity_id), clock.utc_now())


@api.route("/activities/<activity_id>/publication", methods=["POST"])
@api.arguments(DeclarationSchema)
@api.response(201, ActivitySchema)
def publish(said: dict[str, Any], activity_id: str) -> dict[str, Any]:
    """Open a draft for sign-up, before it starts; `{}` says in the caller's name that nothing excludes it."""
    who, now = login.actor(), clock.utc_now()
    opened = activities.publish(
        db.session(), who, activity_id, is_clear=said["none_of_these"], applies=said["applies"], now=now
    )
    return _shown(opened, now)


@api.route("/activities/<activity_id>/sign-ups", methods=["POST"])
@api.arguments(NothingSchema)
@api.response(201, PlaceSchema)
def sign_up(_: dict[str, Any], activity_id: str) -> places.Place:
    """Take a place, or one in the waiting list."""
    who, session = login.actor(), db.session()
    activity = activities.lock_for(session, who, activity_id)
    return places.take(session, activity, who.person_id, now=clock.utc_now())


@api.route("/activities/<activity_id>/sign-ups/cancellation", methods=["POST"])
@api.arguments(NothingSchema)
@api.response(201, PlaceSchema)
def leave(_: dict[str, Any], activity_id: str) -> places.Place:
    """Give one's place back; whoever waits longest gets it."""
    who, session = login.actor(), db.session()
    activity = activities.lock_for(session, who, activity_id)
    places.leave(session, activity, who.person_id, now=clock.utc_now())
    return places.Place("none")
