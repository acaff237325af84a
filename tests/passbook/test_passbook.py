"""The passbook says what there is, how it came, and where it went."""

from __future__ import annotations

import re
from datetime import date

import pytest
from werkzeug.test import TestResponse

from bank import chart, db
from bank.credits import operations as credits_
from bank.credits.models import ServiceTotal
from ledger import Transfer, Txn
from tests.counting import counted
from tests.log.sealed import seal
from tests.shop.market import Market, credit

SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def _text(answer: TestResponse) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)))


def _statement(market: Market, who: str = "volunteer", limit: int = 100) -> list[dict[str, object]]:
    items: list[dict[str, object]] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = market.world.api(who, "GET", f"/me/statement?limit={limit}&cursor={cursor}").get_json()
        assert len(answer["items"]) <= limit
        items += answer["items"]
        cursor = answer["next"]
    return items


def _fill(market: Market, count: int) -> None:
    """Write `count` lines in each unit into the volunteer's passbook."""
    account = chart.member(market.world.people["volunteer"].public_id)
    with market.world.write() as session:
        book = db.book(session, market.world.community_id, market.now)
        for unit in chart.UNITS:
            moves = [
                (
                    f"fill:{unit}:{number}:{market.now}",
                    Txn(
                        kind="credit",
                        transfers=[Transfer(debit=chart.issuance(1), credit=account, unit=unit, amount=1)],
                        effective=market.now.date(),
                        actor="test",
                        memo="巡逻",
                    ),
                )
                for number in range(count)
            ]
            for start in range(0, count, 1000):
                book.post_many(moves[start : start + 1000], session=session)


def test_me_says_who_one_is_and_what_one_has(market: Market) -> None:
    with market.world.write() as session:
        person = market.world.people["volunteer"].id
        session.add_all(
            ServiceTotal(person_id=person, evidence_class=name, minutes=minutes)
            for name, minutes in (("A", 90), ("B", 30), ("C", 15))
        )
    market.order(item=market.haircut)
    assert market.world.api("volunteer", "GET", "/me").get_json() == {
        "id": market.world.people["volunteer"].public_id,
        "name": "王小明",
        "roles": ["resident", "volunteer"],
        "community": "430104001001",
        "community_name": "望月湖社区",
        "balances": [
            {"unit": "MIN", "posted": 180, "held": 30, "available": 150},
            {"unit": "PTS", "posted": 100, "held": 0, "available": 100},
        ],
        "service_minutes": {"verified": 90, "witnessed": 30, "honour": 15},
    }
    assert market.world.api("shop", "GET", "/me").get_json()["roles"] == ["resident", "shopkeeper", "volunteer"]


def test_the_statement_lists_both_units_newest_first(market: Market) -> None:
    market.world.clock.advance(minutes=1)
    market.cancel(market.order(item=market.haircut))
    items = _statement(market)
    assert [(line["unit"], line["kind"], line["amount"], line["balance_after"]) for line in items] == [
        ("MIN", "release", 30, 180),
        ("MIN", "hold", -30, 150),
        ("PTS", "credit", 100, 100),
        ("MIN", "credit", 180, 180),
    ]
    assert set(items[0]) == {
        "txn_id",
        "seq",
        "kind",
        "unit",
        "amount",
        "balance_after",
        "effective_date",
        "recorded_at",
        "memo",
    }
    assert (items[0]["memo"], items[0]["effective_date"]) == ("理发", "2026-11-23")


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
@SQLITE_ONLY
def test_pages_of_any_size_show_every_line_once(market: Market, limit: int) -> None:
    for minutes in range(4):
        market.world.clock.advance(minutes=minutes)
        credit(market.world, "volunteer", "MIN" if minutes % 2 else "PTS", 5 + minutes)
        market.order()
    whole = _statement(market)
    assert _statement(market, limit=limit) == whole
    assert len({(line["unit"], line["seq"]) for line in whole}) == len(whole) == 10


