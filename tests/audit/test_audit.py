"""The auditor's page: any day's trial balance in words, what came late, the closes and their digests."""

from __future__ import annotations

import re
import uuid
from datetime import date, timedelta

import pytest
from werkzeug.test import TestResponse

from bank import chart, db
from bank.audit.telling import digest_text
from ledger import Close, Transfer, Txn
from ledger.wire import Wire
from tests.counting import counted
from tests.shop.market import Market, credit

SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
DAY = timedelta(days=1)


def text(answer: TestResponse) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)))


def page(market: Market, day: date | None = None, **more: object) -> str:
    query = {**({"day": day.isoformat()} if day else {}), **more}
    answer = market.world.page("auditor").get("/audit", query_string=query)
    assert answer.status_code == 200
    return text(answer)


def backdate(market: Market, amount: int, days: int, memo: str = "补记的打扫") -> None:
    """Credit the volunteer with hours of some days ago."""
    member = chart.member(market.world.people["volunteer"].public_id)
    move = Transfer(chart.issuance(1), member, "MIN", amount)
    with market.world.write() as session:
        book = db.book(session, market.world.community_id, market.now)
        txn = Txn("credit", [move], market.now.date() - days * DAY, "test", memo)
        book.post(txn, key=f"late:{uuid.uuid4()}", session=session)


def close(market: Market, through: date) -> Close:
    with market.world.write() as session:
        book = db.book(session, market.world.community_id, market.now)
        return book.close_period(through, actor="test", session=session)


def today(market: Market) -> date:
    return market.now.date()


def test_a_day_is_shown_in_words_and_balances(market: Market) -> None:
    market.hand_over(market.order())
    number = market.world.people["volunteer"].public_id
    said = page(market, today(market))
    for wanted in (
        "时长：这一天是平的",
        "积分：这一天是平的",
        "所有账户余额相加正好是零",
        f"居民 {number}",
        "店家 惠民超市",
        "按第 1 版规则发放",
        "居民留出、还没用掉",
    ):
        assert wanted in said
    assert "member:" not in said
    assert "issuance:" not in said


def test_members_stay_pseudonymous(market: Market) -> None:
    said = page(market, today(market))
    assert not any(market.world.people[who].name in said for who in ("volunteer", "resident"))


def test_the_last_day_that_is_over_is_shown_first(market: Market) -> None:
    assert "还没有任何记账" in page(market)  # everything in this world happens today
    market.world.clock.advance(days=1)
    assert "这一天是平的" in page(market)
    assert "这一天还没有过完" in page(market, today(market))


@pytest.mark.parametrize("day", ["", "soon", "2026-13-01", "2999-01-01", "0001-01-01", "1999-01-01"])
def test_a_day_that_cannot_be_is_taken_for_yesterday(market: Market, day: str) -> None:
    assert market.world.page("auditor").get(f"/audit?day={day}").status_code == 200


def test_nothing_came_late(market: Market) -> None:
    market.world.clock.advance(days=2)
    assert "没有人再往这一天或更早补记过账" in page(market, today(market) - 2 * DAY)


def test_what_was_known_then_stands_beside_what_is_known_now(market: Market) -> None:
    number = market.world.people["volunteer"].public_id
    then = today(market)
    market.world.clock.advance(days=3)
    backdate(market, 90, 3)
    said = page(market, then)
    assert f"居民 {number} 3 小时 4 小时 30 分 1.5 小时".replace("4 小时 30 分", "4.5 小时") in said
    assert "记入 · 补记的打扫" in said
    assert f"按第 1 版规则发放 → 居民 {number} 1.5 小时" in said
    assert "补记的打扫" not in page(market, then - DAY)


def test_late_entries_come_in_pages(market: Market) -> None:
    market.world.clock.advance(days=3)
    for count in range(32):
        backdate(market, 10, 3, f"第{count}件")
    answer = market.world.page("auditor").get(f"/audit?day={today(market) - 3 * DAY}")
    first = answer.get_data(as_text=True)
    (more,) = re.findall(r'href="(/audit\?[^"]*cursor=[^"]+)"', first)
    second = text(market.world.page("auditor").get(more.replace("&amp;", "&")))
    assert "第31件" in first
    assert "第1件" not in first
    assert "第1件" in second
    assert market.world.page("auditor").get("/audit?cursor=x").status_code == 404


def test_a_close_is_published_with_its_digest(market: Market) -> None:
    day = today(market)
    market.world.clock.advance(days=3)
    assert "还没有结过账" in page(market, day)
    done = close(market, day)
    said = page(market, day)
    assert said.count(digest_text(done.digest)) == 2  # as published, and as computed now
    assert "公布的指纹和现在算出来的一样" in said


@SQLITE_ONLY
def test_a_close_that_no_longer_fits_is_called_out(market: Market) -> None:
    day = today(market)
    market.world.clock.advance(days=3)
    close(market, day)
    with market.world.write() as session:
        session.connection().exec_driver_sql("UPDATE closing SET cr = cr + 1 WHERE cr > 0")
    said = page(market, day)
    assert "账被改过" in said
    assert "时长：这一天不平" in said


def test_many_accounts_come_in_pages(market: Market) -> None:
    for number in range(60):
        market.world.add_person(f"p{number}", f"居民{number}")
        credit(market.world, f"p{number}", "MIN", 10)
    first, second = page(market, today(market)), page(market, today(market), page=1)
    assert "下一页" in first
    assert "上一页" in second
    assert "下一页" not in second
    assert "居民 61 " in first  # the groups count them all


def test_the_page_speaks_english(market: Market) -> None:
    browser = market.world.page("auditor")
    browser.set_cookie("lang", "en")
    said = text(browser.get(f"/audit?day={today(market)}"))
    assert ": this day balances" in said
    assert "What we knew then, and what we know now" in said


def test_the_auditors_home_has_a_way_in(market: Market) -> None:
    assert 'href="/audit"' in market.world.page("auditor").get("/").get_data(as_text=True)
    assert 'href="/audit"' not in market.world.page("volunteer").get("/").get_data(as_text=True)


def test_an_auditor_sees_their_own_community_only(market: Market) -> None:
    with market.world.write() as session:
        other = db.book(session, market.world.other_community_id, market.now)
        other.open_account("issuance:rules-7", "MIN", kind="issuance", min_balance=None, session=session)
        other.open_account("pool", "MIN", kind="pool", session=session)
        txn = Txn("credit", [Transfer("issuance:rules-7", "pool", "MIN", 5)], today(market), "test")
        other.post(txn, key="k", session=session)
    assert "第 7 版" not in page(market, today(market))


@SQLITE_ONLY
def test_the_page_costs_the_same_after_a_long_history(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    plain = Wire.__dict__["_send"]

    def send(self: Wire, sql: str, params: object) -> None:
        sent.append(sql)
        plain(self, sql, params)

    monkeypatch.setattr(Wire, "_send", send)

    def cost(day: date) -> int:
        sent.clear()
        with counted(market.world.app) as seen:
            page(market, day)
        return len(seen) + len(sent)

    day = today(market)
    market.world.clock.advance(days=3)
    backdate(market, 10, 3)
    close(market, day - DAY)
    cost(day)  # signs in
    before = cost(day)
    for number in range(8):
        market.world.add_person(f"p{number}", f"居民{number}")
        credit(market.world, f"p{number}", "MIN", 10)
        backdate(market, 10, 3)
        market.world.clock.advance(days=1)
        backdate(market, 10, 1)
    assert cost(day) == before
    assert before <= 14
