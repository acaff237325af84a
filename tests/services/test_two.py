"""Help that takes two trained people: both promise, both come, both go, each is given their own minutes."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import update
from sqlalchemy.exc import DBAPIError

from bank import chart
from bank.communities.models import Community
from bank.errors import NotAllowed, NotFound
from bank.services import operations as help_
from bank.services.models import HelpRequest
from bank.services.refusals import (
    AlreadyTrained,
    Moved,
    NotArrived,
    NotEnoughTime,
    NotTrained,
    NotYet,
    OnlyInvited,
    SecondPerson,
)
from bank.services.visiting import Proof
from bank.vitals import measuring
from tests.credits.builders import approve
from tests.racing import at_once
from tests.services.baths import HELPERS, begun, end_all, invite, likes, offer_baths, promised
from tests.services.homes import HOURS, Homes
from tests.services.test_races import _codes


@pytest.fixture
def baths(homes: Homes) -> Homes:
    """Homes whose community offers bathing, with two people trained for it."""
    offer_baths(homes)
    return homes


def test_nothing_is_held_before_the_second_yes_and_then_the_minutes_of_both(baths: Homes) -> None:
    request = baths.verified(kind="bath")
    invite(baths, request, *HELPERS)
    for _ in range(2):  # who presses again has said so already
        assert baths.do("volunteer", help_.accept, request.public_id).state in ("verified", "offered")
    assert (baths.get(request).state, baths.has().held) == ("offered", 0)
    with pytest.raises(Moved):
        baths.do("volunteer", help_.decline, request.public_id)
    baths.do("panel", help_.accept, request.public_id)
    again = baths.get(request)
    assert (again.state, baths.has().held) == ("accepted", 120)
    assert (again.volunteer_id, again.second_id) == tuple(baths.world.people[who].id for who in HELPERS)


def test_each_gets_their_own_minutes_and_the_resident_pays_both(baths: Homes) -> None:
    request = begun(baths)
    baths.world.clock.advance(minutes=50)
    assert baths.scan(request, "volunteer") == "left"
    assert baths.get(request).state == "in_service"
    baths.world.clock.advance(minutes=10)
    assert baths.scan(request, "panel") == "left"
    assert baths.get(request).state == "to_confirm"
    baths.do("resident", help_.confirm, request.public_id)
    done = baths.get(request)
    assert (done.state, done.paid_minutes, done.second_paid_minutes) == ("done", 50, 60)
    assert (baths.has().posted, baths.has().held) == (HOURS - 110, 0)
    assert baths.balance(chart.help_given()).posted == 110
    first, second = baths.credit_of(request), baths.credit_with(done.second_credit_id)
    assert [(one.person_id, one.amount) for one in (first, second)] == [
        (baths.world.people[who].id, minutes) for who, minutes in zip(HELPERS, (50, 60), strict=True)
    ]
    baths.verify()


def test_the_health_of_the_bank_counts_what_both_did(baths: Homes) -> None:
    request = begun(baths)
    baths.world.clock.advance(minutes=60)
    for who in HELPERS:
        baths.scan(request, who)
    baths.do("resident", help_.confirm, request.public_id)
    done = baths.get(request)
    for credit_id in (done.credit_id, done.second_credit_id):
        assert credit_id is not None
        assert approve(baths.world, "coordinator", credit_id)[1] is None
    baths.world.clock.advance(days=10)
    baths.run_jobs()
    with baths.world.write() as session:
        place = session.get_one(Community, baths.world.community_id)
        measuring.take(session, place, now=baths.now + timedelta(days=1))
        newest = measuring.newest(session, place.id)
        assert newest is not None
        assert measuring.read(newest).supply[measuring.VISITS] == [120, 2]


def test_the_visit_begins_when_both_have_come(baths: Homes) -> None:
    request = promised(baths)
    baths.at_start(request)
    assert baths.scan(request, "volunteer") == "arrived"
    assert baths.scan(request, "volunteer") == "again"
    assert baths.get(request).state == "accepted"
    with pytest.raises(NotArrived):
        baths.scan(request, "volunteer", Proof("card", owner_id=request.person_id, way="out"))
    assert baths.scan(request, "panel") == "arrived"
    assert baths.get(request).state == "in_service"


def test_the_resident_says_for_both(baths: Homes) -> None:
    request = promised(baths)
    baths.at_start(request)
    baths.scan(request, "resident", Proof("phone", way="in"))
    baths.world.clock.advance(minutes=60)
    baths.scan(request, "resident", Proof("phone", way="out"))
    baths.do("volunteer", help_.confirm, request.public_id)
    assert baths.get(request).state == "to_confirm"
    baths.do("panel", help_.confirm, request.public_id)
    assert baths.get(request).state == "done"


def test_one_who_comes_alone_is_given_a_little_where_somebody_decides_so(baths: Homes) -> None:
    request = promised(baths)
    baths.at_start(request)
    baths.scan(request, "panel")
    for verb in (help_.nobody_came, help_.cancel):
        with pytest.raises((Moved, NotYet)):
            baths.do("resident", verb, request.public_id, **({"reason": None} if verb is help_.cancel else {}))
    with pytest.raises(NotYet):
        baths.do("panel", help_.only_one, request.public_id, "他没来")
    baths.world.clock.advance(minutes=15)
    baths.do("panel", help_.only_one, request.public_id, "他没来")
    told = baths.get(request)
    assert (told.state, told.doubt, told.volunteer_id) == ("disputed", "one_came", baths.world.people["panel"].id)
    assert told.volunteer_words == "他没来"
    baths.do("coordinator2", help_.decide, request.public_id, minutes=60, reason="问过了")
    done = baths.get(request)
    assert (done.state, done.paid_minutes, done.second_paid_minutes) == ("resolved", 30, None)
    assert baths.credit_of(request).person_id == baths.world.people["panel"].id
    assert (baths.has().posted, baths.has().held) == (HOURS - 30, 0)


def test_one_who_comes_alone_and_says_nothing_is_looked_at_and_nobody_pays_by_silence(baths: Homes) -> None:
    request = promised(baths)
    baths.at_start(request)
    baths.scan(request, "volunteer")
    baths.world.clock.now = baths.get(request).due_at
    baths.run_jobs()
    assert (baths.get(request).state, baths.get(request).doubt) == ("disputed", "one_came")
    baths.world.clock.now = baths.get(request).due_at
    baths.run_jobs()
    assert (baths.get(request).state, baths.has().available) == ("resolved", HOURS)


def test_who_cannot_come_leaves_the_otherpromised(baths: Homes) -> None:
    request = promised(baths)
    baths.do("panel", help_.withdraw, request.public_id)
    again = baths.get(request)
    assert (again.state, again.volunteer_id, again.second_id, baths.has().held) == ("verified", None, None, 0)
    invite(baths, request, "panel")
    baths.do("panel", help_.accept, request.public_id)
    assert (baths.get(request).state, baths.has().held) == ("accepted", 120)
    assert baths.get(request).volunteer_id == baths.world.people["volunteer"].id


def test_the_first_of_two_may_take_the_yes_back_and_hears_when_nobody_else_was_found(baths: Homes) -> None:
    request = baths.verified(kind="bath")
    invite(baths, request, *HELPERS)
    baths.do("volunteer", help_.accept, request.public_id)
    baths.do("volunteer", help_.withdraw, request.public_id)
    with pytest.raises(NotFound):
        baths.do("volunteer", help_.withdraw, request.public_id)
    baths.do("panel", help_.accept, request.public_id)
    assert baths.get(request).state in ("verified", "offered")
    baths.at_start(request)
    baths.run_jobs()
    assert baths.get(request).state == "nobody_found"
    assert "没有找到第二位" in baths.told("panel")[-1]


def test_a_late_cancellation_gives_each_a_little(baths: Homes) -> None:
    request = promised(baths)
    baths.at_start(request, hours=-2)
    baths.do("resident", help_.cancel, request.public_id, reason="住院了")
    done = baths.get(request)
    assert (done.paid_minutes, done.second_paid_minutes, baths.has().posted) == (30, 30, HOURS - 60)


def test_who_asks_needs_the_minutes_of_both(baths: Homes) -> None:
    baths.spend("resident", HOURS - 100)
    with pytest.raises(NotEnoughTime) as refused:
        baths.ask(kind="bath")
    assert refused.value.facts == {"missing_minutes": 20}


def test_only_who_was_trained_is_asked_and_comes(baths: Homes) -> None:
    request = baths.verified(kind="bath")
    likes(baths, "coordinator2")
    with pytest.raises(NotFound):
        invite(baths, request, "coordinator2")
    with pytest.raises(OnlyInvited):
        baths.do("volunteer", help_.accept, request.public_id)
    invite(baths, request, "volunteer")
    end_all(baths)
    with pytest.raises(NotTrained):
        baths.do("volunteer", help_.accept, request.public_id)


def test_a_training_is_recorded_once_by_a_coordinator_of_another_home(homes: Homes) -> None:
    person = homes.world.people["volunteer"]
    training = homes.do("coordinator", help_.record_training, person, "bath", "红十字会证书")
    with pytest.raises(AlreadyTrained):
        homes.do("coordinator2", help_.record_training, person, "bath", "又一张")
    with pytest.raises(NotFound):
        homes.do("coordinator", help_.record_training, person, "company", "不用培训")
    with pytest.raises(NotAllowed):
        homes.do("second", help_.record_training, person, "bath", "证书")
    for who in ("relative", "coordinator"):
        with pytest.raises(SecondPerson):
            homes.do("coordinator", help_.record_training, homes.world.people[who], "bath", "证书")
    homes.do("coordinator", help_.end_training, training.id)
    with pytest.raises(Moved):
        homes.do("coordinator", help_.end_training, training.id)
    homes.do("coordinator", help_.record_training, person, "bath", "重新培训过")


@pytest.mark.parametrize(
    "lie",
    [
        {"state": "in_service"},
        {"second_id": None},
        {"second_id": HelpRequest.volunteer_id},
        {"second_id": HelpRequest.person_id},
        {"helpers": 3},
    ],
)
def test_the_database_refuses_a_visit_of_two_with_one(baths: Homes, lie: dict[str, object]) -> None:
    request = promised(baths)
    baths.at_start(request)
    baths.scan(request, "volunteer")
    with pytest.raises(DBAPIError), baths.world.write() as session:
        session.execute(update(HelpRequest).where(HelpRequest.id == request.id).values(lie))


def test_the_database_refuses_somebody_untrained(baths: Homes) -> None:
    request = promised(baths)
    back = {"state": "verified", "second_id": None, "second_accepted_at": None}
    forth = {"state": "accepted", "second_id": baths.world.people["second"].id, "second_accepted_at": baths.now}
    mine = update(HelpRequest).where(HelpRequest.id == request.id)
    with baths.world.write() as session:
        session.execute(mine.values(back | {"release_txn_id": request.hold_txn_id}))
    with pytest.raises(DBAPIError, match="two trained people go"), baths.world.write() as session:
        session.execute(mine.values(forth))


def test_left_alone_a_visit_of_two_ends_with_nothing_held(baths: Homes) -> None:
    half = baths.verified(kind="bath", starts_at=baths.now + timedelta(days=9))
    other = begun(baths)
    invite(baths, half, "volunteer")
    baths.do("volunteer", help_.accept, half.public_id)
    for _ in range(4):
        baths.world.clock.now += timedelta(days=20)
        baths.run_jobs()
    assert {baths.get(one).state for one in (half, other)} == {"nobody_found", "resolved"}
    assert (baths.has().held, baths.has().available) == (0, HOURS)


def test_three_say_yes_at_once_and_two_go(baths: Homes) -> None:
    likes(baths, "coordinator2")
    baths.do("coordinator", help_.record_training, baths.world.people["coordinator2"], "bath", "街道助浴培训")
    request = baths.verified(kind="bath")
    three = (*HELPERS, "coordinator2")
    invite(baths, request, *three)
    clients = [baths.world.page(who) for who in three]
    path = f"/help/{request.public_id}/accept"
    answers = at_once(*[partial(client.post, path, data={}) for client in clients])
    assert _codes(answers) == {303: 2, 409: 1}
    again = baths.get(request)
    assert (again.state, baths.has().held) == ("accepted", 120)
    assert None not in (again.volunteer_id, again.second_id)
    baths.verify()


def test_a_page_says_who_is_missing_and_what_it_costs(baths: Homes) -> None:
    request = baths.verified(kind="bath", risk_note="左腿不能沾水")
    invite(baths, request, "volunteer")
    page, path = baths.world.page("volunteer"), f"/help/{request.public_id}"
    assert "一共留 2 小时" in page.get(path).get_data(as_text=True)
    page.post(f"{path}/accept", data={})
    shown = page.get(path).get_data(as_text=True)
    assert "还差一位" in shown
    assert "左腿不能沾水" in shown
    assert "我来不了" in shown
    desk = baths.world.page("coordinator").get(f"/desk/help/{request.public_id}").get_data(as_text=True)
    assert "有一位答应了，还差一位" in desk


def test_a_training_is_recorded_at_the_desk(homes: Homes) -> None:
    page, person = homes.world.page("coordinator"), homes.world.people["volunteer"]
    assert person.name in page.get("/desk/help/trained?q=wxm").get_data(as_text=True)
    form = {"person": person.public_id, "kind": "bath", "paper": "红十字会证书"}
    wrong = page.post("/desk/help/trained", data=form | {"paper": ""})
    assert wrong.status_code == 422
    assert "登记 王小明 的培训" in wrong.get_data(as_text=True)
    assert page.post("/desk/help/trained", data=form).status_code == 303
    assert page.post("/desk/help/trained", data=form).status_code == 409
    assert "红十字会证书" in homes.world.page("second").get("/desk/help/trained").get_data(as_text=True)