def test_a_cursor_that_is_none_is_refused(market: Market) -> None:
    for cursor in ("x", "MXwy", "LS01fDE", "9" * 60):
        assert market.world.api("volunteer", "GET", f"/me/statement?cursor={cursor}").status_code in (200, 422)


def test_the_page_shows_three_numbers_and_what_is_in_use(market: Market) -> None:
    with market.world.write() as session:
        session.add(ServiceTotal(person_id=market.world.people["volunteer"].id, evidence_class="A", minutes=150))
    market.order(item=market.haircut)
    text = _text(market.world.page("volunteer").get("/passbook"))
    assert "2.5 小时 可用时长" in text.replace("可用时长 2.5 小时", "2.5 小时 可用时长")
    assert "扫码记录 2.5 小时" in text
    assert "正在使用：理发" in text
    assert "100 积分" in text
    assert "−30 分钟" in text or "−半小时" in text


def test_a_pair_that_cancels_out_is_shown_quietly_and_linked(market: Market) -> None:
    placed = market.order()
    market.cancel(placed)
    page = market.world.page("volunteer")
    text = page.get("/passbook").get_data(as_text=True)
    assert text.count("已抵消") == 2
    hold = page.get(f"/passbook/{placed.hold_txn_id}").get_data(as_text=True)
    assert "已取消" in hold
    released = next(line for line in _statement(market) if line["kind"] == "release")
    assert f"/passbook/{placed.hold_txn_id}" in page.get(f"/passbook/{released['txn_id']}").get_data(as_text=True)


def test_an_orders_line_names_item_shop_voucher_and_hands(market: Market) -> None:
    done = market.serve()
    text = _text(market.world.page("resident").get(f"/passbook/{done.hold_txn_id}"))
    for wanted in ("肥皂", "惠民超市", done.voucher_code[:4], "周丽 交付", "周丽 在柜台代办"):
        assert wanted in text


def _proposed(market: Market, minutes: int = 90, source: str = "attendance:901") -> int:
    """Propose an attendance of the volunteer's; give its credit."""
    with market.world.write() as session:
        made = credits_.propose(
            session,
            community_id=market.world.community_id,
            source=source,
            person_id=market.world.people["volunteer"].id,
            proposed_by=market.world.people["volunteer"].id,
            title="楼道清洁",
            happened_on=date(2026, 11, 22),
            unit="MIN",
            amount=minutes,
            evidence_class="A",
            evidence={
                "place": "3栋一楼",
                "checked_in_at": "2026-11-22T01:02:00Z",
                "checked_out_at": "2026-11-22T02:35:00Z",
                "via_in": "screen",
                "via_out": "card",
                "scanned_minutes": 93,
            },
            flags=[],
            rules_number=1,
            now=market.now,
        )
        return made.id


def _credited(market: Market) -> str:
    """Let the coordinator approve an attendance of the volunteer's; give its transaction."""
    approver, credit_id = market.world.actor("coordinator"), _proposed(market)
    with market.world.write() as session:
        credits_.decide(session, approver, [credit_id], "approve", now=market.now, batch="tap-1")
    return str(
        next(line["txn_id"] for line in _statement(market) if line["memo"] == "楼道清洁" and line["amount"] == 90)
    )


def test_what_waits_for_approval_is_shown_summed_until_it_is_in_the_book(market: Market) -> None:
    assert "还没记入" not in _text(market.world.page("volunteer").get("/passbook"))
    first = _proposed(market)
    _proposed(market, source="attendance:902")
    with counted(market.world.app) as seen:
        text = _text(market.world.page("volunteer").get("/passbook"))
    assert "还没记入：3 小时 等社区核对" in text
    assert len([statement for statement in seen if "FROM credit " in statement.replace("\n", " ")]) == 1
    approver = market.world.actor("coordinator")
    with market.world.write() as session:
        credits_.decide(session, approver, [first], "approve", now=market.now, batch="tap-1")
    assert "还没记入：1.5 小时 等社区核对" in _text(market.world.page("volunteer").get("/passbook"))
    assert "还没记入" not in _text(market.world.page("resident").get("/passbook"))


