"""Nobody pays for more than somebody was credited for, and nothing comes back twice."""

from __future__ import annotations

import re
import threading

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from bank import chart, db, jobs
from bank.credits import operations as credits
from bank.credits.models import Credit
from bank.services import operations as help_
from bank.services import rules
from bank.services.models import HelpRefund, HelpRequest
from tests.credits.builders import approve
from tests.services.homes import HOURS, Homes


def _lowered(homes: Homes, to: int) -> HelpRequest:
    """Give a visit of an hour whose credit the desk lowered, posted."""
    request = homes.done()
    actor = homes.world.actor("coordinator")
    with homes.world.write() as session:
        credits.decide(session, actor, [request.credit_id], "approve", amount=to, reason="只做了一部分", now=homes.now)
    return request


def _post(homes: Homes) -> None:
    homes.world.clock.advance(days=10)
    homes.run_jobs()


def _corrected(homes: Homes, credit: Credit, amount: int) -> Credit:
    """Put a correction in the place of a credit; give it, proposed."""
    with homes.world.write() as session:
        again = credits.propose(
            session,
            community_id=credit.community_id,
            source=f"{credit.source}:correction:1",
            person_id=credit.person_id,
            proposed_by=credit.person_id,
            title=credit.title,
            happened_on=credit.happened_on,
            unit=credit.unit,
            amount=amount,
            evidence_class="A",
            evidence={},
            flags=[],
            rules_number=1,
            now=homes.now,
        )
        credits.void(session, credit.id, reason="更正", by=None, now=homes.now)
    return again


def _refunds(homes: Homes, request: HelpRequest) -> list[HelpRefund]:
    with homes.world.write() as session:
        return list(session.scalars(select(HelpRefund).where(HelpRefund.request_id == request.id)))


def test_what_was_lowered_comes_back_once_by_a_linked_transaction(homes: Homes) -> None:
    request = _lowered(homes, 45)
    assert homes.has().posted == HOURS - 60
    _post(homes)
    homes.run_jobs()
    assert homes.has().posted == HOURS - 45
    assert homes.balance(chart.help_given()).posted == 45
    (refund,) = _refunds(homes, request)
    assert (refund.minutes, homes.get(request).refunded_minutes) == (15, 15)
    page = homes.world.page("resident").get(f"/passbook/{refund.txn_id}").get_data(as_text=True)
    assert f"/help/{request.public_id}" in page
    assert "退回：" in page
    assert "多用掉的" in homes.told("resident")[-1]
    homes.verify()


def test_what_is_left_comes_back_when_a_lowered_credit_is_reversed_later(homes: Homes) -> None:
    request = _lowered(homes, 45)
    _post(homes)
    homes.run_jobs()
    credit = homes.credit_of(request)
    with homes.world.write() as session:
        credits.void(session, credit.id, reason="没有这回事", by=None, now=homes.now)
    for _ in range(3):
        homes.run_jobs()
    assert homes.has().posted == HOURS
    assert homes.balance(chart.help_given()).posted == 0
    assert [one.minutes for one in _refunds(homes, request)] == [15, 45]
    homes.verify()


def test_a_lower_correction_gives_back_the_difference(homes: Homes) -> None:
    request = homes.done()
    credit = homes.credit_of(request)
    approve(homes.world, "coordinator", credit.id)
    homes.run_jobs()
    again = _corrected(homes, credit, 40)
    homes.run_jobs()
    assert homes.has().posted == HOURS - 60
    approve(homes.world, "coordinator", again.id)
    _post(homes)
    homes.run_jobs()
    assert homes.has().posted == HOURS - 40
    homes.verify()


def test_the_pool_gets_its_own_back(homes: Homes) -> None:
    homes.fill_pool(60)
    person = homes.world.people["resident"]
    request = homes.do("coordinator", help_.ask_for, person, homes.wish(is_hardship=True), via="counter")
    homes.do("second", help_.verify, request.public_id)
    homes.do("volunteer", help_.accept, request.public_id)
    homes.at_start(homes.get(request))
    homes.scan(request)
    homes.world.clock.advance(minutes=60)
    homes.scan(request)
    homes.do("resident", help_.confirm, request.public_id)
    actor, credit = homes.world.actor("coordinator2"), homes.credit_of(request)
    with homes.world.write() as session:
        credits.decide(session, actor, [credit.id], "approve", amount=50, reason="短了些", now=homes.now)
    _post(homes)
    homes.run_jobs()
    assert (homes.balance(chart.pool()).posted, homes.has().posted) == (10, HOURS)


