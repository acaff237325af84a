"""The desk and public notice as pages and API."""

from __future__ import annotations

import re

from bank.credits import flags, signals
from bank.members.models import Person
from tests.conftest import SetClock
from tests.credits.builders import approve, balance, credit, decide, propose
from tests.credits.test_objections import object_to, on_notice
from tests.world import World


def public_id(world: World, credit_id: int) -> str:
    return credit(world, credit_id).public_id


def test_the_clean_rest_is_approved_in_one_tap_and_undone_in_another(world: World) -> None:
    propose(world)
    propose(world, "resident")
    desk = world.page("coordinator")
    page = desk.get("/desk").text
    ids = re.search(r'name="ids" value="(\w+,\w+)"', page)
    assert ids is not None
    assert "没有疑点（2 条）" in page
    done = desk.post("/desk/decisions", data={"ids": ids.group(1), "decision": "approve"})
    assert done.status_code == 303
    after = desk.get(done.headers["Location"]).text
    assert "2 条已通过并入账。" in after
    assert "今天的都处理完了" in after
    batch = re.search(r'name="batch" value="(\w+)"', after)
    assert batch is not None
    assert 'data-undo-seconds="10"' in after
    undone = desk.post("/desk/undo", data={"batch": batch.group(1)}, follow_redirects=True).text
    assert "已撤销 2 条" in undone
    assert balance(world, "volunteer") == 0


def test_what_was_flagged_since_the_page_was_shown_does_not_go_through_with_the_rest(world: World) -> None:
    quiet, odd = propose(world), propose(world, "resident")
    desk = world.page("coordinator")
    page = desk.get("/desk").text
    fields = dict(re.findall(r'name="(ids|decision|clean)" value="([^"]+)"', page[page.index("没有疑点") :]))
    with world.write() as session:
        signals.put_on(session, [odd], {"code": "headcount", "facts": {"told": 1, "scanned": 2}}, now=world.clock.now)
    after = desk.post("/desk/decisions", data=fields, follow_redirects=True).text
    assert (credit(world, quiet).state, credit(world, odd).state) == ("posted", "submitted")
    assert "1 条没有处理：看名单以后又发现了要看的地方" in after
    assert approve(world, "coordinator", odd) == ("posted", None)


def test_the_toast_is_gone_after_ten_seconds(world: World) -> None:
    decide(world, "coordinator", [propose(world)], batch="tap")
    desk = world.page("coordinator")
    world.clock.advance(seconds=4)
    assert 'data-undo-seconds="6"' in desk.get("/desk?done=tap").text
    world.clock.advance(seconds=7)
    assert "data-undo-seconds" not in desk.get("/desk?done=tap").text
    assert "不能撤销了" in desk.post("/desk/undo", data={"batch": "tap"}, follow_redirects=True).text


def test_what_was_approved_leads_to_its_notice_for_a_correction(world: World) -> None:
    page = world.page("coordinator")
    for kind in ("A", "B"):
        credit_id = propose(world, evidence_class=kind)
        path = f"/desk/items/{public_id(world, credit_id)}"
        undecided = page.get(path).text
        assert ("核定" in undecided, "要更正" in undecided) == (False, False)
        approve(world, "coordinator", credit_id)
        decided = page.get(path).text
        assert ("核定" in decided, "要更正：提出异议，由另一位处理" in decided) == (True, True)
        notice = f"/notices/{public_id(world, credit_id)}"
        assert f'href="{notice}"' in decided
        assert "觉得不对？" in page.get(notice).text


def test_what_was_posted_too_long_ago_for_an_objection_leads_to_none(world: World, now: SetClock) -> None:
    credit_id = propose(world)
    approve(world, "coordinator", credit_id)
    now.advance(days=40)
    assert "要更正" not in world.page("coordinator").get(f"/desk/items/{public_id(world, credit_id)}").text


def test_an_exception_says_why_in_words(world: World) -> None:
    flags.know({"late": "迟到 %(minutes)s 分钟"})
    propose(world, flags=[{"code": "late", "facts": {"minutes": 22}}, {"code": "brand_new", "facts": {}}])
    page = world.page("coordinator").get("/desk").text
    assert "迟到 22 分钟" in page
    assert "brand_new" in page


def test_an_empty_desk_says_so(world: World) -> None:
    assert "今天的都处理完了" in world.page("coordinator").get("/desk").text
    assert "没有找到" in world.page("coordinator").get("/desk?q=nobody").text
    assert "没有等您答复的异议" in world.page("panel").get("/desk").text


def test_a_refusal_without_a_reason_comes_back_with_the_form(world: World) -> None:
    item = public_id(world, propose(world))
    desk = world.page("coordinator")
    answer = desk.post("/desk/decisions", data={"ids": item, "decision": "reject"})
    assert answer.status_code == 422
    assert "请选一个原因" in answer.text
    assert desk.post("/desk/decisions", data={"ids": item, "decision": "reject", "why": "no_proof"}).status_code == 303
    assert "没有足够的凭据" in world.page("volunteer").get("/").text


def test_minutes_are_lowered_with_a_reason(world: World) -> None:
    credit_id = propose(world, amount=90)
    form = {"ids": public_id(world, credit_id), "decision": "approve", "amount": "75"}
    desk = world.page("coordinator")
    assert desk.post("/desk/decisions", data=form).status_code == 422
    assert desk.post("/desk/decisions", data={**form, "words": "早走一刻钟"}).status_code == 303
    assert balance(world, "volunteer") == 75