def test_a_credits_line_opens_to_its_scans_people_and_rules(market: Market) -> None:
    txn_id = _credited(market)
    text = _text(market.world.page("volunteer").get(f"/passbook/{txn_id}"))
    for wanted in ("09:02 签到", "扫活动码", "3栋一楼", "10:35 签退", "工作人员扫卡", "陈芳（协调员）", "第 1 版规则"):
        assert wanted in text


def test_a_reversed_credit_shows_both_halves(market: Market) -> None:
    txn_id = _credited(market)
    approver = market.world.actor("coordinator")
    market.world.clock.advance(minutes=0.1)
    with market.world.write() as session:
        assert credits_.undo(session, approver, "tap-1", now=market.now) == 1
    page = market.world.page("volunteer")
    assert page.get("/passbook").get_data(as_text=True).count("已抵消") == 2
    original = page.get(f"/passbook/{txn_id}").get_data(as_text=True)
    assert "已冲正" in original
    back = next(line for line in _statement(market) if line["kind"] == "reversal")
    assert f"/passbook/{back['txn_id']}" in original
    assert f"/passbook/{txn_id}" in page.get(f"/passbook/{back['txn_id']}").get_data(as_text=True)


def test_another_members_line_is_not_there(market: Market) -> None:
    placed = market.order()
    for who in ("resident", "coordinator", "stranger"):
        assert market.world.page(who).get(f"/passbook/{placed.hold_txn_id}").status_code == 404
    for text in ("0" * 8, "00000000-0000-0000-0000-000000000000"):
        assert market.world.page("volunteer").get(f"/passbook/{text}").status_code == 404


def test_the_printed_sheet_lists_the_lines(market: Market) -> None:
    market.order()
    text = _text(market.world.page("volunteer").get("/passbook/print"))
    for wanted in ("时间存折", "王小明", "肥皂", "15 积分", "望月湖社区"):
        assert wanted in text


@pytest.mark.slow
@SQLITE_ONLY
def test_ten_thousand_lines_page_as_fast_as_ten(market: Market) -> None:
    market.order()
    _fill(market, 30)

    def cost(path: str) -> tuple[int, int]:
        page = market.world.page("volunteer")
        with counted(market.world.app) as seen:
            answer = page.get(path)
        assert answer.status_code == 200
        return len(seen), answer.get_data(as_text=True).count("巡逻")

    paths = ("/passbook", "/passbook?unit=MIN", "/passbook/print", "/passbook?cursor=MjB8MjA")
    few = [cost(path) for path in paths]
    market.world.clock.advance(minutes=1)
    _fill(market, 5_000)
    assert [cost(path) for path in paths] == few
    assert max(statements for statements, _ in few) <= 14


def test_a_line_can_be_proved_and_the_page_says_how_far_it_is(market: Market) -> None:
    placed = market.order()
    page = f"/passbook/{placed.hold_txn_id}"
    browser = market.world.page("volunteer")
    assert f"{page}/proof" in browser.get(page).get_data(as_text=True)
    assert "正在写进公开日志" in _text(browser.get(f"{page}/proof"))
    seal(market.world)
    assert "已写进公开日志" in _text(browser.get(f"{page}/proof"))
    saved = browser.get(f"{page}/proof.json")
    assert saved.headers["Content-Type"] == "application/json"
    assert saved.headers["Cache-Control"] == "no-store"
    assert saved.headers["Content-Disposition"] == f"attachment; filename=proof-{placed.hold_txn_id}.json"


@SQLITE_ONLY
@pytest.mark.parametrize("who", ["resident", "coordinator", "auditor", "admin", "stranger", "shop"])
def test_nobody_else_gets_the_proof_of_a_line(market: Market, who: str) -> None:
    placed = market.order()
    seal(market.world)
    for ending in ("/proof", "/proof.json"):
        assert market.world.page(who).get(f"/passbook/{placed.hold_txn_id}{ending}").status_code == 404
    assert market.world.page("volunteer").get("/passbook/nonsense/proof.json").status_code == 404
