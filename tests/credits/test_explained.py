"""One page tells a resident everything behind a credit, and of a refusal why and what next."""

from __future__ import annotations

import re

import pytest

from bank.credits import signals
from bank.spotchecks import operations as spotchecks
from tests.conftest import SetClock
from tests.credits.builders import approve, credit, decide, propose
from tests.credits.test_objections import object_to, on_notice
from tests.world import World

SQLITE_ONLY = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
EVIDENCE = {
    "place": "3栋楼道",
    "checked_in_at": "2026-11-23T00:00:00Z",
    "checked_out_at": "2026-11-23T01:07:00Z",
    "via_in": "screen",
    "via_out": "card",
    "planned_minutes": 120,
    "scanned_minutes": 67,
    "rounding_minutes": 15,
}


def page(world: World, credit_id: int, who: str = "volunteer") -> str:
    answer = world.page(who).get(f"/me/credits/{credit(world, credit_id).public_id}")
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.text)


@SQLITE_ONLY
def test_a_credit_tells_its_scans_its_rounding_its_people_and_its_proof(world: World) -> None:
    flag = {"code": "night", "facts": {"time": "23:40"}}
    assert "night" in signals.FLAG_SENTENCES
    credit_id = propose(world, by="coordinator", evidence=EVIDENCE, flags=[flag], amount=60)
    decide(world, "coordinator", [credit_id])
    decide(world, "second", [credit_id])
    text = page(world, credit_id)
    txn_id = credit(world, credit_id).txn_id
    for told in (
        "3栋楼道",
        "签到到签退一共 1 小时 7 分",
        "按 15 分钟的整数倍算，零头不计",
        "夜里 23:40 提交的",
        "这不是说谁做错了",
        "陈芳 · 协调员",
        "刘建国 · 复核员",
        "/rules?version=1",
        f"/passbook/{txn_id}/proof",
        "以前可以在这一页下面请求更正",
    ):
        assert told in text, told


@SQLITE_ONLY
def test_a_refusal_says_why_and_what_to_do_and_the_message_leads_there(world: World) -> None:
    credit_id = propose(world)
    decide(world, "coordinator", [credit_id], "reject", reason="没有足够的凭据说明做了多久。")
    path = f"/me/credits/{credit(world, credit_id).public_id}"
    assert f'href="{path}"' in world.page("volunteer").get("/").text
    text = page(world, credit_id)
    assert text.count("没有足够的凭据说明做了多久。") >= 2
    assert "请工作人员重新打开。没有期限" in text
    assert "请求更正" not in text


@SQLITE_ONLY
def test_a_random_check_and_an_objection_stand_among_the_steps_without_the_objector(
    world: World, now: SetClock
) -> None:
    credit_id = on_notice(world)
    object_to(world, "resident", credit_id)
    text = page(world, credit_id)
    assert "有居民提出异议" in text
    assert "李秀英" not in text
    posted = propose(world)
    approve(world, "coordinator", posted)
    now.advance(days=10)
    with world.write() as session:
        spotchecks.draw_due(session, now=now.now)
    assert "每月抽查抽到了这一条" in page(world, posted)


@SQLITE_ONLY
def test_a_correction_is_offered_to_its_last_day_and_not_after(world: World, now: SetClock) -> None:
    credit_id = propose(world)
    approve(world, "coordinator", credit_id)
    now.advance(days=30)
    assert 'name="reason"' in page(world, credit_id)
    now.advance(minutes=1)
    assert 'name="reason"' not in page(world, credit_id)