def test_what_could_not_be_done_is_said_with_its_reason(world: World) -> None:
    ids = ",".join(public_id(world, propose(world, who)) for who in ("coordinator", "volunteer"))
    desk = world.page("coordinator")
    page = desk.post("/desk/decisions", data={"ids": ids, "decision": "approve"}, follow_redirects=True).text
    assert "1 条已通过并入账。" in page
    assert "1 条没有处理：自己的时长不能由自己来定" in page


def test_an_item_opens_to_its_evidence_and_its_story(world: World) -> None:
    evidence = {
        "place": "3栋楼下",
        "checked_in_at": "2026-11-23T00:22:00Z",
        "via_in": "screen",
        "scanned_minutes": 68,
    }
    credit_id = propose(world, by="coordinator", evidence=evidence)
    approve(world, "coordinator", credit_id)
    page = world.page("second").get(f"/desk/items/{public_id(world, credit_id)}").text
    for words in ("3栋楼下", "11月23日 周一 08:22", "扫活动码", "1 小时 8 分", "审核通过", "陈芳", "协调员"):
        assert words in page


def test_a_refused_item_is_found_and_reopened(world: World) -> None:
    credit_id = propose(world)
    decide(world, "coordinator", [credit_id], "reject", reason="没有凭据")
    desk, item = world.page("coordinator"), public_id(world, credit_id)
    assert item in desk.get("/desk?show=refused").text
    assert desk.post(f"/desk/items/{item}/reopening", data={"reason": ""}).status_code == 422
    assert desk.post(f"/desk/items/{item}/reopening", data={"reason": "带来了照片"}).status_code == 303
    assert credit(world, credit_id).state == "submitted"


def test_public_notice_masks_names_except_of_those_who_agreed(world: World) -> None:
    on_notice(world)
    on_notice(world, "resident")
    with world.write() as session:
        session.get_one(Person, world.people["resident"].id).is_named = True
    for path in ("/notices", "/notices/sheet"):
        page = world.page(None).get(path).text
        assert "王**" in page
        assert "王小明" not in page
        assert "李秀英" in page
        assert "11月26日" in page


def test_the_public_list_shows_what_was_posted_lately(world: World) -> None:
    approve(world, "coordinator", propose(world, title="刚入账"))
    assert "刚入账" not in world.page(None).get("/notices").text
    assert "刚入账" in world.page(None).get("/notices?show=posted").text


def test_a_resident_objects_on_the_page_and_takes_it_back(world: World) -> None:
    item = public_id(world, on_notice(world))
    resident = world.page("resident")
    assert resident.post(f"/notices/{item}/objections", data={"reason": ""}).status_code == 422
    page = resident.post(f"/notices/{item}/objections", data={"reason": "没看到"}, follow_redirects=True).text
    assert "已收到" in page
    assert "没看到" not in world.page("volunteer").get(f"/notices/{item}").text
    withdrawal = re.search(r'action="(/notices/objections/\w+/withdrawal)"', page)
    assert withdrawal is not None
    assert "异议已撤回" in resident.post(withdrawal.group(1), follow_redirects=True).text


def test_objections_are_limited_to_ten_a_day(world: World) -> None:
    resident = world.page("resident")
    answers = [resident.post("/notices/none/objections", data={"reason": "不对"}).status_code for _ in range(11)]
    assert answers == [404] * 10 + [429]
    refused = resident.post("/notices/none/objections", data={"reason": "不对"}).text
    assert re.search(r"请过 \d{1,2} 小时再试", refused)


def test_an_objection_is_answered_on_the_items_page(world: World) -> None:
    credit_id = on_notice(world)
    objection = object_to(world, "resident", credit_id)
    second = world.page("second")
    assert "那天没有看到他" in second.get("/desk").text
    path = f"/desk/objections/{objection}/answer"
    assert second.post(path, data={"verdict": "upheld"}).status_code == 422
    assert second.post(path, data={"verdict": "upheld", "answer": "核实无此人"}).status_code == 303
    assert credit(world, credit_id).state == "refused"


def test_the_api_lists_notices_and_takes_objections(world: World) -> None:
    for _ in range(3):
        on_notice(world)
    first = world.api(None, "GET", "/notices?limit=2").json
    rest = world.api(None, "GET", f"/notices?limit=2&cursor={first['next']}").json
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (2, 1, None)
    item = first["items"][0]
    assert item == {
        "id": item["id"],
        "name": "王**",
        "title": "楼道清洁",
        "happened_on": "2026-11-23",
        "unit": "MIN",
        "amount": 60,
        "evidence_class": "B",
        "notice_until": "2026-11-26T16:00:00Z",
        "state": "in_notice",
    }
    path = f"/notices/{item['id']}/objections"
    made = world.api("resident", "POST", path, {"reason": "那天没有看到他"}, key="one")
    assert (made.status_code, made.json["state"]) == (201, "open")
    again = world.api("resident", "POST", path, {"reason": "那天没有看到他"}, key="one")
    assert (again.json, again.headers["Idempotent-Replay"]) == (made.json, "true")
    assert world.api("shop", "POST", path, {"reason": "不对"}).json["code"] == "already_objected"
    assert world.api("volunteer", "POST", path, {"reason": "不对"}).json["code"] == "already_objected"
    assert world.api("resident", "POST", path, {}).json["code"] == "invalid"
    assert world.api(None, "GET", "/notices?cursor=junk").json["code"] == "invalid"
    assert world.api(None, "GET", "/notices?community=430104001002").json["items"] == []
    assert world.api(None, "GET", "/notices?community=430104").status_code == 404
