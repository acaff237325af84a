"""Thanks: they cost and carry nothing, are limited, and a bad one is out of sight at once."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from bank import jobs
from bank.credits.models import Credit
from bank.errors import NotAllowed, NotFound
from bank.members.models import Message
from bank.thanks import operations as thanks
from bank.thanks import rules
from bank.thanks.models import Thanks
from bank.thanks.operations import AlreadyThanked, EnoughForToday, Settled
from tests.credits.builders import balance
from tests.credits.races import together
from tests.credits.test_objections import refusal_of
from tests.world import World


def send(world: World, who: str, to: str, words: str | None = None) -> Thanks:
    actor = world.actor(who)
    with world.write() as session:
        return thanks.send(session, actor, world.people[to], card="warm", words=words, now=world.clock.now)


def states(world: World) -> list[str]:
    with world.write() as session:
        return [one.state for one in session.query(Thanks).order_by(Thanks.id)]


def test_a_card_is_kept_and_told_and_carries_no_points(world: World) -> None:
    send(world, "resident", "volunteer", "药收到了")
    actor = world.actor("volunteer")
    with world.write() as session:
        (card,) = thanks.received(session, actor)
        assert (card.sender, card.thanks.words) == ("李秀英", "药收到了")
        (message,) = session.query(Message).filter_by(person_id=world.people["volunteer"].id)
        assert message.facts == {"name": "李秀英", "card": rules.CARDS["warm"]}
        assert session.query(Credit).count() == 0
    assert (balance(world, "volunteer", "PTS"), balance(world, "volunteer", "MIN")) == (0, 0)


def test_one_a_day_to_each_and_five_in_all(world: World) -> None:
    for to in ("volunteer", "shop", "panel", "auditor", "second"):
        send(world, "resident", to)
    with pytest.raises(AlreadyThanked):
        send(world, "resident", "volunteer")
    with pytest.raises(EnoughForToday):
        send(world, "resident", "admin")
    world.clock.advance(days=1)
    send(world, "resident", "volunteer")


def test_six_at_once_leave_five(world: World) -> None:
    actor = world.actor("resident")
    people = ("volunteer", "shop", "panel", "auditor", "second", "admin")

    def sending(to: str, session: Session) -> str:
        return refusal_of(
            lambda session: thanks.send(
                session, actor, world.people[to], card="thanks", words=None, now=world.clock.now
            ),
            session,
        )

    works = [lambda session, to=to: sending(to, session) for to in people]
    answers = together(world, works, held="SELECT id FROM person FOR NO KEY UPDATE")
    assert sorted(answers) == ["cap_exceeded"] + ["done"] * 5


def test_a_card_is_hidden_and_shown_by_its_receiver_alone(world: World) -> None:
    card = send(world, "resident", "volunteer")
    sender, receiver = world.actor("resident"), world.actor("volunteer")
    with world.write() as session, pytest.raises(NotFound):
        thanks.hide(session, sender, card.public_id)
    with world.write() as session:
        thanks.hide(session, receiver, card.public_id)
    assert states(world) == ["hidden"]
    with world.write() as session, pytest.raises(Settled):
        thanks.hide(session, receiver, card.public_id)
    with world.write() as session:
        thanks.show(session, receiver, card.public_id)
    assert states(world) == ["kept"]


@pytest.mark.parametrize(("is_bad", "after"), [(True, "removed"), (False, "kept")])
def test_a_reported_card_is_out_of_sight_until_a_coordinator_has_looked(world: World, is_bad: bool, after: str) -> None:
    card = send(world, "resident", "volunteer", "难听的话")
    receiver, clerk = world.actor("volunteer"), world.actor("coordinator")
    with world.write() as session:
        thanks.report(session, receiver, card.public_id, now=world.clock.now)
        assert thanks.received(session, receiver) == []
        assert thanks.count_reported(session, clerk) == 1
        with pytest.raises(NotAllowed):
            thanks.settle(session, receiver, card.public_id, is_bad=False, now=world.clock.now)
    with world.write() as session:
        thanks.settle(session, clerk, card.public_id, is_bad=is_bad, now=world.clock.now)
    assert states(world) == [after]
    with world.write() as session, pytest.raises(Settled):
        thanks.settle(session, clerk, card.public_id, is_bad=True, now=world.clock.now)


def test_no_coordinator_settles_their_own(world: World) -> None:
    card = send(world, "coordinator", "volunteer")
    receiver, clerk = world.actor("volunteer"), world.actor("coordinator")
    with world.write() as session:
        thanks.report(session, receiver, card.public_id, now=world.clock.now)
    with world.write() as session, pytest.raises(Settled):
        thanks.settle(session, clerk, card.public_id, is_bad=False, now=world.clock.now)


def test_what_nobody_looks_at_is_removed_after_fourteen_days(world: World) -> None:
    card, receiver = send(world, "resident", "volunteer"), world.actor("volunteer")
    with world.write() as session:
        thanks.report(session, receiver, card.public_id, now=world.clock.now)
    for days, after in ((13, "reported"), (1, "removed")):
        with world.app.app_context():
            jobs.run_due(world.clock.advance(days=days))
        assert states(world) == [after]
