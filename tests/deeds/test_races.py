"""The panel, the doer, a witness and the clock at the same moment, on real connections.

SQLite lets one of them begin at a time, so there only the answers are seen; the locks named below are what PostgreSQL
has instead, and there the tests fail when the line they name is taken out.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.orm import Session

from bank.credits.models import CreditStep
from bank.deeds import judging, witnessing
from bank.deeds import operations as deeds
from bank.deeds.models import Deed, DeedCase, DeedVote, DeedWitness
from bank.errors import BankError
from bank.members.models import Message
from tests.credits.races import together
from tests.credits.test_panel import JUDGES
from tests.deeds.test_judging import judged, state, vote
from tests.world import World

Work = Callable[[Session], str]


def held(deed: Deed) -> str:
    return f"SELECT id FROM credit WHERE id = {deed.credit_id} FOR UPDATE"


def told(work: Callable[[Session], object]) -> Work:
    """Give what a work answers as text: its refusal's code, else what it gave."""

    def run(session: Session) -> str:
        try:
            with session.begin_nested():
                return str(work(session))
        except BankError as refusal:
            return refusal.code

    return run


def voting(world: World, who: str, deed: Deed, *, is_for: bool = True) -> Work:
    actor, now = world.actor(who), world.clock.now
    return told(
        lambda session: judging.vote(session, actor, deed.public_id, is_for=is_for, reason="看过", now=now).state
    )


def closing(world: World) -> Work:
    return told(lambda session: judging.close_due(session, now=world.clock.now))


def taking_back(world: World, deed: Deed) -> Work:
    actor, now = world.actor("volunteer"), world.clock.now
    return told(lambda session: deeds.decline(session, actor, deed.public_id, now=now))


def witnessing_it(world: World, who: str, deed: Deed) -> Work:
    actor, now = world.actor(who), world.clock.now
    return told(lambda session: witnessing.witness_by_scan(session, actor, deed.witness_code, now=now).public_id)


def ends(world: World, deed: Deed) -> tuple[int, int]:
    """Count the steps by which the panel's part ended, and the messages that told of it."""
    with world.write() as session:
        chosen = session.query(CreditStep).filter(CreditStep.credit_id == deed.credit_id)
        steps = chosen.filter(CreditStep.step.in_(("granted", "passed_on", "refused", "voided"))).count()
        results = set(judging._RESULTS.values())
        return steps, sum(one.sentence in results for one in session.query(Message))


def test_two_last_votes_against_are_one_refusal(world: World) -> None:
    """Guard: `with_for_update=True` in judging._hold. Whoever votes second must see the first."""
    deed = judged(world)
    vote(world, "panel", deed, is_for=False)
    answers = together(world, [voting(world, who, deed, is_for=False) for who in JUDGES[1:3]], held=held(deed))
    assert sorted(answers) == ["not_granted", "open"]
    assert state(world, deed) == ("not_granted", "refused", None)
    assert ends(world, deed) == (1, 1)


def test_the_deciding_vote_and_the_deadline_close_a_case_once(world: World) -> None:
    """Guard: `if case.state != "open": return False` in judging._close_one, with the lock in _hold before it."""
    deed = judged(world)
    for who in JUDGES[:2]:
        vote(world, who, deed)
    world.clock.advance(days=8)
    answers = together(world, [voting(world, JUDGES[2], deed), closing(world), closing(world)], held=held(deed))
    outcome = state(world, deed)
    assert (outcome, answers[0]) in (
        (("granted", "submitted", None), "granted"),
        (("passed_on", "submitted", None), "already_decided"),
    )
    assert sorted(answers[1:]) == (["0", "0"] if answers[0] == "granted" else ["0", "1"])
    assert ends(world, deed) == (1, 1)


def test_taken_back_as_the_last_vote_comes_gives_no_points_and_one_truth(world: World) -> None:
    """Guard: `with_for_update()` in deeds.decline. Without it the doer is told it is gone while it is refused."""
    deed = judged(world)
    for who in JUDGES[:2]:
        vote(world, who, deed, is_for=False)
    answers = together(world, [voting(world, JUDGES[2], deed, is_for=False), taking_back(world, deed)], held=held(deed))
    outcome = state(world, deed)
    if answers[1] == "None":
        assert (outcome, answers[0]) == (("withdrawn", "void", None), "already_decided")
    else:
        assert (outcome, answers) == (("not_granted", "refused", None), ["not_granted", "already_decided"])
    assert ends(world, deed)[0] == 1


def test_nobody_both_judges_and_bears_witness(world: World) -> None:
    """Guard: `with_for_update=True` in witnessing._add and in judging._hold: whoever comes second sees the first."""
    deed = judged(world)
    answers = together(world, [voting(world, "panel", deed), witnessing_it(world, "panel", deed)], held=held(deed))
    assert sorted(answer == "conflict_of_interest" for answer in answers) == [False, True]
    with world.write() as session:
        votes = session.query(DeedVote).count()
        assert votes + session.query(DeedWitness).count() == 1
        assert session.query(DeedCase).one().state == "open"


def test_one_judge_pressing_five_times_has_one_vote(world: World) -> None:
    """Guard: the unique (deed_id, person_id) of deed_vote, told as AlreadyVoted in judging.vote."""
    deed = judged(world)
    works = [voting(world, "panel", deed) for _ in range(5)]
    assert sorted(together(world, works, held=held(deed))) == ["already_voted"] * 4 + ["open"]
    with world.write() as session:
        assert session.query(DeedVote).count() == 1
