"""A shop's month: frozen once, equal to the book, confirmed by two households, disputed, settled, always on its way."""

from __future__ import annotations

import base64
import io
import re
import zlib
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from bank import chart, db, jobs
from bank.errors import Invalid, NotFound
from bank.members.models import Message, Person
from bank.shop import freezing, rules, settling, sides
from bank.shop.models import Settlement, SettlementLine, SettlementStep, Shopkeeper
from tests.counting import counted
from tests.shop.market import Market, credit

SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
NOVEMBER = date(2026, 11, 1)


def fill(market: Market) -> None:
    """Hand over two haircuts and, in the other shop, soap, in November, and one more haircut in December."""
    for days in (0, 3):
        market.world.clock.advance(days=days)  # type: ignore[attr-defined]
        market.hand_over(market.order(item=market.haircut), "barber")
    market.hand_over(market.order(quantity=2))
    market.world.clock.now = datetime.fromisoformat("2026-12-01T00:00:00+08:00")
    market.hand_over(market.order(item=market.haircut), "barber")
    market.world.clock.advance(hours=1)  # type: ignore[attr-defined]


def run_jobs(market: Market) -> None:
    with market.world.app.app_context():
        jobs.run_due(market.now)


def of_barber(market: Market) -> Settlement:
    with market.world.write() as session:
        found = select(Settlement).where(Settlement.month == NOVEMBER).order_by(Settlement.shop_id.desc())
        return session.scalars(found).first()  # type: ignore[return-value]


def act(market: Market, verb: Any, who: str, **more: Any) -> Settlement:
    """Let somebody do something to the barber's November."""
    actor, one = market.world.actor(who), of_barber(market)
    with market.world.write() as session:
        return verb(session, actor, one.public_id, now=market.now, **more)  # type: ignore[no-any-return]


@pytest.fixture
def built(market: Market) -> Market:
    """Two shops whose November is over and was frozen by the job."""
    fill(market)
    run_jobs(market)
    return market


def test_the_job_freezes_a_month_once_with_each_voucher_of_it(built: Market) -> None:
    run_jobs(built)
    with built.world.write() as session:
        all_ = session.scalars(select(Settlement).order_by(Settlement.shop_id)).all()
        assert [(one.month, one.vouchers, one.minutes, one.points) for one in all_] == [
            (NOVEMBER, 1, 0, 30),
            (NOVEMBER, 2, 60, 0),
        ]
        lines = session.scalars(select(SettlementLine).where(SettlementLine.settlement_id == all_[1].id)).all()
        assert [(line.number, line.title, line.total, line.value_fen) for line in lines] == [
            (1, "理发", 30, 750),
            (2, "理发", 30, 750),
        ]
        told = session.scalars(
            select(Message.sentence).where(Message.person_id == built.world.people["barber"].id)
        ).all()
        assert freezing.BUILT in told


def test_no_month_is_frozen_before_it_is_over_for_an_hour(market: Market) -> None:
    fill(market)
    market.world.clock.advance(seconds=-1)  # type: ignore[attr-defined]
    run_jobs(market)
    actor = market.world.actor("barber")
    with market.world.write() as session:
        assert session.scalars(select(Settlement)).all() == []
        with pytest.raises(freezing.MonthNotOver):
            freezing.build(session, actor, market.barber_shop, NOVEMBER, now=market.now)
        with pytest.raises(freezing.MonthNotOver):
            freezing.build(session, actor, market.barber_shop, date(2026, 12, 1), now=market.now)


def test_on_demand_gives_the_same_statement_and_nothing_for_an_empty_month(market: Market) -> None:
    fill(market)
    actor = market.world.actor("barber")
    with market.world.write() as session:
        first = freezing.build(session, actor, market.barber_shop, NOVEMBER, now=market.now)
        assert freezing.build(session, actor, market.barber_shop, NOVEMBER, now=market.now).id == first.id
        with pytest.raises(freezing.NothingToSettle):
            freezing.build(session, actor, market.barber_shop, date(2026, 10, 1), now=market.now)
        with pytest.raises(NotFound):
            freezing.build(session, actor, market.goods_shop, NOVEMBER, now=market.now)


