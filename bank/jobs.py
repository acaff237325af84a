"""Due work: one function for each job, each safe to run twice and to be killed anywhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from bank import db
from bank.checkin import attesting, closing
from bank.communities.models import Community
from bank.credits import escalating, expiring
from bank.credits import operations as credits_
from bank.deeds import judging
from bank.deeds import operations as deeds
from bank.giving import bonds, dormant, farewells, gifts, grants, reminding
from bank.log import keys
from bank.log import operations as log
from bank.members import operations as members
from bank.services import operations as help_
from bank.sheets import operations as sheets
from bank.shop import freezing, queueing, settling, stocktaking, striking
from bank.shop import operations as shop
from bank.spotchecks import operations as spotchecks
from bank.thanks import operations as thanks
from bank.vitals import measuring, nudging, warning
from bank.web import limits, replay

Job = Callable[[Session, datetime], int]
MOST_ROUNDS = 10_000


def sweep_tries(session: Session, now: datetime) -> int:
    """Forget counted tries that no longer matter."""
    return limits.sweep(session, now=now)


def sweep_answers(session: Session, now: datetime) -> int:
    """Forget answers that nobody will ask for again."""
    return replay.sweep(session, now=now)


def close_activities(session: Session, now: datetime) -> int:
    """Close activities that are over: the forgetful get the planned end and a look, who never came is a no-show."""
    return closing.close_due(session, now=now)


def miss_heads(session: Session, now: datetime) -> int:
    """Look at activities whose leader never said how many were there."""
    return attesting.miss_heads(session, now=now)


def escalate_objections(session: Session, now: datetime) -> int:
    """Move on the objections and corrections whose deadline passed, so that nothing stays frozen."""
    return escalating.escalate_due(session, now=now)


def close_deed_cases(session: Session, now: datetime) -> int:
    """Close the deeds before the panel whose deadline passed, so that none waits for ever."""
    return judging.close_due(session, now=now)


def settle_thanks(session: Session, now: datetime) -> int:
    """Remove reported thank-you cards that nobody looked at in time."""
    return thanks.settle_due(session, now=now)


def post_credits(session: Session, now: datetime) -> int:
    """Post the credits whose public notice ended without an objection."""
    return credits_.post_due(session, now=now)


def move_help(session: Session, now: datetime) -> int:
    """Move on a request for help whose wait is over, so that nobody's hours stay held."""
    return help_.move_due(session, now=now)


def warn_of_help(session: Session, now: datetime) -> int:
    """Tell the desk of requests and reports that were not answered as promised."""
    return help_.warn_late(session, now=now) + help_.escalate_due(session, now=now)


def return_help(session: Session, now: datetime) -> int:
    """Give back the hours spent on a visit whose credit fell away."""
    return help_.return_due(session, now=now)


def lapse_vouchers(session: Session, now: datetime) -> int:
    """Give back the hours and stock of a voucher whose last day is over."""
    return shop.lapse_due(session, now=now)


def lapse_strikes(session: Session, now: datetime) -> int:
    """End a proposal to strike a hand-over that the other side never answered; the book stands."""
    return striking.lapse_due(session, now=now)


def lapse_bonds(session: Session, now: datetime) -> int:
    """Let lapse the bonds between relatives that nobody answered or looked at in time."""
    return bonds.lapse_due(session, now=now)


def deliver_gifts(session: Session, now: datetime) -> int:
    """Let gifts arrive that can no longer be taken back."""
    return gifts.arrive_due(session, now=now)


def move_grants(session: Session, now: datetime) -> int:
    """Let grants lapse, pause or end whose day passed without anybody looking at them."""
    return grants.move_due(session, now=now)


def pay_grants(session: Session, now: datetime) -> int:
    """Pay the month's grants from the pool, each once."""
    return grants.pay_due(session, now=now)


def carry_out_farewells(session: Session, now: datetime) -> int:
    """Carry out what becomes of the hours of who died or moved, or what the rule says where nobody chose."""
    return farewells.move_due(session, now=now)


def remind_families(session: Session, now: datetime) -> int:
    """Tell families that their choice about the hours of who died has a month left."""
    return reminding.remind_families(session, now=now)


