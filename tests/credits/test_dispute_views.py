"""Pages of a dispute, as people walk them."""

from __future__ import annotations

import re

import pytest

from bank.communities import calendar
from bank.credits.models import Objection
from tests.credits.builders import approve, credit, propose
from tests.credits.test_objections import object_to, on_notice
from tests.credits.test_panel import before_panel, seat, stage, vote
from tests.world import World


def test_the_panel_learns_who_objects_and_nobody_else_does(world: World) -> None:
    credit_id, _ = before_panel(world)
    address = f"/desk/items/{credit(world, credit_id).public_id}"
    assert "李秀英" in world.page("panel").get(address).text
    for who in ("coordinator", "second", "admin"):
        assert "李秀英" not in world.page(who).get(address).text
    assert "李秀英" not in world.page("volunteer").get(f"/me/credits/{credit(world, credit_id).public_id}").text


def test_a_vote_without_a_reason_comes_back_and_with_one_is_kept(world: World) -> None:
    credit_id, objection = before_panel(world)
    page, address = world.page("panel"), f"/desk/objections/{objection}/votes"
    assert page.post(address, data={"verdict": "upheld", "answer": ""}).status_code == 422
    assert (
        "还在等其他评议员"
        in page.post(address, data={"verdict": "upheld", "answer": "没有看到"}, follow_redirects=True).text
    )
    assert "投票</h2>" not in page.get(f"/desk/items/{credit(world, credit_id).public_id}").text


def test_votes_are_read_only_after_the_verdict(world: World) -> None:
    credit_id, objection = before_panel(world)
    vote(world, "panel", objection, is_upheld=True, reason="我那天在场")
    address = f"/desk/items/{credit(world, credit_id).public_id}"
    assert "我那天在场" not in world.page("judge1").get(address).text
    for who in ("judge1", "judge2"):
        vote(world, who, objection, is_upheld=True)
    assert "我那天在场" in world.page("judge3").get(address).text


def test_the_answer_goes_to_the_panel_without_a_verdict_of_its_own(world: World) -> None:
    seat(world, "judge1", "judge2")
    objection = object_to(world, "resident", on_notice(world))
    answered = world.page("second").post(
        f"/desk/objections/{objection}/answer", data={"answer": "核对了名单"}, follow_redirects=True
    )
    assert "答复已经交给评议小组" in answered.text
    assert stage(world, objection) == ("open", "panel")


def test_without_a_panel_the_answer_needs_a_verdict(world: World) -> None:
    objection = object_to(world, "resident", on_notice(world))
    answered = world.page("second").post(f"/desk/objections/{objection}/answer", data={"answer": "核对了名单"})
    assert answered.status_code == 422


def test_a_resident_on_paper_is_found_by_card_or_pinyin_and_gets_a_slip(world: World) -> None:
    page, item = world.page("second"), credit(world, on_notice(world)).public_id
    address = f"/desk/items/{item}/paper"
    assert page.post(address, data={"who": "zzz", "reason": "没来"}).status_code == 422
    slip = page.post(address, data={"who": "lxy", "reason": "没来"}, follow_redirects=True).text
    with world.write() as session:
        objection = session.query(Objection).one()
        assert objection.by_person_id == world.people["resident"].id
    assert objection.public_id in slip
    assert "李秀英" not in slip


def test_the_person_explains_themselves_from_the_notice(world: World) -> None:
    credit_id = on_notice(world)
    objection = object_to(world, "resident", credit_id)
    page, own = world.page("volunteer"), f"/me/credits/{credit(world, credit_id).public_id}"
    assert own in page.get(f"/notices/{credit(world, credit_id).public_id}").text
    page.post(f"/notices/objections/{objection}/statement", data={"reason": "我擦了三层"})
    assert "我擦了三层" in page.get(own).text
    assert "我擦了三层" in world.page("second").get(f"/desk/items/{credit(world, credit_id).public_id}").text


def test_a_correction_without_its_number_comes_back(world: World) -> None:
    credit_id = propose(world)
    approve(world, "coordinator", credit_id)
    page, own = world.page("volunteer"), f"/me/credits/{credit(world, credit_id).public_id}"
    assert page.post(f"{own}/corrections", data={"what": "amount", "reason": "少算"}).status_code == 422
    too_much = page.post(f"{own}/corrections", data={"what": "amount", "amount": "721", "reason": "少算"})
    assert too_much.status_code == 422
    assert re.search('value="721".*不能比活动计划的时长', too_much.text, re.S)
    asked = page.post(
        f"{own}/corrections", data={"what": "amount", "amount": "90", "reason": "少算"}, follow_redirects=True
    )
    assert re.search("本人请求更正.*等工作人员答复", asked.text)


def test_days_are_ruled_with_a_trace(world: World) -> None:
    page = world.page("coordinator")
    form = {"day": "2026-11-24", "what": "off", "note": "社区停电"}
    assert "社区停电 · 陈芳" in page.post("/desk/calendar", data=form, follow_redirects=True).text
    credit_id = propose(world, evidence_class="B")
    approve(world, "coordinator", credit_id)
    until = credit(world, credit_id).notice_until
    assert until is not None
    assert until.isoformat() == "2026-11-27T16:00:00+00:00"


def test_a_year_without_a_calendar_warns_the_desk(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendar, "national", lambda day: None if day.year > 2026 else day.weekday() < 5)
    assert "2027 年的放假安排还没有" in world.page("coordinator").get("/desk").text
    monkeypatch.setattr(calendar, "national", lambda day: day.weekday() < 5)
    assert "放假安排还没有" not in world.page("coordinator").get("/desk").text
