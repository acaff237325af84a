"""A hand-over found wrong too late to undo: both sides strike it, and goods, hours, statements and the book agree."""

from __future__ import annotations

import io
import threading
from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError

from bank import chart, db, jobs
from bank.errors import Invalid, NotFound
from bank.members.models import Person
from bank.shop import freezing, settling, sides, statements, striking
from bank.shop.models import Order, Settlement, SettlementStep, Strike
from bank.shop.refusals import VoucherNotFound
from tests.counting import counted
from tests.racing import at_once
from tests.shop.market import Market, credit
from tests.shop.test_stock import share_a_door

SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
NOVEMBER, DECEMBER = date(2026, 11, 1), date(2026, 12, 1)


def to(market: Market, day: str) -> None:
    market.world.clock.now = datetime.fromisoformat(f"{day}T01:00:00+08:00")


def run_jobs(market: Market) -> None:
    with market.world.app.app_context():
        jobs.run_due(market.now)


def propose(market: Market, order: Order, who: str = "barber", reason: str = "拿错了卡") -> Strike:
    actor = market.world.actor(who)
    with market.world.write() as session:
        return striking.propose(session, actor, order.voucher_code, reason=reason, now=market.now)


def decide(market: Market, strike: Strike, verb: Any = striking.agree, who: str = "coordinator") -> Strike:
    actor = market.world.actor(who)
    with market.world.write() as session:
        return verb(session, actor, strike.public_id, now=market.now)  # type: ignore[no-any-return]


def settle_november(market: Market) -> None:
    """Freeze the month, have both sides confirm it, and mark it settled."""
    to(market, "2026-12-01")
    run_jobs(market)
    for who in ("barber", "coordinator"):
        on_statement(market, settling.confirm, who)
    on_statement(market, settling.settle, "coordinator", paid_on=DECEMBER, note="")


def statement(market: Market, month: date = NOVEMBER) -> statements.Stated:
    with market.world.write() as session:
        found = select(Settlement).where(Settlement.month == month, Settlement.minutes > 0)
        return statements.stated(session, session.scalars(found).one())


def on_statement(market: Market, verb: Any, who: str, month: date = NOVEMBER, **more: Any) -> Settlement:
    actor, one = market.world.actor(who), statement(market, month).settlement
    with market.world.write() as session:
        return verb(session, actor, one.public_id, now=market.now, **more)  # type: ignore[no-any-return]


def verify(market: Market) -> None:
    with market.world.app.app_context():
        assert db.book(db.session(), market.world.community_id, market.now).verify().findings == ()
        db.drop()


@pytest.fixture
def cut(market: Market) -> Order:
    """A haircut of November, half an hour, beside another one."""
    market.hand_over(market.order(item=market.haircut), "barber")
    return market.hand_over(market.order(item=market.haircut), "barber")


def test_goods_points_and_stock_go_back_with_both_names(market: Market) -> None:
    done = market.hand_over(market.order(quantity=2))
    market.world.clock.now += timedelta(hours=1)
    struck = decide(market, propose(market, done, "shop"))
    assert (struck.state, struck.proposed_by, struck.decided_by) == (
        "struck",
        market.world.people["shop"].id,
        market.world.people["coordinator"].id,
    )
    assert (market.has().available, market.stock(), market.handed_over()) == (100, 5, 0)
    assert market.takings(market.goods_shop, chart.POINTS) == 0
    assert market.movements()[-1] == ("back", 2, 5)
    page = market.world.page("volunteer").get(f"/v/{done.voucher_code}").text
    assert "交付记错了" in page
    verify(market)


def test_one_side_proposes_and_the_other_agrees(market: Market, cut: Order) -> None:
    asked = propose(market, cut)
    with pytest.raises(striking.SameSide):
        decide(market, asked, who="barber")
    with pytest.raises(NotFound):
        decide(market, asked, who="shop")
    with pytest.raises(striking.AsksAlready):
        propose(market, cut, "coordinator")
    assert decide(market, asked).state == "struck"
    assert market.has(unit=chart.MINUTES).available == 150
    with pytest.raises(striking.StrikeOver):
        decide(market, asked, who="second")
    with pytest.raises(striking.NotHandedOver):
        propose(market, cut)


def test_the_community_may_propose_and_the_keeper_agrees(market: Market, cut: Order) -> None:
    asked = propose(market, cut, "coordinator")
    with pytest.raises(striking.SameSide):
        decide(market, asked, who="second")
    assert decide(market, asked, who="barber").state == "struck"