def test_the_totals_are_the_movements_of_the_shops_account_in_the_book(built: Market) -> None:
    """By the entries of the account itself, month by month, also after the month before was settled."""
    for who in ("barber", "coordinator"):
        act(built, settling.confirm, who)
    act(built, settling.settle, "coordinator", paid_on=date(2026, 12, 1), note="")
    built.world.clock.now = datetime.fromisoformat("2027-01-01T01:00:00+08:00")
    run_jobs(built)
    account = chart.shop(built.barber_shop)
    with built.world.write() as session:
        statements = session.scalars(select(Settlement).where(Settlement.minutes > 0).order_by(Settlement.month)).all()
        book = db.book(session, built.world.community_id, built.now)
        entries = book.statement(account, chart.MINUTES, session=session).items
        taken: dict[date, int] = {}
        for entry in entries:
            if entry.kind != "settlement":
                month = entry.effective_date.replace(day=1)
                taken[month] = taken.get(month, 0) + entry.amount
        assert {one.month: one.minutes for one in statements} == taken == {NOVEMBER: 60, date(2026, 12, 1): 30}
        assert [(one.book_minutes, one.book_points) for one in statements] == [(60, 0), (30, 0)]
        for one in statements:
            lines = session.scalars(select(SettlementLine).where(SettlementLine.settlement_id == one.id)).all()
            assert sum(line.total for line in lines) == one.minutes
            assert sum(line.value_fen for line in lines) == one.value_fen


def test_two_sides_confirm_and_the_account_is_emptied_once(built: Market) -> None:
    assert act(built, settling.confirm, "barber").state == "open"
    with pytest.raises(settling.AlreadyMoved):
        act(built, settling.confirm, "barber")
    with pytest.raises(settling.AlreadyMoved):
        act(built, settling.settle, "coordinator", paid_on=date(2026, 12, 1), note="")
    assert act(built, settling.confirm, "coordinator").state == "confirmed"
    with pytest.raises(settling.AlreadyMoved):
        act(built, settling.dispute, "barber", reason="太晚了")
    with pytest.raises(NotFound):
        act(built, settling.settle, "barber", paid_on=date(2026, 12, 1), note="")
    for wrong in (date(2026, 11, 30), date(2026, 12, 2)):
        with pytest.raises(Invalid):
            act(built, settling.settle, "coordinator", paid_on=wrong, note="")
    done = act(built, settling.settle, "coordinator", paid_on=date(2026, 12, 1), note="现金，签了字")
    assert (done.state, done.note) == ("settled", "现金，签了字")
    assert built.takings(built.barber_shop, chart.MINUTES) == 30  # December's
    with pytest.raises(settling.AlreadyMoved):
        act(built, settling.settle, "coordinator", paid_on=date(2026, 12, 1), note="")
    with built.world.write() as session:
        book = db.book(session, built.world.community_id, built.now)
        assert book.balance(chart.settled(), chart.MINUTES, session=session).posted == 60
    with built.world.app.app_context():
        assert db.book(db.session(), built.world.community_id, built.now).verify().findings == ()
        db.drop()


@SQLITE_ONLY
@pytest.mark.parametrize("note", ["卡号 6222021234567890123", "6222 0212 3456 7890", "6222-0212-3456"])
def test_no_bank_account_is_kept(built: Market, note: str) -> None:
    for who in ("barber", "coordinator"):
        act(built, settling.confirm, who)
    with pytest.raises(Invalid):
        act(built, settling.settle, "coordinator", paid_on=date(2026, 12, 1), note=note)
    harmless = "2026-12-01 现金 1500 元，经手 13800000001"
    assert act(built, settling.settle, "coordinator", paid_on=date(2026, 12, 1), note=harmless).note == harmless


def make_kin(market: Market, who: str, other: str) -> None:
    """Let two people live behind one door."""
    with market.world.write() as session:
        home = session.get_one(Person, market.world.people[other].id).household_id
        assert home is not None
        session.get_one(Person, market.world.people[who].id).household_id = home


def test_a_keepers_family_speaks_for_nobody(built: Market) -> None:
    make_kin(built, "barber", "coordinator")
    with pytest.raises(sides.OwnStatement):
        act(built, settling.confirm, "coordinator")
    act(built, settling.confirm, "barber")
    assert act(built, settling.confirm, "second").state == "confirmed"
    with pytest.raises(sides.OwnStatement):
        act(built, settling.settle, "coordinator", paid_on=date(2026, 12, 1), note="")