def ask_owners(session: Session, now: datetime) -> int:
    """Ask owners whose hours did not move for a year what they would like, once a year."""
    return dormant.ask_due(session, now=now)


def build_statements(session: Session, now: datetime) -> int:
    """Freeze a shop's month that is over into its statement, once."""
    return freezing.build_due(session, now=now)


def move_statements(session: Session, now: datetime) -> int:
    """Let the rule decide a statement whose deadline passed, and call unpaid ones to mind."""
    return settling.move_due(session, now=now)


def expire_counts(session: Session, now: datetime) -> int:
    """End counts of a shelf that nobody confirmed in time."""
    return stocktaking.expire_due(session, now=now)


def end_queue_places(session: Session, now: datetime) -> int:
    """End places in the queue for goods whose day is over."""
    return queueing.end_due(session, now=now)


def call_queue(session: Session, now: datetime) -> int:
    """Call who is first in the queue for goods: at the month's turn, and where budget comes back."""
    return queueing.call_due(session, now=now)


def expire_points(session: Session, now: datetime) -> int:
    """Move points whose last day is over into the pool."""
    return expiring.expire_points(session, now)


def forget_photos(session: Session, now: datetime) -> int:
    """Delete photos of deeds and sheets that were decided and published long ago."""
    return deeds.forget_photos(session, now=now) + sheets.forget_photos(session, now=now)


def draw_checks(session: Session, now: datetime) -> int:
    """Draw the random checks of every month that is over, once for each community."""
    return spotchecks.draw_due(session, now=now)


def project(session: Session, now: datetime) -> int:
    """Fold what waits on the issuance accounts of every book; readers count it before that as well."""
    books = session.scalars(select(Community.id).where(Community.kind == "community").order_by(Community.id))
    return sum(db.book(session, community_id, now).project(session=session) for community_id in books.all())


def take_vitals(session: Session, now: datetime) -> int:
    """Take the day's figures of one community, warn of what is new in them, and offer savers something to do."""
    place = measuring.take_due(session, now=now)
    if place is None:
        return 0
    warning.warn(session, place, now=now)
    nudging.nudge_place(session, place, now=now)
    return 1


def settle_newcomers(session: Session, now: datetime) -> int:
    """Let who is no longer new be credited like everybody."""
    return members.settle_newcomers(session, now=now)


def seal(session: Session, now: datetime) -> int:
    """Give what was posted its place in the community's log, and sign the log."""
    return log.seal_due(session, keys.ring_of(current_app.config, now), now)


JOBS: dict[str, Job] = {
    "close_activities": close_activities,
    "miss_heads": miss_heads,
    "escalate_objections": escalate_objections,
    "close_deed_cases": close_deed_cases,
    "settle_thanks": settle_thanks,
    "post_credits": post_credits,
    "move_help": move_help,
    "warn_of_help": warn_of_help,
    "return_help": return_help,
    "lapse_vouchers": lapse_vouchers,
    "lapse_strikes": lapse_strikes,
    "lapse_bonds": lapse_bonds,
    "deliver_gifts": deliver_gifts,
    "carry_out_farewells": carry_out_farewells,
    "remind_families": remind_families,
    "ask_owners": ask_owners,
    "build_statements": build_statements,
    "move_statements": move_statements,
    "expire_counts": expire_counts,
    "end_queue_places": end_queue_places,
    "call_queue": call_queue,
    "expire_points": expire_points,
    "move_grants": move_grants,
    "pay_grants": pay_grants,
    "forget_photos": forget_photos,
    "draw_checks": draw_checks,
    "settle_newcomers": settle_newcomers,
    "project": project,
    "take_vitals": take_vitals,
    "seal": seal,
    "sweep_tries": sweep_tries,
    "sweep_answers": sweep_answers,
}
"""By name, in the order they run; each gives how many things it did."""


def run_due(now: datetime) -> dict[str, int]:
    """Run every job, again while it finds something to do, each time in a write of its own; give what each did."""
    return {name: _run_out(job, now) for name, job in JOBS.items()}


def _run_out(job: Job, now: datetime) -> int:
    done = 0
    for _ in range(MOST_ROUNDS):
        with db.unit_of_work() as session:
            found = job(session, now)
        if not found:
            break
        done += found
    return done