def test_no_household_strikes_alone_nor_its_own_voucher(market: Market, cut: Order) -> None:
    share_a_door(market, "barber", "coordinator")
    asked = propose(market, cut)
    with pytest.raises(sides.OwnStatement):
        decide(market, asked)
    share_a_door(market, "volunteer", "second")
    with pytest.raises(striking.OwnVoucher):
        decide(market, asked, who="second")
    for who in ("coordinator", "second"):
        assert "核对过，同意退回" not in market.world.page(who).get("/strikes").text
    done = {"state": "struck", "decided_by": market.world.people["coordinator"].id, "ended_at": market.now}
    with pytest.raises(DBAPIError, match="two households"), market.world.write() as session:
        session.execute(update(Strike).values(**done, reversal_txn_id=cut.end_txn_id))


@pytest.mark.parametrize(
    ("verb", "who", "state"),
    [
        (striking.refuse, "coordinator", "refused"),
        (striking.withdraw, "barber", "withdrawn"),
    ],
)
def test_what_is_not_agreed_changes_nothing_and_may_be_asked_again(
    market: Market, cut: Order, verb: Any, who: str, state: str
) -> None:
    assert decide(market, propose(market, cut), verb, who).state == state
    assert market.state(cut) == "handed_over"
    assert propose(market, cut).state == "proposed"


def test_what_nobody_answers_in_five_working_days_lapses(market: Market, cut: Order) -> None:
    asked = propose(market, cut)
    market.world.clock.now = asked.due_at - timedelta(seconds=1)
    run_jobs(market)
    with market.world.write() as session:
        assert session.scalars(select(Strike.state)).all() == ["proposed"]
    market.world.clock.now = asked.due_at
    with pytest.raises(striking.StrikeOver):
        decide(market, asked)
    run_jobs(market)
    with market.world.write() as session:
        assert session.scalars(select(Strike.state)).all() == ["lapsed"]
    assert market.state(cut) == "handed_over"


@SQLITE_ONLY
def test_only_what_was_handed_over_and_with_a_reason(market: Market, cut: Order) -> None:
    with pytest.raises(striking.NotHandedOver):
        propose(market, market.order(item=market.haircut))
    with pytest.raises(Invalid):
        propose(market, cut, reason="  ")
    with pytest.raises(VoucherNotFound):
        propose(market, cut, "shop")


def test_it_comes_off_a_statement_and_both_sides_confirm_anew(market: Market, cut: Order) -> None:
    to(market, "2026-12-01")
    run_jobs(market)
    for who in ("barber", "coordinator"):
        on_statement(market, settling.confirm, who)
    decide(market, propose(market, cut))
    now = statement(market)
    assert (now.settlement.state, now.settlement.provider_by, now.settlement.confirmed_at) == ("open", None, None)
    assert (now.settlement.minutes, now.due, now.is_as_the_book_says) == (60, (30, 0, 750), True)
    for who in ("barber", "coordinator"):
        on_statement(market, settling.confirm, who)
    assert on_statement(market, settling.settle, "coordinator", paid_on=DECEMBER, note="").state == "settled"
    assert market.takings(market.barber_shop, chart.MINUTES) == 0
    verify(market)


def test_a_statement_of_nothing_but_struck_hand_overs_is_settled_without_a_posting(market: Market) -> None:
    only = market.hand_over(market.order(item=market.haircut), "barber")
    to(market, "2026-12-01")
    run_jobs(market)
    decide(market, propose(market, only))
    for who in ("barber", "coordinator"):
        on_statement(market, settling.confirm, who)
    done = on_statement(market, settling.settle, "coordinator", paid_on=DECEMBER, note="")
    assert (done.state, done.settled_txn_id) == ("settled", None)


def test_what_was_settled_comes_off_the_next_statement(market: Market, cut: Order) -> None:
    settle_november(market)
    decide(market, propose(market, cut))
    assert market.has(unit=chart.MINUTES).available == 150
    assert statement(market).settlement.state == "settled"
    assert statement(market).struck == []
    market.hand_over(market.order(item=market.haircut), "barber")
    to(market, "2027-01-01")
    run_jobs(market)
    next_ = statement(market, DECEMBER)
    assert (next_.settlement.minutes, next_.due, next_.is_as_the_book_says) == (30, (0, 0, 0), True)
    assert [one.order.id for one in next_.struck] == [cut.id]
    page = market.world.page("barber")
    shown = page.get(f"/statements/{next_.settlement.public_id}").text
    assert "更正" in shown
    assert "2026-11: 拿错了卡" in shown
    assert page.get(f"/statements/{next_.settlement.public_id}/pdf").status_code == 200
    book = load_workbook(io.BytesIO(page.get(f"/statements/{next_.settlement.public_id}/xlsx").data))
    rows = [[cell.value for cell in row] for row in book.active.iter_rows()]  # type: ignore[union-attr]
    assert [row[4] for row in rows if row[0] == "更正"] == [-30]
    for who in ("barber", "coordinator"):
        on_statement(market, settling.confirm, who, DECEMBER)
    on_statement(market, settling.settle, "coordinator", DECEMBER, paid_on=date(2027, 1, 1), note="")
    assert market.takings(market.barber_shop, chart.MINUTES) == 0
    verify(market)