def test_who_confirmed_as_the_provider_binds_their_family_after_they_left_the_shop(built: Market) -> None:
    """The keeper is dismissed meanwhile: their household still confirms and settles nothing of what they confirmed."""
    make_kin(built, "barber", "coordinator")
    act(built, settling.confirm, "barber")
    with built.world.write() as session:
        keeper = session.scalars(
            select(Shopkeeper).where(Shopkeeper.person_id == built.world.people["barber"].id)
        ).one()
        session.delete(keeper)
    with pytest.raises(settling.SameHousehold):
        act(built, settling.confirm, "coordinator")
    act(built, settling.confirm, "second")
    with pytest.raises(settling.SameHousehold):
        act(built, settling.settle, "coordinator", paid_on=date(2026, 12, 1), note="")


def test_the_database_refuses_one_household_on_both_sides_and_any_change_of_what_is_frozen(built: Market) -> None:
    make_kin(built, "barber", "coordinator")
    one = of_barber(built)
    barber, coordinator = (built.world.people[who].id for who in ("barber", "coordinator"))
    at = "now()" if "postgresql" in str(built.world.app.config["SQLALCHEMY_DATABASE_URI"]) else "1"
    both = f"provider_by = {barber}, provider_at = {at}, community_by = {coordinator}, community_at = {at}"
    for change in (
        f"UPDATE settlement SET {both} WHERE id = {one.id}",
        f"UPDATE settlement SET minutes = minutes + 1 WHERE id = {one.id}",
        f"DELETE FROM settlement WHERE id = {one.id}",
        "UPDATE settlement_line SET total = 1",
        "DELETE FROM settlement_line",
        "UPDATE settlement_step SET words = 'x'",
        "DELETE FROM settlement_step",
    ):
        with pytest.raises(DBAPIError, match="the bank refuses"), built.world.write() as session:
            session.execute(text(change))


def test_a_dispute_is_answered_or_taken_back_and_each_side_has_one(built: Market) -> None:
    act(built, settling.confirm, "coordinator")
    disputed = act(built, settling.dispute, "barber", reason="少了一张券")
    assert (disputed.state, disputed.community_by) == ("disputed", None)
    with pytest.raises(settling.AlreadyMoved):
        act(built, settling.confirm, "coordinator")
    assert act(built, settling.answer, "coordinator", words="那张是十二月的").state == "open"
    with pytest.raises(settling.AlreadyDisputed):
        act(built, settling.dispute, "barber", reason="还是少")
    act(built, settling.dispute, "coordinator", reason="多了")
    assert act(built, settling.answer, "coordinator", words="看错了").state == "open"
    for who in ("barber", "coordinator"):
        act(built, settling.confirm, who)
    one = of_barber(built)
    with built.world.write() as session:
        steps = session.scalars(select(SettlementStep.step).where(SettlementStep.settlement_id == one.id)).all()
    asked = ["built", "confirmed", "disputed", "answered", "disputed", "withdrawn", "confirmed", "confirmed"]
    assert steps == asked


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_dispute_has_a_reason(built: Market, reason: str) -> None:
    with pytest.raises(Invalid):
        act(built, settling.dispute, "barber", reason=reason)


def _at_deadline(market: Market) -> None:
    """Stand a second before the statement's deadline, see that nothing happens, and go on to it."""
    market.world.clock.now = of_barber(market).due_at - timedelta(seconds=1)
    before = of_barber(market).state
    run_jobs(market)
    assert of_barber(market).state == before
    market.world.clock.advance(seconds=1)  # type: ignore[attr-defined]
    run_jobs(market)


def _last_day(market: Market) -> str:
    return (of_barber(market).due_at - timedelta(seconds=1)).date().isoformat()


def test_who_is_silent_for_ten_working_days_agrees(built: Market) -> None:
    assert _last_day(built) == "2026-12-15"
    _at_deadline(built)
    one = of_barber(built)
    assert (one.state, one.provider_by, one.community_by) == ("confirmed", None, None)


