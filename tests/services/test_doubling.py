"""Nobody is credited for two places at once without somebody looking."""

from __future__ import annotations

from datetime import timedelta

from bank.credits.flags import sentence_of
from bank.services import operations as help_
from tests.checkin.street import published, scan
from tests.services.homes import Homes


def _flags(homes: Homes, request: object) -> list[tuple[str, str]]:
    found = homes.credit_of(request).flags  # type: ignore[arg-type]
    return [(flag["code"], flag["facts"].get("title", "")) for flag in found]


def test_a_visit_during_an_activity_is_looked_at(homes: Homes) -> None:
    request = homes.accepted(starts_at=homes.now + timedelta(minutes=60))
    activity = published(homes.world, starts_in=30, lasts=120)
    homes.world.clock.advance(minutes=30)
    assert scan(homes.world, "volunteer", activity).status_code == 201
    homes.at_start(request)
    homes.scan(request)
    homes.world.clock.advance(minutes=60)
    homes.scan(request)
    homes.do("resident", help_.confirm, request.public_id)
    assert _flags(homes, request) == [("elsewhere", "清洁湖边")]
    assert "重叠" in sentence_of(homes.credit_of(request).flags[0])[0]


def test_a_visit_after_the_activity_is_not(homes: Homes) -> None:
    activity = published(homes.world, starts_in=30, lasts=60)
    homes.world.clock.advance(minutes=30)
    assert scan(homes.world, "volunteer", activity).status_code == 201
    homes.world.clock.advance(minutes=60)
    assert scan(homes.world, "volunteer", activity).status_code == 201
    assert _flags(homes, homes.done(starts_at=homes.now + timedelta(minutes=5))) == []


def test_two_visits_at_once_are_looked_at(homes: Homes) -> None:
    first = homes.accepted(starts_at=homes.now + timedelta(minutes=60))
    next_ = homes.accepted(kind="errand", minutes=30, starts_at=homes.now + timedelta(minutes=120))
    homes.at_start(first)
    homes.scan(first)
    homes.at_start(next_, minutes=-10)
    homes.scan(next_)
    homes.at_start(next_)
    homes.scan(first)
    homes.at_start(next_, minutes=20)
    homes.scan(next_)
    for request in (first, next_):
        homes.do("resident", help_.confirm, request.public_id)
    assert _flags(homes, first) == [("elsewhere", "代买代取、送药")]
    assert _flags(homes, next_) == [("elsewhere", "陪聊读报")]


def test_who_signed_up_for_an_activity_then_is_not_proposed(homes: Homes) -> None:
    request = homes.verified(starts_at=homes.now + timedelta(minutes=60))
    over_by_then = published(homes.world, starts_in=10, lasts=50)
    during = published(homes.world, starts_in=90, lasts=60)

    def proposed() -> set[str]:
        with homes.world.write() as session:
            return {one.person.public_id for one in help_.suited(session, request, now=homes.now)}

    volunteer = homes.world.people["volunteer"].public_id
    assert volunteer in proposed()
    for activity, is_free in ((over_by_then, True), (during, False)):
        assert homes.world.api("volunteer", "POST", f"/activities/{activity}/sign-ups", {}).status_code == 201
        assert (volunteer in proposed()) is is_free
