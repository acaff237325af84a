"""Donors' names: whoever received the goods writes them, another person looks before anybody reads them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bank import db
from bank.errors import Conflict, NotFound, say
from bank.members.actor import Actor
from bank.members.models import Person
from bank.shop.models import Donation, DonorLook, Item

MOST_SHOWN = 50


class OwnDonation(Conflict):
    """They received it themselves, or somebody of their household did."""

    code = "second_person_required"
    sentence = say("名字是您或您的家人记下的，请另一位工作人员看过再公开。")


class LookedAt(Conflict):
    """Somebody was first."""

    code = "already_decided"
    sentence = say("这个名字刚才已经有人看过了，以先看的为准。")


def waiting(session: Session, actor: Actor) -> list[tuple[Donation, str, str, bool]]:
    """Give the names nobody looked at yet: the donation, what it was, who received it, and whether the actor may not
    look, as it is their own or their household's."""
    found = (
        select(Donation, Item.title, Person)
        .join(Item, Item.id == Donation.item_id)
        .join(Person, Person.id == Donation.received_by)
        .outerjoin(DonorLook, DonorLook.donation_id == Donation.id)
        .where(Donation.community_id == actor.community_id, Donation.is_named, DonorLook.donation_id.is_(None))
    )
    rows = session.execute(found.order_by(Donation.id).limit(MOST_SHOWN))
    return [(gift, title, by.name, _is_own(actor, by)) for gift, title, by in rows]


def look(session: Session, actor: Actor, donation_id: str, *, is_shown: bool, now: datetime) -> None:
    """Let a donor's name be public, or not; `donation_id` is a public id. Raises NotFound, OwnDonation, LookedAt."""
    actor.require("coordinator")
    same = (Donation.public_id == donation_id, Donation.community_id == actor.community_id, Donation.is_named)
    gift = session.scalar(select(Donation).where(*same))
    if gift is None:
        raise NotFound
    if _is_own(actor, session.get_one(Person, gift.received_by)):
        raise OwnDonation
    looked = (
        db.insert(session, DonorLook)
        .values(donation_id=gift.id, is_shown=is_shown, looked_by=actor.person_id, looked_at=now)
        .on_conflict_do_nothing(index_elements=["donation_id"])
        .returning(DonorLook.donation_id)
    )
    if session.scalar(looked) is None:
        raise LookedAt


def _is_own(actor: Actor, receiver: Person) -> bool:
    at_home = actor.household_id is not None and receiver.household_id == actor.household_id
    return receiver.id == actor.person_id or at_home
