"""Many at once, with real connections: one promise, one payment, one end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from werkzeug.test import TestResponse

from bank import chart, jobs
from bank.services import operations as help_
from tests.racing import at_once
from tests.services.homes import HOURS, Homes

Call = Callable[[], TestResponse]


def _codes(answers: Sequence[TestResponse]) -> Counter[int]:
    return Counter(one.status_code for one in answers)


def test_fifty_say_yes_and_one_comes(homes: Homes) -> None:
    helpers = [f"helper{number}" for number in range(50)]
    for who in helpers:
        homes.world.add_person(who, "热心人")
    request = homes.verified()
    clients = [homes.world.page(who) for who in helpers]
    path = f"/help/{request.public_id}/accept"
    answers = at_once(*[partial(client.post, path, data={}) for client in clients])
    assert _codes(answers) == {303: 1, 409: 49}
    assert homes.get(request).state == "accepted"
    assert homes.has().held == 60
    homes.verify()


def test_both_confirm_again_and_again_at_once_and_it_is_paid_once(homes: Homes) -> None:
    request = homes.visit()
    path = f"/help/{request.public_id}/confirm"
    clients = [homes.world.page(who) for who in ("resident", "volunteer") for _ in range(6)]
    answers = at_once(*[partial(client.post, path, data={}) for client in clients])
    assert set(_codes(answers)) <= {303, 409}
    assert homes.get(request).state == "done"
    assert homes.balance(chart.help_given()).posted == 60
    homes.verify()


def test_a_yes_and_a_cancellation_leave_nothing_held(homes: Homes) -> None:
    for _ in range(4):
        request = homes.verified()
        calls = {"volunteer": "accept", "resident": "cancel", "panel": "accept"}
        clients = {who: homes.world.page(who) for who in calls}
        answers = at_once(
            *[partial(clients[who].post, f"/help/{request.public_id}/{verb}", data={}) for who, verb in calls.items()]
        )
        assert set(_codes(answers)) <= {303, 409}
        state = homes.get(request).state
        assert state == "cancelled"
        assert homes.has().held == 0
    assert homes.has().available == HOURS
    homes.verify()


def test_the_job_and_a_decision_end_a_dispute_once(homes: Homes) -> None:
    request = homes.done(40)
    homes.world.clock.now = homes.get(request).due_at
    path = f"/desk/help/{request.public_id}/decide"
    desks = [homes.world.page(who) for who in ("coordinator", "second", "coordinator2")]

    def job() -> TestResponse:
        with homes.world.app.app_context():
            jobs.run_due(homes.now)
        return homes.world.page("resident").get("/help")

    form = {"minutes": "30", "reason": "说好了"}
    answers = at_once(*[job, job, *(partial(desk.post, path, data=form) for desk in desks)])
    assert set(_codes(answers)) <= {200, 303, 409}
    paid = homes.get(request).paid_minutes
    assert paid in (30, 40)
    assert homes.balance(chart.help_given()).posted == paid
    homes.verify()


def test_hours_are_promised_once_by_two_requests(homes: Homes) -> None:
    homes.adopt(home_service_minutes=600)
    requests = [homes.verified(minutes=120) for _ in range(5)]
    homes.do("resident", help_.cancel, requests.pop().public_id, reason=None)
    homes.spend("resident", HOURS - 120)
    helpers = [f"helper{number}" for number in range(4)]
    for who in helpers:
        homes.world.add_person(who, "热心人")
    clients = [homes.world.page(who) for who in helpers]
    calls = [
        partial(client.post, f"/help/{request.public_id}/accept", data={})
        for client, request in zip(clients, requests, strict=True)
    ]
    assert _codes(at_once(*calls)) == {303: 1, 409: 3}
    assert homes.has().held == 120
    homes.verify()
