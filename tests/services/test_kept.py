"""What a phone kept without a network: its own moment, one key, never twice, and not without being there."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from werkzeug.test import TestResponse

from bank import chart
from bank.services import operations as help_
from bank.services.models import HelpRequest
from bank.services.refusals import Busy, TooManyPromised, WrongMoment
from bank.services.visiting import Proof
from tests.racing import at_once
from tests.services.homes import HOURS, Homes
from tests.services.test_races import _codes
from tests.shop.market import credit


def _send(homes: Homes, request: HelpRequest, way: str, at: object, key: str, **more: str) -> TestResponse:
    form = {"six": request.code_in if way == "in" else request.code_out, "way": way, "happened_at": f"{at:%FT%TZ}"}
    return homes.world.page("volunteer").post(
        f"/help/{request.public_id}/scan",
        data=form | more,
        headers={"Accept": "application/json", "Idempotency-Key": key},
    )


def test_what_was_kept_is_recorded_with_its_own_moments_and_never_twice(homes: Homes) -> None:
    request = homes.accepted()
    came, went = request.starts_at, request.starts_at + timedelta(minutes=60)
    homes.world.clock.now = went + timedelta(hours=3)
    for way, at, said in (("in", came, "arrived"), ("out", went, "left")):
        answers = [_send(homes, request, way, at, f"kept-{way}") for _ in range(2)]
        assert [one.status_code for one in answers] == [200, 200]
        assert {one.get_json()["said"] for one in answers} == {said}
    again = homes.get(request)
    assert (again.arrived_at, again.left_at, again.is_late_upload) == (came, went, True)


def test_twins_in_flight_are_one_scan(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request)
    calls = [partial(_send, homes, request, "in", request.starts_at, "twin") for _ in range(3)]
    calls += [partial(_send, homes, request, "in", request.starts_at, f"other-{n}") for n in range(2)]
    assert set(_codes(at_once(*calls))) == {200}
    assert homes.get(request).state == "in_service"
    homes.world.clock.advance(minutes=60)
    calls = [partial(_send, homes, request, "out", homes.now, f"out-{n}") for n in range(4)]
    assert set(_codes(at_once(*calls))) == {200}
    assert homes.get(request).state == "to_confirm"


def test_another_key_for_what_is_known_changes_nothing(homes: Homes) -> None:
    request = homes.visit()
    before = homes.get(request)
    for way in ("in", "out"):
        answer = _send(homes, request, way, homes.now, f"again-{way}")
        assert answer.get_json()["said"] == "again"
    after = homes.get(request)
    assert (after.arrived_at, after.left_at, after.state) == (before.arrived_at, before.left_at, before.state)


def test_going_is_not_recorded_before_coming_and_is_told_in_words(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request)
    answer = _send(homes, request, "out", homes.now, "too-soon")
    assert answer.status_code == 409
    assert "不能先记“走了”" in answer.get_json()["detail"]
    assert homes.get(request).state == "accepted"


def test_a_moment_of_this_minute_is_no_late_one(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request)
    _send(homes, request, "in", homes.now - timedelta(minutes=2), "now")
    assert not homes.get(request).is_late_upload


def test_a_visit_kept_too_long_is_refused_in_words_and_stays_with_the_phone(homes: Homes) -> None:
    request = homes.accepted()
    homes.world.clock.now = request.starts_at + timedelta(hours=25, minutes=1)
    answer = _send(homes, request, "in", request.starts_at, "late")
    assert answer.status_code == 409
    assert "请找社区工作人员" in answer.get_json()["detail"]


def test_nobody_came_before_they_promised_to(homes: Homes) -> None:
    request = homes.verified()
    homes.at_start(request, minutes=-5)
    homes.do("volunteer", help_.accept, request.public_id)
    homes.at_start(request)
    early = Proof("card", owner_id=request.person_id, happened_at=request.starts_at - timedelta(minutes=20))
    with pytest.raises(WrongMoment):
        homes.scan(request, proof=early)


def test_the_residents_own_press_is_kept_as_well(homes: Homes) -> None:
    request = homes.accepted()
    homes.at_start(request, hours=1)
    form = {"way": "in", "happened_at": f"{request.starts_at:%FT%TZ}"}
    more = {"Accept": "application/json", "Idempotency-Key": "hers"}
    page = homes.world.page("resident")
    answers = [page.post(f"/help/{request.public_id}/phone", data=form, headers=more) for _ in range(2)]
    assert [one.status_code for one in answers] == [200, 200]
    assert homes.get(request).arrived_at == request.starts_at


def test_one_person_promises_an_hour_once_however_many_windows_are_open(homes: Homes) -> None:
    requests = [homes.verified() for _ in range(4)]
    clients = [homes.world.page("volunteer") for _ in requests]
    calls = [
        partial(client.post, f"/help/{one.public_id}/accept", data={})
        for client, one in zip(clients, requests, strict=True)
    ]
    assert _codes(at_once(*calls)) == {303: 1, 409: 3}
    assert homes.has().held == 60


@pytest.mark.parametrize(("most", "fits"), [(2, 2), (0, 9)])
def test_the_rules_say_how_many_visits_one_person_promises(homes: Homes, most: int, fits: int) -> None:
    homes.adopt(help_promised_most=most)
    credit(homes.world, "resident", chart.MINUTES, HOURS)
    for day in range(fits):
        request = homes.verified(minutes=30, starts_at=homes.now + timedelta(days=3 + day))
        homes.do("volunteer", help_.accept, request.public_id)
    more = homes.verified(minutes=30, starts_at=homes.now + timedelta(days=20))
    if most:
        with pytest.raises(TooManyPromised):
            homes.do("volunteer", help_.accept, more.public_id)
    else:
        homes.do("volunteer", help_.accept, more.public_id)


def test_nobody_hoards_promises(homes: Homes) -> None:
    credit(homes.world, "resident", chart.MINUTES, HOURS)
    made = []
    for day in range(9):
        request = homes.verified(minutes=30, starts_at=homes.now + timedelta(days=3 + day))
        made.append(request)
        if day < 8:
            homes.do("volunteer", help_.accept, request.public_id)
    with pytest.raises(TooManyPromised):
        homes.do("volunteer", help_.accept, made[-1].public_id)
    with pytest.raises(Busy):
        homes.do("volunteer", help_.accept, homes.verified(minutes=30, starts_at=made[0].starts_at).public_id)
    homes.do("volunteer", help_.withdraw, made[0].public_id)
    homes.do("volunteer", help_.accept, made[-1].public_id)