def test_what_is_struck_before_the_month_is_frozen_stands_on_no_statement(market: Market, cut: Order) -> None:
    to(market, "2026-11-29")
    asked = propose(market, cut)
    market.world.clock.now = datetime.fromisoformat("2026-12-01T00:30:00+08:00")
    decide(market, asked)
    to(market, "2026-12-01")
    run_jobs(market)
    assert (statement(market).settlement.minutes, statement(market).is_as_the_book_says) == (30, True)
    market.hand_over(market.order(item=market.haircut), "barber")
    to(market, "2027-01-01")
    run_jobs(market)
    assert statement(market, DECEMBER).is_as_the_book_says


def test_many_who_agree_at_once_pay_back_once(market: Market, cut: Order) -> None:
    asked = propose(market, cut)
    path = f"/strikes/{asked.public_id}/decision"
    pages = [market.world.page(who) for who in ("coordinator", "second") * 3]
    answers = at_once(*[lambda page=page: page.post(path, data={"do": "agree"}) for page in pages])
    assert Counter(one.status_code for one in answers) == {303: 1, 409: 5}
    assert market.has(unit=chart.MINUTES).available == 150
    verify(market)


def test_agreeing_and_refusing_end_one_way(market: Market, cut: Order) -> None:
    asked = propose(market, cut)
    path = f"/strikes/{asked.public_id}/decision"
    verdicts = {"coordinator": "agree", "second": "refuse"}
    pages = {who: market.world.page(who) for who in verdicts}
    answers = at_once(*[lambda who=who: pages[who].post(path, data={"do": verdicts[who]}) for who in verdicts])
    assert Counter(one.status_code for one in answers) == {303: 1, 409: 1}
    with market.world.write() as session:
        state = session.scalars(select(Strike.state)).one()
    assert market.state(cut) == {"struck": "cancelled", "refused": "handed_over"}[state]
    verify(market)


def test_striking_and_settling_at_once_leave_nothing_paid_twice(market: Market, cut: Order) -> None:
    to(market, "2026-12-01")
    run_jobs(market)
    for who in ("barber", "coordinator"):
        on_statement(market, settling.confirm, who)
    asked, one = propose(market, cut), statement(market).settlement
    pages = {who: market.world.page(who) for who in ("coordinator", "second")}
    calls = [
        lambda: pages["coordinator"].post(f"/strikes/{asked.public_id}/decision", data={"do": "agree"}),
        lambda: pages["second"].post(f"/statements/{one.public_id}/settlement", data={"paid_on": "2026-12-01"}),
    ]
    codes = Counter(answer.status_code for answer in at_once(*calls))
    now = statement(market)
    assert market.has(unit=chart.MINUTES).available == 150
    if now.settlement.state == "settled":
        assert codes == {303: 2}
        assert (now.due, market.takings(market.barber_shop, chart.MINUTES)) == ((60, 0, 1500), 0)
    else:
        assert codes == {303: 1, 409: 1}
        assert (now.due, market.takings(market.barber_shop, chart.MINUTES)) == ((30, 0, 750), 30)
    verify(market)


def test_freezing_and_striking_at_once_agree_about_the_voucher(market: Market, cut: Order) -> None:
    to(market, "2026-11-29")
    asked = propose(market, cut)
    to(market, "2026-12-01")
    page = market.world.page("coordinator")
    answers = at_once(
        lambda: page.post(f"/strikes/{asked.public_id}/decision", data={"do": "agree"}),
        lambda: run_jobs(market),  # type: ignore[func-returns-value]
    )
    assert [one.status_code for one in answers if one is not None] == [303]
    now = statement(market)
    assert now.due[0] == 30
    assert now.is_as_the_book_says
    verify(market)


@SQLITE_ONLY
def test_the_pages_go_from_the_keeper_to_the_desk_and_keep_what_was_typed(market: Market, cut: Order) -> None:
    keeper, desk = market.world.page("barber"), market.world.page("coordinator")
    refused = keeper.post("/strikes", data={"code": "ZZZZ ZZZZ", "reason": "交给了别人"})
    assert refused.status_code == 422
    assert "交给了别人" in refused.text
    assert keeper.post("/strikes", data={"code": cut.voucher_code, "reason": ""}).status_code == 422
    assert keeper.post("/strikes", data={"code": cut.voucher_code.lower(), "reason": "交给了别人"}).status_code == 303
    assert "核对过，同意退回" not in keeper.get("/strikes").text
    assert "交给了别人" in desk.get("/strikes").text
    assert "核对过，同意退回" in desk.get("/strikes").text
    assert "交给了别人" not in market.world.page("shop").get("/strikes").text


