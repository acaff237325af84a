"""The public board: figures without names, the same cost whatever the history."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from bank.activities.models import Activity
from bank.board.figures import Flow, figures
from bank.communities.models import Community
from bank.credits.models import Credit, ServiceTotal
from tests.counting import counted
from tests.shop.market import Market, credit

SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def _text(answer: TestResponse) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)))


def _board(market: Market) -> str:
    return _text(market.world.page(None).get("/board"))


def _activity(market: Market, title: str, **change: object) -> None:
    fields = {
        "public_id": f"ACT{abs(hash(title)) % 100000:05}",
        "community_id": market.world.community_id,
        "created_by": market.world.people["coordinator"].id,
        "title": title,
        "category": "clean",
        "place": "3栋",
        "risk_note": "注意台阶",
        "starts_at": market.now + timedelta(days=1),
        "ends_at": market.now + timedelta(days=1, hours=2),
        "capacity": 8,
        "state": "published",
        "created_at": market.now - timedelta(days=9),
        "published_at": market.now - timedelta(days=9),
    }
    with market.world.write() as session:
        session.add(Activity(**{**fields, **change}))


def _on_notice(market: Market, who: str, title: str) -> None:
    people = market.world.people
    with market.world.write() as session:
        session.add(
            Credit(
                public_id=f"CR{abs(hash(title)) % 1000000:06}",
                community_id=market.world.community_id,
                source=f"deed:{title}",
                person_id=people[who].id,
                proposed_by=people["volunteer"].id,
                title=title,
                happened_on=market.now.date(),
                unit="MIN",
                amount=60,
                approved_amount=60,
                evidence_class="A",
                evidence={},
                flags=[],
                rules_number=1,
                state="in_notice",
                created_at=market.now,
                first_by=people["coordinator"].id,
                first_at=market.now,
                notice_from=market.now,
                notice_until=market.now + timedelta(days=3),
            )
        )


def test_anyone_sees_the_totals(market: Market) -> None:
    with market.world.write() as session:
        session.add(ServiceTotal(person_id=market.world.people["volunteer"].id, evidence_class="A", minutes=180))
    market.hand_over(market.order(item=market.haircut), "barber")
    market.hand_over(market.order(quantity=2))
    market.order()
    text = _board(market)
    for wanted in (
        "望月湖社区",
        "帮过忙的居民 1 人",
        "一共存入 3 小时",
        "一共用出 半小时",
        "换过的服务 1 次",
        "换过的用品 2 件",
    ):
        assert wanted in text


def test_last_months_hours_count_in_all_but_not_in_this_month(market: Market) -> None:
    market.hand_over(market.order(item=market.haircut), "barber")
    market.world.clock.advance(days=30)
    credit(market.world, "volunteer", "MIN", 60)
    with market.world.write() as session:
        place = session.get_one(Community, market.world.community_id)
        found = figures(session, place, market.now)
    assert found.ever["MIN"] == Flow(credited=240, spent=30)
    assert found.month["MIN"] == Flow(credited=60, spent=0)
    assert found.ever["PTS"] == Flow(credited=200, spent=0)


def test_what_is_coming_is_shown_and_what_is_not_public_is_not(market: Market) -> None:
    _activity(market, "河边清扫")
    _activity(market, "正在进行", starts_at=market.now - timedelta(hours=1), ends_at=market.now + timedelta(hours=1))
    _activity(market, "草稿里的", state="draft", published_at=None)
    _activity(market, "已经结束", starts_at=market.now - timedelta(hours=3), ends_at=market.now - timedelta(hours=1))
    text = _board(market)
    assert "河边清扫" in text
    assert "正在进行" in text
    assert "草稿里的" not in text
    assert "已经结束" not in text


def test_nobody_is_named_without_consent(market: Market) -> None:
    _on_notice(market, "volunteer", "陪诊")
    _on_notice(market, "resident", "读报")
    with market.world.write() as session:
        session.merge(market.world.people["resident"]).is_named = True
    text = _board(market)
    assert "王*" in text
    assert "王小明" not in text
    assert "李秀英" in text


def test_each_community_has_its_own_board(market: Market) -> None:
    text = _text(market.world.page(None).get("/board?community=430104001002"))
    assert "一共存入 0 小时" in text
    assert market.world.page(None).get("/board?community=nowhere").status_code == 404
    assert "岳龙社区" in _text(market.world.page("stranger").get("/board"))


@SQLITE_ONLY
def test_the_board_costs_the_same_after_a_long_history(market: Market) -> None:
    def cost() -> int:
        with counted(market.world.app) as seen:
            assert market.world.page(None).get("/board").status_code == 200
        return len(seen)

    market.hand_over(market.order())
    _activity(market, "先有一个")
    _on_notice(market, "volunteer", "先有一条")
    before = cost()
    market.count(100)
    for number in range(5):
        market.hand_over(market.order())
        credit(market.world, "volunteer", "MIN", 10)
        _activity(market, f"活动{number}")
        _on_notice(market, "volunteer", f"公示{number}")
    assert cost() == before
    assert before <= 14