def test_a_dispute_nobody_answers_within_five_working_days_ends_as_the_book_says(built: Market) -> None:
    act(built, settling.dispute, "barber", reason="少了")
    assert _last_day(built) == "2026-12-08"
    _at_deadline(built)
    assert of_barber(built).state == "confirmed"


def test_what_is_unpaid_after_fifteen_working_days_is_called_to_mind_again_and_again(built: Market) -> None:
    for who in ("barber", "coordinator"):
        act(built, settling.confirm, who)
    assert _last_day(built) == "2026-12-22"
    for times in (1, 2):
        _at_deadline(built)
        run_jobs(built)
        assert of_barber(built).state == "confirmed"
        with built.world.write() as session:
            mine = (Message.person_id == built.world.people["coordinator"].id, Message.sentence == settling.UNPAID)
            told = session.scalars(select(Message.facts).where(*mine)).all()
        assert [facts["shop"] for facts in told].count("老李理发") == times


@pytest.mark.parametrize(
    ("unit", "total", "price", "fen"),
    [
        ("MIN", 60, 1500, 1500),
        ("MIN", 59, 1500, 1475),
        ("MIN", 1, 59, 0),
        ("MIN", 1, 60, 1),
        ("MIN", 60, 0, 0),
        ("PTS", 3, 10, 30),
        ("PTS", 3, 0, 0),
    ],
)
def test_a_reference_value_is_in_whole_fen_rounded_down(unit: str, total: int, price: int, fen: int) -> None:
    assert rules.reference_fen(unit, total, price) == fen


@SQLITE_ONLY
def test_the_prices_are_those_of_the_months_last_day(market: Market) -> None:
    market.adopt(hour_reference_fen=2000, point_reference_fen=7)
    fill(market)
    run_jobs(market)
    with market.world.write() as session:
        found = session.scalars(select(Settlement).order_by(Settlement.shop_id)).all()
        assert [(one.hour_fen, one.point_fen, one.value_fen) for one in found] == [(2000, 7, 210), (2000, 7, 2000)]


def codes_of(market: Market) -> list[str]:
    one = of_barber(market)
    with market.world.write() as session:
        mine = SettlementLine.settlement_id == one.id
        return [rules.show_code(code) for code in session.scalars(select(SettlementLine.code).where(mine))]


def text_of_pdf(data: bytes) -> str:
    """Read what is drawn in the PDF's own letters: the codes, in Courier. What is Chinese stands there by glyph."""
    found = []
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", data, re.DOTALL):
        content = zlib.decompress(base64.a85decode(b"<~" + stream.strip(), adobe=True))
        found += re.findall(rb"\(([A-Z0-9 ]+)\) Tj", content)
    return " | ".join(each.decode() for each in found)


@SQLITE_ONLY
@pytest.mark.parametrize("who", ["barber", "coordinator"])
def test_both_files_hold_every_code_and_both_sides_may_have_them(built: Market, who: str) -> None:
    page, path = built.world.page(who), f"/statements/{of_barber(built).public_id}"
    drawn = page.get(f"{path}/pdf")
    assert drawn.mimetype == "application/pdf"
    assert "attachment" in drawn.headers["Content-Disposition"]
    assert drawn.data.startswith(b"%PDF")
    read = text_of_pdf(drawn.data)
    assert all(code in read for code in codes_of(built))
    assert page.get(f"{path}/pdf").data == drawn.data
    sheet = load_workbook(io.BytesIO(page.get(f"{path}/xlsx").data)).active
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    lines = [row for row in rows if isinstance(row[0], int)]
    assert [row[1] for row in lines] == codes_of(built)
    assert (sum(row[4] for row in lines), sum(row[5] for row in lines)) == (60, 0)
    assert sum(row[7] for row in lines) == 15


@SQLITE_ONLY
@pytest.mark.parametrize("title", ["=1+1", "+1", "-1", "@SUM(A1)", "＝1+1"])
def test_a_title_is_never_a_formula_in_the_spreadsheet(market: Market, title: str) -> None:
    odd = market.add_item(title, unit="PTS", price=1)
    market.hand_over(market.order(item=odd))
    market.world.clock.now = datetime.fromisoformat("2026-12-01T01:00:00+08:00")
    run_jobs(market)
    with market.world.write() as session:
        public_id = session.scalars(select(Settlement.public_id)).one()
    data = market.world.page("shop").get(f"/statements/{public_id}/xlsx").data
    cells = [cell for row in load_workbook(io.BytesIO(data)).active.iter_rows() for cell in row]
    assert [cell.value for cell in cells if str(cell.value).endswith(title)] == [f"'{title}"]
    assert {cell.data_type for cell in cells} <= {"s", "n"}


