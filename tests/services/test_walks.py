"""Whatever people do in whatever order, and whatever time does: at every end nothing is held, and the book agrees."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from bank import chart
from bank.errors import BankError
from bank.services import operations as help_
from bank.services import rules
from bank.services.models import HelpRequest
from bank.services.visiting import Proof
from tests.services.homes import HOURS, Homes

PEOPLE = ("resident", "volunteer", "panel", "coordinator", "coordinator2", "second")
STEPS = 40


def _acts(request: HelpRequest, homes: Homes, draw: random.Random) -> list[tuple[object, tuple[object, ...]]]:
    """Give every verb with arguments that may be right."""
    names = [homes.world.people[who].public_id for who in ("volunteer", "panel")]
    door = Proof("card", owner_id=request.person_id)
    resident = homes.world.people["resident"]
    return [
        (help_.verify, ()),
        (help_.invite, (draw.sample(names, draw.randint(1, 2)),)),
        (help_.accept, ()),
        (help_.decline, ()),
        (help_.withdraw, ()),
        (help_.scan, (draw.choice((door, Proof("phone"), Proof("digits", six=request.code_in))),)),
        (help_.confirm, ()),
        (help_.confirm_by_card, (resident,)),
        (help_.object_to, ("早走了",)),
        (help_.say_words, ("就是这样",)),
        (help_.closed_door, ("敲了门",)),
        (help_.nobody_came, ()),
    ]


def _one_step(homes: Homes, request: HelpRequest, draw: random.Random) -> None:
    who = draw.choice(PEOPLE)
    chance = draw.random()
    try:
        if chance < 0.1:
            homes.do(who, help_.cancel, request.public_id, reason=None)
        elif chance < 0.2:
            homes.do(who, help_.decide, request.public_id, minutes=draw.choice((0, 30, 60)), reason="问过了")
        elif chance < 0.25:
            homes.do(who, help_.call_back, request.public_id, is_right=draw.random() < 0.7, words="不对")
        elif chance < 0.45:
            homes.world.clock.advance(minutes=draw.choice((5, 20, 45, 60, 600, 3000)))
        elif chance < 0.55:
            homes.run_jobs()
        elif chance < 0.6 and request.starts_at > homes.now:
            homes.at_start(request)
        else:
            verb, more = draw.choice(_acts(request, homes, draw))
            homes.do(who, verb, request.public_id, *more)
    except BankError:
        pass  # most steps are refused: only what the rules let through moves anything


def _check(homes: Homes, made: list[HelpRequest]) -> None:
    """What is held is just what is promised, and what was paid is just what requests say."""
    now = [homes.get(one) for one in made]
    held = sum(one.minutes for one in now if one.state in rules.HELD)
    paid = sum(one.paid_minutes or 0 for one in now)
    assert homes.has().held == held
    assert homes.has().posted == HOURS - paid
    if paid:
        assert homes.balance(chart.help_given()).posted == paid
    for one in now:
        assert (one.state in rules.ENDS) == (one.due_at is None)
        assert (one.paid_minutes is None) == (one.credit_id is None)


@pytest.mark.parametrize("seed", range(5))
def test_nothing_strands_hours_on_a_random_walk(homes: Homes, seed: int) -> None:
    draw = random.Random(seed)
    made = [homes.ask() for _ in range(2)]
    for _ in range(STEPS):
        _one_step(homes, draw.choice(made), draw)
        _check(homes, made)
    for _ in range(6):
        homes.world.clock.advance(days=15)
        homes.run_jobs()
    _check(homes, made)
    assert {homes.get(one).state for one in made} <= set(rules.ENDS)
    homes.verify()


@pytest.mark.parametrize("reached", [*rules.OPEN, *rules.HELD])
def test_left_alone_every_state_ends_with_nothing_held(homes: Homes, reached: str) -> None:
    request = {
        "requested": homes.ask,
        "verified": homes.verified,
        "offered": lambda: _offered(homes),
        "accepted": homes.accepted,
        "in_service": lambda: _in_service(homes),
        "to_confirm": homes.visit,
        "disputed": lambda: homes.done(30),
    }[reached]()
    assert homes.get(request).state == reached
    for _ in range(4):
        homes.world.clock.now += timedelta(days=20)
        homes.run_jobs()
    assert homes.get(request).state in rules.ENDS
    assert homes.has().held == 0


def _offered(homes: Homes) -> HelpRequest:
    request = homes.verified()
    homes.do("coordinator", help_.invite, request.public_id, [homes.world.people["volunteer"].public_id])
    return request


def _in_service(homes: Homes) -> HelpRequest:
    request = homes.accepted()
    homes.at_start(request)
    homes.scan(request)
    return request
