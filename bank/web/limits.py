"""Limits on tries, counted in the database so that all workers share them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import case, delete, literal, select
from sqlalchemy.orm import Session

from bank import db
from bank.errors import too_many
from bank.web.models import Tries


def spend(limits: Mapping[str, int], *, period_s: int, now: datetime) -> None:
    """Count one try against each name and keep the count whatever happens to the request.

    `limits` maps a name (`sign-in:phone:138…` hashed by the caller if personal) to the most tries in `period_s`.
    Raises TooMany. Call it before the request's own write begins.
    """
    window = int(now.timestamp()) // period_s
    with db.unit_of_work() as session:
        counts = {name: _count(session, name, window, now + timedelta(seconds=period_s)) for name in sorted(limits)}
    if any(counts[name] > limit for name, limit in limits.items()):
        raise too_many(period_s - int(now.timestamp()) % period_s)


def spend_or_rest(name: str, *, most: int, rest_s: int, now: datetime) -> int:
    """Count one try against a name that may be tried `most` times and must then rest for the whole of `rest_s`.

    Unlike `spend`, the rest begins with the last try allowed, so nobody gets twice as many around the end of a window.
    Gives which try this was. Raises TooMany while it rests. Call it before the request's own write begins.
    """
    with db.unit_of_work() as session:
        count, ends_at = _count_up(session, name, most, now, now + timedelta(seconds=rest_s))
    if count > most:
        raise too_many(max(1, int((ends_at - now).total_seconds())))
    return count


def rests_until(session: Session, name: str, *, most: int, now: datetime) -> datetime | None:
    """Give until when a name of `spend_or_rest` rests, without counting a try; None where the next one counts."""
    resting = (Tries.name == name, Tries.count >= most, Tries.expires_at > now)
    return session.scalar(select(Tries.expires_at).where(*resting))


def forget(names: list[str]) -> None:
    """Begin counting anew, as after a right password."""
    with db.unit_of_work() as session:
        forget_within(session, names)


def forget_within(session: Session, names: list[str]) -> None:
    """Begin counting anew if what the caller writes is kept."""
    session.execute(delete(Tries).where(Tries.name.in_(names)))


def lock(name: str, *, for_s: int, now: datetime) -> None:
    """Refuse everything of a name for a while, whatever else is counted."""
    with db.unit_of_work() as session:
        session.execute(delete(Tries).where(Tries.name == f"locked:{name}"))
        _count(session, f"locked:{name}", 0, now + timedelta(seconds=for_s))


def refuse_locked(name: str, *, now: datetime) -> None:
    """Go on only if a name is not locked. Raises TooMany."""
    until = db.session().scalar(select(Tries.expires_at).where(Tries.name == f"locked:{name}", Tries.expires_at > now))
    if until is not None:
        raise too_many(int((until - now).total_seconds()))


def sweep(session: Session, *, now: datetime) -> int:
    """Delete counts that no longer matter; give how many."""
    gone = session.execute(delete(Tries).where(Tries.expires_at < now).returning(Tries.name))
    return len(gone.all())


def _count_up(session: Session, name: str, most: int, now: datetime, rests_until: datetime) -> tuple[int, datetime]:
    statement = db.insert(session, Tries).values(name=name, window=0, count=1, expires_at=rests_until)
    is_over, until = Tries.expires_at <= now, literal(rests_until, Tries.expires_at.type)
    counted = statement.on_conflict_do_update(
        index_elements=["name", "window"],
        set_={
            "count": case((is_over, 1), else_=Tries.count + 1),
            "expires_at": case((is_over | (Tries.count < most), until), else_=Tries.expires_at),
        },
    ).returning(Tries.count, Tries.expires_at)
    count, ends_at = session.execute(counted).one()
    return count, ends_at


def _count(session: Session, name: str, window: int, expires_at: datetime) -> int:
    statement = db.insert(session, Tries).values(name=name, window=window, count=1, expires_at=expires_at)
    counted = statement.on_conflict_do_update(
        index_elements=["name", "window"], set_={"count": Tries.count + 1}
    ).returning(Tries.count)
    return session.execute(counted).scalar_one()
