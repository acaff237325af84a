"""The public board: what everybody may see, without signing in and with nobody named who did not agree."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from bank import clock, db
from bank.board.figures import coming, figures
from bank.communities.models import Community
from bank.credits import health, notices
from bank.members import login

pages = Blueprint("board", __name__)
COMING = 5
NOTICES = 10
MOST_PLACES = 20
SHARE_DAYS = 30


@pages.get("/board")
def board() -> ResponseReturnValue:
    who, now = login.actor_or_none(), clock.utc_now()
    place = notices.place(db.session(), who.community_id if who else None, request.args.get("community", "")[:40])
    return render_template(
        "board/board.html",
        place=place,
        places=_places(),
        figures=figures(db.session(), place, now),
        waiting=health.waiting(db.session(), place.id, now),
        shares=health.shares(db.session(), place.id, now - timedelta(days=SHARE_DAYS)),
        coming=coming(db.session(), place, now, limit=COMING),
        notices=notices.listing(db.session(), place, now=now, is_open=True, cursor=None, limit=NOTICES),
    )


def _places() -> list[Community]:
    found = select(Community).where(Community.kind == "community").order_by(Community.id).limit(MOST_PLACES)
    return list(db.session().scalars(found))