@SQLITE_ONLY
def test_the_pages_lead_from_the_list_to_settled(built: Market) -> None:
    barber, desk = built.world.page("barber"), built.world.page("coordinator")
    path = f"/statements/{of_barber(built).public_id}"
    assert path in barber.get("/statements").text
    assert "一分不差" in barber.get(path).text
    assert barber.post(f"{path}/dispute", data={"words": ""}).status_code == 422
    assert barber.post(f"{path}/dispute", data={"words": "少了 =1"}).status_code == 303
    assert "少了 =1" in desk.get(path).text
    assert desk.post(f"{path}/answer", data={"words": "查过了"}).status_code == 303
    assert barber.post(f"{path}/confirmation").status_code == 303
    assert desk.post(f"{path}/confirmation").status_code == 303
    assert desk.post(f"{path}/settlement", data={"paid_on": "2026-11-01"}).status_code == 422
    assert desk.post(f"{path}/settlement", data={"paid_on": "2026-12-01", "note": "现金"}).status_code == 303
    assert "已结清" in barber.get(path).text
    built_again = desk.post("/statements", data={"shop_id": built.barber_shop, "month": "2026-11"})
    assert built_again.location == path


@SQLITE_ONLY
@pytest.mark.parametrize(
    ("month", "status", "said"),
    [
        ("2026-12", 409, "还没有过完"),
        ("2026-01", 409, "不用对账"),
        ("2026-13", 422, "填得不对"),
        ("nonsense", 422, "填得不对"),
    ],
)
def test_a_refused_month_stands_in_its_form_again(built: Market, month: str, status: int, said: str) -> None:
    desk = built.world.page("coordinator")
    answer = desk.post("/statements", data={"shop_id": built.barber_shop, "month": month})
    assert answer.status_code == status
    assert said in answer.text
    assert f'value="{month}"' in answer.text
    assert f'value="{built.barber_shop}" selected' in answer.text
    assert 'class="fold" open' in answer.text


@SQLITE_ONLY
def test_after_its_one_dispute_a_side_is_shown_what_is_left_to_it(built: Market) -> None:
    barber, desk = built.world.page("barber"), built.world.page("coordinator")
    path = f"/statements/{of_barber(built).public_id}"
    assert "可以在这里提出来一次" in barber.get(path).text
    barber.post(f"{path}/dispute", data={"words": "少了一张"})
    desk.post(f"{path}/answer", data={"words": "查过了"})
    again = barber.get(path).text
    assert "您这一方在这里提过一次了" in again
    assert "可以在这里提出来一次" not in again
    assert again.count('href="/strikes"') == 1
    assert again.index('href="/strikes"') < again.index("每一张券")
    assert "可以在这里提出来一次" in desk.get(path).text


@SQLITE_ONLY
def test_a_statement_costs_the_same_however_many_vouchers_it_has(market: Market) -> None:
    credit(market.world, "volunteer", chart.MINUTES, 6000)

    def cost(month: str, vouchers: int) -> list[int]:
        market.world.clock.now = datetime.fromisoformat(f"{month}-02T09:00:00+08:00")
        for _ in range(vouchers):
            market.hand_over(market.order(item=market.haircut), "barber")
        market.world.clock.advance(days=31)  # type: ignore[attr-defined]
        run_jobs(market)
        with market.world.write() as session:
            public_id = session.scalars(select(Settlement.public_id).order_by(Settlement.id.desc())).first()
        costs = []
        for path in ("/statements", f"/statements/{public_id}", f"/statements/{public_id}/pdf"):
            page = market.world.page("barber")
            with counted(market.world.app) as seen:
                assert page.get(path).status_code == 200
            costs.append(len(seen))
        return costs

    first = cost("2026-12", 1)
    assert cost("2027-01", 8) == first
    assert max(first) <= 12