@pytest.mark.parametrize("lie", [{"refunded_minutes": 61}, {"refunded_minutes": -1}])
def test_the_database_refuses_to_give_back_more_than_was_paid(homes: Homes, lie: dict[str, int]) -> None:
    request = homes.done()
    with pytest.raises(DBAPIError), homes.world.write() as session:
        session.execute(update(HelpRequest).where(HelpRequest.id == request.id).values(lie))


def test_what_was_given_back_is_never_changed(homes: Homes) -> None:
    _lowered(homes, 45)
    _post(homes)
    homes.run_jobs()
    with pytest.raises(DBAPIError), homes.world.write() as session:
        session.execute(update(HelpRefund).values(minutes=1))


def test_many_jobs_at_once_give_back_once(homes: Homes) -> None:
    request = _lowered(homes, 45)
    homes.world.clock.advance(days=10)
    gate = threading.Barrier(4)

    def job() -> None:
        gate.wait()
        with homes.world.app.app_context():
            jobs.run_due(homes.now)

    threads = [threading.Thread(target=job) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    homes.run_jobs()
    assert [one.minutes for one in _refunds(homes, request)] == [15]
    assert homes.has().posted == HOURS - 45
    homes.verify()


def test_what_was_refused_comes_back_after_the_days_in_which_it_may_be_reopened(homes: Homes) -> None:
    request = homes.done()
    actor = homes.world.actor("coordinator")
    with homes.world.write() as session:
        credits.decide(session, actor, [request.credit_id], "reject", reason="没有这回事", now=homes.now)
    homes.world.clock.advance(days=5, seconds=-1)
    homes.run_jobs()
    assert homes.has().posted == HOURS - 60
    homes.world.clock.advance(seconds=1)
    homes.run_jobs()
    homes.run_jobs()
    assert homes.has().posted == HOURS
    assert homes.balance(chart.help_given()).posted == 0
    assert homes.get(request).returned_txn_id is not None
    homes.verify()


def test_what_was_reversed_comes_back_at_once_but_not_while_a_correction_stands(homes: Homes) -> None:
    request = homes.done()
    credit = homes.credit_of(request)
    approve(homes.world, "coordinator", credit.id)
    homes.run_jobs()
    _corrected(homes, credit, 50)
    homes.run_jobs()
    assert homes.has().posted == HOURS - 60
    with homes.world.write() as session:
        other = session.scalars(select(Credit).where(Credit.source.like("%:correction:1"))).one()
        credits.void(session, other.id, reason="没有这回事", by=None, now=homes.now)
    homes.run_jobs()
    assert homes.has().posted == HOURS


def _freeze(homes: Homes, *, is_frozen: bool) -> None:
    path = chart.member(homes.world.people["resident"].public_id)
    with homes.world.write() as session:
        book = db.book(session, homes.world.community_id, homes.now)
        (book.freeze if is_frozen else book.thaw)(path, chart.MINUTES, session=session)


def test_a_frozen_account_holds_up_nobody_elses_request(homes: Homes) -> None:
    request, refused = homes.visit(), homes.done()
    actor = homes.world.actor("coordinator")
    with homes.world.write() as session:
        credits.decide(session, actor, [refused.credit_id], "reject", reason="没有这回事", now=homes.now)
    _freeze(homes, is_frozen=True)
    homes.do("volunteer", help_.confirm_by_card, request.public_id, homes.world.people["resident"])
    homes.world.clock.advance(days=30)
    homes.run_jobs()
    assert homes.get(request).state in rules.ENDS
    _freeze(homes, is_frozen=False)
    homes.world.clock.advance(days=1)
    homes.run_jobs()
    assert homes.get(refused).returned_txn_id is not None


def test_what_a_visit_did_not_use_is_told_as_coming_back_in_the_passbook(homes: Homes) -> None:
    request = homes.visit(30)
    homes.do("resident", help_.object_to, request.public_id, "只坐了一会儿")
    homes.do("second", help_.decide, request.public_id, minutes=30, reason="按实际算")
    page = homes.world.page("resident").get("/passbook").get_data(as_text=True)
    assert re.findall(r"(退回：)?陪聊读报</span>", page) == ["退回：", ""]