@SQLITE_ONLY
def test_the_trail_says_who_struck_and_a_strike_is_never_undone(market: Market, cut: Order) -> None:
    to(market, "2026-12-01")
    run_jobs(market)
    decide(market, propose(market, cut))
    with market.world.write() as session:
        steps = session.execute(select(SettlementStep.step, SettlementStep.side)).all()
        assert ("struck", "community") in [tuple(step) for step in steps]
        people = session.scalars(select(Person.id)).all()
        assert people
    for change in ("UPDATE strike SET state = 'lapsed', reversal_txn_id = NULL", "DELETE FROM strike"):
        with pytest.raises(DBAPIError, match="the bank refuses"), market.world.write() as session:
            session.execute(text(change))


@SQLITE_ONLY
def test_the_list_costs_the_same_for_many(market: Market) -> None:
    credit(market.world, "volunteer", chart.MINUTES, 3000)
    page = market.world.page("coordinator")
    propose(market, market.hand_over(market.order(item=market.haircut), "barber"))
    page.get("/strikes")
    with counted(market.world.app) as few:
        page.get("/strikes")
    for _ in range(10):
        propose(market, market.hand_over(market.order(item=market.haircut), "barber"))
    with counted(market.world.app) as many:
        page.get("/strikes")
    assert len(many) == len(few)


def test_a_month_being_frozen_lets_a_strike_wait_and_see_the_line(market: Market, cut: Order) -> None:
    """The strike comes between the reading of the month's vouchers and the commit of their lines."""
    to(market, "2026-11-29")
    asked = propose(market, cut)
    to(market, "2026-12-01")
    barber = market.world.actor("barber")
    strike = threading.Thread(target=decide, args=(market, asked))
    with market.world.write() as session:
        freezing.build(session, barber, market.barber_shop, NOVEMBER, now=market.now)
        strike.start()
        strike.join(1)
    strike.join()
    now = statement(market)
    assert (now.settlement.minutes, now.due[0]) == (60, 30)
    assert now.is_as_the_book_says


def test_a_shop_without_another_statement_pays_back_what_was_settled(market: Market, cut: Order) -> None:
    settle_november(market)
    made = propose(market, cut)
    path = f"/strikes/{made.public_id}/decision"
    assert market.world.page("coordinator").post(path, data={"do": "repaid"}).status_code == 409
    decide(market, made)
    assert "店家已在系统外退回" in market.world.page("coordinator").get("/strikes").text
    assert "店家已在系统外退回" not in market.world.page("barber").get("/strikes").text
    assert market.world.page("barber").post(path, data={"do": "repaid"}).status_code == 404
    assert market.world.page("coordinator").post(path, data={"do": "repaid"}).status_code == 303
    assert market.world.page("second").post(path, data={"do": "repaid"}).status_code == 409
    assert "已在系统外退回。" in market.world.page("barber").get("/strikes").text
    market.hand_over(market.order(item=market.haircut), "barber")
    to(market, "2027-01-01")
    run_jobs(market)
    next_ = statement(market, DECEMBER)
    assert (next_.due[0], next_.struck, next_.is_as_the_book_says) == (30, [], True)
    verify(market)


def test_nobody_of_the_proposers_home_notes_that_it_was_repaid(market: Market, cut: Order) -> None:
    settle_november(market)
    made = propose(market, cut, "coordinator")
    decide(market, made, who="barber")
    path = f"/strikes/{made.public_id}/decision"
    share_a_door(market, "coordinator", "second")
    for who in ("coordinator", "second"):
        assert "店家已在系统外退回" not in market.world.page(who).get("/strikes").text
        assert market.world.page(who).post(path, data={"do": "repaid"}).status_code == 409
    with market.world.write() as session:
        session.get_one(Person, market.world.people["second"].id).household_id = None
    assert "店家已在系统外退回" in market.world.page("second").get("/strikes").text
    assert market.world.page("second").post(path, data={"do": "repaid"}).status_code == 303


def test_a_strike_that_waits_for_a_statement_is_listed_before_newer_ones_that_are_over(
    market: Market, cut: Order
) -> None:
    settle_november(market)
    waiting = propose(market, cut)
    decide(market, waiting)
    other = propose(market, market.hand_over(market.order(item=market.haircut), "barber"))
    coordinator = market.world.actor("coordinator")
    with market.world.write() as session:
        striking.refuse(session, coordinator, other.public_id, now=market.now)
        assert [one.strike.id for one in striking.listed(session, coordinator)] == [waiting.id, other.id]
