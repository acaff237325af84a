"""Who of the review panel may judge an objection or a deed: nobody involved, and nobody of their households."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from bank.credits import cases
from bank.credits.models import Credit, Objection
from bank.members.models import Person


def judges(session: Session, credit: Credit, objection: Objection) -> set[int]:
    """Give the ids of the panel's members free of conflict in an objection, whether or not they have voted."""
    return uninvolved(session, credit.community_id, _involved(credit, objection))


def uninvolved(session: Session, community_id: int, involved: Collection[int]) -> set[int]:
    """Give the panel's members who are none of these people, live with none of them, and run no platform."""
    homes = set(session.scalars(select(Person.household_id).where(Person.id.in_(involved))))
    holding = cases.holders(session, community_id, "panel") - set(involved)
    holding -= cases.holders(session, community_id, "admin")
    panel = session.execute(select(Person.id, Person.household_id).where(Person.id.in_(holding)))
    return {id_ for id_, own in panel if own is None or own not in homes}


def _involved(credit: Credit, objection: Objection) -> set[int]:
    hands = (credit.person_id, credit.proposed_by, credit.leader_id, credit.first_by, credit.second_by)
    sides = (objection.by_person_id, objection.keyed_by, objection.replied_by, objection.refused_by)
    return {id_ for id_ in (*hands, *sides) if id_ is not None}
